"""Stands in for the compiler of the second tier where a test is about what is around it: every unit's code is a
function that counts its calls and goes on with the first uop's handler."""

from functools import cache

import llvmlite.binding as llvm

from playhead.engine.llvm.compile import compile_part
from playhead.engine.llvm.emit import SIGNATURE, TYPES
from playhead.engine.llvm.tier2.unit import Unit
from playhead.x86 import state as S

CALLS = S.offset("work", 63)  # nobody else uses it
_TEXT = f"""
define preserve_nonecc void @trampoline({SIGNATURE}) nounwind {{
  %pc = getelementptr i8, ptr %cpu, i64 {CALLS}
  %c = load i64, ptr %pc
  %d = add i64 %c, 1
  store i64 %d, ptr %pc
  %h = load ptr, ptr %uop
  musttail call preserve_nonecc void %h({
    ", ".join(
        f"{kind} %{name}" for kind, name in zip(TYPES.split(", "), ("cpu", "uop", "eip", "budget", "tbl"), strict=True)
    )
})
  ret void
}}
"""


@cache
def trampoline() -> bytes:
    sections = llvm.ObjectFileRef.from_data(compile_part(_TEXT)).sections()
    return next(section.data() for section in sections if section.is_text() and section.size())


def compile_trampolines(units: list[Unit]) -> list[bytes | None]:
    return [trampoline() for _ in units]
