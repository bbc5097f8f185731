"""Data movement (manual volume 2: MOV, MOVZX, MOVSX, LEA, XCHG, PUSH, POP, CMOVcc, SETcc, BSWAP, XLAT, CBW, CWD,
NOP)."""

from playhead.x86 import flags
from playhead.x86 import state as S
from playhead.x86.table import insn

CONDITIONS = ("o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g")


@insn("88 /r Eb,Gb", "89 /r Ev,Gv", "8a /r Gb,Eb", "8b /r Gv,Ev", "b0+r Zb,Ib", "b8+r Zv,Iz", "c6 /0 Eb,Ib",
      "c7 /0 Ev,Iz", "a0 al,Ob", "a1 eax,Ov", "a2 Ob,al", "a3 Ov,eax")  # fmt: skip
def mov(m, dst, src):
    """Copy."""
    m.set(dst, m.get(src))


@insn("0f b6 /r Gv,Eb", "0f b7 /r Gv,Ew")
def movzx(m, dst, src):
    """Copy, extended by zeros."""
    v, w = m.get(src), m.bits(dst)
    m.set(dst, v.zext(w))


@insn("0f be /r Gv,Eb", "0f bf /r Gv,Ew")
def movsx(m, dst, src):
    """Copy, extended by the sign."""
    v, w = m.get(src), m.bits(dst)
    m.set(dst, v.sext(w))


@insn("8d /r Gv,Ma")
def lea(m, dst, src):
    """The offset of a memory operand."""
    m.set(dst, m.ea(src).trunc(m.osize) if m.osize == 16 else m.ea(src))


@insn("86 /r Eb,Gb", "87 /r Ev,Gv", lock=True)
def xchg(m, a, b):
    """Exchange."""
    x = m.rmw(a)
    y = m.get(b)
    m.set(a, y)
    m.set(b, x)


@insn("90+r Zv,eax", name="xchg")
def xchg_eax(m, a, b):
    """Exchange with the accumulator; 90 is NOP (and F3 90 PAUSE)."""
    x, y = m.get(a), m.get(b)
    m.set(a, y)
    m.set(b, x)


@insn("50+r Zv", "ff /6 Ev", "68 Iz", "6a Is")
def push(m, src):
    """Push a value of the operand size."""
    m.push(m.get(src))


@insn("58+r Zv")
def pop(m, dst):
    """Pop into a register; POP ESP takes the value, not the moved pointer."""
    v = m.peek(m.osize)
    m.drop(m.osize // 8)
    m.set(dst, v)


@insn("8f /0 Ev", name="pop")
def pop_memory(m, dst):
    """Pop into register or memory. A memory address that uses ESP is formed after ESP moved, as the manual says."""
    v = m.peek(m.osize)
    if not m.is_memory(dst):
        m.drop(m.osize // 8)
        m.set(dst, v)
        return
    old = m.reg(4)
    m.drop(m.osize // 8)
    offset = m.ea(dst)
    m.set_reg(4, old)  # until the store is known to succeed
    linear = offset if m.flat else m.check_segment(m.field("seg") << 3, offset, m.osize // 8, True)
    m.guest_store(linear, v)
    m.drop(m.osize // 8)


def _conditional(code: int):
    name = CONDITIONS[code]

    @insn(f"0f {0x40 + code:02x} /r Gv,Ev", name="cmov" + name, feature="cmov")
    def cmov(m, dst, src):
        """Copy if the condition holds; the source is read either way."""
        v = m.get(src)
        old = m.get(dst)
        m.set(dst, flags.condition(m, code).select(v, old))

    @insn(f"0f {0x90 + code:02x} /r Eb", name="set" + name)
    def setcc(m, dst):
        """1 if the condition holds, else 0."""
        m.set(dst, flags.condition(m, code).zext(8))


for _code in range(16):
    _conditional(_code)


@insn("98", name="cbw")
def cbw(m):
    """Sign-extend AL to AX, or AX to EAX (CWDE)."""
    m.set_reg(0, m.reg(0, m.osize // 2).sext(m.osize))


@insn("99", name="cwd")
def cwd(m):
    """Sign of AX into DX, or of EAX into EDX (CDQ)."""
    m.set_reg(2, m.reg(0, m.osize).sar(m.osize - 1))


@insn("d7 Xb", name="xlatb")
def xlat(m, src):
    """AL = the byte at [EBX + AL]."""
    offset = (m.reg(3) + m.reg(0, 8).zext(32)) & m.address_mask()
    linear = offset if m.flat else m.check_segment(m.field("seg") << 3, offset, 1, False)
    m.set_reg(0, m.guest_load(linear, 8))


@insn("0f c8+r Zv", name="bswap")
def bswap(m, dst):
    """Reverse the bytes; of a 16-bit register the manual leaves the result undefined: zero, as processors do."""
    m.set(dst, m.get(dst).bswap() if m.osize == 32 else m.const(0, 16))


@insn(*(f"0f {opcode:02x} /r Ev" for opcode in range(0x18, 0x20)), name="nop")
def long_nop(m, src):
    """No operation, with an operand that is not touched."""
    # 18 to 1E are hints: later processors give them meanings (PREFETCHh, ENDBR32), so programs contain them.


@insn("8c /r Ev,Sw", name="mov")
def mov_from_sreg(m, dst, src):
    """Read a segment register: 16 bits to memory, zero-extended to a register."""
    m.osize  # noqa: B018
    v = m.get(src)
    with m.if_(m.field("a").ugt(5 * S.SEG_STRIDE)):
        m.ud()
    if m.is_memory(dst):
        m.guest_store(m.linear(dst, 2, True), v)
    else:
        m.set(dst, v.zext(m.osize))
