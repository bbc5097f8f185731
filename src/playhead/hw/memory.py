"""Physical memory: one host area that backs RAM and ROM, and a page map that says what each 4 KiB guest page is.

The page map is a flat array of 2**20 unsigned 64-bit entries that native code reads directly. An entry is the offset of
the page in the area, with flags in its low 12 bits; an entry without READ is answered by the memory-mapped register
space (or, if no device is there, reads as all ones). All writers (CPU, devices, debugger) maintain two flags: CODE
(instructions were decoded from here) and DIRTY (written since the flags were last collected); a debugger sets WATCH
flags where it watches accesses. So self-modifying code, digests and watchpoints all work by the page map.
"""

import mmap
import os
from array import array
from collections.abc import Callable
from itertools import pairwise
from zlib import crc32

from playhead.hw.space import Range, Space

PAGE = 4096
PAGES = 1 << 20
READ, WRITE, CODE, DIRTY, WATCH_WRITE, WATCH_READ = 1, 2, 4, 8, 16, 32  # page map flags
WATCHED = WATCH_WRITE | WATCH_READ
OFFSET_MASK = ~0xFFF
SYSTEM = 1 << 20  # below, the board itself decides what is where

SHUFFLE = "PLAYHEAD_SHUFFLE"  # environment, any text: moves all host memory, to prove that addresses do not matter
_holes: list[mmap.mmap] = []


def host_array(size: int) -> mmap.mmap:
    """Zeroed memory that the operating system provides on first touch, at an address that must not matter."""
    if seed := os.environ.get(SHUFFLE):
        pages = crc32(f"{seed} {len(_holes)}".encode()) % (1 << 16) + 1
        _holes.append(mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ))
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class RomWindow:
    """A ROM that the guest has placed: `range` in the register space, at `offset` of the backing area."""

    def __init__(self, range: Range, offset: int):
        self.range, self.offset = range, offset

    @property
    def base(self) -> int:
        return self.range.base


class Memory:
    """`area_size` bytes of backing store, mapped into the 4 GiB physical space page by page."""

    def __init__(self, area_size: int):
        assert area_size % PAGE == 0
        self.area = host_array(area_size)
        self.area_size = area_size
        self._allocated = 0
        self._map_store = host_array(PAGES * 8)
        self.page_map = memoryview(self._map_store).cast("Q")
        self.mmio = Space("memory", 1 << 32)
        self.mmio.moved = self._show_roms
        self._roms: list[RomWindow] = []
        self._rom_pages: set[int] = set()  # guest pages that show one of them
        self.remapped: Callable[[], None] = lambda: None
        self.code_written: Callable[[int], None] = lambda page: None
        self.was_written: Callable[[int], None] = lambda area_page: None  # told when a page map entry forgets it
        self.master_wrote: Callable[[int, int, str], None] = lambda address, length, by: None  # where it is watched
        self.a20_changed: Callable[[bool], None] = lambda on: None
        self.a20 = True

    def allocate(self, length: int) -> int:
        """Reserve `length` bytes (whole pages) of the area; returns the offset."""
        assert length % PAGE == 0 and self._allocated + length <= self.area_size, "backing area is too small"
        offset = self._allocated
        self._allocated += length
        return offset

    def map(self, base: int, length: int, offset: int, *, writable: bool = True) -> None:
        """Let guest pages at `base` show the area at `offset`: RAM, or ROM (writes are swallowed) if not writable."""
        assert base % PAGE == 0 and length % PAGE == 0 and offset % PAGE == 0
        flags = READ | (WRITE if writable else 0)
        self._change(base, array("Q", range(offset | flags, (offset + length) | flags, PAGE)))

    def unmap(self, base: int, length: int) -> None:
        """Leave guest pages at `base` to the register space (`mmio`), which answers all ones where nothing is."""
        self._change(base, array("Q", bytes(length // PAGE * 8)))

    def _change(self, base: int, entries: "array[int]") -> None:
        first = base // PAGE
        present = self.page_map[first : first + len(entries)]
        if present.tobytes() == bytes(present.nbytes):  # at power-on there is nothing to keep, and much to map
            present[:] = memoryview(entries)
        else:
            for i, new in enumerate(entries):
                self._change_one(first + i, new)
        self.remapped()

    def _change_one(self, page: int, new: int) -> None:
        old = self.page_map[page]
        if old & CODE:
            self.code_written(page)
        if old & DIRTY:
            self.was_written((old & OFFSET_MASK) // PAGE)  # the note is about what the page showed until now
        self.page_map[page] = new | (self.page_map[page] & (DIRTY | WATCHED))

    # ROMs that the guest places

    def show_rom(self, base: int, length: int, offset: int, name: str) -> RomWindow:
        """Let a ROM answer at `base`, unless RAM or firmware is there. What it shares with registers is decided in
        their space, so the order in which things came does not matter; whole pages of its own are in the page map.
        """

        def read(address: int, size: int) -> int:
            at = offset + address - base
            return int.from_bytes(self.area[at : at + size], "little")

        def write(address: int, size: int, value: int) -> None: ...

        window = RomWindow(Range(base, length, read, write, 1, 4, name, moves=True), offset)
        self._roms.append(window)
        self.mmio.add(window.range)
        return window

    def hide_rom(self, window: RomWindow) -> None:
        self._roms.remove(window)
        self.mmio.unmap(window.range)

    def _show_roms(self) -> None:
        """Ranges of the register space have moved: find the pages again that only a ROM answers."""
        if not self._roms and not self._rom_pages:
            return
        offsets = {id(window.range): window.offset - window.base for window in self._roms}
        entries: dict[int, int] = {}
        for (start, owner), (end, _) in pairwise([*self.mmio.pieces(), (self.mmio.size, None)]):
            if owner is not None and id(owner) in offsets:
                pages = range(-(-max(start, SYSTEM) // PAGE), end // PAGE)
                entries.update({page: page * PAGE + offsets[id(owner)] for page in pages})
        for page in self._rom_pages - entries.keys():
            self._change_one(page, 0)
        self._rom_pages &= entries.keys()
        for page, at in entries.items():
            entry = self.page_map[page]
            if (page in self._rom_pages and entry & OFFSET_MASK != at) or not entry & READ:
                self._change_one(page, at | READ)
                self._rom_pages.add(page)
        self.remapped()

    def set_a20(self, on: bool) -> None:
        """Drive the A20 gate; when off, address bit 20 is zero."""
        if on != self.a20:
            self.a20 = on
            self.a20_changed(on)
            self.remapped()

    def read(self, address: int, length: int) -> bytes:
        """What a bus master reads; register space and holes read as the space answers."""
        out = bytearray()
        while length:
            address &= 0xFFFFFFFF
            n = min(length, PAGE - address % PAGE)
            entry = self.page_map[address // PAGE]
            if entry & READ:
                at = (entry & OFFSET_MASK) + address % PAGE
                out += self.area[at : at + n]
            else:
                out += bytes(self.mmio.read(address + i, 1) for i in range(n))
            address += n
            length -= n
        return bytes(out)

    def write(self, address: int, data: bytes, by: str = "a bus master") -> None:
        """What a bus master writes: through the same code invalidation and dirty tracking as the CPU's stores. `by`
        names the master, for `playhead who`."""
        at = 0
        while at < len(data):
            address &= 0xFFFFFFFF
            n = min(len(data) - at, PAGE - address % PAGE)
            page = address // PAGE
            entry = self.page_map[page]
            if entry & WRITE:
                if entry & CODE:
                    self.code_written(page)
                self.page_map[page] |= DIRTY
                start = (entry & OFFSET_MASK) + address % PAGE
                self.area[start : start + n] = data[at : at + n]
                if entry & WATCH_WRITE:
                    self.master_wrote(address, n, by)
            elif not entry & READ:
                for i in range(n):
                    self.mmio.write(address + i, 1, data[at + i])
            address += n
            at += n
