"""golden [--write]: compare what the second tier makes of typical blocks with the files in tests/engine/golden.

Each `NAME.s` there is a block of a guest. `NAME.ll` has LLVM's text of it as the translator makes it, and how many
instructions of each kind of processor that becomes, of processors that are named, so that it is the same on every host.
A change of the translator shows in a review as a change of these files.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import capstone

from playhead.engine.llvm.compile import Host
from playhead.engine.llvm.processors import ARM64, X86_64
from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.compile import compile_text, functions
from playhead.engine.llvm.tier2.tier import Compiled
from playhead.engine.llvm.tier2.text import FOOTER
from playhead.engine.llvm.tier2.translate import translate
from playhead.engine.llvm.tier2.unit import Unit
from playhead.x86 import state as S
from tools import asm
from tools.fuzz.insn.harness import Target
from tools.oracle import layout
from tools.oracle.case import Case

_STATE = re.compile(r"(ptr %cpu, i64 )(\d+)")
REGISTERS = (0, 8, 0, 0, layout.STACK_TOP, *(layout.DATA_BASE,) * 3)  # what a block is decoded with
FOLDER = Path(__file__).resolve().parent.parent / "tests" / "engine" / "golden"


class Goal(NamedTuple):
    """A processor that instructions are counted for. `leave`: mnemonics that always go elsewhere."""

    host: Host
    disassembler: tuple[int, int]
    leave: tuple[str, ...]


GOALS = (
    Goal(Host(X86_64.triple, "x86-64-v3", ""), (capstone.CS_ARCH_X86, capstone.CS_MODE_64), ("jmp", "ret")),
    Goal(Host(ARM64.triple, "neoverse-n1", ""), (capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM), ("b", "br", "ret")),
)


class Listener:
    """In place of the compiler: what is asked for."""

    def __init__(self) -> None:
        self.units: list[Unit] = []

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        self.units.append(Unit.unpack(unit))

    def ready(self) -> Iterable[tuple[int, bytes, bytes]]:
        return []


@cache
def _machine() -> tuple[Target, Listener]:
    target, listener = Target("native"), Listener()
    target.engine.use_tier2(switch.FORCE, listener, Compiled())
    return target, listener


def unit_of(source: str) -> Unit:
    """The first block of some assembly, as the decoder makes it."""
    target, listener = _machine()
    listener.units.clear()
    target.run([Case(asm.flat(source), REGISTERS)])
    return listener.units[0]


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.s"))


def text(name: str) -> str:
    """What the file of a block should be."""
    unit = unit_of((FOLDER / f"{name}.s").read_text())
    made = translate(unit, name)
    lines = [f"; The block of {name}.s: {sum(uop.len > 0 for uop in unit.uops)} instructions of a guest."]
    for goal in GOALS:
        code = functions(compile_text(made + FOOTER, goal.host))[name]
        first, total = _counts(code, goal)
        lines.append(f"; {goal.host.cpu}: {first} instructions before the first one that always jumps, {total} in all")
    return "\n".join([*lines, "", _STATE.sub(lambda match: f"{match[1]}{_field(int(match[2]))}", made).strip(), ""])


def _field(offset: int) -> str:
    """The name of a place in the state block: places move when fields are added anywhere in front of them."""
    name, field = max(((n, f) for n, f in S.FIELDS.items() if f.offset <= offset), key=lambda item: item[1].offset)
    return f"<{name}>" if offset == field.offset else f"<{name} + {offset - field.offset}>"


def _counts(code: bytes, goal: Goal) -> tuple[int, int]:
    mnemonics = [mnemonic for _, _, mnemonic, _ in capstone.Cs(*goal.disassembler).disasm_lite(code, 0)]
    first = next(n for n, mnemonic in enumerate(mnemonics) if mnemonic in goal.leave)
    return first, len(mnemonics)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev golden", description="compare the golden files of compiled blocks")
    parser.add_argument("--write", action="store_true", help="make them anew")
    write = parser.parse_args(arguments).write
    changed = 0
    for name in names():
        path, new = FOLDER / f"{name}.ll", text(name)
        old = path.read_text() if path.exists() else ""
        changed += old != new
        if write:
            path.write_text(new)
        elif old != new:
            sys.stdout.writelines(
                difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"{name}.ll", f"{name}.ll, now")
            )
        print(f"{name:18} {'same' if old == new else 'written' if write else 'DIFFERS'}")
    return 1 if changed and not write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
