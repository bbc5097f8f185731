"""MMX against the host's CPU: every instruction on random and saturating operands, and what it does to the x87
state.
"""

import random
import struct

import pytest
from fpu_machine import Machine, blocked_vector, fx_bytes, host_fx, image

from playhead.x86.insn.mmx import BINARY, LOW_HALVES, SHIFTS
from tools.oracle import HostOracle, OracleUnavailable
from tools.oracle.case import Case
from tools.oracle.layout import DATA_BASE, STACK_TOP

CORNERS = (
    0,
    (1 << 64) - 1,
    0x8000800080008000,
    0x7FFF7FFF7FFF7FFF,
    0x8080808080808080,
    0x7F7F7F7F7F7F7F7F,
    0x8000000080000000,
    0x7FFFFFFF7FFFFFFF,
    1,
    15,
    16,
    17,
    31,
    32,
    63,
    64,
    65,
    1 << 63,
)


@pytest.fixture(scope="module")
def machine():
    return Machine()


@pytest.fixture(scope="module")
def host():
    try:
        oracle = HostOracle()
    except OracleUnavailable as e:
        pytest.skip(str(e))
    with oracle:
        yield oracle


def number(rng: random.Random) -> int:
    return rng.choice((rng.getrandbits(64), rng.getrandbits(64), rng.choice(CORNERS)))


def random_case(rng: random.Random) -> Case:
    """One MMX instruction, register or memory form, on a random state of the unit."""
    reg, rm = rng.randrange(8), rng.randrange(8)
    memory = struct.pack("<BI", reg << 3 | 5, DATA_BASE + 8 * rng.randrange(3) + rng.choice((0, 0, 1)))
    modrm = rng.choice((bytes([0xC0 | reg << 3 | rm]), memory))
    kind = rng.random()
    if kind < 0.75:
        rows = {
            **{n: r[0] for n, r in BINARY.items()},
            **{n: r[0] for n, r in LOW_HALVES.items()},
            **{n: r[0] for n, r in SHIFTS.items()},
        }
        code = bytes([0x0F, rng.choice(list(rows.values()))]) + modrm
    elif kind < 0.85:
        group, digit = rng.choice(
            ((0x71, 2), (0x71, 4), (0x71, 6), (0x72, 2), (0x72, 4), (0x72, 6), (0x73, 2), (0x73, 6))
        )
        code = bytes([0x0F, group, 0xC0 | digit << 3 | rm, rng.choice((0, 1, 7, 15, 16, 31, 32, 63, 64, 255))])
    elif kind < 0.97:
        code = bytes([0x0F, rng.choice((0x6E, 0x7E, 0x6F, 0x7F))]) + modrm
    else:
        code = b"\x0f\x77"
    registers = [(rng.choice((0x3FFF, 0xFFFF)), number(rng)) for _ in range(8)]
    fx = image(0x37F, rng.getrandbits(16) & 0x7F40, rng.getrandbits(8), registers)
    regs = tuple(rng.getrandbits(32) if n != 4 else STACK_TOP - 64 for n in range(8))
    return Case(code, regs, data=b"".join(number(rng).to_bytes(8, "little") for _ in range(4)), fx=fx)


def differences(machine: Machine, oracle: HostOracle, rng: random.Random, count: int) -> list[str]:
    cases = [random_case(rng) for _ in range(count)]
    found = []
    for case, want in zip(cases, oracle.run(cases), strict=True):
        fx, trap, eip, regs, data, _ = machine.run(case)
        if (fx, trap, eip, regs, data) != (host_fx(want.fx or b""), want.trap, want.eip, want.regs, want.data):
            found.append(case.code.hex())
    return found


def test_against_the_host(machine, host):
    found = differences(machine, host, random.Random(1), 6000)
    assert not found, f"{len(found)} differ, first {found[:5]}"


def test_a_write_fills_exponent_tags_and_top(machine):
    fx, trap, *_ = machine.run(Case(bytes.fromhex("0f6ec8"), (0x12345678,) + (0,) * 7, fx=image(fsw=3 << 11, tags=0)))
    assert trap is None
    assert struct.unpack_from("<HHB", fx) == (0x37F, 0, 0xFF)
    assert fx_bytes(fx, 1) == (0x12345678).to_bytes(8, "little") + b"\xff\xff"


@pytest.mark.parametrize(("cr0", "vector"), [(4, 6), (8, 7), (12, 6), (0, None)])
def test_blocked(machine, cr0, vector):
    assert blocked_vector(machine, "0fefc0", cr0) == vector


def test_pending_x87_exception(machine):
    _, trap, *_ = machine.run(Case(bytes.fromhex("0fefc0"), (0,) * 8, fx=image(0x37E, 1, 0xFF)))
    assert trap == 16
