"""loops [--runs N] [--rounds N] [--before DIR]: loops of arithmetic, memory and calls, side by side with QEMU

A guest without an operating system (bench/loops.s), paging on, -icount shift=3 on all sides. Times are from line to
line on the serial port, so that start-up does not count. A first run of ours, which does not count, leaves compiled
code in the cache. (`./dev bench interp` measures the native engine alone, by kinds of code.)
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from bench import page, sides
from bench.processes import Took, between, median
from bench.sides import BEFORE, OURS, THEIRS, Goal, Row
from tools import guest

SOURCE = Path(__file__).with_name("loops.s")
MILLIONS = {"alu": 2000, "memory": 1000, "call": 400}  # instructions of a round
GOALS = {"alu": Goal(0.25, 0.1), "memory": Goal(0.25, 0.15), "call": Goal(0.35, 0.2)}
SHOWN = {"alu": "arithmetic loop", "memory": "memory loop", "call": "call and return loop"}


def commands(image: Path, before: Path | None) -> dict[str, list[str]]:
    machine = ["-bios", str(image), "-m", "16", "-nographic", "-icount", "shift=3"]
    found = {OURS: [*sides.ours(), "run", *machine]}
    if before:
        found[BEFORE] = [*sides.ours(before), "run", *machine]
    return {**found, THEIRS: [*sides.qemu(), *machine]}


def measured(lines: dict[str, list[str]], runs: int) -> list[Row]:
    took: dict[str, dict[str, list[Took]]] = {name: {side: [] for side in lines} for name in MILLIONS}
    results: dict[str, str] = {}
    sides.warm(lines)
    for _, side in sides.turns(list(lines), runs):
        found = between(lines[side])
        for name in MILLIONS:
            if results.setdefault(name, found[name].result) != found[name].result:
                raise SystemExit(f"{side}: the loop {name} has the result {found[name].result}, not {results[name]}")
            took[name][side].append(found[name].took)
    return [Row(SHOWN[name], took[name], GOALS[name]) for name in MILLIONS]


def speeds(rows: list[Row], rounds: int) -> str:
    """Millions of instructions a second, of processor time."""
    parts = []
    for row, millions in zip(rows, MILLIONS.values(), strict=True):
        each = (f"{side} {rounds * millions / max(median(runs).cpu, 0.01):,.0f}" for side, runs in row.took.items())
        parts.append(f"{row.name}: {', '.join(each)}")
    return "MIPS: " + "; ".join(parts) + "."


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench loops", description="loops side by side with QEMU")
    parser.add_argument("--runs", type=int, default=5, help="of each side (default 5)")
    parser.add_argument("--rounds", type=int, default=4, help="times the shortest loops, of 0.4 to 2 G instructions")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    if not 1 <= options.rounds <= 16:
        parser.error("--rounds: 1 to 16, because the loops count in 32 bits")
    with tempfile.TemporaryDirectory(prefix="playhead-") as name:
        folder = Path(name)
        source, image = folder / "source", folder / "loops.bin"
        source.mkdir()
        image.write_bytes(guest.firmware(f".set ROUNDS, {options.rounds}\n{SOURCE.read_text()}", source))
        rows = measured(commands(image, options.before), options.runs)
    said = f"{sides.table(rows)}\n\n{speeds(rows, options.rounds)}"
    print(said)
    if options.write:
        page.write("loops", f"{page.circumstances()}.\n\n{said}")
    return 0 if all(sides.verdict(row) != "missed" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
