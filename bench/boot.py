"""boot [--shift 3,7] [--before DIR]: the Debian boot, plain, recorded and replayed, side by side with QEMU

Same kernel, initramfs, memory and shift on all sides, which take turns; wall times of whole processes, and processor
seconds (user and system) after them. The ratios are ours / QEMU's and, with `--before`, ours / those of another
checkout of ours.
"""

import argparse
import json
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tools import guest

APPEND = "console=ttyS0"


class Took(NamedTuple):
    """What a whole process took, in seconds; `cpu` is user and system."""

    wall: float
    cpu: float


def timed(command: list[str]) -> Took:
    """Run a process that must succeed."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        text = done.stdout.decode(errors="replace")
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{text[-2000:]}")
    return Took(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def sizes(path: Path) -> dict[str, dict[str, Any]]:
    """What a recording holds: event and digest bytes, instructions."""
    info = json.loads(subprocess.check_output([sys.executable, "-m", "playhead.cli", "info", "--json", str(path)]))
    db = sqlite3.connect(path)
    pages = dict(db.execute("SELECT name, SUM(pgsize) FROM dbstat GROUP BY name")) if _has_dbstat(db) else {}
    db.close()
    return {"info": info, "tables": pages}


def _has_dbstat(db: sqlite3.Connection) -> bool:
    try:
        db.execute("SELECT 1 FROM dbstat LIMIT 1")
    except sqlite3.Error:
        return False
    return True


class Side(NamedTuple):
    """A program, and its three lines for a shift."""

    name: str
    lines: Callable[[int], tuple[list[str], list[str], list[str]]]


def ours(name: str, python: str, machine: list[str], recording: Path) -> Side:
    program = [python, "-m", "playhead.cli"]

    def lines(shift: int) -> tuple[list[str], list[str], list[str]]:
        options = [*machine, "-icount", f"shift={shift}"]
        record = [*program, "record", "-o", str(recording), "--force", *options]
        return [*program, "run", *options], record, [*program, "replay", str(recording)]

    return Side(name, lines)


def qemu(machine: list[str], log: Path) -> Side:
    program = shutil.which("qemu-system-i386")
    if program is None:
        raise SystemExit("qemu-system-i386 is missing: install Debian's package qemu-system-x86")
    options = [program, *machine, "-net", "none", "-monitor", "none", "-serial", "stdio", "-icount"]

    def lines(shift: int) -> tuple[list[str], list[str], list[str]]:
        way = f"shift={shift},rr=%s,rrfile={log}"
        return [*options, f"shift={shift}"], [*options, way % "record"], [*options, way % "replay"]

    return Side("QEMU", lines)


def one(shift: int, sides: list[Side], recording: Path, log: Path) -> None:
    """All sides at one shift; the first is this tree, the last QEMU."""
    lines = {side.name: side.lines(shift) for side in sides}
    table = {
        way: {name: timed(three[n]) for name, three in lines.items()}
        for n, way in enumerate(("plain", "record", "replay"))
    }
    found = sizes(recording)
    instructions = int(found["info"].get("instructions", 0))
    print(f"\nDebian boot, 128 MB, shift={shift}, {instructions / 1e9:.2f} G instructions; wall seconds (processor)")
    others = [side.name for side in sides[1:]]
    print(f"{'':8}" + "".join(f"{side.name:>16}" for side in sides) + "".join(f"{'/ ' + name:>16}" for name in others))
    for way, took in table.items():
        mine = took[sides[0].name]
        row = [f"{t.wall:.1f} ({t.cpu:.1f})" for t in took.values()]
        row += [f"{mine.wall / took[name].wall:.2f} ({mine.cpu / took[name].cpu:.2f})" for name in others]
        print(f"{way:8}" + "".join(f"{cell:>16}" for cell in row))
    first = table["plain"][sides[0].name]
    print(
        f"{instructions / first.cpu / 1e6:.0f} MIPS; QEMU log {os.path.getsize(log):,} bytes; ours: {found['tables']}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench boot", description=__doc__)
    parser.add_argument("--shift", default="3,7")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    options = parser.parse_args()
    kernel, initrd = guest.debian("boot")
    machine = [
        "-m",
        "128",
        "-kernel",
        str(kernel),
        "-initrd",
        str(initrd),
        "-append",
        APPEND,
        "-nographic",
        "-no-reboot",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recording, log = folder / "boot.ph", folder / "replay.bin"
        sides = [ours("playhead", sys.executable, machine, recording), qemu(machine, log)]
        if options.before is not None:
            python = options.before / ".venv" / "bin" / "python"
            if not python.exists():
                raise SystemExit(f"{options.before} has no .venv: run ./dev there once")
            sides.insert(1, ours("before", str(python), machine, folder / "before.ph"))
        for shift in options.shift.split(","):
            one(int(shift), sides, recording, log)


if __name__ == "__main__":
    main()
