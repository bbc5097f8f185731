"""The 8254: against a model that counts clock by clock, and the data sheet's figures."""

import random
from itertools import pairwise

import pytest

from playhead.devices.timer.i8254_counter import Counter, CounterState, out, value
from playhead.devices.timer.i8254_pit import HZ, I8254
from playhead.devices.system.pc_ports import Port61
from playhead.hw.clock import ticks_to_ns
from playhead.hw.line import Line


class Naive:
    """One counter as the data sheet draws it: a counting element, a count register, and CLK pulses. But nothing waits
    for the gate, as in QEMU."""

    def __init__(self):
        self.gate, self.cr = True, 0x10000

    def control(self, mode):
        self.mode, self.out, self.loaded, self.load_next = mode, mode != 0, False, False

    def write(self, n):
        self.cr = n
        if self.mode not in (2, 3) or not self.loaded:
            self.load_next = True

    def set_gate(self, on):
        rising, self.gate = on and not self.gate, on
        if rising and self.mode not in (0, 4) and (self.loaded or self.load_next):
            self.load_next = True

    def load(self):
        self.ce = self.cr & ~1 if self.mode == 3 else self.cr
        self.parity = self.cr & 1

    def clk(self):
        if self.load_next:
            self.load_next, self.loaded = False, True
            self.load()
            self.out = self.mode not in (0, 1)
            return
        if self.loaded:
            self.count()

    def count(self):
        if self.mode == 3:
            if self.parity and self.out and self.ce == 0:
                self.out = False
                self.load()
                return
            self.ce -= 2
            if self.ce == 0 and not (self.parity and self.out):
                self.out = not self.out
                self.load()
            return
        self.ce -= 1
        if self.mode == 2:
            if self.ce == 0:
                self.load()
            self.out = self.ce != 1
        elif self.mode in (0, 1):
            self.out = self.out or self.ce == 0
        else:
            self.out = self.ce != 0


@pytest.mark.parametrize("mode", range(6))
@pytest.mark.parametrize("seed", range(6))
def test_counts_as_the_clocked_chip_does(mode, seed):
    chance = random.Random(seed * 10 + mode)
    counter, naive, t = Counter(CounterState()), Naive(), 0
    counter.control(0x30 | mode << 1, t)
    naive.control(mode)
    change, level = counter.next_change(t), out(counter.state, t)
    for t in range(1, 2500):
        naive.clk()
        assert out(counter.state, t) == naive.out, f"OUT at tick {t}"
        if naive.loaded:
            assert value(counter.state, t) == naive.ce & 0xFFFF, f"count at tick {t}"
        assert out(counter.state, t) == level or t == change, f"OUT changes at {t}, announced for {change}"
        act = chance.random()
        if act < 0.01:
            n = chance.randrange(2, 40)
            counter.write(n & 0xFF, t)
            if mode != 0:
                counter.write(n >> 8, t)
                naive.write(n)
            else:  # the first byte unloads; the second belongs to it
                counter.write(n >> 8, t)
                naive.control(0)
                naive.write(n)
        elif act < 0.02:
            on = chance.random() < 0.6
            counter.set_gate(on, t)
            naive.set_gate(on)
        elif act < 0.022:
            counter.control(0x30 | mode << 1, t)
            naive.control(mode)
        level = out(counter.state, t)
        change = counter.next_change(t)
        assert change > t


@pytest.fixture
def pit(world):
    world.line = Line("irq0")
    world.edges = []
    world.line.connect(lambda level: world.edges.append((world.time_ns, level)))
    chip = I8254("pit", world.clock, world.line)
    chip.attach(world.io)
    port = Port61("port61", world.clock, chip)
    port.attach(world.io)
    return chip


def program(world, n, mode, count, extra=0x30):
    world.outb(0x43, n << 6 | extra | mode << 1)
    world.outb(0x40 + n, count & 0xFF)
    world.outb(0x40 + n, count >> 8)


def rises(world):
    return [ns for ns, level in world.edges if level]


def test_rate_generator_is_exact_over_a_long_time(world, pit):
    program(world, 0, 2, 0)
    world.edges.clear()
    world.advance(72 * 10**9)
    ticks = [1 + 65536 * k for k in range(1, len(rises(world)) + 1)]
    assert rises(world) == [ticks_to_ns(t, HZ) for t in ticks]
    assert len(ticks) == (world.clock.ticks(HZ) - 1) // 65536


def test_a_late_alarm_still_gives_an_edge_and_keeps_the_phase(world, pit):
    program(world, 0, 2, 1193)
    world.advance(10_000)
    for _ in range(50):
        world.edges.clear()
        world.time_ns += 10_000_000  # ten periods in one instruction
        assert world.clock.ring(world.time_ns) == 1
        assert rises(world)
        assert world.clock.next_deadline_ns() > world.time_ns


@pytest.mark.parametrize("mode", range(6))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_periods_shorter_than_an_instruction_make_progress(world, pit, mode, count):
    program(world, 0, mode, count)
    for _ in range(100):
        world.time_ns += 1000
        world.clock.ring(world.time_ns)
        assert world.clock.next_deadline_ns() > world.time_ns


def test_one_shot_interrupt_on_terminal_count(world, pit):
    program(world, 0, 0, 1000)
    assert not world.line.level
    world.advance(10**9)
    assert rises(world) == [ticks_to_ns(1001, HZ)]  # loaded at the next clock, then 1000 of them
    assert world.clock.next_deadline_ns() == (1 << 63) - 1


def test_reading_does_not_rebase(world, pit):
    program(world, 0, 2, 50_000)
    world.advance(10_000)
    before = pit.save()
    for _ in range(100):
        world.advance(12_345)
        world.outb(0x43, 0x00)
        elapsed = world.clock.ticks(HZ) - 1
        assert world.inb(0x40) | world.inb(0x40) << 8 == 50_000 - elapsed % 50_000
    after = pit.state
    after.counters[0].latch = 0
    assert after.encode() == before


def test_latch_holds_and_is_not_latched_twice(world, pit):
    program(world, 0, 2, 0x8000)
    world.advance(1_000_000)
    world.outb(0x43, 0x00)
    expected = value(pit.state.counters[0], world.clock.ticks(HZ))
    world.advance(1_000_000)
    world.outb(0x43, 0x00)
    assert world.inb(0x40) | world.inb(0x40) << 8 == expected
    assert world.inb(0x40) | world.inb(0x40) << 8 != expected


def test_read_back_status_then_count(world, pit):
    program(world, 2, 3, 0x1234)
    world.outb(0x61, 1)
    world.outb(0x43, 0xC8)  # status and count of counter 2
    assert world.inb(0x42) == 0x80 | 0x40 | 0x30 | 3 << 1  # OUT, null count: not loaded before the next clock
    world.inb(0x42)
    world.inb(0x42)
    world.advance(2000)
    world.outb(0x43, 0xE8)  # status alone
    assert world.inb(0x42) == 0x80 | 0x30 | 3 << 1


@pytest.mark.parametrize("written,period", [(0x0000, 10_000), (0x1000, 1000), (0x0099, 99)])
def test_bcd(world, pit, written, period):
    world.outb(0x43, 0x35)
    world.outb(0x40, written & 0xFF)
    world.outb(0x40, written >> 8)
    world.edges.clear()
    world.advance(ticks_to_ns(3 * period + 1, HZ))
    assert [world.clock.ticks(HZ), len(rises(world))] == [3 * period + 1, 3]
    world.outb(0x43, 0x00)
    shown = world.inb(0x40) | world.inb(0x40) << 8
    assert shown == int(str(period % 10_000), 16)


@pytest.mark.parametrize("mode", [0, 1])
def test_port_61_shows_counter_2_which_does_not_wait_for_its_gate(world, pit, mode):
    world.outb(0x61, 0)
    program(world, 2, mode, 11932)  # 10 ms
    world.advance(9_990_000)
    assert not world.inb(0x61) & 0x20
    world.advance(20_000)
    assert world.inb(0x61) & 0x2F == 0x20
    world.outb(0x61, 1)
    world.advance(1_000)
    assert bool(world.inb(0x61) & 0x20) == (mode == 0)  # the rising edge starts mode 1 anew


def test_refresh_toggles_every_15_us(world, pit):
    seen = []
    for _ in range(15_086 * 4 // 100):
        seen.append(world.inb(0x61) >> 4 & 1)
        world.advance(100)
    assert sum(a != b for a, b in pairwise(seen)) in (3, 4)
