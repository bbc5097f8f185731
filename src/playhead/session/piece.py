"""A replay of pieces of a recording: from one checkpoint to another, compared like the whole.

A piece begins in a checkpoint that has the digest of its moment, and ends behind the digest of a later one. So pieces
that are proven one by one, each from the state that the one before was compared with, prove the whole, and the first
piece that fails does so as a replay from the beginning does: with the same message, because everything that a message
names (the last equal digest, the place in a port's output) is known at a checkpoint too.

The only thing that a digest does not compare is output. What a guest prints right at a boundary belongs to the piece
before, which cannot end there then: boundaries at which something is printed are passed over, by both pieces alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import takewhile
from typing import Any, NamedTuple, cast

from playhead.base.errors import FormatError
from playhead.host.host import Host
from playhead.host.terminal import StatusLine
from playhead.log.checkpoints import Checkpoint
from playhead.log.digests import differing, digest_of
from playhead.log.events import Event
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.session.console import ConsoleCheck
from playhead.session.outcome import Outcome
from playhead.session.replay import ReplayOptions, ReplaySession
from playhead.session.run import Build
from playhead.session.start import restored

Text = list[tuple[str, bytes]]  # what was printed, in order: the name of the device, and bytes


class _Collecting:
    """A character device's far end: what is printed is kept until it is taken."""

    def __init__(self, name: str, text: Text):
        self._name, self._text = name, text

    def write(self, data: bytes) -> None:
        text = self._text
        if text and text[-1][0] == self._name:
            text[-1] = self._name, text[-1][1] + data
        else:
            text.append((self._name, data))


class _Inside:
    """The host of a piece: it collects output, and nothing asks for its end."""

    crowded = False

    def __init__(self, ports: int, realtime_ns: Callable[[], int]):
        self.text: Text = []
        names = (*(f"serial{n}" for n in range(ports)), "debugcon")
        self.ends: dict[str, Any] = {name: _Collecting(name, self.text) for name in names}
        self.realtime_ns = realtime_ns
        self.status = StatusLine()
        self.status.enabled = False

    def start(self, wake: Callable[[], None]) -> None:
        pass

    def flush(self) -> None:
        pass

    def quit_cause(self) -> str:
        return ""


class Proven(NamedTuple):
    """A piece that was its recording: from which boundary to which one, and what that took."""

    first: int
    last: int
    events: int
    enter_ns: int  # what entering its first state took, if it was not there
    run_ns: int
    outcome: Outcome | None  # of the last piece


def boundaries(reader: Reader) -> list[Checkpoint]:
    """The checkpoints at which a piece can begin: each is the state right behind a digest, before any event of its
    moment. (`savevm` may make others.)
    """
    first = reader.start.moment if reader.start else Moment(0)
    last = reader.last().moment
    found: list[Checkpoint] = []
    for one in reader.checkpoints():
        regular = first < one.moment < last and not one.moment.seq and one.moment.icount % reader.digest_period == 0
        new = not found or one.moment > found[-1].moment
        if regular and new and reader.event_moment(one.last_event) != one.moment:
            found.append(one)
    return found


class Piece(ReplaySession):
    """One machine that goes from piece to piece, always forwards. Boundaries are numbered: 0 is the recording's
    beginning, the n-th of `bounds` is n, and one more is its end.
    """

    machine: Machine

    def __init__(self, build: Build, reader: Reader, ports: int, bounds: Sequence[Checkpoint],
                 realtime_ns: Callable[[], int]):  # fmt: skip
        self._inside = _Inside(ports, realtime_ns)
        super().__init__(build, cast(Host, self._inside), reader, ReplayOptions(progress=False))
        self._bounds = bounds
        self._number = {one.moment.icount: n for n, one in enumerate(bounds, 1)}
        self._stored = reader.checkpoints()
        self._known = 0  # of these, how many are in the machine's memory
        self._at = 0  # the boundary at which it is
        self._begun_at: Checkpoint | None = None
        self.told: Callable[[int, int, Text], None] = lambda instructions, digests, text: None
        self._told_at = self._told_digests = 0  # the instruction at the last call, and digests compared up to there

    def begin(self) -> Piece:
        self._begin()
        self._told_at = self._first
        if self.reader.start is not None:
            self._known = 1
        return self

    def taken_text(self) -> Text:
        """What was printed since the last call."""
        text = self._inside.text[:]
        self._inside.text.clear()
        return text

    # a piece

    def prove(self, first: int, last: int, again: bool = False) -> Proven:
        """Replay from boundary `first` to `last`, or what of it is left between boundaries at which nothing is printed.
        Raises what a replay of the whole would raise there. `again`: enter the checkpoint even where the machine is.
        """
        began_ns, entered = self.host.realtime_ns(), False
        self._events = 0
        first = max(first, self._at)  # boundaries between have been passed over
        while (first != self._at or (again and first)) and first <= len(self._bounds):
            self._put_at(self._bounds[first - 1])
            self._at, entered = first, True
            if self._quiet():
                break
            self._at, first, again = -1, first + 1, False
        entered_ns = self.host.realtime_ns()
        enter_ns = entered_ns - began_ns if entered else 0
        if first >= last:
            return Proven(first, first, 0, enter_ns, 0, None)
        self._run(last)
        run_ns = self.host.realtime_ns() - entered_ns
        return Proven(first, self._at, self._events, enter_ns, run_ns, self._outcome)

    def _run(self, last: int) -> None:
        while self._outcome is None:
            if self._moment().icount == self._boundary:
                self._compare()
                self._tell()
                if self._number.get(self._moment().icount, 0) >= last and self._quiet():
                    self._at = self._number[self._moment().icount]
                    return
            self._turn()
        self._at = len(self._bounds) + 1
        self._tell()

    def _tell(self) -> None:
        now = self.machine.icount
        self.told(now - self._told_at, self._digests - self._told_digests, self.taken_text())
        self._told_at, self._told_digests = now, self._digests

    def _quiet(self) -> bool:
        """Whether nothing is printed at just this moment, in the recording and here."""
        assert self._console is not None
        return not self._console.anything_at(self.machine.icount)

    # entering a checkpoint

    def _put_at(self, goal: Checkpoint) -> None:
        """Put the machine into the state of a later boundary: right behind its digest, which is compared with it."""
        changed: dict[int, bytes] = {}
        upto = next(n for n, one in enumerate(self._stored, 1) if one.id == goal.id)
        for one in self._stored[min(self._known, upto - 1) : upto]:
            changed.update(self.reader.checkpoint_pages(one))
        contents = self.reader.pages(set(changed.values()))
        pages = {page: contents[hash] for page, hash in changed.items()}
        fits = restored(self.machine, self.reader.checkpoint_parts(goal), pages)
        self._known, self._begun_at = upto, goal
        self._guest_stop = self._failure = None
        self._answers.clear()
        self.taken.clear()
        self._boundary = self._equal_at = goal.moment.icount
        self._console = ConsoleCheck(goal.moment, self._printed_before)
        self._script.on_output = self._console.expect
        self._script.seek(goal.last_event, goal.moment, self._boundary)
        self._check_state(goal, fits)
        self._boundary += self.reader.digest_period
        self._told_at = goal.moment.icount
        self._inside.text.clear()

    def _check_state(self, goal: Checkpoint, fits: bool) -> None:
        bad = f"{self.reader.path} is damaged: checkpoint {goal.id} is not the state of {goal.moment}"
        if not fits or self._moment() != goal.moment:
            raise FormatError(bad)
        due = self._script.next_digest()
        if due is None or due[0] != self._boundary:
            raise FormatError(f"{self.reader.path} is damaged: its digest of instruction {self._boundary} is missing")
        recorded, here = self._script.take_digest(), digest_of(self.machine.digest_parts())
        if here.root != recorded.root:
            parts = ", ".join(differing(self.reader.parts, here, recorded)) or "a part that the checks do not tell"
            raise FormatError(f"{bad}: digests differ in {parts}")

    # what a replay from the beginning knows, for messages

    def _printed_before(self, port: int) -> int:
        """How many bytes of a port's output lie before this piece."""
        assert self._begun_at is not None
        last = 0
        for printed in self.reader.console.each(None, self._begun_at.moment):
            if printed.port == port:
                last = printed.position + len(printed.text)
        return last

    def _last_answer(self, kind: type[Event]) -> Event | None:
        """The last event of a kind before this piece."""
        found = super()._last_answer(kind)
        if found is None and self._begun_at is not None:
            last = self._begun_at.last_event
            with suppress(FormatError):  # then the piece where it is damaged says so
                for entry in takewhile(lambda entry: entry.id <= last, self.reader.entries()):
                    found = entry.event if isinstance(entry.event, kind) else found
        return found
