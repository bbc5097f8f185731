"""Character devices, the host's ends of serial ports: `stdio`, `file:PATH`, `pty`, `null`, `none`.

Output goes out as it comes (collected up to a line, so that a byte is not a system call). Input is read by the
watcher's thread into a bounded inbox, from which the session takes it when the guest's receiver has room.
"""

import contextlib
import errno
import fcntl
import os
import pty
import termios
import threading
import time
import tty
from collections import deque
from collections.abc import Callable

from playhead.base.errors import HostError, UsageError
from playhead.host.end import HostEnd
from playhead.host.terminal import EscapeFilter, RawTerminal, StatusLine
from playhead.host.watch import IN, OUT

INBOX = 16  # reads of up to 4 KiB each; beyond them the host's reader waits
BACKLOG = 1 << 20  # bytes kept for a pty that is not read yet
DRAIN_LOOK_S = 0.01  # between two checks of what a closing pty still holds
DRAIN_LOOKS, DRAIN_EMPTY = 20, 5  # checks without change after which there is no reader, or nothing left
KINDS = "stdio, file:PATH, pty, null, none"


class CharDevice(HostEnd):
    """`null` and `none`, which drop output and never have input; the base of the others."""

    terminal = False  # a person types here

    def __init__(self, label: str):
        super().__init__()
        self.label = label
        self._inbox: deque[bytes] = deque()
        self._taken = 0  # bytes of the inbox's first read

    def write(self, data: bytes) -> None:
        """Output of the guest."""

    def close(self) -> None:
        self.flush()

    def take(self, room: int) -> bytes:
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

    def _crowded(self) -> bool:
        return len(self._inbox) >= INBOX


class _Output(CharDevice):
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


class Stdio(_Output):
    """Standard input and output. `mux` (-nographic): Ctrl-C goes to the guest; escape keys work without a terminal."""

    def __init__(self, label: str, status: StatusLine, *, mux: bool, reads: bool = True):
        super().__init__(label, 1)
        self._status = status
        self._shares = os.isatty(1)
        self._reads = reads
        self.mux = mux
        self.raw: RawTerminal | None = None
        self._escapes: EscapeFilter | None = None
        self.switched: Callable[[bool, bytes], None] | None = None  # there is a monitor too: whether it has the keys

    def open(self) -> None:
        if not self._reads:
            return
        try:
            os.fstat(0)
        except OSError:
            return  # standard input is closed
        if os.isatty(0):
            if not RawTerminal.usable(0):
                return  # a background job
            self.raw = RawTerminal(0, signals=not self.mux)
            self.raw.enter()
            self.terminal = True
        if self.terminal or self.mux:
            self._escapes = EscapeFilter(self.switched is not None)
        self.live = True

    def close(self) -> None:
        super().close()
        if self.raw is not None:
            self.raw.restore()

    def flush(self) -> None:
        if self._out and self._shares:
            self._status.clear()
            self._status.guest_wrote(bytes(self._out))
        super().flush()

    def watched(self) -> tuple[int, int]:
        away = self.raw is not None and not RawTerminal.usable(0)  # put into the background
        return 0, IN if self.live and not away and not self._crowded() else 0

    def ready(self, events: int) -> None:
        try:
            data = os.read(0, 4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the terminal has gone; SIGHUP says so too
        if not data:
            self.live = False
            return
        if self._escapes is not None:
            data, commands = self._escapes.feed(data)
            self.commands.extend(commands)
            if self.switched is not None:
                self.switched(self._escapes.on_monitor, bytes(self._escapes.for_monitor))
                self._escapes.for_monitor.clear()
        if data:
            self._inbox.append(data)


class File(_Output):
    """Output to a file, which is made anew."""

    def __init__(self, label: str, path: str):
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except (OSError, ValueError) as e:
            raise HostError(f"cannot write {label} to {path}: {getattr(e, 'strerror', None) or e}") from None
        super().__init__(label, fd)

    def close(self) -> None:
        super().close()
        with contextlib.suppress(OSError):
            os.close(self._out_fd)


class Pty(CharDevice):
    """A pseudo terminal for a script or another program; its name is told when the run starts.

    Output is kept until a reader opens it (the last mebibyte), so that a script misses nothing. We hold its other end
    open too, so that readers may come and go.
    """

    def __init__(self, label: str, announce: Callable[[str], None]):
        super().__init__(label)
        try:
            self._master, self._slave = pty.openpty()
        except OSError as e:
            raise HostError(f"cannot make a pty for {label}: {e.strerror}") from None
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self._announce = announce
        self._lock = threading.Lock()  # the backlog is filled by the session and emptied by the watcher too
        self._backlog = bytearray()

    def open(self) -> None:
        self.live = True
        self._announce(f"{self.label} is {self.name}")

    def write(self, data: bytes) -> None:
        with self._lock:
            self._backlog += data
            del self._backlog[: max(len(self._backlog) - BACKLOG, 0)]

    def flush(self) -> None:
        with self._lock:
            try:
                while self._backlog:
                    del self._backlog[: os.write(self._master, self._backlog)]
            except BlockingIOError:
                pass
            except OSError:
                self._backlog.clear()
            left = bool(self._backlog)
        if left:
            self.poke()

    def watched(self) -> tuple[int, int]:
        return self._master, (OUT if self._backlog else 0) | (0 if self._crowded() else IN)

    def ready(self, events: int) -> None:
        if events & OUT:
            self.flush()
        if events & IN:
            with contextlib.suppress(OSError):
                data = os.read(self._master, 4096)
                if data:
                    self._inbox.append(data)

    def close(self) -> None:
        self._drain()
        for fd in (self._master, self._slave):
            os.close(fd)

    def _drain(self) -> None:
        """Closing drops what has not been read: let a reader finish, as long as it reads. The kernel does not report
        what it holds beyond the first 4 KiB, so one empty check is not enough.
        """
        left, same = -1, 0
        while same < (DRAIN_LOOKS if left else DRAIN_EMPTY):
            self.flush()
            unread = int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), "little")
            before, left = left, unread + len(self._backlog)
            same = same + 1 if left == before else 0
            time.sleep(DRAIN_LOOK_S)


def check_spec(spec: str) -> str:
    """The spec itself if it names a character device, else a UsageError."""
    if spec in ("stdio", "mon:stdio", "pty", "null", "none") or (spec.startswith("file:") and len(spec) > 5):
        return spec
    if spec.startswith("chardev:"):
        raise UsageError(f"a device is connected to a -chardev by -device NAME,chardev={spec[8:] or 'ID'}")
    raise UsageError(f"unknown character device {spec!r}; there are {KINDS}")


def open_chardev(spec: str, label: str, status: StatusLine, announce: Callable[[str], None], *, mux: bool = False,
                 reads: bool = True) -> CharDevice:  # fmt: skip
    """Make the device that `spec` names. `reads=False` is for ports that only print."""
    check_spec(spec)
    if spec in ("stdio", "mon:stdio"):
        return Stdio(label, status, mux=mux or spec == "mon:stdio", reads=reads)
    if spec.startswith("file:"):
        return File(label, spec[5:])
    return Pty(label, announce) if spec == "pty" else CharDevice(label)


def _wait_writable(fd: int) -> None:
    import select

    poll = select.poll()
    poll.register(fd, OUT)
    poll.poll(1000)
