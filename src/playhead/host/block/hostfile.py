"""A file of the host that holds an image: positional reads and writes, one line for whatever the host refuses.

Reads beyond the end give zeros, because both formats say so of the rest of the last cluster or sector. Only
regular files and block devices are opened: a name in an untrusted image must not make us wait on a FIFO or read a
terminal.
"""

import ctypes
import os
import stat
import tempfile
from typing import NoReturn

from playhead.base.errors import HostError, UsageError
from playhead.base.messages import shown  # the names of backing files come from images, and may hold anything
from playhead.host.block import locks

CHUNK = 1 << 20  # bytes written at once where a range is filled
PUNCH_HOLE_KEEP_SIZE = 3  # fallocate(2): FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE


class HostFile:
    """An open file; `sync=False` is for temporary files, which are useless after a crash."""

    def __init__(self, fd: int, path: str, read_only: bool, sync: bool = True):
        self.fd, self.read_only = fd, read_only
        self.name, self.path = path, shown(path)  # the latter for messages
        self._sync = sync
        self._written = False
        try:
            self.length = os.lseek(fd, 0, os.SEEK_END)
        except OSError as e:  # some regular files of /proc and /sys
            os.close(fd)
            self._refused("find the end of", e)

    def lock(self) -> None:
        """Against other writers, for as long as the file is open."""
        locks.lock(self.fd, self.path, self.read_only)

    def identity(self) -> tuple[int, int]:
        """The same for every name of the same file."""
        info = os.fstat(self.fd)
        return info.st_dev, info.st_ino

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, zeros beyond the file's end."""
        data = self.read_some(offset, length)
        return data if len(data) == length else data + bytes(length - len(data))

    def read_some(self, offset: int, length: int) -> bytes:
        """As many bytes as the file has there."""
        try:
            data = os.pread(self.fd, length, offset)
            while len(data) < length:  # the file's end, or one of the host's limits on a single read
                more = os.pread(self.fd, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data
        except OSError as e:
            self._refused("read", e)

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        self._written = True
        try:
            done = os.pwrite(self.fd, view, offset)
            while done < len(view):
                done += os.pwrite(self.fd, view[done:], offset + done)
        except OSError as e:
            self._refused("write", e)
        self.length = max(self.length, offset + len(view))

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, and give its space back to the host where it can."""
        self._written = True
        if not self.punch(offset, length):
            zeros = bytes(min(CHUNK, length))
            for at in range(offset, offset + length, CHUNK):
                self.write(at, memoryview(zeros)[: min(CHUNK, offset + length - at)])

    def punch(self, offset: int, length: int) -> bool:
        """Whether the host's file system could make a hole there."""
        call = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
        if call is None or length <= 0:
            return False
        self._written = True
        at, size = ctypes.c_int64(offset), ctypes.c_int64(length)
        return call(self.fd, PUNCH_HOLE_KEEP_SIZE, at, size) == 0

    def truncate(self, length: int) -> None:
        try:
            os.ftruncate(self.fd, length)
        except OSError as e:
            self._refused("resize", e)
        self._written = True
        self.length = length

    def sync(self) -> None:
        """Returns when everything that was written is on stable storage."""
        if not self._written:
            return
        try:
            if self._sync:
                os.fdatasync(self.fd)
        except OSError as e:
            self._refused("flush", e)
        self._written = False

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)  # the locks go with it
            self.fd = -1

    def _refused(self, what: str, error: OSError) -> NoReturn:
        raise HostError(f"cannot {what} image {self.path}: {error.strerror}") from None


def open_file(path: str, read_only: bool) -> HostFile:
    """An existing image file, not locked yet."""
    return HostFile(_open(path, os.O_RDONLY if read_only else os.O_RDWR), path, read_only)


def create_file(path: str) -> HostFile:
    """A new, empty image file, locked. An existing one is emptied, unless it is in use."""
    file = HostFile(_open(path, os.O_RDWR | os.O_CREAT), path, read_only=False)
    try:
        file.lock()
        file.truncate(0)
    except BaseException:
        file.close()
        raise
    return file


def temporary_file() -> HostFile:
    """A file without a name, which goes away with the process."""
    try:
        with tempfile.TemporaryFile(prefix="playhead-") as f:
            return HostFile(os.dup(f.fileno()), "temporary overlay", read_only=False, sync=False)
    except OSError as e:
        raise HostError(f"cannot make a temporary overlay: {e.strerror}") from None


def _open(path: str, flags: int) -> int:
    try:
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)  # O_NONBLOCK: a FIFO does not block here
    except OSError as e:
        raise HostError(f"cannot open image {shown(path)}: {e.strerror}") from None
    except ValueError:
        raise UsageError(f"cannot open image {path!r}: that is no file name") from None
    mode = os.fstat(fd).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        os.close(fd)
        raise UsageError(f"cannot open image {shown(path)}: it is neither a regular file nor a block device")
    return fd
