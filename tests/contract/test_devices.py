"""What every chip in the registry keeps to, however a guest treats it: no access raises, and its state is all there is.

A device is disturbed through whatever it answers in, at random from a seed; a failure names the part and the seed.
"""

import random

import pytest
from device_bench import ADDRESS, PORT, devices
from device_bench import Bench as Surroundings

from playhead.base.shared_record import SharedRecord
from playhead.devices import registry
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import CATEGORIES, OUTSIDE, TYPES
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.space import Range, Space

DEVICES = devices()
EDGE_ADDRESSES, INTERESTING = 96, (0, 1, 0x0F, 0x10, 0x34, 0x36, 0x70, 0x7F, 0x80, 0xB0, 0xE8, 0xFF, 0xFFFF, 0xFFFFFFFF)


class Still:
    icount = 0

    def now_ns(self) -> int:
        return 0


CASES = [pytest.param(factory, seed, id=f"{part}-{seed}") for part, _, factory in DEVICES for seed in range(4)]


class Bench:
    """One device alone on a clock that moves only when told."""

    icount = 0

    def __init__(self, factory) -> None:
        self.time_ns = 0
        self.clock = VirtualClock(self)
        self.space = Space("bench", 1 << 32)
        self.device: Device = factory(self.clock, self.space)

    def now_ns(self) -> int:
        return self.time_ns

    def advance(self, ns: int) -> None:
        """Let time pass, stopping at alarms, but not forever at very frequent ones."""
        end = self.time_ns + ns
        for _ in range(50):
            if (deadline := self.clock.next_deadline_ns()) > end:
                break
            self.time_ns = max(self.time_ns, deadline)
            self.clock.ring(self.time_ns)
        self.time_ns = end
        self.clock.ring(end)

    def lines(self) -> list[tuple[str, bool]]:
        """The levels of the lines that the device holds."""
        found = []
        for value in vars(self.device).values():
            items = value if isinstance(value, list | tuple) else value.values() if isinstance(value, dict) else [value]
            found += [(item.name, item.level) for item in items if isinstance(item, Line)]
        return found

    def take(self, other: "Bench") -> None:
        """Become what the other is, by what a checkpoint keeps."""
        self.time_ns = other.time_ns
        self.clock.load(other.clock.save())
        self.device.load(other.device.save())
        if (memory := getattr(self.device, "vram", None)) is not None:  # a checkpoint keeps it as pages of memory
            memory.write(0, bytes(other.device.vram.view()))

    def ranges(self) -> list[Range]:
        return self.space.ranges()


def address_in(r: Range, chance: random.Random) -> int:
    """Where registers are: anywhere in a small range, mostly on multiples of 16 near the start of a large one."""
    if r.length <= EDGE_ADDRESSES:
        return r.base + chance.randrange(r.length)
    near = chance.randrange(EDGE_ADDRESSES)
    at = chance.choice((near * 16, near, chance.randrange(r.length)))
    return r.base + at % r.length


def accesses(bench: Bench, seed: int, count: int) -> list[tuple]:
    """A plan of accesses that suits the device: ("r"|"w", address, size, value) and ("t", ns)."""
    chance, plan = random.Random(seed), []
    ranges = bench.ranges()
    for _ in range(count):
        if chance.random() < 0.2 or not ranges:
            plan.append(("t", int(10 ** chance.uniform(0, 9.5))))
            continue
        address = address_in(chance.choice(ranges), chance)
        size = chance.choice((1, 1, 2, 4))
        value = chance.choice((chance.getrandbits(32), chance.getrandbits(8), chance.choice(INTERESTING)))
        plan.append((chance.choice("rw"), address, size, value & ((1 << 8 * size) - 1)))
    return plan


def play(bench: Bench, plan: list[tuple]) -> list:
    """Do it, and note all that can be seen of it."""
    seen: list = []
    for step in plan:
        if step[0] == "t":
            bench.advance(step[1])
        elif step[0] == "r":
            value = bench.space.read(step[1], step[2])
            assert 0 <= value < 1 << 8 * step[2], f"read of {step[1]:#x} gives {value:#x}"
            seen.append(value)
        else:
            bench.space.write(step[1], step[2], step[3])
        seen.append((bench.lines(), bench.clock.save()))
    return seen


@pytest.mark.parametrize("factory,seed", CASES)
def test_state_is_all_there_is(factory, seed):
    first, second = Bench(factory), Bench(factory)
    play(first, accesses(first, seed, 300))
    saved = first.device.save()
    second.take(first)
    assert second.device.save() == saved
    assert second.lines() == first.lines()
    more = accesses(first, seed + 1000, 300)
    assert play(second, more) == play(first, more)
    assert second.device.save() == first.device.save()


@pytest.mark.parametrize("factory,seed", CASES)
def test_loading_undoes_anything(factory, seed):
    bench = Bench(factory)
    play(bench, accesses(bench, seed, 150))
    saved, alarms, time_ns = bench.device.save(), bench.clock.save(), bench.time_ns
    lines = bench.lines()
    play(bench, accesses(bench, seed + 2000, 150))
    bench.time_ns = time_ns
    bench.clock.load(alarms)
    bench.device.load(saved)
    assert (bench.device.save(), bench.lines(), bench.clock.save()) == (saved, lines, alarms)


@pytest.mark.parametrize("factory,seed", CASES)
def test_saving_changes_nothing(factory, seed):
    watched, left_alone = Bench(factory), Bench(factory)
    for step in accesses(watched, seed, 200):
        watched.device.save()
        watched.device.load(watched.device.save())
        assert play(watched, [step]) == play(left_alone, [step])
    assert watched.device.save() == left_alone.device.save()


@pytest.mark.parametrize("factory,seed", CASES)
def test_reset_after_anything(factory, seed):
    bench = Bench(factory)
    play(bench, accesses(bench, seed, 100))
    bench.device.reset()
    once = bench.device.save()
    bench.device.reset()
    assert bench.device.save() == once
    play(bench, accesses(bench, seed + 3000, 100))


@pytest.mark.parametrize("name", [declared.name for part, declared, _ in DEVICES if not part.endswith(".vm")])
def test_a_device_answers_and_drives_what_it_declares(name):
    bench = Surroundings(VirtualClock(Still()))
    declared = bench.build(name).QEMU
    ours = [(r.base, r.length) for r in bench.io.ranges() if r.base < PORT]
    assert sorted(ours) == sorted(span.of(bench.values) for span in declared.ports)
    mapped = [(r.base, r.length) for r in bench.memory.mmio.ranges() if r.base >> 28 != ADDRESS >> 28]
    assert mapped == [span.of(bench.values) for span in declared.memory]
    assert bench.wires == set(declared.lines(bench.values))


def test_a_declaration_is_sound():
    for name in registry.CLASSES:
        declared = registry.declared(name)
        assert declared.name == name and declared.help and declared.category in CATEGORIES
        names = [known.name for known in declared.properties]
        assert len(set(names)) == len(names) and not {"id", "driver", "bus", "name"} & set(names)
        for known in declared.properties:
            assert known.type in TYPES and (known.help or known.type in OUTSIDE)
            if known.default is not None:
                known.check(known.default, name)
        assert set(declared.needs) <= set(registry.CLASSES)


@pytest.mark.parametrize("factory,seed", CASES[::4])
def test_the_state_stays_where_it_is(factory, seed):
    """Native code knows the state by its address, and parts of a chip know their part of it."""
    bench = Bench(factory)
    state = bench.device.state
    where = [(view, part.address()) for view, part in shared_parts(state)]
    fresh = bench.device.save()
    play(bench, accesses(bench, seed, 100))
    bench.device.load(fresh)
    assert bench.device.save() == fresh
    bench.device.reset()
    assert bench.device.state is state
    assert [(view, part.address()) for view, part in shared_parts(state)] == where


def shared_parts(record, path="") -> list[tuple[str, SharedRecord]]:
    """A shared record and those inside it; none of a record that is not shared."""
    if not isinstance(record, SharedRecord):
        return []
    found = [(path, record)]
    for name, place in record.PLACES.items():
        if place.cls is not None:
            value = getattr(record, name)
            for n, part in enumerate(value if isinstance(value, list) else [value]):
                found += shared_parts(part, f"{path}.{name}[{n}]")
    return found


def test_parts_are_named_once():
    names = [part for part, _, _ in DEVICES]
    assert len(set(names)) == len(names)
