"""Random programs over the PC's registers, with interrupts, single steps and I/O breakpoints, come to the same states
whoever answers (native code, Python, the other engine), however the run is cut, and in machines that were restored."""

from __future__ import annotations

import random
from itertools import accumulate
from pathlib import Path

import pytest

from memory_drive import Door
from playhead.boards.config import PcConfig
from playhead.hw.clock import NEVER
from playhead.machine import checkpoint
from playhead.machine.device_table import DeviceTable
from playhead.machine.machine import Machine
from tools import guest

READ = (0x20, 0x21, 0xA0, 0xA1, 0x40, 0x42, 0x61, 0x64, 0x70, 0x71, 0x1F7, 0x3F6, 0x3DA, 0x3C9, 0x3D5, 0x3F8, 0x3FA,
        0x3FD, 0x608, 0xCFC, 0xCFD, 0x92, 0xFFFF)  # fmt: skip
WRITE = (0x20, 0xA0, 0x21, 0x42, 0x70, 0x3C8, 0x3C9, 0x3D4, 0x3F8, 0x3F8, 0x3F9, 0x3FF, 0x1F2, 0x80, 0xB3)
LAPIC = (0x20, 0x80, 0xA0, 0xF0, 0x100, 0x120, 0x200, 0x220, 0x300, 0x320, 0x380, 0x390, 0x84)
MOVES = ("0x80000B40, 0x601", "0x80000B40, 0x701", "0x80000B80, 1", "0x80000B80, 0", "0x80000B90, 0x601",
         "0x80000BD0, 0x10000", "0x80000920, 0x601", "0x80000904, 5", "0x80000904, 0")  # fmt: skip

HEAD = """
        .include "pc.inc"
        .section .bss
        .balign 4
sum:    .skip   4
traps:  .skip   4
bytes:  .skip   256
        .text
irq:    pushl   %eax
        movb    $0x20, %al
        outb    %al, $0xA0
        outb    %al, $0x20
        popl    %eax
        iretl
own:    movl    $0, 0xFEE000B0
        iretl
debug:  pushl   %eax
        movl    %dr6, %eax
        addl    %eax, sum
        xorl    %eax, %eax
        movl    %eax, %dr6
        incl    traps
        testl   $15, traps
        jnz     1f
        andl    $~0x100, 12(%esp)       # enough steps
1:      popl    %eax
        iretl
main:   call    pic_init
        movl    $8, %eax                # CR4.DE
        movl    %eax, %cr4
        .irp    vector, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2A, 0x2B, 0x2C, 0x2D, 0x2E, 0x2F
        gate    \\vector, irq
        .endr
        .irp    vector, 0x0F, 0x41, 0x42, 0x43
        gate    \\vector, own
        .endr
        gate    1, debug
        timer_rate 40
        outport 0x21, 0xFE
again:
"""


def operation(r: random.Random) -> str:
    load = f"movl ${r.choice(READ):#x}, %edx; "
    return r.choice((
        load + r.choice(("inb %dx, %al", "inw %dx, %ax", "inl %dx, %eax")) + "; addl %eax, sum; roll $3, sum",
        load + f"movl $bytes, %edi; movl ${r.randrange(1, 30)}, %ecx; rep insb; addl -1(%edi), %eax; addl %eax, sum",
        f"outport {r.choice(WRITE):#x}, {r.getrandbits(8):#x}",
        f"movl $0x3F8, %edx; movl $bytes, %esi; movl ${r.randrange(1, 20)}, %ecx; rep outsb",
        f"movl 0xFEE00000 + {r.choice(LAPIC):#x}, %eax; addl %eax, sum",
        f"movl ${r.choice((0, 0x10, 0x40, 0x50)):#x}, 0xFEE00080; movl $0, 0xFEE000B0",
        f"movl ${r.randrange(0x44041, 0x44044):#x}, 0xFEE00300",
        f"movl $0x20041, 0xFEE00320; movl ${r.choice((0, 300, 3000))}, 0xFEE00380",
        f"movl $0x10, 0xFEC00000; movl ${r.choice((0x10042, 0x42)):#x}, 0xFEC00010; movl 0xFEC00010, %eax; "
        "addl %eax, sum",
        f"pci_write {r.choice(MOVES)}; movl $0x608, %edx; inl %dx, %eax; addl %eax, sum",
        f"timer_rate {r.choice((2, 3, 40, 300))}", "outport 0x43, 0; inb $0x40, %al; addb %al, sum",
        "sti", "sti; cli", "cli; nop; sti", "movl %ss, %eax; movl %eax, %ss; inb $0x61, %al; addb %al, sum",
        "pushfl; orl $0x100, (%esp); popfl",
        f"movl ${r.choice((*READ, *WRITE)):#x}, %eax; movl %eax, %dr0; "
        f"movl ${r.choice((0x20002, 0xE0002)):#x}, %eax; movl %eax, %dr7",
    ))  # fmt: skip


def ran(bios: bytes, moments: list[int], seed: int, engine: str = "native", cut: bool = False, moved: bool = False
        ) -> list[object]:  # fmt: skip
    """Moment and digests at each of the moments, and what was printed."""
    r, door, config = random.Random(seed), Door(), PcConfig(ram_bytes=4 << 20, bios=bios)
    m = Machine(config, door, engine=engine)
    pages, found = checkpoint.take(m).pages, list[object]()
    for n, at in enumerate(moments):
        while m.icount < at:
            stop = m.run(min(at, m.icount + r.choice((1, 2, 7, 400))) if cut else at)
            assert stop.kind == "budget" or stop.deadline_ns != NEVER, stop
        found.append((m.icount, m.seq, m.digest_parts()))
        if moved:
            c = checkpoint.take(m)
            pages.update(c.pages)
            m = Machine(config, door, engine=engine)
            checkpoint.restore(m, c.parts, {**checkpoint.take(m).pages, **pages})
        m.devices["serial0"].receive(bytes((n,)))  # type: ignore[attr-defined]
    return [*found, bytes(door.printed)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whoever_answers(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    r = random.Random(seed)
    program = "\n".join(operation(r) for _ in range(120))
    bios = guest.firmware(f"{HEAD}{program}\n        jmp again\n", tmp_path)
    moments = list(accumulate(r.randrange(2000, 9000) for _ in range(10)))
    whole = ran(bios, moments, seed)
    assert whole[-1] and len(whole) == 11
    assert ran(bios, moments, seed, cut=True) == whole
    assert ran(bios, moments, seed, moved=True) == whole
    assert ran(bios, moments, seed, engine="reference") == whole
    monkeypatch.setattr(DeviceTable, "update", lambda self: None)
    assert ran(bios, moments, seed) == whole
