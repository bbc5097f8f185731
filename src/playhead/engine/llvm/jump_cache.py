"""The jump cache: from a linear address and a mode to the block there, for jumps that have no link.

An entry exists only while the translation of its page is live, so a hit needs no look at the TLB. It is 16 bytes: a key
and a block. A key is made of the address, the mode and a generation; `jump_key` holds the latter two for the code that
runs. There is a generation for user code and one for system code. A flush advances both; a load of CR3, which leaves
global translations alone, that of system code only if there may be an entry for a page that is not global.
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.host_words import pointer
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system import paging
from playhead.x86.table import routine

PLACES = 1 << L.JUMP_BITS
GENERATION_BITS = 28
_HIGH = 12 - L.PAGE_JUMP_BITS


def place(lin):
    """The number of the entry for a linear address (64 bits); the addresses of a page are neighbours."""
    return (((lin >> _HIGH) ^ (lin & (L.PAGE_JUMPS - 1))) & (PLACES - 1)).zext(64)


def look(eip: str, key: str, cache: str, names: list[str], load: str = "align 8") -> list[str]:
    """LLVM text that looks an address up, as `place` says: it gives `names` to what it makes, of which the last three
    are the entry, its key, and whether that is the right one (i1). `load`: what is said of the load from the cache."""
    wide, want, high, low, mixed, n, index, slot, have, hit = names
    return [
        f"{wide} = zext i32 {eip} to i64",
        f"{want} = or i64 {key}, {wide}",
        f"{high} = lshr i32 {eip}, {_HIGH}",
        f"{low} = and i32 {eip}, {L.PAGE_JUMPS - 1}",
        f"{mixed} = xor i32 {high}, {low}",
        f"{n} = and i32 {mixed}, {PLACES - 1}",
        f"{index} = zext i32 {n} to i64",
        f"{slot} = getelementptr [16 x i8], ptr {cache}, i64 {index}",
        f"{have} = load i64, ptr {slot}, {load}",
        f"{hit} = icmp eq i64 {have}, {want}",
    ]


def key(m: StateBuilder, mode):
    """Generation and mode, where a key has them (64 bits)."""
    generation = (mode & S.MODE_USER).ne(0).select(m.ld("generation"), m.ld("system_generation"))
    return ((generation << 3) | mode).zext(64) << 32


def entry(m: StateBuilder, lin):
    """The host address of the entry for a linear address."""
    return pointer(m, "jump_cache") + (place(lin) << 4)


def is_global(m: StateBuilder, lin):
    """Whether the live translation of an address outlives a load of CR3 (1 bit)."""
    small = m.item("tlb", (lin >> 12).zext(64), 32)
    large = m.item("tlb_large", paging.large_index(m, lin)[0], 32)
    used = (small & paging.V).ne(0).select(small, large)
    return (used & (paging.V | paging.G)).eq(paging.V | paging.G)


def note_entry(m: StateBuilder, lin, mode) -> None:
    """An entry is made."""
    with m.if_((mode & S.MODE_USER).eq(0) & ~is_global(m, lin)):
        m.st("local_jumps", 1)


def _advance(m: StateBuilder, name: str) -> None:
    """Void the entries of a generation. When the numbers run out, old keys must go."""
    g = (m.ld(name) + 1) & ((1 << GENERATION_BITS) - 1)
    m.st(name, g)
    with m.if_(g.eq(0)):
        m.st(name, 1)
        n = m.var(64, 0)
        with m.loop():
            m.set_item("jump_cache", n.get(), 64, 0)
            n.set(n.get() + 1)
            with m.if_(n.get().eq(2 * PLACES)):
                m.break_()


@routine(native_only=True, faults=False)
def void_jumps(m: StateBuilder):
    """No translation is live."""
    _advance(m, "generation")
    _advance(m, "system_generation")
    m.st("local_jumps", 0)
    m.ret()


@routine(native_only=True, faults=False)
def void_local_jumps(m: StateBuilder):
    """Only global translations are live."""
    _advance(m, "generation")
    with m.if_(m.ld("local_jumps").ne(0)):
        _advance(m, "system_generation")
        m.st("local_jumps", 0)
    m.ret()


def void_page(m: StateBuilder, lin) -> None:
    """The translation of one page is not live any more."""
    first = (place(lin) & ~(L.PAGE_JUMPS - 1)) << 1  # two words each
    n = m.var(64, 0)
    with m.loop():
        m.set_item("jump_cache", first + n.get(), 64, 0)
        n.set(n.get() + 2)
        with m.if_(n.get().eq(2 * L.PAGE_JUMPS)):
            m.break_()
