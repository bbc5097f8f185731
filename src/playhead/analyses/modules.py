"""What executed code belongs to: the guest's kernel, one of its modules, or a stretch of addresses of which no more is
known; and the functions in it.

Everything is a table of ranges that do not overlap, so many addresses are looked up at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.linux.symbol_table import SymbolTable

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

PAGE = 1 << 12
GAP = 1 << 16  # bytes without code between two stretches
SYSTEM, USER = "system", "user"


class Module(NamedTuple):
    """A range of linear addresses. `user`: its code runs at privilege level 3."""

    name: str
    base: int
    end: int
    user: bool

    @property
    def size(self) -> int:
        return self.end - self.base


class Function(NamedTuple):
    name: str
    module: str
    address: int
    size: int


def functions(symbols: SymbolTable | None) -> list[Function]:
    """All functions by address: of several names at one address the first; each ends where the next one begins."""
    found: dict[int, Function] = {}
    for one in symbols or ():
        if one.kind in "tTwW":
            found.setdefault(one.address, Function(one.name, one.module or "kernel", one.address, one.size))
    return _without_overlaps(sorted(found.values(), key=lambda one: one.address))


def _without_overlaps(some: list[Function]) -> list[Function]:
    kept = []
    for n, one in enumerate(some):
        behind = some[n + 1].address if n + 1 < len(some) else one.address + max(one.size, 1)
        size = min(one.size or behind - one.address, behind - one.address)
        kept.append(one._replace(size=size))
    return kept


class Map:
    """Where addresses of executed code are: `modules`, and for many addresses at once the number of each one's."""

    def __init__(self, known: Iterable[Function], linear: Array, size: Array, user: Array):
        """`linear`, `size`, `user`: of all code that was executed."""
        import numpy

        self._numpy = numpy
        self.functions = list(known)
        self._starts = numpy.array([one.address for one in self.functions], "u8")
        self._ends = numpy.array([one.address + one.size for one in self.functions], "u8")
        named = self._ranges_of_functions()
        outside = numpy.full(len(linear), True)
        for one in named:
            outside &= (linear < one.base) | (linear >= one.end) | user
        self.modules = named + self._stretches(linear, size, user, outside, SYSTEM)
        self.modules += self._stretches(linear, size, user, outside, USER)

    def _ranges_of_functions(self) -> list[Module]:
        """Pages between a module's first and last function."""
        found: dict[str, tuple[int, int]] = {}
        for one in self.functions:
            low, high = found.get(one.module, (one.address, 0))
            found[one.module] = min(low, one.address), max(high, one.address + one.size)
        made = [Module(name, low & -PAGE, -(-high // PAGE) * PAGE, False) for name, (low, high) in found.items()]
        return _apart(sorted(made, key=lambda one: one.base))

    def _stretches(self, linear: Array, size: Array, user: Array, outside: Array, kind: str) -> list[Module]:
        """Neighbouring pages with code of no module."""
        numpy, is_user = self._numpy, kind == USER
        some = outside & (user == is_user)
        if not some.any():
            return []
        pages = numpy.unique(numpy.concatenate([linear[some], linear[some] + size[some] - 1]) // PAGE)
        apart = numpy.diff(pages) * PAGE > GAP
        first = numpy.flatnonzero(numpy.insert(apart, 0, True))
        last = numpy.append(first[1:], len(pages)) - 1
        return [Module(f"{kind}-{int(a) * PAGE:08x}", int(a) * PAGE, (int(b) + 1) * PAGE, is_user)
                for a, b in zip(pages[first], pages[last], strict=True)]  # fmt: skip

    def module_of(self, linear: Array, user: Array) -> Array:
        """The number of each address's module."""
        numpy = self._numpy
        found = numpy.full(len(linear), -1, "i8")
        for n, one in enumerate(self.modules):
            found[(linear >= one.base) & (linear < one.end) & (user == one.user)] = n
        return found

    def function_of(self, linear: Array, user: Array) -> Array:
        """The number of each address's function, -1 where none is known."""
        numpy = self._numpy
        if not self.functions:
            return numpy.full(len(linear), -1, "i8")
        found = numpy.searchsorted(self._starts, linear, "right").astype("i8") - 1
        return numpy.where((found < 0) | user | (linear >= self._ends[found]), -1, found)


def _apart(some: list[Module]) -> list[Module]:
    """Ranges of pages that do not overlap: where two have a page, the second one begins behind it."""
    kept: list[Module] = []
    for one in some:
        base = max(one.base, kept[-1].end) if kept else one.base
        if base < one.end:
            kept.append(one._replace(base=base))
    return kept
