"""The helper process (worker.py) as the guest's process has it: how it is started, spoken to without ever waiting for
it, and ended.

A counter in memory that both share says when there is something to read, so that asking costs no system call.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import signal
import sys

from playhead.engine.llvm.tier2 import wire
from playhead.engine.llvm.tier2.store import version
from playhead.engine.llvm.tier2.wire import Malformed, Reply

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..", ".."))
PROGRAM = (
    "import sys; parent, version, *sys.path = sys.argv[1:]; "
    "from playhead.engine.llvm.tier2.worker import main; main(int(parent), version)"
)
PIPE = 1 << 20  # bytes that a pipe should hold, if the host allows that
CHUNK = 1 << 16
F_SETPIPE_SZ = 1031
LOOKS = 16  # calls of `replies` after which it looks whether the process is still there


class Gone(Exception):
    """The process has ended, or says what it never says."""


class Child:
    """Started when this is made. Raises OSError if that is refused."""

    def __init__(self) -> None:
        self.pid = 0
        self._out, self._in = bytearray(), bytearray()
        self._calls = self._seen = 0
        with contextlib.ExitStack() as undo:
            shared = _high(os.memfd_create("playhead-tier2", os.MFD_CLOEXEC), undo)
            os.ftruncate(shared, mmap.PAGESIZE)
            self._counter = memoryview(mmap.mmap(shared, mmap.PAGESIZE)).cast("Q")
            requests, self._requests = _pipe(undo)
            self._replies, replies = _pipe(undo)
            self.pid = _spawn((requests, wire.REQUESTS_FD), (replies, wire.REPLIES_FD), (shared, wire.COUNTER_FD))
            for fd in (requests, replies, shared):
                os.close(fd)
            undo.pop_all()
        for fd in (self._requests, self._replies):
            os.set_blocking(fd, False)
            with contextlib.suppress(OSError):
                fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE)

    def send(self, frame: bytes) -> None:
        """Raises Gone."""
        self._out += frame
        self._flush()

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(self._requests, self._out)]
        except BlockingIOError:
            pass
        except OSError:
            raise Gone from None

    def replies(self) -> list[Reply]:
        """What has come since. Raises Gone."""
        self._calls += 1
        if self._counter[0] == self._seen and not self._in and self._calls % LOOKS:
            return []
        if self._out:
            self._flush()
        ended = self._read()
        try:
            found = [wire.unpack_reply(body) for body in wire.frames(self._in)]
        except Malformed:
            raise Gone from None
        if ended and not found:
            raise Gone
        return found

    def _read(self) -> bool:
        """Whether the process has ended."""
        self._seen = self._counter[0]
        try:
            while data := os.read(self._replies, CHUNK):
                self._in += data
            return True
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End it now, whatever it does."""
        self.forget()
        with contextlib.suppress(OSError):  # somebody else has waited for it
            if not os.waitpid(self.pid, os.WNOHANG)[0]:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def forget(self) -> None:
        """Let go of it: in a process that was forked off the one that has started it."""
        for fd in (self._requests, self._replies):
            os.close(fd)


def _pipe(undo: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    return _high(read, undo), _high(write, undo)


def _high(fd: int, undo: contextlib.ExitStack) -> int:
    """The same under a number above those that the child has, so that none is put in another's place."""
    try:
        high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10)
    finally:
        os.close(fd)
    undo.callback(os.close, high)
    return high


def _spawn(*places: tuple[int, int]) -> int:
    if not sys.executable:
        raise FileNotFoundError("Python")
    words = [sys.executable, "-I", "-S", *(["-B"] if sys.dont_write_bytecode else []), "-c", PROGRAM]
    words += [str(os.getpid()), version(), *filter(os.path.isabs, sys.path), ROOT]
    files: list[tuple] = [(os.POSIX_SPAWN_DUP2, fd, place) for fd, place in places]
    if not os.environ.get("PLAYHEAD_DEBUG"):
        files.append((os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0))
    # A session of its own: no signal of the terminal's comes there.
    return os.posix_spawn(sys.executable, words, os.environ, file_actions=files, setsid=True)
