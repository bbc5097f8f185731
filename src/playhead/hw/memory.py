"""Physical memory: one host area that backs RAM and ROM, and a page map that says what each 4 KiB guest page is.

The page map is a flat array of 2**20 unsigned 64-bit entries that native code reads directly. An entry is the offset of
the page in the area, with flags in its low 12 bits; an entry without READ is answered by the memory-mapped register
space (or, if no device is there, reads as all ones). All writers (CPU, devices, debugger) maintain two flags: CODE
(instructions were decoded from here) and DIRTY (written since the flags were last collected); a debugger sets WATCH
flags where it watches accesses. So self-modifying code, digests and watchpoints all work by the page map.

Windows show pieces of the area where the guest, or a register, has placed them: expansion ROMs, and video memory. What
they share with registers is decided in the register space, so the order in which things came does not matter; whole
pages that are a window's alone are in the page map, at the speed of RAM.

Video memory is a *shared* piece of the area (`share`): several guest pages may show one of its pages, and native code
of a device writes it too. So what is known of it goes by page of the area and not by guest page: entries that show it
are flagged SHARED, collected notes and page hashes are those of the area's page, and decoded code is never kept.
"""

import mmap
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from zlib import crc32

from playhead.hw.space import Range, Space

PAGE = 4096
PAGES = 1 << 20
READ, WRITE, CODE, DIRTY, WATCH_WRITE, WATCH_READ, SHARED = 1, 2, 4, 8, 16, 32, 64  # page map flags
WATCHED = WATCH_WRITE | WATCH_READ
OFFSET_MASK = ~0xFFF
REGION_BITS = 9  # log2 of the guest pages of a region
SYSTEM = 1 << 20  # below, the board itself decides what is where

SHUFFLE = "PLAYHEAD_SHUFFLE"  # environment, any text: moves all host memory, to prove that addresses do not matter
_holes: list[mmap.mmap] = []


def host_array(size: int) -> mmap.mmap:
    """Zeroed memory that the operating system provides on first touch, at an address that must not matter."""
    if seed := os.environ.get(SHUFFLE):
        pages = crc32(f"{seed} {len(_holes)}".encode()) % (1 << 16) + 1
        _holes.append(mmap.mmap(-1, pages * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ))
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Window:
    """Addresses of a range of the register space that show a piece of the backing area, while it is shown; the range's
    handlers and registers answer the rest of it.
    """

    def __init__(self, memory: "Memory", range: Range):
        self._memory, self.range = memory, range
        self.start = self.length = self.offset = 0
        self.writable = False

    @property
    def base(self) -> int:
        return self.range.base

    def show(self, start: int, length: int, offset: int, *, writable: bool = True) -> None:
        """Let [start, start + length), whole pages of the range, show the area at `offset`. Cheap enough for a guest
        that switches banks at each line."""
        assert self.range.base <= start and start + length <= self.range.base + self.range.length
        assert not writable or self._memory.is_shared(offset, length), "only video memory can be seen twice"
        if (start, length, offset, writable) != (self.start, self.length, self.offset, self.writable):
            self.start, self.length, self.offset, self.writable = start, length, offset, writable
            self._memory._window_changed(self)

    def hide(self) -> None:
        """Leave all of the range to its handlers and registers."""
        if self.length:
            self.length = 0
            self._memory._window_changed(self)

    def entries(self, first: int, end: int) -> "array[int]":
        """What the pages [first, end) have in the page map as far as this window goes."""
        flags = READ | (WRITE if self.writable else 0)
        flags |= SHARED if self._memory.is_shared(self.offset, self.length) else 0
        start = min(max(first, -(-self.start // PAGE)), end)
        stop = max(min(end, (self.start + self.length) // PAGE), start)
        at = start * PAGE + self.offset - self.start | flags
        shown = array("Q", range(at, at + (stop - start) * PAGE, PAGE))
        return array("Q", bytes((start - first) * 8)) + shown + array("Q", bytes((end - stop) * 8))


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
        self.mmio.moved = self._place_windows
        self.dirty = host_array(1 << 20)  # a byte for each page of the backing area: written since the last checkpoint
        # a byte for each page, written since the last digest: of the guest, or of the area where that is shared
        self.unhashed = host_array(1 << 20)
        self.written = host_array(PAGES >> REGION_BITS)  # a byte for each region: a page of it is DIRTY
        self.fixed: tuple[range, ...] = ()  # guest pages that show the same RAM for ever
        self.shared = range(0)  # pages of the area that several guest pages may show
        self.windows: list[Window] = []  # in no order that counts
        self._alone: dict[int, list[range]] = {}  # id of a window's range -> pages that no other range has a part of
        self.remapped: Callable[[], None] = lambda: None  # what native code has derived from the page map is void
        self.unshown: Callable[[int, int], None] = lambda first, count: None  # as far as these pages of the area go
        self.placed: Callable[[], None] = lambda: None  # windows, or the shared piece, are elsewhere
        self.code_written: Callable[[int], None] = lambda page: None
        # a bus master, and whoever it was in video memory, where that is watched: by address, and by place in the area
        self.master_wrote: Callable[[int, int, str], None] = lambda address, length, by: None
        # a bus master is about to write to these bytes of the area, while memory is searched
        self.master_writes: Callable[[int, bytes, str], None] | None = None
        self.video_wrote: Callable[[int, int, str], None] = lambda at, length, by: None
        self._watched: Mapping[int, int] = {}  # WATCH flags, by guest page
        self.watched_video: Mapping[int, int] = {}  # and by shared page of the area, whoever shows it
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
        self._mapped(base, length)
        self._change(base, array("Q", range(offset | flags, (offset + length) | flags, PAGE)))

    def unmap(self, base: int, length: int) -> None:
        """Leave guest pages at `base` to the register space (`mmio`), which answers all ones where nothing is."""
        self._mapped(base, length)
        self._change(base, array("Q", bytes(length // PAGE * 8)))
        self._place_windows()

    def _change(self, base: int, entries: "array[int]") -> None:
        first = base // PAGE
        present = self.page_map[first : first + len(entries)]
        if not self._watched and present.tobytes() == bytes(present.nbytes):  # at power-on, when there is much to map
            present[:] = memoryview(entries)
        else:
            for i, new in enumerate(entries):
                self._change_one(first + i, new)
        self.remapped()

    def _change_one(self, page: int, new: int) -> None:
        old = self.page_map[page]
        if old & CODE:
            self.code_written(page)
        kept = 0
        if old & DIRTY:
            self.note_written(page, old)  # the note is about what the page showed until now
            kept = 0 if (old | new) & SHARED else DIRTY
        self.page_map[page] = new | kept | self._watch_flags(page, new)

    def watch(self, pages: Mapping[int, int], video: Mapping[int, int]) -> None:
        """Flag these guest pages, and all that show these shared pages of the area, with WATCH flags, and no others."""
        before = {*self._watched, *(page for at in self.watched_video for page in self.shown_at(at))}
        self._watched, self.watched_video = pages, video
        for page in before.union(pages, *(self.shown_at(at) for at in video)):
            entry = self.page_map[page] & ~WATCHED
            self.page_map[page] = entry | self._watch_flags(page, entry)

    def _watch_flags(self, page: int, entry: int) -> int:
        video = self.watched_video.get(entry // PAGE, 0) if entry & SHARED else 0
        return self._watched.get(page, 0) | video

    def mark_written(self, page: int) -> None:
        """Flag a guest page DIRTY: all that set this flag also mark its region, where who collects flags looks."""
        self.page_map[page] |= DIRTY
        self.written[page >> REGION_BITS] = 1

    def note_written(self, page: int, entry: int) -> None:
        """The guest's `page`, which has this entry in the page map, was written."""
        at = entry // PAGE
        self.dirty[at] = 1
        self.unhashed[at if entry & SHARED else page] = 1

    # windows

    def share(self, offset: int, length: int) -> None:
        """Let a piece of the area be video memory: windows may show it, `Vram` may write it."""
        assert not self.shared and offset % PAGE == 0 and length % PAGE == 0
        self.shared = range(offset // PAGE, (offset + length) // PAGE)
        self.placed()

    def is_shared(self, offset: int, length: int) -> bool:
        """Whether all of a piece of the area is video memory."""
        return self.shared.start * PAGE <= offset and offset + length <= self.shared.stop * PAGE

    def window(self, range: Range) -> Window:
        """A window in a range of the register space. It shows nothing yet."""
        window = Window(self, range)
        self.windows.append(window)
        self._place_windows()
        return window

    def show(self, base: int, length: int, offset: int, name: str, *, writable: bool = False) -> Window:
        """Let the area at `offset` answer at `base`, where the guest has placed it, unless RAM or firmware is there.
        Not writable is a ROM: it swallows what is written.
        """

        def read(address: int, size: int) -> int:
            at = offset + address - base
            return int.from_bytes(self.area[at : at + size], "little")

        def write(address: int, size: int, value: int) -> None:
            if writable:
                at = offset + address - base
                self.area[at : at + size] = value.to_bytes(size, "little")
                self.note_video(at, size, "a bus master")

        window = Window(self, Range(base, length, read, write, 1, 4, name, moves=True))
        window.start, window.length, window.offset, window.writable = base, length, offset, writable
        assert not writable or self.is_shared(offset, length), "only video memory can be seen twice"
        self.windows.append(window)
        self.mmio.add(window.range)
        return window

    def remove(self, window: Window) -> None:
        """Undo `show` with a name."""
        self.windows.remove(window)
        self.mmio.unmap(window.range)

    def note_video(self, at: int, length: int, by: str) -> None:
        """Bytes of video memory, at `at` of the area, were written other than through a page that shows them."""
        for page in range(at // PAGE, (at + length - 1) // PAGE + 1):
            self.dirty[page] = self.unhashed[page] = 1
            if self.watched_video.get(page, 0) & WATCH_WRITE:
                first = max(at, page * PAGE)
                self.video_wrote(first, min(at + length, (page + 1) * PAGE) - first, by)

    @property
    def searchable(self) -> int:
        """Where RAM ends in the area, and video memory or what else there is begins."""
        return self.shared.start * PAGE if self.shared else self._allocated

    def shown_where(self, at: int) -> int:
        """The lowest guest address that shows a byte of the area; where it is in the area if none does."""
        page = at // PAGE
        if self.page_map[page] // PAGE == page and self.page_map[page] & READ:
            return at
        shown = (n for n in range(PAGES) if self.page_map[n] & READ and self.page_map[n] // PAGE == page)
        return next(shown, page) * PAGE + at % PAGE

    def shown_at(self, area_page: int) -> Iterator[int]:
        """The guest pages at which windows show a page of the area."""
        for window in self.windows:
            guest_page = area_page + (window.start - window.offset) // PAGE
            entry = self.page_map[guest_page] if 0 <= guest_page < PAGES else 0
            if entry & READ and entry // PAGE == area_page:
                yield guest_page

    def _window_changed(self, window: Window) -> None:
        """Another piece of the area, or of the range. Only pages of the window's own change, and no code that runs is
        in them, so nothing else of what native code has derived is lost.
        """
        for pages in self._alone.get(id(window.range), ()):
            self._show(pages, window.entries(pages.start, pages.stop))

    def _show(self, pages: range, entries: "array[int]") -> None:
        part = self.page_map[pages.start : pages.stop]
        old = part.tolist()
        if self._watched or self.watched_video or any(map(CODE.__and__, old)):
            for page, new in zip(pages, entries, strict=True):
                self._change_one(page, new)
        else:
            for n in [n for n, entry in enumerate(old) if entry & DIRTY]:
                self.note_written(pages[n], old[n])
            part[:] = memoryview(entries)
        last = max(old)
        if last & READ:
            first = min(filter(READ.__and__, old)) // PAGE
            self.unshown(first, last // PAGE - first + 1)

    def _place_windows(self) -> None:
        """Ranges of the register space, or RAM, have moved: find the pages again that only a window's range has."""
        if not self.windows and not self._alone:
            return
        owners = {id(window.range): window for window in self.windows}
        before = {page for runs in self._alone.values() for pages in runs for page in pages}
        self._alone = {}
        for (start, owner), (end, _) in pairwise([*self.mmio.pieces(), (self.mmio.size, None)]):
            if owner is not None and id(owner) in owners:
                least = SYSTEM if owner.moves else 0
                pages = range(-(-max(start, least) // PAGE), end // PAGE)
                free = [page for page in pages if page in before or not self.page_map[page] & READ]
                self._alone.setdefault(id(owner), []).extend(_runs(free))
        for page in before.difference(*(pages for runs in self._alone.values() for pages in runs)):
            self._change_one(page, 0)
        for window in self.windows:
            self._window_changed(window)
        self.remapped()
        self.placed()

    def _mapped(self, base: int, length: int) -> None:
        """Pages that are mapped are no window's."""
        first, end = base // PAGE, (base + length) // PAGE
        assert not any(first < some.stop and some.start < end for some in self.fixed), "RAM for ever"
        for runs in self._alone.values():
            pieces = [(range(r.start, min(r.stop, first)), range(max(r.start, end), r.stop)) for r in runs]
            runs[:] = [piece for pair in pieces for piece in pair if piece]

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
                self.mark_written(page)
                start = (entry & OFFSET_MASK) + address % PAGE
                if self.master_writes is not None:
                    self.master_writes(start, bytes(data[at : at + n]), by)
                self.area[start : start + n] = data[at : at + n]
                if entry & WATCH_WRITE:
                    self.master_wrote(address, n, by)
                    if entry & SHARED:
                        self.video_wrote(start, n, by)
            elif not entry & READ:
                for i in range(n):
                    self.mmio.write(address + i, 1, data[at + i])
            address += n
            at += n


def _runs(pages: list[int]) -> list[range]:
    """Ranges of the pages of an ascending list."""
    cuts = [0, *(i for i in range(1, len(pages)) if pages[i] != pages[i - 1] + 1), len(pages)]
    return [range(pages[a], pages[b - 1] + 1) for a, b in pairwise(cuts) if a < b]
