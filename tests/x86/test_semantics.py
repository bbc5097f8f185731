"""Results that the manual or arithmetic tells beforehand, on each engine: shifts, bits, division, decimals, frames.

The fuzzer (test_fuzz.py) compares everything with processors; these are the corners that say by themselves what is
meant.
"""

import struct

import pytest

from tools.fuzz.insn.harness import Target
from tools.oracle import layout
from tools.oracle.case import AF, CF, OF, PF, SF, ZF, Case, Result, Segment

NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
DATA, STACK = layout.DATA_BASE, layout.STACK_TOP - 64
ALL = CF | PF | AF | ZF | SF | OF
DE, BR, UD, PAGE_FAULT = 0, 5, 6, 14


@pytest.fixture(scope="module", params=["reference", "native"])
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


def run(
    target: Target, code: str, flags: int = 0, data: bytes = b"", segments: dict | None = None, **regs: int
) -> Result:
    values = {"esp": STACK} | regs
    case = Case(bytes.fromhex(code), tuple(values.get(n, 0) for n in NAMES), flags, data, segments=segments)
    return target.run([case])[0]


def memory(result: Result, code: str, data: bytes, address: int, size: int) -> bytes:
    image = result.image(Case(bytes.fromhex(code), (0,) * 8, data=data))
    ((at, _),) = layout.image_pieces(address, b"x")
    return bytes(image[at : at + size])


@pytest.mark.parametrize(
    ("code", "eax", "count", "flags", "result", "after"),
    [
        ("d3e0", 1, 32, ALL, 1, ALL),  # shl by 32: by nothing, and no flag changes
        ("d3e0", 0x80000001, 1, 0, 2, CF | OF),
        ("d3e8", 0x80000000, 31, 0, 1, 0),
        ("d3f8", 0x80000000, 31, 0, 0xFFFFFFFF, PF | SF),
        ("d3c0", 0x80000000, 1, ZF | PF | AF | SF, 1, CF | OF | ZF | PF | AF | SF),  # rol leaves the others
        ("66d3c0", 0x8001, 16, 0, 0x8001, CF),  # a whole turn sets CF anyway
        ("d2d0", 0x80, 9, CF, 0x80, CF),  # rcl by 9 of a byte is a whole turn
        ("66d3d8", 0x0001, 1, 0, 0, CF),
        ("d3d0", 0x80000000, 31, CF, 0x60000000, 0),
    ],
)
def test_shifts(target, code, eax, count, flags, result, after):
    got = run(target, code, flags, eax=eax, ecx=count)
    assert (got.regs[0], got.eflags & ~AF if "c0" not in code and count != 32 else got.eflags) == (result, after)


def test_double_shifts(target):
    got = run(target, "0fa4d004", eax=0x12345678, edx=0x9ABCDEF0)  # shld eax, edx, 4
    assert (got.regs[0], got.eflags & CF) == (0x23456789, CF)
    got = run(target, "0facd004", eax=0x12345678, edx=0x9ABCDEF0)
    assert (got.regs[0], got.eflags & CF) == (0x01234567, CF)


@pytest.mark.parametrize(
    ("number", "at"), [(0, 256), (31, 256), (32, 260), (-1, 252), (-32, 252), (8 * 250, 256 + 248)]
)
def test_bit_strings(target, number, at):
    """BTS with its bit number in a register reaches any dword, before and after its operand."""
    data = bytes(1024)
    code = "0fab8300010000"  # bts [ebx + 256], eax
    got = run(target, code, 0, data, eax=number & 0xFFFFFFFF, ebx=DATA)
    whole = int.from_bytes(memory(got, code, data, DATA, 1024), "little")
    assert whole == 1 << (256 * 8 + number) and not got.eflags & CF
    assert at * 8 <= 256 * 8 + number < at * 8 + 32


def test_scans(target):
    assert run(target, "0fbcc2", eax=5, edx=0x100).regs[0] == 8
    assert run(target, "0fbdc2", eax=5, edx=0x180).regs[0] == 8
    none = run(target, "0fbcc2", eax=5)
    assert (none.regs[0], none.eflags & ZF) == (5, ZF)


@pytest.mark.parametrize(
    ("code", "eax", "edx", "ecx", "after"),
    [
        ("f7f1", 7, 0, 2, (3, 1)),
        ("f7f1", 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF, (0xFFFFFFFF, 0xFFFFFFFE)),
        ("f7f1", 0, 1, 1, None),
        ("f7f1", 1, 0, 0, None),
        ("f7f9", -7 & 0xFFFFFFFF, 0xFFFFFFFF, 2, (-3 & 0xFFFFFFFF, 0xFFFFFFFF)),  # towards zero
        ("f7f9", 0x80000000, 0xFFFFFFFF, 0xFFFFFFFF, None),  # 2**31
        ("f7f9", 0, 0x80000000, 0xFFFFFFFF, None),  # -2**63 by -1
        ("66f7f9", 0x8000, 0xFFFF, 0xFFFF, None),
        ("f6f9", 0x8000, 0, 0xFF, None),
        ("f6f9", 0xFF80, 0, 1, (0x80, 0)),  # -128
        ("f6f1", 0x00FF, 0, 0, None),
    ],
)
def test_division(target, code, eax, edx, ecx, after):
    got = run(target, code, eax=eax, edx=edx, ecx=ecx)
    if after is None:
        assert (got.trap, got.regs[0], got.regs[2], got.eip) == ((DE, 0, 0), eax, edx, 0)
    else:
        assert (got.regs[0], got.regs[2]) == after


def test_products(target):
    got = run(target, "f7e1", eax=0xFFFFFFFF, ecx=0xFFFFFFFF)
    assert (got.regs[2], got.regs[0], got.eflags & (CF | OF)) == (0xFFFFFFFE, 1, CF | OF)
    got = run(target, "f7e9", eax=0xFFFFFFFF, ecx=0xFFFFFFFF)
    assert (got.regs[2], got.regs[0], got.eflags & (CF | OF)) == (0, 1, 0)
    assert run(target, "6bc1fe", ecx=3).regs[0] == -6 & 0xFFFFFFFF


def test_exchanges(target):
    assert run(target, "0fc1c0", eax=5).regs[0] == 10  # xadd eax, eax
    code = "0fc70b"  # cmpxchg8b [ebx]
    data = struct.pack("<Q", 0x1122334455667788)
    got = run(target, code, 0, data, eax=0x55667788, edx=0x11223344, ebx=DATA, ecx=7)
    assert memory(got, code, data, DATA, 8) == struct.pack("<II", DATA, 7) and got.eflags & ZF
    got = run(target, code, ZF, data, ebx=DATA)
    assert (got.regs[0], got.regs[2], got.eflags & ZF, got.data) == (0x55667788, 0x11223344, 0, ())
    got = run(target, code, 0, ebx=layout.READONLY_BASE)
    assert got.trap == (PAGE_FAULT, 7, layout.READONLY_BASE)  # writing is asked for even if nothing changes


@pytest.mark.parametrize(
    ("code", "ax", "flags", "after", "carry"),
    [
        ("27", 0x9A, 0, 0x00, CF),  # daa
        ("27", 0x3C, 0, 0x42, 0),
        ("2f", 0x05, AF, 0xFF, CF),  # das borrows
        ("37", 0x00FA, 0, 0x0200, CF),  # aaa: adding 6 carries into AH as well
        ("3f", 0x0003, AF, 0xFE0D, CF),  # aas borrows from AH twice
        ("d40a", 0x0063, 0, 0x0909, 0),
        ("d50a", 0x0909, 0, 0x0063, 0),
        ("d6", 0x0000, CF, 0x00FF, CF),
    ],
)
def test_decimals(target, code, ax, flags, after, carry):
    got = run(target, code, flags, eax=ax)
    assert (got.regs[0], got.eflags & CF) == (after, carry)


def test_aam_by_zero(target):
    assert run(target, "d400", eax=5).trap == (DE, 0, 0)


@pytest.mark.parametrize(("index", "inside"), [(-5, True), (-6, False), (7, True), (8, False)])
def test_bound(target, index, inside):
    got = run(target, "6203", 0, struct.pack("<ii", -5, 7), eax=index & 0xFFFFFFFF, ebx=DATA)
    assert got.trap == (None if inside else (BR, 0, 0))


def test_frames(target):
    """ENTER with nesting copies the outer frames' pointers, LEAVE undoes it; POPA undoes PUSHA."""
    got = run(target, "c8080003", ebp=STACK + 32)
    assert got.regs[5] == STACK - 4 and got.regs[4] == STACK - 4 - 12 - 8
    assert run(target, "c8080003c9", ebp=STACK + 32).regs[4:6] == (STACK, STACK + 32)
    everything = {n: 0x1000 * i + 1 for i, n in enumerate(NAMES) if n != "esp"}
    got = run(target, "6061", **everything)
    assert got.regs == tuple(everything.get(n, STACK) for n in NAMES)
    got = run(target, "60", esp=layout.STACK_BASE + 8, eax=1)  # the third store has no page
    assert got.trap == (PAGE_FAULT, 6, layout.STACK_BASE - 4) and got.regs[4] == layout.STACK_BASE + 8


def test_a_call_checks_the_stack_before_the_target(target):
    segments = {"cs": Segment(layout.CODE_BASE, 0x100, "code"), "ss": Segment(layout.STACK_BASE, 0xF)}
    got = run(target, "ffd0", 0, b"", segments, eax=0x5000, esp=0x100)
    assert got.trap == (12, 0, 0)
    assert run(target, "ffd0", 0, b"", segments, eax=0x5000, esp=0xC).trap == (13, 0, 0)
