"""Declared registers (hw/native.py) of every chip in the registry: native code and Python give one answer, leave one
state, and what they do not decline changes no line, and no alarm unless they have the clock's deadlines. The same for
what alarms and the interrupt controller declare.
"""

import ctypes
import random
from collections.abc import Callable
from functools import partial

import pytest
from test_devices import CASES, Bench, accesses, play

from playhead.devices.intc.lapic import Lapic
from playhead.devices.pci.piix4_pm import PMBASE, PMREGMISC, SMBBA, SMBHSTCFG, Piix4Pm
from playhead.devices.timer.hpet import Hpet
from playhead.engine.llvm.device_build import addresses
from playhead.hw.clock import NEVER, Alarm, Deadlines, VirtualClock, nearest, only_due
from playhead.hw.native import DECLINED, MOST_STATES, NUMBERS, symbol
from playhead.hw.space import Range
from playhead.hw.vram import Vram

Entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * len(NUMBERS))
OFTEN = (0x00, 0x10, 0x80, 0xB0)  # where many registers are after an index, or much can be declined


def bench_of(factory) -> Bench:
    """The device with all its registers where they can be accessed."""
    bench = Bench(factory)
    if isinstance(bench.device, Piix4Pm):
        for base, address, enable in ((PMBASE, 0x600, PMREGMISC), (SMBBA, 0x700, SMBHSTCFG)):
            bench.device.program(base, 4, address)
            bench.device.program(enable, 1, 1)
    return bench


def entry(function):
    return Entry(addresses([function])[symbol(function)])


def by_native_code(function, states, *numbers: int) -> int:
    addresses = (ctypes.c_uint64 * MOST_STATES)(*(state.address() for state in states))
    return entry(function)(ctypes.addressof(addresses), *numbers)


def native(r: Range, bench: Bench, step: tuple) -> int:
    """The access by native code."""
    kind, address, size, value = step
    registers = r.registers
    function = registers.read if kind == "r" else registers.write
    if function is None:
        return DECLINED
    numbers = (address - r.base, size, value, bench.time_ns, bench.icount)
    result = by_native_code(function, registers.states, *numbers)
    return result if kind == "r" or result == DECLINED else 0


def python(r: Range, step: tuple) -> int:
    kind, address, size, value = step
    function = r.registers._read if kind == "r" else r.registers._write  # (`take` has an effect outside besides)
    result = DECLINED if function is None else function(address - r.base, size, value)
    return result if kind == "r" or result == DECLINED else 0


def kept(state) -> bytes:
    return bytes(state.view()) if isinstance(state, Vram) else state.encode()


def put_back(state, content: bytes) -> None:
    if isinstance(state, Vram):
        state.write(0, content)
    else:
        state.decode_into(content)


def alike(states, what: str, there: Callable[[], int], here: Callable[[], int]) -> bool:
    """Do the same by native code and in Python; True if it was not declined. What Python has done stays."""
    before = [kept(state) for state in states]
    native = there()
    after = [kept(state) for state in states]
    for state, old in zip(states, before, strict=True):
        put_back(state, old)
    result = here()
    assert native == result, f"{what}: native {native:#x}, Python {result:#x}"
    assert [kept(state) for state in states] == after, what
    assert result != DECLINED or after == before, f"{what} was declined, but changed the state"
    return result != DECLINED


def both(bench: Bench, r: Range, step: tuple) -> bool:
    """Do an access both ways; True if it was not declined."""
    states, what = r.registers.states, f"{r.name}: {step} at {bench.time_ns}"
    lines, alarms = bench.lines(), bench.clock.save()
    if not alike(states, what, lambda: native(r, bench, step), lambda: python(r, step)):
        return False
    bench.device.loaded()  # derives the lines from the state
    assert bench.lines() == lines, f"{what} changed a line"
    if not any(isinstance(state, Deadlines) for state in states):
        assert bench.clock.save() == alarms, f"{what} changed an alarm"
    return True


def rings(bench: Bench, alarm: Alarm) -> bool:
    """Ring an alarm both ways, be it due or not; True if it was not declined."""
    ringing, what = alarm.ringing, f"{alarm.name} rings at {bench.time_ns}"
    before, deadlines = other_lines(bench), bench.clock.save()
    numbers = (0, 0, alarm.number, bench.time_ns, bench.icount)
    native = lambda: min(by_native_code(ringing.function, ringing.states, *numbers), 0)  # noqa: E731
    if not alike(ringing.states, what, native, lambda: ringing._ring(0, 0, alarm.number)):
        return False
    bench.device.loaded()
    assert other_lines(bench) == before, f"{what}: it changed a line"
    now = bench.clock.save()
    assert [at for n, at in enumerate(now) if n != alarm.number] == [
        at for n, at in enumerate(deadlines) if n != alarm.number
    ], f"{what}: it moved another alarm"
    assert now[alarm.number] == NEVER or now[alarm.number] > bench.time_ns, f"{what}: it is still due"
    return True


def other_lines(bench: Bench) -> list[tuple[str, bool]]:
    """All lines but the processor's interrupt, which native code asks for."""
    interrupt = bench.device.intr.name if isinstance(bench.device, Lapic) else ""
    return [(name, level) for name, level in bench.lines() if name != interrupt]


def set_up_alarms(bench: Bench, chance: random.Random) -> None:
    """What random accesses hardly come to: timers that run."""
    if isinstance(bench.device, Lapic):
        base = 0xFEE00000
        entry = chance.choice((0, 0, 0x20000, 0x10000, 0x30000)) | chance.choice((5, 0x30, 0xEF))
        for register, value in ((0x0F0, 0x1FF), (0x320, entry), (0x3E0, 0xB), (0x380, chance.getrandbits(20))):
            bench.space.write(base + register, 4, value)
    elif isinstance(bench.device, Hpet):
        base, n = 0xFED00000, chance.randrange(3)
        config = chance.choice((0, 0x100, 0x100, 4, 8, 0x104))
        bench.space.write(base + 0x10, 4, 1)
        bench.space.write(base + 0x100 + 0x20 * n, 4, config)
        bench.space.write(base + 0x108 + 0x20 * n, 4, chance.getrandbits(32))


@pytest.mark.parametrize("factory,seed", CASES)
def test_native_code_and_python_agree(factory, seed):
    bench, chance = bench_of(factory), random.Random(seed)
    declared = [r for r in bench.ranges() if r.registers is not None]
    if not declared:
        pytest.skip("this chip declares no registers")
    for step in accesses(bench, seed, 400):
        play(bench, [step])
        for _ in range(3):
            r = chance.choice(declared)
            size = chance.choice([n for n in (1, 2, 4) if r.min_size <= n <= r.max_size])
            offset = chance.choice((chance.randrange(0x400), 16 * chance.randrange(64), chance.choice(OFTEN)))
            offset = min(offset % r.length, r.length - size)
            if r.min_size > 1:
                offset &= ~(r.min_size - 1)
            value = chance.getrandbits(8 * size) if chance.random() < 0.5 else chance.choice((0, 1, 0x20, 0x80, 0xFF))
            both(bench, r, (chance.choice("rw"), r.base + offset, size, value))


def test_each_declared_function_is_met_and_not_always_declined():
    """A declaration that never answers is none."""
    met: dict[str, bool] = {}
    for case in CASES:
        factory, seed = case.values
        bench, chance = bench_of(factory), random.Random(seed + 77)
        for step in accesses(bench, seed + 77, 200):
            play(bench, [step])
            for r in bench.ranges():
                if r.registers is None or step[0] == "t":
                    continue
                for kind, function in (("r", r.registers.read), ("w", r.registers.write)):
                    if function is not None:
                        offset = chance.randrange(r.length) & ~(r.min_size - 1)
                        offset = min(offset, r.length - r.min_size)
                        one = (kind, r.base + offset, r.min_size, chance.getrandbits(8 * r.min_size))
                        done = both(bench, r, one)
                        met[symbol(function)] = met.get(symbol(function), False) or done
    assert all(met.values()), [name for name, done in met.items() if not done]


@pytest.mark.parametrize("factory,seed", CASES)
def test_alarms_ring_alike(factory, seed):
    bench, chance = bench_of(factory), random.Random(seed)
    declared = [alarm for alarm in bench.clock.alarms if alarm.ringing is not None]
    if not declared:
        pytest.skip("this chip declares no alarms")
    done = [0, 0]
    for step in accesses(bench, seed, 400):
        play(bench, [step])
        if chance.random() < 0.3:
            set_up_alarms(bench, chance)
        alarm = chance.choice(declared)
        if alarm.armed and chance.random() < 0.7:
            bench.time_ns = max(bench.time_ns, alarm.deadline_ns)
        done[rings(bench, alarm)] += 1
    assert done[True] and (done[False] or not isinstance(bench.device, Lapic | Hpet)), done


@pytest.mark.parametrize("seed", range(4))
def test_interrupts_are_acknowledged_alike(seed):
    factory = next(case.values[0] for case in CASES if case.id == "lapic-0")
    bench, chance = bench_of(factory), random.Random(seed)
    lapic, done = bench.device, [0, 0]
    assert isinstance(lapic, Lapic)
    state, pending, acknowledge = lapic.interrupts
    for step in accesses(bench, seed, 400):
        play(bench, [step])
        set_up_alarms(bench, chance)
        if chance.random() < 0.7:
            lapic.deliver(chance.randrange(16, 256), 0, 0xFF, False, chance.random() < 0.5)
        numbers = (0, 0, 0, bench.time_ns, bench.icount)
        for function in (pending, acknowledge, pending):
            there, here = partial(by_native_code, function, [state], *numbers), partial(function, state)
            one = alike([state], f"{function.__name__} at {bench.time_ns}", there, here)
            done[one] += function is acknowledge
    assert all(done), done


def test_the_clock_asked_by_native_code():
    clock, chance = VirtualClock(Bench(lambda clock, space: None)), random.Random(1)
    alarms = [clock.alarm(str(n), lambda: None) for n in range(9)]
    for _ in range(2000):
        alarm = chance.choice(alarms)
        alarm.arm(chance.choice((NEVER, chance.randrange(40), chance.randrange(1 << 40))))
        if chance.random() < 0.5:
            continue
        now_ns = chance.randrange(60)
        due = [n for n, at in enumerate(clock.save()) if at <= now_ns]
        alone = due[0] if len(due) == 1 else -1
        assert only_due(clock.shared, now_ns) == by_native_code(only_due, [clock.shared], 0, 0, 0, now_ns, 0) == alone
        assert by_native_code(nearest, [clock.shared], 0, 0, 0, 0, 0) == min(clock.save()) == clock.next_deadline_ns()
