"""Instructions that access memory in several parts, on each engine: what must be aligned (manual volume 3, 6.15, #AC),
and that one which faults, or has to be started anew, leaves nothing half written.
"""

import struct

import pytest

from tools.fuzz.insn.harness import Target
from tools.oracle import layout
from tools.oracle.case import AC, Case, Result

ALIGNMENT, PAGE_FAULT = 17, 14
DATA, STACK = layout.DATA_BASE + 0x100, layout.STACK_TOP - 512
CODE_PAGE_END = layout.CODE_BASE + layout.PAGE


@pytest.fixture(scope="module", params=["reference", "native"])
def target(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


def run(target: Target, code: bytes, **more) -> Result:
    regs = more.pop("regs", {})
    values = {"esp": STACK} | regs
    names = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")
    return target.run([Case(code, tuple(values.get(n, 0) for n in names), **more)])[0]


@pytest.mark.parametrize(
    ("code", "multiple"),
    [
        ("d935", 4), ("66d935", 2), ("d925", 4), ("66d925", 2),  # FNSTENV, FLDENV
        ("dd35", 4), ("66dd35", 2), ("dd25", 4), ("66dd25", 2),  # FNSAVE, FRSTOR: not by their 80-bit parts
        ("d9e8db3d", 8), ("db2d", 8), ("d9eedf35", 8), ("df25", 8),  # FSTP and FLD of 80 bits, FBSTP, FBLD
        ("df2d", 8), ("d9eedf3d", 8), ("dd05", 8), ("d905", 4), ("de05", 2),
        ("c405", 4), ("66c405", 2),  # LES: 48 and 32 bits
        ("0fc70d", 8), ("0f6f05", 8), ("0f7f05", 8), ("0f6e05", 4),  # CMPXCHG8B, MOVQ, MOVD
        ("6205", 4), ("666205", 2),  # BOUND: each limit
        ("0fba2d", 4),  # BTS imm8
    ],
)  # fmt: skip
def test_alignment_by_operand(target, code, multiple):
    for offset in range(16):
        last = b"\x05" if code == "0fba2d" else b""
        whole = bytes.fromhex(code) + struct.pack("<I", DATA + offset) + last
        got = run(target, whole, eflags=AC, data=bytes(512))
        if offset % multiple:
            assert got.trap == (ALIGNMENT, 0, 0), offset
            assert not got.data, "half written"
        else:
            assert got.trap is None, offset


@pytest.mark.parametrize("code", ["60", "6660", "c8000003", "61", "6661", "c9", "9d", "669d"])
def test_alignment_of_the_stack(target, code):
    """PUSHA, ENTER, POPA, LEAVE, POPF: by the size of an item."""
    size = 2 if code.startswith("66") else 4
    for offset in range(4):
        top = STACK + offset
        zero = ((top, bytes(64)),)
        got = run(target, bytes.fromhex(code), eflags=AC, patches=zero, regs={"esp": top, "ebp": top})
        assert (got.trap is None) == (offset % size == 0), offset
        if got.trap:
            assert got.trap == (ALIGNMENT, 0, 0) and not got.data and got.regs[4:6] == (top, top)


def entered(image: dict[int, int], esp: int, ebp: int, level: int) -> dict[int, int]:
    """Dwords of memory after ENTER, by the manual's loop."""
    image = dict(image)
    at = frame = esp - 4
    image[at] = ebp
    for n in range(1, level):
        at -= 4
        image[at] = image[ebp - 4 * n]
    image[at - 4] = frame
    return image


def enter(target: Target, esp: int, distance: int, level: int, room: int, origin: int = 0) -> tuple[Result, dict, dict]:
    """ENTER with EBP `distance` above ESP, after an instruction of the same block."""
    first, count = esp - 80, 60
    before = {first + 4 * n: 0x01010101 * (n + 1) for n in range(count)}
    patch = ((first, b"".join(v.to_bytes(4, "little") for v in before.values())),)
    code = b"\x90\xc8" + struct.pack("<HB", room, level)
    case = Case(code, (0, 0, 0, 0, esp, esp + distance, 0, 0), patches=patch, origin=origin)
    got = target.run([case])[0]
    ((at, _),) = layout.image_pieces(first, b"x")
    after = got.image(case)[at : at + 4 * count]
    words = dict(zip(before, struct.unpack(f"<{count}I", after), strict=True))
    return got, words, entered(before, esp, esp + distance, level)


@pytest.mark.parametrize("distance", [-32, -8, -4, 0, 4, 8, 20, 64])
def test_enter_copies_in_order(target, distance):
    """The frame may overlap what is copied: pointers are loaded and stored one after the other."""
    got, words, expected = enter(target, STACK, distance, 9, 0)
    assert got.trap is None and words == expected


@pytest.mark.parametrize("distance", [-32, -8, 0, 4])
def test_enter_that_faults_has_stored_nothing(target, distance):
    """Its last check is that of the new top of the stack, after the whole frame."""
    got, _, _ = enter(target, STACK, distance, 9, 0x7FFF)
    assert got.trap is not None and got.trap[0] == PAGE_FAULT
    assert not got.data and got.regs[4:6] == (STACK, STACK + distance)


def test_enter_is_the_same_over_decoded_code(target):
    """The engine starts it anew when a store meets a page with decoded code, in the middle of the frame."""
    got, words, expected = enter(target, CODE_PAGE_END + 0x20, -8, 12, 0, origin=layout.PAGE - 64)
    assert got.trap is None and words == expected
