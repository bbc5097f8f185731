"""moving [--seconds N]: what a moving screen of 1024x768x32 adds to a recording, for each second on the host

A guest of ours draws 25 frames for each second of virtual time: a gradient that moves (each pixel of each frame is
another), the same in coarse tiles, or noise, which cannot be compressed. A recording keeps the screen at its
checkpoints, four a second of running at most, so the budget is four screens (12 MiB) a second. This is a measurement
and no test: its exit status is 0 whatever it finds.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.screen_rows import CARD, FRAME, LINEAR, PIXELS
from playhead.log.reader import Reader
from tools import guest

BUDGET = 4 * 4 * PIXELS  # bytes a second
FRAMES = 25  # a second of virtual time
SHIFT = 3
SCENES = {
    "gradient": ("addl $0x010203, %eax", "addl $0x00030107, %ebx"),
    "tiles": ("testl $0x3F, %edi\njnz 14f\naddl $0x070B0D, %eax\n14:", "addl $0x00030107, %ebx"),
    "noise": ("imull $1664525, %eax, %eax\naddl $1013904223, %eax", "imull $22695477, %ebx, %ebx\nincl %ebx"),
}  # what is done between two pixels, and between two frames


def source(scene: str, frames: int) -> str:
    """A guest that draws so many frames, and waits for the timer before each."""
    pixel, frame = SCENES[scene]
    return f"""
        .include "pc.inc"
        .include "tick.inc"
main:   {LINEAR}
        call    pic_init
        gate    0x20, tick
        timer_rate {1_193_182 // FRAMES}
        outport 0x21, 0xFE
        movl    ${frames}, %ecx
        movl    $1, %ebx
11:     sti
        hlt
        cli
        movl    ${FRAME:#x}, %edi
        movl    %ebx, %eax
12:     movl    %eax, (%edi)
        addl    $4, %edi
        {pixel}
        cmpl    ${FRAME + 4 * PIXELS:#x}, %edi
        jne     12b
        {frame}
        decl    %ecx
        jnz     11b
        jmp     pass
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev bench moving", description="what a moving screen adds to a recording")
    parser.add_argument("--seconds", type=int, default=60, help="of virtual time (default 60)")
    options = parser.parse_args(arguments)
    print(f"{'screen':9} {'virtual':>8} {'host':>8} {'checkpoints':>12} {'recording':>10} {'for each host second':>21}")
    for scene in SCENES:
        with tempfile.TemporaryDirectory() as name:
            print(scene.ljust(9), recorded(Path(name), scene, options.seconds), flush=True)
    return 0


def recorded(folder: Path, scene: str, seconds: int) -> str:
    """Record a scene; the row of figures."""
    path, image, sources = folder / "moving.ph", folder / "guest.bin", folder / "source"
    sources.mkdir()
    image.write_bytes(guest.firmware(source(scene, FRAMES * seconds), sources))
    command = [sys.executable, "-m", "playhead.cli", "record", "-o", str(path), "-m", "16", "-bios", str(image), *CARD,
               "-icount", f"shift={SHIFT},sleep=off", "-display", "none", "-serial", "null"]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with Reader(str(path)) as reader:
        taken = len(reader.checkpoints())
        _, virtual_ns, wall_ms = reader.last_mark()
    size = path.stat().st_size
    each = size / (wall_ms / 1e3)
    verdict = "within the budget" if each <= BUDGET else "over the budget"
    return (f"{virtual_ns / 1e9:7.1f}s {wall_ms / 1e3:7.1f}s {taken:12} {size / (1 << 20):6.1f} MiB "
            f"{each / (1 << 20):17.2f} MiB  {verdict}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
