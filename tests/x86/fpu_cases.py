"""Random x87 cases: one instruction on a random state of the unit, and the comparison of what came out."""

import random
import struct

from fpu_machine import image, operand

from tools.oracle import x87
from tools.oracle.case import Case
from tools.oracle.layout import DATA_BASE, STACK_TOP

# Instructions on registers; "+": any of eight. D9 D8+i, whose empty source no two vendors treat alike, is left out.
REGISTERS = tuple(
    """
    d8c0+ d8c8+ d8d0+ d8d8+ d8e0+ d8e8+ d8f0+ d8f8+ dcc0+ dcc8+ dcd0+ dcd8+ dce0+ dce8+ dcf0+ dcf8+ dec0+ dec8+
    ded0+ ded9 dee0+ dee8+ def0+ def8+ dde0+ dde8+ dae9 dbf0+ dff0+ dbe8+ dfe8+ d9c0+ d9c8+ ddc8+ dfc8+ ddd0+ ddd8+
    dfd0+ dfd8+ ddc0+ dfc0+ d9f6 d9f7 d9d0 d9e0 d9e1 d9e4 d9e5 d9f4 d9f5 d9f8 d9fa d9fc d9fd d9e8 d9e9 d9ea d9eb
    d9ec d9ed d9ee dac0+ dac8+ dad0+ dad8+ dbc0+ dbc8+ dbd0+ dbd8+ dbe2 dbe3 9b dfe0 dbe0 dbe1 dbe4
    """.split()
)
TRANSCENDENTAL = ("d9f0", "d9f1", "d9f2", "d9f3", "d9f9", "d9fb", "d9fe", "d9ff")
REMAINDERS = ("d9f5", "d9f8")
C1_DIFFERS = ("dbf0+", "dff0+", "dbe8+", "dfe8+")  # FCOMI: the manual clears C1, AMD's processors leave it
# With a memory operand: opcode, reg field, what lies there.
MEMORY = tuple(
    [(op, n, kind) for op, kind in (("d8", "f32"), ("dc", "f64"), ("da", "i32"), ("de", "i16")) for n in range(8)]
    + [
        ("d9", 0, "f32"),
        ("dd", 0, "f64"),
        ("db", 5, "f80"),
        ("df", 0, "i16"),
        ("db", 0, "i32"),
        ("df", 5, "i64"),
        ("df", 4, "bcd"),
    ]
    + [
        ("d9", 2, ""),
        ("d9", 3, ""),
        ("dd", 2, ""),
        ("dd", 3, ""),
        ("db", 7, ""),
        ("df", 2, ""),
        ("df", 3, ""),
        ("db", 2, ""),
    ]
    + [
        ("db", 3, ""),
        ("df", 7, ""),
        ("df", 6, ""),
        ("d9", 5, ""),
        ("d9", 7, ""),
        ("dd", 7, ""),
        ("d9", 4, ""),
        ("d9", 6, ""),
    ]
    + [("dd", 4, "state"), ("dd", 6, ""), ("66d9", 4, ""), ("66d9", 6, ""), ("66dd", 4, ""), ("66dd", 6, "")]
)
ALL = REGISTERS + MEMORY


def real(rng: random.Random, bits: int) -> int:
    fraction, bias = (23, 127) if bits == 32 else (52, 1023)
    top, sign, kind = (1 << (bits - 1 - fraction)) - 1, rng.getrandbits(1) << (bits - 1), rng.random()
    if kind < 0.1:
        return sign | top << fraction
    if kind < 0.2:
        return sign | top << fraction | rng.getrandbits(fraction)
    if kind < 0.3:
        return sign | rng.getrandbits(fraction) >> rng.randrange(fraction)
    if kind < 0.35:
        return sign
    if kind < 0.8:
        return sign | bias + rng.randrange(-30, 30) << fraction | rng.getrandbits(fraction)
    return rng.getrandbits(bits)


def memory_operand(rng: random.Random, kind: str) -> bytes:
    noise = rng.randbytes(128)
    if kind in ("f32", "f64"):
        return real(rng, int(kind[1:])).to_bytes(int(kind[1:]) // 8, "little")
    if kind in ("i16", "i32", "i64"):
        bits = int(kind[1:])
        n = rng.choice((rng.randrange(-1 << (bits - 1), 1 << (bits - 1)), rng.randrange(-9, 9), 0))
        return n.to_bytes(bits // 8, "little", signed=True)
    if kind == "f80":
        se, mant = operand(rng)
        return struct.pack("<QH", mant, se)
    if kind == "bcd":
        return bytes(rng.randrange(10) | rng.randrange(10) << 4 for _ in range(9)) + noise[:1]
    if kind == "state":
        return noise[:28] + b"".join(struct.pack("<QH", m, se) for se, m in (operand(rng) for _ in range(8)))
    return noise


def random_case(rng: random.Random, choice: tuple = ALL) -> tuple[str | tuple, Case]:
    """(what was chosen, the case)."""
    registers: list[tuple[int, int]] = []
    for _ in range(8):
        registers.append(operand(rng, registers[-1] if registers else None))
    fcw = rng.choice((0x37F, 0x37F, 0x27F, 0x7F)) | rng.randrange(4) << 10
    if rng.random() < 0.03:
        fcw = fcw & ~0x300 | 0x100
    if rng.random() < 0.3:
        fcw &= ~rng.getrandbits(6)
    tags = 0xFF if rng.random() < 0.8 else rng.getrandbits(8)
    tags &= rng.choice((0xFF, 0xFF, 0x7F, 0x3F))
    fsw = rng.randrange(8) << 11
    if rng.random() < 0.5:
        fsw |= rng.getrandbits(16) & 0x4740
    if rng.random() < 0.2:
        fsw |= rng.getrandbits(6) & (fcw if rng.random() < 0.7 else 0x3F)
    which = rng.choice(choice)
    if isinstance(which, str):
        code = bytearray(bytes.fromhex(which.rstrip("+")))
        if which.endswith("+"):
            code[1] += rng.randrange(8)
        data = b""
    else:
        opcode, digit, kind = which
        code = bytearray(bytes.fromhex(opcode)) + bytes([digit << 3 | 5]) + struct.pack("<I", DATA_BASE)
        data = memory_operand(rng, kind)
    regs = tuple(STACK_TOP - 64 if n == 4 else n for n in range(8))
    return which, Case(
        bytes(code), regs, eflags=rng.getrandbits(12) & 0x8D5, data=data, fx=image(fcw, fsw, tags, registers)
    )


def same_fx(which: str | tuple, ours: bytes, theirs: bytes) -> bool:
    """Equal images; what may differ, and where, is told in tools/oracle/x87.py."""
    if which in TRANSCENDENTAL:
        return x87.same_transcendental(ours, theirs)
    if which in REMAINDERS and x87.same_remainder_of_infinity(ours, theirs):
        return True
    if which in C1_DIFFERS:
        ours, theirs = (v[:3] + bytes([v[3] & ~2]) + v[4:] for v in (ours, theirs))
    return ours == theirs


def show(fx: bytes) -> str:
    """An image, readable."""
    fcw, fsw, tags = struct.unpack_from("<HHB", fx)
    pairs = (struct.unpack_from("<QH", fx, 32 + 16 * i) for i in range(8))
    return f"cw {fcw:04x} sw {fsw:04x} tags {tags:02x} " + " ".join(f"{se:04x}:{mant:016x}" for mant, se in pairs)
