"""start [--before DIR] [--uncached] [--runs N]: processor time of run, record and replay, 8,000 instructions

Nearly all of it is the program's start: imports, the native core, the machine. Processor time is user and system time
of the whole process. `--before` names another tree of Playhead (a checkout of an older version), which takes turns with
this one; the ratio is then of the same minutes on the same host. The median of the runs is shown, and the quickest.
QEMU, where it is installed, runs the same guest in turn with them.
Both are copied, and find their native core and their bytecode in a cache, which a first run fills that does not count;
`--uncached`: Python keeps no bytecode of ours (PYTHONDONTWRITEBYTECODE), and compiles what it imports each time.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tools import asm

GOAL_S, AIM_S = 0.3, 0.15  # each of the three; `run`
QEMU = "qemu-system-i386"
HERE = Path(__file__).resolve().parent.parent


def commands(folder: Path, name: str) -> dict[str, list[str]]:
    """What is measured. The recording that is replayed is made by the same tree."""
    guest, recording = str(folder / "start.bin"), str(folder / f"{name}.ph")
    machine = ["-bios", guest, "-m", "16", "-serial", "stdio", "-monitor", "none"]
    return {
        "run": ["run", *machine],
        "run -nographic": ["run", "-bios", guest, "-m", "16", "-nographic"],
        "record": ["record", "--force", "-o", recording, *machine],
        "replay": ["replay", recording],
        "info": ["info", recording],
        "--help": ["--help"],
        "--version": ["--version"],
    }


def seconds(tree: Path, words: list[str], bytecode: bool) -> float:
    """Processor time of one process of this tree's program."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "" if bytecode else "1"}
    expected = b"started" if words[0] in ("run", "record", "replay") else b""
    return took([sys.executable, "-m", "playhead", *words], environment, 0, expected)


def qemu_seconds(folder: Path) -> float:
    """The same of QEMU with the guest of `run`."""
    machine = ["-bios", str(folder / "start.bin"), "-m", "16", "-serial", "stdio", "-monitor", "none", "-net", "none"]
    way = ["-display", "none", "-no-reboot", "-icount", "shift=3", "-device", "isa-debug-exit,iobase=0x501,iosize=1"]
    return took([QEMU, *machine, *way], dict(os.environ), 1, b"started")  # 1: the device's status 0


def took(command: list[str], environment: dict[str, str], status: int, expected: bytes) -> float:
    """Processor time of a process that must end with this status and say this."""
    child = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)  # fmt: skip
    assert child.stdout
    said = child.stdout.read()
    _, ended, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(ended)
    if child.returncode != status or expected not in said:
        raise SystemExit(f"{' '.join(command)}: status {child.returncode}\n{said.decode(errors='replace')}")
    return usage.ru_utime + usage.ru_stime


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench start", description="processor time of the program's start")
    parser.add_argument("--before", type=Path, help="another tree, measured beside this one")
    parser.add_argument("--uncached", action="store_true", help="without bytecode from earlier runs")
    parser.add_argument("--runs", type=int, default=15, help="of each")
    options = parser.parse_args()
    trees = {"now": HERE}
    if options.before:
        trees = {"before": options.before.resolve(), **trees}
    with tempfile.TemporaryDirectory(prefix="playhead-") as temporary:
        folder = Path(temporary)
        for name, tree in trees.items():
            trees[name] = folder / name
            shutil.copytree(tree / "src", trees[name], ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "start.bin").write_bytes(asm.firmware(Path(__file__).with_name("start.s")))
        return compare(folder, trees, options.runs, not options.uncached)


def compare(folder: Path, trees: dict[str, Path], runs: int, bytecode: bool) -> int:
    jobs = {name: commands(folder, name) for name in trees}
    times: dict[tuple[str, str], list[float]] = {}
    qemu: list[float] = []
    for turn in range(runs + 1):
        for job in jobs["now"]:
            for name, tree in trees.items():
                once = seconds(tree, jobs[name][job], bytecode)
                if turn:
                    times.setdefault((job, name), []).append(once)
        if turn and shutil.which(QEMU):
            qemu.append(qemu_seconds(folder))
    print(f"{'processor time, s: median (least)':34}" + "".join(f"{name:>18}" for name in trees) + "    ratio")
    for job in jobs["now"]:
        medians = [statistics.median(times[job, name]) for name in trees]
        cells = [f"{median:9.3f} ({min(times[job, name]):.3f})" for median, name in zip(medians, trees, strict=True)]
        ratio = f"{medians[-1] / medians[0]:9.2f}" if len(trees) > 1 else ""
        print(f"{job:34}" + "".join(f"{cell:>18}" for cell in cells) + ratio)
    if qemu:
        print(f"{QEMU + ', the guest of run':34}{statistics.median(qemu):9.3f} ({min(qemu):.3f})")
    slow = [job for job in ("run", "record", "replay") if statistics.median(times[job, "now"]) > GOAL_S]
    reached = statistics.median(times["run", "now"]) <= AIM_S
    print(f"goal: at most {GOAL_S} s each: {'missed by ' + ', '.join(slow) if slow else 'met'}; "
          f"aim: run in {AIM_S} s: {'reached' if reached else 'not reached'}")  # fmt: skip
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
