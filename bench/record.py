"""record [--runs N] [--shift N]: what recording the Debian boot costs against the plain run, and how much it writes.

Plain and recorded runs take turns (plain, record, plain, record, ...), so that a host that gets slower or faster
meets both; medians of wall and of processor seconds are compared. Wall counts whole processes. Processor seconds say
more on a busy host. The size is what the recording holds besides content (kernel, initramfs): events and digests, at
most 500 KB.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))
import guest

from playhead.log.reader import Reader

LIMIT = 500_000  # bytes of events and digests
COST = 1.03


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and processor seconds of a whole process; it must succeed."""
    before, began = os.times(), time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    wall, after = time.monotonic() - began, os.times()
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr.decode(errors='replace')}")
    return wall, after.children_user + after.children_system - before.children_user - before.children_system


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench record", description="what recording costs")
    parser.add_argument("--runs", type=int, default=3, help="of each sort")
    parser.add_argument("--shift", type=int, default=3)
    options = parser.parse_args()
    kernel, initrd = guest.debian("boot")
    program = [sys.executable, "-m", "playhead.cli"]
    machine = ["-m", "128", "-kernel", str(kernel), "-initrd", str(initrd), "-append", guest.DEBIAN_APPEND,
               "-nographic", "-icount", f"shift={options.shift}"]  # fmt: skip
    plain: list[tuple[float, float]] = []
    recorded: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        path = Path(folder) / "boot.ph"
        for number in range(options.runs):
            plain.append(timed([*program, "run", *machine]))
            recorded.append(timed([*program, "record", "-o", str(path), "--force", *machine]))
            print(f"{number + 1}: plain {plain[-1][0]:.2f} s wall, {plain[-1][1]:.2f} s processor; "
                  f"record {recorded[-1][0]:.2f} s, {recorded[-1][1]:.2f} s", flush=True)  # fmt: skip
        with Reader(str(path)) as reader:
            sizes, marks = reader.sizes(), reader.marks()
        whole = path.stat().st_size
    wall, processor = (
        statistics.median(row[i] for row in recorded) / statistics.median(row[i] for row in plain) for i in (0, 1)
    )
    log = sizes["event"] + sizes["digest"] + sizes["batch"]
    beside = whole - sizes["blob"]
    print(f"record / plain: {wall:.3f} wall, {processor:.3f} processor (medians; at most {COST})")
    print(f"{sizes['event']:,} bytes of events, {sizes['digest']:,} of digests, {sizes['batch']:,} of batches "
          f"({len(marks)}): {log:,} (at most {LIMIT:,}); the file without content {beside:,}")  # fmt: skip
    return 0 if beside <= LIMIT and min(wall, processor) <= COST else 1


if __name__ == "__main__":
    sys.exit(main())
