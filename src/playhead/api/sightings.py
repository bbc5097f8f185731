"""Where and when a byte string comes to stand in memory: each time, found while the machine runs (`Debug.set_search`).

A sighting is a place in RAM by its physical address and the moment behind the instruction, the delivery or the write of
a bus master that completed the string there. What stands already at the beginning of a stretch is no sighting until it
has been broken and comes back. Strings that go on at a physical address that does not follow are none, nor what is in
video memory, registers and disks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from playhead.api.rows import Row
from playhead.api.source import Source
from playhead.api.walk import Walk
from playhead.base.errors import UsageError
from playhead.log.events import Entry
from playhead.log.moment import Moment
from playhead.machine.debug import FOUND, LONGEST_SEARCH


@dataclass(frozen=True)
class Sighting(Row):
    """From `moment` on the bytes stand at the physical `address`. `by`: cpu, or the name of a bus master."""

    moment: Moment
    virtual_ns: int
    address: int
    by: str


def sought(data: object) -> bytes:
    """What `find` was given. Raises UsageError."""
    if not isinstance(data, (bytes, bytearray, memoryview)) or not 1 <= len(bytes(data)) <= LONGEST_SEARCH:
        raise UsageError(f"what is searched for is a byte string of 1 to {LONGEST_SEARCH} bytes, not {data!r:.60}")
    return bytes(data)


def sightings(source: Source, data: bytes, low: Moment, high: Moment) -> Iterator[Sighting]:
    """Those behind `low`, up to `high`."""
    walk = Walk(source, low, high, "searching memory")
    walk.search = data
    for stop in walk:
        view = walk.view()
        assert not isinstance(stop, Entry)
        for access in stop.accesses:
            if access.kind == FOUND:
                yield Sighting(view.moment, view.virtual_ns, access.address, access.by)
