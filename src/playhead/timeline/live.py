"""A machine that runs, live or being recorded, as something that gdb and a monitor debug: forwards only.

It drives the session's own loop, in turns that end at breakpoints, so whatever would enter the machine without a
debugger enters with one, at moments that a replay arrives at. `live_control.py` is what its user can ask of it.
"""

from collections.abc import Callable

from playhead.base.errors import PlayheadError, UnsupportedError
from playhead.timeline.debuggee import Stop
from playhead.timeline.live_control import LiveControl

RECORDED = (
    "a machine that is being recorded cannot be changed, because that would not be in the recording; "
    "playhead run has no such limit"
)


class LiveDebuggee(LiveControl):
    """See `LiveControl` for what it is made with."""

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        if kind.startswith("reverse"):
            raise UnsupportedError("a machine that runs cannot go back; its recording can: playhead debug")
        ran, self.stopped, self.moving = self.running, False, True
        if not ran:
            self.tell("RESUME")
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
            self.moving = False
            self._stands_now()
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
