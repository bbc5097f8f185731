"""A hostile driver of the 82540EM (Intel's manual of the PCI/PCI-X family of gigabit controllers)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tools.fuzz.net_cards import BUFFERS, LENGTHS, MAC, RAM, RINGS, Plan, Step, address, frame

CTRL, STATUS, EECD, EERD, MDIC, ICR, ITR, ICS, IMS, IMC = 0, 8, 0x10, 0x14, 0x20, 0xC0, 0xC4, 0xC8, 0xD0, 0xD8
RCTL, TCTL, TIPG, PBA = 0x100, 0x400, 0x410, 0x1000
RDBAL, RDLEN, RDH, RDT, RDTR, RADV = 0x2800, 0x2808, 0x2810, 0x2818, 0x2820, 0x282C
TDBAL, TDLEN, TDH, TDT, TIDV, TXDCTL, TADV = 0x3800, 0x3808, 0x3810, 0x3818, 0x3820, 0x3828, 0x382C
RXCSUM, MTA, RA, VFTA, WUC, MANC = 0x5000, 0x5200, 0x5400, 0x5600, 0x5800, 0x5820
EOP, IFCS, IC, RS, DEXT, VLE, IDE, TSE = 1, 2, 4, 8, 0x20, 0x40, 0x80, 4
ENTRY = 16  # bytes


class E1000Plan(Plan):
    NAME = "e1000"
    BARS = ((128 << 10, False), (64, True))
    REGISTERS = (
        *((n, 4) for n in (CTRL, 4, STATUS, EECD, EERD, 0x18, MDIC, 0x28, 0x2C, 0x30, 0x38, ICR, ITR, ICS, IMS, IMC)),
        *((n, 4) for n in (RCTL, 0x170, 0x178, TCTL, TIPG, 0x458, 0xE00, PBA, 0x2160, 0x2168, 0x2410, 0x2418)),
        *((n, 4) for n in range(0x2800, 0x2840, 4)), *((n, 4) for n in range(0x3800, 0x3840, 4)), (0x2C00, 4),
        *((n, 4) for n in range(0x3410, 0x3440, 8)), *((n, 4) for n in range(0x4000, 0x4100, 4)), (RXCSUM, 4),
        *((n, 4) for n in range(RA, RA + 32, 4)), (MTA, 4), (MTA + 0x1FC, 4), (VFTA, 4), (VFTA + 0x1FC, 4),
        (WUC, 4), (0x5808, 4), (0x5810, 4), (MANC, 4), (0x5F00, 4), (0x1FFFC, 4),
    )  # fmt: skip
    DRIVER = ("receive", "receive", "receive", "transmit", "transmit", "transmit", "segments", "segments",
              "onto_itself", "interrupts", "phy", "eeprom", "filters", "window", "huge")  # fmt: skip

    def whole_bar(self) -> int:
        return 0

    def start(self) -> Iterator[Step]:
        chance = self.chance
        yield self.write(CTRL, 4, chance.choice((0x04000000, 0x40)))
        yield self.write(CTRL, 4, chance.choice((0x40, 0x40000040)))
        yield from self.filters()
        yield from self.receive()
        yield self.write(TCTL, 4, chance.choice((0x0A, 2, 0)))
        yield self.write(IMS, 4, chance.choice((0xFFFFFFFF, 0x80, 0)))
        yield from self.transmit()

    def register_ring(self, first: int, base: int, count: int) -> Iterator[Step]:
        """The place and length of a ring; `first` is the register of its address."""
        chance = self.chance
        if chance.random() < 0.15:
            base = chance.choice((RAM - 32, RAM - 8, address(chance, 1)))
        yield self.write(first, 4, base)
        yield self.write(first + 4, 4, 0 if chance.random() < 0.95 else chance.choice((1, 0xFFFFFFFF)))
        yield self.write(first + 8, 4, chance.choice((count * ENTRY,) * 8 + (0, 128, 8, 0x1F80)))

    def receive(self) -> Iterator[Step]:
        chance, count, base = self.chance, self.chance.choice((8, 8, 16, 64)), RINGS

        def one(last: bool) -> bytes:
            return struct.pack("<QQ", address(chance) | self.high(), chance.choice((0, chance.getrandbits(64))))

        yield self.ring(one, count, base)
        yield from self.register_ring(RDBAL, base, count)
        yield self.write(RDH, 4, chance.choice((0, 0, 0, count - 1, count, 0xFFFF)))
        control = chance.choice((0x8002, 0x801A, 0x0400803E, 0x02018032, 0x8042, 0x803E, 0))
        yield self.write(RCTL, 4, control | chance.choice((0, 0, 0x10000, 0x20000, 0x30000, 0x2030000)))
        yield self.write(RDT, 4, chance.choice((count - 1, count - 1, count - 1, 0, 1, count, count + 5, 0xFFFFFFFF)))

    def high(self) -> int:
        return 0 if self.chance.random() < 0.97 else self.chance.choice((1, 0xFFFFFFFF)) << 32

    def legacy(self, last: bool) -> bytes:
        chance = self.chance
        command = chance.choice((EOP | IFCS | RS, EOP | RS | IC, IFCS, RS, EOP | VLE | RS | IDE, chance.getrandbits(8)))
        at = (BUFFERS if chance.random() < 0.7 else address(chance)) | self.high()
        return struct.pack("<QHBBBBH", at, chance.choice(LENGTHS), chance.choice((0, 50, 16, 255)), command & ~DEXT,
                           0, chance.choice((0, 14, 34, 255)), chance.getrandbits(16))  # fmt: skip

    def context(self) -> bytes:
        """What of the frame is which header; mostly right ones."""
        chance = self.chance
        places = (14, 24, 33, 34, 50, 0) if chance.random() < 0.6 else [chance.getrandbits(8) for _ in range(6)]
        paylen = chance.choice((3000, 0, 60, 0xFFFFF, chance.getrandbits(20)))
        command = DEXT | RS | chance.choice((TSE, TSE, 0)) | chance.getrandbits(2)
        header = chance.choice((54, 54, 0, 14, 255))
        mss = chance.choice((1448, 1448, 536, 64, 0, 0xFFFF) if chance.random() < 0.98 else (1, 2))
        return struct.pack("<BBHBBHIBBH", *places[:2], places[2], *places[3:5], places[5],
                           paylen | command << 24, 0, header, mss)  # fmt: skip

    def data(self) -> bytes:
        chance = self.chance
        command = DEXT | chance.choice((EOP, 0, EOP)) | chance.choice((TSE, 0)) | chance.choice((RS, 0)) | IFCS
        at = BUFFERS if chance.random() < 0.7 else address(chance)
        length = chance.choice((*LENGTHS, 54, 3054, 0xFFFFF))
        return struct.pack("<QII", at | self.high(), length | 1 << 20 | command << 24,
                           chance.choice((0, 0x300, chance.getrandbits(32))))  # fmt: skip

    def transmit(self) -> Iterator[Step]:
        yield from self.send(self.legacy)

    def segments(self) -> Iterator[Step]:
        yield from self.send(lambda last: self.context() if self.chance.random() < 0.3 else self.data())

    def send(self, entry) -> Iterator[Step]:
        chance, base = self.chance, RINGS + 0x10000
        count = chance.choice((8, 8, 16, 64))
        yield "ram", BUFFERS, frame(chance, chance.choice((60, 1514, 3054)))
        yield self.ring(entry, count, base)
        yield from self.register_ring(TDBAL, base, count)
        yield self.write(TDH, 4, chance.choice((0, 0, 0, 1, count - 1, count + 1, 0xFFFF)))
        yield self.write(TCTL, 4, chance.choice((0x0A, 0x0A, 0x0A, 2, 0)))
        yield self.write(TDT, 4, chance.choice((1, 2, count - 1, count - 1, count, count + 9, 0xFFFFFFFF)))
        yield self.read(TDH)

    def onto_itself(self) -> Iterator[Step]:
        """Received frames are written over the descriptors, and looped back as they are sent."""
        chance, base = self.chance, RINGS + 0x20000
        yield self.ring(lambda last: struct.pack("<QHBBI", base, 128, 0, EOP | RS, 0), 8, base)
        for first in (RDBAL, TDBAL):
            yield from self.register_ring(first, base, 8)
            yield self.write(first + 0x10, 4, 0)
        yield self.write(RCTL, 4, 0x80DA)  # with loop-back
        yield self.write(RDT, 4, 7)
        yield self.write(TCTL, 4, 0x0A)
        yield self.write(TDT, 4, chance.choice((1, 7)))
        yield "frame", frame(chance, 128)

    def huge(self) -> Iterator[Step]:
        """The longest ring there can be, over what is in memory."""
        first = self.chance.choice((RDBAL, TDBAL))
        yield self.write(first, 4, 0x300000)
        yield self.write(first + 8, 4, 0xFFF80)
        yield self.write(first + 0x10, 4, 0)
        yield self.write(TCTL if first == TDBAL else RCTL, 4, 0x801A)
        yield self.write(first + 0x18, 4, self.chance.choice((200, 1000)))

    def interrupts(self) -> Iterator[Step]:
        chance = self.chance
        yield self.write(ITR, 4, chance.choice((0, 1, 500, 0xFFFF)))
        for register in (RDTR, RADV, TIDV, TADV):
            yield self.write(register, 4, chance.choice((0, 1, 64, 0xFFFF, 1 << 31)))
        yield self.write(ICS, 4, chance.getrandbits(32))
        yield self.read(ICR)
        yield self.write(IMC, 4, chance.getrandbits(32))
        yield self.write(IMS, 4, chance.getrandbits(32))
        yield "time", chance.choice((1, 1000, 1_000_000, 600_000_000))
        yield self.read(ICR)

    def phy(self) -> Iterator[Step]:
        chance = self.chance
        register, op = chance.randrange(32), chance.choice((1, 2))
        value = chance.choice((0x1340, 0x9140, 0x1200, chance.getrandbits(16)))
        yield self.write(MDIC, 4, op << 26 | chance.choice((1, 1, 0)) << 21 | register << 16 | value)
        yield self.read(MDIC)
        yield "time", chance.choice((1, 500_000_000))

    def eeprom(self) -> Iterator[Step]:
        chance = self.chance
        yield self.write(EERD, 4, chance.getrandbits(8) << 8 | 1)
        yield self.read(EERD)
        yield self.write(EECD, 4, 0x40)
        for _ in range(chance.choice((9, 25, 27))):
            bit = chance.getrandbits(1) << 2
            yield self.write(EECD, 4, 0x42 | bit)
            yield self.write(EECD, 4, 0x43 | bit)
            yield self.read(EECD)
        yield self.write(EECD, 4, 0)

    def filters(self) -> Iterator[Step]:
        chance = self.chance
        yield self.write(RA, 4, int.from_bytes(MAC[:4], "little"))
        yield self.write(RA + 4, 4, 0x80000000 | int.from_bytes(MAC[4:], "little"))
        yield self.write(MTA + 4 * chance.randrange(128), 4, chance.getrandbits(32))
        yield self.write(VFTA + 4 * chance.randrange(128), 4, chance.getrandbits(32))
        yield self.write(RXCSUM, 4, chance.choice((0, 0x300, 0x3FF)))
        yield self.write(CTRL, 4, chance.choice((0x40, 0x40000040)))

    def window(self) -> Iterator[Step]:
        """The same registers, by the I/O range."""
        chance = self.chance
        for _ in range(3):
            yield self.write(0, 4, chance.choice((chance.choice(self.REGISTERS)[0], chance.getrandbits(32))), 1)
            yield chance.choice((self.read(4, 4, 1), self.write(4, 4, self.value(), 1)))
