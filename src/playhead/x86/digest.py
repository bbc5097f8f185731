"""Digests of memory and of the TLB, as routines of the IR so that every engine computes the same numbers, fast where it
is native.

RAM is digested incrementally: each page has a 64-bit hash, the digest is the sum of all of them, mixed with their
addresses. Only pages written since the last digest (DIRTY in the page map) are hashed again. It guards against
mistakes, not against an adversary.

Video memory, which several guest pages may show, is digested by page of the backing area; the guest pages that show it
have no contents of their own. No RAM has an address that is such a page's number: they come after it.
"""

from playhead.x86.system import paging
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

REGION_MASK = (1 << paging.REGION_BITS) - 1
CHECKPOINT = 1  # in `dirty`: written since the last checkpoint
K1, K2, K3 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9


def rotate(v, n: int):
    return (v << n) | (v >> (64 - n))


def final(v):
    v = (v ^ (v >> 29)) * K2
    return v ^ (v >> 32)


@routine(32, faults=False)
def page_digest(m: StateBuilder, page):
    """Hash of one physical page that is RAM, or of a page of video memory: four lanes over 64-bit words, then mixed
    with the page number. A page of zeros has 0, as one that was never written, so that the digest follows from the
    contents alone."""
    entry = m.item("page_map", page.zext(64), 64)
    shared = (page - m.ld("shared_first")).ult(m.ld("shared_n"))
    own = (entry & (paging.READ_FLAG | paging.SHARED_FLAG)).eq(paging.READ_FLAG)
    with m.if_(~(shared | own)):
        m.ret(0)  # shows no memory
    at = shared.select(page.zext(64) << 9, entry >> 3 & ~0x1FF)
    lanes = [m.var(64, k) for k in (K1, K2, K3, K1 ^ K2)]
    i, any_ = m.var(64, 0), m.var(64, 0)
    with m.loop():
        for n, lane in enumerate(lanes):
            w = m.item("ram", at + i.get() + n, 64)
            any_.set(any_.get() | w)
            lane.set(rotate((lane.get() ^ w) * K1, 31))
        i.set(i.get() + 4)
        with m.if_(i.get().eq(512)):
            m.break_()
    with m.if_(any_.get().eq(0)):
        m.ret(0)
    a, b, c, d = (lane.get() for lane in lanes)
    h = final(a) + rotate(final(b), 17) + rotate(final(c), 34) + rotate(final(d), 51)
    m.ret(final((h ^ page.zext(64)) * K3))


@routine(32, 32, faults=False)
def collect_pages(m: StateBuilder, first, end):
    """Do `collect_written` for guest pages from `first` to before `end`; returns whether there was one. A region of
    which only a part is asked for stays noted."""
    i = m.var(32, first)
    cleaned = m.var(64, 0)
    with m.loop():
        with m.if_(i.get().uge(end)):
            m.break_()
        n = i.get().zext(64)
        with m.if_((i.get() & REGION_MASK).eq(0)):
            region = n >> paging.REGION_BITS
            with m.if_(m.item("written", region, 8).eq(0)):
                i.set(i.get() + REGION_MASK + 1)
                m.continue_()
            with m.if_((i.get() + REGION_MASK).ult(end)):
                m.set_item("written", region, 8, 0)
        entry = m.item("page_map", n, 64)
        with m.if_((entry & paging.DIRTY_FLAG).ne(0)):
            m.set_item("page_map", n, 64, entry & ~paging.DIRTY_FLAG)
            m.set_item("dirty", entry >> 12, 8, m.item("dirty", entry >> 12, 8) | CHECKPOINT)
            m.set_item("unhashed", (entry & paging.SHARED_FLAG).ne(0).select(entry >> 12, n), 8, 1)
            cleaned.set(1)
        i.set(i.get() + 1)
    m.ret(cleaned.get())


@routine(32, faults=False)
def collect_written(m: StateBuilder, pages):
    """Move the notes of what was written from the page map to `dirty`, where checkpoints look, without hashing: the
    digest finds these pages there. `pages`: the first so many of the guest's; those that windows show come besides."""
    cleaned = m.var(64, call(m, "collect_pages", 0, pages))
    k = m.var(32, 0)
    with m.loop():
        with m.if_(k.get().uge(m.ld("shown_n"))):
            m.break_()
        first, end = m.ld_at("shown", k.get() << 1), m.ld_at("shown", (k.get() << 1) + 1)
        cleaned.set(cleaned.get() | call(m, "collect_pages", first, end))
        k.set(k.get() + 1)
    with m.if_(cleaned.get().ne(0)):
        call(m, "host_protect")
    m.ret()


@routine(32, faults=False)
def ram_digest(m: StateBuilder, pages):
    """Bring the digest of the first `pages` physical pages up to date and return it.

    What was written is noted in `dirty` as well, by page of the backing area, for the next checkpoint."""
    call(m, "collect_written", pages)
    i = m.var(32, 0)
    total = m.var(64, m.ld("ram_sum"))
    with m.loop():
        with m.if_(i.get().uge(pages)):
            m.break_()
        word = (i.get() >> 3).zext(64)
        with m.if_((i.get() & 63).eq(0)):  # 64 at a time
            some = m.item("unhashed", word, 64)
            for k in range(1, 8):
                some = some | m.item("unhashed", word + k, 64)
            with m.if_(some.eq(0)):
                i.set(i.get() + 64)
                m.continue_()
        with m.if_(m.item("unhashed", word, 64).eq(0)):  # eight at a time
            i.set((i.get() | 7) + 1)
            m.continue_()
        n = i.get().zext(64)
        with m.if_(m.item("unhashed", n, 8).ne(0)):
            m.set_item("unhashed", n, 8, 0)
            h = call(m, "page_digest", i.get())
            total.set(total.get() - m.item("page_hash", n, 64) + h)
            m.set_item("page_hash", n, 64, h)
        i.set(i.get() + 1)
    m.st("ram_sum", total.get())
    m.ret(total.get())


@routine(faults=False)
def tlb_digest(m: StateBuilder):
    """Digest of the live translations, whatever the order in which they were made."""
    total = m.var(64, 0)
    count = m.item("tlb_list", m.const(0, 64), 32)
    i = m.var(32, 1)
    with m.loop():
        with m.if_(i.get().ugt(count)):
            m.break_()
        page = m.item("tlb_list", i.get().zext(64), 32).zext(64)
        e = m.item("tlb", page, 32).zext(64)
        with m.if_((e & paging.V).ne(0)):
            total.set(total.get() + final(((page << 32) | (e & ~paging.LISTED)) * K1))
        i.set(i.get() + 1)
    n = m.var(64, 0)
    with m.loop():
        e = m.item("tlb_large", n.get(), 32).zext(64)
        with m.if_(e.ne(0)):
            total.set(total.get() + final((((n.get() | 0x100000) << 32) | e) * K1))
        n.set(n.get() + 1)
        with m.if_(n.get().eq(S.LARGE_PAGES)):
            m.break_()
    m.ret(total.get())
