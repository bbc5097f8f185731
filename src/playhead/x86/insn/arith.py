"""Integer arithmetic and logic of two operands (manual volume 2: ADD, OR, ADC, SBB, AND, SUB, XOR, CMP, TEST, INC, DEC,
NEG, NOT)."""

from playhead.x86 import flags
from playhead.x86.table import insn


def _alu(row: int) -> list[str]:
    """The encodings that the eight basic operations share: row 0 is ADD, 7 is CMP."""
    base = row * 8
    return [f"{base:02x} /r Eb,Gb", f"{base + 1:02x} /r Ev,Gv", f"{base + 2:02x} /r Gb,Eb", f"{base + 3:02x} /r Gv,Ev",
            f"{base + 4:02x} al,Ib", f"{base + 5:02x} eax,Iz", f"80 /{row} Eb,Ib", f"81 /{row} Ev,Iz",
            f"82 /{row} Eb,Ib", f"83 /{row} Ev,Is"]  # fmt: skip


@insn(*_alu(0), writes="OSZAPC", lock=True)
def add(m, dst, src):
    """Add."""
    b = m.get(src)
    m.set(dst, m.add(m.rmw(dst), b))


@insn(*_alu(2), writes="OSZAPC", lock=True)
def adc(m, dst, src):
    """Add with carry."""
    b, c = m.get(src), flags.cf(m)
    m.set(dst, m.add(m.rmw(dst), b, c))


@insn(*_alu(5), writes="OSZAPC", lock=True)
def sub(m, dst, src):
    """Subtract."""
    b = m.get(src)
    m.set(dst, m.sub(m.rmw(dst), b))


@insn(*_alu(3), writes="OSZAPC", lock=True)
def sbb(m, dst, src):
    """Subtract with borrow."""
    b, c = m.get(src), flags.cf(m)
    m.set(dst, m.sub(m.rmw(dst), b, c))


@insn(*_alu(7), writes="OSZAPC")
def cmp(m, a, b):
    """Compare: subtract and keep the flags only."""
    y = m.get(b)
    m.sub(m.get(a), y)


def _logic(row: int, name: str, op):
    @insn(*_alu(row), name=name, writes="OSZAPC", undef="A", lock=True)
    def logic(m, dst, src):
        b = m.get(src)
        r = op(m.rmw(dst), b)
        flags.set_logic(m, r)
        m.set(dst, r)


_logic(1, "or", lambda a, b: a | b)
_logic(4, "and", lambda a, b: a & b)
_logic(6, "xor", lambda a, b: a ^ b)


@insn("84 /r Eb,Gb", "85 /r Ev,Gv", "a8 al,Ib", "a9 eax,Iz", "f6 /0 Eb,Ib", "f7 /0 Ev,Iz", "f6 /1 Eb,Ib", "f7 /1 Ev,Iz",
      writes="OSZAPC", undef="A")  # fmt: skip
def test(m, a, b):
    """AND and keep the flags only."""
    y = m.get(b)
    flags.set_logic(m, m.get(a) & y)


def _step(subtract: bool):
    def step(m, dst):
        a = m.rmw(dst)
        one = m.const(1, a.bits)
        r = a - one if subtract else a + one
        flags.set_inc(m, a, one, r, subtract)
        m.set(dst, r)

    return step


insn("fe /0 Eb", "ff /0 Ev", "40+r Zv", name="inc", writes="OSZAP", lock=True)(_step(False))
insn("fe /1 Eb", "ff /1 Ev", "48+r Zv", name="dec", writes="OSZAP", lock=True)(_step(True))


@insn("f6 /3 Eb", "f7 /3 Ev", writes="OSZAPC", lock=True)
def neg(m, dst):
    """Two's complement."""
    a = m.rmw(dst)
    m.set(dst, m.sub(m.const(0, a.bits), a))


@insn("f6 /2 Eb", "f7 /2 Ev", lock=True)
def not_(m, dst):
    """One's complement; flags stay."""
    m.set(dst, ~m.rmw(dst))
