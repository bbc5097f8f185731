"""The way of a character device's output: into memory that native code appends to, and on to the sink.

A byte reaches the sink when the run in which it was sent has returned; with it goes the instruction count after which
it was sent. This is no state: it is empty at each boundary.
"""

from playhead.base.record import U32, U64, Array
from playhead.base.shared_record import SharedRecord, Table
from playhead.hw.clock import VirtualClock
from playhead.hw.door import Sink
from playhead.hw.native import native

ROOM = 1024  # bytes; native code stops before one for which there is no room


class Sent(SharedRecord):
    """`count` bytes, and the instruction count after which each was sent."""

    count = U32()
    data = Table(ROOM)
    icounts = Array(U64(), ROOM)


@native
def send(sent: Sent, value: int, icount: int) -> bool:
    """Append a byte; False if there is no room."""
    if sent.count >= ROOM:
        return False
    sent.data[sent.count] = value
    sent.icounts[sent.count] = icount
    sent.count += 1
    return True


class Outlet:
    """A device's end of it: native code has `sent`, Python calls `write`; `drain` passes on what was sent."""

    def __init__(self, sink: Sink, clock: VirtualClock):
        self._sink, self._clock = sink, clock
        self.sent = Sent()
        icounts = self.sent.icounts
        assert isinstance(icounts, memoryview)
        self._icounts = icounts

    def write(self, value: int) -> None:
        """A byte is sent now."""
        self.drain()
        send(self.sent, value, self._clock.icount())
        self.drain()

    def drain(self) -> None:
        sent = self.sent
        count = sent.count
        if count:
            sent.count = 0
            self._sink.write(bytes(sent.data[:count]), self._icounts[:count].tolist())
