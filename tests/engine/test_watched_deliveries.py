"""A debugger's watchpoints and deliveries that fail: both engines tell of the ones that happened, and of no others."""

import struct

import pytest
from encode import d
from twin import CODE, DIRECTORY, GDT, HANDLERS, IDT, STACK, Side, d32, descriptor, sides

from playhead.machine.debug import WRITE, Debug, Watch
from playhead.x86 import state as S

DF_TASK, DF_TSS, TOP = 0x48, 0x62000, 0x70000


def start(m: Side, room: int) -> None:
    """UD2 with `room` bytes of stack above a page that is not present; #DF has a separate task."""
    m.reset()
    m.paging()
    m.pte(TOP - 0x1000, 0)
    selectors = (0x10, 8, 0x10, 0x10, 0, 0)
    m.write(DF_TSS, d32(*[0] * 7, DIRECTORY, HANDLERS, 2, *[0] * 4, STACK, *[0] * 3, *selectors, 0, 0))
    m.write(GDT + DF_TASK, descriptor(DF_TSS, 0x67, 0x8900))
    m.write(IDT + 8 * S.DF_VECTOR, struct.pack("<HHHH", 0, DF_TASK, 0x8500, 0))
    m.write(CODE, b"\x0f\x0b")
    m.core.set("regs", TOP + room, 4)
    m.core.stale = True


@pytest.mark.parametrize(("room", "told"), [(12, 3), (8, 0), (4, 0)])
def test_a_delivery_that_fails_half_way_is_not_told(room: int, told: int):
    """Its first pushes did reach memory, and stay there."""
    for m in sides():
        start(m, room)
        debug = Debug(m.core, m.memory)
        debug.set_watches([Watch(TOP, 12, WRITE)])
        debug.arm(True)
        m.engine.run(1)
        accesses = debug.accesses()
        while m.core.get("exit_reason") == S.EXIT_WATCH:
            m.engine.run(1)
        assert m.core.get("exit_reason") == S.EXIT_HALT
        debug.set_watches([])
        debug.arm(False)
        assert len(accesses) == told, type(m.engine).__name__
        assert m.ram[TOP + room - 4 : TOP + room] == d(2 | S.RF), "the image of EFLAGS was pushed in each case"
