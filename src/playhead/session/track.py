"""One more run of a recording's inputs, silent, that stops anywhere and can be put back, for a diagnosis."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import DivergenceError
from playhead.host.host import Host
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine import checkpoint
from playhead.machine.checkpoint import unwritten
from playhead.machine.machine import Machine
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.run import Build


class Stopped(Exception):
    """The user has cancelled the diagnosis."""


class _Nobody:
    """A character device that nothing is connected to."""

    def write(self, data: bytes) -> None:
        pass


class Silence:
    """The host of a track: output is dropped, and signals do not end it."""

    crowded = False  # nobody who reads too slowly is waited for

    def __init__(self, host: Host, ports: int):
        self.ends: dict[str, Any] = {name: _Nobody() for name in (*(f"serial{n}" for n in range(ports)), "debugcon")}
        self.status, self.realtime_ns = host.status, host.realtime_ns

    def start(self, wake: Callable[[], None]) -> None:
        pass

    def flush(self) -> None:
        pass

    def quit_cause(self) -> str:
        return ""  # that ends the diagnosis, not a track


@dataclass(frozen=True)
class Point:
    """A track's whole state at a moment. `pages` are all that were ever written (`machine/checkpoint.py`)."""

    moment: Moment
    parts: dict[str, bytes]
    pages: dict[int, bytes]
    last_event: int
    boundary: int
    equal_at: int | None
    rest: tuple[Any, ...]
    fresh: int = 0  # pages that changed since the point before it


class Track(ReplaySession):
    """`to(moment)` runs there; `failure` says how the run left its recording, once it has."""

    machine: Machine

    def __init__(self, build: Build, host: Host, ports: int, reader: Reader, watch: Callable[["Track"], None]):
        super().__init__(build, Silence(host, ports), reader, ReplayOptions(console=False, progress=False))  # type: ignore[arg-type]
        self._watch = watch
        self._until: Moment | None = None
        self._pages: dict[int, bytes] = {}  # what they hold now, but for what was written since `_sync`
        self._base: Point | None = None  # the last point that was taken or put back
        self._since: set[int] = set()  # pages that have changed since, as far as `_sync` saw
        self.failure: DivergenceError | None = None

    def begin(self) -> "Track":
        try:
            self._begin()
        except DivergenceError as e:
            self.failure = e
        return self

    @property
    def moment(self) -> Moment:
        return self._moment()

    @property
    def equal_at(self) -> int | None:
        return self._equal_at

    @property
    def over(self) -> bool:
        """True if it has ended, by success or failure."""
        return self.failure is not None or self._outcome is not None

    @property
    def complete(self) -> bool:
        return self._outcome is not None and self._outcome.complete

    def to(self, moment: Moment, *, compare: bool = False) -> bool:
        """Run up to a moment, before any event of that moment. `compare`: check the digest of that moment too, if there
        is one. False if the run diverged from its recording.
        """
        self._until = moment
        try:
            while not self.over and self._moment() < moment:
                self._turn()
            if compare and not self.over and self._moment().icount == self._boundary:
                self._compare()
        except DivergenceError as e:
            self.failure = e
        return self.failure is None

    def _go(self, target: Moment) -> None:
        assert self._until is not None
        super()._go(min(target, self._until))
        self._watch(self)

    def _missed(self, target: Moment) -> None:
        if target != self._until:  # else it was only a question
            super()._missed(target)

    # -- points

    def point(self) -> Point:
        m = self.machine
        self._sync()
        rest = (self._guest_stop, dict(self._answers), self._outcome, m.requests.stop, self.failure, list(self.taken))
        parts = checkpoint.save_parts(m)
        last = self._script.last_event
        fresh, self._since = len(self._since), set()
        pages = dict(self._pages)
        self._base = Point(self._moment(), parts, pages, last, self._boundary, self._equal_at, rest, fresh)
        return self._base

    def _sync(self) -> None:
        """Update the copy of the pages."""
        for page in checkpoint.written_pages(self.machine):
            content = checkpoint.page_of(self.machine, page)
            if self._pages.get(page) != content:
                self._pages[page] = content
                self._since.add(page)

    def back(self, p: Point) -> "Track":
        """Restore a point of this track, or of another one of the same recording."""
        m = self.machine
        self._sync()
        mine, there = self._pages, p.pages
        if p is self._base:  # only what was written since can differ
            put = {n: there[n] if n in there else unwritten(n) for n in sorted(self._since)}
            mine.update(put)
        else:
            put = {n: there[n] for n in there if mine.get(n) is not there[n]}
            gone = {n: unwritten(n) for n in mine.keys() - there.keys()}
            put |= gone
            self._pages = there | gone
        checkpoint.restore(m, p.parts, put)
        checkpoint.written_pages(m)  # these are known
        self._base, self._since = p, set()
        self._script.seek(p.last_event, p.moment, p.boundary)
        self._boundary, self._equal_at = p.boundary, p.equal_at
        self._guest_stop, answers, self._outcome, m.requests.stop, self.failure, taken = p.rest
        self._answers = dict(answers)
        self.taken = list(taken)
        self._failure = None
        for listener in self.traffic:
            listener.back(p.moment)
        return self

    def pages(self) -> set[int]:
        """All pages that were ever written, and so may differ from another track's."""
        self._sync()
        return set(self._pages)
