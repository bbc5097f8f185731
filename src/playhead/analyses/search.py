"""Each place and moment at which a byte string comes to stand in memory, on all processors or on a cluster: what
`Recording.find` gives, from segments. Whether a store completes the string depends on memory in front of it only, so
the answers of segments follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from playhead.api.asking import ask
from playhead.api.recording import Recording
from playhead.api.segments import Query, Segment, Told
from playhead.api.sightings import Sighting, sightings, sought
from playhead.api.source import Place


class Searching(Query[list[Sighting], list[Sighting]]):
    def __init__(self, data: bytes):
        self.data = data

    def start(self, rec: Recording) -> Callable[[Segment], list[Sighting]]:
        return lambda segment: list(sightings(rec, self.data, segment.first, segment.last))

    def merge(self, parts: Iterator[list[Sighting]]) -> list[Sighting]:
        return [row for part in parts for row in part]


def search(rec: Recording, data: bytes, first: Place = "start", last: Place = "end", *, jobs: int | None = None,
           dask: Any = None, progress: Told | None = None) -> list[Sighting]:  # fmt: skip
    """The rows of `rec.find(data, between=(first, last))`, in order. `jobs`, `dask` and `progress` are as for `ask`.
    Raises UsageError, and what `ask` raises."""
    return ask(rec, Searching(sought(data)), first, last, jobs=jobs, dask=dask, progress=progress)
