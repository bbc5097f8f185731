"""The disassembler and the decoder against capstone, on random operands of every declared encoding.

Only spelling is brought together: capstone's own names of some mnemonics, how numbers are written, operands that it
leaves out. Lengths must be equal, and numbers, modulo the operand's size.
"""

import re
from collections import Counter

import capstone
import pytest

from playhead.x86.disasm import Disassembler, Instruction
from playhead.x86.isa import tables
from playhead.x86.table import Form
from tools.fuzz.insn.cases import Env, Generator

ROUNDS = 40
# capstone's name -> the manual's
NAMES = {
    "pushal": "pushad", "pushaw": "pusha", "popal": "popad", "popaw": "popa", "wait": "fwait", "sal": "shl",
    "icebp": "int1", "feni8087_nop": "fnsetpm", "fdisi8087_nop": "fnsetpm", "fsetpm": "fnsetpm", "lcall": "call",
    "ljmp": "jmp", "cldemote": "nop", "fcompi": "fcomip", "fucompi": "fucomip", "fstpnce": "fstp",
    "repz": "repe", "repnz": "repne",
}  # fmt: skip
WIDE_SELECTORS = frozenset(("mov", "lar", "lsl"))  # capstone shows 16-bit sources as 32 bits wide
# aliases that processors have and capstone has not
UNDOCUMENTED = {"dc d0+i Fi", "dc d8+i Fi", "dd c8+i Fi", "de d0+i Fi", "df c8+i Fi", "df d0+i Fi", "df d8+i Fi"}
# UD1: capstone reads no ModRM; it knows MPX, which is NOPs
SKIPPED = frozenset(("0f b9 /r Gv,Ev", "0f 1a /r Ev", "0f 1b /r Ev"))
SKIPPED_16 = frozenset(("98", "99"))  # capstone mistakes CBW for CWDE in 16-bit code
PREFIXES = frozenset(("lock", "rep", "repe", "repne"))
IGNORED = frozenset(("bnd", "notrack", "xacquire", "xrelease", "data16", "addr32"))
SIZES = re.compile(r"\b(byte|word|dword|qword|tbyte|xword|fword|ptr)\b")
NUMBER = re.compile(r"(?:([-+])|(?<=[,\[:])|^)(0x[0-9a-f]+|\d+)\b(?!\()")


def parts(text: str) -> tuple[list[str], list[str], list[int]]:
    """Mnemonics with prefixes, operands with numbers taken out, numbers."""
    heads = []
    rest = text.lower().strip()
    while True:
        name, _, rest = rest.partition(" ")
        name = NAMES.get(name, name)
        if name not in IGNORED:
            heads.append(name)
        if name not in PREFIXES and name not in IGNORED:
            break
    if heads[-1] in ("call", "jmp"):
        rest = rest.replace(":", ",") if "[" not in rest else rest
    rest = SIZES.sub("", rest).replace(" ", "")
    rest = re.sub(r"\bst\b(?!\()", "st(0)", rest).replace("*1]", "]").replace("*1+", "+").replace("*1-", "-")
    numbers: list[int] = []

    def take(match: re.Match) -> str:
        numbers.append(int((match.group(1) or "") + match.group(2), 0))
        return "+#" if match.group(1) else "#"

    rest = NUMBER.sub(take, rest).replace(",+#", ",#").replace("[+#", "[#").removeprefix("+")
    return heads, [o for o in rest.split(",") if o], numbers


def same(ours: Instruction, theirs: str) -> bool:
    (heads, operands, numbers), (heads2, operands2, numbers2) = parts(ours.text), parts(theirs)
    if heads[-1][0] == "f" and len(operands) != len(operands2):
        operands, operands2 = ([o for o in x if o != "st(0)"] for x in (operands, operands2))
    if heads[-1] == "rcl" and operands2 == operands[:-1]:  # capstone leaves the 1 out
        operands, numbers = operands2, numbers2
    if heads[-1] in WIDE_SELECTORS:
        operands, operands2 = ([re.sub(r"\be(..)$", r"\1", o) for o in x] for x in (operands, operands2))
    if heads[-1] == "nop":  # capstone adds the register of ModRM to some
        operands2 = operands2[:1]
    if heads[-1] in ("aam", "aad") and not operands2:
        operands, numbers = [], [] if numbers == [10] else numbers
    size = 1 << min(ours.operand_size, ours.address_size)
    if any(o.size == "b" or o.kind == "fix8" for o in (ours.form.encoding.operands if ours.form else ())):
        size = 1 << 8
    return (heads, operands) == (heads2, operands2) and len(numbers) == len(numbers2) and all(
        (a - b) % size == 0 for a, b in zip(numbers, numbers2, strict=True))  # fmt: skip


class Bench:
    def __init__(self) -> None:
        self.ours = Disassembler()
        self.generator = Generator(tables()[0], 1)
        self.capstone = {True: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32),
                         False: capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16)}  # fmt: skip

    def code(self, form: Form, number: int, big: bool) -> bytes:
        self.generator.rng.seed(f"{form.encoding.text} {number}")
        self.generator.env = Env(big=big, regs=[self.generator.rng.getrandbits(32) for _ in range(8)])
        while True:
            piece = self.generator.instruction(form)
            other = {0xF2, 0xF3} if not form.insn.rep else set()  # they make other instructions of many opcodes today
            if form.encoding.text == "a5 Yv,Xv":
                other.add(0xF2)  # capstone thinks of MOVSD, the SSE one
            if form.insn.chapter == "mmx":
                other.add(0x66)
            if not other & set(piece.prefixes):
                return bytes(piece.code)

    def difference(self, form: Form, number: int, big: bool) -> str | None:
        """None if both agree, else what they say."""
        code = self.code(form, number, big)
        known = next(self.capstone[big].disasm(code, 0x1000), None)
        ours = self.ours.one(code, 0x1000, big)
        if known is None or ours.form is None:
            return None
        theirs = f"{known.mnemonic} {known.op_str}"
        if ours.length == known.size == len(code) and same(ours, theirs):
            return None
        return f"{code.hex()}: {ours.text} ({ours.length}) | {theirs} ({known.size})"


@pytest.fixture(scope="module")
def bench() -> Bench:
    return Bench()


FORMS = [f for f in tables()[0].forms if f.number and f.encoding.text not in SKIPPED]


@pytest.mark.parametrize("big", [True, False], ids=["32", "16"])
def test_every_encoding(bench: Bench, big: bool) -> None:
    forms = [f for f in FORMS if big or f.encoding.text not in SKIPPED_16]
    found = [d for f in forms for n in range(ROUNDS) if (d := bench.difference(f, n, big))]
    assert not found, f"{len(found)} differ, such as\n" + "\n".join(found[:20])


def test_capstone_knows_them(bench: Bench) -> None:
    """The comparison is not empty: nearly every encoding was known to both."""
    known: Counter[int] = Counter()
    for f in FORMS:
        for n in range(8):
            code = bench.code(f, n, True)
            known[f.number] += bench.ours.one(code).form is not None and any(bench.capstone[True].disasm(code, 0))
    unknown = {f.encoding.text for f in FORMS if not known[f.number]}
    assert unknown == UNDOCUMENTED
