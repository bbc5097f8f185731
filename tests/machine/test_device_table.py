"""Which ranges of registers native code finds by the table: pages that one range has alone, wholly or in part."""

from types import SimpleNamespace

import pytest

from playhead.engine.core import FIRST_RANGE, NOBODY, PYTHON, Core
from playhead.devices.intc.lapic_registers import acknowledge, pending
from playhead.devices.intc.lapic_state import LapicState
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory
from playhead.hw.native import Interrupts, Registers
from playhead.hw.space import Space, never
from playhead.machine.device_table import DeviceTable
from playhead.devices.net.rtl8139_registers import Rtl8139State, read_rtl8139

PAGE = 0x4000_0000 >> 12


@pytest.fixture
def table():
    core, memory, io = Core(Memory(1 << 20)), Memory(1 << 20), Space("io", 1 << 16)
    clock = SimpleNamespace(now_ns=lambda: 0, icount=lambda: 0)

    def put(base, length, *, declared=True):
        registers = Registers(Rtl8139State(), read=read_rtl8139, clock=clock) if declared else None
        memory.mmio.map(base, length, never, never, max_size=4, name=f"at {base:#x}", registers=registers, moves=True)
        made.update()

    def page(number):
        return memoryview(core.mmio_map).cast("H")[number]

    interrupts = Interrupts(LapicState(), pending, acknowledge)
    made = DeviceTable(core, io, memory.mmio, VirtualClock(clock), interrupts)
    return SimpleNamespace(put=put, page=page)


def test_a_range_that_is_less_than_its_page_is_found(table):
    table.put(0x4000_0100, 0x100)
    assert [table.page(PAGE + n) for n in (-1, 0, 1)] == [NOBODY, FIRST_RANGE, NOBODY]


def test_two_ranges_in_a_page_are_left_to_python(table):
    table.put(0x4000_0100, 0x100)
    table.put(0x4000_0800, 0x100)
    table.put(0x4000_1000, 0x2100)
    assert [table.page(PAGE + n) for n in range(5)] == [PYTHON, *[FIRST_RANGE + 2] * 3, NOBODY]


def test_a_range_without_declared_registers_is_left_to_python(table):
    table.put(0x4000_0100, 0x100, declared=False)
    assert table.page(PAGE) == PYTHON
