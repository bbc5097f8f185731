"""Probes: uops that count or trace what is executed, while the rest of a block stays as it is.

In a mode of `S.PROBE_*` the decoder writes them in front of each *piece* of a block: instructions of which one is
executed after the other unless one of them cannot go on, that is up to a jump that may be taken. A probe has its own
64-bit counter in it (COUNT), or appends to the trace (TRACE). The region `probes` gets a record of each piece. What is
known of a piece that is left early: while counting, `cut_short` counts for each uop how often it was to be executed and
was not; in a trace the instruction count of the next entry tells.

A REP retires one instruction for each iteration. Around it are two probes that take the instruction count, with minus
in front of it and with plus behind it; where it is left between two iterations, `repeated` or `cut_short` adds what is
missing. So the sum is how many instructions it has retired, however often it was begun.

A block is then also kept apart by its linear address, so that a count belongs to one. All of this is derived state.
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.host_words import host, pointer, set_host
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.decode import DEC
from playhead.x86.table import call, routine

_FLAGS, _REM, _OFF = L.UOP["flags"][0], L.UOP["rem"][0], L.UOP["off"][0]


def is_probe(m: StateBuilder, uop):
    """Whether the uop at a host address is a probe (1 bit)."""
    return (host(m, uop + _FLAGS, 8) & L.PROBE).ne(0)


def probing(m: StateBuilder, kind: int):
    """Whether code is decoded with such probes (1 bit)."""
    return (m.ld("probes") & kind).ne(0)


@routine(64, 32, 32, native_only=True, faults=False)
def write_probe(m: StateBuilder, at, off, number):
    """Write a probe; `number`: of its handler in `work`. It holds the address of its own counter, so that a copy of it
    (`cut`) counts there."""
    set_host(m, at, 64, m.ld_at("work", number))
    set_host(m, at + L.PROBE_AT, 64, at + L.PROBE_COUNTER)
    set_host(m, at + L.PROBE_COUNTER, 64, 0)
    set_host(m, at + L.PROBE_COUNTER + 8, 64, L.PROBE << 8 * (_FLAGS - L.PROBE_COUNTER - 8))
    set_host(m, at + _OFF, 16, off.trunc(16))
    m.ret(at + L.UOP_SIZE)


def record(m: StateBuilder):
    """The address of the record of the piece that is being decoded."""
    return pointer(m, "probes") + ((m.ld("probed") - 1) << L.RECORD_BITS).zext(64)


@routine(64, 32, 32, 32, 32, native_only=True, faults=False)
def begin_piece(m: StateBuilder, at, off, lin, pa, mode):
    """Begin a record, and write the probes of its piece; returns where the next uop goes. `lin`, `pa`: of the block."""
    m.st("probed", m.ld("probed") + 1)
    r = record(m)
    set_host(m, r + L.R_UOP, 64, at)
    set_host(m, r + L.R_LINEAR, 64, (lin + off).zext(64))
    set_host(m, r + L.R_PHYSICAL, 64, (pa + off).zext(64))
    set_host(m, r + L.R_MODE, 32, mode)
    set_host(m, r + L.R_COUNT, 32, 0)  # and what follows it
    for n in range(0, L.MOST_PIECE, 8):
        set_host(m, r + L.R_LENGTHS + n, 64, 0)
    to = m.var(64, at)
    with m.if_(probing(m, S.PROBE_COUNT)):
        to.set(call(m, "write_probe", to.get(), off, L.PROBE_WORK))
    with m.if_(probing(m, S.PROBE_TRACE)):
        to.set(call(m, "write_probe", to.get(), off, L.TRACE_WORK))
    m.ret(to.get())


@routine(native_only=True, faults=False)
def add_to_piece(m: StateBuilder):
    """The instruction in `dec` is the next one of the piece; returns how many this has now."""
    r = record(m)
    count = host(m, r + L.R_COUNT, 8)
    length = m.ld("dec", DEC.index("len"))
    set_host(m, r + L.R_LENGTHS + count.zext(64), 8, length.trunc(8))
    set_host(m, r + L.R_COUNT, 8, count + 1)
    set_host(m, r + L.R_SIZE, 16, host(m, r + L.R_SIZE, 16) + length.trunc(16))
    set_host(m, r + L.R_FORM, 16, m.ld("dec", DEC.index("form")).trunc(16))
    m.ret(count.zext(64) + 1)


@routine(64, 64, native_only=True, faults=False)
def note_cut_short(m: StateBuilder, uop, icount):
    """A piece is left in front of an instruction. `icount`: instructions that have retired."""
    original = m.var(64, uop)
    arena = pointer(m, "arena")
    with m.if_(uop.ult(arena + L.SCRATCH)):
        original.set(m.ld("work", L.CUT_WORK) + L.HEADER + (uop - arena))
    n = (original.get() - arena) >> L.UOP_BITS
    m.set_item("cut_short", n, 64, m.item("cut_short", n, 64) + 1)
    call(m, "note_repeated", uop, icount)


@routine(64, 64, native_only=True, faults=False)
def note_repeated(m: StateBuilder, uop, icount):
    """An instruction is left; if it is a REP, what it has retired up to here counts."""
    with m.if_((host(m, uop + _FLAGS, 8) & L.REPEATS).ne(0)):
        counter = host(m, uop - L.UOP_SIZE + L.PROBE_AT, 64)  # of the probe in front of it
        set_host(m, counter, 64, host(m, counter, 64) + icount)
    m.ret()
