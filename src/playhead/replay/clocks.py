"""The four clocks. A machine is deterministic because each piece of code reads only those that it may.

| clock | where it comes from | who may read it | recorded |
|---|---|---|---|
| REALTIME | the host, monotonic | host side only: pacing, progress, timeouts | never: it never touches the machine |
| VIRTUAL | icount and the rate | every device timer, the time-stamp counter | never: it falls out |
| HOST | the host's date | real-time chips | each read (CLOCK_HOST) |
| VIRTUAL_RT | REALTIME while the CPU is halted | the session, to move VIRTUAL on | if something came first |

A halted CPU's virtual time moves to the next alarm. That follows from the state, whether the recording slept until then
or jumped, so it is no event. Only when input came earlier, CLOCK_VIRTUAL_RT says how far virtual time had got.
"""

from collections.abc import Callable
from typing import NamedTuple
from enum import Enum


class Clock(Enum):
    """Named after QEMU's QEMU_CLOCK_*."""

    REALTIME = "realtime"
    VIRTUAL = "virtual"
    HOST = "host"
    VIRTUAL_RT = "virtual_rt"


class Clocks(NamedTuple):
    """The clocks of one session, as functions that give nanoseconds. In a replay HOST answers from the log."""

    realtime: Callable[[], int]
    virtual: Callable[[], int]
    host: Callable[[], int]
    virtual_rt: Callable[[], int]

    def read(self, clock: Clock) -> int:
        return int(getattr(self, clock.value)())
