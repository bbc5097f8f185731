"""Any port sequence with any value is defined, bounded and repeatable: a small fuzz over every I/O chip."""

import random

import pytest

from device_bench import devices
from playhead.hw.clock import VirtualClock
from playhead.hw.space import Space

IO = ("ns16550_uart", "i8042_kbc", "i440fx_pci", "piix3_isa", "piix4_pm", "fw_cfg", "isa_debug_exit", "isa_debugcon",
      "vga_text", "nmi_latch")  # fmt: skip
LIST = [(part, factory) for part, _, factory in devices() if part in IO]


class Time:
    ns = icount = 0

    def now_ns(self) -> int:
        return self.ns


def run(factory, seed, steps, saved=None, stop=None):
    """Random accesses; returns what was read and the state, with a save and load in a fresh chip at step `stop`."""
    rng, time = random.Random(seed), Time()
    clock, io = VirtualClock(time), Space("io", 1 << 16)
    chip = factory(clock, io)
    seen = []
    for step in range(steps):
        if step == stop:
            state, alarms, log = chip.save(), clock.save(), seen
            clock, io = VirtualClock(time), Space("io", 1 << 16)
            chip = factory(clock, io)
            chip.load(state)
            clock.load(alarms)
            assert chip.save() == state
            seen = log
        ranges = io.ranges()
        r = ranges[rng.randrange(len(ranges))]
        address, size = r.base + rng.randrange(r.length), rng.choice((1, 1, 2, 4))
        value = rng.choice((0, 0xFF, 0xFFFFFFFF, rng.getrandbits(32), 1 << rng.randrange(32)))
        if rng.random() < 0.5 and address + size <= io.size:
            io.write(address, size, value & ((1 << 8 * size) - 1))
        elif address + size <= io.size:
            seen.append(io.read(address, size))
        time.ns += rng.choice((0, 125, 10_000, 3_000_000))
        clock.ring(time.ns)
    return seen, chip.save()


@pytest.mark.parametrize("part,factory", LIST)
def test_any_sequence_is_defined_and_repeatable(part, factory):
    first = run(factory, part, 1500)
    assert first == run(factory, part, 1500)
    assert len(first[1]) < 4096


@pytest.mark.parametrize("part,factory", LIST)
def test_a_checkpoint_changes_nothing(part, factory):
    assert run(factory, part, 800) == run(factory, part, 800, stop=400)


@pytest.mark.parametrize("part,factory", LIST)
def test_reset_gives_the_first_state(part, factory):
    clock, io = VirtualClock(Time()), Space("io", 1 << 16)
    chip = factory(clock, io)
    fresh = chip.save()
    for r in io.ranges():
        for address in range(r.base, r.base + r.length):
            io.write(address, 1, 0x3C)
    chip.reset()
    assert chip.save() == fresh
