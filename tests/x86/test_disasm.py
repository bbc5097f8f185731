"""The disassembler and the decoder against capstone, on random operands of every declared encoding.

Only spelling is brought together: capstone's own names of some mnemonics, how numbers are written, and which operands
it leaves out. Lengths must be equal.
"""

import random
import re

import capstone
import pytest

from playhead.engine.core import tables
from playhead.x86.disasm import Disassembler
from tools.cpu_cases import Env, Generator

# capstone's name -> the manual's
NAMES = {
    "pushal": "pushad", "pushaw": "pusha", "popal": "popad", "popaw": "popa", "wait": "fwait", "sal": "shl", "int1": "int1",
    "icebp": "int1", "ljmp": "jmp", "lcall": "call", "retfq": "retf", "fcompi": "fcomip", "fucompi": "fucomip", "fnstsw": "fnstsw",
    "fisttp": "fisttp", "setalc": "salc", "insd": "insd", "fdisi8087_nop": "fnop", "feni8087_nop": "fnop", "fstpnce": "fstp",
}  # fmt: skip
SIZES = re.compile(r"\b(byte|word|dword|qword|tbyte|xword|fword|xmmword|opaque|ptr)\b")
NUMBER = re.compile(r"(?<![\w(])-?\s*(0x[0-9a-f]+|\d+)\b(?!\))")


def words(text: str) -> tuple[str, list[int]]:
    """The text with numbers taken out, and the numbers."""
    text = text.lower().strip()
    for prefix in ("bnd ", "notrack ", "xacquire ", "xrelease ", "data16 "):
        text = text.replace(prefix, "")
    name, _, rest = text.partition(" ")
    head = ""
    while name in ("lock", "rep", "repe", "repz", "repne", "repnz"):
        head += {"repz": "repe", "repnz": "repne"}.get(name, name) + " "
        name, _, rest = rest.partition(" ")
    rest = SIZES.sub("", rest).replace(" ", "").replace("*1]", "]").replace("*1+", "+").replace("*1-", "-")
    rest = re.sub(r"\bst\b(?!\()", "st(0)", rest)
    numbers: list[int] = []

    def take(match: re.Match) -> str:
        numbers.append(int(match.group(0).replace(" ", ""), 0))
        return "#"

    rest = re.sub(r"(?<=[\[,:+])-?(?:0x[0-9a-f]+|\d+)(?![\w*])|^-?(?:0x[0-9a-f]+|\d+)\b|(?<=[\w\]])-(?:0x[0-9a-f]+|\d+)\b", take, rest)
    rest = rest.replace("+#]", "#]")
    return head + NAMES.get(name, name) + " " + rest, numbers


@pytest.fixture(scope="module")
def disassembler() -> Disassembler:
    return Disassembler()
