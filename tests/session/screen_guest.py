"""Recorded guests with something on their screens, that halt between the ticks of their timer. One shows another letter
at each, and less lines towards the end; the other sets modes of the VGA's Bochs interface, each for a while.
"""

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


MODES = ((640, 480, 32), (1024, 768, 8), (320, 200, 16))
MODE_TURNS = 30
MODES_SOURCE = r"""
        .include "pc.inc"
        .include "tick.inc"
        .macro  dispi index, value
        movw    $0x1CE, %dx
        movw    $\index, %ax
        outw    %ax, %dx
        movw    $0x1D0, %dx
        movw    $\value, %ax
        outw    %ax, %dx
        .endm
        .macro  mode width, height, bits
        dispi   4, 0
        dispi   1, \width
        dispi   2, \height
        dispi   3, \bits
        dispi   4, 0x41
        movw    $0x3DA, %dx
        inb     %dx, %al
        movw    $0x3C0, %dx
        movb    $0x20, %al              # lets the picture through
        outb    %al, %dx
        movl    $0xA0000, %edi
        movl    $0x4000, %ecx
        xorl    %eax, %eax
9:      stosl
        addl    $0x00010203, %eax
        loop    9b
        call    wait
        .endm
        .text
main:   call    pic_init
        gate    0x20, tick
        outport 0x21, 0xFE
        timer_rate 11932                # 10 ms
        movw    $0x3C8, %dx
        xorl    %eax, %eax
        outb    %al, %dx
        incw    %dx
8:      outb    %al, %dx
        incl    %eax
        cmpl    $768, %eax
        jb      8b
        SET
        jmp     pass
wait:   movl    ticks, %ebx
        addl    $TURNS, %ebx
1:      sti
        hlt
        cli
        cmpl    %ebx, ticks
        jb      1b
        ret
"""


def record_modes(path: Path) -> None:
    steps = "\n        ".join(f"mode {width}, {height}, {bits}" for width, height, bits in MODES)
    source = MODES_SOURCE.replace("TURNS", str(MODE_TURNS)).replace("SET", steps)
    record(path, "-vga", "std", source=source)


def record(path: Path, *words: str, source: str = SOURCE) -> None:
    """`words`: further options."""
    image = path.parent / "screen.bin"
    image.write_bytes(guest.firmware(source, path.parent))
    assert main(["record", "-o", str(path), "-bios", str(image), "-m", "4", "-serial", "null", *words]) == 0
