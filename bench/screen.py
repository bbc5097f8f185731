"""screen [--only ROW,...]: what drawing costs: a full-screen loop beside the same on RAM, accesses of text and planes

One guest (bench/screen_rows.py) does a loop again and again, on `playhead run` and on `qemu-system-i386 -icount
shift=3` in turn, both with QEMU's standard VGA. Figures are processor time for each pixel, character or access, as
`./dev bench device` measures it. A loop on the screen may take at most 1.1 times that on RAM. This is a measurement and
no test: its exit status is 0 whatever it finds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from bench import device, screen_rows
from bench.device import Bench, Failed, Side
from bench.device_rows import Row
from bench.screen_rows import MOST, PAIRS, ROWS
from tools import asm, guest


def measure(bench: Bench, row: Row, sides: list[Side], options: argparse.Namespace) -> dict[str, float]:
    """Nanoseconds for each pixel or access, by side: the least of the runs."""
    counts = {side.name: options.count or bench.enough(side, row, options.seconds) for side in sides}
    best: dict[str, float] = {}
    for _ in range(options.runs):
        for side in sides:
            took = bench.net(side, row, counts[side.name])
            best[side.name] = min(best.get(side.name, took), took)
    return {name: took / counts[name] / row.per * 1e9 for name, took in best.items()}


def show(row: Row, ns: dict[str, float], names: list[str]) -> None:
    each = "".join(f"{ns[name]:>12.2f}" for name in names)
    ratio = f"{ns['playhead'] / ns['QEMU']:9.2f}" if ns.get("QEMU", 0) > 0 else f"{'-':>9}"
    print(f"{row.name:16} {row.unit:15}{each}{ratio}", flush=True)


def conclude(found: dict[str, dict[str, float]], names: list[str]) -> None:
    """The pairs: what the screen costs in times of RAM."""
    for ram, screen in PAIRS:
        if ram.name in found and screen.name in found:
            ratios = {name: found[screen.name][name] / found[ram.name][name] for name in names}
            text = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
            verdict = "reached" if ratios["playhead"] <= MOST else "missed"
            print(f"{screen.name} in times of {ram.name}: {text} (goal {MOST}: {verdict})")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench screen", description="what drawing costs")
    parser.add_argument("--only", metavar="ROW[,ROW]", help="these rows")
    parser.add_argument("--count", type=int, help="iterations of each row, instead of as many as take long enough")
    parser.add_argument("--runs", type=int, default=3, help="of each; the least counts")
    parser.add_argument("--seconds", type=float, default=0.5, help="that a run is to take")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each row")
    options = parser.parse_args(arguments)
    wanted = options.only.split(",") if options.only else [row.name for row in ROWS]
    try:
        for name in wanted:
            if name not in [row.name for row in ROWS]:
                raise Failed(f"no row {name!r}; there are {', '.join(row.name for row in ROWS)}")
        sides = [device.ours("playhead", Path(__file__).resolve().parent.parent)]
        if shutil.which(device.QEMU):
            sides.append(device.qemu())
        else:
            print(f"bench screen: {device.QEMU} is not installed: ours alone", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            bench = Bench(Path(folder), screen_rows.source(str(guest.SOURCES)), ROWS)
            compare(bench, [row for row in ROWS if row.name in wanted], sides, options)
    except (Failed, asm.AsmError) as error:
        print(f"bench screen: {error}", file=sys.stderr)
        return 2
    return 0


def compare(bench: Bench, rows: list[Row], sides: list[Side], options: argparse.Namespace) -> None:
    names = [side.name for side in sides]
    for side in sides:
        bench.run(side, rows[0], 1, False)  # a first run may build native code
    if not options.json:
        print("processor time, ns for each     " + "".join(f"{name:>12}" for name in names) + "    ratio")
    found = {}
    for row in rows:
        found[row.name] = measure(bench, row, sides, options)
        if options.json:
            print(json.dumps({"row": row.name, "unit": row.unit, "ns": found[row.name]}), flush=True)
        else:
            show(row, found[row.name], names)
    if not options.json:
        conclude(found, names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
