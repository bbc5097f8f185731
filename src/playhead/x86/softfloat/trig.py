"""FSIN, FCOS, FSINCOS, FPTAN, F2XM1 (manual volume 1, 8.3.7 and 8.3.8; volume 2).

The argument is reduced by the pi of 66 bits that the manual describes, exactly; what is left is at most pi/4 and goes
into Taylor series in 128-bit fractions. Relative to that pi the error is below 0.51 units of the last place.
"""

from math import factorial

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import (
    BIAS,
    C1,
    C2,
    DE,
    FULL,
    IE,
    NAN_M,
    NAN_SE,
    PE,
    SF,
    SIGN,
    J,
    call,
    empty,
    physical,
    read,
    refuse_if,
    write,
)
from playhead.x86.softfloat.fixed import LN2, deliver, horner, mulhi, ratio, scaled, shifted
from playhead.x86.table import routine

HALF_PI = 0xC90FDAA22168C234C >> 2  # the processor's pi/2, in units of 2**-65
ONE = 1 << 127
SIN, COS, TAN, SINCOS = range(4)
SIN_TERMS = [ONE // factorial(2 * k + 1) for k in range(13)]
COS_TERMS = [ONE // factorial(2 * k) for k in range(14)]
EXP_TERMS = [ONE // factorial(k + 1) for k in range(24)]


def _no_result(m: StateBuilder, pushes: Value, top: Value, new: Value, withheld: Value) -> None:
    """An invalid operand was answered in `top`; the same is pushed by what pushes. Ends the routine."""
    with m.if_(pushes & withheld.eq(0)):
        x = read(m, top)
        m.st("ftop", new)
        write(m, new, x.se, x.m)
    m.ret(withheld)


def _reduced(m: StateBuilder, e: Value, mant: Value) -> tuple[Value, Value, Value, Value]:
    """|x| = n pi/2 + r, r reflected to at most pi/4: (n, reflected, r as a normalised fraction, its exponent)."""
    r, n, left = m.var(128, mant.zext(128)), m.var(32, 0), m.var(32, e - (BIAS - 2))
    with m.if_(left.get().sle(0)):  # below 1/2: nothing to do
        left.set(0)
    with m.loop():
        with m.if_(left.get().eq(0)):
            m.break_()
        r.set(r.get() << 1)
        fits = m.const(HALF_PI, 128).ule(r.get())
        r.set(r.get() - fits.select(HALF_PI, 0, 128))
        n.set((n.get() << 1) | fits.zext(32))
        left.set(left.get() - 1)
    small = e.sle(BIAS - 2)
    reflected = ~small & (r.get() << 1).ugt(HALF_PI)
    v = reflected.select(m.const(HALF_PI, 128) - r.get(), r.get())
    lz = v.ctlz() & 127
    return n.get(), reflected, v << lz, small.select(e - (BIAS - 1), m.const(63, 32) - lz.trunc(32))


@routine(32, faults=False)
def fp_trig(m: StateBuilder, kind):
    """SIN, COS: ST(0); TAN: ST(0), push 1; SINCOS: sine in ST(0), push the cosine. |x| >= 2**63: nothing but C2."""
    top = physical(m)
    new = (m.ld("ftop") - 1) & 7
    pushes = kind.uge(TAN)
    m.st("fsw", m.ld("fsw") & ~C2)
    lacking, full = empty(m, top), pushes & ~empty(m, new)
    with m.if_(lacking | full):
        refuse_if(m, call(m, "fp_flags", (full & ~lacking).select(IE | SF | C1, IE | SF, 32)))
        write(m, top, NAN_SE, NAN_M)
        _no_result(m, pushes, top, new, m.const(0, 64))
    x = read(m, top)
    with m.if_(x.unsupported() | x.infinite()):
        _no_result(m, pushes, top, new, call(m, "fp_invalid", top, IE))
    with m.if_(x.nan()):
        _no_result(m, pushes, top, new, call(m, "fp_nan", top, x.se, x.m, x.se, x.m))
    with m.if_(x.exp.uge(BIAS + 63)):
        call(m, "fp_flags", C2)
        m.ret(0)
    den = x.denormal().select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", den))
    flags = den | FULL
    with m.if_(x.zero()):
        with m.if_(kind.eq(COS)):
            write(m, top, BIAS, J)
        with m.if_(pushes):
            m.st("ftop", new)
            write(m, new, BIAS, J)
        m.ret(0)
    e, mant = x.normalized()
    n, reflected, r, re = _reduced(m, e, mant)
    f = shifted(m, r, -re)
    square = mulhi(m, f, f)

    def below_one(v: Value) -> Value:
        """Never exactly one, so that rounding goes the right way."""
        return v.eq(ONE).select(ONE - 1, v)

    # a tangent is more than its argument, a sine less
    factor = horner(m, square, SIN_TERMS, True)
    sine = mulhi(m, r, kind.eq(TAN).select(factor, below_one(factor)))  # exponent `re`
    cosine = below_one(horner(m, square, COS_TERMS, True))  # exponent 0
    swap = n.bit(0) ^ reflected
    with m.if_(kind.eq(TAN)):
        q, qe = ratio(m, swap.select(cosine, sine), swap.select(sine, cosine), swap.select(-re, re))
        deliver(m, top, x.sign ^ (n & 1) << 15, qe - 1, q, flags)
        m.st("ftop", new)
        write(m, new, BIAS, J)
        m.ret(0)
    with m.if_(kind.eq(SIN) | kind.eq(SINCOS)):
        deliver(m, top, x.sign ^ (n & 2) << 14, swap.select(0, re), swap.select(cosine, sine), flags)
    with m.if_(kind.eq(COS) | kind.eq(SINCOS)):
        dst = kind.eq(COS).select(top, new)
        with m.if_(kind.eq(SINCOS)):
            m.st("ftop", new)
        deliver(m, dst, ((n + 1) & 2) << 14, swap.select(re, 0), swap.select(sine, cosine), flags)


@routine(faults=False)
def fp_2xm1(m: StateBuilder):
    """ST(0) = 2**ST(0) - 1. Beyond -1 ... 1, where the manual promises nothing, ST(0) stays."""
    top = physical(m)
    with m.if_(empty(m, top)):
        m.ret(call(m, "fp_invalid", top, IE | SF))
    x = read(m, top)
    with m.if_(x.unsupported()):
        m.ret(call(m, "fp_invalid", top, IE))
    with m.if_(x.nan()):
        m.ret(call(m, "fp_nan", top, x.se, x.m, x.se, x.m))
    den = x.denormal().select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", den))
    with m.if_(x.zero()):
        m.ret(0)
    with m.if_(x.exp.uge(BIAS)):
        with m.if_(x.se.eq(SIGN | BIAS) & x.m.eq(J)):
            write(m, top, SIGN | (BIAS - 1), J)
        with m.if_(x.infinite() & x.negative):
            write(m, top, SIGN | BIAS, J)
        call(m, "fp_flags", x.infinite().select(0, PE, 32))
        m.ret(0)
    e, mant = x.normalized()
    e = e - (BIAS - 1)
    t = mulhi(m, mant.zext(128) << 64, m.const(scaled(LN2, 128), 128))
    p = horner(m, shifted(m, t, -e), EXP_TERMS, x.negative)
    deliver(m, top, x.sign, e, mulhi(m, t, p), den | FULL)
