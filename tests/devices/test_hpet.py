"""The HPET: its counter, matches to the tick, where interrupts go. (guest/hpet.s compares its registers with QEMU.)"""

import pytest

from playhead.boards.wires import SharedLine
from playhead.devices.timer.hpet import Hpet
from playhead.devices.timer.hpet_registers import BASE, TICK_NS
from playhead.hw.space import Space

CONFIG, STATUS, COUNTER = 0x10, 0x20, 0xF0
FSB_CAN, FSB_ON = 0x8000, 0x4000


def timer(n, register=0):
    return 0x100 + 0x20 * n + register


class Rig:
    """Wires 0 and 8 have another driver each, the PIT's and the real-time clock's."""

    def __init__(self, world, msi=False):
        self.world, self.messages, self.changes = world, [], []
        self.wires = SharedLine("irq0"), SharedLine("irq8")
        self.others = [wire.driver("other") for wire in self.wires]
        sole = tuple(wire.sole_driver("hpet") for wire in self.wires)
        self.hpet = Hpet("hpet", world.clock, sole, lambda *message: self.messages.append(message) or True, msi)
        self.space = Space("memory", 1 << 32)
        self.hpet.attach(self.space)
        for name, line in (("0", self.wires[0].line), ("8", self.wires[1].line), ("pin", self.hpet.pin)):
            line.connect(lambda level, name=name: self.changes.append((name, level, world.time_ns)))

    def put(self, register, value):
        self.space.write(BASE + register, 4, value)

    def get(self, register):
        return self.space.read(BASE + register, 4)

    def timer(self, n, config, cmp, period=None):
        self.put(timer(n), config)
        self.put(timer(n, 8), cmp)
        self.put(timer(n, 12), 0)
        if period is not None:
            self.put(timer(n, 8), period)

    def rises(self, name):
        found = [at for line, level, at in self.changes if line == name and level]
        self.changes.clear()
        return found


@pytest.fixture
def rig(world):
    return Rig(world)


def test_the_counter_counts_virtual_time_while_it_is_enabled(rig):
    rig.world.advance(777)
    assert rig.get(COUNTER) == 0
    rig.put(COUNTER, 0xFFFFFFF0), rig.put(COUNTER + 4, 0xFFFFFFFF)
    rig.put(CONFIG, 1)
    rig.world.advance(155)
    assert (rig.get(COUNTER), rig.get(COUNTER + 4)) == (0xFFFFFFFF, 0xFFFFFFFF)
    rig.world.advance(5)
    assert (rig.get(COUNTER), rig.get(COUNTER + 4)) == (0, 0)
    rig.put(COUNTER, 55)
    assert rig.get(COUNTER) == 0  # not while it counts
    rig.world.advance(1000)
    rig.put(CONFIG, 0)
    rig.world.advance(1000)
    assert rig.get(COUNTER) == 100
    rig.put(CONFIG, 1)
    rig.world.advance(20)
    assert rig.get(COUNTER) == 102


def test_a_match_is_exact_to_the_tick(rig):
    rig.world.advance(3)
    rig.put(CONFIG, 1)
    rig.world.advance(8)
    rig.timer(0, 0x0404, 1000)
    rig.world.advance(100_000)
    assert rig.rises("pin") == [3 + 1000 * TICK_NS]


def test_a_periodic_timer_matches_once_each_period(rig):
    rig.timer(2, 0x054C, 500, 300)
    rig.put(CONFIG, 1)
    rig.world.advance(20_000)
    assert rig.rises("pin") == [5_000, 8_000, 11_000, 14_000, 17_000, 20_000] and rig.get(timer(2, 8)) == 2300
    rig.put(timer(2), 0x0508)
    rig.world.advance(20_000)
    assert rig.rises("pin") == [] and not rig.hpet.pin.level


@pytest.mark.parametrize("behind", [1, 2_000_000_000])
def test_a_match_that_has_passed_is_made_up_for(rig, behind):
    """Linux and others set a comparator that the counter has just passed; of 32 bits, up to half the range."""
    rig.put(COUNTER, 3_000_000_000)
    rig.put(CONFIG, 1)
    rig.timer(0, 0x0504, 3_000_000_000 - behind)
    rig.world.advance(20)
    assert rig.rises("pin") == [TICK_NS]


def test_32_bits_interrupt_at_the_wrap_too(rig):
    rig.put(COUNTER, 0xFFFFFF00)
    rig.put(CONFIG, 1)
    rig.timer(1, 0x0504, 0x100)
    rig.world.advance(10_000)
    assert rig.rises("pin") == [0xFF * TICK_NS, 0x200 * TICK_NS]


def test_a_level_stays_until_its_status_is_cleared(rig):
    rig.timer(1, 0x0406, 100)
    rig.put(CONFIG, 1)
    rig.world.advance(1000)
    assert rig.get(STATUS) == 2 and rig.hpet.pin.level
    rig.put(STATUS, 1)
    assert rig.hpet.pin.level
    rig.put(STATUS, 2)
    assert rig.get(STATUS) == 0 and not rig.hpet.pin.level
    rig.timer(2, 0x0402, 200)  # not enabled
    rig.world.advance(5000)
    assert rig.get(STATUS) == 0


def test_in_the_place_of_the_pit_and_of_the_clock(rig):
    pit, clock = rig.others
    pit.set(True)
    assert rig.rises("0") == [0]
    rig.timer(0, 0x0004, 100)
    rig.timer(1, 0x0006, 200)
    rig.put(CONFIG, 3)
    assert not rig.wires[0].line.level  # the PIT has no effect any more
    pit.set(False), pit.set(True), clock.set(True)
    rig.world.advance(3000)
    assert rig.rises("0") == [1000] and rig.wires[0].line.level and rig.wires[1].line.level
    rig.put(STATUS, 2)
    assert not rig.wires[1].line.level
    rig.put(CONFIG, 1)
    assert rig.wires[0].line.level and rig.wires[1].line.level  # the other drivers' levels


def test_where_the_lines_were_follows_from_the_state(rig, world):
    rig.timer(0, 0x0004, 100)
    rig.timer(1, 0x0006, 200)
    rig.put(CONFIG, 3)
    rig.others[1].set(True)
    world.advance(3000)
    levels = [wire.line.level for wire in rig.wires]
    other = Rig(world)
    other.others[1].set(True)
    other.hpet.load(rig.hpet.save())
    for wire in other.wires:
        wire.restore()
    assert [wire.line.level for wire in other.wires] == levels == [True, True]
    other.put(STATUS, 2)
    assert not other.wires[1].line.level


def test_messages(world):
    rig = Rig(world, msi=True)
    assert rig.get(timer(0)) & FSB_CAN
    rig.put(timer(0, 0x10), 0x4031), rig.put(timer(0, 0x14), 0xFEE01004)
    rig.timer(0, FSB_ON | 4, 100)
    rig.put(CONFIG, 1)
    world.advance(2000)
    assert rig.messages == [(0x31, 0, 1, True, False)] and rig.changes == []
    rig.put(timer(0, 0x14), 0x1000)  # not where messages go
    rig.timer(0, FSB_ON | 4, 300)
    world.advance(2000)
    assert len(rig.messages) == 1


def test_a_reset_stops_everything(rig):
    rig.timer(0, 0x0006, 100)
    rig.put(CONFIG, 3)
    rig.world.advance(2000)
    assert rig.wires[0].line.level
    rig.hpet.reset()
    assert not rig.wires[0].line.level and rig.get(timer(0, 8)) == 0xFFFFFFFF and rig.get(CONFIG) == 0
    rig.others[0].set(True)
    assert rig.wires[0].line.level
    rig.world.advance(10_000)
    assert rig.get(COUNTER) == 0


def test_absurd_values_end(rig):
    """A period of one tick, matches at the ends of the range, periods of half of it."""
    rig.put(CONFIG, 1)
    for config in (0x044C, 0x054C, 0x0404, 0x0504):
        for value in (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            rig.timer(0, config, value, value)
            rig.world.advance(100)
    assert rig.get(COUNTER) == 200
