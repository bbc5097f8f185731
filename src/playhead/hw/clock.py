"""Virtual time and alarms.

Virtual time is a pure function of the instruction count, so alarms need no recording: they fall out. A device owns
numbered alarms; when several are due at one moment they ring in the order (deadline, number), and the numbers are fixed
by the board, so that no heap or insertion order shows. An alarm that re-arms itself in the past still rings only once
per boundary turn, which makes progress however short its period is.

The nearest deadline is kept, and searched for only after it has been moved away. An alarm may declare what its ringing
does for native code (`Alarm.declare`), which then rings it without coming back to Python.
"""

from collections.abc import Callable
from typing import Protocol

from playhead.base.record import I64, Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.base.units import NEVER as NEVER
from playhead.hw.native import Ringing, native

ALARMS_MAX = 128


class TimeSource(Protocol):
    """What tells the virtual time."""

    def now_ns(self) -> int: ...

    @property
    def icount(self) -> int: ...


class Deadlines(SharedRecord):
    """When each alarm rings, by its number. (What is saved of it is for the clock's owner to say.)"""

    deadlines = Array(I64(NEVER), ALARMS_MAX)
    next_ns = I64(NEVER)  # the nearest one ...
    changed = Bool()  # ... unless it may be another one since


@native
def arm(d: Deadlines, number: int, deadline_ns: int) -> None:
    """Set when an alarm rings; NEVER: it does not."""
    at = min(max(deadline_ns, 0), NEVER)
    if not d.changed:
        if at <= d.next_ns:
            d.next_ns = at
        elif d.deadlines[number] == d.next_ns:
            d.changed = True
    d.deadlines[number] = at


@native
def nearest(d: Deadlines) -> int:
    """`VirtualClock.next_deadline_ns` for native code."""
    if d.changed:
        at = NEVER
        for n in range(ALARMS_MAX):
            at = min(at, d.deadlines[n])
        d.next_ns = at
        d.changed = False
    return d.next_ns


@native
def only_due(d: Deadlines, now_ns: int) -> int:
    """The number of the alarm that is due now; -1 if there are several, or none."""
    found = -1
    for n in range(ALARMS_MAX):
        if d.deadlines[n] <= now_ns:
            if found >= 0:
                return -1
            found = n
    return found


class Alarm:
    """A deadline in virtual nanoseconds and what to do then. The deadline is part of the clock's saved state."""

    __slots__ = ("_deadlines", "_shared", "callback", "name", "number", "ringing")

    def __init__(self, shared: Deadlines, number: int, name: str, callback: Callable[[], None]):
        self._shared, self._deadlines, self.number, self.name = shared, shared.deadlines, number, name
        self.callback = callback
        self.ringing: Ringing | None = None

    def declare(self, ringing: Ringing) -> None:
        """What ringing does; the callback is for what this declines."""
        self.ringing = ringing

    @property
    def deadline_ns(self) -> int:
        return self._deadlines[self.number]

    def arm(self, deadline_ns: int) -> None:
        arm(self._shared, self.number, deadline_ns)

    def ring(self) -> None:
        """It is due: what is declared, else the callback."""
        if self.ringing is None or not self.ringing.ring(self.number):
            self.arm(NEVER)
            self.callback()

    def cancel(self) -> None:
        if self._deadlines[self.number] != NEVER:
            self.arm(NEVER)

    @property
    def armed(self) -> bool:
        return self._deadlines[self.number] != NEVER


class VirtualClock:
    """The clock that devices see; `source` gives the time."""

    def __init__(self, source: TimeSource):
        self._source = source
        self.alarms: list[Alarm] = []
        self.shared = Deadlines()
        self._armed: memoryview[int] = memoryview(b"")  # of the deadlines, those that belong to an alarm

    def now_ns(self) -> int:
        """Virtual time since power-on, in nanoseconds."""
        return self._source.now_ns()

    def icount(self) -> int:
        """Instructions retired since power-on."""
        return self._source.icount

    def ticks(self, hz: int) -> int:
        """Periods of an oscillator of `hz` since power-on."""
        return ticks_at(self._source.now_ns(), hz)

    def alarm(self, name: str, callback: Callable[[], None]) -> Alarm:
        """A new alarm; its number is the order of creation, which the board fixes."""
        assert len(self.alarms) < ALARMS_MAX, f"more than {ALARMS_MAX} alarms"
        alarm = Alarm(self.shared, len(self.alarms), name, callback)
        self.alarms.append(alarm)
        deadlines = self.shared.deadlines
        assert isinstance(deadlines, memoryview)
        self._armed = deadlines[: len(self.alarms)]
        return alarm

    def next_deadline_ns(self) -> int:
        shared = self.shared
        if shared.changed:
            shared.next_ns = min(self.save(), default=NEVER)
            shared.changed = False
        return shared.next_ns

    def ring(self, now_ns: int) -> int:
        """Ring each alarm that is due now, once, in the order (deadline, number); returns how many rang."""
        deadlines = self.shared.deadlines
        due = sorted((deadline, n) for n, deadline in enumerate(self.save()) if deadline <= now_ns)
        for deadline, number in due:
            if deadlines[number] == deadline:  # an earlier one may have cancelled or moved it
                self.alarms[number].ring()
        return len(due)

    def save(self) -> list[int]:
        return self._armed.tolist()

    def load(self, deadlines: list[int]) -> None:
        assert len(deadlines) == len(self.alarms), f"{len(deadlines)} deadlines for {len(self.alarms)} alarms"
        for n, deadline in enumerate(deadlines):
            self.shared.deadlines[n] = deadline
        self.shared.changed = True


@native
def ticks_at(now_ns: int, hz: int) -> int:
    """Periods of an oscillator of `hz` since power-on, exact (integer arithmetic, no drift). By seconds and the rest,
    so that no step needs more than 64 bits."""
    return now_ns // 1_000_000_000 * hz + now_ns % 1_000_000_000 * hz // 1_000_000_000


def ticks_to_ns(ticks: int, hz: int) -> int:
    """The first nanosecond at which `VirtualClock.ticks(hz)` has reached `ticks` (rounded up)."""
    return -(-ticks * 1_000_000_000 // hz)
