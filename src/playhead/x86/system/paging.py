"""The architectural TLB and what is asked of it (manual volume 3, chapter 4); the walk is page_walk.py.

The architectural TLB is guest-visible state: a hit does not set the accessed bit, a refill does. So it holds just what
the guest's execution alone has made live and evicts nothing for want of room. It is two arrays indexed by linear
address, one of 4 KiB translations, one of large ones: 4 MiB with 32-bit paging, 2 MiB with PAE paging, never both, as a
change of CR4.PAE voids everything. An entry is 32 bits: the frame's bits 31:12, bits 35:32 in `HIGH`, and the flags
below. `tlb_list` lists the pages that may be live, so that a flush touches only those.
"""

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

V, W, U, D, G, LISTED, NX, HALF = 1, 2, 4, 8, 16, 32, 64, 128  # HALF: a large page of 2 MiB
HIGH = 0xF00  # physical address bits 35:32; there is nothing at such an address on any board of ours
FRAME = 0xFFFFF000 | HIGH
# bits of an access kind, above the size in bytes; PART: of an image whose alignment was checked as a whole
WRITE, RMW, SUPERVISOR, FETCH, PART = 0x100, 0x200, 0x400, 0x800, 0x1000
PG, WP = 0x80000000, 0x10000
PSE, PAE, PGE = 0x10, 0x20, 0x80
BEYOND = 34  # bit of what `translate` returns: the physical address is 4 GiB or above
READ_FLAG, WRITE_FLAG, CODE_FLAG, DIRTY_FLAG = 1, 2, 4, 8  # of the page map
REGION_BITS = 9  # log2 of the guest pages that share an item of `written`
WATCH_WRITE_FLAG, WATCH_READ_FLAG, SHARED_FLAG = 16, 32, 64
COUNT = 0  # item of tlb_list that holds the number of entries after it


@routine(32, faults=False)
def code_written(m: StateBuilder, page):
    """Decoded instructions of a physical page are void. Engines that keep any replace this routine."""
    m.ret()


@routine(32)
def table_write(m: StateBuilder, pa):
    """An accessed or dirty bit is about to be set in a page with decoded instructions. Engines that keep any replace
    this routine; it may refuse until the instruction runs alone."""
    m.ret()


@routine(32)
def watched_walk(m: StateBuilder, pa):
    """An accessed or dirty bit is about to be set in a page that a debugger watches. Engines replace this routine; it
    may refuse until the instruction runs alone."""
    m.ret()


@routine(32)
def replaced(m: StateBuilder, lin):
    """A live translation is about to be replaced by another one: a walk found that the tables changed. Engines that
    derive anything from translations replace this routine; it may refuse until the instruction runs alone."""
    m.ret()


@routine(faults=False)
def host_flush(m: StateBuilder):
    """Translations that an engine derived are void. Engines that keep any replace this routine."""
    m.ret()


@routine(faults=False)
def host_flush_local(m: StateBuilder):
    """The same for those derived from translations that are not global."""
    m.ret()


@routine(faults=False)
def host_protect(m: StateBuilder):
    """Pages are not flagged as written any more, so what an engine derived must not let writes pass unnoticed. Engines
    that keep any replace this routine."""
    m.ret()


def note_written(m: StateBuilder, page: Value) -> None:
    """Flag a guest page (64 bits) as written, and the region that it is in, so that who collects such flags knows where
    to look."""
    m.set_item("page_map", page, 64, m.item("page_map", page, 64) | DIRTY_FLAG)
    m.set_item("written", page >> REGION_BITS, 8, 1)


@routine(32, 32, faults=False)
def page_fault(m: StateBuilder, lin, error):
    """Note the faulting address and drop what the TLB holds for it (volume 3, 4.10.4.1)."""
    m.st("cr2", lin)
    call(m, "invalidate", lin)
    m.ret()


def large_index(m: StateBuilder, lin):
    """Where the large array has a linear address (64 bits), and the size of its pages as a mask of page numbers."""
    halves = (m.ld("cr4") & PAE).ne(0)
    return (lin >> halves.select(21, 22, 32)).zext(64), halves.select(0x1FF000, 0x3FF000, 32)


@routine(32, 32)
def translate(m: StateBuilder, lin, kind):
    """Linear to physical for one access. Returns bits 31:0 of the physical address, bit 32 set if the page may be
    written now by the same privilege, bit 33 if user code may use it, bit 34 if the address is 4 GiB or above. Raises
    #PF."""
    cr0 = m.ld("cr0")
    a20 = m.ld("a20_mask")
    with m.if_((cr0 & PG).eq(0)):
        m.ret((lin & a20).zext(64) | (3 << 32))
    user = m.ld("cpl").eq(3) & (kind & SUPERVISOR).eq(0)
    write = (kind & (WRITE | RMW)).ne(0)
    fetch = (kind & FETCH).ne(0)
    ro_counts = user | (cr0 & WP).ne(0)
    e = m.var(32, m.item("tlb", (lin >> 12).zext(64), 32))
    with m.if_((e.get() & V).eq(0)):
        at, within = large_index(m, lin)
        large = m.item("tlb_large", at, 32)
        with m.if_((large & V).ne(0)):
            e.set(large | (lin & within))
    entry = e.get()
    bad = (
        (entry & V).eq(0)
        | (user & (entry & U).eq(0))
        | (write & ((entry & D).eq(0) | (ro_counts & (entry & W).eq(0))))
        | (fetch & (entry & NX).ne(0))
    )
    with m.if_(bad):
        access = (write.zext(32) << 1) | (user.zext(32) << 2) | (fetch.zext(32) << 4)
        e.set(call(m, "walk", lin, access, entry).trunc(32))
    entry = e.get()
    can_write = (entry & D).ne(0) & ((entry & W).ne(0) | ~ro_counts)
    m.ret((((entry & 0xFFFFF000) | (lin & 0xFFF)) & a20).zext(64)
          | (can_write.zext(64) << 32) | ((entry & U).ne(0).zext(64) << 33)
          | ((entry & HIGH).ne(0).zext(64) << BEYOND))  # fmt: skip


@routine(32, faults=False)
def flush_tlb(m: StateBuilder, all_):
    """Drop every translation, or every one that is not global."""
    at = m.const(COUNT, 64)
    count = m.item("tlb_list", at, 32)
    i, kept = m.var(32, 1), m.var(32, 0)
    with m.loop():
        with m.if_(i.get().ugt(count)):
            m.break_()
        page = m.item("tlb_list", i.get().zext(64), 32)
        e = m.item("tlb", page.zext(64), 32)
        with m.if_((e & (V | G)).eq(V | G) & all_.eq(0)):
            kept.set(kept.get() + 1)
            m.set_item("tlb_list", kept.get().zext(64), 32, page)
        with m.else_():
            m.set_item("tlb", page.zext(64), 32, 0)
        i.set(i.get() + 1)
    m.set_item("tlb_list", at, 32, kept.get())
    n = m.var(64, 0)
    halves = (m.ld("cr4") & PAE).ne(0) | all_.ne(0)
    end = halves.select(S.LARGE_PAGES, S.LARGE_PAGES // 2, 64)
    with m.loop():
        e = m.item("tlb_large", n.get(), 32)
        with m.if_(e.ne(0) & ((e & G).eq(0) | all_.ne(0))):
            m.set_item("tlb_large", n.get(), 32, 0)
        n.set(n.get() + 1)
        with m.if_(n.get().eq(end)):
            m.break_()
    with m.if_(all_.ne(0)):
        call(m, "host_flush")
    with m.else_():
        call(m, "host_flush_local")
    m.ret()


@routine(32, faults=False)
def invalidate(m: StateBuilder, lin):
    """Drop the translations of one linear address (INVLPG)."""
    page = (lin >> 12).zext(64)
    m.set_item("tlb", page, 32, m.item("tlb", page, 32) & LISTED)
    at, _ = large_index(m, lin)
    with m.if_(m.item("tlb_large", at, 32).ne(0)):
        m.set_item("tlb_large", at, 32, 0)
        call(m, "host_flush")
        m.ret()
    call(m, "host_drop", lin)
    m.ret()


@routine(32, faults=False)
def host_drop(m: StateBuilder, lin):
    """What an engine derived for one linear page is void."""
    m.ret()
