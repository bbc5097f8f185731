"""What a hostile driver does with an AC97, for `fuzz sound`: steps as `net_cards` has them, without a network."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import ClassVar

from tools.fuzz.net_cards import COMMAND, ODD, RAM, SLOT, Plan, Step

NAM, NABM = 0xC000, 0xC400
LISTS, DATA = 0x200000, 0x210000  # where descriptors and samples mostly are
ENGINES = (0x00, 0x10, 0x20)
LENGTHS = (0, 0, 1, 2, 3, 16, 480, 481, 960, 4_800, 65_534, 65_535)
RATES = (0, 1, 7, 8_000, 11_025, 44_100, 48_000, 48_000, 65_535)


class Ac97Plan(Plan):
    NAME = "AC97"
    BARS = ((1024, True), (256, True))
    REGISTERS = (
        *((register, 2) for register in (0x00, 0x02, 0x18, 0x1A, 0x1C, 0x26, 0x2A, 0x2C, 0x32, 0x34)),
        *((engine + at, size) for engine in ENGINES
          for at, size in ((0, 4), (4, 1), (4, 4), (5, 1), (6, 1), (6, 2), (8, 2), (8, 4), (0xA, 1), (0xB, 1))),
        (0x2C, 4), (0x30, 4), (0x34, 1),
    )  # fmt: skip
    DRIVER: ClassVar[tuple[str, ...]] = ("transfer", "transfer", "go_on", "look", "look", "pause", "volume", "rate")

    def place(self) -> Iterator[Step]:
        self.bases = [NAM, NABM]
        for bar, base in enumerate(self.bases):
            yield from self.config(0x10 + 4 * bar, 4, base)
        yield from self.config(COMMAND, 2, 7)

    def start(self) -> Iterator[Step]:
        for register in (0x02, 0x18):
            yield self.write(register, 2, 0, 0)
        yield self.write(0x1C, 2, 0x0F0F, 0)

    def outside(self) -> Iterator[Step]:
        chance = self.chance
        if chance.random() < 0.05:
            yield ("reset",)
            yield from self.place()
            yield from self.start()
        else:
            yield "time", int(10 ** chance.uniform(2, 8))

    def _engine(self) -> int:
        return self.chance.choice(ENGINES)

    def _where(self) -> int:
        chance = self.chance
        if chance.random() < 0.15:
            return chance.choice((*ODD, NAM, LISTS, RAM - 6))
        return DATA + 0x1000 * chance.randrange(64) + chance.choice((0, 0, 2, 1, 0xFFE))

    def transfer(self) -> Iterator[Step]:
        """A ring, and an engine that walks through it."""
        chance, engine = self.chance, self._engine()
        ring = chance.choice((LISTS, LISTS, LISTS + 0x1000, LISTS + 4, RAM - 64, *ODD))
        entries = [struct.pack("<II", self._where(), chance.choice(LENGTHS) | chance.choice((0, 1, 2, 3)) << 30)
                   for _ in range(chance.choice((1, 2, 32)))]  # fmt: skip
        if ring + 256 <= RAM and ring >= LISTS:
            yield "ram", ring & ~3, b"".join(entries)
        if chance.random() < 0.7:
            yield "ram", DATA, chance.randbytes(chance.choice((64, 1_024)))
        if chance.random() < 0.5:
            yield self.write(engine + 0xB, 1, 2, 1)
        yield self.write(engine, 4, ring, 1)
        yield self.write(engine + 5, 1, chance.choice((0, 1, 2, 31, 32, 255)), 1)
        yield self.write(engine + 0xB, 1, chance.choice((0x01, 0x11, 0x15, 0x1D, 0xFF & ~2)), 1)
        yield "time", int(10 ** chance.uniform(3, 8))

    def go_on(self) -> Iterator[Step]:
        engine = self._engine()
        yield self.read(0x30, 4, 1)
        yield self.write(engine + 6, 2, 0x1C, 1)
        yield self.write(engine + 5, 1, self.chance.randrange(32), 1)

    def look(self) -> Iterator[Step]:
        for _ in range(self.chance.choice((1, 5, 20))):
            yield self.read(self._engine() + self.chance.choice((4, 6, 8)), self.chance.choice((1, 2, 4)), 1)
            if self.chance.random() < 0.3:
                yield "time", self.chance.randrange(100_000)

    def pause(self) -> Iterator[Step]:
        engine = self._engine()
        yield self.write(engine + 0xB, 1, 0x10, 1)
        yield "time", self.chance.randrange(10_000_000)
        yield self.write(engine + 0xB, 1, 0x11, 1)

    def volume(self) -> Iterator[Step]:
        yield self.write(self.chance.choice((0x02, 0x18, 0x1C)), 2, self.chance.getrandbits(16), 0)

    def rate(self) -> Iterator[Step]:
        yield self.write(self.chance.choice((0x2C, 0x32, 0x34)), 2, self.chance.choice(RATES), 0)


assert SLOT == 2  # where the machines of `fuzz sound` have it
