"""The other exact operations of the x87: compare, examine, remainder, scale, extract, round to integer (manual volume
2).
"""

from playhead.ir.ops import Value
from playhead.x86 import flags as F
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import (
    BIAS,
    C0,
    C1,
    C2,
    C3,
    DE,
    EXP_MAX,
    FULL,
    IE,
    NAN_M,
    NAN_SE,
    QUIET,
    SF,
    SIGN,
    ZE,
    J,
    Num,
    call,
    empty,
    physical,
    read,
    refuse_if,
    rounding,
    rounds_up,
    shift_sticky,
    write,
)
from playhead.x86.table import routine

QUIET_NAN, TO_EFLAGS, LACKING = (
    1,
    2,
    4,
)  # of `fp_compare`: FUCOM's rule, FCOMI's answer, an operand is an empty register


@routine(32, 64, 32, 64, 32, 32, faults=False)
def fp_compare(m: StateBuilder, xse, xm, yse, ym, flags, mode):
    """x against y, into C3 C2 C0 or into ZF PF CF. 1: withheld."""
    x, y = Num(m, xse, xm), Num(m, yse, ym)
    lacking = mode.bit(2)
    nan = x.nan() | y.nan()
    signalling = x.signalling() | y.signalling()
    bad = x.unsupported() | y.unsupported()
    invalid = lacking | bad | signalling | (nan & ~mode.bit(0))
    unordered = lacking | bad | nan
    den = (flags.ne(0) | x.denormal() | y.denormal()) & ~unordered
    found = lacking.select(SF, 0, 32) | invalid.select(IE, 0, 32) | den.select(DE, 0, 32)
    withheld = call(m, "fp_flags", found)  # that concerns the pop: the answer is given either way

    def order(v: Num) -> Value:
        return (v.exp.eq(0) & v.m.ne(0)).select(1, v.exp).zext(128) << 64 | v.m.zext(128)

    xo, yo = order(x), order(y)
    equal = (xo.eq(yo) & x.sign.eq(y.sign)) | (x.zero() & y.zero())
    smaller = x.sign.eq(y.sign).select(x.negative.select(yo.ult(xo), xo.ult(yo)), x.negative, 1)
    less = smaller & ~equal
    c0, c2, c3 = less | unordered, unordered, equal | unordered
    with m.if_(mode.bit(1)):
        F.set_status(m, c3.select(S.ZF, 0, 32) | c2.select(S.PF, 0, 32) | c0.select(S.CF, 0, 32))
        m.ret(withheld)
    codes = c3.select(C3, 0, 32) | c2.select(C2, 0, 32) | c0.select(C0, 0, 32)
    m.st("fsw", (m.ld("fsw") & ~(C0 | C2 | C3)) | codes)
    m.ret(withheld)


@routine(32, faults=False)
def fp_compare_st(m: StateBuilder, code):
    """ST(0) against ST(i) (bits 4-6 of `code`); bits 0-1: mode of `fp_compare`. 1: withheld."""
    i, top = physical(m, (code >> 4) & 7), physical(m)
    x, y = read(m, top), read(m, i)
    lacking = (empty(m, i) | empty(m, top)).select(LACKING, 0, 32)
    m.ret(call(m, "fp_compare", x.se, x.m, y.se, y.m, 0, (code & 3) | lacking))


@routine(faults=False)
def fp_test(m: StateBuilder):
    """FTST: ST(0) against zero."""
    top = physical(m)
    x = read(m, top)
    m.ret(call(m, "fp_compare", x.se, x.m, 0, 0, 0, empty(m, top).select(LACKING, 0, 32)))


@routine(faults=False)
def fp_examine(m: StateBuilder):
    """FXAM: class of ST(0) in C3 C2 C0, sign in C1, of an empty register too."""
    top = physical(m)
    x = read(m, top)
    kind = x.exp.eq(EXP_MAX).select(x.m.eq(J).select(C2 | C0, C0, 32), C2, 32)
    kind = x.exp.eq(0).select(x.m.eq(0).select(C3, C3 | C2, 32), x.unsupported().select(0, kind, 32))
    kind = empty(m, top).select(C3 | C0, kind)
    m.st("fsw", (m.ld("fsw") & ~(C0 | C1 | C2 | C3)) | kind | x.negative.select(C1, 0, 32))


def _one_operand(m: StateBuilder, dst: Value) -> Num:
    """The operand of an operation that answers #IS, unsupported and NaN at once; returns it when it is none of them."""
    x = read(m, dst)
    with m.if_(empty(m, dst)):
        m.ret(call(m, "fp_invalid", dst, IE | SF))
    with m.if_(x.unsupported()):
        m.ret(call(m, "fp_invalid", dst, IE))
    with m.if_(x.nan()):
        m.ret(call(m, "fp_nan", dst, x.se, x.m, x.se, x.m))
    return x


@routine(faults=False)
def fp_round(m: StateBuilder):
    """FRNDINT: ST(0) rounded to an integer by the rounding control."""
    dst = physical(m)
    x = _one_operand(m, dst)
    den = x.denormal().select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", den))
    with m.if_(x.zero() | x.exp.uge(BIAS + 63)):
        m.ret(0)
    v = shift_sticky(m, x.m.zext(128) << 64, m.const(BIAS + 63, 32) - x.exp)
    rest = v.trunc(64)
    up = rounds_up(m, rounding(m), x.negative, v.bit(64), rest)
    n = (v >> 64).trunc(64) + up.zext(64)
    call(m, "fp_flags", rest.ne(0).select(32, 0, 32) | up.select(C1, 0, 32))
    lz = n.ctlz() & 63
    exp = n.eq(0).select(0, m.const(BIAS + 63, 32) - lz.trunc(32))
    write(m, dst, x.sign | exp, n << lz)


def _two_operands(m: StateBuilder) -> tuple[Value, Num, Num]:
    """ST(0) and ST(1), neither of them empty, unsupported or a NaN (those are answered here)."""
    dst = physical(m)
    i = physical(m, 1)
    with m.if_(empty(m, dst) | empty(m, i)):
        m.ret(call(m, "fp_invalid", dst, IE | SF))
    x, y = read(m, dst), read(m, i)
    with m.if_(x.unsupported() | y.unsupported()):
        m.ret(call(m, "fp_invalid", dst, IE))
    with m.if_(x.nan() | y.nan()):
        m.ret(call(m, "fp_nan", dst, x.se, x.m, y.se, y.m))
    return dst, x, y


@routine(32, faults=False)
def fp_remainder(m: StateBuilder, nearest):
    """FPREM (0) and FPREM1 (1: quotient to nearest even). A quotient of more than 63 bits is only reduced, C2 = 1."""
    m.st("fsw", m.ld("fsw") & ~C2)
    dst, x, y = _two_operands(m)
    with m.if_(x.infinite() | y.zero()):
        m.ret(call(m, "fp_invalid", dst, IE))
    found = (x.denormal() | y.denormal()).select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", found))
    codes = C0 | C1 | C2 | C3
    with m.if_(x.zero() | y.infinite()):
        m.st("fsw", m.ld("fsw") & ~codes)
        with m.if_(x.zero()):
            m.ret(0)
        e, n = x.normalized()
        call(m, "fp_result", dst, x.sign, e, n, 0, found | FULL)
        m.ret(0)
    (xe, xn), (ye, yn) = x.normalized(), y.normalized()
    gap = xe - ye
    q, r, base = m.var(64, 0), m.var(128, xn.zext(128)), m.var(32, xe)
    sign = m.var(32, x.sign)
    partial = gap.sge(64)
    wide_y = yn.zext(128)
    with m.if_(gap.sge(0)):
        steps = m.var(32, partial.select((gap & 31) | 32, gap))
        base.set(ye + partial.select(gap - steps.get(), 0))
        with m.loop():
            fits = wide_y.ule(r.get())
            r.set(r.get() - fits.select(wide_y, 0))
            q.set((q.get() << 1) | fits.zext(64))
            with m.if_(steps.get().eq(0)):
                m.break_()
            r.set(r.get() << 1)
            steps.set(steps.get() - 1)
    with m.if_(nearest.ne(0) & ~partial & gap.sge(-1)):
        # r is in units of 2^base; y is yn of them, or twice that if x was the smaller by one binary place
        whole = gap.slt(0).select(wide_y << 1, wide_y)
        twice = r.get() << 1
        with m.if_(whole.ult(twice) | (whole.eq(twice) & q.get().bit(0))):
            r.set(whole - r.get())
            sign.set(sign.get() ^ SIGN)
            q.set(q.get() + 1)
    with m.if_(r.get().eq(0)):
        write(m, dst, x.sign, 0)
    with m.else_():
        lz = r.get().ctlz()
        norm = r.get() << (lz & 127)
        call(m, "fp_result", dst, sign.get(), base.get() + 64 - lz.trunc(32), (norm >> 64).trunc(64), 0, found | FULL)
    n = q.get()
    bits = n.bit(2).select(C0, 0, 32) | n.bit(1).select(C3, 0, 32) | n.bit(0).select(C1, 0, 32)
    m.st("fsw", (m.ld("fsw") & ~codes) | partial.select(C2, bits))


@routine(faults=False)
def fp_scale(m: StateBuilder):
    """FSCALE: ST(0) times 2 to the integer part of ST(1)."""
    dst, x, y = _two_operands(m)
    with m.if_(y.infinite() & ((x.zero() & ~y.negative) | (x.infinite() & y.negative))):
        m.ret(call(m, "fp_invalid", dst, IE))
    found = (x.denormal() | y.denormal()).select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", found))
    with m.if_(x.zero() | x.infinite()):
        m.ret(0)
    with m.if_(y.infinite()):
        write(m, dst, x.sign | y.negative.select(0, EXP_MAX, 32), y.negative.select(0, J, 64))
        m.ret(0)
    e, n = x.normalized()
    # beyond 16 bits of scale everything is equally far out
    big = y.exp.ugt(BIAS + 15)
    size = y.exp.ult(BIAS).select(0, (y.m >> ((m.const(BIAS + 63, 32) - y.exp) & 63).zext(64)).trunc(32))
    size = big.select(0x10000, size)
    call(m, "fp_result", dst, x.sign, e + y.negative.select(-size, size), n, 0, found | FULL)


@routine(faults=False)
def fp_extract(m: StateBuilder):
    """FXTRACT: ST(0) becomes its exponent, then its mantissa is pushed."""
    top = physical(m)
    new = (m.ld("ftop") - 1) & 7
    over = ~empty(m, new)
    with m.if_(empty(m, top) | over):
        refuse_if(m, call(m, "fp_flags", (over & ~empty(m, top)).select(IE | SF | C1, IE | SF, 32)))
        write(m, top, NAN_SE, NAN_M)
        m.st("ftop", new)
        write(m, new, NAN_SE, NAN_M)
        m.ret(0)
    x = read(m, top)
    special = x.unsupported() | x.nan()
    invalid = x.unsupported() | x.signalling()
    found = invalid.select(IE, x.denormal().select(DE, x.zero().select(ZE, 0, 32)))
    refuse_if(m, call(m, "fp_flags", found))
    with m.if_(special):
        se, v = x.nan().select(x.se, NAN_SE), x.nan().select(x.m | QUIET, NAN_M)
        write(m, top, se, v)
        m.st("ftop", new)
        write(m, new, se, v)
        m.ret(0)
    with m.if_(x.zero() | x.infinite()):
        write(m, top, x.zero().select(SIGN | EXP_MAX, EXP_MAX, 32), J)
        m.st("ftop", new)
        write(m, new, x.se, x.m)
        m.ret(0)
    e, n = x.normalized()
    k = e - BIAS
    size = k.msb().select(-k, k).zext(64)
    lz = size.ctlz() & 63
    exp = size.eq(0).select(0, m.const(BIAS + 63, 32) - lz.trunc(32))
    write(m, top, (k.msb().zext(32) << 15) | exp, size << lz)
    m.st("ftop", new)
    write(m, new, x.sign | BIAS, n)
