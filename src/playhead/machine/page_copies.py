"""Copies of memory pages for checkpoints, in memory that is used again.

Fresh memory from the operating system costs several times what copying into it does. So copies are made in rooms of a
fixed size (that of a huge page, where there are some: 0.2 ms a room instead of 0.7), and a room comes back when nothing
refers to a page in it any more: after the pages have been packed.
"""

import contextlib
import ctypes
import mmap
import weakref
from collections.abc import Iterable

from playhead.hw.memory import PAGE, Memory, host_array

ROOM = 512  # pages
KEPT = 8  # rooms that wait to be used again


class PageCopies:
    """`take` copies pages of a memory's backing area."""

    def __init__(self, memory: Memory):
        self._memory = memory
        self._free: list[memoryview] = []

    def take(self, runs: Iterable[range]) -> dict[int, memoryview]:
        """What is in the pages of these runs now, by number. Each is a view that keeps its room from being reused."""
        area = memoryview(self._memory.area)
        contents: dict[int, memoryview] = {}
        room, at = memoryview(b""), 0
        for run in runs:
            first = run.start
            while first < run.stop:
                if at == len(room):
                    room, at = self._room(), 0
                count = min(run.stop - first, (len(room) - at) // PAGE)
                end = at + count * PAGE
                room[at:end] = area[first * PAGE : (first + count) * PAGE]
                views = (room[start : start + PAGE] for start in range(at, end, PAGE))
                contents.update(zip(range(first, first + count), views, strict=True))
                first, at = first + count, end
        return contents

    def _room(self) -> memoryview:
        memory = self._free.pop() if self._free else _fresh(ROOM * PAGE)
        lease = (ctypes.c_uint8 * (ROOM * PAGE)).from_buffer(memory)  # lives as long as a view of it does
        weakref.finalize(lease, self._back, memory).atexit = False
        return memoryview(lease).cast("B")

    def _back(self, memory: memoryview) -> None:
        """Nothing is in use of this room. (Called in whichever thread has dropped the last view.)"""
        if len(self._free) < KEPT:
            self._free.append(memory)


def _fresh(size: int) -> memoryview:
    memory = host_array(size)
    with contextlib.suppress(AttributeError, OSError):  # a host without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)
