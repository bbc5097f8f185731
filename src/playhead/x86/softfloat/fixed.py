"""Fixed-point pieces of the transcendental functions: 128-bit fractions, polynomials, quotients, all in integers.

A fraction of 128 bits carries twice the precision of a result, so that errors of truncation stay far below its last
bit. Coefficients are computed here, when the routines are built, from Python's integers: pi and arctangents by
Euler's series, logarithms by artanh's.
"""

from collections.abc import Sequence

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import call

GUARD = 200  # bits that constants are computed with


def _atan_ratio(p: int, q: int) -> int:
    """arctan(p/q) for p <= q, scaled: Euler's series, which converges for 1 as well."""
    x = (p << GUARD) // q
    square = (x * x) >> GUARD
    ratio = (square << GUARD) // ((1 << GUARD) + square)
    term = (x << GUARD) // ((1 << GUARD) + square)
    total, k = 0, 1
    while term:
        total += term
        term = ((term * ratio) >> GUARD) * 2 * k // (2 * k + 1)
        k += 1
    return total


def _log_two() -> int:
    """ln 2 = 2 artanh(1/3), scaled."""
    term, total, k = 2 * (1 << GUARD) // 3, 0, 1
    while term:
        total += term // k
        term //= 9
        k += 2
    return total


LN2 = _log_two()
TWO_OVER_LN2 = (2 << (2 * GUARD)) // LN2
ATAN = [_atan_ratio(k, 8) for k in range(9)]  # of k/8
PI = 4 * ATAN[8]


def scaled(value: int, bits: int) -> int:
    """A constant above as a fixed-point number with so many bits after the point."""
    return value >> (GUARD - bits)


def mulhi(m: StateBuilder, a: Value, b: Value) -> Value:
    """The upper half of the product of two 128-bit numbers, up to three units too small."""
    low = (1 << 64) - 1
    ah, bh = a >> 64, b >> 64
    return ah * bh + ((ah * (b & low)) >> 64) + (((a & low) * bh) >> 64)


def horner(m: StateBuilder, x: Value, coefficients: Sequence[int], minus: "Value | bool") -> Value:
    """c0 +- x (c1 +- x (c2 ...)): x a fraction of 128 bits, coefficients and result with one bit before the point."""
    p = m.const(coefficients[-1], 128)
    for c in reversed(coefficients[:-1]):
        t, k = mulhi(m, p, x), m.const(c, 128)
        p = (k - t if minus else k + t) if isinstance(minus, bool) else minus.select(k - t, k + t)
    return p


def shifted(m: StateBuilder, v: Value, n: Value) -> Value:
    """v >> n for a 128-bit v and 0 <= n < 2**31; all gone from 128 on."""
    return n.ugt(127).select(0, v >> (n & 127).zext(128), 128)


def ratio(m: StateBuilder, num: Value, den: Value, exponent: Value) -> tuple[Value, Value]:
    """(fraction with its top bit set, or 0; exponent) of num / den * 2**exponent; den is not 0. Some 95 bits are
    right.
    """
    ln, ld = num.ctlz() & 127, den.ctlz() & 127
    a, b, q, left = m.var(128, (num << ln) >> 1), (den << ld) >> 1, m.var(128, 0), m.var(32, 96)
    with m.loop():
        fits = b.ule(a.get())
        q.set((q.get() << 1) | fits.zext(128))
        a.set((a.get() - fits.select(b, 0)) << 1)
        left.set(left.get() - 1)
        with m.if_(left.get().eq(0)):
            m.break_()
    lq = q.get().ctlz() & 127
    return q.get() << lq, exponent + 33 - lq.trunc(32) + ld.trunc(32) - ln.trunc(32)


ODD = [(1 << 127) // (2 * k + 1) for k in range(16)]


def odd_series(m: StateBuilder, s: Value, exponent: Value, minus: bool) -> Value:
    """s + s^3/3 + s^5/5 ... (artanh; minus: alternating, arctan) of a normalised fraction: mantissa with one bit
    before the point, same exponent. Good for s below 0.18.
    """
    f = shifted(m, s, -exponent)
    return mulhi(m, s, horner(m, mulhi(m, f, f), ODD, minus))


def deliver(m: StateBuilder, dst: Value, sign: Value, exponent: Value, v: Value, flags: Value) -> None:
    """Round v * 2**(exponent - 127), which is not exact, into a register; `exponent` without bias."""
    lz = v.ctlz() & 127
    n = v << lz
    call(m, "fp_result", dst, sign, exponent - lz.trunc(32) + 16383, (n >> 64).trunc(64), n.trunc(64) | 1, flags)
