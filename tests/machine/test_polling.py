"""A run continues after a device read that changed nothing the run is bounded by, and the guest cannot tell: the
moments are those of a run cut at every instruction, whatever rings, interrupts or is asked for in between."""

from __future__ import annotations

import pytest

from counted import Counted
from playhead.machine.device_table import DeviceTable
from playhead.machine.machine import Machine
from tools import guest

SOURCE = """
        .include "pc.inc"
        .include "tick.inc"
main:   call    pic_init
        gate    0x20, tick
        timer_rate 40                   # every 34 us
        outport 0x21, 0xFE
        outport 0x61, 0x01              # counter 2 runs, and its output is polled
        outport 0x43, 0xB0
        outport 0x42, 0x00
        outport 0x42, 0x02
        sti
1:      inb     $0x61, %al
        testb   $0x20, %al
        jz      1b
        outport 0x43, 0xB0              # once more, and the read that sees it comes in the shadow of STI
        outport 0x42, 0x00
        outport 0x42, 0x01
2:      cli
        inb     $0x61, %al
        sti
        testb   $0x20, %al
        jz      2b
3:      inb     $0x20, %al              # a poll that is ended by a handler
        cmpl    $20, ticks
        jb      3b
        cli
        movl    ticks, %eax
        call    put_hex
        jmp     pass
"""


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("polling"))


class Rig(Counted):
    def to_the_end(self, step: int) -> tuple[int, dict[str, bytes]]:
        """Run in pieces of so many instructions; the last moment and its digests."""
        while self.machine.run(self.machine.icount + step).kind == "budget":
            pass
        assert b"PASS" in self.door.printed
        return self.machine.icount, self.machine.digest_parts()


def test_the_moments_are_those_of_single_steps(bios: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Rig(bios)
    end = whole.to_the_end(1 << 40)
    for engine, step in (("native", 1), ("native", 7), ("reference", 1000)):
        assert Rig(bios, engine).to_the_end(step) == end, (engine, step)
    monkeypatch.setattr(DeviceTable, "update", lambda self: None)  # Python answers all
    asked = Rig(bios)
    assert asked.to_the_end(1 << 40) == end and whole.runs < 0.1 * asked.runs
    monkeypatch.setattr(Machine, "_as_before", lambda self, deadline_ns: False)
    slow = Rig(bios)
    assert slow.to_the_end(1 << 40) == end and asked.runs < 0.6 * slow.runs


def test_a_kick_reaches_a_guest_that_polls(bios: bytes) -> None:
    rig = Rig(bios)
    machine, run = rig.machine, rig.machine.engine.run
    assert machine.run(2000).kind == "budget"

    def kicked(budget: int) -> None:
        machine.kick()  # as from another thread, in the middle of a run
        run(budget)

    machine.engine.run = kicked
    assert machine.run(1 << 40).kind == "kick" and machine.icount < 10_000
    assert machine.run(1 << 40).kind == "kick"
