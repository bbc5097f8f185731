"""Shifts, rotations, bit tests and scans (manual volume 2: RC*/RO*, SAL/SAR/SHL/SHR, SHLD, SHRD, BT*, BSF, BSR).

A count is taken modulo 32. A count of zero changes nothing, flags included, but the right to write memory is checked
anyway. Forms by one and forms by a count are declared apart, because OF is defined by the first alone.
"""

from collections.abc import Callable

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86.table import insn

KEEP_OTHERS = 0x3FFFFFFF  # what of `fl_aux` a rotation leaves: all but the carry and the overflow
Outcome = tuple[Value, Value, Value]  # result, CF, OF


def _second(r: Value) -> Value:
    """The bit below the top one."""
    return r.bit(r.bits - 2)


def _rol(m, a: Value, count: Value) -> Outcome:
    c = count.trunc(8) & (a.bits - 1)
    r = (a << _fit(c, a)) | (a >> _fit(-c & (a.bits - 1), a))
    return r, r.bit(0), r.msb() ^ r.bit(0)


def _ror(m, a: Value, count: Value) -> Outcome:
    c = count.trunc(8) & (a.bits - 1)
    r = (a >> _fit(c, a)) | (a << _fit(-c & (a.bits - 1), a))
    return r, r.msb(), r.msb() ^ _second(r)


def _fit(count: Value, a: Value) -> Value:
    return count.zext(a.bits)


def _with_carry(m, a: Value) -> Value:
    """CF above the operand: what RCL and RCR turn."""
    return (flags.cf(m).zext(64) << a.bits) | a.zext(64)


def _turns(count: Value, bits: int) -> Value:
    """A count of 1 to 31 modulo the bits that RCL and RCR turn, as 64 bits."""
    return (count.urem(bits + 1) if bits < 32 else count).zext(64)


def _rcl(m, a: Value, count: Value) -> Outcome:
    v, c = _with_carry(m, a), _turns(count, a.bits)
    r = (v << c) | (v >> ((a.bits + 1) - c))
    low, cf = r.trunc(a.bits), r.bit(a.bits)
    return low, cf, low.msb() ^ cf


def _rcr(m, a: Value, count: Value) -> Outcome:
    v, c = _with_carry(m, a), _turns(count, a.bits)
    r = (v >> c) | (v << ((a.bits + 1) - c))
    low = r.trunc(a.bits)
    return low, r.bit(a.bits), low.msb() ^ _second(low)


def _shl(m, a: Value, count: Value) -> Outcome:
    wide = a.zext(64) << count.zext(64)
    r, cf = wide.trunc(a.bits), wide.bit(a.bits)
    return r, cf, r.msb() ^ cf


def _shr(m, a: Value, count: Value) -> Outcome:
    wide = (a.zext(64) << 1) >> count.zext(64)  # with the last bit shifted out below the result
    r = (wide >> 1).trunc(a.bits)
    return r, wide.bit(0), _second(r)


def _sar(m, a: Value, count: Value) -> Outcome:
    wide = (a.sext(64) << 1).sar(count.zext(64))
    return (wide >> 1).trunc(a.bits), wide.bit(0), m.const(0, 1)


def _shift(m, dst, src, outcome: Callable[..., Outcome], rotation: bool) -> None:
    count = m.get(src) & 0x1F
    a = m.rmw(dst)

    def change() -> None:
        r, cf, of = outcome(m, a, count)
        if rotation:
            flags.set_carry_overflow(m, cf, of, keep=KEEP_OTHERS)
        else:
            flags.set_explicit(m, r, cf, of)
        m.set(dst, r)

    if count.const is not None:
        change()
        return
    with m.if_(count.ne(0)):
        change()


def _declare(name: str, rows: tuple[int, ...], outcome: Callable[..., Outcome], rotation: bool) -> None:
    def shift(m, dst, src):
        _shift(m, dst, src, outcome, rotation)

    def forms(byte: int, count: str) -> list[str]:
        return [f"{byte + i:02x} /{row} {e},{count}" for row in rows for i, e in enumerate(("Eb", "Ev"))]

    shift.__doc__ = f"{name.upper()}: shift or turn an operand."
    writes, undef = ("OC", "") if rotation else ("OSZAPC", "A")
    insn(*forms(0xD0, "1"), name=name, writes=writes, undef=undef)(shift)
    # CF is undefined where a byte or word is shifted out altogether by SHL or SHR
    lost = "O" + undef + ("C" if name in ("shl", "shr") else "")
    insn(*forms(0xC0, "Ib"), *forms(0xD2, "cl"), name=name, writes=writes, undef=lost)(shift)


_declare("rol", (0,), _rol, True)
_declare("ror", (1,), _ror, True)
_declare("rcl", (2,), _rcl, True)
_declare("rcr", (3,), _rcr, True)
_declare("shl", (4, 6), _shl, False)
_declare("shr", (5,), _shr, False)
_declare("sar", (7,), _sar, False)


def _double(m, dst, src, count, left: bool) -> None:
    """Shift `dst`, filling it from `src`. A word by more than 16 is undefined: processors continue with `src` again."""
    c = m.get(count) & 0x1F
    fill = m.get(src)
    a = m.rmw(dst)
    bits = a.bits
    x, y = a.zext(64), fill.zext(64)
    with m.if_(c.ne(0)):
        by = c.zext(64)
        if left:
            whole = (x << 48) | (y << 32) | (y << 16) if bits == 16 else (x << 32) | y
            r = ((whole << by) >> (64 - bits)).trunc(bits)
            cf = (whole >> (64 - by)).bit(0)
        else:
            whole = (y << 32) | (y << 16) | x if bits == 16 else (y << 32) | x
            r = (whole >> by).trunc(bits)
            cf = (whole >> (by - 1)).bit(0)
        flags.set_explicit(m, r, cf, r.msb() ^ a.msb())
        m.set(dst, r)


@insn("0f a4 /r Ev,Gv,Ib", "0f a5 /r Ev,Gv,cl", writes="OSZAPC", undef="OA")
def shld(m, dst, src, count):
    """Shift left, filled from a register."""
    _double(m, dst, src, count, True)


@insn("0f ac /r Ev,Gv,Ib", "0f ad /r Ev,Gv,cl", writes="OSZAPC", undef="OA")
def shrd(m, dst, src, count):
    """Shift right, filled from a register."""
    _double(m, dst, src, count, False)


def _bit_test(name: str, opcode: int, digit: int, change: Callable[[Value, Value], Value] | None) -> None:
    def bit_test(m, dst, src):
        """Copy a bit into CF, and change it. A bit number in a register reaches beyond a memory operand, both ways."""
        bits = m.bits(dst)
        number = m.get(src).zext(bits) if src.kind == "I" else m.get(src)
        where = number & (bits - 1)
        if m.is_memory(dst) and src.kind == "G":
            shift = {16: 4, 32: 5}[bits]
            items = number.sar(shift).sext(32)
            linear = m.linear(dst, bits // 8, change is not None, items * (bits // 8))
            a = m.guest_load(linear, bits, "w" if change else "")
            flag = (a >> where).bit(0)
            if change:
                m.guest_store(linear, change(a, m.const(1, bits) << where))
        else:
            a = m.rmw(dst) if change else m.get(dst)
            flag = (a >> where).bit(0)
            if change:
                m.set(dst, change(a, m.const(1, bits) << where))
        flags.set_cf(m, flag)

    lock = change is not None
    insn(f"0f {opcode:02x} /r Ev,Gv", f"0f ba /{digit} Ev,Ib", name=name, writes="C", undef="OSAP", lock=lock)(bit_test)


_bit_test("bt", 0xA3, 4, None)
_bit_test("bts", 0xAB, 5, lambda a, bit: a | bit)
_bit_test("btr", 0xB3, 6, lambda a, bit: a & ~bit)
_bit_test("btc", 0xBB, 7, lambda a, bit: a ^ bit)


def _scan(m, dst, src, index: Callable[[Value], Value]) -> None:
    """ZF says that there is no bit; the destination, undefined then, stays, as it does on every processor seen."""
    v = m.get(src)
    none = v.eq(0)
    with m.if_(~none):
        m.set(dst, index(v))
    flags.set_zf(m, none)


@insn("0f bc /r Gv,Ev", writes="Z", undef="OSAPC")
def bsf(m, dst, src):
    """Number of the lowest bit that is set."""
    _scan(m, dst, src, lambda v: v.cttz())


@insn("0f bd /r Gv,Ev", writes="Z", undef="OSAPC")
def bsr(m, dst, src):
    """Number of the highest bit that is set."""
    _scan(m, dst, src, lambda v: (v.bits - 1) - v.ctlz())
