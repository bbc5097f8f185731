"""The block cache: instructions decoded to uops, found by physical address and mode, voided by stores."""

from playhead.engine.llvm import copies
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.accesses import page_entry
from playhead.engine.llvm.host_words import catch, host, pointer, set_host
from playhead.engine.llvm.page_counts import counting
from playhead.engine.llvm.probe_code import is_probe, probing
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.decode import DEC, MAX_LENGTH
from playhead.x86.system import paging
from playhead.x86.system.memory_search import searching
from playhead.x86.table import call, routine


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


@routine(64, 32, native_only=True, faults=False)
def write_repeated(m: StateBuilder, at, off):
    """As `write_uop`, of a REP whose iterations are counted: between two probes. Returns where the next uop goes."""
    to = call(m, "write_probe", at, off, L.REP_BEGIN_WORK)
    call(m, "write_uop", to, off)
    field = to + L.UOP["flags"][0]
    set_host(m, field, 8, host(m, field, 8) | L.REPEATS)
    m.ret(call(m, "write_probe", to + L.UOP_SIZE, off, L.REP_END_WORK))


@routine(64, 64, 32, 32, native_only=True, faults=False)
def finish_block(m: StateBuilder, block, end, count, ended):
    """Close a block: the `end` uop if it needs one, the counts that are left at each uop, what to call to enter it.
    Returns the first free address."""
    at = m.var(64, end)
    with m.if_(ended.eq(0)):
        set_host(m, end, 64, m.ld("work", 1))
        for place in range(8, L.UOP["off"][0], 2):  # every field, so that equal blocks are equal bytes
            set_host(m, end + place, 16, L.LINKED if place == L.UOP["flags"][0] else 0)
        set_host(m, end + L.UOP_SIZE, 64, m.ld("work", 2))
        at.set(end + 2 * L.UOP_SIZE)
    set_host(m, block + L.B_MEMBER, 16, 0)
    p, left, uops = m.var(64, block + L.HEADER), m.var(32, count), m.var(32, ended.eq(0).zext(32))
    with m.loop():
        with m.if_(p.get().eq(end)):
            m.break_()
        set_host(m, p.get() + L.UOP["rem"][0], 16, left.get().trunc(16))
        left.set(left.get() - is_probe(m, p.get()).select(0, 1, 32))
        linked = (host(m, p.get() + L.UOP["flags"][0], 8) & L.LINKED).ne(0)
        p.set(p.get() + linked.select(2 * L.UOP_SIZE, L.UOP_SIZE, 64))
        uops.set(uops.get() + 1)
    set_host(m, block + L.B_UOPS, 16, uops.get().trunc(16))
    set_host(m, block + L.B_N, 32, count)
    first = (searching(m) | counting(m)).select(0, m.ld("heat_first"))  # compiled code would leave at each store
    set_host(m, block + L.B_COUNT, 32, first)
    set_host(m, block + L.B_HEAT, 32, first)
    handler = host(m, block + L.HEADER, 64)
    set_host(m, block + L.B_ENTRY, 64, first.eq(0).select(handler, m.ld("work", L.COUNT_WORK)))
    m.ret(at.get())


@routine(64, 32, native_only=True, faults=False)
def enlist(m: StateBuilder, block, page):
    """Let a store to a physical page find this block."""
    node = m.ld("arena_top")
    set_host(m, node, 64, block)
    set_host(m, node + 8, 64, m.item("page_blocks", page.zext(64), 64))
    m.set_item("page_blocks", page.zext(64), 64, node)
    m.st("arena_top", node + L.NODE)
    m.ret()


def bucket(m, pa):
    return ((pa * L.HASH_FACTOR) >> (32 - L.HASH_BITS)).zext(64)


def marked(m, address):
    """Whether a breakpoint, a debugger's or the guest's, has this offset in a page (8 bits); blocks are shared by the
    addresses that show a page."""
    return m.item("debug_offsets", (address & 0xFFF).zext(64), 8)


def stops_at_marks(m, pa):
    """Whether blocks of a physical page end in front of marked offsets (8 bits): so it is from when code of it was
    first looked up by a linear page with a breakpoint (`see_marks`)."""
    return m.item("stops", (pa >> 12).zext(64), 8)


@routine(32, 32, native_only=True, faults=False)
def see_marks(m: StateBuilder, lin, pa):
    """Code is looked up by a linear page. If that has breakpoints, no block of the physical page may go on over one,
    nor a link lead to one."""
    here = m.item("debug_map", (lin >> 12).zext(64), 8) & (S.MARK_EXEC | S.MARK_GUEST_EXEC)
    with m.if_(here.ne(0) & stops_at_marks(m, pa).eq(0)):
        m.set_item("stops", (pa >> 12).zext(64), 8, 1)
        call(m, "code_written", pa >> 12)
    m.ret()


def keeps_code(entry):
    """Whether decoded code of a page may be kept (1 bit): not of video memory, which changes through other pages, and
    by native code of a device, without a look at who has decoded it."""
    return (entry & (paging.READ_FLAG | paging.SHARED_FLAG)).eq(paging.READ_FLAG)


@routine(32, 32, 32, native_only=True)
def decode_block(m: StateBuilder, lin, pa, mode):
    """Decode the instructions at a physical address up to a branch or the end of the page; returns the block. Raises
    what the first instruction raises (#PF on its second page, #GP if it is too long)."""
    block = ((m.ld("arena_top") + (L.HEADER + L.UOP_SIZE - 1)) & -L.UOP_SIZE) - L.HEADER  # no uop lies on two lines
    with m.if_(block.ugt(pointer(m, "arena") + (L.ARENA - (L.MAX_INSNS + 4) * 4 * L.UOP_SIZE))):
        m.undone(S.EXIT_ARENA)
    probes = m.ld("probes")
    with m.if_(m.ld("probed").ugt(L.MOST_RECORDS - L.MAX_INSNS)):
        m.undone(S.EXIT_ARENA)
    run = m.var(32, L.MOST_PIECE)  # instructions of the last piece: the next one begins a new one
    entry = m.item("page_map", (pa >> 12).zext(64), 64)
    with m.if_(~keeps_code(entry)):
        m.undone(S.EXIT_REFERENCE)
    area = (entry & ~0xFFF) | (pa & 0xFFF).zext(64)
    avail = 0x1000 - (pa & 0xFFF)
    stops = stops_at_marks(m, pa)
    off, count, ended, top = m.var(32, 0), m.var(32, 0), m.var(32, 0), m.var(64, block + L.HEADER)
    pa2, crossing = m.var(32, 0xFFFFFFFF), m.var(32, 0)
    with m.loop():
        left = avail - off.get()
        with m.if_(left.eq(0) | count.get().eq(L.MAX_INSNS)):
            m.break_()
        with m.if_(count.get().ne(0) & stops.ne(0) & marked(m, pa + off.get()).ne(0)):
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
            with m.if_(~keeps_code(entry2)):
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
        with m.if_(probes.ne(0)):
            with m.if_(run.get().eq(L.MOST_PIECE)):
                top.set(call(m, "begin_piece", top.get(), off.get(), lin, pa, mode))
            run.set(call(m, "add_to_piece").trunc(32))
        kind = host(m, pointer(m, "handlers") + (m.ld("dec", DEC.index("handler")) << 4).zext(64) + 8, 32)
        repeats = (kind & L.SPENDS).ne(0) & probing(m, S.PROBE_COUNT)
        with m.if_(repeats):
            top.set(call(m, "write_repeated", top.get(), off.get()))
        with m.else_():
            call(m, "write_uop", top.get(), off.get())
            top.set(top.get() + (kind & L.LINKS).ne(0).select(2 * L.UOP_SIZE, L.UOP_SIZE, 64))
        with m.if_((kind & L.LINKS).ne(0)):
            run.set(L.MOST_PIECE)
        off.set(off.get() + m.ld("dec", DEC.index("len")))
        count.set(count.get() + 1)
        with m.if_((kind & L.ENDS).ne(0)):
            ended.set((kind & L.FALLS).eq(0).zext(32))
            m.break_()
        with m.if_(crossing.get().ne(0)):
            m.break_()
    set_host(m, top.get() + L.UOP["off"][0], 16, off.get().trunc(16))  # of the `end` uop, if there will be one
    m.st("arena_top", call(m, "finish_block", block, top.get(), count.get(), ended.get()))
    m.st("blocks_decoded", m.ld("blocks_decoded") + 1)
    set_host(m, block + L.B_MODE, 32, mode)
    set_host(m, block + L.B_PA, 32, pa)
    set_host(m, block + L.B_LINEAR, 32, lin)
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
    m.count("searched")
    where = call(m, "translate", lin, paging.FETCH)
    with m.if_(where.bit(paging.BEYOND)):
        m.undone(S.EXIT_REFERENCE)
    pa = where.trunc(32)
    call(m, "see_marks", lin, pa)
    before = m.var(64, pointer(m, "block_hash") + (bucket(m, pa) << 3))
    p = m.var(64, host(m, before.get(), 64))
    with m.loop():
        with m.if_(p.get().eq(0)):
            m.break_()
        with m.if_(host(m, p.get() + L.B_N, 32).eq(L.DEAD)):  # out of the way of the next search
            p.set(host(m, p.get() + L.B_NEXT, 64))
            set_host(m, before.get(), 64, p.get())
            m.continue_()
        here = host(m, p.get() + L.B_LINEAR, 32).eq(lin) | m.ld("probes").eq(0)
        with m.if_(host(m, p.get() + L.B_PA, 32).eq(pa) & host(m, p.get() + L.B_MODE, 32).eq(mode) & here):
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
    m.st("work", block, L.CUT_WORK)
    source, target, left = m.var(64, block + L.HEADER), m.var(64, pointer(m, "arena")), m.var(32, count)
    with m.loop():
        s, t = source.get(), target.get()
        handler = host(m, s, 64)
        with m.if_(left.get().eq(0) & handler.ne(m.ld("work", L.REP_END_WORK))):
            begins = is_probe(m, s) & handler.ne(m.ld("work", L.REP_BEGIN_WORK))  # a piece
            inside = probing(m, S.PROBE_COUNT) & ~begins & handler.ne(m.ld("work", 1))
            set_host(m, t, 64, inside.select(m.ld("work", L.STOP_SHORT_WORK), m.ld("work", 3)))
            set_host(m, t + L.PROBE_AT, 64, s)
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
        left.set(left.get() - is_probe(m, s).select(0, 1, 32))
    m.ret(pointer(m, "arena"))
