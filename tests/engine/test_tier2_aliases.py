"""Code of one physical page at two linear addresses, with regions: each knows where it is entered, and leaves with the
translation that led to it."""

import random

import pytest
from encode import DEC_ECX, HLT, RET, call, d, invlpg, jmp, jnz, mov, put, store
from twin import CODE, DATA, P, Side, Twin, U, W, same

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.compile import compile_units
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.engine.llvm.tier2.tier import Compiled

A, B = 0x60000, 0x61000  # linear pages
ONE, OTHER = 0x60000, 0x62000  # physical pages
FUNCTION, PART = 0x400, 0x300  # in the page
TURNS = 2000
RELOAD_CR3 = b"\x0f\x20\xd8\x0f\x22\xd8"


def page(step: int, part: bytes = b"") -> bytes:
    """A function that loops ECX times: a call, and a part that not every turn comes to. It adds up in EBX and EDX."""
    body = call(0, FUNCTION) + b"\xf6\xc1\x03"  # test $3, %cl
    body += jnz(len(body), PART)
    back = len(body)
    body += DEC_ECX + jnz(back + 1, 0) + RET
    part = part or b"\x81\xc2" + d(step)  # add $step, %edx
    out = bytearray(HLT * 4096)
    for at, code in ((0, body), (PART, part + jmp(PART + len(part), back)), (FUNCTION, b"\x81\xc3" + d(step) + RET)):
        out[at : at + len(code)] = code
    return bytes(out)


def shown(side: Side, linear: int, physical: int) -> bytes:
    """Code that maps a page otherwise."""
    return put(side.pte_at(linear), physical | P | W | U) + invlpg(linear)


def run_of(at: int, linear: int, turns: int = TURNS) -> bytes:
    return mov(1, turns) + call(at + 5, linear)


def remapped(side: Side) -> None:
    """Both addresses in turn, while the function is rewritten and the two pages change places."""
    side.paging()
    side.write(ONE, page(3))
    side.write(OTHER, page(1000))
    side.pte(B, ONE | P | W | U)
    code = b""
    for change in (
        b"", put(A + FUNCTION + 2, 7), shown(side, B, OTHER), shown(side, A, OTHER) + shown(side, B, ONE),
        put(side.pte_at(A), ONE | P | W | U) + RELOAD_CR3,
    ):  # fmt: skip
        code += change
        for linear in (A, B):
            code += run_of(CODE + len(code), linear)
    side.write(CODE, code + store(DATA, 3) + store(DATA + 4, 2) + HLT)


def rewritten_from_inside(side: Side) -> None:
    """The loop itself writes to its function now and then, by the other address."""
    side.paging()
    change = store(B + FUNCTION + 2, 1)
    side.write(ONE, page(3, b"\xf6\xc1\x3f\x75" + bytes([len(change)]) + change))  # test $63, %cl; jnz over it
    side.pte(B, ONE | P | W | U)
    code = run_of(CODE, A)
    side.write(CODE, code + run_of(CODE + len(code), B) + store(DATA, 3) + HLT)


@pytest.mark.parametrize("program", [remapped, rewritten_from_inside])
def test_two_addresses(program):
    side, twin, rng = Side(NativeEngine), Twin(program), random.Random(5)
    side.engine.use_tier2(switch.ON, SynchronousBackend(compile_units), Compiled())
    side.engine.tier2.slice = 501
    assert twin.start(twin.reference, [400_000]) == "halt"
    side.reset()
    program(side)
    placed = 0
    while side.run([rng.choice((1, 7, 333, 1003, 5000))]) != "halt":
        placed = max(placed, len(side.engine.tier2.regions.placed))
    same(twin.reference, side, program.__name__)
    assert placed
