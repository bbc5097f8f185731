"""The host's time at a moment of a recording, as near as the recording has it.

A packet that came in has it exactly (`NetPacket.host_ns`). For others it is estimated: every flush says how much host
time had passed since the start, and the last packet that came in which date that was.
"""

from bisect import bisect_right
from collections.abc import Iterable

from playhead.log.chain import BEGINNING, Mark
from playhead.log.moment import Moment

MS = 1_000_000


class HostTimes:
    """`start_ns`: the date of the start, in nanoseconds since 1970, until a packet says it better."""

    def __init__(self, marks: Iterable[Mark], start_ns: int):
        self._marks = [BEGINNING, *marks]
        self._moments = [mark.moment for mark in self._marks]
        self._start_ns, self._last_ns = start_ns, 0

    def known(self, moment: Moment, virtual_ns: int, host_ns: int) -> None:
        """Here it was exactly this."""
        self._start_ns = host_ns - self._passed(moment, virtual_ns)
        self._last_ns = host_ns

    def estimate(self, moment: Moment, virtual_ns: int) -> int:
        """Not before what was known or estimated last."""
        self._last_ns = max(self._last_ns, self._start_ns + self._passed(moment, virtual_ns))
        return self._last_ns

    def _passed(self, moment: Moment, virtual_ns: int) -> int:
        """Host time since the start: between two flushes it passes as virtual time does, or as instructions do."""
        n = bisect_right(self._moments, moment)
        before = self._marks[n - 1]
        if n == len(self._marks):
            return before.wall_ms * MS + max(virtual_ns - before.virtual_ns, 0)
        after = self._marks[n]
        part, whole = virtual_ns - before.virtual_ns, after.virtual_ns - before.virtual_ns
        if not 0 <= part <= whole or not whole:
            part, whole = moment.icount - before.icount, max(after.icount - before.icount, 1)
        return (before.wall_ms * whole + (after.wall_ms - before.wall_ms) * part) * MS // whole
