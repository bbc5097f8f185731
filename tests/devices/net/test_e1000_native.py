"""What native code does with each register of the 82540EM: what Python does, and nothing that moves the interrupt line
or an alarm. (tests/contract looks at all chips so, but seldom at the registers of a chip that has so many.)
"""

import ctypes
import random

import pytest
from e1000_bench import EN, ICR, ICS, IMC, IMS, RCTL, RDH, RDT, TCTL, TDT, TXQE, Bench

from playhead.devices.net.e1000_registers import REGISTERS, read_register, write_register
from playhead.engine.llvm.device_build import addresses
from playhead.hw.native import DECLINED, MOST_STATES, NUMBERS, symbol

Entry = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * len(NUMBERS))
HOT = (ICR, ICS, IMS, IMC, RCTL, RDH, RDT, TCTL, TDT)


@pytest.fixture(scope="module")
def native():
    found = addresses([read_register, write_register])
    return {f: Entry(found[symbol(f)]) for f in (read_register, write_register)}


@pytest.mark.parametrize("seed", range(4))
def test_native_code_does_what_python_does(native, seed):
    bench, chance = Bench(), random.Random(seed)
    s, layout = bench.card.state, bench.card._layout
    pointers = (ctypes.c_uint64 * MOST_STATES)(s.address(), layout.address())
    declined = set()
    bench.start_receiving(8, EN)
    bench.card._transmitter.run = lambda: (TXQE, False)  # random rings are the fuzzers' business
    for _ in range(1500):
        known = chance.choice(REGISTERS)
        offset = chance.choice((chance.choice(HOT), known.offset + 4 * chance.randrange(known.length)))
        value = chance.choice((0, 1, 2, 0x80, 0xFFFFFFFF, chance.getrandbits(32)))
        before, seen = s.copy(), (bench.line.level, bench.clock.save())
        reads = chance.random() < 0.5
        if reads:
            there = native[read_register](ctypes.addressof(pointers), offset, 4, 0, 0, 0)
        else:
            there = native[write_register](ctypes.addressof(pointers), offset, 4, value, 0, 0)
        after = s.copy()
        s.assign(before)
        here = read_register(s, layout, offset) if reads else write_register(s, layout, offset, value)
        assert (there, after.encode()) == (here, s.encode()), f"{offset:#x}"
        if there == DECLINED:
            assert s == before
            declined.add((reads, offset))
        bench.card.loaded()
        assert (bench.line.level, bench.clock.save()) == seen
        s.assign(before)
        if reads:  # and now by whoever does it, so that all states are come to
            bench.read(offset)
        else:
            bench.write(offset, value & 0xF if offset in (RDT, RDH) else value)
        if chance.random() < 0.1 and bench.card.can_receive():
            bench.card.receive(bytes.fromhex("525400123456") + bytes(60))
        if chance.random() < 0.1:
            bench.advance(200_000)
        if chance.random() < 0.02:
            bench.write(RCTL, EN | 8)
    assert {(True, ICR), (False, IMS), (False, RDT), (False, ICS)} <= declined
