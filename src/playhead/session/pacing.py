"""Real time and virtual time: how long a halted CPU sleeps, and which rate `shift=auto` chooses.

Both look at the host's monotonic clock, so neither is deterministic: what they decide reaches the machine as an
event, or (a sleep that lasts until the next alarm) changes nothing but when it happens.
"""

LATE_CAP_NS = 100_000_000  # a host that slept through more than this is not caught up with
MAX_SHIFT = 10
RATE_PERIOD_NS = 1_000_000_000


class Rest:
    """A halted CPU's rest. Virtual time is to follow real time, one to one; sleeping too long is made up for next
    time.
    """

    def __init__(self) -> None:
        self._began: tuple[int, int] | None = None
        self._late_ns = 0

    def virtual_rt_ns(self, real_ns: int, virtual_ns: int) -> int:
        """Where virtual time should be by now; the first call of a rest begins it."""
        if self._began is None:
            self._began = (real_ns, virtual_ns)
        return self._began[1] + (real_ns - self._began[0]) + self._late_ns

    def put_off(self, real_ns: int) -> None:
        """So much real time does not count: a debugger held the machine."""
        if self._began is not None:
            self._began = (self._began[0] + real_ns, self._began[1])

    def over(self, behind_ns: int = 0) -> None:
        """The rest has ended with virtual time `behind_ns` behind where it should be."""
        self._began = None
        self._late_ns = min(max(behind_ns, 0), LATE_CAP_NS)


class AutoRate:
    """Steps the rate towards what the host really takes per instruction, once a second, with hysteresis."""

    def __init__(self, shift: int):
        self.shift = shift
        self._busy_ns = 0
        self._instructions = 0

    def ran(self, busy_ns: int, instructions: int) -> int | None:
        """The guest ran; returns the new shift if it is to change."""
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
