"""Addition, multiplication, division and square root of extended values, and the D8-DE group that uses them.

Two normal operands take the short way; everything else (zeros, denormals, infinities, NaNs, unsupported patterns) is
sorted by `fp_special` first (manual volume 1, 8.5).
"""

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import (
    ADD,
    BIAS,
    COM,
    DE,
    DIV,
    EXP_MAX,
    FULL,
    IE,
    MUL,
    SF,
    SIGN,
    SUB,
    ZE,
    J,
    Num,
    call,
    empty,
    physical,
    pop,
    read,
    refuse_if,
    rounding,
    shift_sticky,
    write,
)
from playhead.x86.table import routine

PROCEED = 2  # answer of `fp_special`: finite, not zero, continue; the flags were raised


def _refuse_invalid(m: StateBuilder, cond: Value, dst: Value) -> None:
    with m.if_(cond):
        m.ret(call(m, "fp_invalid", dst, IE))


@routine(32, 32, 32, 64, 32, 64, 32, faults=False)
def fp_special(m: StateBuilder, op, dst, xse, xm, yse, ym, flags):
    """x op y where not both are normal. 0: done, 1: withheld, PROCEED: two finite values that are not zero.
    `flags`: DE if the memory operand was a denormal of its own format.
    """
    x, y = Num(m, xse, xm), Num(m, yse, ym)
    _refuse_invalid(m, x.unsupported() | y.unsupported(), dst)
    with m.if_(x.nan() | y.nan()):
        m.ret(call(m, "fp_nan", dst, xse, xm, yse, ym))
    adds, muls, divs = (op.eq(ADD) | op.eq(SUB)), op.eq(MUL), op.eq(DIV)
    ysign = y.sign ^ op.eq(SUB).select(SIGN, 0, 32)
    sign = (xse ^ yse) & SIGN
    xi, yi, xz, yz = x.infinite(), y.infinite(), x.zero(), y.zero()
    opposite = x.sign.ne(ysign)
    _refuse_invalid(
        m, (adds & xi & yi & opposite) | (muls & ((xi & yz) | (xz & yi))) | (divs & ((xi & yi) | (xz & yz))), dst
    )
    den = flags | (x.denormal() | y.denormal()).select(DE, 0, 32)
    found = (divs & yz & ~xi).select(ZE, den)  # division by zero goes before a denormal dividend
    refuse_if(m, call(m, "fp_flags", found))
    with m.if_(xi | yi | xz | yz):
        with m.if_(adds):
            with m.if_(xi | yi):
                write(m, dst, xi.select(xse, ysign | EXP_MAX), J)
                m.ret(0)
            with m.if_(xz & yz):
                negative = opposite.select(rounding(m).eq(1).select(SIGN, 0, 32), ysign)
                write(m, dst, negative, 0)
                m.ret(0)
            xe, xn = x.normalized()
            ye, yn = y.normalized()
            call(m, "fp_result", dst, xz.select(ysign, x.sign), xz.select(ye, xe), xz.select(yn, xn), 0, found)
            m.ret(0)
        big = muls.select(xi | yi, xi | yz, 1)
        write(m, dst, sign | big.select(EXP_MAX, 0, 32), big.select(J, 0, 64))
        m.ret(0)
    m.ret(PROCEED)


def divide(m: StateBuilder, hi: Value, lo: Value, d: Value) -> tuple[Value, Value]:
    """(quotient, remainder) of the 128-bit hi.lo by a 64-bit d with its top bit set, hi < d: two steps of 32 bits, each
    estimated from the upper half of d and corrected at most twice (Knuth, TAOCP 4.3.1, algorithm D).
    """
    dh, dl = d >> 32, d & 0xFFFFFFFF
    quotient = m.const(0, 64)
    for digits in (lo >> 32, lo & 0xFFFFFFFF):
        q, r = m.var(64, hi.udiv(dh)), m.var(64)
        r.set(hi - q.get() * dh)
        for _ in range(2):
            known = (r.get() >> 32).ne(0)
            with m.if_(~known & ((q.get() >> 32).ne(0) | ((r.get() << 32) | digits).ult(q.get() * dl))):
                q.set(q.get() - 1)
                r.set(r.get() + dh)
        hi = ((hi << 32) | digits) - q.get() * d
        quotient = (quotient << 32) | q.get()
    return quotient, hi


@routine(32, 32, 32, 32, 64, 32, 64, faults=False)
def fp_add(m: StateBuilder, dst, flags, xs, xe, xm, yse, ym):
    """x + y of normalised values; y's sign is bit 31 of `yse`, its signed exponent the rest."""
    ys, ye = (yse >> 31) << 15, (yse << 1).sar(1)
    swap = xe.slt(ye) | (xe.eq(ye) & xm.ult(ym))
    e, sign = swap.select(ye, xe), swap.select(ys, xs)
    big, small = swap.select(ym, xm), swap.select(xm, ym)
    gap = swap.select(ye - xe, xe - ye)
    a = big.zext(128) << 63
    b = shift_sticky(m, small.zext(128) << 63, gap)
    total = xs.eq(ys).select(a + b, a - b)
    with m.if_(total.eq(0)):
        call(m, "fp_flags", flags & (FULL - 1))
        write(m, dst, rounding(m).eq(1).select(SIGN, 0, 32), 0)
        m.ret(0)
    lz = total.ctlz()
    norm = total << (lz & 127)
    call(m, "fp_result", dst, sign, e + 1 - lz.trunc(32), (norm >> 64).trunc(64), norm.trunc(64), flags)


@routine(32, 32, 32, 64, 32, 64, 32, faults=False)
def fp_binary(m: StateBuilder, op, dst, xse, xm, yse, ym, flags):
    """dst = x op y for ADD, SUB, MUL, DIV. 1: withheld."""
    x, y = Num(m, xse, xm), Num(m, yse, ym)
    with m.if_(~(x.normal() & y.normal()) | flags.ne(0)):
        answer = call(m, "fp_special", op, dst, xse, xm, yse, ym, flags)
        with m.if_(answer.ne(PROCEED)):
            m.ret(answer)
    found = flags | (x.denormal() | y.denormal()).select(DE, 0, 32)
    (xe, xn), (ye, yn) = x.normalized(), y.normalized()
    with m.if_(op.eq(ADD) | op.eq(SUB)):
        ys = (yse << 16) ^ op.eq(SUB).select(1 << 31, 0, 32)
        call(m, "fp_add", dst, found, x.sign, xe, xn, (ys & (1 << 31)) | (ye & 0x7FFFFFFF), yn)
        m.ret(0)
    sign = (xse ^ yse) & SIGN
    with m.if_(op.eq(MUL)):
        p = xn.zext(128) * yn.zext(128)
        top = p.msb()
        p = top.select(p, p << 1)
        call(m, "fp_result", dst, sign, xe + ye - (BIAS - 1) - (~top).zext(32), (p >> 64).trunc(64), p.trunc(64), found)
        m.ret(0)
    less = xn.ult(yn)
    q, rest = divide(m, less.select(xn, xn >> 1), less.select(0, xn << 63, 64), yn)
    other = yn - rest
    low = rest.ugt(other).select(3 << 62, rest.eq(other).select(J, 1 << 62, 64))
    call(m, "fp_result", dst, sign, xe - ye + BIAS - less.zext(32), q, rest.eq(0).select(0, low), found)


@routine(32, 32, 64, 32, faults=False)
def fp_group(m: StateBuilder, code, yse, ym, flags):
    """ST(0) and an operand: bits 0-2 of `code` are the operation as in the reg field, bits 8-10 the physical
    destination, bit 12 says that an operand is an empty register. 1: withheld.
    """
    op, dst = code & 7, (code >> 8) & 7
    x = read(m, physical(m))
    with m.if_((op & 6).eq(COM)):
        m.ret(call(m, "fp_compare", x.se, x.m, yse, ym, flags, (code >> 10) & 4))
    with m.if_(code.bit(12)):
        m.ret(call(m, "fp_invalid", dst, IE | SF))
    swap = op.uge(SUB) & op.bit(0)
    kind = op.uge(SUB).select(op & 6, op)
    m.ret(call(m, "fp_binary", kind, dst, swap.select(yse, x.se), swap.select(ym, x.m), swap.select(x.se, yse),
               swap.select(x.m, ym), flags))  # fmt: skip


@routine(32, faults=False)
def fp_group_st(m: StateBuilder, code):
    """The group on registers: bits 0-2 operation, 4-6 i, bit 8 result to ST(i), bits 9-10 how many to pop."""
    i = physical(m, (code >> 4) & 7)
    top = physical(m)
    y = read(m, i)
    lacking = empty(m, top) | empty(m, i)
    dst = code.bit(8).select(i, top)
    refuse_if(m, call(m, "fp_group", (code & 7) | (dst << 8) | lacking.select(1 << 12, 0, 32), y.se, y.m, 0))
    with m.if_((code & 0x600).ne(0)):
        pop(m)
        with m.if_(code.bit(10)):
            pop(m)


@routine(faults=False)
def fp_sqrt(m: StateBuilder):
    """ST(0) = its square root."""
    dst = physical(m)
    with m.if_(empty(m, dst)):
        m.ret(call(m, "fp_invalid", dst, IE | SF))
    x = read(m, dst)
    _refuse_invalid(m, x.unsupported(), dst)
    with m.if_(x.nan()):
        m.ret(call(m, "fp_nan", dst, x.se, x.m, x.se, x.m))
    with m.if_(x.zero()):
        call(m, "fp_flags", 0)
        m.ret(0)
    _refuse_invalid(m, x.negative, dst)
    found = x.denormal().select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", found))
    with m.if_(x.infinite()):
        m.ret(0)
    e, n = x.normalized()
    # an even unbiased exponent, and a radicand of 127 or 128 bits: its root has 64
    odd = e.bit(0)
    rest = m.var(128, n.zext(128) << odd.select(63, 64, 32).zext(128))
    root, bit = m.var(128, 0), m.var(128, 1 << 126)
    with m.loop():
        t = root.get() + bit.get()
        fits = t.ule(rest.get())
        rest.set(rest.get() - fits.select(t, 0))
        root.set((root.get() >> 1) + fits.select(bit.get(), 0))
        bit.set(bit.get() >> 2)
        with m.if_(bit.get().eq(0)):
            m.break_()
    low = rest.get().eq(0).select(0, rest.get().ugt(root.get()).select(3 << 62, 1 << 62, 64))
    half = (e - BIAS - (~odd).zext(32)).sar(1) + BIAS
    call(m, "fp_result", dst, 0, half, root.get().trunc(64), low, found)
