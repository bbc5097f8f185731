"""Copies of the handlers that are executed most, each made for certain registers.

A handler finds its registers by offsets in the uop: that is a load for each, an index register that most addresses do
not have, and an address in the state block that the host's processor learns only then, so that a register written by
one handler reaches the next through memory. A copy has the offsets as constants. `write_uop` (blocks.py) chooses the
copy when it decodes; an operand with an index register keeps the handler itself.
"""

from itertools import product

from playhead.engine.llvm import layout as L
from playhead.ir.ops import Op
from playhead.x86 import state as S
from playhead.x86.notation import Encoding
from playhead.x86.table import Handler, Table

ZERO = S.offset("zero")
BASES = ZERO // 4 + 1  # the general registers, and none
CHOOSES = {"a": L.BY_A, "b": L.BY_B, "base": L.BY_BASE}  # in the order of the key

# Which forms: the ones that compilers use for most of a program (of 32-bit operands, or where these do not matter).
ALU = "01", "09", "11", "19", "21", "29", "31", "39"
ALU_LOAD = "03", "0b", "13", "1b", "23", "2b", "33", "3b"
IMMEDIATE = tuple(f"{opcode} /{row}" for opcode in ("81", "83") for row in range(8))
EXTENDING = "0f b6 /r", "0f b7 /r", "0f be /r", "0f bf /r"
BOTH = ("88 /r", "89 /r", "8a /r", "8b /r", "38 /r", "39 /r", "3a /r", "84 /r", "85 /r", "80 /7", "f6 /0", "f7 /0",
        "0f af /r", "50+r", "58+r", "40+r", "48+r", "b8+r", *EXTENDING, *IMMEDIATE)  # fmt: skip
REGISTER = (*(f"{opcode} /r" for opcode in ALU), "c1 /4", "c1 /5", "c1 /7", "d1 /4", "d1 /5", "d1 /7", "f7 /3", "f7 /4")
MEMORY = (*(f"{opcode} /r" for opcode in ALU_LOAD), "8d /r", "c6 /0", "c7 /0", "ff /6", "ff /2", "ff /4")


def opcode_of(encoding: Encoding) -> str:
    """An encoding's notation without its operands."""
    operands = ",".join(o.text for o in encoding.operands)
    return encoding.text.removesuffix(operands).strip()


def fields(region: list[Op]) -> set[str]:
    """The fields of the uop that operations read."""
    found = {op.attr for op in region if op.kind == "field"}
    for op in region:
        for inner in op.attr if op.kind == "if" else (op.attr,) if op.kind == "loop" else ():
            found |= fields(inner)
    return found


def values(encoding: Encoding, name: str) -> list[dict[str, int]]:
    """What a field may be, in the order of the key, and what else is then known."""
    if name == "base":
        return [{"base": 4 * n, "index": ZERO} for n in range(BASES)]
    sizes = {"a" if o.kind == "G" else "b": o.size for o in encoding.operands if o.kind in "EGZ"}
    if sizes.get(name) == "b":
        return [{name: 4 * (n & 3) + (n >> 2)} for n in range(8)]
    return [{name: 4 * n} for n in range(8)]


def copies(encoding: Encoding, handler: Handler) -> tuple[int, list[dict[str, int]]]:
    """The fields by which a copy of a handler is chosen, and what each copy is made for."""
    used = fields(handler.function.body)
    chosen = [name for name in CHOOSES if name in used]
    made = [dict(item for part in parts for item in part.items())
            for parts in product(*(values(encoding, name) for name in chosen))]  # fmt: skip
    return sum(CHOOSES[name] for name in chosen), made if chosen else []


def copied(table: Table) -> dict[int, tuple[int, list[dict[str, int]]]]:
    """What `copies` says, by the number of the handler."""
    result = {}
    for form in table.forms:
        opcode = opcode_of(form.encoding)
        for index, opcodes in ((5, REGISTER + BOTH), (7, MEMORY + BOTH)):
            number = form.handlers[index]
            if opcode in opcodes and number >= 0 and number not in result:
                result[number] = copies(form.encoding, table.handlers[number])
    return result
