"""How often each page of RAM is read and written, counted while a machine runs.

An access of up to eight bytes counts once, in each of the pages that it touches, for instructions and deliveries that
have happened; each iteration of a REP counts. A read-modify-write is a read and a write. Not counted: instruction
fetches, page walks, bus masters, and what devices answer. The counts do not depend on the engine or on how runs are
cut. Meanwhile accesses leave the fast path and nothing is compiled, so a run takes three to four times as long.
"""

from typing import NamedTuple

from playhead.engine.core import Core
from playhead.hw.memory import PAGE, Memory


class Accesses(NamedTuple):
    reads: int
    writes: int


class PageCounts:
    """Of one machine. To be used between two runs."""

    def __init__(self, core: Core, memory: Memory):
        self._core, self._memory = core, memory
        self._reads, self._writes = (memoryview(a).cast("Q") for a in (core.read_counts, core.write_counts))

    @property
    def on(self) -> bool:
        return bool(self._core.get("counting"))

    def start(self) -> None:
        """Count from here on, from zero."""
        self._core.set("counted_pages", self._memory.searchable // PAGE)
        self.take()
        self._switch(1)

    def stop(self) -> None:
        """Counts are gone."""
        self._switch(0)
        self.take()

    def _switch(self, on: int) -> None:
        if self._core.get("counting") != on:
            self._core.set("counting", on)
            self._core.forget_code()
            self._core.stale = True

    def take(self) -> dict[int, Accesses]:
        """The counts since the start, or since they were taken, by physical address of the page, in order."""
        pages = self._core.get("counted_pages")
        found = {}
        for page, (reads, writes) in enumerate(zip(self._reads[:pages], self._writes[:pages], strict=True)):
            if reads or writes:
                found[self._memory.shown_where(page * PAGE)] = Accesses(reads, writes)
                self._reads[page] = self._writes[page] = 0
        return dict(sorted(found.items()))
