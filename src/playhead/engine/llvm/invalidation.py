"""What the native core does where the architecture's routines only announce a change: of a translation, of decoded
code, of debug registers. `REPLACEMENTS` names the routines that have another body in native code.
"""

from collections.abc import Callable

from playhead.engine.llvm import jump_cache
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.host_words import host, pointer, set_host
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system import paging
from playhead.x86.system.interrupts import ENABLES
from playhead.x86.table import call, routine

MOST_LISTED = 1 << 14  # pages in `htab_list` that are worth going through


def take_from_tables(m: StateBuilder, first) -> None:
    """Empty the places of the host tables that the list has from item `first` on."""
    n = m.item("htab_list", m.const(0, 64), 32)
    i = m.var(32, first)
    with m.loop():
        with m.if_(i.get().ugt(n)):
            m.break_()
        item = m.item("htab_list", i.get().zext(64), 32)
        page = (item & 0xFFFFF).zext(64)
        with m.if_(item.bit(31)):
            m.set_item("htab_user", page, 64, 0)
        with m.else_():
            m.set_item("htab_sup", page, 64, 0)
        i.set(i.get() + 1)


@routine(native_only=True, faults=False)
def empty_tables(m: StateBuilder):
    """Empty the host tables."""
    take_from_tables(m, 1)
    m.set_item("htab_list", m.const(0, 64), 32, 0)
    m.st("htab_kept", 0)
    m.ret()


def native_host_flush(m: StateBuilder):
    """Empty the host tables and the jump cache."""
    m.count("flushes")
    call(m, "empty_tables")
    call(m, "void_jumps")
    m.ret()


def native_host_flush_local(m: StateBuilder):
    """The same, but for what follows from global translations."""
    m.count("flushes")
    kept = m.ld("htab_kept")
    take_from_tables(m, kept + 1)
    m.set_item("htab_list", m.const(0, 64), 32, kept)
    call(m, "void_local_jumps")
    m.ret()


def native_host_protect(m: StateBuilder):
    """Take the right to write from all entries of the host tables; reads and jumps lose nothing. A list that
    has grown long begins anew."""
    zero = m.const(0, 64)
    n = m.item("htab_list", zero, 32)
    with m.if_(n.ugt(MOST_LISTED)):
        call(m, "host_flush")
        m.ret()
    i = m.var(32, 0)
    with m.loop():
        with m.if_(i.get().uge(n)):
            m.break_()
        i.set(i.get() + 1)
        item = m.item("htab_list", i.get().zext(64), 32)
        slot = item.bit(31).select(pointer(m, "htab_user"), pointer(m, "htab_sup")) + ((item & 0xFFFFF) << 3).zext(64)
        set_host(m, slot, 64, host(m, slot, 64) & ~(L.WRITE_OK | L.WRITE_GUARDED))
    m.ret()


def native_host_drop(m: StateBuilder, lin):
    """Forget one page: what was derived for accesses (its place stays listed), and where jumps to it lead. Links need
    not be looked at, as none leads to another page, and the jump cache has no block that goes on in a second one."""
    page = (lin >> 12).zext(64)
    for table in ("htab_user", "htab_sup"):
        e = m.item(table, page, 64)
        m.set_item(table, page, 64, e.eq(0).select(0, (e & L.KEPT) | L.DROPPED, 64))
    jump_cache.void_page(m, lin)
    m.ret()


def native_code_written(m: StateBuilder, page):
    """Make the blocks of a physical page void."""
    wide = page.zext(64)
    node = m.var(64, m.item("page_blocks", wide, 64))
    with m.loop():
        with m.if_(node.get().eq(0)):
            m.break_()
        block = host(m, node.get(), 64)
        m.st("blocks_voided", m.ld("blocks_voided") + 1)
        set_host(m, block + L.B_N, 32, L.DEAD)
        with m.if_(host(m, block + L.B_MEMBER, 16).ne(0)):
            m.st("regions_epoch", m.ld("regions_epoch") + 1)
        set_host(m, block + L.B_MODE, 32, 0xFFFFFFFF)
        node.set(host(m, node.get() + 8, 64))
    m.set_item("page_blocks", wide, 64, 0)
    m.set_item("chunks", wide, 64, 0)
    m.set_item("page_map", wide, 64, m.item("page_map", wide, 64) & ~paging.CODE_FLAG)
    m.ret()


def native_table_write(m: StateBuilder, pa):
    """An accessed or dirty bit goes where code was decoded: as with a store, none of that may be running."""
    call(m, "before_code_write", pa, 4)
    m.ret()


def native_watched_walk(m: StateBuilder, pa):
    call(m, "watched", 0, pa, 4, S.HIT_WRITE | S.HIT_WALK)
    m.ret()


def native_replaced(m: StateBuilder, lin):
    """A live translation changes by a walk alone. Rare, so everything derived goes; and if the page is that of the
    running code the next instruction comes from elsewhere, so this one runs alone."""
    with m.if_(m.ld("single").eq(0)):
        m.undone(S.EXIT_SINGLE)
    call(m, "host_flush")
    m.ret()


def native_run_alone(m: StateBuilder):
    with m.if_(m.ld("single").eq(0)):
        m.undone(S.EXIT_SINGLE)
    m.ret()


def native_debug_hit(m: StateBuilder, bits):
    with m.if_(m.ld("single").eq(0)):
        m.undone(S.EXIT_SINGLE)
    m.st("dr_hits", m.ld("dr_hits") | bits)
    m.ret()


def native_debug_changed(m: StateBuilder):
    """The marks of pages and addresses are made anew (guest_marks.py), unless they are right already: a handler of #DB
    that clears DR7 and sets it again at its end loses no time."""
    differs = m.ld("dr", 7) ^ m.ld("marked_dr", 4)
    for n in range(4):
        differs = differs | (m.ld("dr", n) ^ m.ld("marked_dr", n))
    enabled = (m.ld("dr", 7) & ENABLES).ne(0)
    m.st("rearm", enabled.select(differs.ne(0).select(S.REARM_NOW, 0, 32), S.REARM_LATER))
    m.ret()


REPLACEMENTS: dict[str, Callable[..., None]] = {
    "host_flush": native_host_flush,
    "host_flush_local": native_host_flush_local,
    "host_drop": native_host_drop,
    "host_protect": native_host_protect,
    "code_written": native_code_written,
    "table_write": native_table_write,
    "watched_walk": native_watched_walk,
    "replaced": native_replaced,
    "run_alone": native_run_alone,
    "debug_hit": native_debug_hit,
    "debug_changed": native_debug_changed,
}
