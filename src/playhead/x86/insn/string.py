"""String instructions and their REP forms (manual volume 2: MOVS, CMPS, STOS, LODS, SCAS).

Under REP each iteration retires one instruction, so that a budget, an interrupt or a fault falls between two of them:
registers are committed at every iteration and a stopped instruction resumes at its own EIP.
"""

from collections.abc import Callable

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86.table import insn


def step_of(m, size: int) -> Value:
    """How far SI and DI move: forwards or, with DF, backwards."""
    return m.ld("eflags").bit(10).select(-size & 0xFFFFFFFF, size, 32)


def pointer(m, n: int) -> Value:
    return m.reg(n) & m.address_mask()


def advance(m, n: int, step: Value) -> None:
    mask = m.address_mask()
    if isinstance(mask, int):
        m.set_reg(n, m.reg(n) + step)
    else:
        old = m.reg(n)
        m.set_reg(n, (old & ~mask) | ((old + step) & mask))


def source(m, size: int, write: bool = False) -> Value:
    """Linear address of [seg:ESI]."""
    offset = pointer(m, 6)
    return offset if m.flat else m.check_segment(m.field("seg") << 3, offset, size, write)


def destination(m, size: int, write: bool) -> Value:
    """Linear address of [ES:EDI]."""
    offset = pointer(m, 7)
    return offset if m.flat else m.check_segment(0, offset, size, write)


def repeat(m, body: Callable[[], "Value | None"]) -> None:
    """Run one iteration, or as many as (E)CX and the budget say. `body` does one iteration, committed as a whole, and
    may return a 1-bit value: whether the condition of REPE/REPNE lets it continue."""
    if not m.rep:
        body()
        return
    mask = m.address_mask()
    with m.if_((m.reg(1) & mask).ne(0)), m.loop():
        more = body()
        whole = m.reg(1)
        left = (whole - 1) & mask
        m.set_reg(1, left if isinstance(mask, int) else (whole & ~mask) | left)
        stop = left.eq(0)
        if more is not None:
            stop = stop | ~more
        with m.if_(stop):
            m.break_()
        with m.if_(~m.spend()):
            m.again()


def _same(m) -> Value | None:
    """Whether REPE or REPNE continues after a comparison."""
    if not m.rep:
        return None
    return flags.zf(m) if m.rep == "rep" else ~flags.zf(m)


@insn("a4 Yb,Xb", "a5 Yv,Xv", rep="rep")
def movs(m, dst, src):
    """Copy [ESI] to [EDI]."""
    bits = m.bits(dst)

    def body():
        v = m.guest_load(source(m, bits // 8), bits)
        m.guest_store(destination(m, bits // 8, True), v)
        step = step_of(m, bits // 8)
        advance(m, 6, step)
        advance(m, 7, step)

    repeat(m, body)


@insn("aa Yb,al", "ab Yv,eax", rep="rep")
def stos(m, dst, src):
    """Store the accumulator at [EDI]."""
    bits = m.bits(dst)

    def body():
        m.guest_store(destination(m, bits // 8, True), m.reg(0, bits))
        advance(m, 7, step_of(m, bits // 8))

    repeat(m, body)


@insn("ac al,Xb", "ad eax,Xv", rep="rep")
def lods(m, dst, src):
    """Load the accumulator from [ESI]."""
    bits = m.bits(src)

    def body():
        m.set_reg(0, m.guest_load(source(m, bits // 8), bits))
        advance(m, 6, step_of(m, bits // 8))

    repeat(m, body)


@insn("a6 Xb,Yb", "a7 Xv,Yv", rep="repz", writes="OSZAPC")
def cmps(m, a, b):
    """Compare [ESI] with [EDI]."""
    bits = m.bits(a)

    def body():
        x = m.guest_load(source(m, bits // 8), bits)
        y = m.guest_load(destination(m, bits // 8, False), bits)
        m.sub(x, y)
        step = step_of(m, bits // 8)
        advance(m, 6, step)
        advance(m, 7, step)
        return _same(m)

    repeat(m, body)


@insn("ae al,Yb", "af eax,Yv", rep="repz", writes="OSZAPC")
def scas(m, a, b):
    """Compare the accumulator with [EDI]."""
    bits = m.bits(b)

    def body():
        y = m.guest_load(destination(m, bits // 8, False), bits)
        m.sub(m.reg(0, bits), y)
        advance(m, 7, step_of(m, bits // 8))
        return _same(m)

    repeat(m, body)
