"""Executable memory for thousands of small functions that come one after the other.

As in loading.py, no page is ever writable and executable at once: functions that come together are written to pages
that nothing has run from, and these are then made executable for good. The memory is private, so a forked process has
a copy of its own. Nothing is ever freed: blocks may call it for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence

from playhead.engine.llvm.loading import make_executable

PAGE = mmap.PAGESIZE
ALIGNMENT = 32
CHUNK = 1 << 20  # mapped at once


class CodeMemory:
    """`size`: bytes of code in it. `room`: bytes of memory that it may still take."""

    def __init__(self, most: int):
        self.size, self.room = 0, most
        self._chunks: list[mmap.mmap] = []
        self._at = self._end = 0  # of the last chunk: what is used, how much there is

    def add(self, codes: Sequence[bytes]) -> list[int]:
        """The addresses of functions, ready to run; nothing if there is no room for all of them."""
        offsets, length = [], 0
        for code in codes:
            offsets.append(length)
            length += -(-len(code) // ALIGNMENT) * ALIGNMENT
        taken = -(-length // PAGE) * PAGE
        if taken > self.room or not taken:
            return []
        if taken > self._end - self._at:
            self._at, self._end = 0, max(CHUNK, taken)
            self._chunks.append(mmap.mmap(-1, self._end, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
        chunk, first = self._chunks[-1], self._at
        for offset, code in zip(offsets, codes, strict=True):
            chunk[first + offset : first + offset + len(code)] = code
        base = ctypes.addressof(ctypes.c_char.from_buffer(chunk)) + first
        make_executable(base, taken)
        self._at += taken
        self.room -= taken
        self.size += length
        return [base + offset for offset in offsets]
