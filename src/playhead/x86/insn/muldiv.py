"""Products, quotients, compare-and-exchange (manual volume 2: MUL, IMUL, DIV, IDIV, XADD, CMPXCHG, CMPXCHG8B)."""

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86 import state as S
from playhead.x86.table import insn

AX, DX = 0, 2


def _set_product(m, low: Value, overflow: Value) -> None:
    """CF and OF: the upper half matters. SF and PF, which the manual leaves undefined, are those of the lower half."""
    flags.set_explicit(m, low, overflow, overflow)


def _set_wide(m, wide: Value) -> None:
    """A result of twice the operand size, into AX, DX:AX or EDX:EAX."""
    half = wide.bits // 2
    if half == 8:
        m.set_reg(AX, wide)
    else:
        m.set_reg(AX, wide.trunc(half))
        m.set_reg(DX, (wide >> half).trunc(half))


def _wide(m, half: int) -> Value:
    """AX, DX:AX or EDX:EAX."""
    if half == 8:
        return m.reg(AX, 16)
    return m.reg(AX, half).zext(2 * half) | (m.reg(DX, half).zext(2 * half) << half)


@insn("f6 /4 Eb", "f7 /4 Ev", writes="OSZAPC", undef="SZAP")
def mul(m, src):
    """Unsigned product of the accumulator and an operand."""
    b = m.get(src)
    w = b.bits
    product = m.reg(AX, w).zext(2 * w) * b.zext(2 * w)
    _set_product(m, product.trunc(w), (product >> w).ne(0))
    _set_wide(m, product)


@insn("f6 /5 Eb", "f7 /5 Ev", name="imul", writes="OSZAPC", undef="SZAP")
def imul_wide(m, src):
    """Signed product of the accumulator and an operand."""
    b = m.get(src)
    w = b.bits
    product = m.reg(AX, w).sext(2 * w) * b.sext(2 * w)
    low = product.trunc(w)
    _set_product(m, low, low.sext(2 * w).ne(product))
    _set_wide(m, product)


def _imul(m, dst, a: Value, b: Value) -> None:
    w = a.bits
    product = a.sext(2 * w) * b.sext(2 * w)
    low = product.trunc(w)
    _set_product(m, low, low.sext(2 * w).ne(product))
    m.set(dst, low)


@insn("0f af /r Gv,Ev", writes="OSZAPC", undef="SZAP")
def imul(m, dst, src):
    """Signed product, cut to the operand size."""
    b = m.get(src)
    _imul(m, dst, m.get(dst), b)


@insn("69 /r Gv,Ev,Iz", "6b /r Gv,Ev,Is", name="imul", writes="OSZAPC", undef="SZAP")
def imul_immediate(m, dst, src, factor):
    """Signed product with a constant, cut to the operand size."""
    a = m.get(src)
    _imul(m, dst, a, m.get(factor))


def _divide_error(m, cond: Value) -> None:
    with m.if_(cond):
        m.fault(S.DE, 0)


def _set_quotient(m, quotient: Value, remainder: Value) -> None:
    if quotient.bits == 8:
        m.set_reg(AX, quotient.zext(16) | (remainder.zext(16) << 8))
    else:
        m.set_reg(AX, quotient)
        m.set_reg(DX, remainder)


@insn("f6 /6 Eb", "f7 /6 Ev", writes="OSZAPC", undef="OSZAPC")
def div(m, src):
    """Unsigned quotient and remainder; #DE if the quotient does not fit. Flags stay."""
    b = m.get(src)
    w = b.bits
    a = _wide(m, w)
    # the quotient fits exactly if the upper half is below the divisor, and that excludes zero too
    _divide_error(m, (a >> w).trunc(w).uge(b))
    wide = b.zext(2 * w)
    _set_quotient(m, a.udiv(wide).trunc(w), a.urem(wide).trunc(w))


@insn("f6 /7 Eb", "f7 /7 Ev", writes="OSZAPC", undef="OSZAPC")
def idiv(m, src):
    """Signed quotient and remainder; #DE if the quotient does not fit. Flags stay."""
    b = m.get(src)
    w = b.bits
    a = _wide(m, w)
    wide = b.sext(2 * w)
    # the smallest dividend by -1 does not fit even in twice the width, where the division is made
    _divide_error(m, b.eq(0) | (wide.eq((1 << 2 * w) - 1) & a.eq(1 << (2 * w - 1))))
    quotient = a.sdiv(wide)
    low = quotient.trunc(w)
    _divide_error(m, low.sext(2 * w).ne(quotient))
    _set_quotient(m, low, a.srem(wide).trunc(w))


@insn("0f c0 /r Eb,Gb", "0f c1 /r Ev,Gv", writes="OSZAPC", lock=True)
def xadd(m, dst, src):
    """Exchange and add: the sum into the destination, its old value into the source."""
    a, b = m.rmw(dst), m.get(src)
    r = m.add(a, b)
    if m.is_memory(dst):
        m.set(dst, r)
        m.set(src, a)
    else:  # one register as both gets the sum
        m.set(src, a)
        m.set(dst, r)


@insn("0f b0 /r Eb,Gb", "0f b1 /r Ev,Gv", writes="OSZAPC", lock=True)
def cmpxchg(m, dst, src):
    """Compare the accumulator with the destination: if equal store the source, else load the accumulator."""
    a, b = m.rmw(dst), m.get(src)
    acc = m.reg(AX, a.bits)
    m.sub(acc, a)
    with m.if_(acc.eq(a)):
        m.set(dst, b)
    with m.else_():
        m.set_reg(AX, a)


@insn("0f c7 /1 Mq", writes="Z", lock=True, feature="cx8")
def cmpxchg8b(m, dst):
    """Compare EDX:EAX with a quadword: if equal store ECX:EBX, else load it."""
    a = m.rmw(dst)
    same = _wide(m, 32).eq(a)
    with m.if_(same):
        m.set(dst, m.reg(3).zext(64) | (m.reg(1).zext(64) << 32))
    with m.else_():
        _set_wide(m, a)
    flags.set_zf(m, same)
