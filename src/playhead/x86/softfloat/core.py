"""Arithmetic of the x87 in integers: what every routine of the floating-point unit shares.

An extended value is a pair: `se`, 32 bits that hold sign (bit 15) and biased exponent, and `m`, the 64-bit mantissa
with its explicit integer bit J. Nothing here knows the host's floating point, so a recording made on one host replays
on another. The manual's volume 1, chapters 4.8, 4.9 and 8 (formats, NaN rules, exceptions and their masked answers)
is the source.

How exceptions travel: an operation collects flags (IE DE ZE OE UE PE, and C1) and gives them to `fp_flags`, which
merges them into FSW, keeps ES and B, and answers whether the result must be withheld: an unmasked IE, DE or ZE means
that the operation leaves its operands and the stack as they were. Unmasked OE, UE, PE still deliver a result to a
register.
"""

from playhead.ir.ops import Value
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

IE, DE, ZE, OE, UE, PE, SF = 1, 2, 4, 8, 16, 32, 64
ES_B = 0x8080  # error summary, and B, which mirrors it
C0, C1, C2, C3 = 0x100, 0x200, 0x400, 0x4000
SIGN, EXP_MAX, BIAS = 0x8000, 0x7FFF, 16383
J, QUIET = 1 << 63, 1 << 62
NAN_SE, NAN_M = 0xFFFF, J | QUIET  # the indefinite
FULL = 1 << 31  # flag of `fp_result`: round to 64 bits, whatever the precision control says
UNMASKED_SCALE = 24576  # what an unmasked overflow or underflow takes off or adds to the exponent
ADD, MUL, COM, COMP, SUB, SUBR, DIV, DIVR = range(8)  # the reg field of D8, DA, DC, DE


class Num:
    """An extended operand at build time, with the questions that routines ask about it."""

    def __init__(self, b: StateBuilder, se: Value, m: Value):
        self.b, self.se, self.m = b, se, m

    @property
    def sign(self) -> Value:
        return self.se & SIGN

    @property
    def negative(self) -> Value:
        return self.se.bit(15)

    @property
    def exp(self) -> Value:
        return self.se & EXP_MAX

    def normal(self) -> Value:
        return self.m.msb() & (self.exp - 1).ult(EXP_MAX - 1)

    def zero(self) -> Value:
        return self.exp.eq(0) & self.m.eq(0)

    def denormal(self) -> Value:
        """Exponent field 0 and not zero; pseudo-denormals (J set) too."""
        return self.exp.eq(0) & self.m.ne(0)

    def unsupported(self) -> Value:
        """Unnormals, pseudo-infinities, pseudo-NaNs: invalid operands since the 387."""
        return self.exp.ne(0) & ~self.m.msb()

    def infinite(self) -> Value:
        return self.exp.eq(EXP_MAX) & self.m.eq(J)

    def nan(self) -> Value:
        return self.exp.eq(EXP_MAX) & self.m.ugt(J)

    def signalling(self) -> Value:
        return self.nan() & ~self.m.bit(62)

    def normalized(self) -> tuple[Value, Value]:
        """(exponent, mantissa with J set) of a finite value that is not zero; the exponent of a denormal is 0 or
        less.
        """
        lz = (self.m.ctlz() & 63).trunc(32)
        low = self.exp.eq(0)
        shift = low.select(lz, 0, 32)
        return low.select(self.b.const(1, 32) - lz, self.exp), self.m << shift.zext(64)


def physical(m: StateBuilder, i: "int | Value" = 0) -> Value:
    """The number of the physical register that ST(i) is."""
    return (m.ld("ftop") + i) & 7


def read(m: StateBuilder, phys: Value) -> Num:
    return Num(m, m.ld_at("fpr", (phys << 1) + 1).trunc(32), m.ld_at("fpr", phys << 1))


def write(m: StateBuilder, phys: Value, se: "Value | int", mant: "Value | int") -> None:
    """Fill a register; its tag becomes valid."""
    m.st_at("fpr", phys << 1, mant)
    m.st_at("fpr", (phys << 1) + 1, se.zext(64) if isinstance(se, Value) else se)
    m.st("ftag", m.ld("ftag") & ~(m.const(1, 32) << phys))


def empty(m: StateBuilder, phys: Value) -> Value:
    return (m.ld("ftag") >> phys).trunc(1)


def pop(m: StateBuilder, count: int = 1) -> None:
    top = m.ld("ftop")
    tags = m.ld("ftag")
    for i in range(count):
        tags = tags | (m.const(1, 32) << ((top + i) & 7))
    m.st("ftag", tags)
    m.st("ftop", (top + count) & 7)


def masked(m: StateBuilder, flag: int) -> Value:
    return (m.ld("fcw") & flag).ne(0)


def rounding(m: StateBuilder) -> Value:
    """Rounding control: 0 nearest even, 1 down, 2 up, 3 to zero."""
    return m.ld("fcw").field(10, 2)


def rounds_up(m: StateBuilder, rc: Value, negative: Value, odd: Value, rest: Value) -> Value:
    """Whether to add one unit, given the discarded bits as a fraction of 64 bits (the last one sticky)."""
    nearest = rest.msb() & ((rest << 1).ne(0) | odd)
    away = rest.ne(0) & rc.eq(negative.select(1, 2, 32))
    return rc.eq(0).select(nearest, away, 1)


def shift_sticky(m: StateBuilder, v: Value, n: Value) -> Value:
    """v >> n for a 128-bit v and any unsigned n; the lowest bit collects what falls out."""
    wide = n.zext(128)
    far = n.ugt(127)
    by = far.select(127, wide, 128)
    out = v >> by
    lost = far.select(v, v & ((m.const(1, 128) << by) - 1))
    return far.select(0, out, 128) | lost.ne(0).zext(128)


def refuse_if(m: StateBuilder, withheld: Value) -> None:
    """End the routine with 1, "the operands stay", if the 64-bit answer of `fp_flags` says so."""
    with m.if_(withheld.ne(0)):
        m.ret(1)


@routine(32, faults=False)
def fp_flags(m: StateBuilder, flags):
    """Merge exception flags (and C1, which is cleared otherwise) into FSW; 1 if an unmasked IE, DE or ZE is among
    them.
    """
    mask = m.ld("fcw")
    fsw = (m.ld("fsw") & ~C1) | flags
    pending = (fsw & ~mask & 0x3F).ne(0)
    m.st("fsw", (fsw & ~ES_B) | pending.select(ES_B, 0, 32))
    m.ret((flags & ~mask & (IE | DE | ZE)).ne(0).zext(64))


@routine(32, 32, faults=False)
def fp_invalid(m: StateBuilder, dst, flags):
    """An invalid operation (`flags`: IE, with SF for a stack fault): the indefinite goes to a register if masked. 1:
    withheld.
    """
    refuse_if(m, call(m, "fp_flags", flags))
    write(m, dst, NAN_SE, NAN_M)


@routine(32, 32, 64, 32, 64, faults=False)
def fp_nan(m: StateBuilder, dst, xse, xm, yse, ym):
    """The answer to operands of which one or both are NaNs, quiet, into a register (manual volume 1, table 4-7). 1:
    withheld.

    Of two, a quiet one wins over a signalling one, else the larger mantissa, else the positive one.
    """
    x, y = Num(m, xse, xm), Num(m, yse, ym)
    xs, ys = x.signalling(), y.signalling()
    refuse_if(m, call(m, "fp_flags", (xs | ys).select(IE, 0, 32)))
    larger = ym.ult(xm) | (xm.eq(ym) & y.negative)
    both = xs.eq(ys).select(larger, ys, 1)
    first = (x.nan() & y.nan()).select(both, x.nan(), 1)
    write(m, dst, first.select(xse, yse), first.select(xm, ym) | QUIET)


def _rounded(m: StateBuilder, hi: Value, lo: Value, keep: Value, negative: Value) -> tuple[Value, Value, Value, Value]:
    """Round hi.lo to `keep` (0: 24 bits, 2: 53, else 64): (mantissa, carry out, inexact, went up)."""
    k24, k53 = keep.eq(0), keep.eq(2)
    unit = k24.select(1 << 40, k53.select(1 << 11, 1, 64))
    sticky = lo.ne(0).zext(64)
    rest = k24.select((hi << 24) | sticky, k53.select((hi << 53) | sticky, lo))
    base = hi & ~(unit - 1)
    up = rounds_up(m, rounding(m), negative, (base & unit).ne(0), rest)
    r = base + up.select(unit, 0)
    return r, up & r.eq(0), rest.ne(0), up


@routine(32, 32, 32, 64, 64, 32, faults=False)
def fp_result(m: StateBuilder, dst, sign, exp, hi, lo, flags):
    """Round a normalised value (hi has J, lo continues it, its last bit sticky) with a signed biased exponent into a
    register.

    Flags given are raised too; with FULL the precision control is ignored. Overflow and underflow answer as masked or
    unmasked; tininess is detected after rounding.
    """
    keep = flags.msb().select(3, m.ld("fcw").field(8, 2), 32)
    negative = sign.ne(0)
    r, carry, inexact, up = _rounded(m, hi, lo, keep, negative)
    e = exp + carry.zext(32)
    mant = carry.select(J, r)
    flags = flags & (FULL - 1)
    done = inexact.select(PE, 0, 32) | up.select(C1, 0, 32) | flags
    with m.if_((e - 1).ult(EXP_MAX - 1) & exp.ne(0)):
        call(m, "fp_flags", done)
        write(m, dst, sign | e, mant)
        m.ret(0)
    with m.if_(exp.sle(0)):
        tiny = e.sle(0)
        with m.if_(~masked(m, UE) & tiny):
            # the exponent wraps into range; FSCALE alone can be so far below that it does not
            scaled = e + UNMASKED_SCALE
            lost = scaled.sle(0)
            call(m, "fp_flags", done | lost.select(UE | PE, UE, 32))
            write(m, dst, sign | lost.select(0, scaled), lost.select(0, mant))
            m.ret(0)
        wide = shift_sticky(m, (hi.zext(128) << 64) | lo.zext(128), m.const(1, 32) - exp)
        r, carry, inexact, up = _rounded(m, (wide >> 64).trunc(64), wide.trunc(64), keep, negative)
        found = inexact.select(PE, 0, 32) | (inexact & tiny).select(UE, 0, 32) | up.select(C1, 0, 32)
        call(m, "fp_flags", flags | found)
        write(m, dst, sign | r.msb().zext(32), r)
        m.ret(0)
    with m.if_(masked(m, OE)):
        rc = rounding(m)
        infinite = rc.eq(0) | rc.eq(negative.select(1, 2, 32))
        largest = keep.eq(0).select(0xFFFFFF << 40, keep.eq(2).select(0xFFFFFFFFFFFFF800, (1 << 64) - 1, 64))
        call(m, "fp_flags", flags | OE | PE | infinite.select(C1, 0, 32))
        write(m, dst, sign | infinite.select(EXP_MAX, EXP_MAX - 1, 32), infinite.select(J, largest))
        m.ret(0)
    scaled = e - UNMASKED_SCALE
    lost = scaled.sge(EXP_MAX)
    call(m, "fp_flags", done | lost.select(OE | PE | C1, OE, 32))
    write(m, dst, sign | lost.select(EXP_MAX, scaled), lost.select(J, mant))


@routine(32, 64, 32, faults=False)
def fp_push(m: StateBuilder, se, mant, flags):
    """Push a value, with the flags that finding it raised; a full stack answers #IS with C1 set. 1: withheld."""
    new = (m.ld("ftop") - 1) & 7
    with m.if_(~empty(m, new)):
        refuse_if(m, call(m, "fp_flags", IE | SF | C1))
        m.st("ftop", new)
        write(m, new, NAN_SE, NAN_M)
        m.ret(0)
    call(m, "fp_flags", flags)
    with m.if_((flags & ~m.ld("fcw") & IE).ne(0)):  # an unmasked DE does not keep the value out
        m.ret(1)
    m.st("ftop", new)
    write(m, new, se, mant)
