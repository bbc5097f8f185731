"""programs [--runs N] [--only NAME,...] [--before DIR] [--record]: programs in a Debian guest, side by side with QEMU

gzip -9 of 8 MB, sha256sum of 32 MB, awk over 1,000,000 lines and sort of 200,000 lines by busybox; 20,000 fork+exec,
1,000,000 getppid and 50,000 round trips through pipes by guest/linux/calls.s. The same kernel and initramfs on all
sides (tools/guests/workloads.py), -icount shift=3, 256 MB. Times are from line to line on the serial port, so neither
boot nor start-up counts; results that the guest prints must be the same. A first run of ours, which does not count,
leaves compiled code in the cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import page, sides
from bench.processes import Between, Took, between
from bench.sides import BEFORE, OURS, THEIRS, Goal, Row
from tools import guest
from tools.guests import workloads

BUSYBOX, KERNEL = Goal(0.8, 0.4), Goal(1.0, 0.6)
SHOWN = {
    "gzip": "gzip -9 of 8 MB", "sha256sum": "sha256sum of 32 MB", "awk": "awk, 1,000,000 lines",
    "sort": "sort, 200,000 lines", "fork": "20,000 fork+exec", "getppid": "1,000,000 getppid",
    "pipe": "50,000 pipe round trips",
}  # fmt: skip


def machine(names: Sequence[str]) -> list[str]:
    kernel, initrd = guest.debian("workloads")
    append = f"{guest.DEBIAN_APPEND} {guest.APPEND['workloads']} WORK={','.join(names)}"
    return ["-m", "256", "-kernel", str(kernel), "-initrd", str(initrd), "-append", append, "-nographic", "-no-reboot",
            "-icount", "shift=3"]  # fmt: skip


def commands(options: argparse.Namespace, names: Sequence[str], folder: Path) -> dict[str, list[str]]:
    words = machine(names)
    verb = ["record", "--force", "-o", str(folder / "r.ph")] if options.record else ["run"]
    found = {OURS: [*sides.ours(), *verb, *words]}
    if options.before:
        found[BEFORE] = [*sides.ours(options.before), *verb, *words]
    log = f"shift=3,rr=record,rrfile={folder / 'replay.bin'}"
    theirs = [*words[:-1], log] if options.record else words
    return {**found, THEIRS: [*sides.qemu(), *theirs]}


def measured(lines: Mapping[str, list[str]], names: Sequence[str], runs: int) -> list[Row]:
    took: dict[str, dict[str, list[Took]]] = {name: {side: [] for side in lines} for name in names}
    results: dict[str, str] = {}
    sides.warm(lines)
    for number, side in sides.turns(list(lines), runs):
        found = between(lines[side])
        for name in names:
            check(found, name, results, side)
            took[name][side].append(found[name].took)
        shown = ", ".join(f"{name} {found[name].took.cpu:.2f}" for name in names)
        print(f"{number + 1}: {side}: {shown} s of processor time", flush=True)
    return [Row(SHOWN[name], took[name], BUSYBOX if name in workloads.PROGRAMS else KERNEL) for name in names]


def check(found: Mapping[str, Between], name: str, results: dict[str, str], side: str) -> None:
    """A program that has not run to its end, or has another result, measures nothing."""
    if name not in found:
        raise SystemExit(f"{side}: the guest has not come to the end of {name}")
    wanted = results.setdefault(name, found[name].result)
    if found[name].result != wanted or (name in workloads.KERNEL and wanted != "0"):
        raise SystemExit(f"{side}: {name} has the result {found[name].result!r}, not {wanted!r}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench programs", description="programs in a Debian guest")
    parser.add_argument("--runs", type=int, default=3, help="of each side (default 3)")
    parser.add_argument("--only", default=",".join(workloads.NAMES), help="some of the programs, by their names")
    parser.add_argument("--before", type=Path, metavar="DIR", help="another checkout of ours, with its own .venv")
    parser.add_argument("--record", action="store_true", help="all sides record")
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    options = parser.parse_args()
    names = options.only.split(",")
    if wrong := [name for name in names if name not in workloads.NAMES]:
        parser.error(f"--only {wrong[0]}: there is {', '.join(workloads.NAMES)}")
    with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
        rows = measured(commands(options, names, Path(folder)), names, options.runs)
    print(sides.table(rows))
    if options.write:
        page.write("programs", f"{page.circumstances()}.\n\n{sides.table(rows)}")
    return 0 if all(sides.verdict(row) != "missed" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
