"""Instructions that load or inspect segments, and far transfers.

Manual volume 2: MOV, PUSH, POP, LDS, JMP, CALL, RET, LAR, LSL, VERR, ARPL. The work is in segments.py and transfers.py.
"""

from playhead.ir.ops import Value
from playhead.x86 import flags
from playhead.x86.system import stack
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.system.segments import high_of, low_of
from playhead.x86.table import call, insn

DWORD_OF = {16: 0, 32: stack.DWORD}
LAR_TYPES = sum(1 << t for t in (1, 2, 3, 4, 5, 9, 11, 12))
LSL_TYPES = sum(1 << t for t in (1, 2, 3, 9, 11))


def shadow(m) -> None:
    """No interrupt and no single-step trap before the next instruction is done, so that it may set ESP."""
    until = m.icount() + 1
    m.st("inhibit_icount", until)
    m.st("nodebug_icount", until)


@insn("8e /r Sw,Ew", name="mov")
def mov_to_sreg(m, dst, src):
    """Load a segment register."""
    at = m.field("a")
    with m.if_(at.eq(G.CS) | at.ugt(G.GS)):
        m.ud()
    changed = call(m, "load_segment_at", at, m.get(src).zext(32))
    with m.if_(at.eq(G.SS)):
        shadow(m)
    with m.if_(changed.ne(0)):
        m.sync()


@insn("06 es", "0e cs", "16 ss", "1e ds", "0f a0 fs", "0f a8 gs", name="push")
def push_sreg(m, src):
    """Push a selector, extended by zeros."""
    m.push(m.get(src).zext(m.osize))


@insn("07 es", "17 ss", "1f ds", "0f a1 fs", "0f a9 gs", name="pop")
def pop_sreg(m, dst):
    """Pop a segment register."""
    selector = m.peek(m.osize).trunc(16).zext(32)
    esp = m.moved_esp(m.reg(4), m.osize // 8)  # by the old stack's size, even if SS is what is loaded
    changed = call(m, "load_segment_at", dst.number * G.STRIDE, selector)
    m.set_reg(4, esp)
    if dst.text == "ss":
        shadow(m)
    with m.if_(changed.ne(0)):
        m.sync()


def far_pointer(m, src) -> tuple[Value, Value]:
    """(selector, offset) of a far pointer: immediate or in memory."""
    if src.kind == "A":
        return m.field("imm2"), m.field("imm")
    linear = m.linear(src, m.osize // 8 + 2, False)
    return m.load(linear + m.osize // 8, 16).zext(32), m.load(linear, m.osize).zext(32)


@insn("c4 /r Gv,Mp", "c5 /r Gv,Mp", "0f b2 /r Gv,Mp", "0f b4 /r Gv,Mp", "0f b5 /r Gv,Mp", name="lds")
def load_far_pointer(m, dst, src):
    """Load a register and a segment register (LES, LDS, LSS, LFS, LGS)."""
    at = {0xC4: G.ES, 0xC5: G.DS, 0xB2: G.SS, 0xB4: G.FS, 0xB5: G.GS}[m.encoding.opcode]
    selector, offset = far_pointer(m, src)
    changed = call(m, "load_segment_at", at, selector)
    m.set(dst, offset if m.osize == 32 else offset.trunc(16))
    with m.if_(changed.ne(0)):
        m.sync()


@insn("ea Ap", "ff /5 Mp", name="jmp")
def jmp_far(m, target):
    """Jump to another segment, through a call gate, or to a task."""
    selector, offset = far_pointer(m, target)
    eip = call(m, "far_jump", selector, offset, m.next())
    m.leave(S.EXIT_NONE, 0, eip.trunc(32))


@insn("9a Ap", "ff /3 Mp", name="call")
def call_far(m, target):
    """Call another segment, a call gate, or a task."""
    selector, offset = far_pointer(m, target)
    eip = call(m, "far_call", selector, offset, m.next(), DWORD_OF[m.osize])
    m.leave(S.EXIT_NONE, 0, eip.trunc(32))


@insn("cb", "ca Iw", name="retf")
def ret_far(m, *count):
    """Return to another segment, perhaps to less privilege, and release parameters."""
    drop = m.get(count[0]).zext(32) << 16 if count else m.const(0, 32)
    eip = call(m, "far_return", drop | DWORD_OF[m.osize])
    m.leave(S.EXIT_NONE, 0, eip.trunc(32))


# Looking at descriptors


def refuse_8086(m) -> None:
    with m.if_(G.in_8086(m)):
        m.ud()


def allowed(high: Value, types: int, m) -> Value:
    """Whether LAR or LSL answers for this kind of descriptor: code, data, and some system types."""
    system = (m.const(types, 32) >> ((high >> 8) & 0xF)).trunc(1)
    return (high & G.SYSTEM_NOT).ne(0) | system


@insn("0f 02 /r Gv,Ew", writes="Z")
def lar(m, dst, src):
    """The access rights of a descriptor, if it may be seen."""
    refuse_8086(m)
    high = high_of(call(m, "visible_descriptor", m.get(src).zext(32)))
    good = allowed(high, LAR_TYPES, m)
    with m.if_(good):
        rights = high & 0x00F0FF00
        m.set(dst, rights if m.osize == 32 else rights.trunc(16))
    flags.set_zf(m, good)


@insn("0f 03 /r Gv,Ew", writes="Z")
def lsl(m, dst, src):
    """The limit of a segment in bytes, if it may be seen."""
    refuse_8086(m)
    d = call(m, "visible_descriptor", m.get(src).zext(32))
    high = high_of(d)
    good = allowed(high, LSL_TYPES, m)
    with m.if_(good):
        limit = G.limit_of(m, low_of(d), high)
        m.set(dst, limit if m.osize == 32 else limit.trunc(16))
    flags.set_zf(m, good)


@insn("0f 00 /4 Ew", writes="Z")
def verr(m, src):
    """Whether a segment may be read."""
    refuse_8086(m)
    high = high_of(call(m, "visible_descriptor", m.get(src).zext(32)))
    hidden = (high & (G.CODE | G.WRITABLE)).eq(G.CODE)
    flags.set_zf(m, (high & G.SYSTEM_NOT).ne(0) & ~hidden)


@insn("0f 00 /5 Ew", writes="Z")
def verw(m, src):
    """Whether a segment may be written."""
    refuse_8086(m)
    high = high_of(call(m, "visible_descriptor", m.get(src).zext(32)))
    flags.set_zf(m, (high & (G.SYSTEM_NOT | G.CODE | G.WRITABLE)).eq(G.SYSTEM_NOT | G.WRITABLE))


@insn("63 /r Ew,Gw", writes="Z")
def arpl(m, dst, src):
    """Raise the requested privilege level of a selector to that of another."""
    refuse_8086(m)
    old, level = m.get(dst), m.get(src) & 3  # memory is written only if it changes
    low = (old & 3).ult(level)
    with m.if_(low):
        m.set(dst, (old & 0xFFFC) | level)
    flags.set_zf(m, low)
