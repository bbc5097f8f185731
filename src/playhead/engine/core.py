"""What all engines share: the state block, the architectural TLB, the decode tables, and views of them."""

import struct
from collections.abc import Callable

from playhead.hw.memory import Memory, host_array
from playhead.x86 import state as S
from playhead.x86.eflags import status_from_words, words_from_status


MOST_WATCHES = 1 << 12
PYTHON, NOBODY, FIRST_RANGE = range(3)  # who answers: Python is asked where no table was made
# Of a range that native code answers: entries to read and to write (0: none), first and last address, sizes of accesses
# that it takes, what it is besides, the addresses of its states.
RANGE = "<QQIIIIQ8Q"
RANGE_READ, RANGE_WRITE, RANGE_BASE, RANGE_LAST, RANGE_MIN, RANGE_MAX = 0, 8, 16, 20, 24, 28
RANGE_FLAGS, RANGE_STATES = 32, 40
RANGE_SIZE, MOST_RANGES = 104, 1024
LIKE_MEMORY, ARMS, SHOWS = 1, 2, 4  # of RANGE_FLAGS: like memory; a write may arm an alarm; it has video memory
# Of an alarm that native code rings, by its number: the entry (0: none), and the addresses of its states. After the
# alarms, what native code asks of the clock and of the interrupt controller.
ALARM = "<Q8Q"
ALARM_SIZE, MOST_ALARMS = 72, 128
NEAREST, ONLY_DUE, INTERRUPT_PENDING, ACKNOWLEDGE = range(MOST_ALARMS, MOST_ALARMS + 4)
EFLAGS, FL_RES, FL_AUX, INHIBIT, ICOUNT = map(S.offset, ("eflags", "fl_res", "fl_aux", "inhibit_icount", "icount"))
NO_SHADOW = bytes([0xFF] * 8)
WORD = struct.Struct("<I")


def canonical(block: bytearray) -> bytes:
    """The canonical form of a copy of the architectural state: lazy flags computed, the rest as it is."""
    (eflags,), (res,), (aux,) = (WORD.unpack_from(block, at) for at in (EFLAGS, FL_RES, FL_AUX))
    WORD.pack_into(block, EFLAGS, eflags | status_from_words(res, aux))
    WORD.pack_into(block, FL_RES, 0)
    WORD.pack_into(block, FL_AUX, 0)
    if block[INHIBIT : INHIBIT + 8] != block[ICOUNT : ICOUNT + 8]:
        block[INHIBIT : INHIBIT + 8] = NO_SHADOW
    return bytes(block)


def words_of(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}I")


class Core:
    """The processor's memory, shared by engines. Views are named by item width: c32[i] is dword i of the state
    block."""

    def __init__(self, memory: Memory):
        self.memory = memory
        self.block = host_array(S.SIZE)
        view = memoryview(self.block)
        self.c8, self.c16, self.c32, self.c64 = view, view.cast("H"), view.cast("I"), view.cast("Q")
        self.tlb = host_array(4 << 20)
        self.tlb_large = host_array(4 * S.LARGE_PAGES)
        self.tlb_list = host_array(8 << 20)
        self.page_hash = host_array(8 << 20)
        self.dirty, self.unhashed = memory.dirty, memory.unhashed
        memory.placed = self._windows_placed
        self._windows_placed()
        self.debug_map = host_array(1 << 20)  # a byte for each linear page: EXEC, and what kinds of access are watched
        self.debug_offsets = host_array(4096)  # a byte for each offset in a page: not 0 if there is a breakpoint
        self.watch_list = host_array(16 * MOST_WATCHES)  # (first, last address, kinds, 0), 32 bits each
        self.search = host_array(S.LONGEST_SEARCH + 256)  # see x86/system/memory_search.py
        # how often each page of the area was read and written (machine/page_counts.py)
        self.read_counts, self.write_counts = host_array(8 << 20), host_array(8 << 20)
        # For each port, and for each page of registers, 16 bits: PYTHON, NOBODY, or from FIRST_RANGE on the number of
        # an entry in `device_ranges`.
        self.io_map, self.mmio_map = host_array(2 << 16), host_array(2 << 20)
        self.device_ranges = host_array(RANGE_SIZE * MOST_RANGES)  # as `struct` format RANGE
        self.alarms = host_array(ALARM_SIZE * (ACKNOWLEDGE + 1))  # as `struct` format ALARM
        self.forget_code: Callable[[], None] = lambda: None  # for an engine that keeps decoded code
        self.leaving: Callable[[], None] = lambda: None  # called in front of `load`
        self.stale = True  # mappings or state were changed by something other than the native engine

    def _windows_placed(self) -> None:
        """Tell the digest which pages of the area are shared, and where windows show them."""
        self.set("shared_first", self.memory.shared.start)
        self.set("shared_n", len(self.memory.shared))
        shown = [window.range for window in self.memory.windows if window.writable]
        assert len(shown) <= S.MOST_WINDOWS
        self.set("shown_n", len(shown))
        for n, r in enumerate(shown):
            self.set("shown", r.base >> 12, 2 * n)
            self.set("shown", (r.base + r.length) >> 12, 2 * n + 1)

    def get(self, name: str, index: int = 0) -> int:
        f = S.FIELDS[name]
        view = {8: self.c8, 16: self.c16, 32: self.c32, 64: self.c64}[f.bits]
        return view[f.offset // (f.bits // 8) + index]

    def set(self, name: str, value: int, index: int = 0) -> None:
        f = S.FIELDS[name]
        view = {8: self.c8, 16: self.c16, 32: self.c32, 64: self.c64}[f.bits]
        view[f.offset // (f.bits // 8) + index] = value

    def seg(self, segment: str, name: str) -> int:
        offset, bits = S.seg_offset(segment, name), S.SEG_FIELDS[name][1]
        return self.c32[offset // 4] if bits == 32 else self.c64[offset // 8]

    def set_seg(self, segment: str, name: str, value: int) -> None:
        offset, bits = S.seg_offset(segment, name), S.SEG_FIELDS[name][1]
        if bits == 32:
            self.c32[offset // 4] = value
        else:
            self.c64[offset // 8] = value

    @property
    def eflags(self) -> int:
        return self.get("eflags") | status_from_words(self.get("fl_res"), self.get("fl_aux"))

    @eflags.setter
    def eflags(self, value: int) -> None:
        res, aux = words_from_status(value)
        self.set("fl_res", res)
        self.set("fl_aux", aux)
        self.set("eflags", (value & ~S.STATUS & 0x003F7FD7) | 2)

    def save(self) -> bytes:
        """The architectural state in canonical form."""
        return canonical(bytearray(self.block[: S.ARCH_END]))

    def load(self, data: bytes) -> None:
        assert len(data) == S.ARCH_END
        self.leaving()
        self.block[: S.ARCH_END] = data
        self.eflags = int.from_bytes(data[S.offset("eflags") :][:4], "little")
        self.stale = True

    def save_tlb(self) -> bytes:
        """The live translations, in the order of their addresses."""
        tlb, lst = memoryview(self.tlb).cast("I"), memoryview(self.tlb_list).cast("I")
        large = memoryview(self.tlb_large).cast("I")
        live = [(page, tlb[page]) for page in sorted(set(lst[1 : lst[0] + 1].tolist()))]
        small = [word for page, entry in live if entry & 1 for word in (page, entry & ~32)]
        big = [word for n, entry in enumerate(large.tolist()) if entry & 1 for word in (n, entry)]
        return words_of(len(small) + 1 + len(big)).pack(*small, 0xFFFFFFFF, *big)

    def load_tlb(self, data: bytes) -> None:
        tlb, lst = memoryview(self.tlb).cast("I"), memoryview(self.tlb_list).cast("I")
        large = memoryview(self.tlb_large).cast("I")
        for page in lst[1 : lst[0] + 1]:
            tlb[page] = 0
        self.tlb_large[:] = bytes(4 * S.LARGE_PAGES)
        words = words_of(len(data) // 4).unpack(data)
        end = words.index(0xFFFFFFFF)  # after the small ones: no page has this number, no entry looks like it
        pages = words[0:end:2]
        for page, entry in zip(pages, words[1:end:2], strict=True):
            tlb[page] = entry | 32
        lst[0] = len(pages)
        for i, page in enumerate(pages):
            lst[i + 1] = page
        for n, entry in zip(words[end + 1 :: 2], words[end + 2 :: 2], strict=True):
            large[n] = entry
        self.stale = True
