"""Pacing: how long a halted CPU sleeps in real time, and which rate `shift=auto` chooses.

Both read the host's monotonic clock, so neither is deterministic. Their decisions reach the machine as events; a sleep
that lasts until the next alarm is no event, as the guest cannot tell how long it took.
"""

LATE_CAP_NS = 100_000_000  # oversleeping beyond this is not made up for
MAX_SHIFT = 10
RATE_PERIOD_NS = 1_000_000_000


class Rest:
    """The sleep of a halted CPU. Virtual time follows real time, one to one; oversleeping shortens the next sleep."""

    def __init__(self) -> None:
        self._began: tuple[int, int] | None = None
        self._late_ns = 0

    def virtual_rt_ns(self, real_ns: int, virtual_ns: int) -> int:
        """Where virtual time should be by now. The first call begins the sleep."""
        if self._began is None:
            self._began = (real_ns, virtual_ns)
        return self._began[1] + (real_ns - self._began[0]) + self._late_ns

    def put_off(self, real_ns: int) -> None:
        """So much real time does not count: the machine was paused."""
        if self._began is not None:
            self._began = (self._began[0] + real_ns, self._began[1])

    def over(self, behind_ns: int = 0) -> None:
        """The sleep has ended, with virtual time `behind_ns` behind its target."""
        self._began = None
        self._late_ns = min(max(behind_ns, 0), LATE_CAP_NS)


class AutoRate:
    """Adjusts the rate once a second towards the time that the host takes per instruction, with hysteresis."""

    def __init__(self, shift: int):
        self.shift = shift
        self._busy_ns = 0
        self._instructions = 0

    def ran(self, busy_ns: int, instructions: int) -> int | None:
        """The guest has run; returns the new shift if it is to change."""
        self._busy_ns += busy_ns
        self._instructions += instructions
        if self._busy_ns < RATE_PERIOD_NS or not self._instructions:
            return None
        real, virtual = self._busy_ns, self._instructions << self.shift
        self._busy_ns = self._instructions = 0
        step = 1 if real * 3 > virtual * 5 else -1 if real * 5 < virtual * 3 else 0  # 5/3 either way: no flutter
        wanted = min(max(self.shift + step, 0), MAX_SHIFT)
        if wanted == self.shift:
            return None
        self.shift = wanted
        return wanted
