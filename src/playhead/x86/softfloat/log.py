"""FYL2X, FYL2XP1, FPATAN (manual volume 2): logarithm and arctangent as one series, s + s^3/3 + s^5/5 ..., after
reduction.

log2(x): x = 2**e m with m between the roots of 1/2 and 2, s = (m - 1) / (m + 1). arctan(v/w), v <= w: the nearest k/8
is taken out, s = (8v - kw) / (8w + kv). Errors stay below 0.51 units of the last place.
"""

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import (
    BIAS,
    DE,
    EXP_MAX,
    FULL,
    IE,
    PE,
    SF,
    SIGN,
    ZE,
    J,
    Num,
    call,
    empty,
    physical,
    pop,
    read,
    refuse_if,
    write,
)
from playhead.x86.softfloat.fixed import ATAN, PI, TWO_OVER_LN2, deliver, mulhi, odd_series, ratio, scaled, shifted
from playhead.x86.table import routine

ROOT_2 = 0xB504F333F9DE6484597D89B3754ABE9F  # of 2, with one bit before the point
ONE = 1 << 126  # with two bits before the point


def _finish(m: StateBuilder, withheld: "Value | int" = 0) -> None:
    """The result is in ST(1): pop, unless it was withheld. Ends the routine."""
    with m.if_(m.value(withheld, 64).eq(0)):
        pop(m)
    m.ret(withheld)


def _operands(m: StateBuilder) -> tuple[Value, Num, Num]:
    """(register of ST(1), ST(0), ST(1)), neither of them empty, unsupported or a NaN: those are answered here."""
    top, dst = physical(m), physical(m, 1)
    with m.if_(empty(m, top) | empty(m, dst)):
        _finish(m, call(m, "fp_invalid", dst, IE | SF))
    x, y = read(m, top), read(m, dst)
    with m.if_(x.unsupported() | y.unsupported()):
        _finish(m, call(m, "fp_invalid", dst, IE))
    with m.if_(x.nan() | y.nan()):
        _finish(m, call(m, "fp_nan", dst, x.se, x.m, y.se, y.m))
    return dst, x, y


@routine(32, faults=False)
def fp_yl2x(m: StateBuilder, plus_one):
    """ST(1) = ST(1) * log2(ST(0)), or log2(ST(0) + 1), pop."""
    dst, x, y = _operands(m)
    p1 = plus_one.ne(0)
    yz, yi, xz, xi = y.zero(), y.infinite(), x.zero(), x.infinite()
    one = ~p1 & x.se.eq(BIAS) & x.m.eq(J)
    no_log = x.negative & p1.select(x.exp.uge(BIAS), ~xz, 1)
    nothing = one | (p1 & xz)  # the logarithm is 0
    pole = ~p1 & xz
    with m.if_(no_log | ((pole | xi) & yz) | (nothing & yi)):
        _finish(m, call(m, "fp_invalid", dst, IE))
    den = (x.denormal() | y.denormal()).select(DE, 0, 32)
    withheld = call(m, "fp_flags", (pole & ~yi).select(ZE, den))
    refuse_if(m, withheld)
    below = p1.select(x.negative, x.exp.ult(BIAS), 1)  # the logarithm is negative
    sign = y.sign ^ below.select(SIGN, 0, 32)
    with m.if_(pole | xi | yi | yz | nothing):
        # of 1 + x for a negative zero, log2 is a negative zero
        big = pole | xi | yi
        write(
            m,
            dst,
            nothing.select(y.sign ^ p1.select(x.sign, 0), sign) | big.select(EXP_MAX, 0, 32),
            big.select(J, 0, 64),
        )
        _finish(m)
    (xe, xm), (ye, ym) = x.normalized(), y.normalized()
    tiny = p1 & xe.slt(BIAS - 2)
    # 2**k * total, with two bits before the point: x itself, or 1 + x
    k = xe - BIAS
    whole_x = xm.zext(128) << 63
    above = ~k.msb()
    part = shifted(m, whole_x, above.select(0, -k))
    one_ = shifted(m, m.const(ONE, 128), above.select(k, 0))
    total = p1.select(x.negative.select(one_ - part, one_ + part), whole_x)
    lz = total.ctlz() & 127
    v = total << lz
    e = (p1 & ~above).select(0, k) + 1 - lz.trunc(32)
    upper = v.ugt(ROOT_2)
    e = e + upper.zext(32)
    v = v >> upper.select(2, 1, 32).zext(128)
    under = v.ult(ONE)
    num = under.select(m.const(ONE, 128) - v, v - ONE)
    two = m.const(ONE << 1, 128)
    s, se = ratio(
        m, tiny.select(whole_x, num), tiny.select(x.negative.select(two - part, two + part), v + ONE), tiny.select(k, 0)
    )
    log = mulhi(
        m, odd_series(m, s, se, False), m.const(scaled(TWO_OVER_LN2, 126), 128)
    )  # 125 - se bits after the point
    e = tiny.select(0, e)
    whole = e.msb().select(-e, e).zext(128) << 112
    fraction = shifted(m, log, m.const(13, 32) - se)
    summed = (e.msb() ^ under).select(whole - fraction, whole + fraction)
    alone = e.eq(0)
    value = alone.select(log, summed)
    lz = value.ctlz() & 127
    le = alone.select(se + 2, 15) - lz.trunc(32)
    product = mulhi(m, value << lz, ym.zext(128) << 64)
    exact = num.eq(0) & ~tiny
    pz = product.ctlz() & 127
    n = product << pz
    call(m, "fp_result", dst, sign, le + ye + 1 - pz.trunc(32), (n >> 64).trunc(64), n.trunc(64) | (~exact).zext(64),
         den | exact.select(FULL | PE, FULL, 32))  # PE even then  # fmt: skip
    _finish(m)


def _angle(m: StateBuilder, dst: Value, sign: Value, eighths: Value) -> None:
    """So many eighths of pi (0 to 8, even ones) into a register."""
    with m.if_(eighths.eq(0)):
        write(m, dst, sign, 0)
    with m.else_():
        deliver(m, dst, sign, m.const(1, 32), m.const(scaled(PI, 123), 128) * eighths.zext(128), m.const(FULL, 32))
    _finish(m)


@routine(faults=False)
def fp_patan(m: StateBuilder):
    """ST(1) = the angle of the point (ST(0), ST(1)), pop."""
    dst, x, y = _operands(m)
    den = (x.denormal() | y.denormal()).select(DE, 0, 32)
    refuse_if(m, call(m, "fp_flags", den))
    xi, yi, xz, yz = x.infinite(), y.infinite(), x.zero(), y.zero()
    with m.if_(xi | yi | xz | yz):
        # both infinite: a diagonal; y alone large or x alone small: straight up; else on the axis of x
        diagonal = xi & yi
        up = yi | (xz & ~yz)
        _angle(
            m, dst, y.sign, diagonal.select(x.negative.select(6, 2, 32), up.select(4, x.negative.select(8, 0, 32), 32))
        )
    (xe, xm), (ye, ym) = x.normalized(), y.normalized()
    swap = xe.slt(ye) | (xe.eq(ye) & xm.ult(ym))
    ve, vm, we, wm = swap.select(xe, ye), swap.select(xm, ym), swap.select(ye, xe), swap.select(ym, xm)
    w = wm.zext(128) << 56
    v = shifted(m, vm.zext(128) << 56, we - ve)
    k = m.const(0, 32)
    for j in range(1, 9):
        k = k + (w * (2 * j - 1)).ule(v << 4).zext(32)
    kw, kv = w * k.zext(128), v * k.zext(128)
    none = k.eq(0)
    under = ~none & (v << 3).ult(kw)
    num = under.select(kw - (v << 3), (v << 3) - kw)
    s, se = ratio(
        m, none.select(vm.zext(128) << 63, num), none.select(wm.zext(128) << 63, (w << 3) + kv), none.select(ve - we, 0)
    )
    arc = odd_series(m, s, se, True)  # 127 - se bits after the point
    with m.if_(none & ~swap & ~x.negative):
        deliver(m, dst, y.sign, se, arc, den | FULL)
        _finish(m)
    table = m.const(0, 128)
    for j in range(1, 9):
        table = k.eq(j).select(scaled(ATAN[j], 126), table, 128)
    part = shifted(m, arc, m.const(1, 32) - se)
    theta = under.select(table - part, table + part)
    base = swap.select(scaled(PI, 125), x.negative.select(scaled(PI, 126), 0, 128), 128)
    minus = swap ^ x.negative
    deliver(m, dst, y.sign, m.const(1, 32), minus.select(base - theta, base + theta), den | FULL)
    _finish(m)
