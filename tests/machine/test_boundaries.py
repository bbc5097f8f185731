"""Native code passes boundaries by itself (engine/llvm/boundaries.py), and the guest cannot tell: digests at each
moment are those of single steps, of the reference engine, and of a machine that asks Python each time.

The guest's timer of the local APIC is armed for short and long times, in its handler and outside, periodic and not,
above and below the priority that the processor has, and with a vector that is an error; the PIT and the real-time clock
ring beside it; a comparator of the HPET that interrupts nobody is set over and over.
"""

from __future__ import annotations

from itertools import zip_longest

import pytest

from counted import Counted
from playhead.machine.device_table import DeviceTable
from tools import guest

SOURCE = """
        .include "pc.inc"
        .include "tick.inc"
        .set APIC, 0xFEE00000
        .set HPET, 0xFED00000

        .section .bss
        .balign 4
expired: .skip  4
random: .skip   4
        .text

next_random:                            # eax
        imull   $1103515245, random, %eax
        addl    $12345, %eax
        movl    %eax, random
        shrl    $16, %eax
        ret

arm:    pushl   %eax                    # one in eight expires at once, or nearly
        call    next_random
        testl   $7, %eax
        jz      1f
        andl    $0x7FF, %eax
        jmp     2f
1:      shrl    $5, %eax
        andl    $0x1F, %eax
2:      incl    %eax
        movl    %eax, APIC + 0x380
        popl    %eax
        ret

expiry: incl    expired                 # the timer's handler
        testl   $3, expired
        jz      1f                      # one in four ends its service before it arms the timer
        call    arm
        movl    $0, APIC + 0xB0
        iretl
1:      movl    $0, APIC + 0xB0
        call    arm
        iretl

compare: pushl  %eax                    # HPET: timer 2 interrupts nobody
        movl    HPET + 0xF0, %eax
        addl    $300, %eax
        movl    %eax, HPET + 0x148
        popl    %eax
        ret

traps:  iretl

work:   movl    $200, %ecx
1:      call    next_random
        call    compare
        testl   $0xF, %eax
        jnz     2f
        movl    $0x50, APIC + 0x80      # the timer has to wait
        movl    %eax, %ebx
2:      testl   $0x30, %eax
        jnz     3f
        movl    $0, APIC + 0x80
3:      testl   $0x1F, %eax
        jnz     4f
        cli
        call    arm
        sti
        nop
4:      testl   $0x3F, %eax
        jnz     5f
        pushfl                          # single steps
        orl     $0x100, (%esp)
        popfl
        call    arm
        nop
        pushfl
        andl    $~0x100, (%esp)
        popfl
5:      pushl   %ecx
        movl    $0x300000, %edi
        movl    $50, %ecx
        rep stosb
        popl    %ecx
        loop    1b
        movl    $0, APIC + 0x80
        ret

main:   call    pic_init
        gate    0x20, tick
        gate    0x40, expiry
        gate    1, traps
        movl    $0x1FF, APIC + 0xF0
        movl    $0xB, APIC + 0x3E0      # a tick of the bus clock
        movl    $0x40, APIC + 0x320
        movl    $1, HPET + 0x10
        movl    $0x130, HPET + 0x140
        timer_rate 30
        outport 0x70, 0x0B              # the real-time clock's periodic interrupt, which the PICs mask
        outport 0x71, 0x42
        outport 0x21, 0xFE
        call    arm
        sti
        call    work
        movl    $0x20040, APIC + 0x320  # periodic
        movl    $1500, APIC + 0x380
        call    work
        movl    $0x40, APIC + 0x320
        movl    $0x30, HPET + 0x140     # 64 bits: the upper half is all ones, so each match has passed
        call    work
        movl    $0x10040, APIC + 0x320  # masked
        call    arm
        call    work
        movl    $0x05, APIC + 0x320     # an illegal vector
        call    arm
        call    work
        movl    APIC + 0x280, %eax
        movl    $0, APIC + 0x280
        movl    APIC + 0x280, %eax
        cli
        call    put_hex                 # the error
        movl    expired, %eax
        call    put_hex
        movl    ticks, %eax
        call    put_hex
        cmpl    $100, expired
        jb      1f
        cmpl    $10, ticks
        jb      1f
        jmp     pass
1:      jmp     power_off
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("boundaries"))


class Rig(Counted):
    def digests(self, step: int, every: int = 997) -> list[tuple[int, int, bytes]]:
        """Run in pieces of so many instructions; the digest at each moment that is a multiple of `every`."""
        found, machine = [], self.machine
        while True:
            until = min(machine.icount + step, machine.icount - machine.icount % every + every)
            if machine.run(until).kind != "budget":
                break
            if machine.icount % every == 0:
                found.append((machine.icount, machine.seq, machine.digest()))
        assert b"PASS" in self.door.printed and b"40" in self.door.printed, self.door.printed
        return [*found, (machine.icount, machine.seq, machine.digest())]


@pytest.fixture(scope="module")
def expected(bios: bytes) -> list[tuple[int, int, bytes]]:
    return Rig(bios).digests(1)


def first_difference(found: list, expected: list) -> str:
    n = next(n for n, (a, b) in enumerate(zip_longest(found, expected)) if a != b)
    return f"digest {n} of {len(expected)}: {found[n : n + 1]}, not {expected[n : n + 1]}"


@pytest.mark.parametrize("engine,step", [("native", 1 << 40), ("native", 61), ("reference", 1 << 40)])
def test_the_moments_are_those_of_single_steps(bios: bytes, expected: list, engine: str, step: int) -> None:
    found = Rig(bios, engine).digests(step)
    assert found == expected, first_difference(found, expected)


def test_a_debugger_that_hears_of_deliveries_changes_none(bios: bytes, expected: list) -> None:
    rig = Rig(bios)
    heard: list[tuple[str, int | None]] = []
    rig.machine.on_delivery = lambda *what: heard.append(what)
    found = rig.digests(1 << 40)
    assert found == expected, first_difference(found, expected)
    assert heard.count(("interrupt", 0x40)) >= 100 and heard.count(("interrupt", 0x20)) >= 10


def test_python_is_hardly_asked(bios: bytes, expected: list, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Rig(bios)
    whole.digests(1 << 40, 1 << 40)
    monkeypatch.setattr(DeviceTable, "update", lambda self: None)  # Python answers all
    asked = Rig(bios)
    found = asked.digests(1 << 40)
    assert found == expected, first_difference(found, expected)
    assert whole.runs < 0.15 * asked.runs


def test_it_comes_back_for_a_kick(bios: bytes) -> None:
    rig = Rig(bios)
    machine, run = rig.machine, rig.machine.engine.run
    assert machine.run(20_000).kind == "budget"

    def kicked(budget: int) -> None:
        machine.kick()  # as from another thread, in the middle of a run
        run(budget)

    machine.engine.run = kicked
    assert machine.run(1 << 40).kind == "kick" and machine.icount < 30_000
