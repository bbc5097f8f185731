"""record [--runs N] [--shift N] [--before DIR]: what recording the Debian boot costs against the plain run

Three sorts of runs take turns (plain; record --no-checkpoints; record; and, with `--before`, plain and record of
another checkout of ours), each round in another order, so that a host that gets slower or faster meets all; the
medians of each round's differences, in wall and in processor seconds, are given as parts of the plain run's median. (A
host that is shared varies by 10 % from run to run: take many.) Wall counts whole processes. Processor seconds count
what the second thread does too (hashing and compressing pages, which costs no wall time where there is a second core).
What was written is shown as well. Limits: events and digests 3 % and 500 KB, checkpoints another 5 %, and 60 MB for the
whole file.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playhead.log.reader import Reader
from tools import guest

LOG = 500_000  # bytes of events, digests and batches
WHOLE = 60_000_000
COST, CHECKPOINTS = 0.03, 0.05  # of the plain run
REACH, AIM = 1.08, 1.04  # a recording's time, in the plain run's
SORTS = {"plain": ["run"], "log": ["record", "--no-checkpoints"], "record": ["record"]}
BEFORE = {"plain before": ["run"], "record before": ["record"]}


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a whole process; it must succeed."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall, after = time.monotonic() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[tuple[float, float]]]:
    """(wall, processor) of each run by sort; leaves a recording of both sorts in the folder."""
    kernel, initrd = guest.debian("boot")
    machine = ["-m", "128", "-kernel", str(kernel), "-initrd", str(initrd), "-append", guest.DEBIAN_APPEND,
               "-nographic", "-icount", f"shift={options.shift}"]  # fmt: skip
    sorts = [(sort, sys.executable, verb) for sort, verb in SORTS.items()]
    if options.before is not None:
        python = options.before / ".venv" / "bin" / "python"
        if not python.exists():
            raise SystemExit(f"{options.before} has no .venv: run ./dev there once")
        sorts += [(sort, str(python), verb) for sort, verb in BEFORE.items()]
    took: dict[str, list[tuple[float, float]]] = {sort: [] for sort, _, _ in sorts}
    for number in range(options.runs):
        for turn in range(len(sorts)):
            sort, python_path, verb = sorts[(number + turn) % len(sorts)]
            out = ["-o", str(folder / f"{sort}.ph"), "--force"] if verb[0] == "record" else []
            took[sort].append(timed([python_path, "-m", "playhead.cli", *verb, *out, *machine]))
        shown = (f"{sort} {runs[-1][0]:.2f} s wall, {runs[-1][1]:.2f} s processor" for sort, runs in took.items())
        print(f"{number + 1}: {'; '.join(shown)}", flush=True)
    return took


def sizes(path: Path) -> tuple[int, int, dict[str, int]]:
    """Bytes of the whole file; what is in it besides content (SQLite's own included); by table."""
    with Reader(str(path)) as reader:
        found = reader.sizes()
        print(f"{path.stem}: {path.stat().st_size:,} bytes, {len(reader.checkpoints())} checkpoints, "
              + ", ".join(f"{name} {size:,}" for name, size in found.items()))  # fmt: skip
    whole = path.stat().st_size
    return whole, whole - found["blob"], found


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench record", description="what recording costs")
    parser.add_argument("--runs", type=int, default=3, help="of each sort")
    parser.add_argument("--shift", type=int, default=3)
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        took = measure(options, Path(folder))
        _, log, _ = sizes(Path(folder) / "log.ph")
        whole, _, _ = sizes(Path(folder) / "record.ph")
    plain = [statistics.median(run[i] for run in took["plain"]) for i in (0, 1)]
    events, states = (
        [statistics.median(b[i] - a[i] for a, b in zip(took[one], took[other], strict=True)) / plain[i] for i in (0, 1)]
        for one, other in (("plain", "log"), ("log", "record"))
    )
    print(f"{'of the plain run':24}{'wall':>10}{'processor':>12}{'at most':>10}")
    print(f"{'events and digests':24}{events[0]:>+10.1%}{events[1]:>+12.1%}{COST:>10.0%}")
    print(f"{'checkpoints':24}{states[0]:>+10.1%}{states[1]:>+12.1%}{CHECKPOINTS:>10.0%}")
    print(f"without content {log:,} bytes (at most {LOG:,}); whole file {whole:,} (at most {WHOLE:,})")
    for before in ("", " before") if options.before is not None else ("",):
        both = [
            statistics.median(b[i] / a[i] for a, b in zip(took["plain" + before], took["record" + before], strict=True))
            for i in (0, 1)
        ]
        print(f"record{before} / plain{before}: wall {both[0]:.3f}, processor {both[1]:.3f} (reach {REACH}, aim {AIM})")
    good = min(events) <= COST and min(states) <= CHECKPOINTS and log <= LOG and whole <= WHOLE
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
