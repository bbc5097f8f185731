"""Formats in memory: 32- and 64-bit reals, 80-bit, integers, packed decimal; loads, stores, and arithmetic with a
memory operand.

The routines take linear addresses that were checked against their segment. Loads touch memory before they change
anything; stores store before they change anything (manual volume 1, 4.2, 4.7 and 8.3.3).
"""

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.softfloat.core import (
    BIAS,
    C1,
    DE,
    EXP_MAX,
    IE,
    NAN_M,
    NAN_SE,
    OE,
    PE,
    QUIET,
    SF,
    SIGN,
    UE,
    J,
    Num,
    call,
    empty,
    masked,
    physical,
    pop,
    read,
    rounding,
    rounds_up,
    shift_sticky,
)
from playhead.x86.table import routine

F32, F64, I16, I32, I64, F80, BCD = range(7)  # memory formats, as routines take them
INDEFINITE = {I16: 1 << 15, I32: 1 << 31, I64: 1 << 63}


def widen(m: StateBuilder, raw: Value) -> tuple[Value, Value, Value]:
    """(se, mantissa, flags) of a real of 32 or 64 bits: exact; DE for a denormal. NaNs keep their payload and kind."""
    bits = raw.bits
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    top = (1 << (bits - 1 - fraction)) - 1
    e = raw.field(fraction, bits - 1 - fraction)
    f = (raw & ((1 << fraction) - 1)).zext(64) << (63 - fraction)
    e32 = e.zext(32) if bits == 32 else e.trunc(32)
    low, denormal = e32.eq(0), e32.eq(0) & f.ne(0)
    lz = f.ctlz() & 63
    exp = e32.eq(top).select(EXP_MAX, e32 + (BIAS - bias))
    tiny = m.const(BIAS - bias + 1, 32) - lz.trunc(32)
    exp = low.select(denormal.select(tiny, 0), exp)
    mant = low.select(f << lz, f | J)
    return raw.msb().zext(32) << 15 | exp, mant, denormal.select(DE, 0, 32)


def from_integer(m: StateBuilder, v: Value) -> tuple[Value, Value]:
    """(se, mantissa) of a signed integer; exact."""
    v = v.sext(64)
    size = v.msb().select(-v, v)
    lz = size.ctlz() & 63
    exp = size.eq(0).select(0, m.const(BIAS + 63, 32) - lz.trunc(32))
    return v.msb().zext(32) << 15 | exp, size << lz


@routine(32, 32)
def fp_group_mem(m: StateBuilder, linear, code):
    """The arithmetic group with a memory operand: bits 0-2 of `code` the operation, 4-5 the format (F32 F64 I16
    I32).
    """
    kind = (code >> 4) & 3
    se, mant, flags = m.var(32), m.var(64), m.var(32, 0)
    for n, bits in ((F32, 32), (F64, 64), (I16, 16), (I32, 32)):
        with m.if_(kind.eq(n)):
            raw = m.guest_load(linear, bits)
            if n in (F32, F64):
                s, v, f = widen(m, raw)
                flags.set(f)
            else:
                s, v = from_integer(m, raw)
            se.set(s)
            mant.set(v)
    top = physical(m)
    op = code & 7
    full = op | (top << 8) | empty(m, top).select(1 << 12, 0, 32)
    withheld = call(m, "fp_group", full, se.get(), mant.get(), flags.get())
    with m.if_(withheld.eq(0) & op.eq(3)):
        pop(m)


@routine(32, 32)
def fp_load(m: StateBuilder, linear, kind):
    """Push the value at an address: F32 F64 I16 I32 I64 F80."""
    se, mant, flags = m.var(32), m.var(64), m.var(32, 0)
    for n, bits in ((F32, 32), (F64, 64), (I16, 16), (I32, 32), (I64, 64), (F80, 64)):
        with m.if_(kind.eq(n)):
            raw = m.guest_load(linear, bits)
            if n == F80:
                se.set(m.guest_load(linear + 8, 16).zext(32))
                mant.set(raw)
            elif n in (F32, F64):
                s, v, f = widen(m, raw)
                x = Num(m, s, v)
                flags.set(x.signalling().select(IE, f))
                se.set(s)
                mant.set(x.nan().select(v | QUIET, v))
            else:
                s, v = from_integer(m, raw)
                se.set(s)
                mant.set(v)
    call(m, "fp_push", se.get(), mant.get(), flags.get())


def _narrow(m: StateBuilder, x: Num, bits: int) -> tuple[Value, Value]:
    """(bits of a real of 32 or 64 bits, flags) for a supported operand. An unmasked overflow or underflow is all that
    is flagged.
    """
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    drop, top = 63 - fraction, (1 << (bits - 1 - fraction)) - 1
    rc = rounding(m)
    exp = x.exp - (BIAS - bias)

    def cut(v: Value) -> tuple[Value, Value, Value]:
        """128 bits with J on top: rounded mantissa with J at bit `fraction`, inexact, up."""
        kept = (v >> (64 + drop)).trunc(64)
        rest = (v >> drop).trunc(64) | (v & ((1 << drop) - 1)).ne(0).zext(64)
        up = rounds_up(m, rc, x.negative, kept.bit(0), rest)
        return kept + up.zext(64), rest.ne(0), up

    wide = x.m.zext(128) << 64
    r, inexact, up = cut(wide)
    carry = r.bit(fraction + 1)
    e = exp + carry.zext(32)
    tiny = exp.sle(0) & e.sle(0)
    shift = exp.sle(0).select(m.const(1, 32) - exp, 0)
    r2, inexact2, up2 = cut(shift_sticky(m, wide, shift))
    r, inexact, up = exp.sle(0).select(r2, r), exp.sle(0).select(inexact2, inexact), exp.sle(0).select(up2, up)
    field = exp.sle(0).select(0, exp - 1).zext(64)  # J adds one to the exponent field, and so does a carry
    body = (field << fraction) + r
    flags = inexact.select(PE, 0, 32) | up.select(C1, 0, 32)
    flags = tiny.select(masked(m, UE).select(inexact.select(flags | UE, 0), UE), flags)
    over = e.sge(top) & exp.sgt(0)
    infinite = rc.eq(0) | rc.eq(x.negative.select(1, 2, 32))
    largest = (top << fraction) - 1
    body = over.select(infinite.select(top << fraction, largest, 64), body)
    flags = over.select(OE | masked(m, OE).select(infinite.select(PE | C1, PE, 32), 0), flags)
    # zero, infinity, NaN
    zero, special = x.exp.eq(0) & x.m.eq(0), x.exp.eq(EXP_MAX)
    payload = (x.m >> drop) & ((1 << fraction) - 1)
    quiet = x.m.ugt(J).select(payload | (1 << (fraction - 1)), payload)
    body = zero.select(0, special.select(quiet | (top << fraction), body))
    flags = (zero | special).select(x.signalling().select(IE, 0, 32), flags)
    return (body | (x.negative.zext(64) << (bits - 1))).trunc(bits), flags


@routine(32, 32)
def fp_store(m: StateBuilder, linear, code):
    """Store ST(0) as F32, F64 or F80 (bits 0-2 of `code`); bit 8: and pop."""
    kind, top = code & 7, physical(m)
    lacking = empty(m, top)
    raw = read(m, top)
    with m.if_(kind.eq(F80)):
        with m.if_(lacking & ~masked(m, IE)):
            call(m, "fp_flags", IE | SF)
            m.ret(0)
        m.guest_load(linear + 8, 16, "w")
        m.guest_store(linear, lacking.select(NAN_M, raw.m))
        m.guest_store(linear + 8, lacking.select(NAN_SE, raw.se).trunc(16))
        call(m, "fp_flags", lacking.select(IE | SF, 0, 32))
        pop(m)
        m.ret(0)
    bad = lacking | raw.unsupported()
    x = Num(m, bad.select(NAN_SE, raw.se), bad.select(NAN_M, raw.m))
    flags = m.var(32)
    for n, bits in ((F32, 32), (F64, 64)):
        with m.if_(kind.eq(n)):
            value, found = _narrow(m, x, bits)
            found = lacking.select(IE | SF, raw.unsupported().select(IE, found))
            with m.if_((found & ~m.ld("fcw") & (IE | OE | UE)).ne(0)):
                call(m, "fp_flags", found)
                m.ret(0)
            m.guest_store(linear, value)
            flags.set(found)
    call(m, "fp_flags", flags.get())
    with m.if_(code.bit(8)):
        pop(m)


def integral(m: StateBuilder, x: Num) -> tuple[Value, Value, Value]:
    """(magnitude of x rounded to an integer, flags, too big for 64 bits) of a finite supported operand."""
    wide = x.m.zext(128) << 64
    # with exponent BIAS + 63 the mantissa is the integer itself
    down = m.const(BIAS + 63, 32) - x.exp
    big = down.slt(0)
    v = shift_sticky(m, wide, big.select(0, down))
    rest = v.trunc(64)
    up = rounds_up(m, rounding(m), x.negative, v.bit(64), rest)
    n = (v >> 64).trunc(64) + up.zext(64)
    return n, rest.ne(0).select(PE, 0, 32) | up.select(C1, 0, 32), big | (up & n.eq(0))


@routine(32, 32)
def fp_store_integer(m: StateBuilder, linear, code):
    """Store ST(0) as I16, I32 or I64 (bits 0-2 of `code`), rounded; bit 8: and pop."""
    kind, top = code & 7, physical(m)
    lacking = empty(m, top)
    x = read(m, top)
    n, found, big = integral(m, x)
    limit = kind.eq(I16).select(1 << 15, kind.eq(I32).select(1 << 31, 1 << 63, 64))
    bad = lacking | x.unsupported() | x.exp.eq(EXP_MAX) | big | x.negative.select(n.ugt(limit), n.uge(limit))
    found = bad.select(lacking.select(IE | SF, IE, 32), found)
    with m.if_(bad & ~masked(m, IE)):
        call(m, "fp_flags", found)
        m.ret(0)
    value = bad.select(limit, x.negative.select(-n, n))
    for k, bits in ((I16, 16), (I32, 32), (I64, 64)):
        with m.if_(kind.eq(k)):
            m.guest_store(linear, value.trunc(bits))
    call(m, "fp_flags", found)
    with m.if_(code.bit(8)):
        pop(m)


@routine(32)
def fp_load_decimal(m: StateBuilder, linear):
    """FBLD: push 18 packed digits and a sign."""
    digits = m.var(128, m.guest_load(linear, 64).zext(128) | (m.guest_load(linear + 8, 16).zext(128) << 64))
    negative = digits.get().bit(79)
    digits.set(digits.get() << 56)  # the top pair is bits 64-71
    n, left = m.var(64, 0), m.var(32, 18)
    with m.loop():
        n.set(n.get() * 10 + (digits.get() >> 124).trunc(64))
        digits.set(digits.get() << 4)
        left.set(left.get() - 1)
        with m.if_(left.get().eq(0)):
            m.break_()
    se, mant = from_integer(m, n.get())
    call(m, "fp_push", se | (negative.zext(32) << 15), mant, 0)


@routine(32)
def fp_store_decimal(m: StateBuilder, linear):
    """FBSTP: store ST(0) rounded to 18 packed digits and a sign, and pop."""
    top = physical(m)
    lacking = empty(m, top)
    x = read(m, top)
    n, found, big = integral(m, x)
    bad = lacking | x.unsupported() | x.exp.eq(EXP_MAX) | big | n.uge(10**18)
    found = bad.select(lacking.select(IE | SF, IE, 32), found)
    with m.if_(bad & ~masked(m, IE)):
        call(m, "fp_flags", found)
        m.ret(0)
    m.guest_load(linear + 8, 16, "w")
    digits, rest, left = m.var(128, 0), m.var(64, bad.select(0, n)), m.var(32, 18)
    with m.loop():
        tenth = rest.get().udiv(10)
        digits.set((digits.get() >> 4) | ((rest.get() - tenth * 10).zext(128) << 68))
        rest.set(tenth)
        left.set(left.get() - 1)
        with m.if_(left.get().eq(0)):
            m.break_()
    m.guest_store(linear, bad.select(0xC000000000000000, digits.get().trunc(64)))
    high = (digits.get() >> 64).trunc(16) | (x.se & SIGN).trunc(16)
    m.guest_store(linear + 8, bad.select(0xFFFF, high))
    call(m, "fp_flags", found)
    pop(m)
