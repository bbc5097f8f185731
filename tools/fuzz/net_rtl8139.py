"""A hostile driver of the RTL8139, in both of the chip's modes (data sheets of the RTL8139C and C+)."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from tools.fuzz.net_cards import BUFFERS, LENGTHS, RAM, RINGS, Plan, Step, address, frame

MAR0, TSD0, TSAD0, RBSTART, CR, CAPR, IMR, ISR, TCR, RCR = 0x08, 0x10, 0x20, 0x30, 0x37, 0x38, 0x3C, 0x3E, 0x40, 0x44
TIMER, EECMD, CONFIG1, TIMER_INT, MSR, BMCR, TPPOLL, RX_MAX, CPCMD, RDSAR = (
    0x48, 0x50, 0x52, 0x54, 0x58, 0x62, 0xD9, 0xDA, 0xE0, 0xE4)  # fmt: skip
DUMP, TNPDS, THPDS = 0x10, 0x20, 0x28
OWN, EOR, FS, LS, LARGE = 1 << 31, 1 << 30, 1 << 29, 1 << 28, 1 << 27


class Rtl8139Plan(Plan):
    NAME = "rtl8139"
    BARS = ((256, True), (256, False))
    REGISTERS = (
        *((n, 1) for n in range(16)), *((TSD0 + 4 * n, 4) for n in range(8)), (RBSTART, 4), (0x34, 2), (0x36, 1),
        (CR, 1), (CAPR, 2), (0x3A, 2), (IMR, 2), (ISR, 2), (TCR, 4), (RCR, 4), (TIMER, 4), (0x4C, 4), (EECMD, 1),
        *((n, 1) for n in range(0x51, 0x5B)), (TIMER_INT, 4), (MSR, 1), (0x5C, 2), (0x5E, 1), (0x60, 2),
        *((n, 2) for n in range(BMCR, 0x80, 2)), (0xD8, 1), (TPPOLL, 1), (RX_MAX, 2), (CPCMD, 2), (0xE2, 2), (RDSAR, 4),
        (RDSAR + 4, 4), (0xEC, 1),
    )  # fmt: skip
    DRIVER = ("receive", "receive", "transmit", "transmit", "plus_receive", "plus_receive", "plus_transmit",
              "plus_transmit", "plus_loop", "interrupts", "eeprom", "statistics", "early", "filters")  # fmt: skip

    def __init__(self, chance: random.Random):
        super().__init__(chance)
        self.plus = False

    def start(self) -> Iterator[Step]:
        self.plus = self.chance.random() < 0.5
        yield self.write(CR, 1, 0x10)
        yield self.write(EECMD, 1, 0xC0)
        yield self.write(CPCMD, 2, self.chance.choice((0x0B, 0x2B, 0x6B)) if self.plus else 0)
        yield self.write(CR, 1, 0x0C)
        yield from self.receive()
        yield self.write(TCR, 4, self.chance.choice((0x03000700, 0x00000600, 0x00060700)))  # the last: loop-back
        yield self.write(IMR, 2, self.chance.choice((0xFFFF, 0, 5)))
        if self.plus:
            yield from self.plus_receive()

    def receive(self) -> Iterator[Step]:
        """The ring of the plain mode, and the guest's place in it."""
        chance = self.chance
        length = chance.randrange(4)
        base = RINGS if chance.random() < 0.85 else chance.choice((RAM - 0x2000, RAM - 20, address(chance, 1)))
        yield self.write(RBSTART, 4, base)
        yield self.write(RCR, 4, chance.choice((0x0F, 0x3F, 0x8F, 0x0A)) | length << 11 | chance.getrandbits(1) << 7)
        yield from self.taken()

    def taken(self) -> Iterator[Step]:
        chance = self.chance
        yield self.read(0x3A, 2)
        yield self.write(CAPR, 2, chance.choice((0xFFF0, 0, 0x10, 0x2000, 0x1FF0, 0xFFFF, chance.getrandbits(16) & ~3)))
        yield self.read(CR, 1)

    def transmit(self) -> Iterator[Step]:
        chance = self.chance
        for _ in range(chance.randrange(1, 6)):
            n, length = chance.randrange(4), chance.choice(LENGTHS) if chance.random() < 0.5 else 60
            at = address(chance)
            if chance.random() < 0.7:
                yield "ram", BUFFERS, frame(chance, min(length, 1792))
                at = BUFFERS
            yield self.write(TSAD0 + 4 * n, 4, at)
            yield self.write(TSD0 + 4 * n, 4, length & 0x1FFF | chance.choice((0, 0, 0, 0x2000, 0x3F0000)))
            yield self.read(TSD0 + 4 * n)

    # the mode with descriptors

    def plus_receive(self) -> Iterator[Step]:
        chance, base = self.chance, RINGS + 0x10000

        def one(last: bool) -> bytes:
            at, own = address(chance), OWN * (chance.random() < 0.9)
            size = chance.choice((2048, 1536, 0x1FF8, 8, 0, 60, chance.getrandbits(13)))
            return struct.pack("<IIII", own | EOR * last | size, chance.choice((0, 0x10000)), at & ~7, self.high())

        yield self.ring(one, chance.choice((1, 2, 8, 64)), base)
        yield self.write(RDSAR, 4, self.base(base))
        yield self.write(RDSAR + 4, 4, self.high())
        yield self.write(RX_MAX, 2, chance.choice((1600, 0x1FFF, 0, 64)))
        yield self.write(CR, 1, 0x0C)

    def base(self, usual: int) -> int:
        return usual if self.chance.random() < 0.85 else address(self.chance, 1) & ~255

    def high(self) -> int:
        return 0 if self.chance.random() < 0.95 else self.chance.choice((1, 0xFFFFFFFF))

    def plus_transmit(self) -> Iterator[Step]:
        chance = self.chance
        count, base = chance.choice((1, 2, 5, 16, 64)), RINGS + 0x11000

        def one(last: bool) -> bytes:
            flags = OWN * (chance.random() < 0.95) | FS * (chance.random() < 0.6) | LS * (chance.random() < 0.6)
            flags |= EOR * last | chance.choice((0, 7 << 16, LARGE | chance.getrandbits(11) << 16 | 5 << 16))
            at = BUFFERS if chance.random() < 0.7 else address(chance)
            return struct.pack("<IIII", flags | chance.choice(LENGTHS), chance.choice((0, 0x20000)), at, self.high())

        yield "ram", BUFFERS, frame(chance, chance.choice((60, 1514, 4000)))
        yield self.ring(one, count, base)
        high = chance.random() < 0.2
        yield self.write(THPDS if high else TNPDS, 4, self.base(base))
        yield self.write((THPDS if high else TNPDS) + 4, 4, self.high())
        yield self.write(TPPOLL, 1, chance.choice((0x80 if high else 0x40, 0xC0, 0x01)))

    def plus_loop(self) -> Iterator[Step]:
        """A ring of descriptors that are always the chip's: each is written over by the frame of another."""
        base = RINGS + 0x12000
        entry = struct.pack("<IIII", OWN | FS | LS | 0x40, 0, base, 0)
        yield "ram", base, entry * 16
        yield self.write(TNPDS, 4, base)
        yield self.write(RDSAR, 4, base)
        yield self.write(TCR, 4, 0x00060700)
        yield self.write(TPPOLL, 1, 0x40)

    # the rest

    def interrupts(self) -> Iterator[Step]:
        chance = self.chance
        yield self.read(ISR, 2)
        yield self.write(ISR, 2, chance.choice((0xFFFF, 1, 0x10, chance.getrandbits(16))))
        if chance.random() < 0.4:
            yield self.write(TIMER_INT, 4, chance.choice((0, 1, 100, 100_000, 0xFFFFFFFF, chance.getrandbits(32))))
            yield self.write(TIMER, 4, chance.getrandbits(32))
            yield "time", chance.choice((1, 30, 1000, 1_000_000))
        yield self.write(IMR, 2, chance.choice((0xFFFF, 0x4000, 0, chance.getrandbits(16))))

    def eeprom(self) -> Iterator[Step]:
        """Clocks bits into the serial EEPROM, mostly a whole command."""
        chance = self.chance
        yield self.write(EECMD, 1, 0x80)
        for _ in range(chance.choice((9, 25, 27, 40))):
            bit = chance.getrandbits(1) << 1
            yield self.write(EECMD, 1, 0x88 | bit)
            yield self.write(EECMD, 1, 0x8C | bit)
            yield self.read(EECMD, 1)
        yield self.write(EECMD, 1, chance.choice((0, 0xC0, 0x80)))

    def statistics(self) -> Iterator[Step]:
        yield self.write(DUMP + 4, 4, self.high())
        yield self.write(DUMP, 4, self.base(BUFFERS) & ~63 | self.chance.choice((8, 8, 1, 0)))
        yield self.read(DUMP, 4)

    def early(self) -> Iterator[Step]:
        yield self.write(0x5C, 2, self.chance.getrandbits(16))
        yield self.write(0xEC, 1, self.chance.getrandbits(8))
        yield self.write(RCR, 4, 0x0F | self.chance.getrandbits(4) << 24)

    def filters(self) -> Iterator[Step]:
        for n in range(8):
            yield self.write(MAR0 + n, 1, self.chance.choice((0, 0xFF, self.chance.getrandbits(8))))
        yield self.write(BMCR, 2, self.chance.choice((0x8000, 0x1200, 0x3100, 0x4000, 0)))
        yield self.read(0x64, 2)
        yield self.write(MSR, 1, self.chance.getrandbits(8))
