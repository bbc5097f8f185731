"""Watchpoints while native code answers devices: they are met at the same moments and by the same accesses as where
Python answers, on the reference engine, and in single steps; and what is not watched stays as quick as it was.
"""

from __future__ import annotations

import pytest

from memory_drive import Door
from playhead.boards.config import PcConfig
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.device_table import DeviceTable
from playhead.machine.machine import Machine
from tools import guest

SOURCE = """
        .include "pc.inc"
        .set APIC, 0xFEE00000
        .set HPET, 0xFED00000
        .set BUFFER, 0x200000

tick:   movl    $0, APIC + 0xB0
        incl    BUFFER + 0x20
        movl    $700, APIC + 0x380
        iretl

main:   gate    0x40, tick
        movl    $0x1FF, APIC + 0xF0
        movl    $0xB, APIC + 0x3E0
        movl    $0x40, APIC + 0x320
        movl    $700, APIC + 0x380
        movl    $1, HPET + 0x10
        movl    $BUFFER + 0x100, %esp
        sti
        movl    $60, %ecx
1:      pushl   HPET + 0xF0             # reads a register, then writes the stack
        popl    %eax
        movl    $APIC + 0x20, %esi
        movl    $BUFFER, %edi
        movsl                           # a register to memory
        movl    $0x61, %edx
        insb                            # a port to memory
        movl    $BUFFER, %esi
        movl    $0x80, %edx
        outsb                           # memory to a port that nobody owns
        orl     $0x10, APIC + 0x80      # a register that is read and written
        movl    $0, APIC + 0x80
        movl    $0x3F4, %edx
        inb     %dx, %al                # Python answers
        movl    $0x61, %edx
        inb     %dx, %al
        movl    %ecx, BUFFER + 0x800
        loop    1b
        cli
        jmp     pass
"""
BUFFER, APIC, HPET = 0x200000, 0xFEE00000, 0xFED00000
WATCHES = {
    "the stack": [Watch(BUFFER + 0xFC, 4, WRITE)],
    "memory that registers go to": [Watch(BUFFER, 8, READ | WRITE)],
    "the same by physical address": [Watch(BUFFER, 8, READ | WRITE, physical=True)],
    "a register that is read": [Watch(HPET + 0xF0, 4, READ)],
    "a register that is written": [Watch(APIC + 0x80, 4, WRITE, physical=True)],
    "registers and memory": [Watch(APIC + 0x380, 4, WRITE), Watch(BUFFER + 0x20, 4, WRITE), Watch(BUFFER, 1, READ)],
}


@pytest.fixture(scope="module")
def bios(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return guest.firmware(SOURCE, tmp_path_factory.mktemp("watched"))


def machine_of(bios: bytes, watches: list[Watch], engine: str = "native") -> Machine:
    machine = Machine(PcConfig(ram_bytes=4 << 20, bios=bios), Door(), engine=engine)
    machine.debug.set_watches(watches)
    machine.debug.arm(True)
    return machine


def stops(machine: Machine, step: int = 1 << 40) -> list[tuple]:
    """Each stop at a watchpoint, and the end, with the machine's digest."""
    found: list[tuple] = []
    while True:
        stop = machine.run(machine.icount + step)
        if stop.kind == "watch":
            found.append((machine.icount, machine.seq, stop.accesses))
        elif stop.kind != "budget":
            assert stop.kind == "shutdown"
            return [*found, (machine.icount, machine.seq, machine.digest())]


@pytest.mark.parametrize("name", WATCHES)
def test_stops_are_the_same_whoever_answers(bios: bytes, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    watches = WATCHES[name]
    expected = stops(machine_of(bios, watches, "reference"))
    assert len(expected) > 50
    assert stops(machine_of(bios, watches)) == expected
    assert stops(machine_of(bios, watches), step=1) == expected
    assert stops(machine_of(bios, watches), step=13) == expected
    monkeypatch.setattr(DeviceTable, "update", lambda self: None)  # Python answers all
    assert stops(machine_of(bios, watches)) == expected


def test_a_watchpoint_elsewhere_asks_python_no_more_often(bios: bytes) -> None:
    runs = {}
    for name, watches in {"none": [], "one": [Watch(BUFFER + 0x1000, 4, WRITE)]}.items():
        machine = machine_of(bios, watches)
        run, count = machine.engine.run, [0]

        def counted(budget: int, run=run, count=count) -> None:
            count[0] += 1
            run(budget)

        machine.engine.run = counted
        end = stops(machine)
        assert len(end) == 1
        runs[name] = count[0], end
    assert runs["one"] == runs["none"]
