"""A replay on several processors: pieces of the recording, each proven by a worker, put together in their order.

Pieces are handed out in order, so what the guest prints can be shown early; they are small where entering a checkpoint
costs little against running a piece (both are measured), and the last ones are small in any case, so that all workers
end at about the same time. What pieces behind the first unproven one print waits in memory, up to a limit; then their
workers wait. A failure counts when all pieces before it have been proven: so it is the one that a replay from the
beginning finds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from playhead.base.failure import Failure, failure_of
from playhead.host.crew import Crew, Worker
from playhead.host.host import Host
from playhead.log.checkpoints import Checkpoint
from playhead.session.diagnose import diagnosable
from playhead.session.divergence import Divergence
from playhead.session.outcome import Outcome
from playhead.session.piece import Piece, Proven, Text
from playhead.session.replay import WAIT_NS
from playhead.session.run import Build

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from playhead.log.reader import Reader

TICK_S = 0.1
SHARE = 16  # entering a checkpoint may take this part of a piece's time: 1/16
MOST_TEXT = 4 << 20  # bytes that a piece may have printed before its turn has come
Opened = tuple[Build, "Reader", int]  # what makes the machine, the recording, and the number of its serial ports
Explain = Callable[["Connection", Build, "Reader", Piece, Divergence], list[str]]


# -- the worker's side


def work(channel: Connection, opened: Callable[[], Opened], bounds: Sequence[Checkpoint],
         realtime_ns: Callable[[], int], explain: Explain) -> None:  # fmt: skip
    """Prove one piece after the other, as the channel says: (first, last, again) -> any number of (instructions,
    digests, text), then `Proven` or (`Failure`, whether it can be diagnosed, text). After a failure, anything asks for
    its diagnosis, which is a list of lines.
    """
    piece = None
    first, last, again = channel.recv()
    try:
        build, reader, ports = opened()
        piece = Piece(build, reader, ports, bounds, realtime_ns).begin()
        piece.told = lambda instructions, digests, text: channel.send((instructions, digests, text))
        while True:
            channel.send(piece.prove(first, last, again))
            first, last, again = channel.recv()
    except (EOFError, BrokenPipeError, ConnectionError):
        raise  # the owner has gone
    except Exception as e:
        explainable = isinstance(e, Divergence) and piece is not None and diagnosable(piece)
        channel.send((failure_of(e), explainable, piece.taken_text() if piece is not None else []))
        channel.recv()
        assert isinstance(e, Divergence) and piece is not None
        channel.send(explain(channel, build, reader, piece, e))


# -- the owner's side


class _Piece:
    """One that was handed out, in the order of the recording."""

    def __init__(self, worker: Worker, last: int):
        self.worker, self.last = worker, last
        self.text: Text = []
        self.size = 0
        self.proven: Proven | None = None
        self.failure: Failure | None = None
        self.explainable = False

    def add(self, text: Text) -> None:
        self.text += text
        self.size += sum(len(data) for _, data in text)


class Proof:
    """`run()` proves the whole recording by a crew, each of whose workers does `work`, and prints what the guest does.
    It returns how that ended, or raises what a replay would raise; then `explain` asks for the diagnosis.
    """

    def __init__(self, host: Host, crew: Crew, bounds: Sequence[Checkpoint], begin: int, *, again: bool = False):
        """`begin`: the recording's first instruction. `again`: enter every checkpoint, to see that it is the state of
        its moment.
        """
        self._host, self._crew, self._begin, self._again = host, crew, begin, again
        self._end = len(bounds) + 1
        self._next = 0  # the boundary at which the next piece begins
        self._idle = list(crew.workers)
        self._pieces: deque[_Piece] = deque()  # from the first unproven one on
        self._reached = 0  # the boundary up to which all is proven
        self._failed: _Piece | None = None
        self._outcome: Outcome | None = None
        self._enter_ns = self._entered = self._run_ns = self._ran = 0  # measured so far
        self._events = self._digests = 0
        self.instructions = 0  # in all pieces
        self.progress: Callable[[int], None] = lambda instructions: None

    def run(self) -> Outcome:
        with self._host as host:
            began_ns = host.realtime_ns()
            host.start(lambda: None)
            try:
                while self._outcome is None:
                    self._turn()
                    if host.quit_cause() and self._outcome is None:
                        note = f"ended by {host.quit_name()}"
                        so_far = self._begin + self.instructions
                        self._outcome = Outcome("none", 0, so_far, 0, 0, 0, note, complete=False)
            finally:
                host.flush()
                host.status.clear()
            self._outcome.wall_ns = host.realtime_ns() - began_ns
        self._outcome.events, self._outcome.digests = self._events, self._digests
        return self._outcome

    def _turn(self) -> None:
        self._hand_out()
        first = self._pieces[0]
        busy = [one for one in self._pieces if one.proven is None and one.failure is None]
        some = {one.worker: one for one in busy if one is first or one.size < MOST_TEXT}
        for worker in self._crew.ready(list(some), TICK_S):
            self._take(some[worker], worker.receive())
        self._put_together()
        self._host.flush()
        while self._host.crowded and not self._host.quit_cause():  # whoever reads the output is far behind
            self._host.wait(WAIT_NS)
            self._host.flush()
        self.progress(self.instructions)

    def _hand_out(self) -> None:
        """Nothing behind a failure is of interest."""
        while self._idle and self._next < self._end and self._failed is None:
            worker = self._idle.pop(0)
            last = min(self._next + self._size(), self._end)
            self._pieces.append(_Piece(worker, last))
            worker.send((self._next, last, self._again))
            self._next = last

    def _size(self) -> int:
        """How many stretches between boundaries the next piece has."""
        if self._again:
            return 1
        enter_ns, run_ns = self._enter_ns / max(self._entered, 1), self._run_ns / max(self._ran, 1)
        worth = round(SHARE * enter_ns / run_ns) if run_ns else 1
        return max(min(worth, (self._end - self._next) // (2 * len(self._crew.workers))), 1)

    def _take(self, piece: _Piece, said: Any) -> None:
        """What a worker says of its piece."""
        if isinstance(said, Proven):
            piece.proven = said
            self._events += said.events
            self._measure(said)
            self._idle.append(piece.worker)
            return
        what, more, text = said
        piece.add(text)
        if isinstance(what, Failure):
            piece.failure, piece.explainable = what, more
            self._failed = self._failed or piece
        else:
            self.instructions += what
            self._digests += more

    def _measure(self, said: Proven) -> None:
        if said.enter_ns:
            self._entered += 1
            self._enter_ns += said.enter_ns
        self._ran += said.last - said.first
        self._run_ns += said.run_ns

    def _put_together(self) -> None:
        """Print what is in order by now; at a failure that is the first one, raise it."""
        while self._pieces:
            piece = self._pieces[0]
            for name, data in piece.text:
                self._host.ends[name].write(data)  # type: ignore[attr-defined]
            piece.text, piece.size = [], 0
            if piece.failure is not None:
                self._failed = piece
                raise piece.failure.error()
            if piece.proven is None:
                return
            if piece.proven.last > piece.proven.first:
                assert piece.proven.first == self._reached, "pieces meet"
                self._reached = piece.proven.last
            self._pieces.popleft()
            if self._reached == self._end:
                self._outcome = piece.proven.outcome
                return

    # a failure

    @property
    def explainable(self) -> bool:
        """Whether what `run` has raised can be diagnosed."""
        return self._failed is not None and self._failed.explainable

    def explain(self, host: Host) -> list[str]:
        """The diagnosis, by the worker that failed. `host` is a fresh one, for signals."""
        assert self._failed is not None
        worker, asked = self._failed.worker, False
        for other in self._crew.workers:
            if other is not worker:
                other.end()
        with host:
            host.start(lambda: None)
            worker.send("explain")
            while not self._crew.ready([worker], TICK_S):
                if host.quit_cause() and not asked:
                    asked = True
                    worker.send(host.quit_name())
            return list(worker.receive())
