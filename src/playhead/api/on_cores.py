"""A query on several processors of this machine: worker processes answer segments, this one puts answers in order.

Segments are handed out in order; each is half of an even share of what is left, within limits, so few checkpoints are
entered, few answers are to be merged, and all workers end at about the same time. A worker that was killed is replaced,
and its segment begins again. A failure counts when everything before it has been answered: so it is the one that one
processor would have met.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from playhead.api import interrupts
from playhead.api.recording import Recording
from playhead.api.segments import TRIES, Query, Segment, Told, opener
from playhead.base.errors import WorkerDied
from playhead.base.failure import failure_of
from playhead.cli.native_core import prepare
from playhead.host import clock
from playhead.host.crew import Crew, Worker
from playhead.log.moment import Moment

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

TELL_NS = 200_000_000  # between two messages of a worker about how far it is
TICK_S = 0.1
LEAST = 4
AHEAD = 2  # for each worker: segments that may have been answered before their turn has come


# -- the worker's side


class At(int):
    """How many instructions of its segment a worker has replayed."""


def serve(channel: Connection, opened: Callable[[], Recording], query: Query[Any, Any]) -> None:
    """Answer segments, as the channel names them: any number of `At`, then the part or a Failure, as a pair with
    whether it is one.
    """
    segment = channel.recv()
    next_ns = 0

    def tell(icount: int) -> None:
        nonlocal next_ns
        if clock.realtime_ns() >= next_ns:
            next_ns = clock.realtime_ns() + TELL_NS
            channel.send(At(segment.within(icount)))

    interrupts.instead = tell
    try:
        rec = opened()
        answer = query.start(rec)
        while True:
            channel.send((True, answer(segment)))
            segment = channel.recv()
    except (EOFError, BrokenPipeError, ConnectionError):
        raise  # the owner has gone
    except Exception as e:
        channel.send((False, failure_of(e)))
        channel.recv()  # until the owner ends this process


# -- the owner's side


class _Given:
    """A segment that was handed out, in order."""

    def __init__(self, segment: Segment):
        self.segment = segment
        self.at = self.tries = 0
        self.said: tuple[bool, Any] | None = None


def parts(rec: Recording, query: Query[Any, Any], at: Sequence[Moment], jobs: int, progress: Told) -> Iterator[Any]:
    """The answers of segments in order; closing this ends all workers."""
    prepare(rec.engine)  # once, not in each of them
    opened = opener(rec)
    with Crew(jobs, lambda channel: serve(channel, opened, query)) as crew:
        yield from _Sharing(crew, query, at, progress).parts()


class _Sharing:
    """Who answers what."""

    def __init__(self, crew: Crew, query: Query[Any, Any], at: Sequence[Moment], progress: Told):
        self._crew, self._query, self._progress = crew, query, progress
        self._at = list(at[::-1] if query.newest_first else at)
        self._next = 0  # the first that nobody has been given, in `_at`
        self._whole = abs(self._at[-1].icount - self._at[0].icount)
        self._given: deque[_Given] = deque()  # from the first one on whose answer has not been taken
        self._again: deque[_Given] = deque()  # whose worker has died
        self._busy: dict[Worker, _Given] = {}
        self._done = 0  # instructions of all that was taken

    def parts(self) -> Iterator[Any]:
        while self._given or self._next < len(self._at) - 1:
            self._hand_out()
            self._collect()
            while self._given and self._given[0].said is not None:
                first = self._given.popleft()
                assert first.said is not None
                good, what = first.said
                if not good:
                    raise what.error()
                self._done += first.segment.instructions
                self._hand_out()
                yield what
            self._progress(self._done + sum(one.at for one in self._given), self._whole)

    def _hand_out(self) -> None:
        """To everybody who has nothing to do; nothing behind a failure is of interest."""
        for worker in list(self._crew.workers):
            if worker not in self._busy and (given := self._following()) is not None:
                self._busy[worker] = given
                self._send(worker, given)

    def _send(self, worker: Worker, given: _Given) -> None:
        try:
            worker.send(given.segment)
        except WorkerDied as e:
            self._died(worker, e)

    def _following(self) -> _Given | None:
        if self._again:
            return self._again.popleft()
        left = len(self._at) - 1 - self._next
        failed = any(one.said is not None and not one.said[0] for one in self._given)
        if not left or failed or len(self._given) >= AHEAD * len(self._crew.workers):
            return None
        short = self._query.piecemeal or self._query.newest_first
        upto = self._next + (1 if short else self._share(left))
        given = _Given(Segment(*sorted((self._at[self._next], self._at[upto]))))
        self._next = upto
        self._given.append(given)
        return given

    def _share(self, left: int) -> int:
        """Of so many stretches: half of an even share, but no less than a quarter of an even share of all."""
        workers = len(self._crew.workers)
        return max(min(max(left // (2 * workers), (len(self._at) - 1) // (LEAST * workers)), left), 1)

    def _collect(self) -> None:
        for worker in self._ready():
            try:
                said = worker.receive()
            except WorkerDied as e:
                self._died(worker, e)
                continue
            given = self._busy[worker]
            if isinstance(said, At):
                given.at = said
                continue
            given.said, given.at = said, given.segment.instructions
            del self._busy[worker]

    def _ready(self) -> list[Worker]:
        try:
            return self._crew.ready(list(self._busy), TICK_S)
        except WorkerDied as e:
            for worker in [one for one in self._crew.workers if one.ended]:
                self._died(worker, e)
            return []

    def _died(self, worker: Worker, error: WorkerDied) -> None:
        """Another worker takes its place, and what it had begins again."""
        self._crew.replace(worker)
        given = self._busy.pop(worker, None)
        if given is None:
            return
        given.at, given.tries = 0, given.tries + 1
        if given.tries >= TRIES:
            first, last = given.segment
            where = f"the segment from {first} to {last}"
            raise WorkerDied(f"{TRIES} processes, one after the other, ended in {where}: {error}")
        self._again.append(given)
