"""MMX (manual volume 1, chapter 9; volume 2): the set of the Pentium II.

MMX registers are the mantissas of the physical x87 registers. Every MMX instruction sets TOP to 0 and tags all
registers valid (EMMS: all empty); one that writes a register sets its sign and exponent to all ones.
"""

from collections.abc import Callable

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import InsnBuilder, StateBuilder
from playhead.x86.insn.fpu import CR0_EM, CR0_TS, call, refuse_pending
from playhead.x86.table import insn, routine

ALL = (1 << 64) - 1


@routine()
def mmx_blocked(m: StateBuilder):
    """An MMX instruction may not start: #UD under emulation, #NM after a task switch, else a pending #MF."""
    with m.if_((m.ld("cr0") & CR0_EM).ne(0)):
        m.fault(S.UD)
    with m.if_((m.ld("cr0") & CR0_TS).ne(0)):
        m.fault(S.NM)
    refuse_pending(m)


def begin(m: InsnBuilder) -> None:
    blocked = (m.ld("cr0") & (CR0_EM | CR0_TS)) | (m.ld("fsw") & 0x80)
    with m.if_(blocked.ne(0)):
        call(m, "mmx_blocked")


def enter(m: InsnBuilder) -> None:
    """What every MMX instruction does to the x87 state; after anything that may fault."""
    m.st("ftop", 0)
    m.st("ftag", 0)


def lanes(v: Value, bits: int) -> list[Value]:
    return [(v >> n).trunc(bits) for n in range(0, 64, bits)]


def joined(m: InsnBuilder, parts: list[Value]) -> Value:
    v, bits = m.const(0, 64), parts[0].bits
    for n, part in enumerate(parts):
        v = v | (part.zext(64) << (n * bits))
    return v


def spread(pattern: int, bits: int) -> int:
    """A lane's bits repeated over the register."""
    return sum(pattern << n for n in range(0, 64, bits))


def add(m: InsnBuilder, a: Value, b: Value, bits: int) -> Value:
    low = spread((1 << (bits - 1)) - 1, bits)
    return ((a & low) + (b & low)) ^ ((a ^ b) & (low ^ ALL))


def sub(m: InsnBuilder, a: Value, b: Value, bits: int) -> Value:
    high = spread(1 << (bits - 1), bits)
    return ((a | high) - (b & (high ^ ALL))) ^ ((a ^ ~b) & high)


def saturate(m: InsnBuilder, v: Value, bits: int, signed: bool) -> Value:
    """A signed value cut to the range of signed or unsigned `bits`."""
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    return v.slt(low).select(low, v.sgt(high).select(high, v)).trunc(bits)


def by_lane(f: Callable) -> Callable:
    """An operation on registers, from one on lanes."""
    return lambda m, a, b, bits: joined(m, [f(m, x, y) for x, y in zip(lanes(a, bits), lanes(b, bits), strict=True)])


def saturating(signed: bool, subtract: bool) -> Callable:
    def f(m: InsnBuilder, x: Value, y: Value) -> Value:
        a, b = (x.sext(32), y.sext(32)) if signed else (x.zext(32), y.zext(32))
        return saturate(m, a - b if subtract else a + b, x.bits, signed)

    return by_lane(f)


def compare(greater: bool) -> Callable:
    def f(m: InsnBuilder, x: Value, y: Value) -> Value:
        return (x.sgt(y) if greater else x.eq(y)).select((1 << x.bits) - 1, 0, x.bits)

    return by_lane(f)


def multiply(high: bool) -> Callable:
    def f(m: InsnBuilder, x: Value, y: Value) -> Value:
        p = x.sext(32) * y.sext(32)
        return (p >> (16 if high else 0)).trunc(16)

    return by_lane(f)


def multiply_add(m: InsnBuilder, a: Value, b: Value, bits: int) -> Value:
    products = [x.sext(32) * y.sext(32) for x, y in zip(lanes(a, 16), lanes(b, 16), strict=True)]
    return joined(m, [products[0] + products[1], products[2] + products[3]])


def pack(to: int, signed: bool) -> Callable:
    def f(m: InsnBuilder, a: Value, b: Value, bits: int) -> Value:
        return joined(m, [saturate(m, v.sext(32), to, signed) for v in lanes(a, bits) + lanes(b, bits)])

    return f


def unpack(high: bool) -> Callable:
    def f(m: InsnBuilder, a: Value, b: Value, bits: int) -> Value:
        n = 32 // bits
        part = slice(n, None) if high else slice(0, n)
        pairs = zip(lanes(a, bits)[part], lanes(b, bits)[part], strict=True)
        return joined(m, [v for pair in pairs for v in pair])

    return f


BINARY: dict[str, tuple[int, int, Callable]] = {
    "paddb": (0xFC, 8, add), "paddw": (0xFD, 16, add), "paddd": (0xFE, 32, add),
    "psubb": (0xF8, 8, sub), "psubw": (0xF9, 16, sub), "psubd": (0xFA, 32, sub),
    "paddsb": (0xEC, 8, saturating(True, False)), "paddsw": (0xED, 16, saturating(True, False)),
    "paddusb": (0xDC, 8, saturating(False, False)), "paddusw": (0xDD, 16, saturating(False, False)),
    "psubsb": (0xE8, 8, saturating(True, True)), "psubsw": (0xE9, 16, saturating(True, True)),
    "psubusb": (0xD8, 8, saturating(False, True)), "psubusw": (0xD9, 16, saturating(False, True)),
    "pcmpeqb": (0x74, 8, compare(False)), "pcmpeqw": (0x75, 16, compare(False)), "pcmpeqd": (0x76, 32, compare(False)),
    "pcmpgtb": (0x64, 8, compare(True)), "pcmpgtw": (0x65, 16, compare(True)), "pcmpgtd": (0x66, 32, compare(True)),
    "pmullw": (0xD5, 16, multiply(False)), "pmulhw": (0xE5, 16, multiply(True)), "pmaddwd": (0xF5, 16, multiply_add),
    "packsswb": (0x63, 16, pack(8, True)), "packssdw": (0x6B, 32, pack(16, True)),
    "packuswb": (0x67, 16, pack(8, False)),
    "punpckhbw": (0x68, 8, unpack(True)), "punpckhwd": (0x69, 16, unpack(True)), "punpckhdq": (0x6A, 32, unpack(True)),
    "pand": (0xDB, 64, lambda m, a, b, bits: a & b), "pandn": (0xDF, 64, lambda m, a, b, bits: ~a & b),
    "por": (0xEB, 64, lambda m, a, b, bits: a | b), "pxor": (0xEF, 64, lambda m, a, b, bits: a ^ b),
}  # fmt: skip
LOW_HALVES = {"punpcklbw": (0x60, 8), "punpcklwd": (0x61, 16), "punpckldq": (0x62, 32)}
SHIFTS = {
    "psrlw": (0xD1, 16, "r"), "psrld": (0xD2, 32, "r"), "psrlq": (0xD3, 64, "r"), "psraw": (0xE1, 16, "a"),
    "psrad": (0xE2, 32, "a"), "psllw": (0xF1, 16, "l"), "pslld": (0xF2, 32, "l"), "psllq": (0xF3, 64, "l"),
}  # fmt: skip


def _binary(name: str, code: int, bits: int, f: Callable) -> None:
    def binary(m, dst, src):
        begin(m)
        b = m.get(src)
        a = m.get(dst)
        enter(m)
        m.set(dst, f(m, a, b, bits))

    binary.__doc__ = name.upper()
    insn(f"0f {code:02x} /r Pq,Qq", name=name, feature="mmx")(binary)


for _name, _row in BINARY.items():
    _binary(_name, *_row)


def _low_half(name: str, code: int, bits: int) -> None:
    @insn(f"0f {code:02x} /r Pq,Qd", name=name, feature="mmx")
    def low(m, dst, src):
        """Interleave the low halves; of memory only 32 bits are read."""
        begin(m)
        b = m.get(src).zext(64)
        a = m.get(dst)
        enter(m)
        m.set(dst, unpack(False)(m, a, b, bits))


for _name, (_code, _bits) in LOW_HALVES.items():
    _low_half(_name, _code, _bits)


@routine(64, 64, 32, faults=False)
def mmx_shift(m: StateBuilder, v, count, kind):
    """Shift lanes: `kind` is 16, 32 or 64 for the lanes, plus 1 right, 2 arithmetic right, 3 left."""
    for bits in (16, 32, 64):
        with m.if_((kind & 0x70).eq(bits)):
            over = count.ugt(bits - 1)
            n = (count & (bits - 1)).trunc(bits)
            for how in (1, 2, 3):
                with m.if_((kind & 3).eq(how)):
                    parts = []
                    for x in lanes(v, bits):
                        shifted = x >> n if how == 1 else x.sar(n) if how == 2 else x << n
                        parts.append(over.select(x.sar(bits - 1) if how == 2 else 0, shifted, bits))
                    m.ret(joined(m, parts))  # type: ignore[arg-type]


def _shift(name: str, code: int, bits: int, how: str) -> None:
    kind = bits | {"r": 1, "a": 2, "l": 3}[how]
    group, digit = {16: 0x71, 32: 0x72, 64: 0x73}[bits], {"r": 2, "a": 4, "l": 6}[how]

    @insn(f"0f {code:02x} /r Pq,Qq", name=name, feature="mmx")
    def shift(m, dst, src):
        """Shift by a 64-bit count."""
        begin(m)
        count = m.get(src)
        a = m.get(dst)
        enter(m)
        m.set(dst, call(m, "mmx_shift", a, count, kind))

    @insn(f"0f {group:02x} /{digit} Rq,Ib", name=name, feature="mmx")
    def shift_by(m, dst, count):
        """Shift by an immediate count."""
        begin(m)
        a = m.get(dst)
        enter(m)
        m.set(dst, call(m, "mmx_shift", a, m.get(count).zext(64), kind))


for _name, _row3 in SHIFTS.items():
    _shift(_name, *_row3)


@insn("0f 6f /r Pq,Qq", name="movq", feature="mmx")
def movq_load(m, dst, src):
    """Copy 64 bits."""
    begin(m)
    v = m.get(src)
    enter(m)
    m.set(dst, v)


@insn("0f 7f /r Qq,Pq", name="movq", feature="mmx")
def movq_store(m, dst, src):
    """Copy 64 bits."""
    begin(m)
    v = m.get(src)
    if m.is_memory(dst):
        m.set(dst, v)
        enter(m)
    else:
        enter(m)
        m.set(dst, v)


@insn("0f 6e /r Pq,Ed", name="movd", feature="mmx")
def movd_load(m, dst, src):
    """32 bits of memory or a general register, extended by zeros."""
    begin(m)
    v = m.get(src)
    enter(m)
    m.set(dst, v.zext(64))


@insn("0f 7e /r Ed,Pq", name="movd", feature="mmx")
def movd_store(m, dst, src):
    """The low 32 bits to memory or a general register."""
    begin(m)
    m.set(dst, m.get(src).trunc(32))
    enter(m)


@insn("0f 77", feature="mmx")
def emms(m):
    """Give the registers back to the x87: all empty."""
    begin(m)
    m.st("ftop", 0)
    m.st("ftag", 0xFF)
