"""What a hostile driver does with a network card, for `fuzz net`: plans, which are lists of steps.

A step is what a guest does, or what happens outside:

    ("out", port, size, value)  ("in", port, size)  ("write", address, size, value)  ("read", address, size)
    ("ram", address, bytes)     ("frame", bytes)    ("link", up)    ("time", ns)     ("reset",)

Half of a plan is what a driver of that card would do (a ring in memory, descriptors, a doorbell), but with addresses
outside RAM, over its end and onto registers, with lengths that are zero, odd or huge, and rings that lie on each other;
the rest is any register with any value. What a card's registers are is said here from its data sheet, in few words.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

Step = tuple[Any, ...]
RAM = 4 << 20  # bytes, of the machines here
RINGS, BUFFERS = 0x200000, 0x280000  # where a plan mostly puts descriptors and buffers; below is the guest
SLOT = 2  # the first that is free on bus 0
COMMAND, BAR0 = 0x04, 0x10
IO, MMIO = 0xC000, 0xFEB80000
MAC = bytes.fromhex("525400123456")
ODD = (  # addresses where no driver has a buffer
    0, 0x400, 0x9FFF0, 0xA0000, 0xB8000, 0xBFFFE, 0xC0000, 0xE0000, 0xFFFF0, RAM - 1, RAM - 16, RAM, RAM + 1,
    0x80000000, 0xDFFFFFF8, 0xFEC00000, 0xFED00000, 0xFEE00000, 0xFEE00300, 0xFFFF0000, 0xFFFFFFF0, 0xFFFFFFFF,
)  # fmt: skip
LENGTHS = (0, 1, 4, 13, 14, 17, 18, 42, 59, 60, 61, 64, 1500, 1514, 1518, 1522, 1792, 2048, 4096, 9018, 16384, 65535)
FRAMES = (*LENGTHS, 65536, 68 << 10)


def address(chance: random.Random, hostile: float = 0.15) -> int:
    """Where a buffer or ring is said to be."""
    if chance.random() < hostile:
        return chance.choice((chance.choice(ODD), MMIO + chance.randrange(0x80), MMIO + chance.randrange(0x4000)))
    return (BUFFERS + chance.randrange(64) * 0x1000 + chance.choice((0, 0, 0, 1, 2, 0xFFE))) & ~chance.choice((0, 15))


def frame(chance: random.Random, length: int | None = None) -> bytes:
    """A frame, often one for the card, with headers that checksum offload and segmentation look at."""
    length = chance.choice(FRAMES) if length is None else length
    to = chance.choice((MAC, MAC, b"\xff" * 6, b"\x01\x00\x5e\x00\x00\x01", chance.randbytes(6)))
    payload = chance.choice((_ip, _ip, _ip6, lambda c, n: b"\x81\x00" + c.randbytes(2) + _ip(c, n),
                             lambda c, n: c.randbytes(2)))(chance, length)  # fmt: skip
    whole = to + chance.randbytes(6) + payload
    return (whole + bytes(max(0, length - len(whole))))[:length]


def _ip(chance: random.Random, length: int) -> bytes:
    words = chance.choice((5, 5, 5, 6, 15, 0, chance.randrange(16)))
    total = chance.choice((max(length - 14, 0) & 0xFFFF, chance.getrandbits(16), 0, 20))
    header = bytes((0x40 | words, 0)) + total.to_bytes(2, "big") + chance.randbytes(5)
    header += bytes((chance.choice((6, 17, 1)),)) + chance.randbytes(10)
    tcp = chance.randbytes(12) + bytes((chance.choice((0x50, 0xF0, 0, 0x20)),)) + chance.randbytes(7)
    return b"\x08\x00" + header.ljust(words * 4, b"\0") + tcp


def _ip6(chance: random.Random, length: int) -> bytes:
    return b"\x86\xdd\x60\0\0\0" + chance.randbytes(2) + bytes((chance.choice((6, 17, 0, 44)),)) + chance.randbytes(53)


class Plan:
    """A plan for one card. Subclasses say what its registers are and what its driver does (`DRIVER`)."""

    NAME: ClassVar[str]
    BARS: ClassVar[tuple[tuple[int, bool], ...]]  # length, whether they are ports
    REGISTERS: ClassVar[tuple[tuple[int, int], ...]]  # offset, size
    DRIVER: ClassVar[tuple[str, ...]]  # methods that make the steps of something that a driver does

    def __init__(self, chance: random.Random):
        self.chance = chance
        self.bases = [IO if io else MMIO for _, io in self.BARS]

    def steps(self, count: int) -> list[Step]:
        found = [*self.place()]
        found += self.start()
        while len(found) < count:
            found += self.some()
        return found

    def some(self) -> Iterator[Step]:
        """A few steps that belong together."""
        roll = self.chance.random()
        if roll < 0.5:
            yield from getattr(self, self.chance.choice(self.DRIVER))()
        elif roll < 0.7:
            yield from self.anything()
        elif roll < 0.92:
            yield from self.outside()
        elif roll < 0.94:
            yield from self.start()
        else:
            yield from self.configuration()

    def outside(self) -> Iterator[Step]:
        chance = self.chance
        kind = chance.choice(("frame",) * 6 + ("time", "time", "link") + ("reset",) * (chance.random() < 0.1))
        if kind == "frame":
            for _ in range(chance.choice((1, 1, 2, 5))):
                yield "frame", frame(chance)
        elif kind == "time":
            yield "time", int(10 ** chance.uniform(0, 8.5))
        elif kind == "link":
            yield "link", chance.random() < 0.7
        else:
            yield ("reset",)
            yield from self.place()

    def anything(self) -> Iterator[Step]:
        """Any register, and now and then any address of its range, with any value."""
        chance = self.chance
        for _ in range(chance.choice((1, 2, 8))):
            offset, size = chance.choice(self.REGISTERS)
            bar = chance.randrange(len(self.BARS))
            if chance.random() < 0.3:
                offset, size = chance.randrange(self.BARS[bar][0]), chance.choice((1, 2, 4))
            if chance.random() < 0.4:
                yield self.read(offset, size, bar)
            else:
                yield self.write(offset, size, self.value(), bar)

    def value(self) -> int:
        chance = self.chance
        return chance.choice((
            0, 1, 0xFF, 0xFFFF, 0xFFFFFFFF, 1 << chance.randrange(32), chance.getrandbits(32), chance.getrandbits(8),
            address(chance), ~(1 << chance.randrange(32)) & 0xFFFFFFFF,
        ))  # fmt: skip

    # what a guest does

    def read(self, offset: int, size: int = 4, bar: int | None = None) -> Step:
        at, io = self._at(offset, bar)
        return ("in", at, size) if io else ("read", at, size)

    def write(self, offset: int, size: int, value: int, bar: int | None = None) -> Step:
        at, io = self._at(offset, bar)
        value &= (1 << 8 * size) - 1
        return ("out", at, size, value) if io else ("write", at, size, value)

    def _at(self, offset: int, bar: int | None) -> tuple[int, bool]:
        if bar is None:
            bar = self.whole_bar()
        length, io = self.BARS[bar]
        base = self.bases[bar] + offset % length
        return (base & 0xFFFF if io else base & 0xFFFFFFFF), io

    def whole_bar(self) -> int:
        """One in which all registers are."""
        return self.chance.randrange(len(self.BARS))

    def config(self, offset: int, size: int, value: int) -> Iterator[Step]:
        yield "out", 0xCF8, 4, 0x80000000 | SLOT << 11 | offset & 0xFC
        yield "out", 0xCFC + (offset & 3), size, value & ((1 << 8 * size) - 1)

    def place(self) -> Iterator[Step]:
        """What firmware does: addresses, decoding, bus mastering, a level-triggered interrupt 11."""
        for bar, (_, io) in enumerate(self.BARS):
            self.bases[bar] = IO if io else MMIO
            yield from self.config(BAR0 + 4 * bar, 4, self.bases[bar])
        yield from self.config(COMMAND, 2, 7)

    def configuration(self) -> Iterator[Step]:
        """Decoding and bus mastering off and on, ranges elsewhere, anything else."""
        chance = self.chance
        kind = chance.choice(("command", "command", "bar", "size", "any"))
        if kind == "command":
            yield from self.config(COMMAND, 2, chance.choice((0, 1, 2, 3, 3, 3, 4, 6, 0xFFFF)))
            yield from getattr(self, chance.choice(self.DRIVER))()
            yield from self.outside()
            yield from self.config(COMMAND, 2, 7)
        elif kind == "any":
            yield from self.config(chance.randrange(256), chance.choice((1, 2, 4)), chance.getrandbits(32))
            yield from self.place()
        else:
            bar = chance.randrange(len(self.BARS))
            io = self.BARS[bar][1]
            new = chance.choice((0xC400, 0xFF00, 0x3F0, 0xFFFFFFFF) if io else
                                (0xFEA00000, 0xE0000000, 0x100000, 0, 0xFEE00000, 0xFFFE0000, 0xFFFFFFFF))  # fmt: skip
            yield from self.config(BAR0 + 4 * bar, 4, new)
            self.bases[bar] = new & (0xFFFC if io else ~15 & 0xFFFFFFFF)
            yield from self.anything()
            if kind == "size" or new in (0, 0x100000, 0xFFFFFFFF):
                yield from self.place()

    def start(self) -> Iterator[Step]:
        """What a driver does first."""
        raise NotImplementedError

    def ring(self, entry: Callable[[bool], bytes], count: int, base: int) -> Step:
        """Descriptors in memory; now and then they lie where no ring should, then none is written."""
        return "ram", base, b"".join(entry(n == count - 1) for n in range(count))
