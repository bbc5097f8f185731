"""A recorded guest with something on its screen: at each tick of its timer another letter, and less lines towards the
end. Between ticks it halts."""

from __future__ import annotations

from pathlib import Path

from playhead.cli import main
from tools import guest

TURNS, SMALL_AT = 40, 30
LARGE, SMALL = (720, 400), (720, 256)
SOURCE = f"""
        .include "pc.inc"
        .include "tick.inc"
        .set TURNS, {TURNS}
        .set SMALL_AT, {SMALL_AT}
        .text
main:   call    pic_init
        gate    0x20, tick
        outport 0x21, 0xFE
        timer_rate 11932                # 10 ms
        movl    $0xB8000, %edi
        movl    $0x07200720, %eax
        movl    $0x2000, %ecx
        rep stosl
        movw    $0x3D4, %dx
        movw    $0x200A, %ax            # no cursor
        outw    %ax, %dx
        xorl    %ebp, %ebp
turn:   movl    ticks, %ebx
1:      sti
        hlt
        cli
        cmpl    %ebx, ticks
        je      1b
        leal    0x1E41(%ebp), %eax      # yellow on blue
        movw    %ax, 0xB8000 + 160 * 3 + 2 * 5
        cmpl    $SMALL_AT, %ebp
        jne     2f
        movw    $0x3D4, %dx
        movw    $0x0E11, %ax            # opens the first eight
        outw    %ax, %dx
        movw    $0x1D07, %ax
        outw    %ax, %dx
        movw    $0xFF12, %ax            # sixteen rows
        outw    %ax, %dx
2:      incl    %ebp
        cmpl    $TURNS, %ebp
        jb      turn
        jmp     pass
"""


def record(path: Path, *words: str) -> None:
    """`words`: further options."""
    image = path.parent / "screen.bin"
    image.write_bytes(guest.firmware(SOURCE, path.parent))
    assert main(["record", "-o", str(path), "-bios", str(image), "-m", "4", "-serial", "null", *words]) == 0
