"""Counts the events of a log: how many and how many bytes of each kind, and how they are spread over its instructions.

One pass, whatever the log's length: bins of a power of ten instructions are counted, ten of which become one whenever
there are too many; at the end they are put together into some twenty rows of a round width.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from playhead.log.events import KINDS, Entry, to_row

FINE = 4000  # bins at most while counting
ROWS = 25  # rows at most when shown
BAR = 40  # characters of the longest bar
ROW = 8  # bytes of an event in a recording besides arguments and payload, as `Reader.sizes` counts


@dataclass
class Tally:
    """One kind, or one bin."""

    events: int = 0
    bytes: int = 0
    first: int = 0  # instruction counts
    last: int = 0

    def add(self, icount: int, size: int) -> None:
        if not self.events:
            self.first = icount
        self.events += 1
        self.bytes += size
        self.last = icount


@dataclass
class Bin:
    """A stretch of instructions: events and bytes in all, events by kind."""

    events: int = 0
    bytes: int = 0
    kinds: dict[int, int] = field(default_factory=dict)

    def merge(self, other: "Bin") -> None:
        self.events += other.events
        self.bytes += other.bytes
        for tag, n in other.kinds.items():
            self.kinds[tag] = self.kinds.get(tag, 0) + n


class Stats:
    """The counts; `add` in the order of the log."""

    def __init__(self) -> None:
        self.kinds: dict[int, Tally] = {}
        self.total = Tally()
        self._width = 1
        self._bins: dict[int, Bin] = {}

    def add(self, entry: Entry, size: int) -> None:
        tag, icount = entry.kind.tag, entry.moment.icount
        tally = self.kinds.get(tag)
        if tally is None:
            tally = self.kinds[tag] = Tally()
        tally.add(icount, size)
        self.total.add(icount, size)
        at = icount // self._width
        if at >= FINE:
            self._coarser(icount)
            at = icount // self._width
        b = self._bins.get(at)
        if b is None:
            b = self._bins[at] = Bin()
        b.events += 1
        b.bytes += size
        b.kinds[tag] = b.kinds.get(tag, 0) + 1

    def _coarser(self, icount: int) -> None:
        factor = 1
        while icount // (self._width * factor) >= FINE:
            factor *= 10
        self._bins, self._width = _merged(self._bins, factor), self._width * factor

    def histogram(self) -> tuple[int, list[Bin]]:
        """(instructions per row, rows): 1, 2 or 5 times a power of ten, from instruction 0 to the last event's."""
        width, steps = self._width, (2, 5, 10)
        while self.total.last // width >= ROWS:
            width = next(self._width * f for f in _round(steps) if self.total.last // (self._width * f) < ROWS)
        bins = _merged(self._bins, width // self._width)
        count = self.total.last // width + 1 if self.total.events else 0
        return width, [bins.get(i, Bin()) for i in range(count)]


def _round(steps: tuple[int, ...]) -> Iterator[int]:
    scale = 1
    while True:
        yield from (scale * s for s in steps)
        scale *= 10


def _merged(bins: dict[int, Bin], factor: int) -> dict[int, Bin]:
    out: dict[int, Bin] = {}
    for at, b in bins.items():
        out.setdefault(at // factor, Bin()).merge(b)
    return out


def sized(entries: Iterable[Entry]) -> Iterator[tuple[Entry, int]]:
    """A recording's events with the bytes that they take in it."""
    for entry in entries:
        _, args, payload = to_row(entry.event)
        yield entry, ROW + len(args or b"") + len(payload or b"")


def count(rows: Iterable[tuple[Entry, int]]) -> Stats:
    stats = Stats()
    for entry, size in rows:
        stats.add(entry, size)
    return stats


def as_text(stats: Stats) -> Iterator[str]:
    """A table of the kinds, then the histogram."""
    yield f"{'kind':<20}{'events':>10}{'bytes':>12}  {'first':>14}  {'last':>14}"
    for tag, t in sorted(stats.kinds.items()):
        yield f"{KINDS[tag].name:<20}{t.events:>10}{t.bytes:>12}  {t.first:>14}  {t.last:>14}"
    total = stats.total
    yield f"{'total':<20}{total.events:>10}{total.bytes:>12}"
    width, rows = stats.histogram()
    if rows:
        yield ""
        yield f"{'from instruction':>20}{'events':>10}{'bytes':>12}  (each row: {width} instructions)"
    most = max((b.events for b in rows), default=0)
    for i, b in enumerate(rows):
        bar = "#" * -(-b.events * BAR // most)
        yield f"{i * width:>20}{b.events:>10}{b.bytes:>12}  {bar}".rstrip()


def as_json(stats: Stats) -> dict[str, Any]:
    """The same as plain values; the histogram also by kind."""
    width, rows = stats.histogram()
    return {
        "events": stats.total.events,
        "bytes": stats.total.bytes,
        "kinds": {KINDS[tag].name: vars(t) for tag, t in sorted(stats.kinds.items())},
        "histogram": {
            "width": width,
            "rows": [
                {
                    "from": i * width, "events": b.events, "bytes": b.bytes,
                    "kinds": {KINDS[tag].name: n for tag, n in sorted(b.kinds.items())},
                }
                for i, b in enumerate(rows)
            ],
        },
    }  # fmt: skip
