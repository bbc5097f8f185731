"""NMIs come at the same moments however runs are cut: after shadows, and after the IRET that ends their wait."""

from __future__ import annotations

import pytest

from memory_drive import Door
from playhead.boards.config import PcConfig
from playhead.machine.machine import Machine
from tools import guest

SOURCE = """
        .include "pc.inc"
        .set IOAPIC, 0xFEC00000
        .set SIGNATURE, 0x8000
        .section .bss
        .balign 4
count:  .skip   4
        .text
main:   gate    2, nmi
        movl    $0x15, IOAPIC           # input 2, to the APIC with number 0
        movl    $0, IOAPIC + 0x10
        movl    $0x14, IOAPIC
        movl    $0x400, IOAPIC + 0x10   # as an NMI
        timer_rate 13                   # every 11 us: faster than the slow ones of the handlers end
        movw    %ss, %bx
1:      nop
        movw    %bx, %ss                # a shadow for every second instruction
        incl    %eax
        movw    %bx, %ss
        jmp     2f
2:      sti
        cli
        cmpl    $60, count
        jb      1b
        movl    $0x10000, IOAPIC + 0x10
        movl    SIGNATURE, %eax
        call    put_hex
        jmp     pass
nmi:    pushl   %ecx
        incl    count
        roll    $3, SIGNATURE           # where it came
        movl    4(%esp), %ecx
        xorl    %ecx, SIGNATURE
        movl    count, %ecx
        andl    $3, %ecx
        imull   $200, %ecx
        incl    %ecx
3:      loop    3b
        popl    %ecx
        iretl
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("nmi"))


def to_the_end(bios: bytes, engine: str, step: int) -> tuple[int, dict[str, bytes], bytes]:
    door = Door()
    machine = Machine(PcConfig(ram_bytes=4 << 20, bios=bios), door, engine=engine)
    while machine.run(machine.icount + step).kind == "budget":
        assert machine.icount < 1_000_000
    assert b"PASS" in door.printed
    return machine.icount, machine.digest_parts(), bytes(door.printed)


def test_the_moments_are_those_of_single_steps(bios: bytes) -> None:
    whole = to_the_end(bios, "native", 1 << 20)
    for engine, step in (("native", 1), ("native", 7), ("reference", 1000)):
        assert to_the_end(bios, engine, step) == whole, (engine, step)
