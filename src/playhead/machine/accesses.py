"""When chosen bytes of memory are used: a run on the reference engine that notes each access to them.

For the diagnosis of a divergence: a bit of memory that changes by itself shows only when something uses it, so the
accesses to a byte divide time into stretches within which such a change is one and the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from playhead.engine.reference import ADDRESS, ReferenceEngine
from playhead.hw.memory import OFFSET_MASK, PAGE
from playhead.machine.machine import Machine

Accesses = dict[int, list[int]]  # offset in the backing area -> instructions that use it, in order


class _Watching(ReferenceEngine):
    """The reference engine, with eyes on memory. Page walks and the masters of buses are not seen."""

    noted: Accesses
    pages: set[int]

    def physical_load(self, pa: int, size: int) -> int:
        self._note(pa, size)
        return super().physical_load(pa, size)

    def physical_store(self, pa: int, size: int, value: int) -> None:
        self._note(pa, size)
        super().physical_store(pa, size, value)

    def fetch(self, mode: int):
        self._fetched: list[tuple[int, int]] = []
        decoded = super().fetch(mode)
        left = decoded.len
        for pa, size in self._fetched:  # the first try is read again where an instruction crosses pages: harmless
            self._note(pa, min(size, left))
        return decoded

    def _fetch_page(self, lin: int, size: int) -> bytes:
        data = super()._fetch_page(lin, size)
        self._fetched.append((self.world["r_translate"](lin, 0x800) & ADDRESS, size))
        return data

    def _note(self, pa: int, size: int) -> None:
        if pa >> 32:
            return
        entry = self.page_map[pa >> 12]
        if entry >> 12 in self.pages:
            start = (entry & OFFSET_MASK) + (pa & 0xFFF)
            now = self.icount()
            for at in range(start, start + size):
                if at in self.noted and (not self.noted[at] or self.noted[at][-1] != now):
                    self.noted[at].append(now)


@contextmanager
def watching(machine: Machine, offsets: list[int]) -> Iterator[Accesses]:
    """While this lasts, the machine runs on an engine that notes each use of these offsets of the backing area."""
    engine = _Watching(machine.core)
    engine.noted, engine.pages = {at: [] for at in offsets}, {at // PAGE for at in offsets}
    engine._fetched = []
    before, machine.engine = machine.engine, engine
    slice_, machine._slice = machine._slice, 1 << 14
    machine.core.stale = True
    try:
        yield engine.noted
    finally:
        machine.engine, machine._slice = before, slice_
        machine.core.stale = True
