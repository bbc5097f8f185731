"""x87 data movement (manual volume 2: FLD, FST, FILD, FIST, FBLD, FBSTP, constants, FXCH, FCMOVcc, FFREE, FINCSTP,
FDECSTP, FNOP).
"""

from playhead.x86 import flags
from playhead.x86.build import StateBuilder
from playhead.x86.insn.fpu import begin, note
from playhead.x86.softfloat.core import (
    BIAS,
    IE,
    NAN_M,
    NAN_SE,
    SF,
    call,
    empty,
    physical,
    pop,
    read,
    refuse_if,
    rounding,
    write,
)
from playhead.x86.softfloat.convert import F32, F64, F80, I16, I32, I64
from playhead.x86.table import insn, routine

# FLDL2T and its kind: exponent, the exact value cut to 64 bits, and whether nearest rounds up (none of them is exact).
CONSTANTS = {
    "fldl2t": (BIAS + 1, 0xD49A784BCD1B8AFE, False), "fldl2e": (BIAS, 0xB8AA3B295C17F0BB, True),
    "fldpi": (BIAS + 1, 0xC90FDAA22168C234, True), "fldlg2": (BIAS - 2, 0x9A209A84FBCFF798, True),
    "fldln2": (BIAS - 1, 0xB17217F7D1CF79AB, True),
}  # fmt: skip


def _memory(name: str, encoding: str, kind: int, pops: int | None, routine_name: str) -> None:
    """A load (pops None) or a store."""

    def move(m, op):
        begin(m)
        write_ = pops is not None
        linear = m.linear(op, m.bits(op) // 8, write_)
        if routine_name in ("fp_load_decimal", "fp_store_decimal"):
            call(m, routine_name, linear)
        else:
            call(m, routine_name, linear, kind | (pops or 0) << 8)
        note(m, op)

    move.__doc__ = "Store ST(0)." if pops is not None else "Push the value of a memory operand."
    insn(encoding, name=name)(move)


_memory("fld", "d9 /0 Md", F32, None, "fp_load")
_memory("fld", "dd /0 Mq", F64, None, "fp_load")
_memory("fld", "db /5 Mt", F80, None, "fp_load")
_memory("fild", "df /0 Mw", I16, None, "fp_load")
_memory("fild", "db /0 Md", I32, None, "fp_load")
_memory("fild", "df /5 Mq", I64, None, "fp_load")
_memory("fbld", "df /4 Mt", 0, None, "fp_load_decimal")
_memory("fst", "d9 /2 Md", F32, 0, "fp_store")
_memory("fst", "dd /2 Mq", F64, 0, "fp_store")
_memory("fstp", "d9 /3 Md", F32, 1, "fp_store")
_memory("fstp", "dd /3 Mq", F64, 1, "fp_store")
_memory("fstp", "db /7 Mt", F80, 1, "fp_store")
_memory("fist", "df /2 Mw", I16, 0, "fp_store_integer")
_memory("fist", "db /2 Md", I32, 0, "fp_store_integer")
_memory("fistp", "df /3 Mw", I16, 1, "fp_store_integer")
_memory("fistp", "db /3 Md", I32, 1, "fp_store_integer")
_memory("fistp", "df /7 Mq", I64, 1, "fp_store_integer")
_memory("fbstp", "df /6 Mt", 0, 1, "fp_store_decimal")


@routine(32, faults=False)
def fp_move(m: StateBuilder, code):
    """Between ST(0) and ST(i) (bits 4-6 of `code`). Bits 0-1: 0 push ST(i), 1 exchange, 2 copy ST(0) to ST(i), 3 copy
    and pop.
    """
    i, top = physical(m, (code >> 4) & 7), physical(m)
    kind = code & 3
    x, y = read(m, top), read(m, i)
    x_empty, y_empty = empty(m, top), empty(m, i)
    with m.if_(kind.eq(0)):
        with m.if_(y_empty):
            new = (m.ld("ftop") - 1) & 7
            refuse_if(m, call(m, "fp_flags", IE | SF))
            m.st("ftop", new)
            write(m, new, NAN_SE, NAN_M)
            m.ret(0)
        call(m, "fp_push", y.se, y.m, 0)
        m.ret(0)
    with m.if_(kind.eq(1)):
        refuse_if(m, call(m, "fp_flags", (x_empty | y_empty).select(IE | SF, 0, 32)))
        write(m, top, y_empty.select(NAN_SE, y.se), y_empty.select(NAN_M, y.m))
        write(m, i, x_empty.select(NAN_SE, x.se), x_empty.select(NAN_M, x.m))
        m.ret(0)
    refuse_if(m, call(m, "fp_flags", x_empty.select(IE | SF, 0, 32)))
    write(m, i, x_empty.select(NAN_SE, x.se), x_empty.select(NAN_M, x.m))
    with m.if_(kind.eq(3)):
        pop(m)


def _move(name: str, encodings: tuple[str, ...], kind: int, doc: str) -> None:
    def move(m, *operands):
        begin(m)
        call(m, "fp_move", (m.field("b") << 4) | kind)
        note(m)

    move.__doc__ = doc
    insn(*encodings, name=name)(move)


_move("fld", ("d9 c0+i Fi",), 0, "Push ST(i).")
_move("fxch", ("d9 c8+i Fi", "dd c8+i Fi", "df c8+i Fi"), 1, "Exchange ST(0) and ST(i).")
_move("fst", ("dd d0+i Fi",), 2, "Copy ST(0) to ST(i).")
_move("fstp", ("dd d8+i Fi", "df d0+i Fi", "df d8+i Fi", "d9 d8+i Fi"), 3, "Copy ST(0) to ST(i), pop.")


def _constant(name: str, encoding: str, exp: int, mant: int, up: bool, exact: bool) -> None:
    @insn(encoding, name=name)
    def load(m):
        """Push a constant, rounded by the rounding control; never inexact."""
        begin(m)
        value = m.const(mant, 64)
        if not exact:
            rc = rounding(m)
            more = rc.eq(2) | (rc.eq(0) if up else m.const(0, 1))
            value = value + more.zext(64)
        call(m, "fp_push", exp, value, 0)
        note(m)


_constant("fld1", "d9 e8", BIAS, 1 << 63, False, True)
for _code, _name in enumerate(("fldl2t", "fldl2e", "fldpi", "fldlg2", "fldln2"), 0xE9):
    _constant(_name, f"d9 {_code:02x}", *CONSTANTS[_name], exact=False)
_constant("fldz", "d9 ee", 0, 0, False, True)


@routine(32, 32, faults=False)
def fp_move_if(m: StateBuilder, i, cond):
    """FCMOVcc: ST(0) = ST(i) if the condition holds; both must be there either way."""
    src, top = physical(m, i), physical(m)
    with m.if_(empty(m, src) | empty(m, top)):
        m.ret(call(m, "fp_invalid", top, IE | SF))
    with m.if_(cond.ne(0)):
        y = read(m, src)
        write(m, top, y.se, y.m)


def _conditional(name: str, encoding: str, code: int) -> None:
    @insn(encoding, name="fcmov" + name, feature="cmov")
    def fcmov(m, dst, src):
        """ST(0) = ST(i) if the condition holds."""
        begin(m)
        call(m, "fp_move_if", m.field("b"), flags.condition(m, code).zext(32))
        note(m)


for _n, (_name, _code) in enumerate((("b", 2), ("e", 4), ("be", 6), ("u", 10))):
    _conditional(_name, f"da {0xC0 + 8 * _n:02x}+i F0,Fi", _code)
    _conditional("n" + _name, f"db {0xC0 + 8 * _n:02x}+i F0,Fi", _code + 1)


@insn("dd c0+i Fi")
def ffree(m, dst):
    """Mark ST(i) empty."""
    begin(m)
    m.st("ftag", m.ld("ftag") | (m.const(1, 32) << physical(m, m.field("b"))))
    call(m, "fp_flags", 0)
    note(m)


@insn("df c0+i Fi")
def ffreep(m, dst):
    """Mark ST(i) empty and pop (not in the manual; every processor has it)."""
    begin(m)
    m.st("ftag", m.ld("ftag") | (m.const(1, 32) << physical(m, m.field("b"))))
    pop(m)
    call(m, "fp_flags", 0)
    note(m)


def _turn(name: str, encoding: str, by: int) -> None:
    @insn(encoding, name=name)
    def turn(m):
        """Turn the register stack; tags stay where they are."""
        begin(m)
        m.st("ftop", physical(m, by & 7))
        call(m, "fp_flags", 0)
        note(m)


_turn("fdecstp", "d9 f6", -1)
_turn("fincstp", "d9 f7", 1)


@insn("d9 d0")
def fnop(m):
    """Nothing, after waiting."""
    begin(m)
    note(m)
