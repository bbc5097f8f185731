"""Agent expressions: each operation, the bounds, and conditions that cannot be evaluated."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playhead.base.errors import PlayheadError, Refused
from playhead.gdb.agent import STACK_LIMIT, AgentError, condition, evaluate

MEMORY = bytes(range(0x80, 0xC0))
END, DUP, POP, SWAP, ROT, GOTO = b"\x27", b"\x28", b"\x29", b"\x2b", b"\x33", b"\x21"
OPERATION = dict(
    add=2, sub=3, mul=4, div_signed=5, div_unsigned=6, rem_signed=7, rem_unsigned=8, lsh=9, rsh_signed=10,
    rsh_unsigned=11, bit_and=15, bit_or=16, bit_xor=17, equal=19, less_signed=20, less_unsigned=21,
)  # fmt: skip


def const(value: int) -> bytes:
    return b"\x25" + (value & (1 << 64) - 1).to_bytes(8, "big")


def result(code: bytes) -> int:
    return evaluate(code + END, lambda n: 1000 + n, lambda address, size: MEMORY[address : address + size])


def signed(code: bytes) -> int:
    value = result(code)
    return value - (1 << 64) if value >> 63 else value


@pytest.mark.parametrize("name, a, b, expected", [
    ("add", 2, -3, -1), ("sub", 2, 3, -1), ("mul", -4, 3, -12), ("mul", 1 << 63, 2, 0),
    ("div_signed", -7, 2, -3), ("div_signed", 7, -2, -3), ("div_signed", -7, -2, 3),
    ("div_unsigned", -1, 2, (1 << 63) - 1),
    ("rem_signed", -7, 2, -1), ("rem_signed", 7, -2, 1), ("rem_unsigned", 7, 4, 3),
    ("lsh", 3, 4, 48), ("lsh", 3, 64, 0), ("rsh_signed", -16, 2, -4), ("rsh_signed", -16, 999, -1),
    ("rsh_unsigned", -1, 60, 15), ("rsh_unsigned", 1, 1 << 40, 0),
    ("bit_and", 12, 10, 8), ("bit_or", 12, 10, 14), ("bit_xor", 12, 10, 6),
    ("equal", 5, 5, 1), ("equal", 5, 6, 0), ("less_signed", -1, 0, 1), ("less_unsigned", -1, 0, 0),
    ("less_signed", 3, 3, 0),
])  # fmt: skip
def test_two_operands(name, a, b, expected):
    assert signed(const(a) + const(b) + bytes([OPERATION[name]])) == expected


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-(1 << 63), (1 << 63) - 1).filter(bool))
def test_division_gives_back_its_dividend(a, b):
    quotient = signed(const(a) + const(b) + b"\x05")
    remainder = signed(const(a) + const(b) + b"\x07")
    assert (quotient * b + remainder - a) % (1 << 64) == 0 and abs(remainder) < abs(b)


def test_one_operand():
    assert result(const(0) + b"\x0e") == 1 and result(const(7) + b"\x0e") == 0
    assert signed(const(0) + b"\x12") == -1
    assert signed(const(0x1FF) + b"\x16\x08") == -1 and signed(const(0x17F) + b"\x16\x08") == 127
    assert result(const(-1) + b"\x2a\x10") == 0xFFFF and signed(const(-1) + b"\x16\x40") == -1


def test_constants_registers_memory():
    assert result(b"\x22\xff") == 255 and result(b"\x23\x01\x02") == 0x102 and result(b"\x24\xff\0\0\0") == 0xFF000000
    assert result(b"\x26\x00\x08") == 1008
    assert [result(b"\x22\x02" + bytes([ref])) for ref in range(0x17, 0x1B)] == [
        0x82, 0x8382, 0x85848382, 0x8988878685848382,
    ]  # fmt: skip


def test_stack():
    abc = b"\x22\x01\x22\x02\x22\x03"
    digits = const(10) + b"\x04\x02" + const(10) + b"\x04\x02"  # of the three items, the top one first
    assert result(abc + digits) == (3 * 10 + 2) * 10 + 1
    assert result(abc + SWAP + digits) == (2 * 10 + 3) * 10 + 1
    assert result(abc + ROT + digits) == (2 * 10 + 1) * 10 + 3  # a b c becomes c a b
    assert result(abc + POP + DUP + digits) == (2 * 10 + 2) * 10 + 1
    assert result(abc + b"\x32\x02") == 1 and result(abc + b"\x32\x00") == 3


def test_branches():
    choose = b"\x26\x00%c\x20\x00\x0a\x22\x05\x27\x00\x22\x06"

    def chosen(register: int) -> int:
        return evaluate(choose % register + END, lambda n: n, lambda address, size: b"")

    assert chosen(0) == 5 and chosen(1) == 6


@pytest.mark.parametrize("code", [
    b"", b"\x22", b"\x02\x27", b"\x27", b"\x00\x27", b"\x31\x27", b"\xff", b"\x22\x01\x32\x01\x27",
    b"\x22\x01\x22\x00\x05\x27", b"\x22\x01\x22\x00\x08\x27", b"\x22\xff\x17\x27", b"\x22\x01\x16\x00\x27",
    GOTO + b"\0\0", GOTO + b"\xff\xff", b"\x22\x01" + GOTO + b"\0\0", b"\x22\x01" + DUP * STACK_LIMIT + END,
    b"\x01\x27", b"\x2c\0\0\x27", b"\x22\x01\x22\x01\x0c\x27", b"\x34",
], ids=bytes.hex)  # fmt: skip
def test_what_cannot_be_evaluated(code):
    with pytest.raises(AgentError):
        evaluate(code, lambda n: n, lambda address, size: MEMORY[address : address + size])


def test_random_code_ends():
    rng = random.Random(2)
    for _ in range(2000):
        code = bytes(rng.choice((rng.randrange(0x35), rng.randrange(256))) for _ in range(rng.randrange(40)))
        try:
            assert 0 <= evaluate(code, lambda n: n, lambda address, size: MEMORY[address : address + size]) < 1 << 64
        except AgentError:
            pass


def test_conditions():
    def register(n: int) -> int:
        if n == 9:
            raise Refused("not this one")
        return n

    def holds(*codes: bytes) -> bool:
        return condition(list(codes), register, lambda address, size: b"")()

    assert holds(b"\x22\x01\x27") and not holds(b"\x22\x00\x27")
    assert holds(b"\x22\x00\x27", b"\x22\x01\x27")
    assert holds(b"\xff") and holds(b"\x26\x00\x09\x27") and holds(b"\x22\x00\x27", b"\xff")  # an error is a stop
    assert issubclass(AgentError, PlayheadError)
