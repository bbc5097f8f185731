"""What the guest sends to character devices, on its way out: a list in memory that native code appends to.

A byte leaves the machine when the run that sent it has returned; the instruction count behind which it was sent is kept
with it. This is no state: it is empty at each boundary.
"""

from collections.abc import Callable

from playhead.base.record import U8, U16, U32, U64, Array
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import VirtualClock
from playhead.hw.native import native

ROOM = 1024  # bytes; native code stops in front of one that does not fit


class OutletMemory(SharedRecord):
    """`count` bytes: the port and the value of each, and when it was sent."""

    count = U32()
    sent = Array(U16(), ROOM)  # port << 8 | byte
    icounts = Array(U64(), ROOM)


class Port(SharedRecord):
    """The number by which a character device is known at the outlet."""

    number = U8()


@native
def has_room(out: OutletMemory) -> bool:
    return out.count < ROOM


@native
def send(out: OutletMemory, port: Port, value: int, icount: int) -> None:
    """Append a byte; only if `has_room`."""
    out.sent[out.count] = port.number << 8 | value
    out.icounts[out.count] = icount
    out.count += 1


class Outlet:
    """The way out of one machine. `deliver(port, data, icounts)` is told of everything in order; a port's bytes come
    together as far as no other port's are between them.
    """

    def __init__(self, clock: VirtualClock, deliver: Callable[[int, bytes, list[int]], None]):
        self._clock, self._deliver = clock, deliver
        self.memory = OutletMemory()

    def send(self, port: Port, value: int) -> None:
        """From Python: a byte is sent now."""
        if not has_room(self.memory):
            self.drain()
        send(self.memory, port, value, self._clock.icount())

    def drain(self) -> None:
        """Deliver all that was sent."""
        memory = self.memory
        count, memory.count = memory.count, 0
        at = 0
        while at < count:
            port = memory.sent[at] >> 8
            end = at + 1
            while end < count and memory.sent[end] >> 8 == port:
                end += 1
            self._deliver(port, bytes(item & 0xFF for item in memory.sent[at:end]), list(memory.icounts[at:end]))
            at = end
