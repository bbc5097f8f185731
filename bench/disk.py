"""disk [--runs N] [--size N]: a guest's disk requests while recording, ours against QEMU's, side by side.

A guest without an operating system (bench/disk.s) reads or writes by IDE DMA: 64 KiB after 64 KiB, or 4 KiB anywhere in
64 MiB, and waits for the interrupt in HLT or looking on (in HLT, QEMU 7.2 takes 28 ms for each request while it
records). The image is raw, of random bytes, and not changed (snapshot=on). QEMU records with rr=record and blkreplay,
we with everything that the guest read kept in the recording, which QEMU does not do. The programs take turns. What is
compared is the wall time of the whole process without that of a run with no requests (whose time is shown), the best of
the runs. Goal: at most 2 times QEMU's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tools import asm

GOAL = 2.0
MIB = 1 << 20
AREA = 64 * MIB
KINDS = {"sequential read": (0, 0, 256, 128), "random read": (0, 1, 1024, 8), "sequential write": (1, 0, 256, 128),
         "random write": (1, 1, 1024, 8)}  # writes, anywhere, how many requests, sectors of each  # fmt: skip


def prepare(image: Path, writes: int, anywhere: int, requests: int, sectors: int, spin: bool = False) -> None:
    with image.open("r+b") as file:
        file.write(struct.pack("<6I", writes, anywhere, requests, sectors, AREA // 512, spin))


def ours(folder: Path, *, record: bool = True) -> list[str]:
    verb = ["record", "--force", "-o", str(folder / "r.ph")] if record else ["run"]
    return [sys.executable, "-m", "playhead.cli", *verb, "-bios", str(folder / "disk.bin"), "-m", "16", "-nographic",
            "-drive", f"file={folder / 'disk.img'},format=raw,snapshot=on"]  # fmt: skip


def qemus(folder: Path) -> list[str]:
    return ["qemu-system-i386", "-accel", "tcg", "-bios", str(folder / "disk.bin"), "-m", "16", "-nodefaults",
            "-nographic", "-serial", "stdio", "-net", "none",
            "-icount", f"shift=3,rr=record,rrfile={folder / 'replay.bin'}",
            "-drive", f"file={folder / 'disk.img'},format=raw,if=none,snapshot=on,id=img-direct",
            "-drive", "driver=blkreplay,if=none,image=img-direct,id=img-blkreplay",
            "-device", "ide-hd,drive=img-blkreplay,bus=ide.0,unit=0"]  # fmt: skip


def timed(command: list[str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    took = time.monotonic() - began
    if b"PASS" not in done.stdout:
        raise SystemExit(f"{' '.join(command)}: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
    return took


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench disk", description="disk requests while recording")
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--size", type=int, default=1, choices=(1, 2, 4), help="times as many requests")
    options = parser.parse_args()
    if shutil.which("qemu-system-i386") is None:
        print("bench disk: qemu-system-i386 is not installed (Debian's package qemu-system-x86)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="playhead-") as name:
        folder = Path(name)
        (folder / "disk.bin").write_bytes(asm.firmware(Path(__file__).with_name("disk.s")))
        (folder / "disk.img").write_bytes(os.urandom(AREA + MIB))
        return compare(folder, options.runs, options.size)


def compare(folder: Path, runs: int, size: int) -> int:
    image = folder / "disk.img"
    programs: dict[str, Callable[[Path], list[str]]] = {
        "run": lambda folder: ours(folder, record=False), "record": ours, "QEMU record": qemus,
    }  # fmt: skip
    prepare(image, 0, 0, 0, 1)
    start = {name: min(timed(command(folder)) for _ in range(runs)) for name, command in programs.items()}
    print("without requests: " + ", ".join(f"{name} {took:.2f} s" for name, took in start.items()), flush=True)
    print(f"{'':36}" + "".join(f"{name:>14}" for name in programs) + f"{'ratio':>10}")
    good = True
    for spin in (False, True):
        for kind, (writes, anywhere, requests, sectors) in KINDS.items():
            requests *= size
            prepare(image, writes, anywhere, requests, sectors, spin)
            took = dict.fromkeys(programs, 1e9)
            for _ in range(runs):
                for name, command in programs.items():
                    took[name] = min(took[name], timed(command(folder)) - start[name])
            ratio = took["record"] / took["QEMU record"]
            good = good and ratio <= GOAL
            each = "".join(f"{seconds:>12.2f} s" for seconds in took.values())
            print(f"{kind:16}{requests:>6} x{sectors // 2:>3} K {'spin' if spin else 'hlt':4}  {each}{ratio:>9.2f}x",
                  flush=True)  # fmt: skip
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
