"""Video memory as a device's registers see it: what native functions (hw/native.py) may read and write besides states.

A `Vram` is a piece of the backing area, a power of two in size, which `Memory.share` has declared. A native function
that has a parameter of this type reads and writes its bytes, `v[i]`, and its cells of four bytes, `v.cells[n]`: in
planar modes a cell holds one byte of each plane, plane 0 lowest, so latches are one load and a masked write is one
store. Indices wrap at the end, so that nothing a guest does leads out of it. Digests and checkpoints know of what is
written, as they do of the processor's stores.
"""

import ctypes
import struct

from playhead.hw.memory import PAGE, Memory

BASE, MASK, DIRTY, UNHASHED = 0, 8, 16, 24  # where native code finds addresses, and size - 1
BY = "the display"  # who has written, for `playhead who`
_FORMAT = "<4Q"


class Cells:
    """Groups of four bytes, as numbers of 32 bits."""

    def __init__(self, vram: "Vram"):
        self._vram = vram

    def __getitem__(self, index: int) -> int:
        at = self._vram.at(4 * index)
        return int.from_bytes(self._vram.memory.area[at : at + 4], "little")

    def __setitem__(self, index: int, value: int) -> None:
        at = self._vram.at(4 * index)
        self._vram.memory.area[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little")
        self._vram.memory.note_video(at, 4, BY)


class Vram:
    """`size` bytes of the backing area from `offset` on. Like a state it has an address for native code; its contents
    are no device's state, but memory.
    """

    def __init__(self, memory: Memory, offset: int, size: int):
        assert size >= PAGE and not size & (size - 1) and memory.is_shared(offset, size)
        self.memory, self.offset, self.size = memory, offset, size
        self.cells = Cells(self)
        first = offset // PAGE
        addresses = (_address(memory.area) + offset, _address(memory.dirty) + first, _address(memory.unhashed) + first)
        self._block = ctypes.create_string_buffer(struct.pack(_FORMAT, addresses[0], size - 1, *addresses[1:]))

    def address(self) -> int:
        """Of the block of words that native code goes by."""
        return ctypes.addressof(self._block)

    def at(self, index: int) -> int:
        """Where a byte is in the area."""
        return self.offset + (index & (self.size - 1))

    def view(self) -> memoryview:
        """All of it, to read: for whoever draws it."""
        return memoryview(self.memory.area)[self.offset : self.offset + self.size].toreadonly()

    def write(self, start: int, data: bytes) -> None:
        """Put bytes into it, which end within it."""
        assert 0 <= start and start + len(data) <= self.size
        at = self.offset + start
        self.memory.area[at : at + len(data)] = data
        self.memory.note_video(at, len(data), BY)

    def __getitem__(self, index: int) -> int:
        return self.memory.area[self.at(index)]

    def __setitem__(self, index: int, value: int) -> None:
        at = self.at(index)
        self.memory.area[at] = value & 0xFF
        self.memory.note_video(at, 1, BY)


def _address(buffer: object) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))  # type: ignore[arg-type]
