"""Cases on the second tier: every block that they enter is compiled before they run.

A batch runs twice: by tier 1, which tells which blocks there are, and then with all of them compiled. A compiler that
saw one block at a time would take ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable

from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.compile import compile_units
from playhead.engine.llvm.tier2.tier import Compiled, key_of
from playhead.engine.llvm.tier2.unit import Unit
from tools.fuzz.insn.harness import Target
from tools.oracle.case import Case, Result

AT_ONCE = 50  # units in an object file


class Listener:
    """In place of the compiler: what is asked for."""

    def __init__(self) -> None:
        self.units: dict[bytes, None] = {}

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        self.units[unit] = None

    def ready(self) -> Iterable[tuple[int, bytes, bytes]]:
        return []


class CompiledTarget(Target):
    """What `run` does, on compiled code."""

    def __init__(self) -> None:
        super().__init__("native")

    def run(self, cases: Iterable[Case]) -> list[Result]:
        cases = list(cases)
        listener = Listener()
        self.engine.use_tier2(switch.FORCE, listener, Compiled())
        for case in cases:
            self._run(case)
        code = self._compiled(list(listener.units))
        self.engine.use_tier2(switch.FORCE, Listener(), code)
        results = [self._run(case) for case in cases]
        self.blocks["compiled"] += self.engine.tier2.installed
        return results

    def _compiled(self, units: list[bytes]) -> Compiled:
        code = Compiled()
        for first in range(0, len(units), AT_ONCE):
            some = units[first : first + AT_ONCE]
            made = compile_units([Unit.unpack(unit) for unit in some])
            self.blocks["of which nothing can be compiled"] += made.count(None)
            code.take((key_of(unit), unit, one or b"") for unit, one in zip(some, made, strict=True))
        return code
