"""Counts of the reads and writes of each page of RAM, while `counting` is on (machine/page_counts.py).

The host table then grants no right, so each access comes through `slow`, which counts it. An instruction that does not
happen after all, because it faults or begins anew, takes its counts back: `journal` has the pages that it has counted,
and with `journal_uop` and `journal_budget` whose they are, as `bail` cannot know it otherwise.
"""

from playhead.engine.llvm.host_words import pointer
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system import paging
from playhead.x86.table import call, routine


def counting(m: StateBuilder):
    return m.ld("counting").ne(0)


def _add(m: StateBuilder, page, write, change: int) -> None:
    with m.if_(write):
        m.set_item("write_counts", page, 64, m.item("write_counts", page, 64) + change)
    with m.else_():
        m.set_item("read_counts", page, 64, m.item("read_counts", page, 64) + change)


@routine(64, 32, native_only=True, faults=False)
def count_access(m: StateBuilder, at, kind):
    """An access at an offset of the area has been granted; what lies outside is no RAM, and not counted."""
    page = at >> 12
    with m.if_(page.uge(m.ld("counted_pages").zext(64))):
        m.ret()
    write = (kind & paging.WRITE).ne(0)
    _add(m, page, write, 1)
    n = m.ld("journal_n")
    with m.if_(n.ult(S.JOURNAL)):
        m.st_at("journal", n, (page << 1) | write.zext(64))
        m.st("journal_n", n + 1)
    m.ret()


def count_part(m: StateBuilder, where, kind) -> None:
    """The same of a part of an access over two pages. `where`: what `translate` said."""
    entry = m.item("page_map", (where & 0xFFFFFFFF) >> 12, 64)
    wanted = (kind & paging.WRITE).ne(0).select(paging.WRITE_FLAG, paging.READ_FLAG, 64)
    with m.if_(counting(m) & ~where.bit(paging.BEYOND) & (entry & wanted).ne(0)):
        call(m, "count_access", entry & ~0xFFF, kind)


def count_granted(m: StateBuilder, address, kind) -> None:
    """The same of one that goes to a host address."""
    with m.if_(counting(m)):
        call(m, "count_access", address - pointer(m, "ram"), kind)


@routine(native_only=True, faults=False)
def undo_counts(m: StateBuilder):
    """The instruction has not happened."""
    i = m.var(32, 0)
    with m.loop():
        with m.if_(i.get().eq(m.ld("journal_n"))):
            m.break_()
        entry = m.ld_at("journal", i.get())
        _add(m, entry >> 1, (entry & 1).ne(0), -1)
        i.set(i.get() + 1)
    m.st("journal_n", 0)
    m.ret()
