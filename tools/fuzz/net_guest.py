"""A guest whose program is a plan of `fuzz net`: a small interpreter, and behind it the plan's steps as a table.

The table fills the firmware image below the interpreter's 64 KiB. What a plan cannot do from inside (frames, a cable,
a reset) is somebody else's. Passing time is HLT, with a timer of 1 kHz behind it. Interrupts are on; a handler masks
the card's line, which any driver of that card would have to calm, and the guest lets it in again behind some steps. A
checksum of all that was read is printed at the end.
"""

from __future__ import annotations

import functools
import struct
import tempfile
from pathlib import Path

from tools import guest
from tools.fuzz.net_cards import Step

BIOS = 256 << 10
TABLE = (1 << 32) - BIOS
ROOM = BIOS - (64 << 10)
RECORD = 16
WIDTH = {1: 0, 2: 1, 4: 2}
END, OUT, IN, WRITE, READ, COPY, HALT, LET_IN = 0, 1, 4, 7, 10, 13, 14, 15

SOURCE = f"""
        .include "pc.inc"
        .section .bss
        .balign 4
sum:    .skip   4
        .section .rodata
        .balign 4
kinds:  .long   done, out1, out2, out4, in1, in2, in4, write1, write2, write4, read1, read2, read4, copy, halt, let_in
        .text
main:   call    pic_init
        gate    0x20, on_timer
        movl    $0x21, %eax
1:      movl    $on_card, %ebx
        movl    $INTERRUPT_GATE, %ecx
        call    set_gate
        incl    %eax
        cmpl    $0x30, %eax
        jne     1b
        timer_rate 1193
        pci_write 0x80000860, 0x0B0B0A0A
        outport 0x4D1, 0x0E
        outport 0x21, 0xFA
        outport 0xA1, 0xF1
        movl    ${TABLE}, %esi
        sti
next:   movl    (%esi), %eax
        movl    4(%esi), %edx
        movl    8(%esi), %ebx
        movl    12(%esi), %ecx
        addl    ${RECORD}, %esi
        andl    $15, %eax
        jmp     *kinds(,%eax,4)
out1:   movl    %ebx, %eax
        outb    %al, %dx
        jmp     next
out2:   movl    %ebx, %eax
        outw    %ax, %dx
        jmp     next
out4:   movl    %ebx, %eax
        outl    %eax, %dx
        jmp     next
in1:    xorl    %eax, %eax
        inb     %dx, %al
        jmp     add
in2:    xorl    %eax, %eax
        inw     %dx, %ax
        jmp     add
in4:    inl     %dx, %eax
add:    xorl    %eax, sum
        roll    $5, sum
        jmp     next
write1: movb    %bl, (%edx)
        jmp     next
write2: movw    %bx, (%edx)
        jmp     next
write4: movl    %ebx, (%edx)
        jmp     next
read1:  movzbl  (%edx), %eax
        jmp     add
read2:  movzwl  (%edx), %eax
        jmp     add
read4:  movl    (%edx), %eax
        jmp     add
copy:   pushl   %esi
        movl    %edx, %edi
        movl    %ebx, %esi
        rep movsb
        popl    %esi
        jmp     next
halt:   hlt
        loop    halt
        jmp     next
let_in: outport 0xA1, 0xF1
        jmp     next
done:   movl    sum, %eax
        call    put_hex
        print   "\\n"
        jmp     pass

on_timer:
        pushl   %eax
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iretl
on_card:
        pushl   %eax
        inb     $0xA1, %al
        orb     $0x0E, %al
        outb    %al, $0xA1
        movb    $0x20, %al
        outb    %al, $0xA0
        outb    %al, $0x20
        incl    sum
        popl    %eax
        iretl
"""


@functools.cache
def interpreter() -> bytes:
    with tempfile.TemporaryDirectory(prefix="playhead-fuzz-") as folder:
        return guest.firmware(SOURCE, Path(folder))


def firmware(steps: list[Step]) -> bytes:
    """The image that does as many of these steps as it has room for."""
    table, data = bytearray(), bytearray()
    for n, step in enumerate(steps):
        more, bytes_too = record(step, TABLE + ROOM - len(data))
        if n % 10 == 9:
            more += struct.pack("<IIII", LET_IN, 0, 0, 0)
        if len(table) + len(more) + len(data) + len(bytes_too) + RECORD > ROOM:
            break
        table += more
        data[:0] = bytes_too
    return bytes(table).ljust(ROOM - len(data), b"\0") + bytes(data) + interpreter()


def record(step: Step, top: int) -> tuple[bytes, bytes]:
    """A step in the table, and data that it needs, which lie below `top`."""
    match step:
        case ("out", port, size, value):
            return struct.pack("<IIII", OUT + WIDTH[size], port, value, 0), b""
        case ("in", port, size):
            return struct.pack("<IIII", IN + WIDTH[size], port, 0, 0), b""
        case ("write", address, size, value):
            return struct.pack("<IIII", WRITE + WIDTH[size], address, value, 0), b""
        case ("read", address, size):
            return struct.pack("<IIII", READ + WIDTH[size], address, 0, 0), b""
        case ("ram", address, data):
            return struct.pack("<IIII", COPY, address, top - len(data), len(data)), data
        case ("time", ns):
            return struct.pack("<IIII", HALT, 0, 0, min(1 + ns // 10_000_000, 5)), b""
    return b"", b""
