"""The four clocks, of which VIRTUAL has a kind of its own for what is outside. A machine is deterministic because each
piece of code reads only those that it may.

| clock | where it comes from | who may read it | recorded |
|---|---|---|---|
| REALTIME | the host, monotonic | host side only: pacing, progress, timeouts | never: it never touches the machine |
| VIRTUAL | icount and the rate | every device timer, the time-stamp counter | never: it falls out |
| HOST | the host's date | real-time chips | each read (CLOCK_HOST) |
| VIRTUAL_RT | REALTIME while the CPU is halted | the session, to move VIRTUAL on | if something came first |
| EXTERNAL | VIRTUAL, as far as the session has told | host side only: timers of a user-mode network | never |

A halted CPU's virtual time moves to the next alarm. That follows from the state, whether the recording slept until then
or jumped, so it is no event. Only when input came earlier, CLOCK_VIRTUAL_RT says how far virtual time had got.

EXTERNAL is a kind of VIRTUAL, not a clock of its own: it shows the same time to what is outside the machine but has to
keep the guest's pace, such as the retransmissions of a user-mode network (`host/net/guest_time.py`). It stands while
the machine is paused. Its timers are no state of the machine's, no checkpoint has them, and that one rings is no event:
what comes of it enters as any other input does, a packet as ASYNC_NET. In a replay nothing follows it.
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
    EXTERNAL = "external"  # QEMU's attribute of timers on QEMU_CLOCK_VIRTUAL


class Clocks(NamedTuple):
    """The clocks of one session, as functions that give nanoseconds. In a replay HOST answers from the log."""

    realtime: Callable[[], int]
    virtual: Callable[[], int]
    host: Callable[[], int]
    virtual_rt: Callable[[], int]

    @property
    def external(self) -> Callable[[], int]:
        """VIRTUAL, for those outside the machine that follow it: `HostEnd`s are told it after every turn."""
        return self.virtual

    def read(self, clock: Clock) -> int:
        return int(getattr(self, clock.value)())
