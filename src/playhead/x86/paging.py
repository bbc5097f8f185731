"""Address translation: the page walk and the architectural TLB (manual volume 3, chapter 4: 32-bit paging).

The architectural TLB is guest-visible state: a hit does not set the accessed bit, a refill does. So it holds just what
the guest's
execution alone has made live and evicts nothing for want of room. It is two arrays indexed by linear address, 4 KiB and
4 MiB
translations apart; an entry is the frame and the flags below. `tlb_list` lists the pages that may be live, so that a
flush touches only those.
"""

from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

V, W, U, D, G, LISTED = 1, 2, 4, 8, 16, 32
WRITE, RMW, SUPERVISOR, FETCH = 0x100, 0x200, 0x400, 0x800  # bits of an access kind, above the size in bytes
PG, WP = 0x80000000, 0x10000
PSE, PGE = 0x10, 0x80
READ_FLAG, WRITE_FLAG, CODE_FLAG, DIRTY_FLAG, WATCH_WRITE_FLAG, WATCH_READ_FLAG = 1, 2, 4, 8, 16, 32  # of the page map
COUNT = 0  # item of tlb_list that holds the number of entries behind it


def physical_read(m: StateBuilder, pa):
    """An aligned dword of physical memory; what is not RAM or ROM reads as all ones."""
    result = m.var(32, 0xFFFFFFFF)
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_((entry & READ_FLAG).ne(0)):
        at = ((entry & ~0xFFF) | (pa & 0xFFF).zext(64)) >> 2
        result.set(m.item("ram", at, 32))
    return result.get()


def physical_or(m: StateBuilder, pa, bits: int) -> None:
    """Set bits of an aligned dword of physical memory (accessed and dirty bits)."""
    page = (pa >> 12).zext(64)
    entry = m.item("page_map", page, 64)
    with m.if_((entry & WRITE_FLAG).ne(0)):
        with m.if_((entry & CODE_FLAG).ne(0)):
            call(m, "table_write", pa)
        with m.if_((entry & WATCH_WRITE_FLAG).ne(0)):
            call(m, "watched_walk", pa)
        at = ((entry & ~0xFFF) | (pa & 0xFFF).zext(64)) >> 2
        m.set_item("ram", at, 32, m.item("ram", at, 32) | bits)
        m.set_item("page_map", page, 64, m.item("page_map", page, 64) | DIRTY_FLAG)


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


@routine(32, 32, faults=False)
def page_fault(m: StateBuilder, lin, error):
    """Note the faulting address and drop what the TLB holds for it (volume 3, 4.10.4.1)."""
    m.st("cr2", lin)
    call(m, "invalidate", lin)
    m.ret()


@routine(32, 32)
def translate(m: StateBuilder, lin, kind):
    """Linear to physical for one access. Returns the physical address, bit 32 set if the page may be written now
    by the same privilege, bit 33 if user code may use it. Raises #PF."""
    cr0 = m.ld("cr0")
    a20 = m.ld("a20_mask")
    with m.if_((cr0 & PG).eq(0)):
        m.ret((lin & a20).zext(64) | (3 << 32))
    user = m.ld("cpl").eq(3) & (kind & SUPERVISOR).eq(0)
    write = (kind & (WRITE | RMW)).ne(0)
    ro_counts = user | (cr0 & WP).ne(0)
    page = (lin >> 12).zext(64)
    e = m.var(32, m.item("tlb", page, 32))
    with m.if_((e.get() & V).eq(0)):
        large = m.item("tlb_large", page >> 10, 32)
        with m.if_((large & V).ne(0)):
            e.set(large | (lin & 0x3FF000))
    entry = e.get()
    bad = (
        (entry & V).eq(0) | (user & (entry & U).eq(0)) | (write & ((entry & D).eq(0) | (ro_counts & (entry & W).eq(0))))
    )
    with m.if_(bad):
        e.set(call(m, "walk", lin, user.zext(32), write.zext(32), entry).trunc(32))
    entry = e.get()
    can_write = (entry & D).ne(0) & ((entry & W).ne(0) | ~ro_counts)
    m.ret((((entry & 0xFFFFF000) | (lin & 0xFFF)) & a20).zext(64)
          | (can_write.zext(64) << 32) | ((entry & U).ne(0).zext(64) << 33))  # fmt: skip


@routine(32, 32, 32, 32)
def walk(m: StateBuilder, lin, user, write, old):
    """Walk the page tables, set accessed and dirty bits, fill the TLB; returns the TLB entry, which takes the place of
    `old`
    (0: nothing was live). Raises #PF."""
    cr4 = m.ld("cr4")
    ro_counts = user.ne(0) | (m.ld("cr0") & WP).ne(0)
    a20 = m.ld("a20_mask")
    error = m.var(32, (user << 2) | (write << 1))

    def raise_fault():
        call(m, "page_fault", lin, error.get())
        m.fault(S.PFV, error.get())

    pde_at = ((m.ld("cr3") & 0xFFFFF000) | ((lin >> 20) & 0xFFC)) & a20
    pde = physical_read(m, pde_at)
    with m.if_((pde & 1).eq(0)):
        raise_fault()
    error.set(error.get() | 1)

    def refused(rights):
        return (user.ne(0) & (rights & 4).eq(0)) | (write.ne(0) & ro_counts & (rights & 2).eq(0))

    global_ = m.var(32, 0)
    with m.if_((pde & 0x80).ne(0) & (cr4 & PSE).ne(0)):
        with m.if_(refused(pde)):
            raise_fault()
        touch(m, pde_at, pde, write)
        with m.if_((pde & 0x100).ne(0) & (cr4 & PGE).ne(0)):
            global_.set(G)
        made = (
            (pde & 0xFFC00000)
            | V
            | (pde & (U | W))
            | ((write.ne(0) | (pde & 0x40).ne(0)).zext(32) << 3)
            | global_.get()
        )
        large = m.item("tlb_large", (lin >> 22).zext(64), 32)
        with m.if_(loses(old, made | (lin & 0x3FF000)) | loses(large, made)):
            call(m, "replaced", lin)
        m.set_item("tlb_large", (lin >> 22).zext(64), 32, made)
        # a translation of 4 KiB left from before must not hide the new one
        page = (lin >> 12).zext(64)
        m.set_item("tlb", page, 32, m.item("tlb", page, 32) & LISTED)
        m.ret((made | (lin & 0x3FF000)).zext(64))
    pte_at = ((pde & 0xFFFFF000) | ((lin >> 10) & 0xFFC)) & a20
    pte = physical_read(m, pte_at)
    with m.if_((pte & 1).eq(0)):
        error.set(error.get() & 6)
        raise_fault()
    rights = pde & pte
    with m.if_(refused(rights)):
        raise_fault()
    with m.if_((pde & 0x20).eq(0)):
        physical_or(m, pde_at, 0x20)
    touch(m, pte_at, pte, write)
    with m.if_((pte & 0x100).ne(0) & (cr4 & PGE).ne(0)):
        global_.set(G)
    made = (
        (pte & 0xFFFFF000) | V | (rights & (U | W)) | ((write.ne(0) | (pte & 0x40).ne(0)).zext(32) << 3) | global_.get()
    )
    with m.if_(loses(old, made)):
        call(m, "replaced", lin)
    page = (lin >> 12).zext(64)
    with m.if_((m.item("tlb", page, 32) & LISTED).eq(0)):
        count = m.item("tlb_list", m.const(COUNT, 64), 32) + 1
        m.set_item("tlb_list", m.const(COUNT, 64), 32, count)
        m.set_item("tlb_list", count.zext(64), 32, lin >> 12)
    m.set_item("tlb", page, 32, made | LISTED)
    m.ret(made.zext(64))


def loses(old, new):
    """Whether what was derived from a translation does not hold for the one that takes its place (1 bit)."""
    return (old & V).ne(0) & (((old ^ new) & 0xFFFFF000).ne(0) | (old & ~new & (U | W | D)).ne(0))


def touch(m: StateBuilder, at, entry, write) -> None:
    """Set the accessed bit, and the dirty bit on a write."""
    with m.if_(write.ne(0)):
        with m.if_((entry & 0x60).ne(0x60)):
            physical_or(m, at, 0x60)
    with m.else_(), m.if_((entry & 0x20).eq(0)):
        physical_or(m, at, 0x20)


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
    with m.loop():
        e = m.item("tlb_large", n.get(), 32)
        with m.if_(e.ne(0) & ((e & G).eq(0) | all_.ne(0))):
            m.set_item("tlb_large", n.get(), 32, 0)
        n.set(n.get() + 1)
        with m.if_(n.get().eq(1024)):
            m.break_()
    call(m, "host_flush")
    m.ret()


@routine(32, faults=False)
def invalidate(m: StateBuilder, lin):
    """Drop the translations of one linear address (INVLPG)."""
    page = (lin >> 12).zext(64)
    m.set_item("tlb", page, 32, m.item("tlb", page, 32) & LISTED)
    with m.if_(m.item("tlb_large", page >> 10, 32).ne(0)):
        m.set_item("tlb_large", page >> 10, 32, 0)
        call(m, "host_flush")
        m.ret()
    call(m, "host_drop", lin)
    m.ret()


@routine(32, faults=False)
def host_drop(m: StateBuilder, lin):
    """What an engine derived for one linear page is void."""
    m.ret()
