"""A handful of 32-bit x86 encodings for programs that tests put together; register numbers are the manual's (EAX
ECX EDX EBX ESP ...)."""

import struct


def d(v: int) -> bytes:
    return struct.pack("<I", v & 0xFFFFFFFF)


def mov(r: int, value: int) -> bytes:
    """mov r, imm32"""
    return bytes([0xB8 + r]) + d(value)


def load(r: int, at: int) -> bytes:
    """mov r, [at]"""
    return bytes([0x8B, r << 3 | 5]) + d(at)


def store(at: int, r: int) -> bytes:
    """mov [at], r"""
    return bytes([0x89, r << 3 | 5]) + d(at)


def put(at: int, value: int) -> bytes:
    """mov dword [at], imm32"""
    return b"\xc7\x05" + d(at) + d(value)


def put8(at: int, value: int) -> bytes:
    """mov byte [at], imm8"""
    return b"\xc6\x05" + d(at) + bytes([value])


def alu(row: int, at: int, r: int) -> bytes:
    """add/or/adc/sbb/and/sub/xor/cmp [at], r"""
    return bytes([row * 8 + 1, r << 3 | 5]) + d(at)


def inc(at: int) -> bytes:
    """inc dword [at]"""
    return b"\xff\x05" + d(at)


def jmp(here: int, to: int) -> bytes:
    """jmp near, at address `here`"""
    return b"\xe9" + d(to - here - 5)


def call(here: int, to: int) -> bytes:
    return b"\xe8" + d(to - here - 5)


def jnz(here: int, to: int) -> bytes:
    return b"\x0f\x85" + d(to - here - 6)


def mov_cr(n: int, r: int) -> bytes:
    """mov crN, r"""
    return bytes([0x0F, 0x22, 0xC0 | n << 3 | r])


def invlpg(at: int) -> bytes:
    return b"\x0f\x01\x3d" + d(at)


DEC_ECX, INC_EAX, INC_EBX, NOP, HLT, RET, STI, CLI = (
    b"\x49",
    b"\x40",
    b"\x43",
    b"\x90",
    b"\xf4",
    b"\xc3",
    b"\xfb",
    b"\xfa",
)
CLD, STD, STOSB, STOSD, MOVSB, MOVSD, REP, REPNE, IRET = (
    b"\xfc",
    b"\xfd",
    b"\xaa",
    b"\xab",
    b"\xa4",
    b"\xa5",
    b"\xf3",
    b"\xf2",
    b"\xcf",
)
LODSD, SCASB, CMPSB = b"\xad", b"\xae", b"\xa6"


def loop(at: int, count: int, body: bytes, *, after: bytes = HLT) -> bytes:
    """mov ecx, count; body; dec ecx; jnz body; after"""
    head = mov(1, count)
    start = at + len(head)
    out = head + body + DEC_ECX
    return out + jnz(at + len(out), start) + after
