"""Questions whose answer is put together from the answers of segments: of any stretches between checkpoints, each of
which replays without the others.

A `Query` says what a segment's answer is, and how answers are merged in order. The answer does not depend on where the
recording is cut: so one processor answers it in one go, several (`on_cores.py`) or a cluster (`on_cluster.py`) in
pieces, with the same result to the byte. `asking.ask` asks one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from playhead.api.interrupts import moving
from playhead.api.recording import Recording
from playhead.api.rows import Row, Table
from playhead.base.errors import FormatError, UsageError
from playhead.log.moment import Moment
from playhead.timeline.timeline import Timeline

if TYPE_CHECKING:
    from playhead.log.reader import Reader

Part = TypeVar("Part")
Answer = TypeVar("Answer")
Told = Callable[[int, int], None]  # instructions that have been replayed, of how many

TRIES = 3  # processes that may end in a segment before it is given up


QUESTIONS = ("writes", "executions", "calls", "find")  # of a recording, whose rows belong to one moment each


class Segment(NamedTuple):
    """What happens from one moment to another: what enters at `first`, and nothing that enters at `last`. In words of
    `Replay`: stops before instructions from `first` on, accesses of what happens after it, up to `last`.
    """

    first: Moment
    last: Moment

    @property
    def instructions(self) -> int:
        return self.last.icount - self.first.icount

    def within(self, icount: int) -> int:
        """How many of its instructions lie before one."""
        return min(max(icount - self.first.icount, 0), self.instructions)

    def run(self, line: Timeline) -> None:
        """Be at its end, from wherever. Ctrl-C ends it with KeyboardInterrupt; what takes long shows a bar."""
        with moving(line, "replaying"):
            if line.moment != self.first:
                line.enter(self.first)
            line.player.to(self.last)


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


class Rows(Query[list[Row], Table[Row]]):
    """One of a recording's own questions: `Rows("calls", "kmalloc")` is what `rec.calls("kmalloc")` is, and so for
    writes, executions and find. Where `writes` is not told which moment's page tables to look at (`at=`), it takes
    those of the recording's end.
    """

    def __init__(self, question: str, *words: Any, **options: Any):
        if question not in QUESTIONS:
            raise UsageError(f"{question!r} is no question with rows: there are {', '.join(QUESTIONS)}")
        if "between" in options:
            raise UsageError("the stretch is said to `ask`, not to Rows")
        if options.get("results"):
            raise UsageError("results of calls come from one process only: a call may return in another segment")
        self.question, self.words, self.options = question, words, options
        self.newest_first = question == "writes" and options.get("newest_first", True)

    def start(self, rec: Recording) -> Callable[[Segment], list[Row]]:
        ask, options = getattr(rec, self.question), dict(self.options)
        if self.question == "writes" and options.get("at") is None:
            options["at"] = rec.end
        return lambda segment: list(ask(*self.words, between=tuple(segment), **options))

    def merge(self, parts: Iterator[list[Row]]) -> Table[Row]:
        return Table([row for part in parts for row in part], " ".join([self.question, *map(str, self.words)]))


def opener(rec: Recording) -> Callable[[], Recording]:
    """What opens a recording once more, in this process or another. Raises FormatError if another file is in its place
    by now.
    """
    path, engine, images, identity, symbols = rec.path, rec.engine, rec.images, rec.reader.identity(), rec._symbols

    def opened() -> Recording:
        found = Recording(path, engine=engine, images=images)
        if found.reader.identity() != identity:
            raise FormatError(f"{path} is not the file any more that was opened before")
        if symbols is not None:
            found.symbols = symbols
        return found

    return opened


def cuts(reader: Reader, first: Moment, last: Moment) -> list[Moment]:
    """Where a stretch can be cut: its ends, and between them the checkpoints that are the state of their moment (one
    that was taken after events of its moment is not what `seek` leaves there).
    """
    inside = [c.moment for c in reader.checkpoints()
              if first < c.moment < last and reader.event_moment(c.last_event) != c.moment]  # fmt: skip
    return sorted({first, *inside, last})


def in_order(query: Query[Any, Any], at: Sequence[Moment]) -> list[Segment]:
    """The segments for one process."""
    if query.piecemeal or query.newest_first:
        segments = [Segment(a, b) for a, b in pairwise(at)]
        return segments[::-1] if query.newest_first else segments
    return [Segment(at[0], at[-1])]
