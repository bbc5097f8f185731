"""The page walk: 32-bit and PAE paging, and the PDPTE registers (manual volume 3, 4.3, 4.4, 4.6 to 4.8).

A walk checks presence and reserved bits entry by entry, then the rights of all of them together, then sets accessed and
dirty bits and fills the TLB. Both formats share what comes after the rights. `access` is in the bits of a #PF's error
code: WRITE, USER, FETCH.
"""

from playhead.ir.ops import Value
from playhead.x86.system import cpuid
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.memory_search import searching
from playhead.x86.system.paging import (
    CODE_FLAG,
    COUNT,
    FRAME,
    HALF,
    LISTED,
    NX,
    PAE,
    PGE,
    PSE,
    READ_FLAG,
    WATCH_WRITE_FLAG,
    WP,
    WRITE_FLAG,
    D,
    G,
    U,
    V,
    W,
    large_index,
    note_written,
)
from playhead.x86.table import call, routine

PRESENT, WRITE, USER, RESERVED, FETCH = 1, 2, 4, 8, 16  # of an error code
ACCESSED, DIRTY, LARGE, GLOBAL = 0x20, 0x40, 0x80, 0x100  # of an entry, besides the first three
PAT_SMALL, PAT_LARGE = 0x80, 0x1000
TABLE, ABOVE, NO_EXECUTE = 0xFFFFFF000, 0x7FFFFFF000000000, 1 << 63  # of a PAE entry: bits 35:12, 62:36, 63
BITS_20_13, BITS_20_17, BIT_21 = 0x1FE000, 0x1E0000, 0x200000
PDPTE_RESERVED = NO_EXECUTE | ABOVE | 0x1E6
EFER_NXE = 0x800


def physical_entry(m: StateBuilder, pa: Value, bits: int) -> Value:
    """An aligned entry of a table in physical memory; what is not RAM or ROM reads as all ones."""
    result = m.var(bits, (1 << bits) - 1)
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_((entry & READ_FLAG).ne(0)):
        at = ((entry & ~0xFFF) | (pa & 0xFFF).zext(64)) >> (2 if bits == 32 else 3)
        result.set(m.item("ram", at, bits))
    return result.get()


def pae_entry(m: StateBuilder, table: Value, offset: Value) -> tuple[Value, Value]:
    """An entry of the table that a PAE entry points at, and its address. No table lies at 4 GiB or above: all ones,
    which has reserved bits set."""
    pa = ((table & 0xFFFFF000).trunc(32) | offset) & m.ld("a20_mask")
    beyond = ((table >> 32) & 0xF).ne(0)
    return beyond.select((1 << 64) - 1, physical_entry(m, pa, 64)), pa


def physical_or(m: StateBuilder, pa: Value, bits: int) -> None:
    """Set bits of an aligned dword of physical memory (accessed and dirty bits)."""
    page = (pa >> 12).zext(64)
    entry = m.item("page_map", page, 64)
    with m.if_((entry & WRITE_FLAG).ne(0)):
        with m.if_((entry & CODE_FLAG).ne(0)):
            call(m, "table_write", pa)
        with m.if_((entry & WATCH_WRITE_FLAG).ne(0)):
            call(m, "watched_walk", pa)
        at = ((entry & ~0xFFF) | (pa & 0xFFF).zext(64)) >> 2
        value = m.item("ram", at, 32) | bits
        with m.if_(searching(m)):
            call(m, "searched", at << 2, 4, value.zext(64))
        m.set_item("ram", at, 32, value)
        note_written(m, page)


def touch(m: StateBuilder, at: Value, entry: Value, write: Value) -> None:
    """Set the accessed bit, and the dirty bit on a write."""
    with m.if_(write):
        with m.if_((entry & (ACCESSED | DIRTY)).ne(ACCESSED | DIRTY)):
            physical_or(m, at, ACCESSED | DIRTY)
    with m.else_(), m.if_((entry & ACCESSED).eq(0)):
        physical_or(m, at, ACCESSED)


def has(m: StateBuilder, feature: str) -> Value:
    return (m.ld("cpuid", cpuid.FEATURE_WORD) & cpuid.FEATURES[feature]).ne(0)


class Walk:
    """One walk while it is being built: the access, and what is to be done when an entry refuses it."""

    def __init__(self, m: StateBuilder, lin: Value, access: Value, old: Value):
        self.m, self.lin, self.access, self.old = m, lin, access, old
        self.write = (access & WRITE).ne(0)
        self.read_only_counts = (access & USER).ne(0) | (m.ld("cr0") & WP).ne(0)

    def fault_if(self, bad: Value, bits: int) -> None:
        with self.m.if_(bad):
            error = self.access | bits
            call(self.m, "page_fault", self.lin, error)
            self.m.fault(S.PFV, error)

    def check_rights(self, rights: Value, never_run: Value | None = None) -> None:
        """`rights`: the AND of all entries' low halves."""
        bad = ((self.access & USER).ne(0) & (rights & U).eq(0)) | (
            self.write & self.read_only_counts & (rights & W).eq(0)
        )
        if never_run is not None:
            bad = bad | ((self.access & FETCH).ne(0) & never_run)
        self.fault_if(bad, PRESENT)

    def made(self, frame: Value, rights: Value, last: Value) -> Value:
        """A TLB entry: frame with `HIGH` and other flags, the AND of the rights, the entry that maps the page."""
        m = self.m
        dirty = (self.write | (last & DIRTY).ne(0)).zext(32) << 3
        global_ = (last & GLOBAL).ne(0) & (m.ld("cr4") & PGE).ne(0)
        return frame | V | (rights & (U | W)) | dirty | global_.select(G, 0, 32)

    def fill_small(self, made: Value) -> None:
        m, page = self.m, (self.lin >> 12).zext(64)
        with m.if_(loses(self.old, made)):
            call(m, "replaced", self.lin)
        with m.if_((m.item("tlb", page, 32) & LISTED).eq(0)):
            count = m.item("tlb_list", m.const(COUNT, 64), 32) + 1
            m.set_item("tlb_list", m.const(COUNT, 64), 32, count)
            m.set_item("tlb_list", count.zext(64), 32, self.lin >> 12)
        m.set_item("tlb", page, 32, made | LISTED)
        m.ret(made.zext(64))

    def fill_large(self, made: Value) -> None:
        m, page = self.m, (self.lin >> 12).zext(64)
        at, within = large_index(m, self.lin)
        large = m.item("tlb_large", at, 32)
        here = made | (self.lin & within)
        with m.if_(loses(self.old, here) | loses(large, made)):
            call(m, "replaced", self.lin)
        m.set_item("tlb_large", at, 32, made)
        # a translation of 4 KiB left from before must not hide the new one
        m.set_item("tlb", page, 32, m.item("tlb", page, 32) & LISTED)
        m.ret(here.zext(64))


def loses(old: Value, new: Value) -> Value:
    """Whether what was derived from a translation does not hold for the one that takes its place (1 bit)."""
    worse = (old & ~new & (U | W | D | G)) | (new & ~old & NX)
    return (old & V).ne(0) & (((old ^ new) & FRAME).ne(0) | worse.ne(0))


@routine(32, 32, 32)
def walk(m: StateBuilder, lin, access, old):
    """Walk the page tables, set accessed and dirty bits, fill the TLB; returns the TLB entry, which takes the place of
    `old` (0: nothing was live). Raises #PF."""
    m.count("walks")
    with m.if_((m.ld("cr4") & PAE).ne(0)):
        m.ret(call(m, "walk_pae", lin, access, old))
    w = Walk(m, lin, access & (WRITE | USER), old)
    a20 = m.ld("a20_mask")
    pde_at = ((m.ld("cr3") & 0xFFFFF000) | ((lin >> 20) & 0xFFC)) & a20
    pde = physical_entry(m, pde_at, 32)
    w.fault_if((pde & PRESENT).eq(0), 0)
    with m.if_((pde & LARGE).ne(0) & (m.ld("cr4") & PSE).ne(0)):
        wide = has(m, "pse36")
        reserved = wide.select(BITS_20_17, BITS_20_13, 32) | has(m, "pat").select(0, PAT_LARGE, 32) | BIT_21
        w.fault_if((pde & reserved).ne(0), PRESENT | RESERVED)
        w.check_rights(pde)
        touch(m, pde_at, pde, w.write)
        high = wide.select((pde & BITS_20_13) >> 5, 0)
        w.fill_large(w.made((pde & 0xFFC00000) | high, pde, pde))
    pte_at = ((pde & 0xFFFFF000) | ((lin >> 10) & 0xFFC)) & a20
    pte = physical_entry(m, pte_at, 32)
    w.fault_if((pte & PRESENT).eq(0), 0)
    w.fault_if((pte & PAT_SMALL).ne(0) & ~has(m, "pat"), PRESENT | RESERVED)
    w.check_rights(pde & pte)
    with m.if_((pde & ACCESSED).eq(0)):
        physical_or(m, pde_at, ACCESSED)
    touch(m, pte_at, pte, w.write)
    w.fill_small(w.made(pte & 0xFFFFF000, pde & pte, pte))


@routine(32, 32, 32)
def walk_pae(m: StateBuilder, lin, access, old):
    """The same by PAE paging: from a PDPTE register over tables of 64-bit entries."""
    nxe = (m.ld("efer") & EFER_NXE).ne(0)
    w = Walk(m, lin, access & nxe.select(WRITE | USER | FETCH, WRITE | USER, 32), old)
    reserved = nxe.select(ABOVE, ABOVE | NO_EXECUTE, 64)
    no_pat = ~has(m, "pat")
    pdpte = m.ld_at("pdpte", lin >> 30)
    w.fault_if((pdpte & PRESENT).eq(0), 0)
    pde, pde_at = pae_entry(m, pdpte, (lin >> 18) & 0xFF8)
    w.fault_if((pde & PRESENT).eq(0), 0)
    w.fault_if((pde & reserved).ne(0), PRESENT | RESERVED)
    low = pde.trunc(32)
    with m.if_((low & LARGE).ne(0)):
        w.fault_if((low & (BITS_20_13 | no_pat.select(PAT_LARGE, 0, 32))).ne(0), PRESENT | RESERVED)
        never = (pde & NO_EXECUTE).ne(0)
        w.check_rights(low, never)
        touch(m, pde_at, low, w.write)
        w.fill_large(w.made((low & 0xFFE00000) | high_of(pde) | HALF | never.select(NX, 0, 32), low, low))
    pte, pte_at = pae_entry(m, pde, (lin >> 9) & 0xFF8)
    w.fault_if((pte & PRESENT).eq(0), 0)
    last = pte.trunc(32)
    w.fault_if((pte & reserved).ne(0) | ((last & PAT_SMALL).ne(0) & no_pat), PRESENT | RESERVED)
    never = ((pde | pte) & NO_EXECUTE).ne(0)
    w.check_rights(low & last, never)
    with m.if_((low & ACCESSED).eq(0)):
        physical_or(m, pde_at, ACCESSED)
    touch(m, pte_at, last, w.write)
    w.fill_small(w.made((last & 0xFFFFF000) | high_of(pte) | never.select(NX, 0, 32), low & last, last))


def high_of(entry: Value) -> Value:
    """Address bits 35:32 of a PAE entry, where a TLB entry has them."""
    return ((entry >> 24) & 0xF00).trunc(32)


def pae_paging(m: StateBuilder, cr0: Value, cr4: Value) -> Value:
    return cr0.bit(31) & (cr4 & PAE).ne(0)


def _pdpte(m: StateBuilder, cr3: Value, n: int) -> Value:
    return physical_entry(m, ((cr3 & 0xFFFFFFE0) | (8 * n)) & m.ld("a20_mask"), 64)


@routine(32)
def check_pdptes(m: StateBuilder, cr3):
    """#GP(0) if a page-directory-pointer table has an entry that is present and has reserved bits set."""
    for n in range(4):
        entry = _pdpte(m, cr3, n)
        with m.if_((entry & PRESENT).ne(0) & (entry & PDPTE_RESERVED).ne(0)):
            m.fault(S.GP, 0)
    m.ret()


@routine(32, faults=False)
def load_pdptes(m: StateBuilder, cr3):
    """Load the PDPTE registers from a table that was checked."""
    for n in range(4):
        m.st("pdpte", _pdpte(m, cr3, n), n)
    m.ret()
