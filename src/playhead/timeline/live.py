"""A machine that runs, live or being recorded, as something that gdb and a monitor debug: forwards only.

It drives the session's own loop, in turns that end at breakpoints, so whatever would enter the machine without a
debugger enters with one, at moments that a replay arrives at. While it is stopped at a breakpoint nothing enters: the
processor may have begun to fetch the instruction, which it has not when a replay arrives at that moment.

Standing takes no time: virtual time follows the instructions, and what passes in the world outside does not count.
"""

from collections.abc import Callable

from playhead.base.errors import PlayheadError, UnsupportedError, UsageError
from playhead.log.moment import Moment
from playhead.machine.machine import Machine
from playhead.session.drives import Drives
from playhead.session.run import RunSession
from playhead.session.snapshots import Saved
from playhead.session.sources import ResetSource
from playhead.timeline.debuggee import Debuggee, Stop

TRIES = 4  # short turns in which a machine reaches a proper place to stop, if it does at all
RECORDED = (
    "a machine that is being recorded cannot be changed, because that would not be in the recording; "
    "playhead run has no such limit"
)


class LiveDebuggee(Debuggee):
    """`stopped`: paused by the user or by gdb; `held`: gdb is attached, and says when it continues.

    `turn` takes the place of the session's loop. `attend` is called between turns, wherever the machine runs: there
    monitor and gdb are served, which may call `stop`, and inspect the machine, which is paused meanwhile.
    """

    def __init__(self, session: RunSession, refusal: str = ""):
        super().__init__()
        self.session, self.refusal = session, refusal
        self.drives = Drives(session)
        self.stopped = self.held = False
        self.attend: Callable[[], None] = lambda: None
        self.failure: PlayheadError | None = None  # of the session, while gdb had the machine running
        session.drive = self.turn

    @property
    def machine(self) -> Machine:
        machine = self.session.machine
        assert isinstance(machine, Machine)
        return machine

    @property
    def stands(self) -> bool:
        return self.stopped or self.held

    def observe(self) -> None:
        """A debugger or a monitor may look: a CPU that has halted for good does not end the run."""
        self.session.observed = True

    # the session's loop

    def turn(self) -> None:
        """Run for a while, or wait for a command to do so. A request from outside to end is obeyed in any case."""
        self.attend()
        if self.failure is not None:
            raise self.failure
        if self.session.outcome is not None:
            return
        if self.stands and not self.session.host.quit_cause():
            self.session.pause()
            self.session.wait_paused()
        else:
            self.session.go_on()
            self.session.turn(self._next() if self.stands else None)

    def stop(self) -> None:
        """Pause, for the user."""
        self.stopped = True
        self._come_to_stand()

    def hold(self) -> None:
        """gdb has come."""
        self.held = True
        self._come_to_stand()

    def let_go(self, on: bool = True) -> None:
        """gdb has detached. `on`: the machine continues, even if it was paused before."""
        self.held = False
        self.stopped = self.stopped and not on
        self._apply()  # what gdb had inserted has been removed

    def go_on(self) -> None:
        """The user wants it to run."""
        if self.held:
            raise UsageError("gdb is attached and has it stopped: continue there")
        self.stopped = False

    def _come_to_stand(self) -> Stop | None:
        """Run on until an instruction has just retired or a delivery is done, if that is soon; returns what was hit on
        the way.
        """
        for _ in range(TRIES):
            if self.session.settled or self.session.outcome is not None:
                break
            met = self._turned(self._next())
            if met is not None:
                return met
        self.session.pause()
        return None

    def _next(self) -> Moment:
        here = self.moment
        return Moment(here.icount, here.seq + 1)

    # gdb

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        if kind.startswith("reverse"):
            raise UnsupportedError("a machine that runs cannot go back; its recording can: playhead debug")
        self.stopped = False
        self._apply()
        self.session.go_on()
        try:
            stop = self._step(interrupted) if kind == "step" else self._continue(interrupted)
        except PlayheadError as e:
            self.failure = e  # it is the session's, not gdb's: the next `turn` raises it
            return Stop("exited", status=e.status)
        finally:
            self.machine.debug.arm(False)
            self.session.pause()
        outcome = self.session.outcome
        return stop if outcome is None else Stop("exited", status=outcome.status)

    def _continue(self, interrupted: Callable[[], bool]) -> Stop:
        debug = self.machine.debug
        debug.arm(True)
        debug.skip_here()
        while self.session.outcome is None:
            if interrupted() or self.stopped:
                return self._come_to_stand() or Stop("interrupt")
            met = self._turned()
            if met is not None:
                return met
            self._attend_running()
        return Stop("exited")

    def _attend_running(self) -> None:
        self.attend()
        if self.failure is not None:
            raise self.failure

    def _step(self, interrupted: Callable[[], bool]) -> Stop:
        """Over one instruction, or to the handler of what is delivered before it. Alarms that ring are no step."""
        self.machine.debug.arm(False)
        while self.session.outcome is None:
            before, rung = self.moment, self._rung()
            self._turned(self._next())
            if self.moment.icount != before.icount or (self.moment != before and self._rung() == rung):
                return Stop("step")
            self._attend_running()
            if interrupted() or self.stopped:
                return Stop("interrupt")
        return Stop("exited")

    def _rung(self) -> tuple[int, int]:
        state = self.machine.state
        return state.rung_icount, state.rung_ns

    def _turned(self, until: Moment | None = None) -> Stop | None:
        """One turn; the breakpoint or watchpoint that it met, if that counts."""
        session = self.session
        session.turn(until)
        stop, session.met = session.met, None
        if stop is None or session.outcome is not None:
            return None
        if stop.accesses:
            return self._watch_stop(stop.accesses)
        return self._break_stop() if self._holds(self.machine.pc()) else None

    # what a monitor asks for

    def save(self, name: str) -> Saved:
        """`savevm`: of this moment, or of the next one that a replay arrives at just so."""
        session = self.session
        session.snapshots.check(self.machine, name)
        for _ in range(TRIES):
            if session.at_arrival:
                return session.save_snapshot(name)
            armed = self.machine.debug.armed
            self.machine.debug.arm(False)
            session.go_on()
            try:
                self._turned(self._next())
            finally:
                self.machine.debug.arm(armed)
                if self.stands:
                    session.pause()
            if session.outcome is not None:
                raise UsageError("the machine has ended")
        raise UsageError(f"something has just entered the machine, which stays at {self.moment}: try again")

    def reset(self) -> None:
        """`system_reset`: press the reset button."""
        self.session.sources[ResetSource].press()

    def load(self, name: str) -> Saved:
        """`loadvm`: at once."""
        return self.session.load_snapshot(name)
