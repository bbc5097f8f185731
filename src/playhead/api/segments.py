"""Questions whose answer is put together from the answers of segments: of any stretches between checkpoints, each of
which replays without the others.

A `Query` says what a segment's answer is, and how answers are merged in order. The answer does not depend on where the
recording is cut: so one processor answers it in one go, several (`on_cores.py`) or a cluster (`on_cluster.py`) in
pieces, with the same result to the byte.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from playhead.api.recording import Recording
from playhead.api.source import Place
from playhead.base.errors import FormatError, UsageError
from playhead.log.moment import Moment
from playhead.timeline.timeline import Timeline

if TYPE_CHECKING:
    from playhead.log.reader import Reader

Part = TypeVar("Part")
Answer = TypeVar("Answer")
Told = Callable[[int, int], None]  # instructions that have been replayed, of how many

SMALL = 200_000_000  # instructions that one processor replays in less time than it takes to share them out
TRIES = 3  # processes that may end in a segment before it is given up


class Segment(NamedTuple):
    """What happens from one moment to another: what enters at `first`, and nothing that enters at `last`. In words of
    `Replay`: stops before instructions from `first` on, accesses of what happens after it, up to `last`.
    """

    first: Moment
    last: Moment

    @property
    def instructions(self) -> int:
        return self.last.icount - self.first.icount

    def within(self, moment: Moment) -> int:
        """How many of its instructions lie before a moment."""
        return min(max(moment.icount - self.first.icount, 0), self.instructions)


class Query(ABC, Generic[Part, Answer]):
    """A question. It goes to other processes as it is (on a cluster it is pickled), so it does not change."""

    piecemeal: ClassVar[bool] = False  # answers are wanted early: segments are as short as checkpoints allow
    newest_first = False  # the last segment is the first one of the answer

    @abstractmethod
    def start(self, rec: Recording) -> Callable[[Segment], Part]:
        """In each process that answers, with a recording of its own: what answers a segment. Segments come in any
        order; a part is a plain value that can be pickled, and does not change any more.
        """

    @abstractmethod
    def merge(self, parts: Iterator[Part]) -> Answer:
        """The answer, from those of all segments in order. Parts that are not taken need not be found out."""


class Watched(Recording):
    """The recording of a process that answers: its replays say how far they are."""

    tell: Callable[[Moment], None] = staticmethod(lambda moment: None)

    def timeline(self) -> Timeline:
        line = super().timeline()
        line.tell = lambda text: self.tell(line.moment)
        return line


def opener(rec: Recording) -> Callable[[], Watched]:
    """What opens a recording once more, in this process or another. Raises FormatError if another file is in its place
    by now.
    """
    path, engine, images, identity = rec.path, rec.engine, rec.images, rec.reader.identity()

    def opened() -> Watched:
        found = Watched(path, engine=engine, images=images)
        if found.reader.identity() != identity:
            raise FormatError(f"{path} is not the file any more that was opened before")
        return found

    return opened


def cuts(reader: Reader, first: Moment, last: Moment) -> list[Moment]:
    """Where a stretch can be cut: its ends, and between them the checkpoints that are the state of their moment (one
    that was taken after events of its moment is not what `seek` leaves there).
    """
    inside = [c.moment for c in reader.checkpoints()
              if first < c.moment < last and reader.event_moment(c.last_event) != c.moment]  # fmt: skip
    return sorted({first, *inside, last})


def ask(rec: Recording, query: Query[Part, Answer], first: Place = "start", last: Place = "end", *,
        jobs: int | None = None, dask: Any = None, progress: Told | None = None) -> Answer:  # fmt: skip
    """The answer to a query about a stretch of a recording.

    `jobs`: processes on this machine (default: one for each processor, but for short stretches; 1: none but this one).
    `dask`: the address of a scheduler ("tcp://host:8786") or a `distributed.Client`: its workers answer. `progress` is
    called now and then. Raises what the query raises, with the worker's traceback as a note; WorkerDied if a segment
    ends several processes.
    """
    begin, end = rec.instant(first), rec.instant(last)
    if begin > end:
        raise UsageError(f"from {begin} to {end} would go backwards")
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is a number of processes from 1 on, not {jobs}")
    if dask is not None and jobs is not None:
        raise UsageError("either jobs or dask: a cluster has as many processes as it has")
    parts = parts_of(rec, query, cuts(rec.reader, begin, end), jobs, dask, progress or _nobody)
    try:
        return query.merge(parts)
    finally:
        parts.close()


def _nobody(done: int, whole: int) -> None:
    pass


def parts_of(rec: Recording, query: Query[Part, Any], at: Sequence[Moment], jobs: int | None, dask: Any,
             progress: Told) -> Any:  # fmt: skip
    """A generator of the answers of segments, in the order that the query asks for."""
    if dask is not None:
        from playhead.api.on_cluster import parts as on_cluster

        return on_cluster(rec, query, at, dask, progress)
    from playhead.host.crew import cores

    if jobs is None:
        jobs = 1 if at[-1].icount - at[0].icount < SMALL else cores()
    jobs = min(jobs, len(at) - 1)
    if jobs <= 1:
        return _here(rec, query, at, progress)
    from playhead.api.on_cores import parts

    return parts(rec, query, at, jobs, progress)


def _here(rec: Recording, query: Query[Part, Any], at: Sequence[Moment], progress: Told) -> Iterator[Part]:
    """In this process: in one go, unless answers are wanted early."""
    whole, done = at[-1].icount - at[0].icount, 0
    segments = in_order(query, at)
    own = opener(rec)()
    try:
        answer = query.start(own)
        for segment in segments:
            own.tell = lambda moment: progress(done + segment.within(moment), whole)  # noqa: B023
            part = answer(segment)
            done += segment.instructions
            progress(done, whole)
            yield part
    finally:
        own.close()


def in_order(query: Query[Any, Any], at: Sequence[Moment]) -> list[Segment]:
    """The segments for one process."""
    if query.piecemeal or query.newest_first:
        segments = [Segment(a, b) for a, b in pairwise(at)]
        return segments[::-1] if query.newest_first else segments
    return [Segment(at[0], at[-1])]
