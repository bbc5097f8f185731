"""Two recordings of the same start: the first moment at which they are not the same, and what differs there.

What is recorded is compared first: events in order, and digests at the moments that both have. That alone finds the
first event that differs and a bound for the state. Then both are replayed, in lock-step, from the last moment at which
they are known to be the same, and bisected to the one instruction, delivery or alarm behind which they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.cli.recorded_config import config_of
from playhead.cli.recorded_machine import builder
from playhead.host.host import Host
from playhead.log.digests import Digest, differing
from playhead.log.events import Entry, NetPacket, text_of, to_row
from playhead.log.moment import START, Moment
from playhead.machine.differences import Difference
from playhead.session.first_difference import Found, first_difference, same
from playhead.timeline.player import Player

MOST = 12  # differences that a text lists


@dataclass(frozen=True)
class Events:
    """The first event that only one has, or that differs; None: there is none."""

    first: Entry | None
    second: Entry | None

    @property
    def moment(self) -> Moment:
        return min(e.moment for e in (self.first, self.second) if e is not None)


@dataclass(frozen=True)
class Digests:
    """The first digest that differs: that of instruction `icount`; `equal_at`: the last one before that is the same."""

    icount: int
    parts: list[str]


@dataclass
class Diff:
    """What was found. Empty, where the two are the same."""

    names: tuple[str, str]
    events: Events | None = None
    digests: Digests | None = None
    found: Found | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return self.events is None and self.digests is None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        out: dict[str, Any] = {"same": self.same, "first": self.names[0], "second": self.names[1]}
        if self.events is not None:
            out["event"] = {"first": _plain(self.events.first), "second": _plain(self.events.second)}
        if self.digests is not None:
            out["digest"] = {"icount": self.digests.icount, "parts": self.digests.parts}
        if self.found is not None:
            f = self.found
            out["difference"] = {
                "icount": f.moment.icount, "seq": f.moment.seq, "virtual_ns": f.virtual_ns, "step": f.step,
                "text": f.text, "differences": [_difference(d, f.before.get(d)) for d in f.differences],
            }  # fmt: skip
        return out | ({"notes": self.notes} if self.notes else {})

    def lines(self) -> Iterator[str]:
        """For people."""
        if self.same:
            yield "the same: every event, and every digest that both have"
            return
        if self.events is not None:
            yield "first differing event"
            for name, entry in zip(self.names, (self.events.first, self.events.second), strict=True):
                yield f"  {name}: {_event(entry)}"
        if self.digests is not None:
            parts = ", ".join(self.digests.parts) or "a part that the checks do not tell"
            yield f"first differing digest: of instruction {self.digests.icount}, in {parts}"
        if self.found is not None:
            yield from self._found(self.found)
        yield from self.notes

    def _found(self, f: Found) -> Iterator[str]:
        yield f"they part behind {f.moment} ({f.virtual_ns / 1e9:.6f} s): {f.step} {f.text}"
        yield from (f"  with {text}" for text in f.inputs)
        for d in f.differences[:MOST]:
            was = f" (before: {f.before[d]})" if d in f.before else ""
            yield f"  {d.part} {d.where}: {d.expected} | {d.found}{was}"
        if len(f.differences) > MOST:
            yield f"  and {len(f.differences) - MOST} more differences"


def _plain(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {"id": entry.id, "icount": entry.moment.icount, "seq": entry.moment.seq, "text": text_of(entry.event)}


def _difference(d: Difference, before: str | None) -> dict[str, Any]:
    out = {"part": d.part, "where": d.where, "first": d.expected, "second": d.found}
    return out if before is None else {**out, "before": before}


def _event(entry: Entry | None) -> str:
    if entry is None:
        return "none: it ends before, without an end"
    text = text_of(entry.event)
    return f"{text if len(text) <= 90 else text[:87] + '...'} at {entry.moment}"


# -- what is recorded


def check_same_start(a: Source, b: Source) -> None:
    """Raise UsageError unless both begin in the same state of the same machine."""
    one, other = (config_of(rec.reader).to_json() for rec in (a, b))
    odd = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    if odd:
        raise UsageError(f"{a.path} and {b.path} are of different machines: they differ in {', '.join(odd)}")
    if a.reader.meta.get("shift") != b.reader.meta.get("shift"):
        raise UsageError(f"{a.path} and {b.path} are of different machines: they differ in -icount's shift")
    if a.reader.start != b.reader.start:
        begins = " and ".join(str(rec.reader.start.moment if rec.reader.start else START) for rec in (a, b))
        raise UsageError(f"{a.path} and {b.path} begin in different states: at {begins}")


def _key(entry: Entry) -> tuple[Any, ...]:
    """What is compared of an event: not when a packet came on the host, which no guest sees."""
    event = entry.event
    if isinstance(event, NetPacket):
        return entry.moment, event.net, event.flags, bytes(event.data)
    return entry.moment, to_row(event)


def first_event(a: Source, b: Source) -> Events | None:
    ones, others = a.reader.entries(), b.reader.entries()
    while True:
        one, other = next(ones, None), next(others, None)
        if one is None and other is None:
            return None
        if one is None or other is None or _key(one) != _key(other):
            return Events(one, other)


def _digests(rec: Source) -> Iterator[tuple[int, Digest]]:
    return (digest for batch in rec.reader.batches() for digest in batch.digests)


def first_digest(a: Source, b: Source) -> tuple[Digests | None, int | None]:
    """The first that differs, and the instruction of the last one before it that is the same."""
    equal = None
    ones, others = _digests(a), _digests(b)
    one, other = next(ones, None), next(others, None)
    while one is not None and other is not None:
        if one[0] < other[0]:
            one = next(ones, None)
        elif other[0] < one[0]:
            other = next(others, None)
        else:
            if one[1] != other[1]:
                return Digests(one[0], differing(a.reader.parts, one[1], other[1])), equal
            equal = one[0]
            one, other = next(ones, None), next(others, None)
    return None, equal


# -- what is replayed


class _Pair:
    """Both recordings in lock-step."""

    def __init__(self, a: Source, b: Source, tell: Callable[[str], None], watch: Callable[[], None]):
        self._tell = tell
        self.first, self.second = (self._track(rec, watch) for rec in (a, b))

    @staticmethod
    def _track(rec: Source, watch: Callable[[], None]) -> Player:
        build, serial = builder(rec.reader, rec.engine, rec.images)
        return Player(build, Host(), len(serial), rec.reader, lambda track: watch()).begin()

    def to(self, moment: Moment) -> bool:
        """Both there, from their last checkpoints before it; False if they are not the same any more."""
        self._tell(f"replaying both up to {moment}")
        for player in (self.first, self.second):
            before = [c for c in player.proper if player.moment < c.moment <= moment]
            if before:
                player.back(player.load(before[-1]))
            player.to(moment)
        return same(self.first, self.second)

    def part(self, upto: int) -> Found | None:
        """Where they part, from where they are."""
        found = first_difference(self.first, self.second, upto, self._tell)
        if found is not None:
            entries = (player.reader.entries() for player in (self.first, self.second))
            here = (text_of(entry.event) for entry in chain(*entries) if entry.moment == found.moment)
            found.inputs = list(dict.fromkeys(here))
        return found


def _nowhere() -> None:
    pass


def diff(a: Source, b: Source, *, replay: bool = True, tell: Callable[[str], None] = lambda text: None,
         watch: Callable[[], None] = _nowhere) -> Diff:  # fmt: skip
    """Compare two recordings of the same start. `replay`: find the exact place by replaying both. Raises UsageError if
    they are of different machines or starts.
    """
    check_same_start(a, b)
    tell("comparing events and digests")
    events, (digests, equal) = first_event(a, b), first_digest(a, b)
    out = Diff((a.path, b.path), events, digests)
    if out.same or not replay:
        return out
    pair = _Pair(a, b, tell, watch)
    end = min(a.end, b.end)
    if events is not None and (digests is None or events.moment.icount < digests.icount):
        out.found = _from_event(pair, events.moment, min(digests.icount if digests else end.icount, end.icount))
    else:
        assert digests is not None
        pair.to(Moment(equal or a.start.icount))
        out.found = pair.part(digests.icount)
    if out.found is None:
        out.notes.append("their states are the same as far as both go" if digests is None else
                         "replayed, their states are the same there: the digest that one of them has is of another "
                         "state, which playhead replay tells more about")  # fmt: skip
    return out


def _from_event(pair: _Pair, moment: Moment, upto: int) -> Found | None:
    """From the first event that differs: as a rule, they differ right behind it."""
    if not pair.to(moment):  # by an event of before that is recorded alike
        return None
    found = pair.part(moment.icount + 1)
    return found if found is not None or upto <= moment.icount + 1 else pair.part(upto)
