"""A replay that runs by itself: it prints what the guest printed, compares, and can be paused, moved and continued.

`playhead-system-i386 -icount rr=replay` is replay and debugger in one. The recording is run in short stretches, between
which the machine is at a moment that a seek would find as well, so monitors are served there and may ask for anything.
gdb continues in the same stretches; what it does backwards is one movement, as in `playhead debug`.

Output goes out, and is compared with the recording, wherever the replay runs forwards, also when it does so again.
Seeking and searching are silent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from playhead.base.errors import DivergenceError, FormatError, PlayheadError, UsageError
from playhead.log.moment import Moment
from playhead.log.snapshots import Snapshot
from playhead.session.outcome import Outcome
from playhead.session.sinks import Sinks
from playhead.session.target import End
from playhead.session.track import Stopped
from playhead.session.viewing import Viewing
from playhead.timeline.debuggee import Stop
from playhead.timeline.replayed import ReplayDebuggee
from playhead.timeline.timeline import STRIDE, Found, Timeline

MS = 1_000_000
SHORT_NS, LONG_NS = 10 * MS, 40 * MS  # of a stretch; one outside of that makes the next one longer or shorter
FEWEST, FIRST = 1_000, 100_000  # instructions of a stretch
WAIT_NS = 100 * MS


class Images(Protocol):
    """Where snapshots go besides the recording."""

    def save(self, snapshot: Snapshot, timeline: Timeline) -> None: ...

    def delete(self, name: str) -> None: ...


class RunningReplay(ReplayDebuggee):
    """`controlled`: whether somebody is there who could continue, so that the end of the recording is a pause.
    `outcome`: how the replay ended, once it has come to its end. `failure`: why it is no replay of its recording, found
    while gdb had it running.
    """

    def __init__(self, timeline: Timeline, host: Any, output: Mapping[str, End], date: Callable[[], str]):
        super().__init__(timeline, date)
        self._host = self.host = host
        self._output = output
        self.happened = self.tell
        self.sinks = Sinks(self, live=False)
        self.controlled: Callable[[], bool] = lambda: False
        self.images: Images | None = None
        self.failure: PlayheadError | None = None
        self.outcome: Outcome | None = None
        self.going, self._observed = True, False
        self._stretch = FIRST

    @property
    def stopped(self) -> bool:
        """Paused by the user."""
        return not (self.going or self.held)

    @stopped.setter
    def stopped(self, paused: bool) -> None:
        self.going = not paused

    def observe(self) -> None:
        """A debugger or a monitor may come: points to go back to are worth their memory."""
        self._observed = True

    def displays(self) -> Sequence[Any]:
        return self.sinks[Viewing].views

    # the loop

    def run(self) -> Outcome | None:
        """Until the end of the recording, if nobody controls it there; None if the end is asked for from outside."""
        self.sinks.connect(self._host.ends)
        while not self._host.quit_cause():
            if self._host.crowded:  # whoever reads the output is far behind
                self.attend()
                self._host.flush()
                self._host.wait(WAIT_NS)
                continue
            self.sinks.between()
            self.turn()
            if self.at_end and not self.controlled():
                return self._concluded()
            if not self.going:
                self.sinks.between()
                self._host.flush()
                self._host.wait(self.sinks.wait_ns(WAIT_NS))
        return None

    @property
    def at_end(self) -> bool:
        return self.moment >= self.timeline.end

    def turn(self) -> Found | None:
        self.attend()
        if self.failure is not None:
            raise self.failure
        if not self.going:
            return None
        self._apply()
        found = self._forward(first=False)
        if self._reached_break(found):
            self.stop()
        elif self.at_end:
            self._concluded()
            if self.controlled():
                self.stop()
        return None if self.going else found

    def _forward(self, *, first: bool) -> Found:
        """A stretch of the recording, with output. `first`: a breakpoint at this very place does not count."""
        line, began = self.timeline, self._host.realtime_ns()
        self._hear()
        limit = Moment(self.moment.icount + self._stretch)
        if self.break_at is not None and self.moment < self.break_at:
            limit = min(limit, self.break_at)
        try:
            found = line.cont(limit, on=not first)
        finally:
            self._host.flush()
        took = self._host.realtime_ns() - began
        if took > LONG_NS:
            self._stretch = max(self._stretch // 2, FEWEST)
        elif took < SHORT_NS:
            self._stretch = min(self._stretch * 2, STRIDE)
        if self._observed:
            line.lay_if_far()
        return found

    def _hear(self) -> None:
        if not self.timeline.player.heard:
            self.timeline.player.hear(self._output)

    def _reached_break(self, found: Found) -> bool:
        return found.reason == "goal" and self.moment == self.break_at

    def _concluded(self) -> Outcome:
        """At the end: compare the recording's last digest, too."""
        if self.outcome is None or not self.timeline.player.over:
            self._hear()
            self.outcome = self.timeline.player.conclude()
        return self.outcome

    def go_on(self) -> None:
        if self.at_end:
            raise UsageError(f"the recording ends here, at {self.moment}: replay_seek or loadvm go back")
        super().go_on()

    # gdb

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        try:
            return super().resume(kind, interrupted)
        except (DivergenceError, FormatError) as e:
            self.failure = e  # it is the replay's, not gdb's: the loop raises it
            return Stop("exited", status=e.status)
        finally:
            self._host.flush()

    def _resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        if kind == "continue":
            return self._continue(interrupted)
        if kind == "step":
            self._hear()
        return super()._resume(kind, interrupted)

    def _continue(self, interrupted: Callable[[], bool]) -> Stop:
        """In stretches, between which monitors are served."""
        self._apply()
        here, self._next_to = self._next_to, None
        try:
            with self.timeline.interruptible(interrupted):
                if here is not None and here[0] == self.moment:
                    self.timeline.find(here[1])
        except Stopped:
            return Stop("interrupt")
        first = True
        while not self.at_end:
            found = self._forward(first=first)
            if found.reason in ("break", "watch") or self._reached_break(found):
                return self._stop(found)
            first = False
            self.attend()
            if self.failure is not None or interrupted() or not self.going or self._host.quit_cause():
                return Stop("interrupt")
        self._concluded()
        return Stop("history-end")

    # snapshots

    def save(self, name: str) -> Snapshot:
        kept = super().save(name)
        if self.images is not None:
            self.images.save(kept, self.timeline)
        return kept

    def delete(self, name: str) -> None:
        super().delete(name)
        if self.images is not None:
            self.images.delete(name)
