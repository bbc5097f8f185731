"""Each copy of a handler (engine/llvm/copies.py) does what the reference engine does, and is chosen for its registers.

A program holds one instruction for each combination of registers that a copy is made for. All registers are set before
it and stored after it, and so are the flags.
"""

from itertools import product

import pytest
from encode import HLT, d, mov, store
from twin import CODE, DATA, Side, Twin, same

from playhead.engine.llvm import copies
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.core_file import ENTRY, WORD
from playhead.engine.llvm.library import library
from playhead.x86.isa import tables
from playhead.x86.notation import Encoding

PUSHF = b"\x9c"
LOG, RECORD = 0x100000, 36
POINTERS = [DATA + 0x110 * n + 0x23 for n in range(8)]
JUMPS = ("ff /2", "ff /4")


def modrm(reg: int, base: int | None, rm: int | None = None) -> bytes:
    """ModRM, SIB and displacement: a register `rm`, or the address [base + 40h]."""
    if rm is not None:
        return bytes([0xC0 | reg << 3 | rm])
    if base is None:
        return bytes([reg << 3 | 5]) + d(DATA + 0x40)
    return bytes([0x40 | reg << 3 | base]) + (b"\x24" if base == 4 else b"") + b"\x40"


def encoded(e: Encoding, memory: bool) -> list[bytes]:
    """The instruction with all combinations of its registers."""
    opcode = (b"\x0f" if e.map else b"") + bytes([e.opcode])
    size = sum({"b": 1, "s": 1}.get(o.size, 4) for o in e.operands if o.kind == "I")
    end = b"\x85\x93\xa1\xb7"[:size]
    if e.plus_r:
        return [opcode[:-1] + bytes([opcode[-1] | r]) + end for r in range(8)]
    regs = range(8) if e.digit is None else (e.digit,)
    if memory:
        return [opcode + modrm(r, b) + end for r, b in product(regs, (*range(8), None))]
    return [opcode + modrm(r, None, b) + end for r, b in product(regs, range(8))]


CASES = [(form, index) for form in tables()[0].forms
         for index, opcodes in ((5, copies.REGISTER + copies.BOTH), (7, copies.MEMORY + copies.BOTH))
         if copies.opcode_of(form.encoding) in opcodes and form.handlers[index] >= 0]  # fmt: skip


def program(cases: list[bytes]) -> tuple[bytes, list[int]]:
    """The code, and for each case the address after it."""
    code, behind = b"", []
    for n, case in enumerate(cases):
        at = LOG + RECORD * n
        code += b"".join(mov(r, POINTERS[r]) for r in range(8)) + case
        behind.append(CODE + len(code))
        code += b"".join(store(at + 4 * r, r) for r in range(8)) + mov(4, at + RECORD) + PUSHF
    return code + HLT, behind


def decoded_handlers(side: Side) -> set[int]:
    """Whatever is an address at an even place of the native engine's decoded code."""
    arena = side.core.get("arena_top") - side.engine._arena
    return set(memoryview(side.engine._arrays["arena"])[:arena].cast("Q"))


@pytest.mark.parametrize("form, index", CASES, ids=lambda v: str(v) if isinstance(v, int) else v.encoding.text)
def test_copies(form, index):
    cases = encoded(form.encoding, index == 7)
    code, behind = program(cases)

    def setup(m: Side) -> None:
        m.write(CODE, code)
        m.write(DATA, bytes((7 * i + 1) & 0xFF for i in range(0x1000)))
        if copies.opcode_of(form.encoding) in JUMPS:
            for at, address in zip((*POINTERS, DATA), behind, strict=True):
                m.write(at + 0x40, d(address))

    twin = Twin(setup)
    twin.native.engine.reset_arena()
    total = 20 * len(cases)
    assert twin.start(twin.reference, [total]) == twin.start(twin.native, [total]) == "halt"
    same(twin.reference, twin.native, form.encoding.text)
    number, core = form.handlers[index], library()
    _, flags, first = ENTRY.unpack_from(core.handlers, ENTRY.size * number)
    assert flags & (L.BY_A | L.BY_B | L.BY_BASE)
    _, made = copies.copies(form.encoding, tables()[0].handlers[number])
    own = {address for (address,) in WORD.iter_unpack(core.copies[WORD.size * first : WORD.size * (first + len(made))])}
    assert len(own) == len(made) and own <= decoded_handlers(twin.native)
