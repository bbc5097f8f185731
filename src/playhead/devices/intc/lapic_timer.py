"""The local APIC's timer: a count that is worked out from virtual time, never counted.

The bus clock is 1 GHz, so that a tick of it is a nanosecond. A periodic timer rings every `initial` counts. What starts
a count, and what an expiry does, is in lapic_registers.py, for native code does both.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter "APIC", "APIC Timer".
"""

from collections.abc import Callable

from playhead.base.record import I64, U8, U32, Bool
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import NEVER, VirtualClock
from playhead.hw.native import native

DIVISORS = (2, 4, 8, 16, 32, 64, 128, 1)  # by bits 3, 1, 0 of the divide configuration register


class TimerState(SharedRecord):
    initial = U32()
    divide = U8()
    start_ns = I64()  # when the count was `initial`
    periodic = Bool()
    enabled = Bool()  # it may interrupt: the LVT entry is not masked
    expired = Bool()  # a one-shot count has reached 0 and stays there


@native
def divisor(s: TimerState) -> int:
    return DIVISORS[(s.divide >> 1 & 4) | (s.divide & 3)]


@native
def count(s: TimerState, now_ns: int) -> int:
    """The current count register."""
    if s.initial == 0 or s.expired:
        return 0
    passed = (now_ns - s.start_ns) // divisor(s)
    return s.initial - passed % s.initial if s.periodic else max(s.initial - passed, 0)


@native
def expiry(s: TimerState, now_ns: int) -> int:
    """The next expiry after now, if it is to interrupt."""
    if s.initial == 0 or s.expired or not s.enabled:
        return NEVER
    length = s.initial * divisor(s)
    if s.periodic:
        return s.start_ns + ((now_ns - s.start_ns) // length + 1) * length
    return s.start_ns + length if now_ns - s.start_ns < length else NEVER


class LapicTimer:
    """Over its state; `expire` is called at each expiry while it is enabled."""

    def __init__(self, name: str, state: TimerState, clock: VirtualClock, expire: Callable[[], None]):
        self.state = state
        self._clock, self._expire = clock, expire
        self.alarm = clock.alarm(name, self._ring)

    def set_divide(self, value: int) -> None:
        s = self.state
        self._settle()
        passed = s.initial - count(s, self._clock.now_ns())
        s.divide = value & 0xB
        s.start_ns = self._clock.now_ns() - passed * divisor(s)
        self.arm()

    def set_mode(self, periodic: bool, enabled: bool) -> None:
        s = self.state
        if periodic != s.periodic:
            self._settle()
            s.periodic = periodic
        s.enabled = enabled
        self.arm()

    def _settle(self) -> None:
        """Begin from the period that is running, so that what is changed now does not change the past."""
        s, now = self.state, self._clock.now_ns()
        if s.initial == 0:
            return
        length = s.initial * divisor(s)
        if s.periodic:
            s.start_ns += (now - s.start_ns) // length * length
        elif now - s.start_ns >= length:
            s.expired = True

    def arm(self) -> None:
        self.alarm.arm(expiry(self.state, self._clock.now_ns()))

    def _ring(self) -> None:
        if not self.state.periodic:
            self.state.expired = True
        self.arm()
        self._expire()
