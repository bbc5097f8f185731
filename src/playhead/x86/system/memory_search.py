"""A search of memory for a byte string while the guest runs: each store is compared before it happens.

A debugger puts the string into the region `search` (machine/debug.py); `search_n` is its length, 0 if nothing is
searched for. Places are offsets in the backing area, below `search_end`. A store that makes the string stand where it
did not stand before is noted in `seen`, with what was there, and counts as a watched access: the run ends behind the
instruction. Behind the string the region has a byte for each value of a byte, not 0 if the string has it.
"""

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine


def searching(m: StateBuilder) -> Value:
    return m.ld("search_n").ne(0)


def in_string(m: StateBuilder, byte: Value) -> Value:
    """Whether the string has this byte (1 bit)."""
    return m.item("search", byte.zext(64) + S.LONGEST_SEARCH, 8).ne(0)


def may_stand_around(m: StateBuilder, at: Value, size: Value) -> Value:
    """Whether a string that a store of anything completes is possible, by the bytes beside it (1 bit)."""
    before = at.eq(0).select(0, at - 1, 64)
    beside = in_string(m, m.item("ram", before, 8)) | in_string(m, m.item("ram", at + size.zext(64), 8))
    return m.ld("search_n").ule(size) | beside


@routine(64, 32, 64, 32, faults=False)
def would_stand(m: StateBuilder, at, size, value, known):
    """Whether the string would stand at a place that a store changes, and does not stand there now. `known`: 0 if the
    value is not known yet, then it may be any."""
    n, end = m.ld("search_n").zext(64), m.ld("search_end")
    wide = size.zext(64)
    start = m.var(64, at.ult(n).select(0, at + 1 - n, 64))
    k, changes, equal = m.var(64, 0), m.var(1, 0), m.var(1, 0)
    with m.loop():
        first = start.get()
        with m.if_(first.uge(at + wide) | (first + n).ugt(end)):
            m.break_()
        k.set(0)
        changes.set(0)
        equal.set(1)
        with m.loop():
            with m.if_(k.get().eq(n)):
                m.break_()
            place = first + k.get()
            old, wanted = m.item("ram", place, 8), m.item("search", k.get(), 8)
            inside = (place - at).ult(wide)
            new = known.eq(0).select(wanted, (value >> (((place - at) & 7) << 3)).trunc(8))
            with m.if_(inside & new.ne(old)):
                changes.set(1)
            with m.if_(inside.select(new, old).ne(wanted)):
                equal.set(0)
                m.break_()
            k.set(k.get() + 1)
        with m.if_(equal.get() & (changes.get() | known.eq(0))):
            m.ret(1)
        start.set(first + 1)
    m.ret(0)


@routine(64, 32, faults=False)
def bytes_at(m: StateBuilder, at, size):
    """Up to eight bytes of the area as a number."""
    i, v = m.var(64, 0), m.var(64, 0)
    with m.loop():
        n = i.get()
        v.set(v.get() | (m.item("ram", at + n, 8).zext(64) << (n << 3)))
        i.set(n + 1)
        with m.if_((n + 1).eq(size.zext(64))):
            m.break_()
    m.ret(v.get())


@routine(64, 32, 64)
def searched(m: StateBuilder, at, size, value):
    """A store of up to eight bytes is about to happen. May refuse until the instruction runs alone."""
    with m.if_((at + size.zext(64)).ugt(m.ld("search_end"))):
        m.ret()
    last = (value >> ((size - 1) << 3).zext(64)).trunc(8)
    possible = in_string(m, value.trunc(8)) | in_string(m, last) | (m.ld("search_n") + 1).ult(size)
    with m.if_(~possible):
        m.ret()
    with m.if_(call(m, "would_stand", at, size, value, 1).eq(0)):
        m.ret()
    call(m, "run_alone")
    hits = m.ld("hit_n")
    with m.if_(hits.eq(0)):
        m.st("seen_n", 0)
    with m.if_(hits.ult(S.MOST_HITS)):
        m.st_at("hits", hits, at | (size.zext(64) << 32) | (S.HIT_FOUND << 40))
        m.st("hit_n", hits + 1)
    seen = m.ld("seen_n")
    with m.if_(seen.ult(S.MOST_SEEN)):
        m.st_at("seen", seen << 1, at | (size.zext(64) << 48))
        m.st_at("seen", (seen << 1) + 1, call(m, "bytes_at", at, size))
        m.st("seen_n", seen + 1)
    m.ret()
