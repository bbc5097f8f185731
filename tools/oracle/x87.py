"""How far two processors' x87 results may lie apart, and be right: the one place for the tests and for the fuzzer.

The last bits of the transcendental instructions are up to the processor. Where the true result lies between two
neighbours, one of them denormal, so is underflow: the sine of the smallest normal number is less than that, so towards
zero it is the largest denormal number with UE (ours, AMD's); Intel's give the operand itself, without UE.
"""

import struct

J = 1 << 63  # the integer bit; from here on up mantissas are normal
UE, SUMMARY, C1 = 0x10, 0x8080, 0x200  # of the status word; the summary is ES and B
SMALLEST = J  # the rank of the smallest normal number
SCALE = 24576  # what an underflow that is not masked adds to the exponent
INFINITY = (0x7FFF, J)


def _parts(real: bytes) -> tuple[int, int]:
    mantissa, high = struct.unpack("<QH", real)
    return high, mantissa


def rank(real: bytes) -> int:
    """An integer that grows by one from an 80-bit real to the next larger one, sign apart, across all exponents."""
    high, mantissa = _parts(real)
    return (high & 0x7FFF) << 63 | mantissa & J - 1


def near(a: bytes, b: bytes, units: int) -> bool:
    """Two 80-bit reals of one sign, at most so many units of the last place apart."""
    return (a[9] ^ b[9]) >> 7 == 0 and abs(rank(a) - rank(b)) <= units


def underflow_is_open(a: bytes, b: bytes, units: int) -> bool:
    """Whether one of two near results is denormal and the other one is not."""
    return near(a, b, units) and (rank(a) < SMALLEST) != (rank(b) < SMALLEST)


def unscaled(real: bytes) -> bytes:
    """What an underflow that is not masked has scaled, as the denormal number below it (truncated)."""
    high, mantissa = _parts(real)
    exponent = (high & 0x7FFF) - SCALE
    if not -63 < exponent <= 0:
        return real
    return struct.pack("<QH", mantissa >> 1 - exponent, high & 0x8000)


def registers(fx: bytes) -> list[bytes]:
    """ST(0) to ST(7) of an FXSAVE image, ten bytes each."""
    return [fx[at : at + 10] for at in range(32, 160, 16)]


def _status(fx: bytes) -> tuple[int, int]:
    control, status = struct.unpack_from("<HH", fx)
    return control, status


def _underflow_alone(a: bytes, b: bytes, ignored: int) -> bool:
    """Whether status words differ in UE, and in nothing but what follows from it."""
    (control, sa), (_, sb) = _status(a), _status(b)
    follows = SUMMARY if control & UE == 0 else 0
    return (sa ^ sb) & UE != 0 and (sa ^ sb) & ~(UE | follows | ignored) == 0


def _masked(a: bytes, b: bytes) -> tuple[list[bytes], list[bytes]]:
    """The registers of both; where an underflow that is not masked has scaled one of the two, it is unscaled."""
    ra, rb = registers(a), registers(b)
    if _status(a)[0] & UE == 0:
        for n, (x, y) in enumerate(zip(ra, rb, strict=True)):
            if x != y:
                ra[n], rb[n] = unscaled(x), unscaled(y)
    return ra, rb


def same_transcendental(a: bytes, b: bytes, units: int = 1) -> bool:
    """Two images after a transcendental instruction: results near each other, C1 (rounded up) free; UE, and ES with it,
    only where one of two results is denormal."""
    if a[:2] != b[:2] or a[4] != b[4]:
        return False
    if (_status(a)[1] ^ _status(b)[1]) & ~C1 == 0:
        return all(near(x, y, units) for x, y in zip(registers(a), registers(b), strict=True))
    pairs = list(zip(*_masked(a, b), strict=True))
    open_ = any(underflow_is_open(x, y, units) for x, y in pairs)
    return _underflow_alone(a, b, C1) and open_ and all(near(x, y, units) for x, y in pairs)


def last_bits(a: bytes, b: bytes, units: int) -> bool:
    """Whether registers differ in their last bits at most; of the status word, and of signs, nothing is said."""
    return all(abs(rank(x) - rank(y)) <= units for x, y in zip(*_masked(a, b), strict=True))


def same_remainder_of_infinity(a: bytes, b: bytes) -> bool:
    """FPREM and FPREM1 of a denormal number by infinity, underflow not masked: the result is the operand, exactly. Ours
    and AMD's raise UE and scale it, Intel's do not."""
    (xs, ys) = _masked(a, b)
    high, mantissa = _parts(xs[1])
    denormal = 0 < rank(xs[0]) < SMALLEST
    infinite = (high & 0x7FFF, mantissa) == INFINITY
    unmasked = _status(a)[0] & UE == 0
    return unmasked and infinite and denormal and xs == ys and a[4] == b[4] and _underflow_alone(a, b, 0)
