"""The arrows of the architecture, checked: which package may import which, and who may touch the outside world.

Determinism rests on this: a device that cannot import a clock cannot read one. The table is data; change it together
with ARCHITECTURE.md, never to make a test pass.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "playhead"

MAY_IMPORT = {
    "base": "",
    "log": "base",
    "ir": "base",
    "x86": "base ir",
    "hw": "base log",
    "replay": "base log",
    "engine": "base ir x86 hw",
    "devices": "base log hw",
    "boards": "base hw devices",
    "machine": "base log x86 hw engine boards",
    "host": "base log",
    "session": "base log hw host machine replay",
    "timeline": "base log hw x86 machine session",
    "gdb": "base log timeline",
    "monitor": "base log timeline",
    "web": "base log timeline",
}
UNRESTRICTED = {"cli"}  # one file per verb, over everything

# Modules by which the outside world, chance or the order of threads could get in.
OUTSIDE = {"time", "socket", "threading", "random", "select", "selectors", "asyncio", "secrets", "uuid", "datetime"}
OUTSIDE_ALLOWED = {"host", "cli", "gdb", "monitor", "web"}

LLVM = "llvmlite"
LLVM_ALLOWED = "engine/llvm"


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, absolute dotted name) of everything that a file imports, wherever in the file."""
    parts = ["playhead", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # In a package's __init__ the last part is the file itself, so a level counts the same from there.
            base = ".".join(parts[: -node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield node.lineno, module
            if module == "playhead" or node.module is None:
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def faults_in(path: Path) -> list[str]:
    """Every import of a file that its place does not allow, as `file:line: reason`."""
    where = path.relative_to(PACKAGE)
    owner = where.parts[0] if len(where.parts) > 1 else ""
    allowed = {owner, *MAY_IMPORT.get(owner, "").split()}
    found = []
    for line, name in imports(path):
        first, *rest = name.split(".")
        if first == "playhead" and rest and owner and owner not in UNRESTRICTED and rest[0] not in allowed:
            if (PACKAGE / rest[0]).is_dir():
                found.append(f"{where}:{line}: {owner} may not import {rest[0]}")
        if first in OUTSIDE and owner not in OUTSIDE_ALLOWED:
            found.append(f"{where}:{line}: only {', '.join(sorted(OUTSIDE_ALLOWED))} may import {first}")
        if first == LLVM and not where.as_posix().startswith(f"{LLVM_ALLOWED}/"):
            found.append(f"{where}:{line}: only {LLVM_ALLOWED} may import {LLVM}")
    return found


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_follow_the_layers(path: Path) -> None:
    faults = faults_in(path)
    assert not faults, "\n".join(faults)


def test_every_package_has_its_row() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.rglob("*.py"))}
    assert packages <= set(MAY_IMPORT) | UNRESTRICTED


def test_the_table_has_no_cycle() -> None:
    seen: set[str] = set()
    rows = {name: set(row.split()) for name, row in MAY_IMPORT.items()}
    while free := {name for name, row in rows.items() if name not in seen and row <= seen}:
        seen |= free
    assert seen == set(rows)


def test_the_checker_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    for name in ("devices", "machine"):
        (tmp_path / name).mkdir()
    bad = tmp_path / "devices" / "chip.py"
    bad.write_text("def f():\n    import time\nfrom ..machine import x\nfrom .. import machine\nimport llvmlite.ir\n")
    assert sorted(fault.split(": ")[0] for fault in faults_in(bad)) == [f"devices/chip.py:{n}" for n in (2, 3, 4, 5)]
