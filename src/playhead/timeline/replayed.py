"""A recording as something that gdb debugs and a user controls: forwards and backwards, and nothing in it can change.

Whoever shows a recording moves it by commands (`playhead debug`), or has it run by itself as a machine does
(`go_on`, then `turn` again and again).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playhead.base.errors import UsageError
from playhead.log import snapshots
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.session.drives import DriveNow, moved_tray, recorded_drives
from playhead.session.network import netdevs_of
from playhead.session.sources.media import TRAY_MOVED
from playhead.session.track import Stopped
from playhead.timeline.control import QMP_QUIT, Named
from playhead.timeline.debuggee import Debuggee, Stop
from playhead.timeline.moments import Where
from playhead.timeline.rr_commands import RrCommands
from playhead.timeline.timeline import Found, Timeline


class ReplayDebuggee(Debuggee):
    """`break_at`: the moment at which continuing stops (`replay_break`). `next_to`: where the next step from here
    leads, or where continuing begins: a debugger that reads again only when something has run notices that it is
    elsewhere.

    `going`: it runs by itself; `held`: gdb is attached, and says when it continues. Meanwhile `attend` is called
    wherever `waiting` says that somebody has something to ask (monitors, QMP). `date`: the date now, for snapshots.
    """

    can_reverse = True
    refusal = "a replay cannot be changed; to continue differently from here: playhead branch"
    mode = "play"

    def __init__(self, timeline: Timeline, date: Callable[[], str] = lambda: ""):
        super().__init__()
        self.timeline, self.date = timeline, date
        self.break_at: Moment | None = None
        self.going = self.held = False
        self.attend: Callable[[], None] = lambda: None
        self.waiting: Callable[[], bool] = lambda: False
        self._moved = False  # by a command, or by running
        self._next_to: tuple[Moment, Where] | None = None
        self.rr = RrCommands(timeline, self.next_to)
        timeline.break_when, timeline.conditional = self._holds, self._conditional
        timeline.player.happened = self._happened

    @property
    def machine(self) -> Machine:
        return self.timeline.machine

    @property
    def runs(self) -> Any:
        return self.timeline.player

    @property
    def _reader(self) -> Reader:
        return self.timeline.player.reader

    @property
    def recording(self) -> str:  # type: ignore[override]
        return self._reader.path

    def drives_now(self) -> list[DriveNow]:
        return recorded_drives(self.machine, self._reader.meta.get("disks"))

    def netdevs(self) -> list[tuple[str, str]]:
        return [(id, f"index=0,type={kind}") for id, kind in netdevs_of(self.machine)]

    # running by itself

    def run_state(self) -> str:
        if self.going:
            return "suspended" if self.machine.suspended else "running"
        if self.held:
            return "debug"
        return "paused" if self._moved or self.moment != self.timeline.start else "prelaunch"

    def turn(self) -> Found | None:
        """Serve whoever controls it, then, if it runs, replay until somebody has something to ask, to a stop, or to the
        recording's end. Returns why it is paused now, if it ran and is.
        """
        self.attend()
        if not self.going:
            return None
        self._apply()
        try:
            with self.timeline.interruptible(self.waiting):
                found = self.timeline.cont(self.break_at)
        except Stopped:
            return None
        self.stop()
        return found

    def stop(self) -> None:
        if self.going:
            self.going = False
            self.tell("STOP")

    def go_on(self) -> None:
        if self.going:
            return
        if self.held:
            raise UsageError("gdb is attached and has it stopped: continue there")
        self._goes()

    def _goes(self) -> None:
        self._moved = self.going = True
        self.tell("RESUME")

    def hold(self) -> None:
        """gdb has come."""
        self.held = True
        self.stop()

    def let_go(self, on: bool = True) -> None:
        """gdb has detached. `on`: the replay continues by itself."""
        self.held = False
        if on and not self.going:
            self._goes()

    def quit(self, cause: str = QMP_QUIT, by: str = "quit") -> None:
        self.timeline.request_quit(by, cause)
        self.tell("SHUTDOWN", guest=False, reason=cause)

    def _happened(self, name: str, **data: Any) -> None:
        """To the machine: of interest while it runs, not on the way to where somebody goes."""
        if self.going:
            if name == TRAY_MOVED:
                data = moved_tray(self.machine, **data)
            self.tell(name, **data)

    def unchangeable(self) -> str:
        return self.refusal

    # gdb

    def resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        self._goes()
        try:
            return self._resume(kind, interrupted)
        finally:
            self.stop()

    def _resume(self, kind: str, interrupted: Callable[[], bool]) -> Stop:
        """Somebody else may ask something while gdb has it running forwards, and may stop it."""
        line = self.timeline
        self._apply()
        here, self._next_to = self._next_to, None
        asked = self.waiting if kind == "continue" else lambda: False
        while True:
            try:
                with line.interruptible(lambda: interrupted() or asked()):
                    if here is not None and here[0] == self.moment:
                        where, here = here[1], None
                        line.find(where)
                        if kind != "continue":
                            return Stop("step")
                    return self._stop(self._move(kind))
            except Stopped:
                if interrupted():
                    return Stop("interrupt")
                self.attend()
                if not self.going:
                    return Stop("interrupt")

    def _move(self, kind: str) -> Found:
        match kind:
            case "step":
                return self.timeline.step()
            case "continue":
                return self.timeline.cont(self.break_at)
            case "reverse-step":
                return self.timeline.step_back()
        return self.timeline.reverse_cont()

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

    # moments

    def replay_break(self, where: Where) -> Moment:
        line, here = self.timeline, self.moment
        line.find(where)
        there = line.moment
        line.seek(here)
        if there < here:
            raise UsageError(f"cannot set breakpoint at the instruction in the past: {there} is before {here}")
        self.break_at = there
        return there

    def replay_delete_break(self) -> None:
        if self.break_at is None:
            raise UsageError("there is no replay breakpoint")
        self.break_at = None

    def replay_seek(self, where: Where) -> Moment:
        """QEMU runs to get there, and its users wait for the STOP that ends that."""
        if isinstance(where, Moment) and not self.timeline.start <= where <= self.timeline.end:
            raise UsageError(f"cannot seek to the specified instruction count: the recording has {self.timeline.start} "
                             f"to {self.timeline.end}")  # fmt: skip
        with self._on_the_way():
            self.timeline.find(where)
        return self.moment

    @contextmanager
    def _on_the_way(self) -> Iterator[None]:
        """For a movement that ends in a pause."""
        self.stop()
        self._moved = True
        self.tell("RESUME")
        try:
            yield
        finally:
            self.tell("STOP")

    # snapshots

    def save(self, name: str) -> snapshots.Snapshot:
        """Give this moment a name, which is kept in the recording."""
        line = self.timeline
        snapshots.check_name(name)
        if line.player.something_entered_here:
            line.seek(line.moment)
        root = line.player.digest().root
        row = snapshots.Snapshot(name, line.moment, line.machine.now_ns(), self.date(), root)
        snapshots.add(self._reader.path, row, self._reader.genesis)
        return row

    def load(self, name: str) -> snapshots.Snapshot:
        """Go to the moment of that name."""
        there, line = snapshots.names(self._reader), self.timeline
        wanted = next((one for one in there if one.name == name), None)
        if wanted is None:
            raise UsageError(f"no snapshot '{name}'; there is {', '.join(one.name for one in there) or 'none'}")
        line.seek(wanted.moment)
        self._moved = True
        if line.moment != wanted.moment or line.player.digest().root != wanted.root:
            raise UsageError(f"snapshot '{wanted.name}' is of another machine than this replay has at {line.moment}")
        return wanted

    def delete(self, name: str) -> None:
        """Remove the name."""
        snapshots.remove(self._reader.path, name, self._reader.genesis)

    def snapshots(self) -> list[Named]:
        return [*snapshots.names(self._reader)]
