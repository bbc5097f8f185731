"""Declared registers (hw/native.py) of every chip in the registry: native code and Python give one answer, leave one
state, and what they do not decline changes no line and no alarm.
"""

import ctypes
import random

import pytest
from test_devices import CASES, Bench, accesses, play

from playhead.devices.pci.piix4_pm import PMBASE, PMREGMISC, SMBBA, SMBHSTCFG, Piix4Pm
from playhead.engine.llvm.device_build import addresses
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


def native(r: Range, bench: Bench, step: tuple) -> int:
    """The access by native code."""
    kind, address, size, value = step
    registers = r.registers
    function = registers.read if kind == "r" else registers.write
    if function is None:
        return DECLINED
    states = (ctypes.c_uint64 * MOST_STATES)(*(state.address() for state in registers.states))
    numbers = (address - r.base, size, value, bench.time_ns, bench.icount)
    result = entry(function)(ctypes.addressof(states), *numbers)
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


def both(bench: Bench, r: Range, step: tuple) -> bool:
    """Do an access both ways; True if it was not declined."""
    states = r.registers.states
    before = [kept(state) for state in states]
    there = native(r, bench, step)
    after = [kept(state) for state in states]
    for state, old in zip(states, before, strict=True):
        put_back(state, old)
    seen = bench.lines(), bench.clock.save()
    here = python(r, step)
    assert there == here, f"{r.name}: {step} at {bench.time_ns}: native {there:#x}, Python {here:#x}"
    assert [kept(state) for state in states] == after, f"{r.name}: {step}"
    if here == DECLINED:
        assert after == before, f"{r.name}: {step} was declined, but changed the state"
        return False
    bench.device.loaded()  # derives the lines from the state
    assert (bench.lines(), bench.clock.save()) == seen, f"{r.name}: {step} changed a line or an alarm"
    return True


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
