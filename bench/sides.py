"""The programs that a measurement compares: this tree, another checkout of it, QEMU; and the table of what they took.

Sides take turns within a round, and each round begins with another one, so that a host which gets slower or faster
meets all of them alike. A figure is the median of the rounds, in processor seconds with wall seconds in brackets, and a
ratio is of medians. What is to be reached (`reach`) and aimed at (`aim`) are such ratios: of processor time, or, where
other cores are to help, of wall time (`wall` in the last column) or of the processor time of the process that runs the
guest alone (`own`).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from bench.processes import Took, median, whole

PROGRAM = "playhead.cli"
QEMU = "qemu-system-i386"
OURS, BEFORE, THEIRS = "playhead", "before", "QEMU"


class Goal(NamedTuple):
    """At most so many times the other's time."""

    reach: float
    aim: float


class Row(NamedTuple):
    """A line of the table: what each side took in all rounds, and who `against` is for the ratio of `of`."""

    name: str
    took: Mapping[str, Sequence[Took]]
    goal: Goal | None = None
    of: str = OURS
    against: str = THEIRS
    by: str = "cpu"  # or wall, own: which of the figures the goal is about


def ours(checkout: Path | None = None) -> list[str]:
    """The command of this tree's program, or of another checkout's with a .venv of its own. Its native core is built
    by then, so that no run that is measured builds it.
    """
    python = Path(sys.executable) if checkout is None else checkout.resolve() / ".venv" / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{checkout} has no .venv: run ./dev there once")
    _build(python)
    return [str(python), "-m", PROGRAM]


@cache
def _build(python: Path) -> None:
    subprocess.run([str(python), "-c", "from playhead.cli.native_core import prepare; prepare()"], check=True)


def qemu() -> list[str]:
    program = shutil.which(QEMU)
    if program is None:
        raise SystemExit(f"{QEMU} is missing: install Debian's package qemu-system-x86")
    return [program, "-accel", "tcg", "-net", "none", "-monitor", "none", "-serial", "stdio"]


def warm(lines: Mapping[str, Sequence[str]]) -> None:
    """Run our sides once, so that what is measured later finds compiled code."""
    for name, command in lines.items():
        if name != THEIRS:
            print(f"once, for a warm cache: {name}", flush=True)
            whole(command)


def turns(names: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """(round, name), each round in another order."""
    for number in range(rounds):
        for turn in range(len(names)):
            yield number, names[(number + turn) % len(names)]


def table(rows: Sequence[Row]) -> str:
    """The rows as Markdown that reads well on a terminal, too."""
    names = list(dict.fromkeys(name for row in rows for name in row.took))
    head = ["processor s (wall s)", *names, "ratio", "reach", "aim", ""]
    return markdown([head, *(_cells(row, names) for row in rows)])


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    middle = {name: median(runs) for name, runs in row.took.items() if runs}
    cells = [f"{middle[name].cpu:.2f} ({middle[name].wall:.2f})" if name in middle else "" for name in names]
    found = ratio(row)
    if found is None:
        return [row.name, *cells, "", "", "", ""]
    goal = [f"{row.goal.reach:.2f}", f"{row.goal.aim:.2f}", _judged(row, found)] if row.goal else ["", "", ""]
    return [row.name, *cells, f"{found.cpu:.2f} ({found.wall:.2f})", *goal]


def _judged(row: Row, found: Took) -> str:
    return verdict(row) if row.by == "cpu" else f"{row.by} {getattr(found, row.by):.2f}: {verdict(row)}"


def ratio(row: Row) -> Took | None:
    if not (row.took.get(row.of) and row.took.get(row.against)):
        return None
    one, other = median(row.took[row.of]), median(row.took[row.against])
    return Took(*(mine / max(theirs, 1e-9) for mine, theirs in zip(one, other, strict=True)))


def verdict(row: Row) -> str:
    found = ratio(row)
    if row.goal is None or found is None:
        return ""
    counted = getattr(found, row.by)
    return "aim met" if counted <= row.goal.aim else "reached" if counted <= row.goal.reach else "missed"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table whose columns are aligned: the first one to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * (width + 1) + ":" for width in widths[1:]]
    head, *rest = (_line(row, widths) for row in rows)
    return "\n".join([head, "|".join(["", "-" * (widths[0] + 2), *rule, ""]), *rest])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))]
    return f"| {' | '.join(cells)} |"
