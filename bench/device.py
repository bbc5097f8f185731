"""device [--only ROW,...] [--before DIR]: what device registers cost, in processor time, side by side with QEMU

One guest (bench/device_rows.py) does an access again and again. What it costs is the processor time of the whole
process from the guest's start signal on, less that of the same guest with an empty loop, divided by the number of
accesses; the least of the runs counts.
`playhead run` and `qemu-system-i386 -icount shift=3` take turns; `--before` adds another checkout of ours, for figures
of before and after in one run. Goals are times QEMU's. This is a measurement and no test: its exit status is 0 whatever
it finds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench import device_rows
from bench.device_rows import ROWS, Row
from tools import asm, guest

QEMU = "qemu-system-i386"
FIRST, PASTE_FIRST = 2000, 100  # iterations of a first run
MOST = 1 << 28
DISK_BYTES = 1 << 20


class Failed(Exception):
    """A guest did not do what it was to do; one line."""


@dataclass(frozen=True)
class Side:
    """One of the programs that are compared."""

    name: str
    command: tuple[str, ...]
    quirks: bool = False  # wants a row's options for QEMU

    def line(self, row: Row, folder: Path) -> list[str]:
        line = [*self.command, "-bios", str(folder / "device.bin"), "-m", "16", "-icount", "shift=3",
                "-display", "none", "-rtc", "clock=vm",
                "-serial", "stdio", "-serial", f"file:{folder / 'com2'}"]  # fmt: skip
        if row.disk:
            line += ["-drive", f"file={folder / 'disk.img'},format=raw,if=ide,snapshot=on"]
        line += row.both
        return [*line, *row.qemu] if self.quirks else line


def ours(name: str, tree: Path) -> Side:
    """A checkout's own interpreter, so that the program is that checkout's."""
    python = tree / ".venv" / "bin" / "python"
    if not python.exists():
        raise Failed(f"{tree} has no .venv: run ./dev there once")
    return Side(name, (str(python), "-m", "playhead.cli", "run"))


def qemu() -> Side:
    return Side("QEMU", (QEMU, "-accel", "tcg", "-nodefaults", "-monitor", "none", "-net", "none"), quirks=True)


class Bench:
    """The guest, and what it takes to run one of its rows."""

    def __init__(self, folder: Path, source: str, rows: Sequence[Row] = ROWS):
        self.folder, self.rows = folder, rows
        path = folder / "device.s"
        path.write_text(source)
        image, symbols = asm.build(path, asm.FIRMWARE)
        self._image, self._at = bytearray(image), symbols[device_rows.PARAMETERS] - asm.FIRMWARE.base
        (folder / "disk.img").write_bytes(bytes(DISK_BYTES))

    def run(self, side: Side, row: Row, count: int, access: bool) -> float:
        """Processor seconds from the guest's R to the end of the process: user and system, of all its threads."""
        struct.pack_into("<3I", self._image, self._at, self.rows.index(row), count, access)
        (self.folder / "device.bin").write_bytes(self._image)
        line = side.line(row, self.folder)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        child = subprocess.Popen(line, bufsize=0, **pipes)
        assert child.stdin is not None and child.stdout is not None
        said = bytearray()
        while not said.endswith(b"R") and (piece := child.stdout.read(1)):
            said += piece
        began = time.clock_gettime(~child.pid << 3 | 2) if said.endswith(b"R") else 0.0  # the child's own clock
        feeder = threading.Thread(target=_feed, args=(child.stdin, b"g" * (1 + count if row.paste and access else 1)))
        feeder.start()
        while piece := child.stdout.read(1 << 16):
            said += piece
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0  # waited for: Popen is not to do it again
        feeder.join()
        child.stdin.close()
        child.stdout.close()
        if b"PASS" not in said[-20:]:
            raise Failed(f"{' '.join(line)}: {bytes(said[-300:])!r}")
        return usage.ru_utime + usage.ru_stime - began

    def net(self, side: Side, row: Row, count: int) -> float:
        """Seconds that the accesses of `count` iterations cost."""
        return self.run(side, row, count, True) - self.run(side, row, count, False)

    def enough(self, side: Side, row: Row, seconds: float) -> int:
        """So many iterations that their accesses take about `seconds`; those that the goal names, if these do not take
        twenty times as long.
        """
        count = max((PASTE_FIRST if row.paste else FIRST) // row.per, 1)
        while (took := self.net(side, row, count)) < seconds / 5 and count < MOST:
            count = min(int(count * min(max(seconds / max(took, 1e-3), 4), 50)), MOST)
        named = row.count and row.count * took / count <= 20 * seconds
        return row.count if named else min(max(int(count * seconds / took), 1), MOST)


def _feed(stdin: IO[bytes], data: bytes) -> None:
    """The pipe takes 64 KiB at a time; whoever reads may end before it has all."""
    try:
        while data:
            data = data[stdin.write(data) :]
    except OSError:
        pass


def measure(bench: Bench, row: Row, sides: list[Side], options: argparse.Namespace) -> dict[str, object]:
    """The row of the table: nanoseconds for each access on each side, and what they are of QEMU's."""
    counts = {side.name: options.count or bench.enough(side, row, options.seconds) for side in sides}
    best: dict[str, float] = {}
    for _ in range(options.runs):
        for side in sides:
            if best.get(side.name, 0) < 8 * options.seconds:  # noise is nothing to what takes so long
                took = bench.net(side, row, counts[side.name])
                best[side.name] = min(best.get(side.name, took), took)
    each = {name: took / counts[name] / row.per * 1e9 for name, took in best.items()}
    sure = each["playhead"] > 0 and each.get("QEMU", 0) > 0  # noise has no ratio
    ratio = each["playhead"] / each["QEMU"] if sure else None
    return {"row": row.name, "kind": row.kind, "unit": row.unit, "goal": row.goal, "iterations": counts, "ns": each,
            "ratio": ratio, "missed": ratio is not None and ratio > row.goal}  # fmt: skip


def show(found: dict, names: list[str]) -> None:
    each = "".join(f"{found['ns'][name]:>12,.0f}" if found["ns"][name] > 0 else f"{'noise':>12}" for name in names)
    ratio = "-" if found["ratio"] is None else f"{found['ratio']:.2f}"
    print(f"{found['row']:16} {found['kind']:7} {found['unit']:15}{each}{ratio:>9}{found['goal']:>6.0f}"
          f"{'  missed' if found['missed'] else ''}", flush=True)  # fmt: skip


def chosen(text: str | None) -> list[Row]:
    """The rows of `--only`, by name or by kind."""
    if text is None:
        return list(ROWS)
    wanted = text.split(",")
    known = {row.name for row in ROWS} | {row.kind for row in ROWS}
    for name in wanted:
        if name not in known:
            raise Failed(f"no row {name!r}; there are {', '.join(row.name for row in ROWS)}")
    return [row for row in ROWS if row.name in wanted or row.kind in wanted]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench device", description="what device registers cost")
    parser.add_argument("--only", metavar="ROW[,ROW]", help="these rows, or kinds of rows (read, write, ...)")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, side by side")
    parser.add_argument("--count", type=int, help="iterations of each row, instead of as many as take long enough")
    parser.add_argument("--runs", type=int, default=2, help="of each; the least counts")
    parser.add_argument("--seconds", type=float, default=0.5, help="that the accesses of a run are to take")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each row")
    options = parser.parse_args(arguments)
    if options.count is not None and options.count < 1:
        parser.error("--count: at least 1")
    try:
        rows = chosen(options.only)
        sides = [ours("playhead", Path(__file__).resolve().parent.parent)]
        if options.before:
            sides.insert(0, ours("before", options.before.resolve()))
        if shutil.which(QEMU):
            sides.append(qemu())
        else:
            reason = f"{QEMU} is not installed (Debian's package qemu-system-x86): ours alone"
            print(f"bench device: {reason}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            compare(Bench(Path(folder), device_rows.source(str(guest.SOURCES))), rows, sides, options)
    except (Failed, asm.AsmError) as error:
        print(f"bench device: {error}", file=sys.stderr)
        return 2
    return 0


def compare(bench: Bench, rows: list[Row], sides: list[Side], options: argparse.Namespace) -> None:
    names = [side.name for side in sides]
    for side in sides:
        bench.run(side, ROWS[0], 1, False)  # a first run may build native code
    if not options.json:
        print("processor time, ns for each " + " " * 13 + "".join(f"{name:>12}" for name in names) + "    ratio  goal")
    missed, unsure = [], []
    for row in rows:
        found = measure(bench, row, sides, options)
        if options.json:
            print(json.dumps(found), flush=True)
        else:
            show(found, names)
        if found["missed"]:
            missed.append(row.name)
        if found["ratio"] is None:
            unsure.append(row.name)
    if not options.json and "QEMU" in names:
        which = "; missed: " + ", ".join(missed) if missed else ""
        which += f"; too short to measure: {', '.join(unsure)} (a larger --count)" if unsure else ""
        print(f"{len(rows) - len(missed) - len(unsure)} of {len(rows)} goals reached{which}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
