"""Elementary functions of rationals in Python's integers, to many more bits than any register holds: what the x87 is
measured against.

Fixed point with P bits after the point; written without looking like the code under test (plain Taylor series,
arguments halved until they are tiny).
"""

from fractions import Fraction

P = 700
UNIT = 1 << P
HALVINGS = 24


def fixed(x: Fraction) -> int:
    return (x.numerator << P) // x.denominator


def _exp(x: int) -> int:
    term = total = UNIT
    y, n = x >> HALVINGS, 1
    while term:
        term = term * y // n >> P if term * y >= 0 else -(-term * y // n >> P)
        total += term
        n += 1
    for _ in range(HALVINGS):
        total = total * total >> P
    return total


def exp2_minus_one(x: Fraction) -> Fraction:
    return Fraction(_exp(fixed(x) * LN2 >> P) - UNIT, UNIT)


def _log(x: int) -> int:
    """Newton on exp, for x between 1/4 and 4."""
    y = 0
    for _ in range(12):
        e = _exp(y)
        y += ((x - e) << (P + 1)) // (x + e)
    return y


LN2 = 0
LN2 = _log(2 * UNIT)


def log2(x: Fraction) -> Fraction:
    """Of x > 0; near 1 with all the bits that matter."""
    e = x.numerator.bit_length() - x.denominator.bit_length()
    m = x / Fraction(2) ** e
    return e + Fraction(_log(fixed(m)), LN2)


def sin_cos(x: Fraction) -> tuple[Fraction, Fraction]:
    """Of |x| below 2."""
    y = fixed(x) >> 3
    square = y * y >> P
    s = term = y
    n = 1
    while term:
        term = (
            -(term * square >> P) // ((n + 1) * (n + 2)) if term > 0 else (-term * square >> P) // ((n + 1) * (n + 2))
        )
        s += term
        n += 2
    c = term = UNIT
    n = 0
    while term:
        term = (
            -(term * square >> P) // ((n + 1) * (n + 2)) if term > 0 else (-term * square >> P) // ((n + 1) * (n + 2))
        )
        c += term
        n += 2
    for _ in range(3):
        s, c = 2 * s * c >> P, (c * c - s * s) >> P
    return Fraction(s, UNIT), Fraction(c, UNIT)


def atan(x: Fraction) -> Fraction:
    """Of x >= 0 by Newton on tan, from the series for small x."""
    if x > 1:
        return HALF_PI - atan(1 / x)
    v = fixed(x)
    y = v
    for _ in range(12):
        s, c = sin_cos(Fraction(y, UNIT))
        # y += sin(true - y): true is the angle of (1, x)
        y += fixed((x * c - s) / (c + x * s))
    return Fraction(y, UNIT)


HALF_PI = Fraction(0)
HALF_PI = 2 * atan(Fraction(1))
PROCESSOR_HALF_PI = Fraction(0xC90FDAA22168C234C, 1 << 67)


def value(se: int, mant: int) -> Fraction:
    """What an extended number is worth."""
    e = max(se & 0x7FFF, 1) - 16383 - 63
    v = Fraction(mant) * (Fraction(2) ** e)
    return -v if se & 0x8000 else v


def reduced(x: Fraction) -> tuple[int, Fraction]:
    """(quadrant, rest) by the processor's pi."""
    n = round(x / PROCESSOR_HALF_PI)
    return n, x - n * PROCESSOR_HALF_PI


def sine_cosine(x: Fraction) -> tuple[Fraction, Fraction]:
    n, r = reduced(x)
    s, c = sin_cos(r)
    return ((s, c), (c, -s), (-s, -c), (-c, s))[n & 3]


def error_ulp(se: int, mant: int, exact: Fraction) -> Fraction:
    """|got - exact| in units of the last place of what was got."""
    e = max(se & 0x7FFF, 1) - 16383 - 63
    return abs(value(se, mant) - exact) / (Fraction(2) ** e)
