"""The native-only routines, written in the IR: slow paths of memory accesses, the block cache, and the run loop.

Where an access leaves the fast path of the host table (a derived table: one entry per linear page, host offset and
rights), `slow` decides: translate, fill the table, split over two pages, ask for a device register, or stop before
the instruction so that it runs alone (`single`): an instruction that writes device registers or decoded code must be
the last one of a run of its own.

The state field `work` holds what the routines share: [0] address of the scratch bytes, [1] the handler `end`, [2] a
dead block, [3] the handler `stop`, [4] the block that was found.
"""

from collections.abc import Callable

from playhead.engine.core import (
    FIRST_RANGE, NOBODY, PYTHON, RANGE_BASE, RANGE_LAST, RANGE_MAX, RANGE_MIN, RANGE_READ, RANGE_SIZE, RANGE_STATES,
    RANGE_WRITE,
)  # fmt: skip
from playhead.engine.llvm import copies
from playhead.engine.llvm import layout as L
from playhead.x86.system import paging
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.decode import DEC, MAX_LENGTH
from playhead.x86.system.interrupts import ENABLES, behind_mov_ss
from playhead.x86.table import call, routine


def host(m, address, bits):
    return m.item("host", address, bits)


def set_host(m, address, bits, value):
    m.set_item("host", address, bits, value)


def pointer(m, region: str):
    return m.ld("ptr", S.REGIONS[region])


def catch(m, name: str, *args):
    """Call a routine and get 1 (32 bits) if it raised or could not finish."""
    from playhead.x86.table import ROUTINES

    values = [m.value(a, bits) for a, bits in zip(args, ROUTINES[name].params, strict=True)]
    return m.call("r_" + name, *values, faults="catch").trunc(32)


@routine(32, 32, native_only=True)
def register_read(m: StateBuilder, pa, size):
    """The value of a device register: from the latch; if it has none, the run ends before this instruction."""
    i = m.ld("latch_i")
    with m.if_(i.uge(m.ld("latch_n"))):
        m.undone(S.EXIT_MMIO_READ, pa.zext(64) | (size.zext(64) << 32))
    m.st("latch_i", i + 1)
    m.ret(m.ld_at("latch", i))


@routine(32, 32, 64, native_only=True)
def register_write(m: StateBuilder, pa, size, value):
    """Queue a write of a device register; the run ends after this instruction."""
    with m.if_(m.ld("single").eq(0)):
        m.undone(S.EXIT_SINGLE)
    n = m.ld("store_n")
    m.st_at("stores", n << 1, pa.zext(64) | (size.zext(64) << 32))
    m.st_at("stores", (n << 1) + 1, value)
    m.st("store_n", n + 1)
    m.ret()


@routine(64, 32, native_only=True)
def part_load(m: StateBuilder, where, size):
    """Some bytes of one physical page, as a number. `where`: what `translate` said."""
    pa = where.trunc(32)
    with m.if_(where.bit(paging.BEYOND)):
        m.ret((m.const(1, 64) << (size << 3).zext(64)) - 1)
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_((entry & paging.READ_FLAG).eq(0)):
        m.ret(call(m, "register_read", pa, size))
    at = (entry & ~0xFFF) | (pa & 0xFFF).zext(64)
    i, v = m.var(32, 0), m.var(64, 0)
    with m.loop():
        n = i.get()
        v.set(v.get() | (m.item("ram", at + n.zext(64), 8).zext(64) << (n << 3).zext(64)))
        i.set(n + 1)
        with m.if_((n + 1).eq(size)):
            m.break_()
    m.ret(v.get())


@routine(32, 32, native_only=True)
def before_code_write(m: StateBuilder, pa, size):
    """A store of `size` bytes goes to a page with decoded code: make that code void if it is hit, when nothing of it
    runs."""
    page = pa >> 12
    first, last = (pa >> 6) & 63, ((pa + size - 1) >> 6) & 63
    one = m.const(1, 64)
    hit = m.item("chunks", page.zext(64), 64) & ((one << first.zext(64)) | (one << last.zext(64)))
    with m.if_(hit.ne(0)):
        with m.if_(m.ld("single").eq(0)):
            m.undone(S.EXIT_SINGLE)
        call(m, "code_written", page)
    m.ret()


@routine(64, 32, 64, native_only=True)
def part_store(m: StateBuilder, where, size, value):
    """Some bytes to one physical page. Whatever can refuse comes before the bytes change."""
    pa = where.trunc(32)
    with m.if_(where.bit(paging.BEYOND)):
        m.ret()
    page = (pa >> 12).zext(64)
    entry = m.item("page_map", page, 64)
    with m.if_((entry & paging.WRITE_FLAG).ne(0)):
        with m.if_((entry & paging.CODE_FLAG).ne(0)):
            call(m, "before_code_write", pa, size)
        m.set_item("page_map", page, 64, m.item("page_map", page, 64) | paging.DIRTY_FLAG)
        at = (entry & ~0xFFF) | (pa & 0xFFF).zext(64)
        i = m.var(32, 0)
        with m.loop():
            n = i.get()
            m.set_item("ram", at + n.zext(64), 8, (value >> (n << 3).zext(64)).trunc(8))
            i.set(n + 1)
            with m.if_((n + 1).eq(size)):
                m.break_()
    with m.else_(), m.if_((entry & paging.READ_FLAG).eq(0)):
        call(m, "register_write", pa, size, value)
    m.ret()


@routine(64, 32, native_only=True)
def may_store(m: StateBuilder, where, size):
    """Refuse (to run alone) what `part_store` would refuse, before the first part of a split store."""
    pa = where.trunc(32)
    with m.if_(where.bit(paging.BEYOND)):
        m.ret()
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_((entry & paging.WRITE_FLAG).ne(0)):
        with m.if_((entry & paging.CODE_FLAG).ne(0)):
            call(m, "before_code_write", pa, size)
    with m.else_(), m.if_((entry & paging.READ_FLAG).eq(0) & m.ld("single").eq(0)):
        m.undone(S.EXIT_SINGLE)
    m.ret()


@routine(32, 32, 32, 32, native_only=True)
def watched(m: StateBuilder, lin, pa, size, kinds):
    """An access to a page with watchpoints. If it touches one, it is noted in `hits`, and because
    the run is to end after this instruction, it runs alone. `kinds`: HIT_* of the access, and from bit 8 on those that
    it is the first part of: at the write of a read-modify-write it is too late to refuse."""
    i = m.var(32, 0)
    with m.loop():
        n = i.get()
        with m.if_(n.uge(m.ld("watch_n"))):
            m.break_()
        at = (n << 2).zext(64)
        first, last, wanted = (m.item("watch_list", at + k, 32) for k in range(3))
        physical = (wanted & S.WATCH_PHYSICAL).ne(0)
        start = physical.select(pa, lin)
        applies = (kinds & physical.select(S.HIT_BEYOND, S.HIT_WALK, 32)).eq(0)
        concerns = (wanted & (kinds | (kinds >> 8))).ne(0)
        with m.if_(concerns & applies & start.ule(last) & (start + size - 1).uge(first)):
            with m.if_(m.ld("single").eq(0)):
                m.undone(S.EXIT_SINGLE)
            hits = m.ld("hit_n")
            with m.if_(hits.ult(S.MOST_HITS) & (wanted & kinds).ne(0)):
                how = (kinds & 7) | (wanted & S.WATCH_PHYSICAL)
                m.st_at("hits", hits, start.zext(64) | (size.zext(64) << 32) | (how.zext(64) << 40))
                m.st("hit_n", hits + 1)
        i.set(n + 1)
    m.ret()


def watch_bits(m, lin, entry):
    """HIT_WRITE and HIT_READ where a debugger watches the page of an access, by its linear or its physical address."""
    by_linear = m.item("debug_map", (lin >> 12).zext(64), 8).zext(32) >> 1
    return (by_linear | (entry >> 4).trunc(32)) & (S.HIT_WRITE | S.HIT_READ)


def guest_watch_bits(m, lin):
    """The same for the guest's own debug registers."""
    return (m.item("debug_map", (lin >> 12).zext(64), 8).zext(32) >> S.GUEST_SHIFT) & (S.HIT_WRITE | S.HIT_READ)


def near_breakpoint(m, lin):
    """Whether an address is so near to that of a debug register that an access there may touch it (1 bit)."""
    near = m.const(0, 1)
    for n in range(4):
        near = near | (lin - m.ld("dr", n) + 16).ult(32)
    return near


def of_privilege(m, kind):
    """The host table that an access goes by."""
    user = m.ld("cpl").eq(3) & (kind & paging.SUPERVISOR).eq(0)
    return user.select(pointer(m, "htab_user"), pointer(m, "htab_sup"))


def hit_kinds(kind):
    """What `watched` is to be told of an access."""
    write, both = (kind & paging.WRITE).ne(0), (kind & paging.RMW).ne(0)
    return write.select(S.HIT_WRITE, both.select(S.HIT_READ | S.HIT_WRITE << 8, S.HIT_READ, 32))


@routine(32, 64, 32, 32, native_only=True)
def check_watched(m: StateBuilder, lin, where, size, kinds):
    """`watched`, if the page is one that is watched."""
    entry = page_entry(m, where)
    with m.if_((watch_bits(m, lin, entry) & (kinds | (kinds >> 8))).ne(0)):
        call(m, "watched", lin, where.trunc(32), size, kinds | beyond_kind(where))
    m.ret()


@routine(32, 32, native_only=True)
def check_guest_watch(m: StateBuilder, lin, kind):
    """The data breakpoints of the guest's own debug registers: an access that meets one runs alone. What the processor
    does itself (as supervisor, or to deliver something) meets none."""
    with m.if_((kind & paging.SUPERVISOR).ne(0) | m.ld("fault_pending").ne(0)):
        m.ret()
    size = kind & 0xFF
    bits = call(m, "data_breakpoint", lin, size, (kind & paging.WRITE).ne(0).zext(32)).trunc(32)
    with m.if_(bits.ne(0)):
        call(m, "debug_hit", bits)
    with m.if_((kind & paging.RMW).ne(0) & m.ld("single").eq(0)):
        with m.if_(call(m, "data_breakpoint", lin, size, 1).ne(0)):
            m.undone(S.EXIT_SINGLE)  # when the write comes, it is too late to refuse
    m.ret()


def page_entry(m, where):
    """The page map's entry for what `translate` said; there is none for an address of 4 GiB or above."""
    entry = m.item("page_map", ((where & 0xFFFFFFFF) >> 12), 64)
    return where.bit(paging.BEYOND).select(0, entry, 64)


def beyond_kind(where):
    return where.bit(paging.BEYOND).select(S.HIT_BEYOND, 0, 32)


@routine(32, 32, 64, native_only=True)
def slow_split(m: StateBuilder, lin, kind, value):
    """An access over a page boundary: both pages are checked first. Returns a host address to load from (or to store to
    in vain)."""
    size = kind & 0xFF
    first = 0x1000 - (lin & 0xFFF)
    a = call(m, "translate", lin, kind)
    b = call(m, "translate", lin + first, kind)
    scratch = m.ld("work", 0)
    shift = (first << 3).zext(64)
    kinds = hit_kinds(kind)
    call(m, "check_watched", lin, a, first, kinds)
    call(m, "check_watched", lin + first, b, size - first, kinds)
    with m.if_((kind & (paging.WRITE | paging.RMW)).ne(0)):
        call(m, "may_store", a, first)
        call(m, "may_store", b, size - first)
    with m.if_((kind & paging.WRITE).ne(0)):
        call(m, "part_store", a, first, value & ((m.const(1, 64) << shift) - 1))
        call(m, "part_store", b, size - first, value >> shift)
    with m.else_():
        low = call(m, "part_load", a, first)
        high = call(m, "part_load", b, size - first)
        set_host(m, scratch, 64, low | (high << shift))
    m.ret(scratch)


@routine(32, 32, 32, 64, native_only=True, faults=False)
def fill(m: StateBuilder, lin, kind, rights, address):
    """Put a page into the host table of the privilege that accessed it. `address` is the host address of the byte at
    lin."""
    user = m.ld("cpl").eq(3) & (kind & paging.SUPERVISOR).eq(0)
    slot = of_privilege(m, kind) + ((lin >> 12) << 3).zext(64)
    with m.if_(host(m, slot, 64).eq(0)):
        n = m.item("htab_list", m.const(0, 64), 32) + 1
        with m.if_(n.uge((L.SIZES["htab_list"] >> 2) - 1)):
            call(m, "host_flush")
            n0 = m.const(1, 32)
            m.set_item("htab_list", m.const(0, 64), 32, n0)
            m.set_item("htab_list", n0.zext(64), 32, (lin >> 12) | (user.zext(32) << 31))
        with m.else_():
            m.set_item("htab_list", m.const(0, 64), 32, n)
            m.set_item("htab_list", n.zext(64), 32, (lin >> 12) | (user.zext(32) << 31))
    set_host(m, slot, 64, ((address - lin.zext(64)) & ~0xFFF) | rights.zext(64))
    m.ret()


@routine(32, 32, 64, native_only=True)
def slow(m: StateBuilder, lin, kind, value):
    """An access that is not in the host table; returns the host address to use. For kinds see x86/system/paging.py."""
    size = kind & 0xFF
    exempt = (kind & (paging.SUPERVISOR | paging.PART)).ne(0)
    with m.if_(m.ld("aligned").ne(0) & ~exempt & (lin & (size - 1)).ne(0)):
        m.fault(S.ACV, 0)  # volume 3, 6.15; like the host's CPU, before #PF
    known = host(m, of_privilege(m, kind) + ((lin >> 12) << 3).zext(64), 64)
    writes = (kind & (paging.WRITE | paging.RMW)).ne(0)
    allowed = known & writes.select(L.WRITE_OK | L.WRITE_GUARDED, L.READ_OK | L.READ_GUARDED, 64)
    split = ((lin & 0xFFF) + size).ugt(0x1000)
    with m.if_(allowed.ne(0) & ~split):
        with m.if_(near_breakpoint(m, lin)):
            call(m, "check_guest_watch", lin, kind)
        m.ret((known & ~0xFFF) + lin.zext(64))
    with m.if_(split):
        with m.if_((m.ld("dr", 7) & ENABLES).ne(0)):
            call(m, "check_guest_watch", lin, kind)
        m.ret(call(m, "slow_split", lin, kind, value))
    t = call(m, "translate", lin, kind)
    pa = t.trunc(32)
    page = (pa >> 12).zext(64)
    entry = page_entry(m, t)
    address = pointer(m, "ram") + ((entry & ~0xFFF) | (pa & 0xFFF).zext(64))
    scratch = m.ld("work", 0)
    watch = watch_bits(m, lin, entry)
    with m.if_(watch.ne(0)):
        kinds = hit_kinds(kind)
        with m.if_((watch & (kinds | (kinds >> 8))).ne(0)):
            call(m, "watched", lin, pa, size, kinds | beyond_kind(t))
    guarded = guest_watch_bits(m, lin)
    with m.if_(guarded.ne(0)):
        call(m, "check_guest_watch", lin, kind)
    may_read = (guarded & S.HIT_READ).ne(0).select(L.READ_GUARDED, L.READ_OK, 32)
    may_write = guarded.ne(0).select(L.WRITE_GUARDED, L.WRITE_OK, 32)
    with m.if_(t.bit(paging.BEYOND)):
        set_host(m, scratch, 64, (1 << 64) - 1)
        m.ret(scratch)
    with m.if_((kind & (paging.WRITE | paging.RMW)).ne(0)):
        with m.if_((entry & paging.WRITE_FLAG).ne(0)):
            with m.if_((entry & paging.CODE_FLAG).ne(0)):
                call(m, "before_code_write", pa, size)
            with m.if_((kind & paging.RMW).ne(0) & (entry & paging.DIRTY_FLAG).eq(0)):
                m.ret(address)  # whether it will be written is not said yet
            marked = m.item("page_map", page, 64) | paging.DIRTY_FLAG
            m.set_item("page_map", page, 64, marked)
            with m.if_((marked & paging.CODE_FLAG).eq(0) & watch.eq(0)):
                call(m, "fill", lin, kind, may_read | may_write, address)
            m.ret(address)
        with m.if_((kind & paging.RMW).eq(0)):
            with m.if_((entry & paging.READ_FLAG).eq(0)):
                call(m, "register_write", pa, size, value)
            m.ret(scratch)  # a ROM swallows it
        with m.if_((entry & paging.READ_FLAG).eq(0) & m.ld("single").eq(0)):
            m.undone(S.EXIT_SINGLE)  # the write to come needs to be alone
    with m.if_((entry & paging.READ_FLAG).eq(0)):
        set_host(m, scratch, 64, call(m, "register_read", pa, size))
        m.ret(scratch)
    with m.if_((watch & S.HIT_READ).ne(0)):
        m.ret(address)
    wanted = paging.WRITE_FLAG | paging.DIRTY_FLAG
    writable = (entry & (wanted | paging.CODE_FLAG)).eq(wanted) & (t >> 32).bit(0) & watch.eq(0)
    call(m, "fill", lin, kind, may_read | writable.select(may_write, 0), address)
    m.ret(address)


def next_generation(m: StateBuilder) -> None:
    """Void the jump cache: its keys hold the generation. When the numbers run out, old keys must go."""
    g = (m.ld("generation") + 1) & 0x0FFFFFFF
    m.st("generation", g)
    with m.if_(g.eq(0)):
        m.st("generation", 1)
        n = m.var(64, 0)
        with m.loop():
            m.set_item("jump_cache", n.get(), 64, 0)
            n.set(n.get() + 1)
            with m.if_(n.get().eq(2 << L.JUMP_BITS)):
                m.break_()


def native_host_flush(m: StateBuilder):
    """Empty the host tables and the jump cache."""
    zero = m.const(0, 64)
    n = m.item("htab_list", zero, 32)
    i = m.var(32, 0)
    with m.loop():
        with m.if_(i.get().uge(n)):
            m.break_()
        i.set(i.get() + 1)
        item = m.item("htab_list", i.get().zext(64), 32)
        page = (item & 0xFFFFF).zext(64)
        with m.if_(item.bit(31)):
            m.set_item("htab_user", page, 64, 0)
        with m.else_():
            m.set_item("htab_sup", page, 64, 0)
    m.set_item("htab_list", zero, 32, 0)
    next_generation(m)
    m.ret()


def jump_index(lin):
    """Where the jump cache has a linear address (64 bits); the addresses of a page are neighbours."""
    return (((lin >> (12 - L.PAGE_JUMP_BITS)) ^ (lin & (L.PAGE_JUMPS - 1))) & ((1 << L.JUMP_BITS) - 1)).zext(64)


def native_host_drop(m: StateBuilder, lin):
    """Forget one page: what was derived for accesses, and where jumps to it lead. Links need not be looked at, as
    none leads to another page, and the jump cache has no block that goes on in a second one."""
    page = (lin >> 12).zext(64)
    m.set_item("htab_user", page, 64, 0)
    m.set_item("htab_sup", page, 64, 0)
    first = (jump_index(lin) & ~(L.PAGE_JUMPS - 1)) << 1  # two words each
    n = m.var(64, 0)
    with m.loop():
        m.set_item("jump_cache", first + n.get(), 64, 0)
        n.set(n.get() + 2)
        with m.if_(n.get().eq(2 * L.PAGE_JUMPS)):
            m.break_()
    m.ret()


def native_code_written(m: StateBuilder, page):
    """Make the blocks of a physical page void."""
    wide = page.zext(64)
    node = m.var(64, m.item("page_blocks", wide, 64))
    with m.loop():
        with m.if_(node.get().eq(0)):
            m.break_()
        block = host(m, node.get(), 64)
        set_host(m, block + L.B_N, 32, L.DEAD)
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
    "host_drop": native_host_drop,
    "code_written": native_code_written,
    "table_write": native_table_write,
    "watched_walk": native_watched_walk,
    "replaced": native_replaced,
    "run_alone": native_run_alone,
    "debug_hit": native_debug_hit,
    "debug_changed": native_debug_changed,
}


def clear(m, region: str, words: int) -> None:
    """Fill an array of 64-bit words with zeros, without touching host memory that has never been used."""
    n = m.var(64, 0)
    with m.loop():
        with m.if_(m.item(region, n.get(), 64).ne(0)):
            m.set_item(region, n.get(), 64, 0)
        n.set(n.get() + 1)
        with m.if_(n.get().eq(words)):
            m.break_()


@routine(native_only=True, faults=False)
def forget_code(m: StateBuilder):
    """Void all decoded code: blocks, links (which lie in the blocks), the jump cache, and the marks of code pages."""
    clear(m, "block_hash", L.SIZES["block_hash"] >> 3)
    clear(m, "jump_cache", L.SIZES["jump_cache"] >> 3)
    n = m.var(64, 0)
    with m.loop():
        with m.if_(m.item("page_blocks", n.get(), 64).ne(0)):
            m.set_item("page_blocks", n.get(), 64, 0)
            m.set_item("chunks", n.get(), 64, 0)
            m.set_item("page_map", n.get(), 64, m.item("page_map", n.get(), 64) & ~paging.CODE_FLAG)
        n.set(n.get() + 1)
        with m.if_(n.get().eq(1 << 20)):
            m.break_()
    m.ret()


@routine(32, 32, native_only=True, faults=False)
def mark_code(m: StateBuilder, pa, size):
    """Note that bytes of a physical page are decoded: stores there take the slow path from now on."""
    page = (pa >> 12).zext(64)
    first, last = ((pa >> 6) & 63).zext(64), ((pa + size - 1) >> 6 & 63).zext(64)
    one = m.const(1, 64)
    bits = ((one << last) | ((one << last) - 1)) & ~((one << first) - 1)
    m.set_item("chunks", page, 64, m.item("chunks", page, 64) | bits)
    entry = m.item("page_map", page, 64)
    with m.if_((entry & paging.CODE_FLAG).eq(0)):
        m.set_item("page_map", page, 64, entry | paging.CODE_FLAG)
        target = pointer(m, "ram") + (entry & ~0xFFF)
        n = m.item("htab_list", m.const(0, 64), 32)
        i = m.var(32, 0)
        with m.loop():
            with m.if_(i.get().uge(n)):
                m.break_()
            i.set(i.get() + 1)
            item = m.item("htab_list", i.get().zext(64), 32)
            lin_page = (item & 0xFFFFF).zext(64)
            slot = item.bit(31).select(pointer(m, "htab_user"), pointer(m, "htab_sup")) + (lin_page << 3)
            e = host(m, slot, 64)
            with m.if_(((e & ~0xFFF) + (lin_page << 12)).eq(target)):
                set_host(m, slot, 64, e & ~(L.WRITE_OK | L.WRITE_GUARDED))
    m.ret()


@routine(64, 32, native_only=True, faults=False)
def fetch_bytes(m: StateBuilder, at, count):
    """Copy up to 16 bytes of RAM at an area offset into `fetch`; what lies after `count` is zero."""
    start = S.FIELDS["fetch"].offset
    with m.if_(count.uge(16)):
        m.store_state(start, 64, m.item("host", pointer(m, "ram") + at, 64))
        m.store_state(start + 8, 64, m.item("host", pointer(m, "ram") + at + 8, 64))
        m.ret()
    m.store_state(start, 64, 0)
    m.store_state(start + 8, 64, 0)
    i = m.var(32, 0)
    with m.loop():
        with m.if_(i.get().uge(count)):
            m.break_()
        m.store_at(i.get() + start, 8, m.item("ram", at + i.get().zext(64), 8))
        i.set(i.get() + 1)
    m.ret()


def register_number(at):
    """The number of a register whose offset in the state block is `at`; AH to BH are 4 to 7."""
    return ((at >> 2) | (at << 2)) & 7


def decoded(m, name: str):
    """A field of the instruction in `dec`."""
    return m.ld("dec", DEC.index(name))


def choose_copy(m, at, flags, first) -> None:
    """Let the uop at a host address have the copy of its handler that is made for its registers (copies.py)."""
    by_a, by_b, by_base = ((flags & bit).ne(0) for bit in (L.BY_A, L.BY_B, L.BY_BASE))
    indexed = by_base & decoded(m, "index").ne(copies.ZERO)
    with m.if_((by_a | by_b | by_base) & ~indexed):
        key = by_a.select(register_number(decoded(m, "a")), 0, 32)
        key = by_b.select((key << 3) + register_number(decoded(m, "b")), key)
        key = by_base.select(key * copies.BASES + (decoded(m, "base") >> 2), key)
        set_host(m, at, 64, m.item("copies", (first + key).zext(64), 64))


@routine(64, 32, native_only=True, faults=False)
def write_uop(m: StateBuilder, at, off):
    """Put the instruction in `dec` at a host address; returns the flags of its handler."""
    entry = pointer(m, "handlers") + (decoded(m, "handler") << 4).zext(64)
    set_host(m, at, 64, host(m, entry, 64))
    flags = host(m, entry + 8, 32)
    choose_copy(m, at, flags, host(m, entry + 12, 32))
    for name in ("imm", "disp", "imm2", "a", "b", "base", "index", "scale", "seg", "len"):
        offset, bits = L.UOP[name]
        set_host(m, at + offset, bits, decoded(m, name).trunc(bits))
    linked = (flags & L.LINKS).ne(0)
    set_host(m, at + L.UOP["flags"][0], 8, (decoded(m, "flags") | linked.select(L.LINKED, 0, 32)).trunc(8))
    set_host(m, at + L.UOP["off"][0], 16, off.trunc(16))
    with m.if_(linked):
        set_host(m, at + L.UOP_SIZE, 64, m.ld("work", 2))
    m.ret(flags.zext(64))


@routine(64, 64, 32, 32, native_only=True, faults=False)
def finish_block(m: StateBuilder, block, end, count, ended):
    """Close a block: the `end` uop if it needs one, the counts that are left at each uop. Returns the first free
    address."""
    at = m.var(64, end)
    with m.if_(ended.eq(0)):
        set_host(m, end, 64, m.ld("work", 1))
        set_host(m, end + L.UOP["rem"][0], 16, 0)
        set_host(m, end + L.UOP["flags"][0], 8, L.LINKED)
        set_host(m, end + L.UOP_SIZE, 64, m.ld("work", 2))
        at.set(end + 2 * L.UOP_SIZE)
    p, left = m.var(64, block + L.HEADER), m.var(32, count)
    with m.loop():
        with m.if_(left.get().eq(0)):
            m.break_()
        set_host(m, p.get() + L.UOP["rem"][0], 16, left.get().trunc(16))
        linked = (host(m, p.get() + L.UOP["flags"][0], 8) & L.LINKED).ne(0)
        p.set(p.get() + linked.select(2 * L.UOP_SIZE, L.UOP_SIZE, 64))
        left.set(left.get() - 1)
    set_host(m, block + L.B_N, 32, count)
    m.ret(at.get())


@routine(64, 32, native_only=True, faults=False)
def enlist(m: StateBuilder, block, page):
    """Let a store to a physical page find this block."""
    node = m.ld("arena_top")
    set_host(m, node, 64, block)
    set_host(m, node + 8, 64, m.item("page_blocks", page.zext(64), 64))
    m.set_item("page_blocks", page.zext(64), 64, node)
    m.st("arena_top", node + 32)
    m.ret()


def bucket(m, pa):
    return ((pa * 0x9E3779B1) >> (32 - L.HASH_BITS)).zext(64)


def marked(m, address):
    """Whether a breakpoint, a debugger's or the guest's, has this offset in a page (8 bits); blocks are shared by the
    addresses that show a page."""
    return m.item("debug_offsets", (address & 0xFFF).zext(64), 8)


@routine(32, 32, 32, native_only=True)
def decode_block(m: StateBuilder, lin, pa, mode):
    """Decode the instructions at a physical address up to a branch or the end of the page; returns the block. Raises
    what the first instruction raises (#PF on its second page, #GP if it is too long)."""
    block = m.ld("arena_top")
    with m.if_(block.ugt(pointer(m, "arena") + (L.ARENA - (L.MAX_INSNS + 4) * 2 * L.UOP_SIZE))):
        m.undone(S.EXIT_ARENA)
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_((entry & paging.READ_FLAG).eq(0)):
        m.undone(S.EXIT_REFERENCE)
    area = (entry & ~0xFFF) | (pa & 0xFFF).zext(64)
    avail = 0x1000 - (pa & 0xFFF)
    off, count, ended, top = m.var(32, 0), m.var(32, 0), m.var(32, 0), m.var(64, block + L.HEADER)
    pa2, crossing = m.var(32, 0xFFFFFFFF), m.var(32, 0)
    with m.loop():
        left = avail - off.get()
        with m.if_(left.eq(0) | count.get().eq(L.MAX_INSNS)):
            m.break_()
        with m.if_(count.get().ne(0) & marked(m, pa + off.get()).ne(0)):
            m.break_()  # a breakpoint's instruction is only reached through the run loop
        call(m, "fetch_bytes", area + off.get().zext(64), left)
        vector, error = m.ld("fault_vector"), m.ld("fault_error")
        with m.if_(catch(m, "decode", mode).ne(0)):
            with m.if_(count.get().ne(0) | left.ult(MAX_LENGTH)):
                m.st("fault_pending", 0)  # a later instruction raises it when it is reached, or the next page decides
                m.st("fault_vector", vector)
                m.st("fault_error", error)
            with m.if_(count.get().ne(0)):
                m.break_()
            with m.if_(left.uge(MAX_LENGTH)):
                m.fault(S.GP, 0)  # a 16th byte is never fetched
            m.st("dec", MAX_LENGTH + 1, DEC.index("len"))
        with m.if_(m.ld("dec", DEC.index("len")).ugt(left)):
            with m.if_(count.get().ne(0)):
                m.break_()
            # the first instruction lies on two pages: probe the second one, put the bytes together
            where = call(m, "translate", lin + left, paging.FETCH)
            second, entry2 = where.trunc(32), page_entry(m, where)
            with m.if_((entry2 & paging.READ_FLAG).eq(0)):
                m.undone(S.EXIT_REFERENCE)
            call(m, "fetch_bytes", entry2 & ~0xFFF, m.const(16, 32))
            start = S.FIELDS["fetch"].offset
            low, high = m.load_state(start, 64), m.load_state(start + 8, 64)
            i = m.var(32, left)
            with m.loop():
                with m.if_(i.get().uge(16)):
                    m.break_()
                n = i.get() - left
                from_low = n.ult(8)
                piece = from_low.select(low, high) >> ((n & 7) << 3).zext(64)
                m.store_at(i.get() + start, 8, piece.trunc(8))
                i.set(i.get() + 1)
            i.set(0)
            with m.loop():
                with m.if_(i.get().uge(left)):
                    m.break_()
                m.store_at(i.get() + start, 8, m.item("ram", area + i.get().zext(64), 8))
                i.set(i.get() + 1)
            call(m, "decode", mode)
            pa2.set(second)
            crossing.set(1)
        flags = call(m, "write_uop", top.get(), off.get()).trunc(32)
        top.set(top.get() + (flags & L.LINKS).ne(0).select(2 * L.UOP_SIZE, L.UOP_SIZE, 64))
        off.set(off.get() + m.ld("dec", DEC.index("len")))
        count.set(count.get() + 1)
        with m.if_((flags & L.ENDS).ne(0)):
            ended.set((flags & L.FALLS).eq(0).zext(32))
            m.break_()
        with m.if_(crossing.get().ne(0)):
            m.break_()
    set_host(m, top.get() + L.UOP["off"][0], 16, off.get().trunc(16))  # of the `end` uop, if there will be one
    m.st("arena_top", call(m, "finish_block", block, top.get(), count.get(), ended.get()))
    set_host(m, block + L.B_MODE, 32, mode)
    set_host(m, block + L.B_PA, 32, pa)
    set_host(m, block + L.B_BYTES, 16, off.get().trunc(16))
    set_host(m, block + L.B_CROSS, 16, crossing.get().trunc(16))
    set_host(m, block + L.B_PA2, 32, pa2.get())
    head = pointer(m, "block_hash") + (bucket(m, pa) << 3)
    set_host(m, block + L.B_NEXT, 64, host(m, head, 64))
    set_host(m, head, 64, block)
    call(m, "enlist", block, pa >> 12)
    with m.if_(crossing.get().ne(0)):
        call(m, "enlist", block, pa2.get() >> 12)
        call(m, "mark_code", pa, avail)
        call(m, "mark_code", pa2.get() & 0xFFFFF000, off.get() - avail)
    with m.else_():
        call(m, "mark_code", pa, off.get())
    m.ret(block)


def found(m, block) -> None:
    """Leave a block where the run loop, which catches faults, finds it."""
    m.st("work", block, 4)
    m.ret()


@routine(32, 32, native_only=True)
def find_block(m: StateBuilder, lin, mode):
    """The block of decoded instructions at a linear address, decoded now if need be. Probes the TLB as a fetch does."""
    where = call(m, "translate", lin, paging.FETCH)
    with m.if_(where.bit(paging.BEYOND)):
        m.undone(S.EXIT_REFERENCE)
    pa = where.trunc(32)
    before = m.var(64, pointer(m, "block_hash") + (bucket(m, pa) << 3))
    p = m.var(64, host(m, before.get(), 64))
    with m.loop():
        with m.if_(p.get().eq(0)):
            m.break_()
        with m.if_(host(m, p.get() + L.B_N, 32).eq(L.DEAD)):  # out of the way of the next search
            p.set(host(m, p.get() + L.B_NEXT, 64))
            set_host(m, before.get(), 64, p.get())
            m.continue_()
        with m.if_(host(m, p.get() + L.B_PA, 32).eq(pa) & host(m, p.get() + L.B_MODE, 32).eq(mode)):
            with m.if_(host(m, p.get() + L.B_CROSS, 16).eq(0)):
                found(m, p.get())
            second = call(m, "translate", (lin & 0xFFFFF000) + 0x1000, paging.FETCH)
            same = (host(m, p.get() + L.B_PA2, 32) ^ second.trunc(32)).ult(0x1000)
            with m.if_(same & ~second.bit(paging.BEYOND)):
                found(m, p.get())
        before.set(p.get() + L.B_NEXT)
        p.set(host(m, p.get() + L.B_NEXT, 64))
    found(m, call(m, "decode_block", lin, pa, mode))


@routine(64, 32, native_only=True, faults=False)
def cut(m: StateBuilder, block, count):
    """Copy the first `count` instructions of a block to the scratch space, followed by `stop`; returns their
    address."""
    source, target, left = m.var(64, block + L.HEADER), m.var(64, pointer(m, "arena")), m.var(32, count)
    with m.loop():
        s, t = source.get(), target.get()
        with m.if_(left.get().eq(0)):
            set_host(m, t, 64, m.ld("work", 3))
            set_host(m, t + L.UOP["off"][0], 16, host(m, s + L.UOP["off"][0], 16))
            set_host(m, t + L.UOP["rem"][0], 16, 0)
            m.break_()
        linked = (host(m, s + L.UOP["flags"][0], 8) & L.LINKED).ne(0)
        for i in range(0, L.UOP_SIZE, 8):
            set_host(m, t + i, 64, host(m, s + i, 64))
        set_host(m, t + L.UOP["rem"][0], 16, left.get().trunc(16))
        size = linked.select(2 * L.UOP_SIZE, L.UOP_SIZE, 64)
        with m.if_(linked):
            set_host(m, t + L.UOP_SIZE, 64, m.ld("work", 2))
        source.set(s + size)
        target.set(t + size)
        left.set(left.get() - 1)
    m.ret(pointer(m, "arena"))


NOT_ANSWERED = (1 << 64) - 1  # of `device_access`: Python has to do it; no answer has more than 32 bits


@routine(32, 32, 64, 64, native_only=True, faults=False)
def device_access(m: StateBuilder, ports, write, where, value):
    """An access to a port (`ports`) or to a register in memory that a device has declared, or that nobody owns. Called
    where Python would be asked, at the same moment. `where`: address | size << 32. Returns what is read."""
    address, size = where.trunc(32), (where >> 32).trunc(32)
    last = address + size - 1
    n = m.var(32, 0)
    with m.if_(size.ugt(4)):
        m.ret(NOT_ANSWERED)
    with m.if_(ports.ne(0)):
        with m.if_(last.ugt(0xFFFF)):
            m.ret(NOT_ANSWERED)
        n.set(m.item("io_map", address.zext(64), 16).zext(32))
        with m.if_(n.get().eq(NOBODY)):
            at = m.var(32, address)
            with m.loop():
                with m.if_(m.item("io_map", at.get().zext(64), 16).ne(NOBODY)):
                    m.ret(NOT_ANSWERED)
                with m.if_(at.get().eq(last)):
                    m.break_()
                at.set(at.get() + 1)
    with m.else_():
        with m.if_(((address ^ last) >> 12).ne(0)):
            m.ret(NOT_ANSWERED)
        n.set(m.item("mmio_map", (address >> 12).zext(64), 16).zext(32))
    ones = (m.const(1, 64) << (size << 3).zext(64)) - 1
    with m.if_(n.get().eq(NOBODY)):
        m.ret(ones)
    with m.if_(n.get().eq(PYTHON)):
        m.ret(NOT_ANSWERED)
    entry = pointer(m, "device_ranges") + ((n.get() - FIRST_RANGE) * RANGE_SIZE).zext(64)
    base = host(m, entry + RANGE_BASE, 32)
    sizes = size.uge(host(m, entry + RANGE_MIN, 32)) & size.ule(host(m, entry + RANGE_MAX, 32))
    inside = address.uge(base) & last.ule(host(m, entry + RANGE_LAST, 32))
    code = write.ne(0).select(host(m, entry + RANGE_WRITE, 64), host(m, entry + RANGE_READ, 64))
    with m.if_((sizes & inside & code.ne(0)).eq(0)):
        m.ret(NOT_ANSWERED)
    icount = m.ld("icount")
    now = m.ld("vbias") + (icount << m.ld("shift").zext(64))
    offset = (address - base).zext(64)
    states = entry + RANGE_STATES
    result = m.call("r_device_entry", code, states, offset, size.zext(64), value & ones, now, icount, faults=False)
    m.ret((result >> 63).eq(1).select(NOT_ANSWERED, result & ones))


def answer_devices(m: StateBuilder, completed) -> None:
    """The reason why the run is about to end: a read that lacks its answer, or a write that an instruction has left. If
    no device needs Python for it, the run continues."""
    reason = m.ld("exit_reason")
    with m.if_((reason.eq(S.EXIT_PORT_READ) | reason.eq(S.EXIT_MMIO_READ)) & m.ld("fault_pending").eq(0)):
        ports = reason.eq(S.EXIT_PORT_READ).zext(32)
        value = call(m, "device_access", ports, 0, m.ld("exit_info"), 0)
        with m.if_(value.ne(NOT_ANSWERED)):
            n = m.ld("latch_n")
            m.st_at("latch", n, value)
            m.st("latch_n", n + 1)
            m.st("exit_reason", 0)
    port = reason.eq(S.EXIT_PORT_WRITE)
    memory = reason.eq(0) & (m.ld("fault_pending").eq(0) | completed.ne(0))
    with m.if_((port | memory) & m.ld("store_n").eq(1)):
        value = call(m, "device_access", port.zext(32), 1, m.ld("stores", 0), m.ld("stores", 1))
        with m.if_(value.ne(NOT_ANSWERED)):
            m.st("store_n", 0)
            m.st("exit_reason", 0)


@routine(native_only=True)
def run(m: StateBuilder):
    """Run `budget` instructions, or fewer: then `exit_reason` says why. The order of things is that of
    engine/reference.py."""
    resume = m.var(32, 0)
    limit = m.var(64, 0)
    held = m.var(64, 0)
    block = m.var(64, 0)
    completed = m.var(32, 0)
    trap, stepped, watching, at_mark = m.var(32, 0), m.var(32, 0), m.var(1, 0), m.var(1, 0)
    m.st("single", 0)
    m.st("hit_n", 0)
    with m.loop():
        completed.set(0)
        icount = m.ld("icount_end") - m.ld("budget")
        with m.if_(icount.ne(m.ld("icount"))):
            m.st("icount", icount)
            completed.set(1)
            m.st("seq", 0)
            m.st("latch_n", 0)
            repeated = watching.get() & m.ld("again").ne(0)  # a breakpoint at a REP is for all of its iterations
            with m.if_(resume.get().ne(0) & ~repeated & m.ld("rf_loaded").eq(0)):
                m.st("eflags", m.ld("eflags") & ~S.RF)
            with m.if_(stepped.get().ne(0) & m.ld("fault_pending").eq(0)):
                call(m, "debug_traps", trap.get())
        resume.set(0)
        stepped.set(0)
        m.st("latch_i", 0)
        with m.if_((m.ld("debug") & S.DEBUG_DATA).eq(0)):
            answer_devices(m, completed.get())
        reason = m.ld("exit_reason")
        with m.if_(reason.eq(S.EXIT_SINGLE)):
            m.st("exit_reason", 0)
            m.st("store_n", 0)
            m.st("hit_n", 0)
            m.st("single", 1)
        with m.else_():
            m.st("single", 0)
            with m.if_(reason.ne(0)):
                m.ret()
            with m.if_(m.ld("store_n").ne(0)):
                with m.if_(m.ld("fault_pending").eq(0) | completed.get().ne(0)):
                    m.st("exit_reason", S.EXIT_MMIO_WRITE)
                    m.ret()
                m.st("store_n", 0)
        mode = m.ld("mode")
        user = (mode & S.MODE_USER).ne(0)
        m.st("tbl_sup", pointer(m, "htab_sup"))
        aligned = user & m.ld("cr0").bit(18) & (m.ld("eflags") & S.AC).ne(0)
        m.st("aligned", aligned.zext(32))
        table = aligned.select(pointer(m, "htab_none"), pointer(m, "htab_user"))  # every access is checked
        m.st("tbl", user.select(table, pointer(m, "htab_sup")))
        with m.if_(m.ld("hit_n").ne(0)):
            with m.if_(m.ld("fault_pending").eq(0) | completed.get().ne(0)):
                m.st("exit_reason", S.EXIT_WATCH)
                m.ret()
            m.st("hit_n", 0)  # the instruction did not happen after all
        with m.if_(m.ld("rearm").eq(S.REARM_NOW)):
            m.st("exit_reason", S.EXIT_REARM)
            m.ret()
        with m.if_(m.ld("deliveries").eq(0)):
            m.st("exit_reason", S.EXIT_DELIVERIES)
            m.ret()
        with m.if_(m.ld("fault_pending").ne(0)):
            m.st("deliveries", m.ld("deliveries") - 1)
            m.st("link_slot", 0)  # a jump that a trap follows does not lead to the handler
            with m.if_(catch(m, "deliver").ne(0)):
                with m.if_(m.ld("exit_reason").eq(0)):
                    with m.if_(call(m, "escalate").ne(0)):
                        m.st("exit_reason", S.EXIT_TRIPLE)
                        m.ret()
                with m.else_():
                    m.st("deliveries", m.ld("deliveries") + 1)  # it has not happened
            m.continue_()
        budget = m.ld("budget")
        with m.if_(budget.eq(0)):
            m.ret()
        eip = m.ld("eip")
        lin = m.seg("cs", "base") + eip
        at_offset = marked(m, lin)  # links lead there from every page that shows this code, so there are none
        at_mark.set(0)
        with m.if_(at_offset.ne(0)):
            page_marks = m.item("debug_map", (lin >> 12).zext(64), 8)
            at_mark.set((page_marks & (S.MARK_EXEC | S.MARK_GUEST_EXEC)).ne(0))
        flags = m.ld("eflags")
        wanted = m.ld("intr_pending")
        nmi = (wanted & S.PENDING_NMI).ne(0) & m.ld("nmi_blocked").eq(0)
        asked = nmi | ((wanted & S.PENDING_INTR).ne(0) & (flags & S.IF).ne(0))
        begun = m.ld("single") | m.ld("latch_n")  # an instruction that was stopped half-way comes first
        with m.if_(asked & m.ld("inhibit_icount").ne(icount) & begun.eq(0)):
            m.st("exit_reason", S.EXIT_INTR_WINDOW)
            m.ret()
        with m.if_(at_mark.get() & ((m.ld("debug") & S.DEBUG_EXEC).ne(0)) & m.ld("latch_n").eq(0)):
            told = m.ld("skip_icount").eq(m.ld("icount")) & m.ld("skip_seq").eq(m.ld("seq"))
            here = m.item("debug_map", (lin >> 12).zext(64), 8).trunc(1)
            with m.if_(here & ~told):
                m.st("exit_reason", S.EXIT_BREAK)
                m.ret()
        resume.set(flags & S.RF)
        watching.set((m.ld("dr", 7) & ENABLES).ne(0))
        with m.if_(at_mark.get() & watching.get() & resume.get().eq(0) & ~behind_mov_ss(m)):
            met = call(m, "instruction_breakpoint", lin).trunc(32)
            with m.if_(met.ne(0)):
                call(m, "debug_trap", met)
                m.continue_()
        limit.set(budget)
        trap.set(flags & S.TF)
        stepped.set(trap.get() | m.ld("dr6_pending") | m.ld("single"))
        alone = stepped.get() | resume.get() | m.ld("latch_n") | at_mark.get().zext(32)
        with m.if_(asked | alone.ne(0)):
            limit.set(1)  # also at a breakpoint: a REP comes back to it
        m.st("dr_hits", 0)
        m.st("again", 0)
        m.st("rf_loaded", 0)
        # the next block
        key = ((m.ld("generation") << 3) | mode).zext(64) << 32
        m.st("jump_key", key)
        slot = pointer(m, "jump_cache") + (jump_index(lin) << 4)
        wanted = key | lin.zext(64)
        block.set(host(m, slot + 8, 64))
        known = m.var(1, 0)
        with m.if_(host(m, slot, 64).eq(wanted)):
            known.set(host(m, block.get() + L.B_MODE, 32).eq(mode))
        link = m.ld("link_slot")
        m.st("link_slot", 0)
        with m.if_(m.seg("cs", "limit").ult(eip)):
            m.st("fault_vector", S.GP)
            m.st("fault_error", 0)
            m.st("fault_pending", 1)
            m.st("fault_soft", 0)
            m.st("fault_nest", 0)
            m.continue_()
        with m.if_(known.get().eq(0)):
            with m.if_(catch(m, "find_block", lin, mode).ne(0)):
                reason = m.ld("exit_reason")
                with m.if_(reason.eq(0)):
                    m.st("fault_soft", 0)
                    m.st("fault_nest", 0)
                    m.continue_()
                with m.if_(reason.eq(S.EXIT_SINGLE)):
                    m.continue_()
                m.ret()
            block.set(m.ld("work", 4))
            with m.if_(host(m, block.get() + L.B_CROSS, 16).eq(0) & ~at_mark.get()):
                set_host(m, slot, 64, wanted)
                set_host(m, slot + 8, 64, block.get())
        found = block.get()
        with m.if_((mode & S.MODE_FLAT).eq(0)):
            # every byte that may be fetched must lie within CS; where the block goes beyond, one instruction at a time
            end = m.seg("cs", "limit").zext(64) + 1
            with m.if_(end.ult(eip.zext(64) + host(m, found + L.B_BYTES, 16).zext(64))):
                first = host(m, found + L.HEADER + L.UOP["len"][0], 8).zext(64)
                with m.if_(end.ult(eip.zext(64) + first)):
                    m.st("exit_reason", S.EXIT_REFERENCE)
                    m.ret()
                limit.set(1)
        same_page = ((eip ^ m.ld("link_from")) >> 12).eq(0)
        # elsewhere pages do not begin where EIP is a multiple of 4096, and a link would pass by the check of the limit
        flat = (mode & S.MODE_FLAT).ne(0)
        with m.if_(link.ne(0) & same_page & flat & at_offset.eq(0) & host(m, found + L.B_CROSS, 16).eq(0)):
            set_host(m, link, 64, found)
        n = host(m, found, 32).zext(64)
        # what lies beyond the limit is out of reach of links, jumps and REP: the run seems to end there
        held.set(budget - limit.get())
        m.st("icount_end", m.ld("icount_end") - held.get())
        with m.if_(n.ugt(limit.get())):
            k = limit.get()
            at = call(m, "cut", found, k.trunc(32))
            m.emit("enter", (at, eip, m.const(0, 64)), 0)
        with m.else_():
            m.emit("enter", (found + L.HEADER, eip, limit.get() - n), 0)
        m.st("budget", m.ld("budget") + held.get())
        m.st("icount_end", m.ld("icount_end") + held.get())
