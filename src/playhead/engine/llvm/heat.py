"""Tells the second tier of blocks that are entered often.

The stub `count` (stubs.py) counts a block's entries down; at zero it comes here. What is told goes into the region
`heat`, which Python empties between two runs (tier2/tier.py): the block and a copy of its uops without links, which
hold nothing but what was decoded, so that equal instructions give equal bytes.
"""

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.host_words import host, pointer, set_host
from playhead.engine.llvm.probe_code import is_probe
from playhead.x86.build import StateBuilder
from playhead.x86.table import routine


@routine(64, native_only=True, faults=False)
def tell(m: StateBuilder, block):
    """Tell of a block, and count to when it is told of again. Returns 1 if the run is to be left before the block."""
    first, heat = m.ld("heat_first"), host(m, block + L.B_HEAT, 32)
    top, uops = m.ld("heat_top"), host(m, block + L.B_UOPS, 16).zext(32)
    end = top + L.HEAT_RECORD + uops * L.UOP_SIZE
    with m.if_(end.ugt(L.HEAT_RING)):  # no room: soon again
        set_host(m, block + L.B_COUNT, 32, first)
        set_host(m, block + L.B_HEAT, 32, heat + first)
        m.ret(0)
    to = m.var(64, pointer(m, "heat") + top.zext(64))
    set_host(m, to.get(), 64, block)
    set_host(m, to.get() + 8, 64, heat.zext(64))
    set_host(m, to.get() + 16, 32, host(m, block + L.B_MODE, 32))
    set_host(m, to.get() + 20, 32, uops)
    to.set(to.get() + L.HEAT_RECORD)
    uop, left = m.var(64, block + L.HEADER), m.var(32, uops)
    with m.loop():
        with m.if_(left.get().eq(0)):
            m.break_()
        probe = is_probe(m, uop.get())
        for word in range(0, L.UOP_SIZE, 8):
            value = host(m, uop.get() + word, 64)
            if word in (L.PROBE_AT, L.PROBE_COUNTER):
                value = probe.select(m.const(0, 64), value)
            set_host(m, to.get() + word, 64, value)
        linked = (host(m, uop.get() + L.UOP["flags"][0], 8) & L.LINKED).ne(0)
        uop.set(uop.get() + linked.select(2 * L.UOP_SIZE, L.UOP_SIZE, 64))
        to.set(to.get() + L.UOP_SIZE)
        left.set(left.get() - 1)
    m.st("heat_top", end)
    step = heat.ule(first).select(*L.HEAT_STEPS, 32)
    set_host(m, block + L.B_COUNT, 32, heat * (step - 1))
    set_host(m, block + L.B_HEAT, 32, heat * step)
    with m.if_(heat.uge(L.HEAT_LAST)):  # it is known well enough
        set_host(m, block + L.B_ENTRY, 64, host(m, block + L.HEADER, 64))
    m.ret(first.eq(L.HEAT_ALL).zext(64))
