"""A recording as something that gdb debugs: forwards and backwards, and nothing of it can be changed."""

from collections.abc import Callable

from playhead.log.moment import Moment
from playhead.machine.machine import Machine
from playhead.session.drives import recorded_lines
from playhead.session.track import Stopped
from playhead.timeline.debuggee import Debuggee, Stop
from playhead.timeline.moments import Where
from playhead.timeline.rr_commands import RrCommands
from playhead.timeline.timeline import Found, Timeline


class ReplayDebuggee(Debuggee):
    """`break_at`: the moment at which continuing stops (`replay_break`). `next_to`: where the next step from here
    leads, or where continuing begins: a debugger that reads again only when something has run notices that it is
    elsewhere.
    """

    can_reverse = True
    refusal = "a replay cannot be changed; to continue differently from here: playhead branch"

    def __init__(self, timeline: Timeline):
        super().__init__()
        self.timeline = timeline
        self.break_at: Moment | None = None
        self._next_to: tuple[Moment, Where] | None = None
        self.rr = RrCommands(timeline, self.next_to)
        timeline.break_when = self._holds

    @property
    def machine(self) -> Machine:
        return self.timeline.machine

    def drives_shown(self) -> list[str]:
        """Lines on the drives, and on what is in them now."""
        return recorded_lines(self.machine, self.timeline.player.reader.meta.get("disks"))

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        line = self.timeline
        self._apply()
        try:
            with line.interruptible(interrupted):
                here, self._next_to = self._next_to, None
                if here is not None and here[0] == self.moment:
                    line.find(here[1])
                    if kind != "continue":
                        return Stop("step")
                match kind:
                    case "step":
                        found = line.step()
                    case "continue":
                        found = line.cont(self.break_at)
                    case "reverse-step":
                        found = line.step_back()
                    case _:
                        found = line.reverse_cont()
        except Stopped:
            return Stop("interrupt")
        return self._stop(found)

    def next_to(self, where: Where | None) -> None:
        self._next_to = None if where is None else (self.moment, where)

    def rr_command(self, name: str, words: list[str]) -> str | None:
        return self.rr.execute(name, words)

    def run_again(self, where: str) -> None:
        self.timeline.find(self.rr.place(where or "start"))

    def _stop(self, found: Found) -> Stop:
        match found.reason:
            case "break":
                return self._break_stop()
            case "watch":
                return self._watch_stop(found.accesses)
            case "start":
                return Stop("history-begin")
            case "end":
                return Stop("history-end")
            case "goal":
                return Stop("replay-break")
        return Stop("step")
