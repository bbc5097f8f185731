"""Marks for the guest's own debug registers, so that code runs natively while they are armed.

They are in the tables that also hold a debugger's marks (machine/debug.py), in separate bits: a page with a data
breakpoint stays out of the host table, so that each access to it is checked; blocks end before the offset in a page
that has an instruction breakpoint, so that it is always reached through the run loop, or in pages without one through
the jump cache. I/O breakpoints need no mark. The registers themselves decide what a mark leads to; a superfluous mark
costs time and nothing else.
"""

from playhead.engine.core import Core
from playhead.x86 import state as S

EXECUTE, WRITE, PORT, ACCESS = range(4)  # R/W field of DR7
BITS = {
    EXECUTE: S.MARK_GUEST_EXEC,
    WRITE: S.HIT_WRITE << S.GUEST_SHIFT,
    ACCESS: (S.HIT_WRITE | S.HIT_READ) << S.GUEST_SHIFT,
}
KEPT = 64  # offsets that stay marked for when their breakpoints come again: a new one costs all decoded code


class GuestMarks:
    """The marks of one core."""

    def __init__(self, core: Core):
        self._core = core
        self._registers, self._marked = S.offset("dr") // 4, S.offset("marked_dr") // 4
        self._pages: dict[int, int] = {}  # page -> bits of `debug_map`
        self._offsets: list[int] = []  # marked, the longest unused first

    def update(self) -> bool:
        """Make the marks what the debug registers ask for. True if decoded code may run over a new one: then it must
        be forgotten."""
        core = self._core
        addresses = list(core.c32[self._registers : self._registers + 4])
        control = core.c32[self._registers + 7]
        registers = [*addresses, control]
        if registers == list(core.c32[self._marked : self._marked + 5]):
            return False
        for n, value in enumerate(registers):
            core.c32[self._marked + n] = value
        enabled = [(at, control >> (16 + 4 * n) & 3) for n, at in enumerate(addresses) if control & 3 << 2 * n]
        pages: dict[int, int] = {}
        for address, kind in enabled:
            if kind in BITS:
                pages[address >> 12] = pages.get(address >> 12, 0) | BITS[kind]
        self._mark_pages(pages)
        return self._mark_offsets([address & 0xFFF for address, kind in enabled if kind == EXECUTE])

    def _mark_pages(self, pages: dict[int, int]) -> None:
        if pages == self._pages:
            return
        for page in self._pages:
            self._core.debug_map[page] &= ~(BITS[ACCESS] | BITS[EXECUTE]) & 0xFF
        for page, bits in pages.items():
            self._core.debug_map[page] |= bits
        self._pages = pages
        self._core.stale = True  # the host table or the jump cache may hold one of them

    def _mark_offsets(self, wanted: list[int]) -> bool:
        offsets = self._core.debug_offsets
        fresh = any(not offsets[offset] for offset in wanted)
        for offset in wanted:
            offsets[offset] |= S.OFFSET_GUEST
        self._offsets = [*(offset for offset in self._offsets if offset not in wanted), *dict.fromkeys(wanted)]
        while len(self._offsets) > KEPT:
            offsets[self._offsets.pop(0)] &= ~S.OFFSET_GUEST & 0xFF
        return fresh
