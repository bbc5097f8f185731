"""A pending interrupt is taken one instruction after STI, wherever that goes and however runs are split."""

import pytest

from playhead.engine.core import Core
from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import Memory
from playhead.x86 import reset
from playhead.x86 import state as S

CODE = bytes.fromhex("fa fb eb 03 90 90 90 40 40 40 eb f4")  # L: cli; sti; jmp M; nops; M: inc eax (3); jmp L


@pytest.mark.parametrize("engine", [NativeEngine, ReferenceEngine])
@pytest.mark.parametrize("split", [1, 2, 3, 5, 1000])
def test_window_opens_behind_the_jump(engine, split):
    memory = Memory(1 << 20)
    memory.map(0, 1 << 19, memory.allocate(1 << 19))
    memory.write(0x1000, CODE)
    core = Core(memory)
    reset.reset(core)
    reset.linux_entry(core, {"eip": 0x1000, "esp": 0x8000, "gdt_base": 0, "gdt_limit": 0})
    e = engine(core)
    core.set("deliveries", 100)
    e.run(70)  # ten turns without an interrupt, so that blocks are decoded and linked
    assert (core.get("icount"), core.get("eip")) == (70, 0x1000)
    core.set("intr_pending", 1)
    while core.get("exit_reason") == S.EXIT_NONE:
        assert core.get("icount") <= 80, "the interrupt is not taken"
        e.run(split)
    assert core.get("exit_reason") == S.EXIT_INTR_WINDOW
    # at the first instruction IF is still set from the turn before: taken at once; else after CLI, STI, JMP
    assert core.get("icount") == 70
    core.set("eflags", core.get("eflags") & ~S.IF)
    e.run(1)
    while core.get("exit_reason") == S.EXIT_NONE:
        e.run(split)
    assert (core.get("icount"), core.get("eip")) == (73, 0x1007)
