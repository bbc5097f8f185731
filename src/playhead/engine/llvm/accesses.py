"""Slow paths of memory accesses.

Where an access leaves the fast path of the host table (a derived table: one entry per linear page, host offset and
rights), `slow` decides: translate, fill the table, split over two pages, ask for a device register, or stop before the
instruction so that it runs alone (`single`): an instruction that writes device registers or decoded code must be the
last one of a run.
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.host_words import host, pointer, set_host
from playhead.engine.llvm.jump_cache import is_global
from playhead.engine.llvm.page_counts import count_granted, count_part, counting
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system import paging
from playhead.x86.system.memory_search import may_stand_around, searching
from playhead.x86.system.interrupts import ENABLES
from playhead.x86.table import call, routine


@routine(32, 32, native_only=True)
def register_read(m: StateBuilder, pa, size):
    """The value of a device register: from the latch; if it has none, the run ends before this instruction. Latches
    hold all that an instruction reads or nothing of it: after a read that was like memory it is begun anew, alone."""
    i = m.ld("latch_i")
    with m.if_(i.uge(m.ld("latch_n"))):
        with m.if_(m.ld("like_read").ne(0)):
            m.st("like_read", 0)
            with m.if_((m.ld("latch_n") | m.ld("single")).eq(0)):
                m.undone(S.EXIT_SINGLE)
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
        paging.note_written(m, page)
        at = (entry & ~0xFFF) | (pa & 0xFFF).zext(64)
        with m.if_(searching(m)):
            call(m, "searched", at, size, value)
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
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    shared = (entry & paging.SHARED_FLAG).ne(0)
    in_area = (entry.trunc(32) & 0xFFFFF000) | (pa & 0xFFF)
    with m.loop():
        n = i.get()
        with m.if_(n.uge(m.ld("watch_n"))):
            m.break_()
        at = (n << 2).zext(64)
        first, last, wanted = (m.item("watch_list", at + k, 32) for k in range(3))
        physical = (wanted & S.WATCH_PHYSICAL).ne(0)
        by_area = (wanted & S.WATCH_AREA).ne(0)
        start = by_area.select(in_area, physical.select(pa, lin))
        applies = (kinds & physical.select(S.HIT_BEYOND, S.HIT_WALK, 32)).eq(0) & (~by_area | shared)
        concerns = (wanted & (kinds | (kinds >> 8))).ne(0)
        with m.if_(concerns & applies & start.ule(last) & (start + size - 1).uge(first)):
            with m.if_(m.ld("single").eq(0)):
                m.undone(S.EXIT_SINGLE)
            hits = m.ld("hit_n")
            with m.if_(hits.ult(S.MOST_HITS) & (wanted & kinds).ne(0)):
                how = (kinds & 7) | (wanted & (S.WATCH_PHYSICAL | S.WATCH_AREA))
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
        with m.if_(searching(m)):
            call(m, "run_alone")  # the second part may complete what is searched for
    with m.if_((kind & paging.WRITE).ne(0)):
        count_part(m, a, kind)
        count_part(m, b, kind)
        call(m, "part_store", a, first, value & ((m.const(1, 64) << shift) - 1))
        call(m, "part_store", b, size - first, value >> shift)
    with m.else_():
        low = call(m, "part_load", a, first)
        high = call(m, "part_load", b, size - first)
        count_part(m, a, kind)
        count_part(m, b, kind)
        set_host(m, scratch, 64, low | (high << shift))
    m.ret(scratch)


@routine(32, 32, native_only=True, faults=False)
def host_unshow(m: StateBuilder, first, count):
    """Drop what leads to `count` pages of the area from the host tables: a window does not show them any more. Decoded
    code is not in such pages. The list loses what has gone, so that it does not grow with each switch of a bank."""
    zero = m.const(0, 64)
    n, i, kept = m.item("htab_list", zero, 32), m.var(32, 0), m.var(32, 0)
    in_front, lasting = m.ld("htab_kept"), m.var(32, 0)
    low, length = pointer(m, "ram") + (first.zext(64) << 12), count.zext(64) << 12
    with m.loop():
        with m.if_(i.get().uge(n)):
            m.break_()
        i.set(i.get() + 1)
        item = m.item("htab_list", i.get().zext(64), 32)
        lin_page = (item & 0xFFFFF).zext(64)
        slot = item.bit(31).select(pointer(m, "htab_user"), pointer(m, "htab_sup")) + (lin_page << 3)
        e = host(m, slot, 64)
        with m.if_(e.eq(0)):
            m.continue_()
        with m.if_(((e & ~0xFFF) + (lin_page << 12) - low).ult(length)):
            set_host(m, slot, 64, 0)
            m.continue_()
        kept.set(kept.get() + 1)
        m.set_item("htab_list", kept.get().zext(64), 32, item)
        with m.if_(i.get().ule(in_front)):
            lasting.set(kept.get())
    m.set_item("htab_list", zero, 32, kept.get())
    m.st("htab_kept", lasting.get())
    m.ret()


@routine(32, 32, native_only=True, faults=False)
def enlist_page(m: StateBuilder, item, keep):
    """Put a page into the list of host table entries, at its end, or behind those that a load of CR3 leaves alone; what
    was there goes to the end. A list that is full begins anew."""
    zero = m.const(0, 64)
    full = m.item("htab_list", zero, 32).uge((L.SIZES["htab_list"] >> 2) - 2)
    with m.if_(full | m.ld("htab_kept").uge(L.MOST_KEPT)):
        call(m, "empty_tables")
    n = m.item("htab_list", zero, 32) + 1
    m.set_item("htab_list", zero, 32, n)
    with m.if_(keep.ne(0)):
        kept = m.ld("htab_kept") + 1
        m.st("htab_kept", kept)
        m.set_item("htab_list", n.zext(64), 32, m.item("htab_list", kept.zext(64), 32))
        m.set_item("htab_list", kept.zext(64), 32, item)
    with m.else_():
        m.set_item("htab_list", n.zext(64), 32, item)
    m.ret()


@routine(32, 32, 32, 64, native_only=True, faults=False)
def fill(m: StateBuilder, lin, kind, rights, address):
    """Put a page into the host table of the privilege that accessed it. `address` is the host address of the byte at
    lin."""
    user = m.ld("cpl").eq(3) & (kind & paging.SUPERVISOR).eq(0)
    slot = of_privilege(m, kind) + ((lin >> 12) << 3).zext(64)
    keep = is_global(m, lin)
    known = host(m, slot, 64)
    with m.if_(known.eq(0) | ((known & L.KEPT).ne(0) & ~keep)):
        call(m, "enlist_page", (lin >> 12) | (user.zext(32) << 31), keep.zext(32))
    kept = keep.select(L.KEPT, 0, 64)
    set_host(m, slot, 64, ((address - lin.zext(64)) & ~0xFFF) | kept | rights.zext(64))
    m.ret()


@routine(64, 32, 64, native_only=True)
def search_access(m: StateBuilder, at, kind, value):
    """An access to one page of RAM, at an offset of the area, while memory is searched. At the write of a
    read-modify-write it is too late to refuse: if there is any value with which that could find something, it runs
    alone."""
    size = kind & 0xFF
    with m.if_((kind & paging.WRITE).ne(0)):
        call(m, "searched", at, size, value)
    with m.else_(), m.if_((kind & paging.RMW).ne(0) & m.ld("single").eq(0)):
        with m.if_((at + size.zext(64)).ule(m.ld("search_end")) & may_stand_around(m, at, size)):
            with m.if_(call(m, "would_stand", at, size, 0, 0).ne(0)):
                call(m, "run_alone")
    m.ret()


@routine(32, 32, 64, native_only=True)
def slow(m: StateBuilder, lin, kind, value):
    """An access that is not in the host table; returns the host address to use. For kinds see x86/system/paging.py."""
    m.count("slow")
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
        address = (known & ~0xFFF) + lin.zext(64)
        with m.if_(searching(m)):
            call(m, "search_access", address - pointer(m, "ram"), kind, value)
        count_granted(m, address, kind)
        m.ret(address)
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
    may_read = ((guarded & S.HIT_READ).ne(0) | counting(m)).select(L.READ_GUARDED, L.READ_OK, 32)
    may_write = (guarded.ne(0) | searching(m) | counting(m)).select(L.WRITE_GUARDED, L.WRITE_OK, 32)
    with m.if_(t.bit(paging.BEYOND)):
        set_host(m, scratch, 64, (1 << 64) - 1)
        m.ret(scratch)
    with m.if_((kind & (paging.WRITE | paging.RMW)).ne(0)):
        with m.if_((entry & paging.WRITE_FLAG).ne(0)):
            with m.if_((entry & paging.CODE_FLAG).ne(0)):
                call(m, "before_code_write", pa, size)
            with m.if_(searching(m)):
                call(m, "search_access", (entry & ~0xFFF) | (pa & 0xFFF).zext(64), kind, value)
            count_granted(m, address, kind)
            with m.if_((kind & paging.RMW).ne(0) & (entry & paging.DIRTY_FLAG).eq(0)):
                m.ret(address)  # whether it will be written is not said yet
            paging.note_written(m, page)
            marked = m.item("page_map", page, 64)
            with m.if_((marked & paging.CODE_FLAG).eq(0) & watch.eq(0)):
                call(m, "fill", lin, kind, may_read | may_write, address)
            m.ret(address)
        with m.if_((kind & paging.RMW).eq(0)):
            with m.if_((entry & paging.READ_FLAG).eq(0)):
                like_memory = call(m, "memory_like", pa, size)
                with m.if_(like_memory.ne(0)):
                    call(m, "memory_access", like_memory, pa, size, 1, value)
                with m.else_():
                    call(m, "register_write", pa, size, value)
            m.ret(scratch)  # a ROM swallows it
    with m.if_((entry & paging.READ_FLAG).eq(0)):
        like_memory = call(m, "memory_like", pa, size)
        with m.if_(like_memory.ne(0)):
            m.st("like_read", 1)
            set_host(m, scratch, 64, call(m, "memory_access", like_memory, pa, size, 0, 0))
            m.ret(scratch)
        with m.if_((kind & paging.RMW).ne(0) & m.ld("single").eq(0)):
            m.undone(S.EXIT_SINGLE)  # the write to come needs to be alone
        set_host(m, scratch, 64, call(m, "register_read", pa, size))
        m.ret(scratch)
    count_granted(m, address, kind)
    with m.if_((watch & S.HIT_READ).ne(0)):
        m.ret(address)
    wanted = paging.WRITE_FLAG | paging.DIRTY_FLAG
    writable = (entry & (wanted | paging.CODE_FLAG)).eq(wanted) & (t >> 32).bit(0) & watch.eq(0)
    call(m, "fill", lin, kind, may_read | writable.select(may_write, 0), address)
    m.ret(address)
