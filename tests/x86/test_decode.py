"""The decoder at its edges: instructions cut by a page, prefixes to the limit, LOCK, what is no instruction.

That lengths and operands are right for every declared encoding is shown in test_disasm.py and, by execution, in
test_fuzz.py.
"""

import pytest

from playhead.x86.disasm import Disassembler
from tools.fuzz.insn.harness import Target
from tools.oracle import layout
from tools.oracle.case import Case

REGS = (
    0x1111,
    0x2222,
    0x3333,
    layout.DATA_BASE + 0x100,
    layout.STACK_TOP - 64,
    0,
    layout.DATA_BASE,
    layout.DATA_BASE + 64,
)
UD, GP = (6, 0, 0), (13, 0, 0)


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("reference")


@pytest.fixture(scope="module")
def disassembler() -> Disassembler:
    return Disassembler()


@pytest.mark.parametrize(
    ("code", "trap"),
    [
        ("f00103", None),  # lock add [ebx], eax
        ("f003c3", UD),  # lock add eax, ebx
        ("f00303", UD),  # lock add eax, [ebx]: the destination is no memory
        ("f03903", UD),  # lock cmp
        ("f0c7030000", UD),  # lock mov
        ("f08703", None),  # lock xchg [ebx], eax
        ("f00fb103", None),  # lock cmpxchg
        ("0fc7c8", UD),  # cmpxchg8b of a register
        ("8dc0", UD),  # lea of a register
        ("2e8903", GP),  # through CS, which is flat but not writable
        ("2e8b03", None),
        ("0fff", UD),
        ("8ec8", UD),  # mov cs, ax
        ("8cf0", UD),  # mov eax, the sixth segment register
    ],
)
def test_what_is_refused(target: Target, code: str, trap: tuple | None) -> None:
    (result,) = target.run([Case(bytes.fromhex(code), REGS)])
    assert result.trap == trap
    assert result.eip == (0 if trap else len(bytes.fromhex(code)))


@pytest.mark.parametrize("opcode", range(0x18, 0x20))
@pytest.mark.parametrize("engine", ["reference", "native"])
def test_hints_are_nops(engine: str, opcode: int) -> None:
    """With every ModRM, also one whose operand lies where nothing is; with every prefix but LOCK."""
    target = Target(engine)
    nowhere = (0xDEAD0000,) * 4 + (layout.STACK_TOP - 64,) + (0xDEAD0000,) * 3
    sib = {modrm for modrm in range(0xC0) if modrm & 7 == 4}
    cases = []
    for modrm in range(256):
        size = {0: 4 if modrm & 7 == 5 else 0, 1: 1, 2: 4, 3: 0}[modrm >> 6]
        code = bytes((0x0F, opcode, modrm)) + b"\x20" * (modrm in sib) + bytes(size)
        cases += [Case(prefix + code, nowhere) for prefix in (b"", b"\xf3", b"\xf2", b"\x66", b"\x64", b"\xf0")]
    for case, result in zip(cases, target.run(cases), strict=True):
        expected = (UD, 0) if case.code[0] == 0xF0 else (None, len(case.code))
        assert (result.trap, result.eip, result.regs) == (*expected, nowhere), case.code.hex()


@pytest.mark.parametrize("prefixes", [13, 14])
def test_fifteen_bytes(target: Target, prefixes: int) -> None:
    code = b"\x3e" * prefixes + b"\x01\xc8"
    (result,) = target.run([Case(code, REGS)])
    assert (result.trap, result.eip) == ((None, 15) if prefixes == 13 else (GP, 0))


# By number of prefixes: the 16th byte is or would be the opcode, its second byte, the ModRM byte, an operand.
ENDINGS = {
    15: ("90", "cc", "cd80", "f4", "0f0b", "0fff", "d6", "01c8"),
    14: ("0f0b", "0fff", "0fa2", "fec0", "fef8", "c5c0", "0fc7c8", "01c8", "cd80", "f7f8"),
    13: ("0fbaf801", "0f01f8", "0fc7c0", "81c000000000"),
}


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_too_long_comes_before_undefined(engine: str) -> None:
    """Wherever a page ends in it; where the pages end after 15 bytes, the 16th is not missed."""
    codes = [bytes([0x66] * (count - 1) + [prefix]) + bytes.fromhex(text)
             for count, texts in ENDINGS.items() for prefix in (0x66, 0xF0, 0xF3, 0x3E)
             for text in texts]  # fmt: skip
    origins = (0, layout.PAGE - 3, layout.PAGE - 14, layout.PAGE - 15)
    cases = [Case(code, REGS, origin=origin) for code in codes for origin in origins]
    for last in (0x66, 0x0F, 0xF0):
        cases.append(Case(b"\x66" * 14 + bytes([last]), REGS, origin=layout.CODE_SIZE - 15))
    for case, result in zip(cases, Target(engine).run(cases), strict=True):
        assert (result.trap, result.eip) == (GP, 0), (case.code.hex(), case.origin)


@pytest.mark.parametrize("engine", ["reference", "native"])
def test_fifteen_bytes_are_not_too_long(engine: str) -> None:
    """What is undefined is so then, and what lies beyond the last page is missed."""
    absent = (14, 4, layout.CODE_BASE + layout.CODE_SIZE)
    for code, at, trap in (
        (b"\x66" * 13 + b"\x0f\xff", 0, UD), (b"\x66" * 13 + b"\xfe\xf8", 0, UD),
        (b"\xf0" + b"\x66" * 13 + b"\x90", 0, UD),
        (b"\x66" * 14, layout.CODE_SIZE - 14, absent), (b"\x66" * 13 + b"\x0f", layout.CODE_SIZE - 14, absent),
    ):  # fmt: skip
        (result,) = Target(engine).run([Case(code, REGS, origin=at)])
        assert (result.trap, result.eip) == (trap, 0), code.hex()


@pytest.mark.parametrize(
    "code", ["0fbaa0632300001f", "f00fc70d00010020", "66813d0001002034 12", "d8c1", "67668b870000"]
)
def test_cut_by_a_page(target: Target, code: str) -> None:
    """Wherever the page ends within an instruction, it is the same instruction. A ModRM byte that selects it counts."""
    raw = bytes.fromhex(code)
    ends = set()
    for cut in range(len(raw) + 1):
        (result,) = target.run([Case(raw, REGS, origin=layout.PAGE - cut)])
        ends.add((result.eip, result.trap, result.regs, result.data))
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("code", "big", "text"),
    [
        ("90", True, "nop"),
        ("f390", True, "pause"),
        ("f30f1efb", True, "endbr32"),
        ("f30f1efa", False, "endbr64"),
        ("0f1efb", True, "nop ebx"),
        ("0f1f4401fe", True, "nop dword ptr [ecx + eax - 0x2]"),
        ("0f1810", True, "prefetcht1 dword ptr [eax]"),
        ("0f1820", True, "nop dword ptr [eax]"),
        ("0f2000", True, "mov eax, cr0"),
        ("0f2265", True, "mov cr4, ebp"),
        ("0f2184", False, "mov esp, dr0"),
        ("0f233e", False, "mov dr7, esi"),
        ("8b848b78563412", True, "mov eax, dword ptr [ebx + ecx*4 + 0x12345678]"),
        ("668b40f0", True, "mov ax, word ptr [eax - 0x10]"),
        ("648a07", False, "mov al, byte ptr fs:[bx]"),
        ("f3a5", True, "rep movsd dword ptr es:[edi], dword ptr [esi]"),
        ("c5c0", True, "(bad)"),
        ("0fba2578563412ff", True, "bt dword ptr [0x12345678], 0xff"),
        ("ebfe", True, "jmp 0x1000"),
        ("dec1", True, "faddp st(1), st(0)"),
    ],
)
def test_text(disassembler: Disassembler, code: str, big: bool, text: str) -> None:
    got = disassembler.one(bytes.fromhex(code), 0x1000, big)
    assert (got.text, got.length) == (text, len(code) // 2)
