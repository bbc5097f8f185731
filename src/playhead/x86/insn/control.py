"""Near control transfer (manual volume 2: JMP, Jcc, CALL, RET, LOOP, JECXZ) and the simplest flag instructions."""

from collections.abc import Callable

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86 import state as S
from playhead.x86.insn.data import CONDITIONS
from playhead.x86.table import insn


def _jcc(code: int):
    @insn(f"{0x70 + code:02x} Jb", f"0f {0x80 + code:02x} Jz", name="j" + CONDITIONS[code])
    def jcc(m, rel):
        """Jump if the condition holds."""
        with m.if_(flags.condition(m, code)):
            m.jump(m.target(rel))


for _code in range(16):
    _jcc(_code)


@insn("eb Jb", "e9 Jz")
def jmp(m, rel):
    """Jump."""
    m.jump(m.target(rel))


@insn("ff /4 Ev", name="jmp")
def jmp_indirect(m, src):
    """Jump to a computed offset."""
    m.goto(m.checked(m.get(src).zext(32)))


def _call(m, target: Callable[[], Value]) -> Value:
    """Push the return address; first the stack's limits are checked, then the target, then it is stored."""
    size = m.osize // 8
    esp = m.moved_esp(m.reg(4), -size)
    linear = m.stack_linear(m.stack_offset(esp), size, True)
    eip = target()
    m.guest_store(linear, m.next().trunc(m.osize))
    m.set_reg(4, esp)
    return eip


@insn("e8 Jz")
def call(m, rel):
    """Call: push the return address, jump."""
    m.jump(_call(m, lambda: m.target(rel)))


@insn("ff /2 Ev", name="call")
def call_indirect(m, src):
    """Call a computed offset."""
    offset = m.get(src).zext(32)
    m.goto(_call(m, lambda: m.checked(offset)))


@insn("c3", name="ret")
def ret(m):
    """Return."""
    target = m.checked(m.peek(m.osize).zext(32))
    m.drop(m.osize // 8)
    m.goto(target)


@insn("c2 Iw", name="ret")
def ret_drop(m, count):
    """Return and release parameters."""
    target = m.checked(m.peek(m.osize).zext(32))
    m.drop(m.get(count).zext(32) + m.osize // 8)
    m.goto(target)


def _count(m):
    """ECX or CX by address size, and how to put it back."""
    if m.flat:
        return m.reg(1), lambda v: m.set_reg(1, v)
    mask = m.address_mask()
    whole = m.reg(1)
    return whole & mask, lambda v: m.set_reg(1, (whole & ~mask) | (v & mask))


def _loop(opcode: str, name: str, test):
    @insn(f"{opcode} Jb", name=name)
    def loop(m, rel):
        """Count down and jump while not zero (and the condition holds)."""
        count, put = _count(m)
        left = (count - 1) if m.flat else (count - 1) & m.address_mask()
        taken = left.ne(0)
        if test is not None:
            taken = taken & test(m)
        with m.if_(taken):
            target = m.target(rel)
            put(left)
            m.jump(target)
        put(left)


_loop("e2", "loop", None)
_loop("e1", "loope", flags.zf)
_loop("e0", "loopne", lambda m: ~flags.zf(m))


@insn("e3 Jb")
def jecxz(m, rel):
    """Jump if the count register is zero."""
    count, _put = _count(m)
    with m.if_(count.eq(0)):
        m.jump(m.target(rel))


@insn("f8", writes="C")
def clc(m):
    """CF = 0."""
    flags.set_cf(m, m.const(0, 1))


@insn("f9", writes="C")
def stc(m):
    """CF = 1."""
    flags.set_cf(m, m.const(1, 1))


@insn("f5", writes="C")
def cmc(m):
    """CF inverted."""
    flags.set_cf(m, ~flags.cf(m))


@insn("fc")
def cld(m):
    """DF = 0."""
    m.st("eflags", m.ld("eflags") & ~S.DF)


@insn("fd")
def std(m):
    """DF = 1."""
    m.st("eflags", m.ld("eflags") | S.DF)


@insn("9e", writes="SZAPC")
def sahf(m):
    """AH into the low status flags."""
    kept = flags.get_status(m) & S.OF
    flags.set_status(m, kept | (m.reg(4, 8).zext(32) & 0xD5))


@insn("9f")
def lahf(m):
    """The low status flags into AH."""
    m.set_reg(4, ((flags.get_status(m) & 0xD5) | 2).trunc(8))


@insn("f4", privileged=True)
def hlt(m):
    """Wait for an interrupt."""
    m.need_cpl0()
    m.st("halted", 1)
    m.leave(S.EXIT_HALT)


@insn("0f 0b", "0f b9 /r Gv,Ev", name="ud2")
def ud2(m, *operands):
    """An opcode that stays undefined."""
    m.ud()
