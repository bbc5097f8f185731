"""boot [--shift 3,7] [--runs N]: the Debian boot, plain, recorded and replayed, side by side with QEMU

Same kernel, initramfs, memory and shift on both; wall times of whole processes. The ratios are ours / QEMU's.
"""

import argparse
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools import guest

APPEND = "console=ttyS0"


def timed(command: list[str]) -> tuple[float, str]:
    """Wall seconds and output of a whole process; it must succeed."""
    began = time.monotonic()
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    wall = time.monotonic() - began
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit status {done.returncode}\n{text[-2000:]}")
    return wall, text


def sizes(path: Path) -> dict[str, int]:
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


def one(shift: int, kernel: Path, initrd: Path, folder: Path) -> None:
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
    qemu = shutil.which("qemu-system-i386")
    if qemu is None:
        raise SystemExit("qemu-system-i386 is missing: install Debian's package qemu-system-x86")
    log, recording = folder / "replay.bin", folder / "boot.ph"
    ours = [sys.executable, "-m", "playhead.cli"]
    theirs = [qemu, *machine, "-net", "none", "-monitor", "none", "-serial", "stdio"]
    icount = f"shift={shift}"
    table = {}
    table["plain"] = (timed([*ours, "run", *machine, "-icount", icount])[0], timed([*theirs, "-icount", icount])[0])
    table["record"] = (
        timed([*ours, "record", "-o", str(recording), "--force", *machine, "-icount", icount])[0],
        timed([*theirs, "-icount", f"{icount},rr=record,rrfile={log}"])[0],
    )
    replayed, text = timed([*ours, "replay", str(recording)])
    table["replay"] = (replayed, timed([*theirs, "-icount", f"{icount},rr=replay,rrfile={log}"])[0])
    found = sizes(recording)
    instructions = int(found["info"].get("instructions", 0))
    print(f"\nDebian boot, 128 MB, shift={shift}, {instructions / 1e9:.2f} G instructions")
    print(f"{'':10}{'playhead s':>12}{'QEMU s':>10}{'ratio':>8}{'our MIPS':>10}")
    for name, (a, b) in table.items():
        print(f"{name:10}{a:12.1f}{b:10.1f}{a / b:8.2f}{instructions / a / 1e6:10.0f}")
    print(f"record / plain: {table['record'][0] / table['plain'][0]:.3f}")
    print(f"QEMU log {os.path.getsize(log):,} bytes; ours by table: {found['tables']}")
    print(re.sub(r"\s+", " ", text[-300:]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="./dev bench boot", description=__doc__)
    parser.add_argument("--shift", default="3,7")
    options = parser.parse_args()
    kernel, initrd = guest.debian("boot")
    with tempfile.TemporaryDirectory() as folder:
        for shift in options.shift.split(","):
            one(int(shift), Path(kernel), Path(initrd), Path(folder))


if __name__ == "__main__":
    main()
