"""compat [--write] [TEXT]: start QEMU 7.2 and Playhead on the same command lines and monitor commands, and compare

Prints each case that comes out differently without an explanation in tools/compared/cases.py, or that is explained and
comes out alike; TEXT: only cases that contain it. `--write` makes docs/reference/qemu-compatibility.md of all of them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools.compared import bench
from tools.compared.bench import Found, Started, shape_of
from tools.compared.cases import HMP, LINES, QMP, Case
from tools.docs import FOLDER, NOTE, table

VERSION = "7.2"
OURS = (sys.executable, "-m", "playhead.cli.system_i386")
PAGE = FOLDER / "qemu-compatibility.md"
ABOUT = f"""Debian's QEMU {VERSION} and `playhead-system-i386`, started side by side by `./dev compat --write` on the
same command lines and commands. Both are started paused (`-S`). Numbers in answers are shown as 0. Where the two
differ, a word says why.
"""
TITLES = {
    "Command lines": "*starts*: QMP greets; *refuses*: a line, and no machine; *prints*: and ends well.",
    "Human monitor": "One after the other in one machine; the first line of what is said.",
    "QMP": "One after the other in one machine. Answers are compared by their members: *without* are QEMU's alone.",
}  # fmt: skip


class Row(NamedTuple):
    """A case and what came of it on both."""

    case: Case
    qemu: Found
    ours: Found

    @property
    def alike(self) -> bool:
        if self.qemu.word != self.ours.word:
            return False
        return self.qemu.shape is None or not unlike(self.qemu.shape, self.ours.shape)

    @property
    def settled(self) -> bool:
        """Alike, or explained, not both."""
        return self.alike != bool(self.case.why)


def unlike(qemu: Any, ours: Any) -> bool:
    """Whether ours has a member that QEMU's has not, or of another type. Text is not compared: the words are ours."""
    if isinstance(qemu, dict) and isinstance(ours, dict):
        return any(key not in qemu or unlike(qemu[key], value) for key, value in ours.items())
    if isinstance(qemu, list) and isinstance(ours, list):
        return any(unlike(a, b) for a, b in zip(qemu, ours, strict=False))
    return bool(qemu != ours)


def lacking(qemu: Any, ours: Any, name: str = "") -> Iterator[str]:
    """The members that only QEMU's answer has."""
    if isinstance(qemu, dict) and isinstance(ours, dict):
        for key, value in qemu.items():
            if key not in ours:
                yield f"{name}{key}"
            else:
                yield from lacking(value, ours[key], f"{name}{key}.")
    elif isinstance(qemu, list) and isinstance(ours, list):
        for a, b in zip(qemu, ours, strict=False):
            yield from lacking(a, b, name)


def lines(cases: Sequence[Case], folder: Path) -> Iterator[Row]:
    for case in cases:
        yield Row(case, *(bench.line(program, case.text, folder) for program in (bench.QEMU, OURS)))


def talk(cases: Sequence[Case], folder: Path, kind: str) -> Iterator[Row]:
    """One session of each program; the files that commands write are the same, so one after the other."""
    said: list[list[Found]] = []
    for program in (bench.QEMU, OURS):
        started = Started(program, bench.SESSION, folder)
        try:
            assert started.greeted, started.said
            said.append([getattr(started, kind)(case.text) for case in cases])
        finally:
            started.close()
    yield from (Row(*row) for row in zip(cases, *said, strict=True))


def compare(wanted: str = "") -> dict[str, list[Row]]:
    """All cases, or the command lines that contain a text; by the page's sections."""
    chosen = [case for case in LINES if wanted in case.text]
    with tempfile.TemporaryDirectory(prefix="compat-") as name:
        folder = Path(name)
        bench.furnish(folder)
        found = {"Command lines": list(lines(chosen, folder))}
        if not wanted:
            found["Human monitor"] = list(talk(HMP, folder, "hmp"))
            bench.furnish(folder)
            found["QMP"] = list(talk(QMP, folder, "qmp"))
    return found


def page(found: dict[str, list[Row]]) -> str:
    note = NOTE.replace("`./dev docs` from the declarations", "`./dev compat --write`")
    out = ["# Compared with QEMU\n", note, ABOUT]
    for title, rows in found.items():
        out.append(f"## {title}\n\n{TITLES[title]}\n")
        body = [(f"`{row.case.text}`" if row.case.text else "(nothing)", _cell(row.qemu, title),
                 _ours(row, title), row.case.why) for row in rows]  # fmt: skip
        out.append(table(("case", f"QEMU {VERSION}", "Playhead", "why they differ"), body))
    return "\n".join(out)


def _cell(found: Found, title: str) -> str:
    text = "" if found.word == "answers" and title == "QMP" else found.text
    text = text if found.word == "refuses" else shape_of(text)
    text = text.replace("qemu-system-i386: ", "").replace("playhead: ", "")
    return f"{found.word}: `{text}`" if text else found.word


def _ours(row: Row, title: str) -> str:
    without = list(lacking(row.qemu.shape, row.ours.shape)) if title == "QMP" else []
    return _cell(row.ours, title) + (f" (without {', '.join(without)})" if without else "")


def missing() -> str:
    """Why nothing can be compared here; empty if it can."""
    for program in ("qemu-system-i386", "qemu-img"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian's packages are qemu-system-x86 and qemu-utils)"
    said = subprocess.run(["qemu-system-i386", "--version"], capture_output=True, text=True).stdout
    return "" if f"version {VERSION}." in said else f"the installed QEMU is not {VERSION}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev compat", description=__doc__)
    parser.add_argument("text", nargs="?", default="")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args(arguments)
    if why := missing():
        print(f"compat: {why}", file=sys.stderr)
        return 2
    found = compare(options.text)
    rows = [row for group in found.values() for row in group]
    for row in rows:
        if not row.settled or options.text:
            print(row.case.text)
            for name, side in (("QEMU", row.qemu), ("Playhead", row.ours)):
                print(f"    {name:9} {side.word} {side.text}")
    if options.write and not options.text:
        PAGE.write_text(page(found))
    wrong = sum(not row.settled for row in rows)
    print(f"{len(rows)} cases, {sum(row.alike for row in rows)} alike, {wrong} to be explained")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
