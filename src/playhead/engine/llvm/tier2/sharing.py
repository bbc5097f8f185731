"""One helper for several processes: workers that were forked off one process, and that process.

Whoever needs the helper first starts it, and holds a lock while it has it. The others pass on to it what they want, and
find the code in the cache on disk once a counter in shared memory has changed. All of that is best effort: what is
passed on to nobody is asked for again when it is hotter. The lock is the kernel's, so it goes with its process.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct

from playhead.engine.llvm.tier2.wanted import Wanted

_WANTED = struct.Struct("<QQ")  # key, heat; the unit follows
PIPE_BUF = 4096  # linux/limits.h: a write of so many bytes is never mixed with others'
LONGEST = PIPE_BUF - _WANTED.size  # bytes of a unit; longer ones are not passed on
PIPE = 1 << 20  # bytes of the pipe, if the host allows that; each packet takes a page of these


class Sharing:
    """Made before the processes are forked. Raises OSError if this host has not what it takes."""

    def __init__(self) -> None:
        self._lock = os.memfd_create("playhead-tier2-sharing", os.MFD_CLOEXEC)
        try:
            os.ftruncate(self._lock, mmap.PAGESIZE)
            self._news = memoryview(mmap.mmap(self._lock, mmap.PAGESIZE)).cast("Q")
            # Each write is a packet, which one reader gets as a whole.
            self._taken, self._passed = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK | os.O_DIRECT)
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._passed, fcntl.F_SETPIPE_SZ, PIPE)
        except OSError:
            os.close(self._lock)
            raise
        self._seen = 0

    def mine(self) -> bool:
        """Whether this process may have the helper; then the others may not, until it lets go."""
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def let_go(self) -> None:
        with contextlib.suppress(OSError):
            fcntl.lockf(self._lock, fcntl.LOCK_UN)

    def pass_on(self, wanted: Wanted) -> bool:
        """To whoever has the helper. False: it is too long, or too much is waiting."""
        packed = _WANTED.pack(wanted.key, wanted.heat) + wanted.unit
        try:
            return len(wanted.unit) <= LONGEST and os.write(self._passed, packed) == len(packed)
        except OSError:
            return False

    def passed(self) -> list[Wanted]:
        """What others have passed on since."""
        found = []
        with contextlib.suppress(OSError):
            while packet := os.read(self._taken, PIPE_BUF):
                key, heat = _WANTED.unpack_from(packet)
                found.append(Wanted(key, packet[_WANTED.size :], heat))
        return found

    def tell(self) -> None:
        """There is more in the cache."""
        self._news[0] += 1

    def news(self) -> bool:
        """Whether there is more in the cache since the last call."""
        if self._news[0] == self._seen:
            return False
        self._seen = self._news[0]
        return True

    def close(self) -> None:
        for fd in (self._lock, self._taken, self._passed):
            os.close(fd)


_sharing: Sharing | None = None


def share() -> None:
    """To be called before workers are forked. Where that is impossible, each has a helper of its own."""
    global _sharing
    if _sharing is None:
        with contextlib.suppress(OSError):
            _sharing = Sharing()


def sharing() -> Sharing | None:
    return _sharing
