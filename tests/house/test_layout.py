"""The layers of the architecture, checked: which package may import which, and who may touch the outside world.

Determinism rests on this: a device that cannot import a clock cannot read one. The table is data; change it together
with ARCHITECTURE.md, never to make a test pass. Inside a package, and between tools, imports go one way too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "playhead"

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
    "linux": "base log x86 hw machine",
    "host": "base log",
    "session": "base log hw host machine replay",
    "timeline": "base log hw x86 machine session",
    "gdb": "base log timeline",
    "monitor": "base log hw devices boards machine session timeline",
    "qmp": "base log hw x86 devices boards session timeline monitor",
    "web": "base log timeline",
}
UNRESTRICTED = {"cli", "api", "analyses"}  # one file per verb, the same from Python, and analyses, over everything

# Modules by which the outside world, chance or the order of threads could get in.
OUTSIDE = {"time", "socket", "threading", "random", "select", "selectors", "asyncio", "secrets", "uuid", "datetime"}
OUTSIDE_ALLOWED = {"host", "cli", "gdb", "monitor", "qmp", "web", "api"}

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


def modules_of(*folders: Path) -> dict[str, Path]:
    """Every module by its dotted name; a package goes by the name of its folder."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def import_graph(modules: dict[str, Path]) -> dict[str, dict[str, int]]:
    """Module -> modules that it imports -> line. Imports in functions and under TYPE_CHECKING count like any other."""
    graph: dict[str, dict[str, int]] = {name: {} for name in modules}
    for name, path in modules.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *filter(None, [node.module])])
                wanted = [f"{base}.{alias.name}" for alias in node.names]
                wanted = [one if one in modules else base for one in wanted]
            else:
                continue
            for one in wanted:
                if one in modules and one != name:
                    graph[name].setdefault(one, node.lineno)
    return graph


def cycle_in(graph: dict[str, dict[str, int]]) -> list[str]:
    """Modules that import each other, the first again at the end; empty if there are none."""
    rest = {name: set(wanted) for name, wanted in graph.items()}
    while free := [name for name, wanted in rest.items() if not wanted & rest.keys()]:
        for name in free:
            del rest[name]
    path: list[str] = []
    at = min(rest, default="")  # whatever is left leads to a cycle
    while at and at not in path:
        path.append(at)
        at = min(rest[at] & rest.keys())
    return [*path[path.index(at) :], at] if at else []


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


def test_no_module_imports_itself_through_others() -> None:
    modules = modules_of(PACKAGE, ROOT / "tools")
    graph = import_graph(modules)
    cycle = cycle_in(graph)
    steps = [f"{modules[a].relative_to(ROOT)}:{graph[a][b]}: imports {b}" for a, b in pairwise(cycle)]
    assert not cycle, "a cycle of imports:\n" + "\n".join(steps)


@pytest.mark.parametrize("back", [
    "from package.sub.a import f", "from . import a", "import package.sub.a as a", "def f():\n    from .a import f",
    "if TYPE_CHECKING:\n    from package.sub import a", "from package import sub",
])  # fmt: skip
def test_a_cycle_is_seen(tmp_path: Path, back: str) -> None:
    folder = tmp_path / "package" / "sub"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("from .a import f\n" if back.endswith("import sub") else "")
    (folder / "a.py").write_text("from package.sub import b, c\n")
    (folder / "b.py").write_text("import package.sub.c\n")
    (folder / "c.py").write_text("")
    modules = modules_of(tmp_path / "package")
    assert cycle_in(import_graph(modules)) == []
    (folder / "c.py").write_text(back + "\n")
    cycle = cycle_in(import_graph(modules))
    assert cycle[0] == cycle[-1] and {"package.sub.a", "package.sub.c"} < set(cycle)


def test_the_checker_sees_what_it_should(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    for name in ("devices", "machine"):
        (tmp_path / name).mkdir()
    bad = tmp_path / "devices" / "chip.py"
    bad.write_text("def f():\n    import time\nfrom ..machine import x\nfrom .. import machine\nimport llvmlite.ir\n")
    assert sorted(fault.split(": ")[0] for fault in faults_in(bad)) == [f"devices/chip.py:{n}" for n in (2, 3, 4, 5)]
