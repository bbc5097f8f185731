"""What a serial port, the debug port, a monitor or a debugger is connected to on the host's side.

Output goes out as it comes (collected up to a line, so that a byte is not a system call). Input is read by the
watcher's thread into a bounded inbox, from which the session takes it when the guest's receiver has room; until then
the other side waits. A device has the shape of a monitor's transport, too (`monitor.serve.Transport`): then somebody
calls `send` and `take`, and `hang_up` when a client that has gone has been dealt with.
"""

import errno
import os
from collections import deque
from collections.abc import Callable

from playhead.host.end import HostEnd
from playhead.host.watch import OUT

INBOX = 16  # reads of up to 4 KiB each; beyond them the host's reader waits
OUTBOX = 1 << 20  # bytes that wait for a slow reader; beyond them the machine waits (`crowded`)
MOST = 1 << 16  # bytes that one `take` gives, if nothing else is said


class CharDevice(HostEnd):
    """`null` and `none`, which drop output and never have input; the base of the others."""

    terminal = False  # a person types here
    keys = False  # what is typed comes key by key, and is not shown unless it is sent back
    held = False  # a client that has gone is kept until `hang_up`: a monitor's or a debugger's
    where = "null"  # in QEMU's words
    listens_at = ""  # where clients come to, for messages
    connections = 0  # clients that have come so far
    connected = False  # the last of them is still there

    def __init__(self, label: str):
        super().__init__()
        self.label = label
        self.sink: Callable[[bytes], None] | None = None  # a mux, which gets the input, on the watcher's thread
        self.sink_full: Callable[[], bool] = lambda: False
        self._inbox: deque[bytes] = deque()
        self._taken = 0  # bytes of the inbox's first read

    def write(self, data: bytes) -> None:
        """Output of the guest."""

    def close(self) -> None:
        self.flush()

    def take(self, room: int = MOST) -> bytes:
        """At most `room` bytes of input, in order. The watcher, which pauses while the inbox is full, is woken."""
        inbox, out, at, popped = self._inbox, bytearray(), self._taken, 0
        while inbox and len(out) < room:
            chunk = inbox[0]
            end = at + room - len(out)
            out += chunk[at:end]
            at = end
            if at >= len(chunk):
                inbox.popleft()
                popped, at = popped + 1, 0
        self._taken = at
        if popped and len(inbox) >= INBOX - popped:
            self.poke()
        return bytes(out)

    @property
    def waiting(self) -> bool:
        """Whether input is waiting to be taken."""
        return bool(self._inbox)

    def send(self, data: bytes) -> None:
        """Output of a monitor or a debugger: at once."""
        self.write(data)
        self.flush()

    def hang_up(self) -> None:
        """Done with the client: the next one may come."""

    def _arrived(self, data: bytes) -> None:
        if self.sink is not None:
            self.sink(data)
        else:
            self._inbox.append(data)

    def _crowded(self) -> bool:
        return self.sink_full() if self.sink is not None else len(self._inbox) >= INBOX


class Output(CharDevice):
    """Collects output up to a line, then writes it to a file descriptor."""

    def __init__(self, label: str, fd: int):
        super().__init__(label)
        self._out_fd = fd
        self._out = bytearray()

    def write(self, data: bytes) -> None:
        self._out += data
        if b"\n" in data or len(self._out) >= 4096:
            self.flush()

    def flush(self) -> None:
        if not self._out or self.broken:
            self._out.clear()
            return
        data = bytes(self._out)
        self._out.clear()
        try:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._out_fd, view) :]
                except BlockingIOError:  # another program made our standard output non-blocking
                    _wait_writable(self._out_fd)
        except OSError as e:
            self.broken, self.full = e.strerror or "error", e.errno != errno.EPIPE


def _wait_writable(fd: int) -> None:
    import select

    poll = select.poll()
    poll.register(fd, OUT)
    poll.poll(1000)
