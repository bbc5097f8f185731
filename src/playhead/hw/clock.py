"""Virtual time and alarms.

Virtual time is a pure function of the instruction count, so alarms need no recording: they fall out. A device owns
numbered
alarms; when several are due at one moment they ring in the order (deadline, number), and the numbers are fixed by the
board,
so that no heap or insertion order shows. An alarm that re-arms itself in the past still rings only once per boundary
turn, which
makes progress however short its period is.
"""

from collections.abc import Callable
from typing import Protocol

from playhead.base.units import NEVER as NEVER


class TimeSource(Protocol):
    """What tells the virtual time."""

    def now_ns(self) -> int: ...

    @property
    def icount(self) -> int: ...


class Alarm:
    """A deadline in virtual nanoseconds and what to do then. The deadline is part of the clock's saved state."""

    __slots__ = ("_clock", "callback", "deadline_ns", "name", "number")

    def __init__(self, clock: "VirtualClock", number: int, name: str, callback: Callable[[], None]):
        self._clock, self.number, self.name, self.callback = clock, number, name, callback
        self.deadline_ns = NEVER

    def arm(self, deadline_ns: int) -> None:
        self.deadline_ns = min(max(deadline_ns, 0), NEVER)
        self._clock.changed()

    def cancel(self) -> None:
        if self.deadline_ns != NEVER:
            self.arm(NEVER)

    @property
    def armed(self) -> bool:
        return self.deadline_ns != NEVER


class VirtualClock:
    """The clock that devices see; `source` gives the time."""

    def __init__(self, source: TimeSource):
        self._source = source
        self.alarms: list[Alarm] = []
        self._next_ns: int | None = None  # the nearest deadline, if it is known

    def now_ns(self) -> int:
        """Virtual time since power-on, in nanoseconds."""
        return self._source.now_ns()

    def icount(self) -> int:
        """Instructions retired since power-on."""
        return self._source.icount

    def ticks(self, hz: int) -> int:
        """Periods of an oscillator of `hz` since power-on, exact (integer arithmetic, no drift)."""
        return self._source.now_ns() * hz // 1_000_000_000

    def alarm(self, name: str, callback: Callable[[], None]) -> Alarm:
        """A new alarm; its number is the order of creation, which the board fixes."""
        alarm = Alarm(self, len(self.alarms), name, callback)
        self.alarms.append(alarm)
        return alarm

    def next_deadline_ns(self) -> int:
        if self._next_ns is None:
            self._next_ns = min((a.deadline_ns for a in self.alarms), default=NEVER)
        return self._next_ns

    def changed(self) -> None:
        """A deadline is another one."""
        self._next_ns = None

    def ring(self, now_ns: int) -> int:
        """Ring each alarm that is due now, once, in the order (deadline, number); returns how many rang."""
        due = sorted((a.deadline_ns, a.number) for a in self.alarms if a.deadline_ns <= now_ns)
        for deadline, number in due:
            alarm = self.alarms[number]
            if alarm.deadline_ns == deadline:  # an earlier one may have cancelled or moved it
                alarm.deadline_ns = NEVER
                self.changed()
                alarm.callback()
        return len(due)

    def save(self) -> list[int]:
        return [a.deadline_ns for a in self.alarms]

    def load(self, deadlines: list[int]) -> None:
        assert len(deadlines) == len(self.alarms), f"{len(deadlines)} deadlines for {len(self.alarms)} alarms"
        for alarm, deadline in zip(self.alarms, deadlines, strict=True):
            alarm.deadline_ns = deadline
        self.changed()


def ticks_to_ns(ticks: int, hz: int) -> int:
    """The first nanosecond at which `VirtualClock.ticks(hz)` has reached `ticks` (rounded up)."""
    return -(-ticks * 1_000_000_000 // hz)
