"""Decimal arithmetic and frames (manual volume 2: AA*, DAA, DAS, SALC, BOUND, ENTER, LEAVE, PUSHA, POPA)."""

from collections.abc import Iterator
from contextlib import contextmanager

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86 import state as S
from playhead.x86.table import insn

ESP, EBP = 4, 5
AL, AH = 0, 4
OTHERS = 0x101  # bits of `fl_aux` that invert SF and PF


def _adjust_ascii(m, subtract: bool) -> None:
    al = m.reg(AL, 8)
    adjust = (al & 0xF).ugt(9) | flags.af(m)
    ax = m.reg(0, 16)
    moved = ax - 0x106 if subtract else ax + 0x106
    m.set_reg(0, adjust.select(moved, ax) & 0xFF0F)
    flags.set_carry_overflow(m, adjust, m.const(0, 1), adjust, keep=OTHERS)


@insn("37", writes="OSZAPC", undef="OSZP")
def aaa(m):
    """Adjust AL and AH after the addition of two unpacked decimal digits."""
    _adjust_ascii(m, False)


@insn("3f", writes="OSZAPC", undef="OSZP")
def aas(m):
    """Adjust AL and AH after the subtraction of two unpacked decimal digits."""
    _adjust_ascii(m, True)


def _adjust_decimal(m, subtract: bool) -> None:
    al = m.reg(AL, 8)
    low = (al & 0xF).ugt(9) | flags.af(m)
    high = al.ugt(0x99) | flags.cf(m)
    by = low.select(6, 0, 8) + high.select(0x60, 0, 8)
    r = al - by if subtract else al + by
    # below 6, taking 6 away borrows; adding 6 carries only where `high` holds anyway
    cf = high | (low & al.ult(6)) if subtract else high
    m.set_reg(AL, r)
    flags.set_explicit(m, r, cf, m.const(0, 1), low)


@insn("27", writes="OSZAPC", undef="O")
def daa(m):
    """Adjust AL after the addition of packed decimal digits."""
    _adjust_decimal(m, False)


@insn("2f", writes="OSZAPC", undef="O")
def das(m):
    """Adjust AL after the subtraction of packed decimal digits."""
    _adjust_decimal(m, True)


@insn("d4 Ib", writes="OSZAPC", undef="OAC")
def aam(m, radix):
    """AH and AL: quotient and remainder of AL by a constant; #DE if it is zero."""
    base = m.get(radix)
    with m.if_(base.eq(0)):
        m.fault(S.DE, 0)
    al = m.reg(AL, 8)
    low = al.urem(base)
    m.set_reg(0, low.zext(16) | (al.udiv(base).zext(16) << 8))
    _set_by_result(m, low)


@insn("d5 Ib", writes="OSZAPC", undef="OAC")
def aad(m, radix):
    """AL = AL + AH times a constant, AH = 0."""
    r = m.reg(AL, 8) + m.reg(AH, 8) * m.get(radix)
    m.set_reg(0, r.zext(16))
    _set_by_result(m, r)


def _set_by_result(m, r: Value) -> None:
    flags.set_logic(m, r)


@insn("d6")
def salc(m):
    """AL = CF in every bit (not in the manual, but in every processor)."""
    m.set_reg(AL, flags.cf(m).sext(8))


@insn("62 /r Gv,Ma")
def bound(m, index, limits):
    """#BR if a signed index lies outside a pair of bounds in memory."""
    size = m.bits(index) // 8
    low = m.guest_load(m.linear(limits, size, False), size * 8)
    high = m.guest_load(m.linear(limits, size, False, size), size * 8)
    v = m.get(index)
    with m.if_(v.slt(low) | v.sgt(high)):
        m.fault(S.BR, 0)


@insn("60")
def pusha(m):
    """Push all general registers; ESP as it was before."""
    size = m.osize // 8
    old = m.reg(ESP)
    esp = old
    for n in range(8):
        esp = m.moved_esp(old, -size * (n + 1))
        m.guest_store(m.stack_linear(m.stack_offset(esp), size, True), m.reg(n, m.osize))
    m.set_reg(ESP, esp)


@insn("61")
def popa(m):
    """Pop all general registers but ESP."""
    size = m.osize // 8
    values = [(7 - n, m.peek(m.osize, size * n)) for n in range(8)]  # all are read
    m.drop(8 * size)
    for n, value in values:
        if n != ESP:
            m.set_reg(n, value)


@insn("c8 Iw,Ib")
def enter(m, room, nesting):
    """Make a stack frame: push EBP, copy the outer frames' pointers (up to 30), reserve room.

    All is loaded and probed before anything is stored: the frame may overlap what it copies, so an instruction that is
    left half done and started anew (a fault, a device, decoded code below) would find what it has written itself. A
    pointer that overlaps those pushed before it is then loaded again, for the order is one of loads and stores."""
    size = m.osize // 8
    level = m.field("imm2") & 0x1F
    old, frame = m.reg(ESP), m.reg(EBP)

    def pushed(depth: "int | Value") -> Value:
        """The address of what is pushed `depth` bytes below the old top."""
        return m.stack_linear(m.stack_offset(m.moved_esp(old, -depth)), size, True)

    def at(n: Value) -> Value:
        return m.stack_offset(m.moved_esp(frame, -(n * size)))

    def outer(n: Value) -> Value:
        return m.guest_load(m.stack_linear(at(n), size, False), m.osize)

    def probe(depth: "int | Value") -> None:
        m.guest_load(pushed(depth), m.osize, "w")

    i = m.var(32, 1)

    @contextmanager
    def each_outer() -> Iterator[Value]:
        i.set(1)
        with m.loop():
            with m.if_(i.get().uge(level)):
                m.break_()
            yield i.get()
            i.set(i.get() + 1)

    own = (level + 1) * size  # depth of the frame's own pointer
    probe(size)
    with m.if_(level.ne(0)):
        with each_outer() as n:
            m.st_at("outer", n, outer(n).zext(32))
            probe((n + 1) * size)
        probe(own)
    depth = level.eq(0).select(size, own, 32)
    esp = m.moved_esp(old, -(depth + m.get(room).zext(32)))
    m.guest_load(m.stack_linear(m.stack_offset(esp), size, True), m.osize, "w")  # the new top must be writable
    base = m.moved_esp(old, -size)
    m.guest_store(pushed(size), m.reg(EBP, m.osize))
    with m.if_(level.ne(0)):
        with each_outer() as n:
            value = m.var(m.osize, m.ld_at("outer", n).trunc(m.osize))
            below = (m.stack_offset(old) - at(n)) & m.stack_mask()
            with m.if_((below - 1).ult((n + 1) * size - 1)):
                value.set(outer(n))  # overlaps what has been pushed by now
            m.guest_store(pushed((n + 1) * size), value.get())
        m.guest_store(pushed(own), base.trunc(m.osize))
    m.set_reg(EBP, base.trunc(m.osize))
    m.set_reg(ESP, esp)


@insn("c9")
def leave(m):
    """Release a stack frame: ESP = EBP, pop EBP."""
    size = m.osize // 8
    frame = m.reg(EBP)
    value = m.guest_load(m.stack_linear(m.stack_offset(frame), size, False), m.osize)
    mask = m.stack_mask()
    top = frame + size if isinstance(mask, int) else (m.reg(ESP) & ~mask) | ((frame + size) & mask)
    m.set_reg(ESP, top)
    m.set_reg(EBP, value)
