"""Accesses to registers that a device has declared, answered without leaving native code (device_code.py)."""

from playhead.engine.core import (
    ARMS, FIRST_RANGE, LIKE_MEMORY, NOBODY, PYTHON, RANGE_BASE, RANGE_FLAGS, RANGE_LAST, RANGE_MAX, RANGE_MIN,
    RANGE_READ, RANGE_SIZE, RANGE_STATES, RANGE_WRITE, SHOWS,
)  # fmt: skip
from playhead.engine.llvm.host_words import host, pointer
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine


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
    flags = host(m, entry + RANGE_FLAGS, 64)
    watched = (flags & SHOWS).ne(0) & (m.ld("debug") & S.DEBUG_AREA).ne(0)  # Python tells of what is written there
    with m.if_(watched | (sizes & inside & code.ne(0)).eq(0)):
        m.ret(NOT_ANSWERED)
    icount = m.ld("icount")
    now = m.ld("vbias") + (icount << m.ld("shift").zext(64))
    offset = (address - base).zext(64)
    states = entry + RANGE_STATES
    result = m.call("r_device_entry", code, states, offset, size.zext(64), value & ones, now, icount, faults=False)
    declined = (result >> 63).eq(1)
    with m.if_(write.ne(0) & ~declined & (flags & ARMS).ne(0)):
        m.st("alarm_moved", 1)
    m.ret(declined.select(NOT_ANSWERED, result & ones))


@routine(32, 32, native_only=True, faults=False)
def memory_like(m: StateBuilder, pa, size):
    """The entry in `device_ranges` of a range that answers such an access as memory would (`Registers.like_memory`): in
    the middle of its instruction. 0 if there is none, if something that comes before has to wait for Python, or if the
    instruction runs alone or has latches: then all that it accesses goes the same way, each time that it is begun."""
    alone = (m.ld("latch_n") | m.ld("store_n") | m.ld("single")).ne(0)
    waits = alone | (m.ld("debug") & S.DEBUG_AREA).ne(0)
    n = m.item("mmio_map", (pa >> 12).zext(64), 16).zext(32)
    with m.if_(waits | n.ult(FIRST_RANGE)):
        m.ret(0)
    entry = pointer(m, "device_ranges") + ((n - FIRST_RANGE) * RANGE_SIZE).zext(64)
    inside = pa.uge(host(m, entry + RANGE_BASE, 32)) & (pa + size - 1).ule(host(m, entry + RANGE_LAST, 32))
    m.ret((inside & (host(m, entry + RANGE_FLAGS, 64) & LIKE_MEMORY).ne(0)).select(entry, 0, 64))


@routine(64, 32, 32, 32, 64, native_only=True, faults=False)
def memory_access(m: StateBuilder, entry, pa, size, write, value):
    """An access to a range that is like memory. One that is wider than it takes is split as `Space` does, and one of an
    odd size as the machine does. Returns what is read."""
    even = size.eq(1) | size.eq(2) | size.eq(4)
    most = host(m, entry + RANGE_MAX, 32)
    step = even.select(size.ult(most).select(size, most), 1, 32)
    ones = (m.const(1, 64) << (step << 3).zext(64)) - 1
    code = write.ne(0).select(host(m, entry + RANGE_WRITE, 64), host(m, entry + RANGE_READ, 64))
    offset, states = pa - host(m, entry + RANGE_BASE, 32), entry + RANGE_STATES
    at, result = m.var(32, 0), m.var(64, 0)
    zero = m.const(0, 64)
    with m.loop():
        shift = (at.get() << 3).zext(64)
        where = (offset + at.get()).zext(64)
        piece = (value >> shift) & ones
        one = m.call("r_device_entry", code, states, where, step.zext(64), piece, zero, zero, faults=False)
        result.set(result.get() | ((one & ones) << shift))
        at.set(at.get() + step)
        with m.if_(at.get().uge(size)):
            m.break_()
    m.ret(result.get())


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
            m.st("hit_n", 0)  # the instruction begins again, and with it what a debugger is told of
            m.st("exit_reason", 0)
    port = reason.eq(S.EXIT_PORT_WRITE)
    memory = reason.eq(0) & (m.ld("fault_pending").eq(0) | completed.ne(0))
    with m.if_((port | memory) & m.ld("store_n").eq(1)):
        value = call(m, "device_access", port.zext(32), 1, m.ld("stores", 0), m.ld("stores", 1))
        with m.if_(value.ne(NOT_ANSWERED)):
            m.st("store_n", 0)
            m.st("exit_reason", 0)
