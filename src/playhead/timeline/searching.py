"""A search backwards on several processors: stretches between checkpoints, the latest first.

Who asks searches the stretch where the machine is, and whichever is next; helper processes, each with a machine of its
own, search those behind. What counts is the first result in the order of the stretches, so it is the one that a search
on one processor finds; all behind a hit is given up.

Helpers begin in the recording's checkpoints, for points in memory are not theirs. They are told all that a search
depends on: what to look for, and where of video memory that is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from playhead.base.errors import PlayheadError
from playhead.base.failure import Failure, failure_of
from playhead.log.moment import Moment
from playhead.machine.debug import Access, Watch
from playhead.session.track import Stopped

GRACE_NS = 50_000_000  # a search that is over by then needs no help
TICK_S = 0.1


class Wanted(NamedTuple):
    """What a search looks for. `places`: watchpoints on video memory, and where in the backing area they are."""

    breakpoints: frozenset[int]
    watches: tuple[Watch, ...]
    places: dict[Watch, int]


class Stretch(NamedTuple):
    """From a stored checkpoint's moment, or the start, up to another moment."""

    low: Moment
    high: Moment


@dataclass(frozen=True)
class Hit:
    """A stop on the way: before a breakpoint's instruction, or after an access (then `accesses`). `entered`: it is
    what entered at `moment` that made the access, such as a packet, and no instruction before it.
    """

    moment: Moment
    accesses: tuple[Access, ...]
    entered: bool = False


class Searcher(Protocol):
    """What a search needs of a timeline."""

    interrupted: Callable[[], bool]

    def check_interrupted(self) -> None: ...

    def search(self, wanted: Wanted, stretch: Stretch) -> Hit | None: ...

    def last_hit_in(self, stretch: Stretch) -> Hit | None: ...


class Enough(Exception):
    """What is being searched here cannot be the answer any more."""


def serve(channel: Any, opened: Callable[[], Searcher]) -> None:
    """A helper's work: requests are (number, what is wanted, stretch); anything that comes meanwhile ends a search,
    and what is no request does nothing else. Answers are (number, hit, None or failure).
    """
    line = None
    while True:
        request = channel.recv()
        if request is None:
            continue
        number, wanted, stretch = request
        try:
            if line is None:
                line = opened()
                line.interrupted = channel.poll
            answer: Hit | Failure | None = line.search(wanted, stretch)
        except Stopped:
            continue
        except (EOFError, BrokenPipeError, ConnectionError):
            raise  # the owner has gone
        except Exception as e:
            answer = failure_of(e)
        channel.send((number, answer))


class Search:
    """One search by a timeline and its helpers. `stretches`: the latest first."""

    def __init__(self, line: Searcher, crew: Any, first: int, wanted: Wanted, stretches: Iterator[Stretch],
                 realtime_ns: Callable[[], int]):  # fmt: skip
        """`first`: a number that no earlier search has used, nor any that may follow."""
        self._line, self._crew, self._first, self._wanted, self._stretches = line, crew, first, wanted, stretches
        self._given: list[Stretch] = []
        self._results: dict[int, Hit | Failure | PlayheadError | None] = {}
        self._busy: dict[Any, int] = {}  # helpers, and which stretch each of them searches
        self._best: int | None = None  # the first stretch, as far as is known, in which there is something
        self._mine: int | None = None
        self._help_at_ns = realtime_ns() + GRACE_NS
        self._realtime_ns = realtime_ns

    @property
    def numbers(self) -> int:
        """How many it has used."""
        return len(self._given)

    @property
    def searched(self) -> Moment | None:
        """From here on there is nothing, for certain."""
        n = 0
        while n in self._results and self._results[n] is None:
            n += 1
        return self._given[n - 1].low if n else None

    def run(self) -> Hit | None:
        try:
            self._run()
        finally:
            self._cancel()
        found = None if self._best is None else self._results[self._best]
        if isinstance(found, Failure):
            raise found.error()
        if isinstance(found, PlayheadError):
            raise found
        return found

    def _run(self) -> None:
        while (n := self._next()) is not None:
            self._mine = n
            try:
                self._note(n, self._line.last_hit_in(self._given[n]))
            except Enough:
                return
            except PlayheadError as e:
                self._note(n, e)
            self._mine = None
        while not self._decided:
            self._collect(TICK_S)
            self._line.check_interrupted()

    def _next(self) -> int | None:
        """Another stretch, unless there is something in one before it."""
        stretch = next(self._stretches, None) if self._best is None else None
        if stretch is None:
            return None
        self._given.append(stretch)
        return len(self._given) - 1

    def _note(self, n: int, result: Hit | Failure | PlayheadError | None) -> None:
        self._results[n] = result
        if result is not None and (self._best is None or n < self._best):
            self._best = n

    @property
    def _decided(self) -> bool:
        """Whether all before the first stretch with something, or all, have been searched."""
        upto = len(self._given) if self._best is None else self._best
        return all(n in self._results for n in range(upto))

    def pump(self) -> None:
        """While a stretch is searched here: take in what helpers have found, and give them more to do."""
        if self._realtime_ns() < self._help_at_ns:
            return
        self._collect(0)
        idle = [worker for worker in self._crew.workers if worker not in self._busy]
        for worker in idle:
            n = self._next()
            if n is None:
                break
            self._busy[worker] = n
            worker.send((self._first + n, self._wanted, self._given[n]))
        if self._best is not None and self._mine is not None and self._mine > self._best and self._decided:
            raise Enough

    def _collect(self, timeout_s: float) -> None:
        for worker in self._crew.ready(self._crew.workers, timeout_s):
            number, result = worker.receive()
            n = number - self._first
            if self._busy.get(worker) == n:  # else it is of a search that was given up
                del self._busy[worker]
                self._note(n, result)

    def _cancel(self) -> None:
        for worker in self._busy:
            worker.send(None)
