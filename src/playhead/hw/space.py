"""Address spaces that devices answer in: the I/O ports, and memory-mapped registers.

A handler is `read(address, size) -> int` and `write(address, size, value)`, with the full address and size 1, 2 or 4. A
range is mapped with the access sizes that the chip understands; a wider access is split low byte first, as the bus
does, and a narrower one of a range that only takes wide accesses is widened (read: the wide register shifted; write:
refused silently). Where no device is, reads give all ones and writes are ignored.

Ranges may overlap. Who answers then is a matter of the ranges that there are, never of when they came: a machine that
is put into a saved state maps them in another order than the guest did.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from playhead.hw.native import DECLINED, Registers

Read = Callable[[int, int], int]
Write = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses [base, base + length) that one chip answers."""

    base: int
    length: int
    read: Read
    write: Write
    min_size: int
    max_size: int
    name: str
    registers: Registers | None = None
    moves: bool = False
    look: Callable[[int, int], bytes] | None = None
    """What a debugger sees at [address, address + length) of a range that is memory to software: it changes nothing."""

    def get(self, address: int, size: int) -> int:
        """Read: what is declared of the registers, else the handler."""
        if self.registers is not None:
            value = self.registers.answer(address - self.base, size)
            if value != DECLINED:
                return value
        return self.read(address, size)

    def put(self, address: int, size: int, value: int) -> None:
        """Write, likewise."""
        if self.registers is None or not self.registers.take(address - self.base, size, value):
            self.write(address, size, value)


class Space:
    """A set of ranges, looked up by address.

    Where they overlap, one that the guest places (`moves`) wins over those that are fixed; of two such, the one whose
    name comes later; of fixed ones, which are all there before the machine runs, the one that was mapped later.
    """

    def __init__(self, name: str, size: int):
        self.name = name
        self.size = size
        self._ranges: list[Range] = []
        self._starts: list[int] = []
        self._pieces: list[Range | None] = []
        self._dirty = True
        self.changed: Callable[[], None] = lambda: None
        self.moved: Callable[[], None] = lambda: None

    def map(self, base: int, length: int, read: Read, write: Write, *, min_size: int = 1, max_size: int = 1,
            name: str = "", registers: Registers | None = None, moves: bool = False,
            look: Callable[[int, int], bytes] | None = None) -> Range:  # fmt: skip
        assert length > 0 and 0 <= base and base + length <= self.size, f"{self.name}: {base:#x}+{length:#x}"
        entry = Range(base, length, read, write, min_size, max_size, name, registers, moves, look)
        self.add(entry)
        return entry

    def add(self, entry: Range) -> None:
        self._ranges.append(entry)
        self._ranges.sort(key=lambda r: (r.moves, r.name if r.moves else ""))
        self._told()

    def unmap(self, entry: Range) -> None:
        self._ranges = [r for r in self._ranges if r is not entry]
        self._told()

    def _told(self) -> None:
        self._dirty = True
        self.changed()
        self.moved()

    def ranges(self) -> list[Range]:
        return list(self._ranges)

    def find(self, address: int) -> Range | None:
        if self._dirty:
            self._build()
        return self._pieces[bisect_right(self._starts, address) - 1]

    def _build(self) -> None:
        cuts = sorted({0} | {r.base for r in self._ranges} | {r.base + r.length for r in self._ranges})
        self._starts = cuts
        self._pieces = []
        for start in cuts:
            owner = None
            for r in self._ranges:
                if r.base <= start < r.base + r.length:
                    owner = r
            self._pieces.append(owner)
        self._dirty = False

    def pieces(self) -> list[tuple[int, Range | None]]:
        """The whole space in order: (first address, who answers from there on)."""
        if self._dirty:
            self._build()
        return list(zip(self._starts, self._pieces, strict=True))

    def read(self, address: int, size: int) -> int:
        r = self.find(address)
        if r is None and size == 1:
            return 0xFF
        if r is None or size > r.max_size or address + size > r.base + r.length:
            if size == 1:
                assert r is not None
                return r.get(address, 1) & 0xFF
            half = size // 2
            return self.read(address, half) | self.read((address + half) % self.size, half) << (8 * half)
        if size < r.min_size:
            aligned = address & ~(r.min_size - 1)
            return r.get(aligned, r.min_size) >> (8 * (address - aligned)) & ((1 << 8 * size) - 1)
        return r.get(address, size) & ((1 << 8 * size) - 1)

    def write(self, address: int, size: int, value: int) -> None:
        r = self.find(address)
        if r is None and size == 1:
            return
        if r is None or size > r.max_size or address + size > r.base + r.length:
            if size == 1:
                assert r is not None
                r.put(address, 1, value & 0xFF)
                return
            half = size // 2
            self.write(address, half, value & ((1 << 8 * half) - 1))
            self.write((address + half) % self.size, half, value >> (8 * half))
            return
        if size < r.min_size:
            return
        r.put(address, size, value)


def never(address: int, size: int, value: int = 0) -> NoReturn:
    """The handler of a range whose registers are declared without exception."""
    raise AssertionError(f"{address:#x}: an access that is declared")
