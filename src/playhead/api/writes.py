"""Every write to some bytes of memory: a leader finds them, a follower says which instructions made them.

The leader runs with a watchpoint, and stops behind each write. There it is not known any more which instruction it was,
and what the bytes held before: a second machine runs after the first one, up to the instruction before each stop, and
looks.

Searches go by the stretches between checkpoints. One is skipped if the recording knows that nothing wrote there. The
newest writes come from the last stretch first; of one with very many, from its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from playhead.api.interrupts import interruptible
from playhead.api.rows import Row
from playhead.api.source import Source
from playhead.api.walk import Walk
from playhead.base.errors import NoMemory, UsageError
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.debug import WRITE, Access, Watch
from playhead.timeline.timeline import Timeline

LONGEST = 1 << 20  # bytes that can be asked for
AT_ONCE = 4096  # writes of one stretch that are looked at together


@dataclass(frozen=True)
class Write(Row):
    """One write: an instruction's, a delivery's, a page walk's, or a bus master's. `moment` is before it, with the
    guest's time then; `ip` is the linear address of the instruction that is next there (the one that wrote, if `by` is
    cpu), `text` what it is. `address`: of the first of the bytes asked for that were touched; `before` and `after`:
    what those from there to the last one touched held.
    """

    moment: Moment
    virtual_ns: int
    ip: int
    text: str
    address: int
    before: bytes
    after: bytes
    by: str


class Places(NamedTuple):
    """The bytes asked for: their first address, and where they are, as (physical address, length). `area`: watchpoints
    on video memory, and where in the backing area that is.
    """

    address: int
    pieces: tuple[tuple[int, int], ...]
    area: dict[Watch, int]

    @property
    def watches(self) -> list[Watch]:
        return [Watch(at, n, WRITE, physical=True) for at, n in self.pieces]

    def read(self, line: Timeline, low: int, high: int) -> bytes:
        """What some of them hold; nothing if not all are memory then."""
        out, offset = bytearray(), 0
        for at, n in self.pieces:
            first, end = max(low - offset, 0), min(high - offset, n)
            if first < end:
                out += look.read(line.machine, at + first, end - first, physical=True)
            offset += n
        return bytes(out) if len(out) == high - low else b""

    @property
    def length(self) -> int:
        return sum(n for _, n in self.pieces)

    def touched(self, accesses: tuple[Access, ...]) -> tuple[int, int]:
        """From which to behind which byte."""
        low, high, offset = 1 << 62, 0, 0
        for at, n in self.pieces:
            for access in accesses:
                first, end = max(access.address, at), min(access.address + access.size, at + n)
                if access.physical and first < end:
                    low, high = min(low, offset + first - at), max(high, offset + end - at)
            offset += n
        assert low < high, f"{accesses} are not in {self.pieces}"
        return low, high


class _Hit(NamedTuple):
    """`moment`: behind the write; `entered`: it was made by what entered at that moment, not by the instruction
    before.
    """

    moment: Moment
    entered: bool
    low: int
    high: int
    before: bytes  # as long as nothing else changes them (a loadvm does)
    after: bytes
    by: str


def places(source: Source, address: int, length: int, physical: bool, at: Moment,
           low: Moment, high: Moment) -> tuple[Places, list[tuple[Moment, Moment]]]:  # fmt: skip
    """Where the bytes are by the page tables of a moment, and the stretches of [low, high] in which something may have
    written there, the last one first. Raises UsageError, and NoMemory.
    """
    if isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= LONGEST:
        raise UsageError(f"the length can be 1 to {LONGEST} bytes, not {length!r}")
    if address + length > 1 << 32:
        raise UsageError(f"{address:#x} and {length} bytes more go beyond the last address")
    line = source.timeline()
    try:
        with interruptible(line):
            line.enter(at)
        found = tuple(look.pieces(line.machine, address, length, physical))
        if (got := sum(n for _, n in found)) < length:
            when = "" if physical else f" at moment {at}; `at=` takes a moment at which it is mapped"
            raise NoMemory(f"there is no memory at {'physical ' if physical else ''}address {address + got:#x}{when}")
        where = Places(address, found, {})
        line.watch((), where.watches)
        area = line.machine.debug.looked_for[2]
        return where._replace(area=area), [(max(one.low, low), one.high) for one in line.stretches(low, high)]
    finally:
        source.give_back(line)


def forwards(source: Source, where: Places, stretches: list[tuple[Moment, Moment]]) -> Iterator[Write]:
    """`stretches`: the last one first, here and below."""
    for start, end in reversed(stretches):
        yield from _rows(source, where, start, _hits(source, where, start, end))


def backwards(source: Source, where: Places, stretches: list[tuple[Moment, Moment]]) -> Iterator[Write]:
    for start, end in stretches:
        while start < end:
            hits, end = _last_hits(source, where, start, end)
            yield from reversed(list(_rows(source, where, start, iter(hits))))


def _last_hits(source: Source, where: Places, start: Moment, end: Moment) -> tuple[list[_Hit], Moment]:
    """The last ones of a stretch, and where what is left of it ends."""
    kept: deque[_Hit] = deque()
    left = start
    for hit in _hits(source, where, start, end):
        kept.append(hit)
        while len(kept) > AT_ONCE or (kept and _is_in(kept[0], left)):
            gone = kept.popleft()
            left = max(left, Moment(gone.moment.icount, gone.moment.seq + gone.entered))
    return list(kept), left


def _is_in(hit: _Hit, end: Moment) -> bool:
    """Whether a walk to `end` meets it: what enters at `end` comes later."""
    return hit.moment < end or (hit.moment == end and not hit.entered)


def _hits(source: Source, where: Places, start: Moment, end: Moment) -> Iterator[_Hit]:
    """The writes behind `start`, up to `end`."""
    walk = Walk(source, start, end, "looking for writes")
    walk.watches, walk.places = where.watches, where.area
    content = bytearray()
    walk.began = lambda: content.extend(where.read(walk.line, 0, where.length))
    stops = iter(walk)
    try:
        for stop in stops:
            mine = tuple(access for access in stop.accesses if access.physical)  # type: ignore[union-attr]
            if mine:
                yield _hit(walk, where, mine, content)
    finally:
        stops.close()  # type: ignore[attr-defined]


def _hit(walk: Walk, where: Places, accesses: tuple[Access, ...], content: bytearray) -> _Hit:
    """`content`: what all bytes held before; nothing if they were no memory."""
    low, high = where.touched(accesses)
    before, after = bytes(content[low:high]), where.read(walk.line, low, high)
    if content and after:
        content[low:high] = after
    else:
        content[:] = where.read(walk.line, 0, where.length)
    by = ", ".join(dict.fromkeys(access.by for access in accesses))
    return _Hit(walk.moment, walk.line.player.something_entered_here, low, high, before, after, by)


def _rows(source: Source, where: Places, start: Moment, hits: Iterator[_Hit]) -> Iterator[Write]:
    """With the follower, which begins in the checkpoint that is nearest to the first."""
    first = next(hits, None)
    if first is None:
        return
    line = source.timeline()
    try:
        with interruptible(line):
            line.enter(max(start, _before(first)))
        last: _Hit | None = None
        for hit in chain((first,), hits):
            again = last is not None and last.entered and last.moment == hit.moment
            with interruptible(line):
                row = _row(line, where, hit, again)
            yield row
            last = hit
    finally:
        source.give_back(line)


def _before(hit: _Hit) -> Moment:
    """A moment from which at most a few steps lead there."""
    return hit.moment if hit.entered else Moment(hit.moment.icount - (hit.moment.seq == 0))


def _row(line: Timeline, where: Places, hit: _Hit, again: bool) -> Write:
    """`again`: not the first thing that entered at its moment and wrote."""
    machine, there = line.machine, hit.moment
    line.player.to(max(line.moment, _before(hit)))
    while True:
        moment, ns, ip, text = line.moment, machine.now_ns(), machine.pc(), look.instruction_text(machine)
        before = hit.before if again else where.read(line, hit.low, hit.high)
        if hit.entered or line.step().moment >= there:
            return Write(moment, ns, ip, text, where.address + hit.low, before, hit.after, hit.by)
