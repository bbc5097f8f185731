"""What a recorder keeps of a moment, to make its digest of later: the memory of all parts as it is, RAM's and the TLB's
digests. Python and its objects are out of the processor's caches after some milliseconds of a guest's code, so that a
few lines of it take many times what they take in a loop; this is one call.
"""

from playhead.engine.llvm.host_words import host, set_host
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine


@routine(64, 64, 32, native_only=True, faults=False)
def note_state(m: StateBuilder, pieces, to, pages):
    """Put the digests of RAM (its first so many pages) and of the TLB to `to`, 64 bits each, and copies of pieces of
    memory behind them, each at a multiple of 8 bytes. `pieces` is a list of (address, bytes), 64 bits each; 0 bytes
    are its end."""
    set_host(m, to, 64, call(m, "ram_digest", pages))
    set_host(m, to + 8, 64, call(m, "tlb_digest"))
    item, end = m.var(64, pieces), m.var(64, to + 16)
    with m.loop():
        address, length = host(m, item.get(), 64), host(m, item.get() + 8, 64)
        with m.if_(length.eq(0)):
            m.break_()
        n = m.var(64, 0)
        with m.loop():
            with m.if_((n.get() + 8).ugt(length)):
                m.break_()
            set_host(m, end.get() + n.get(), 64, host(m, address + n.get(), 64))
            n.set(n.get() + 8)
        with m.loop():
            with m.if_(n.get().uge(length)):
                m.break_()
            set_host(m, end.get() + n.get(), 8, host(m, address + n.get(), 8))
            n.set(n.get() + 1)
        end.set(end.get() + ((length + 7) & ~7))
        item.set(item.get() + 16)
    m.ret()
