"""`file`: output into a file, input out of another one. `pipe`: the two ends of a pair of FIFOs, or of one."""

import contextlib
import os
import stat

from playhead.base.errors import HostError
from playhead.host.chardev.device import OUTBOX, CharDevice, Output
from playhead.host.watch import IN, OUT


def _opened(path: str, flags: int, what: str) -> int:
    """`what` is tried, for the message."""
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOCTTY, 0o666)
    except (OSError, ValueError) as e:
        raise HostError(f"cannot {what} {path}: {getattr(e, 'strerror', None) or e}") from None


class File(Output):
    """The file is made anew, or continued with `append`. At the end of the input there is no more."""

    where = "file"
    connections = 1

    def __init__(self, label: str, path: str, append: bool = False, input_path: str = ""):
        flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
        self._in_fd = -1
        if input_path:  # first: a mistake in its name makes no output file
            self._in_fd = _opened(input_path, os.O_RDONLY | os.O_NONBLOCK, f"read {label} from")
        super().__init__(label, _opened(path, flags, f"write {label} to"))
        self.live = self.connected = bool(input_path)

    def watched(self) -> tuple[int, int]:
        return self._in_fd, IN if self.live and not self._crowded() else 0

    def ready(self, events: int) -> None:
        try:
            data = os.read(self._in_fd, 4096)
        except BlockingIOError:
            return
        except OSError as e:
            data = b""
            self.message(f"{self.label}: cannot read on: {e.strerror}")
        if data:
            self._arrived(data)
        else:
            self.live = self.connected = False

    def close(self) -> None:
        super().close()
        for fd in (self._out_fd, self._in_fd):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)


class Pipe(CharDevice):
    """PATH.in and PATH.out as QEMU has them, or PATH for both. Both are opened for reading and writing, so that other
    programs may come and go. What nobody reads stays here, up to OUTBOX; then the machine waits.
    """

    where = "pipe"
    live = connected = True
    connections = 1

    def __init__(self, label: str, path: str):
        super().__init__(label)
        names = [path + ".in", path + ".out"] if os.path.exists(path + ".in") else [path, path]
        fds: list[int] = []
        for name in names:
            fds.append(_opened(name, os.O_RDWR | os.O_NONBLOCK, f"open the pipe of {label},"))
            if not stat.S_ISFIFO(os.fstat(fds[-1]).st_mode):
                raise HostError(f"{name} is no FIFO; mkfifo makes one")
        self._in_fd, self._out_fd = fds
        self._out = bytearray()

    @property
    def crowded(self) -> bool:  # type: ignore[override]
        return len(self._out) > OUTBOX

    def write(self, data: bytes) -> None:
        self._out += data

    def flush(self) -> None:
        """As much as goes; the rest with the next flush, which comes ten times a second."""
        try:
            while self._out:
                del self._out[: os.write(self._out_fd, self._out[: 1 << 16])]
        except BlockingIOError:
            pass
        except OSError as e:
            self.broken = e.strerror or "error"
            self._out.clear()

    def watched(self) -> tuple[int, int]:
        return self._in_fd, 0 if self._crowded() else IN

    def ready(self, events: int) -> None:
        if events & ~OUT:
            with contextlib.suppress(OSError):
                data = os.read(self._in_fd, 4096)
                if data:
                    self._arrived(data)

    def close(self) -> None:
        super().close()
        for fd in (self._in_fd, self._out_fd):
            os.close(fd)
