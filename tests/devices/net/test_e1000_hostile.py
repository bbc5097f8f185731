"""Whatever a guest puts into registers and descriptors, and whatever comes from the network: the card does not raise,
comes to an end soon, and writes nothing but guest memory. A checkpoint in the middle of it changes nothing.
"""

import random
import struct
import time

import pytest
from e1000_bench import (
    DATA, EN, EOP, RAM, RCTL, RDBAL, RDH, RDLEN, RDT, RS, RX, TCTL, TDBAL, TDH, TDLEN, TDT, TSE, TX, Bench,
)  # fmt: skip

REGISTERS = (0x00, 0x10, 0x14, 0x20, 0x38, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8, RCTL, TCTL, RDBAL, RDBAL + 4, RDLEN, RDH, RDT,
             0x2820, 0x282C, TDBAL, TDBAL + 4, TDLEN, TDH, TDT, 0x382C, 0x5200, 0x5400, 0x5404, 0x5600)  # fmt: skip
ADDRESSES = (0, 1, TX, RX, DATA, RAM - 8, RAM - 1, RAM, 0xFEBC0000, 0xFEBC3818, 0xFEC00000, 0xFFFFFFF0, 1 << 32,
             (1 << 64) - 16, (1 << 64) - 1)  # fmt: skip
VALUES = (0, 1, 2, EN, 0x10, 0x80, 0xFFFF, 0xFFFFFFFF, 0x80000000)


def strange_descriptor(chance: random.Random) -> bytes:
    """An address that leads somewhere, and a length, command and rest at random or close to the limits."""
    address = chance.choice((chance.choice(ADDRESSES), DATA + chance.randrange(0x10000), chance.getrandbits(64)))
    length = chance.choice((0, 1, 13, 14, 60, 4096, 0xFFFF, chance.getrandbits(16)))
    if chance.random() < 0.3:  # a context
        low = bytes(chance.choice((0, 14, 34, 50, 255, chance.getrandbits(8))) for _ in range(8))
        segment, header = chance.choice((0, 7, 100, 536, 0xFFFF)), chance.choice((0, 1, 54, 255))
        return low + struct.pack("<IBBH", length | (0x20 | chance.getrandbits(8)) << 24, 0, header, segment)
    command = chance.choice((EOP, EOP | RS, 0x2D, 0x29, 0x24, 0x20, chance.getrandbits(8))) << 24
    return struct.pack("<QII", address, length | chance.getrandbits(4) << 20 | command, chance.getrandbits(32))


def disturb(bench: Bench, chance: random.Random) -> None:
    """Something that a driver would not do."""
    what = chance.random()
    if what < 0.3:
        bench.memory.write(TX, b"".join(strange_descriptor(chance) for _ in range(8)))
        if chance.random() < 0.7:
            for offset, value in ((TDBAL, TX), (TDBAL + 4, 0), (TDLEN, chance.choice((0, 128, 256))), (TCTL, EN)):
                bench.write(offset, value)
        bench.write(TDT, chance.choice((0, 7, 8, 9, chance.getrandbits(16))))
    elif what < 0.5:
        ring = b"".join(struct.pack("<QQ", chance.choice(ADDRESSES), chance.getrandbits(64)) for _ in range(8))
        bench.memory.write(RX, ring)
        for offset, value in ((RDBAL, RX), (RDLEN, 128), (RCTL, EN | 0x38 | chance.getrandbits(27))):
            bench.write(offset, value)
        bench.write(RDT, chance.choice((0, 7, 8, chance.getrandbits(16))))
    elif what < 0.75:
        if bench.card.can_receive():
            bench.card.receive(chance.randbytes(chance.choice((0, 1, 13, 14, 18, 60, 1514, 1523, 16384, 65535))))
    elif what < 0.95:
        offset = chance.choice((chance.choice(REGISTERS), 4 * chance.randrange(0x8000)))
        value = chance.choice((chance.choice(ADDRESSES) & 0xFFFFFFFF, chance.choice(VALUES), chance.getrandbits(32)))
        if chance.random() < 0.7:
            bench.write(offset, value)
        else:
            bench.read(offset)
    elif what < 0.97:
        bench.card.set_link(chance.random() < 0.7)
    else:
        bench.card.program(4, 2, chance.choice((7, 7, 7, 3, 0x407)))
        bench.card.program(4, 2, 7)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_a_guest_does_is_too_much(seed):
    bench, other = Bench(), Bench()
    outside = []
    for one in (bench, other):  # a device behind the card's own registers, which DMA must not reach
        one.memory.mmio.map(0xFEC00000, 4096, lambda *a: outside.append(a) or 0, lambda *a: outside.append(a))
    chance, longest = random.Random(seed), 0.0
    for step in range(400):
        if step % 50 == 0:
            other.become(bench)
            other.out.clear()
            bench.out.clear()
        again = random.Random()
        again.setstate(chance.getstate())
        begun = time.process_time()
        disturb(bench, chance)
        longest = max(longest, time.process_time() - begun)
        disturb(other, again)
        pause = chance.choice((0, 1000, 2_000_000, 600_000_000))
        for one in (bench, other):
            one.advance(pause)
    assert not outside
    assert other.card.save() == bench.card.save() and other.out == bench.out
    assert other.memory.area[:] == bench.memory.area[:]
    assert longest < 3


def test_a_huge_ring_of_huge_frames_goes_on_later():
    """5,000 descriptors of 64 KiB are not sent by one write."""
    bench = Bench()
    bench.start_sending(64)
    bench.write(TDLEN, 0xFFF80)
    bench.memory.write(TX, struct.pack("<QHBBBBH", DATA, 0xFFFF, 0, EOP | RS, 0, 0, 0) * 5000)
    bench.port.sent = lambda frame: None
    bench.write(TDT, 5000)
    heads = [bench.read(TDH)]
    assert 0 < heads[0] < 3000
    while heads[-1] != 5000:
        assert len(heads) < 100
        bench.advance(1_000_000)
        heads.append(bench.read(TDH))
    assert heads == sorted(heads)


def test_segments_of_one_byte_come_to_an_end():
    bench = Bench()
    bench.start_sending(64)
    bench.context(7, 54, 1, 0xFFFFF)
    for _ in range(20):
        bench.data(3000, EOP | TSE)
    count = []
    bench.port.sent = lambda frame: count.append(len(frame))
    bench.write(TDT, 21)
    assert 1 < bench.read(TDH) < 10 and len(count) < 20_000
    bench.advance(1_000_000_000)
    assert bench.read(TDH) == 21 and len(count) == 20 * (3000 - 54)


def test_a_ring_in_no_memory():
    bench = Bench()
    bench.start_sending(64)
    bench.start_receiving(64)
    for low, high in ((0xFEBC0000, 0), (0, 1), (0xFFFFFFF0, 0xFFFFFFFF), (RAM - 16, 0)):
        bench.write(TDBAL, low)
        bench.write(TDBAL + 4, high)
        bench.write(RDBAL, low)
        bench.write(RDBAL + 4, high)
        bench.write(TDT, (bench.read(TDH) + 3) % 64)
        assert bench.read(TDH) == bench.read(TDT)
        bench.card.receive(bytes.fromhex("525400123456") + bytes(60))


def test_a_segment_of_64_kib_that_is_not_whole_yet():
    """Behind its headers, what waits for the rest of it is a little more than 64 KiB: that is state."""
    bench, other = Bench(), Bench()
    bench.start_sending(64)
    bench.context(7, 255, 0, 0xFFFFF)
    for length in (0xFFFF, 0xFF):
        bench.data(length, TSE)
    assert bench.go() == []
    other.configure()
    other.become(bench)
    for one in (bench, other):
        one.data(0x10, EOP | TSE)
    assert [len(frame) for frame in bench.go()] == [255 + 65536, 255 + 15] and other.go() == bench.out
