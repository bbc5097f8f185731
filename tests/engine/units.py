"""Units of assembled code, as the native engine decodes it."""

from collections.abc import Sequence
from functools import cache

from tests.x86.system_machine import SystemMachine

from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2.switch import FORCE
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.engine.llvm.tier2.tier import Compiled
from playhead.engine.llvm.tier2.unit import Unit


@cache
def unit(*code: str) -> Unit:
    """The block that lines of 32-bit code (AT&T's syntax) make, with a computed jump at its end."""
    machine = SystemMachine("reference", "\n".join((*code, "jmp *%edi")))
    asked: list[Unit] = []

    def compile(units: Sequence[Unit]) -> list[bytes | None]:
        asked.extend(units)
        return [None] * len(units)

    machine.core.set("deliveries", 100)
    engine = NativeEngine(machine.core)
    engine.use_tier2(FORCE, SynchronousBackend(compile), Compiled())
    engine.run(100)  # more than the block has, or it is not entered as a whole
    return asked[0]
