"""`pty`: a pseudo terminal for a script or another program; its name is told when the run starts."""

import contextlib
import fcntl
import os
import pty
import termios
import threading
import time
import tty

from playhead.base.errors import HostError
from playhead.host.chardev.device import CharDevice
from playhead.host.watch import IN, OUT

BACKLOG = 1 << 20  # bytes kept for a pty that is not read yet
DRAIN_LOOK_S = 0.01  # between two checks of what a closing pty still holds
DRAIN_LOOKS, DRAIN_EMPTY = 20, 5  # checks without change after which there is no reader, or nothing left


class Pty(CharDevice):
    """Output is kept until a reader opens it (the last mebibyte), so that a script misses nothing. We hold its other
    end open too, so that readers may come and go. `link`: a symbolic link to it, removed at the end.
    """

    connections, connected = 1, True
    keys = True

    def __init__(self, label: str, link: str = ""):
        super().__init__(label)
        try:
            self._master, self._slave = pty.openpty()
        except OSError as e:
            raise HostError(f"cannot make a pty for {label}: {e.strerror}") from None
        os.fchmod(self._slave, 0o600)  # its group could write to it: what is typed here controls a machine
        tty.setraw(self._slave, termios.TCSANOW)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self.where = f"pty:{self.name}"
        self._link = link
        if link:
            self._make_link()
        self._lock = threading.Lock()  # the backlog is filled by the session and emptied by the watcher too
        self._backlog = bytearray()
        self._lost = False

    def _make_link(self) -> None:
        try:
            os.symlink(self.name, self._link)
        except (OSError, ValueError) as e:
            self._link, link = "", self._link
            os.close(self._master)
            os.close(self._slave)
            raise HostError(f"cannot make the link {link} to the pty of {self.label}: "
                            f"{getattr(e, 'strerror', None) or e}") from None  # fmt: skip

    def open(self) -> None:
        self.live = True
        self.message(f"{self.label} is {self.name}" + (f", as {self._link}" if self._link else ""))

    def write(self, data: bytes) -> None:
        with self._lock:
            self._backlog += data
            lost = len(self._backlog) - BACKLOG
            del self._backlog[: max(lost, 0)]
        if lost > 0 and not self._lost:
            self._lost = True
            self.message(f"{self.label}: nobody reads {self.name}; of what is printed there the last MiB is kept")

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
                    self._arrived(data)

    def close(self) -> None:
        self._drain()
        if self._link:
            with contextlib.suppress(OSError):
                if os.readlink(self._link) == self.name:  # else it is somebody else's by now
                    os.unlink(self._link)
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
