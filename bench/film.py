"""film [--recording FILE] [--runs N]: playhead film in each format beside a replay, and the time that a picture takes

The recording is of a Debian boot on the VGA console, made at first, unless one is given. Whole processes are measured,
in turns, and the fastest run of each counts: wall time, and processor seconds after it; ratios are to the replay's.
Then pictures of several modes are drawn from a memory of noise, each of them anew. Goals: a film in at most 1.2 times
a replay, 5 ms for a picture of 1024x768 with 32 bits, 10 ms for one of text.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from bench.processes import Took, whole
from playhead.devices.display.vga_picture import Painter
from tools import guest

OURS = [sys.executable, "-m", "playhead.cli"]
FILM_GOAL = 1.2
FORMATS = {"mp4": "x.mp4", "webm": "x.webm", "gif": "x.gif", "frames/": "x/", "mp4, captions": "x.mp4"}
APPEND = "console=ttyS0 console=tty0 cryptomgr.notests"
TEXT_CRTC = bytes.fromhex("5f4f50825581bf1f004f0d0e000000009c8e8f281f96b9a3ff")
PLANAR_CRTC = bytes.fromhex("7f6364826b1b72f00060000000000000588c5732005872e3ff")
DRAWINGS = 20


class Mode:
    """A VGA's registers: text without arguments, else a mode of the Bochs interface."""

    seq, attr, dac = bytes.fromhex("0300030002000000"), bytes.fromhex("000102030405140738393a3b3c3d3e3f0c000f0800"), b""
    attr_index, big_endian = 0x20, False

    def __init__(self, width: int = 0, height: int = 0, bits: int = 0):
        self.crtc = TEXT_CRTC if not bits else PLANAR_CRTC
        mode = 0x00 if bits in (0, 4) else 0x40
        self.gfx = bytes((0, 0, 0, 0, 0, mode, 0x05 if bits else 0x0E, 0, 0xFF))
        self.vbe = (0xB0C5, width, height, bits, bool(bits), 0, width, height, 0, 0)
        self.dac = random.Random(1).randbytes(768)


MODES = {
    "text 80x25": (Mode(), 10.0), "800x600x4": (Mode(800, 600, 4), 5.0), "1024x768x8": (Mode(1024, 768, 8), 5.0),
    "1024x768x16": (Mode(1024, 768, 16), 5.0), "1024x768x24": (Mode(1024, 768, 24), 5.0),
    "1024x768x32": (Mode(1024, 768, 32), 5.0), "1920x1200x32": (Mode(1920, 1200, 32), 15.0),
}  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench film", description=__doc__)
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = options.recording or recorded(folder)
        films(path, folder, options.runs)
    pictures()
    return 0


def recorded(folder: Path) -> Path:
    kernel, initrd = guest.debian("boot")
    path = folder / "boot.ph"
    boot = ["-kernel", str(kernel), "-initrd", str(initrd), "-append", APPEND, "-m", "128", "-serial", "null"]
    whole([*OURS, "record", "-o", str(path), *boot])
    return path


def films(path: Path, folder: Path, runs: int) -> None:
    replay: list[Took] = []
    took: dict[str, list[Took]] = {name: [] for name in FORMATS}
    for _ in range(runs):
        replay.append(whole([*OURS, "replay", str(path), "-serial", "null"]))
        for name, file in FORMATS.items():
            words = ["--caption"] if "captions" in name else []
            took[name].append(whole([*OURS, "film", str(path), "-o", f"{folder}/{file}", "--force", *words]))
    base = best(replay)
    print(f"{'replay':16}{base.wall:7.2f} s {base.cpu:7.2f} s cpu")
    for name, all_runs in took.items():
        one = best(all_runs)
        goal = "" if one.wall <= FILM_GOAL * base.wall else f"  MISSED: {FILM_GOAL}"
        ratios = f"{one.wall / base.wall:6.2f} {one.cpu / base.cpu:6.2f} cpu"
        print(f"{name:16}{one.wall:7.2f} s {one.cpu:7.2f} s cpu {ratios}{goal}", flush=True)


def best(runs: list[Took]) -> Took:
    return Took(min(run.wall for run in runs), min(run.cpu for run in runs))


def pictures() -> None:
    memory = random.Random(2).randbytes(16 << 20)
    for name, (mode, goal_ms) in MODES.items():
        times = []
        for _ in range(DRAWINGS):
            painter = Painter(mode, memoryview(memory))
            began = time.process_time()
            painter.picture(0)
            times.append(time.process_time() - began)
            again = time.process_time()
            painter.picture(0)
            again = time.process_time() - again
        ms = min(times) * 1e3
        print(f"{name:16}{ms:7.2f} ms {again * 1e3:6.2f} ms unchanged{'' if ms <= goal_ms else f'  MISSED: {goal_ms}'}")


if __name__ == "__main__":
    sys.exit(main())
