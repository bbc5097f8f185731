"""How often each page of RAM was read and written in a stretch of a recording: machine/page_counts.py over segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from playhead.api.asking import ask
from playhead.api.recording import Recording
from playhead.api.rows import Row, Table
from playhead.api.segments import Query, Segment, Told
from playhead.api.source import Place
from playhead.machine.page_counts import Accesses

Part = dict[int, Accesses]


@dataclass(frozen=True)
class PageAccesses(Row):
    """A page by its physical address."""

    address: int
    reads: int
    writes: int


class Counting(Query[Part, Part]):
    def start(self, rec: Recording) -> Callable[[Segment], Part]:
        def answer(segment: Segment) -> Part:
            line = rec.timeline()
            counts = line.machine.page_counts
            try:
                line.enter(segment.first)
                counts.start()
                segment.run(line)
                return counts.take()
            finally:
                counts.stop()
                rec.give_back(line)

        return answer

    def merge(self, parts: Iterator[Part]) -> Part:
        whole: Part = {}
        for part in parts:
            for page, (reads, writes) in part.items():
                known = whole.get(page, Accesses(0, 0))
                whole[page] = Accesses(known.reads + reads, known.writes + writes)
        return whole


def page_accesses(rec: Recording, first: Place = "start", last: Place = "end", *, jobs: int | None = None,
                  dask: Any = None, progress: Told | None = None) -> Table[PageAccesses]:  # fmt: skip
    """A row for each page of RAM that an instruction has read or written, by address. `jobs`, `dask` and `progress` are
    as for `ask`, and so is what is raised."""
    found = ask(rec, Counting(), first, last, jobs=jobs, dask=dask, progress=progress)
    return Table(iter([PageAccesses(page, *found[page]) for page in sorted(found)]), "accesses by page")
