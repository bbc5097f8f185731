"""Ports (manual volume 2: IN, OUT, INS, OUTS; volume 1, chapter 19).

The processor has no ports itself. A read takes its value from the latch that the machine filled, or leaves undone so
that the machine fills it; a write goes into the list of stores and ends the run. What may fault comes before either.
"""

from playhead.ir.ops import Value
from playhead.x86.system import paging
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.interrupts import ENABLES
from playhead.x86.insn.string import advance, destination, repeat, source, step_of
from playhead.x86.table import call, insn, routine


@routine(32, 32)
def check_port(m: StateBuilder, port, size):
    """#GP(0) unless IOPL or the I/O permission map of the TSS lets this code use the ports. I/O breakpoints that the
    access meets are noted."""
    with m.if_((m.ld("dr", 7) & ENABLES).ne(0)):
        bits = call(m, "data_breakpoint", port, size, 2).trunc(32)
        with m.if_(bits.ne(0)):
            call(m, "debug_hit", bits)
    with m.if_(m.v86() | m.iopl().ult(m.ld("cpl"))):
        limit, base = m.seg("tr", "limit"), m.seg("tr", "base")
        old = (m.seg("tr", "attr") & 0x8800).ne(0x8800)  # only a 32-bit TSS has a map
        with m.if_(old | limit.ult(103)):
            m.fault(S.GP, 0)
        at = m.load_sys(base + 0x66, 16).zext(32) + (port >> 3)
        with m.if_(limit.ult(at + 1)):
            m.fault(S.GP, 0)
        bits = m.load_sys(base + at, 16).zext(32) >> (port & 7)
        with m.if_((bits & ((m.const(1, 32) << (size & 7)) - 1)).ne(0)):
            m.fault(S.GP, 0)
    m.ret()


@routine(32, 32)
def port_read(m: StateBuilder, port, size):
    """The value of a port; the instruction is undone if the machine has not latched it yet."""
    i = m.ld("latch_i")
    with m.if_(m.ld("latch_n").ule(i)):
        m.undone(S.EXIT_PORT_READ, port.zext(64) | (size.zext(64) << 32))
    m.st("latch_i", i + 1)
    m.ret(m.ld_at("latch", i))


@routine(32, 32, 32, faults=False)
def port_write(m: StateBuilder, port, size, value):
    """Leave a write for the machine; returns what `exit_info` has to be."""
    n = m.ld("store_n")
    info = port.zext(64) | (size.zext(64) << 32)
    m.st_at("stores", n << 1, info)
    m.st_at("stores", (n << 1) + 1, value.zext(64))
    m.st("store_n", n + 1)
    m.ret(info)


@routine(32, 32)
def probe_write(m: StateBuilder, lin, size):
    """Raise what a store of these bytes would raise."""
    call(m, "translate", lin, size | paging.RMW)
    with m.if_(((lin & 0xFFF) + size).ugt(0x1000)):
        call(m, "translate", lin + size - 1, size | paging.RMW)
    m.ret()


def port_of(m, op) -> Value:
    return m.reg(2) & 0xFFFF if op.text == "dx" else m.get(op).zext(32)


@insn("e4 al,Ib", "e5 eax,Ib", "ec al,dx", "ed eax,dx", name="in")
def in_(m, dst, src):
    """Read a port."""
    bits = m.bits(dst)
    port = port_of(m, src)
    call(m, "check_port", port, bits // 8)
    m.set_reg(0, call(m, "port_read", port, bits // 8).trunc(bits))


@insn("e6 Ib,al", "e7 Ib,eax", "ee dx,al", "ef dx,eax", name="out")
def out(m, dst, src):
    """Write a port."""
    bits = m.bits(src)
    port = port_of(m, dst)
    call(m, "check_port", port, bits // 8)
    info = call(m, "port_write", port, bits // 8, m.reg(0, bits).zext(32))
    m.leave(S.EXIT_PORT_WRITE, info)


def once(m, body, end=lambda info: None) -> None:
    """One iteration, then `end` of what it returned. Under REP the instruction retires after each iteration: the next
    one needs the machine again."""
    if not m.rep:
        end(body())
        return
    mask = m.value(m.address_mask(), 32)
    whole = m.reg(1)
    with m.if_((whole & mask).ne(0)):
        info = body()
        left = (whole - 1) & mask
        m.set_reg(1, (whole & ~mask) | left)
        with m.if_(left.ne(0)):
            m.again()
        end(info)


@insn("6c Yb,dx", "6d Yv,dx", rep="rep")
def ins(m, dst, src):
    """Read a port into [EDI]."""
    bits = m.bits(dst)

    def body():
        port = m.reg(2) & 0xFFFF
        call(m, "check_port", port, bits // 8)
        linear = destination(m, bits // 8, True)
        call(m, "probe_write", linear, bits // 8)
        m.guest_store(linear, call(m, "port_read", port, bits // 8).trunc(bits))
        advance(m, 7, step_of(m, bits // 8))

    repeat(m, body)


@insn("6e dx,Xb", "6f dx,Xv", rep="rep")
def outs(m, dst, src):
    """Write [ESI] to a port."""
    bits = m.bits(src)

    def body():
        port = m.reg(2) & 0xFFFF
        call(m, "check_port", port, bits // 8)
        value = m.load(source(m, bits // 8), bits).zext(32)
        info = call(m, "port_write", port, bits // 8, value)
        advance(m, 6, step_of(m, bits // 8))
        m.st("exit_reason", S.EXIT_PORT_WRITE)  # for `again`, which has no reason of its own
        m.st("exit_info", info)
        return info

    once(m, body, lambda info: m.leave(S.EXIT_PORT_WRITE, info))
