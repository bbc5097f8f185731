"""A replay for somebody who watches it: at the pace of virtual time or another, and moved about in by keys.

It is a replay that runs by itself (`running.py`). Where the guest's processor sleeps, virtual time passes here as fast
as it does anywhere else, so that clocks on the screen and cursors go on. A host that cannot keep the pace is late; it
does not run after what it has missed.

Keys are those of whoever looks, at any view: they move the replay and never reach the machine.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from playhead.base.errors import UsageError
from playhead.base.record import Record
from playhead.log.event_names import KEYS
from playhead.log.events import KeyCode, KeyNumber
from playhead.log.moment import Moment
from playhead.session.outcome import Outcome
from playhead.session.track import Stopped
from playhead.session.viewing import LOOK_NS, Viewing
from playhead.timeline.moments import AtTime
from playhead.timeline.running import FEWEST, MS, RunningReplay
from playhead.timeline.timeline import Found

SECOND = 1_000_000_000
LATE_NS = 200 * MS  # a host that is later than that gives up what it has missed
SLOWEST, FASTEST = 1 / 64, 64.0
HELP_NS = 10 * SECOND
HELP = "space: pause  left/right: 1 s  PgUp/PgDn: 10 s  Home/End  , . step  up/down: speed  q: end"
NUMBERS = {  # in scan code set 1, with 80h behind the prefix E0h: what VNC clients may send in place of names
    0x39: "spc", 0xCB: "left", 0xCD: "right", 0xC9: "pgup", 0xD1: "pgdn", 0xC7: "home", 0xCF: "end", 0xC8: "up",
    0xD0: "down", 0x33: "comma", 0x34: "dot", 0x35: "slash", 0x23: "h", 0x02: "1", 0x32: "m", 0x10: "q",
}  # fmt: skip


class WatchedReplay(RunningReplay):
    """`speed`: times the pace of virtual time; None: as fast as it goes."""

    def __init__(self, timeline: Any, host: Any, output: Any, date: Callable[[], str], speed: float | None = 1.0):
        super().__init__(timeline, host, output, date)
        self.speed = speed
        self._asked: deque[str] = deque()
        self._help_until_ns = 0
        self._anchor = (0, 0)  # a real time, and the virtual time that belongs to it
        view = self.sinks[Viewing]
        view.caption, view.keys = self._caption, self._key
        self._keys = {
            "spc": self._pause, "left": lambda: self._by(-1), "right": lambda: self._by(1),
            "pgup": lambda: self._by(-10), "pgdn": lambda: self._by(10), "home": lambda: self.seek(timeline.start),
            "end": lambda: self.seek(timeline.end), "comma": lambda: self._step(timeline.step_back),
            "dot": lambda: self._step(timeline.step), "up": lambda: self._faster(2), "down": lambda: self._faster(0.5),
            "1": lambda: self._at_speed(1.0), "m": lambda: self._at_speed(None), "h": self._help, "slash": self._help,
            "q": lambda: timeline.request_quit("q", "host-ui"),
        }  # fmt: skip

    # what is shown

    def _caption(self) -> str:
        now_ns = self.machine.now_ns()
        if self._host.realtime_ns() < self._help_until_ns:
            return HELP
        state = "playing" if self.going else "end" if self.at_end else "paused"
        speed = "max" if self.speed is None else f"{self.speed:g}x"
        return f"{state}  {now_ns / SECOND:.3f} s  {self.moment}  {speed}  (h: keys)"

    # keys

    def _key(self, group: Sequence[Record]) -> bool:
        """A key is only noted: `turn` does what it asks for, because here the machine may be within a run."""
        for what in group:
            name = ""
            if isinstance(what, KeyCode) and what.down:
                name = KEYS[what.key]
            elif isinstance(what, KeyNumber) and what.down:
                name = NUMBERS.get(what.number, "")
            if name in self._keys:
                self._asked.append(name)
        return all(isinstance(what, (KeyCode, KeyNumber)) for what in group)  # the machine's keyboard is not there

    def turn(self) -> Found | None:
        while self._asked:
            name = self._asked.popleft()
            if name not in ("h", "slash"):
                self._help_until_ns = 0  # so that it is seen what the key did
            self._keys[name]()
            self.anchor()
            self.sinks[Viewing].show_now()
        return super().turn()

    def _pause(self) -> None:
        if self.going:
            self.stop()
        elif not self.at_end:
            self.go_on()

    def _by(self, seconds: float) -> None:
        goal_ns, here = max(self.machine.now_ns() + round(seconds * SECOND), 0), self.moment
        with self._moving():
            try:
                self.timeline.find(AtTime(goal_ns))
            except UsageError:  # it ends before
                self.timeline.seek(self.timeline.end)
            if seconds < 0 and self.moment >= here:  # it slept for longer than that: to where that began
                self.timeline.step_back()

    def seek(self, moment: Moment) -> None:
        with self._moving():
            self.timeline.seek(moment)

    def _step(self, step: Callable[[], Found]) -> None:
        self.stop()
        with self._moving():
            step()

    @contextmanager
    def _moving(self) -> Iterator[None]:
        """For a movement, which the end of the run cuts short."""
        with suppress(Stopped), self.timeline.interruptible(lambda: bool(self._host.quit_cause())):
            yield

    def _faster(self, factor: float) -> None:
        speed = 1.0 if self.speed is None else self.speed * factor
        self._at_speed(min(max(speed, SLOWEST), FASTEST))

    def _at_speed(self, speed: float | None) -> None:
        self.speed = speed

    def _help(self) -> None:
        self._help_until_ns = self._host.realtime_ns() + HELP_NS

    # the pace

    def go_on(self) -> None:
        super().go_on()
        self.anchor()

    def anchor(self) -> None:
        """From here on, virtual time goes at the pace."""
        self._anchor = self._host.realtime_ns(), self.machine.now_ns()

    def _due_ns(self, virtual_ns: int) -> int:
        """The real time that belongs to a virtual one."""
        assert self.speed is not None
        return self._anchor[0] + int((virtual_ns - self._anchor[1]) / self.speed)

    def run(self) -> Outcome | None:
        self.anchor()
        return super().run()

    def _forward(self, *, first: bool) -> Found:
        if self.speed is not None:
            self._stretch = min(self._stretch, max(FEWEST, int(LOOK_NS * self.speed) >> self.machine.shift))
        player, free = self.timeline.player, self.timeline.player.pace
        player.pace = self._pace
        try:
            with self.timeline.interruptible(lambda: bool(self._asked or self._host.quit_cause())):
                found = super()._forward(first=first)
        except Stopped:
            return Found("step", self.moment)
        finally:
            player.pace = free
        self._pace(self.machine.now_ns())
        return found

    def _pace(self, until_ns: int) -> None:
        """Wait until this virtual time is due; a halted processor's moves on meanwhile."""
        machine, host = self.machine, self._host
        while self.speed is not None and not (self._asked or host.quit_cause()):
            now_ns = host.realtime_ns()
            left_ns = self._due_ns(until_ns) - now_ns
            if left_ns <= 0:
                if left_ns < -LATE_NS:
                    self._anchor = now_ns, until_ns
                break
            self.sinks.between()
            virtual_ns = until_ns - int(left_ns * self.speed)
            if machine.now_ns() < virtual_ns < until_ns:
                machine.warp(virtual_ns)
            host.wait(min(left_ns, LOOK_NS))
