"""How blocks come into the second tier: counted, told of, asked for, put in place, forgotten. A stand-in compiles."""

import ctypes
import os
import sys
from pathlib import Path

import pytest
from encode import INC_EAX, RET, call, d, inc, jmp, mov
from trampolines import CALLS, compile_trampolines
from twin import CODE, DATA, Side, Twin, same

from playhead.base.errors import UsageError
from playhead.cli import main
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.engine import NativeEngine
from playhead.engine.llvm.tier2 import switch
from playhead.engine.llvm.tier2.code_memory import PAGE, CodeMemory
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.engine.llvm.tier2.tier import FIRST, Compiled
from playhead.engine.llvm.tier2.unit import Unit
from playhead.machine.debug import Debug
from playhead.x86 import state as S

LOOP = 1100


def program(side: Side) -> None:
    """A loop over two blocks, with a call."""
    body = mov(1, LOOP)
    at = CODE + len(body)
    f = CODE + 0x400
    body += call(at, f) + b"\x49"
    body += b"\x0f\x85" + d(at - (CODE + len(body)) - 6) + b"\xf4"
    side.write(CODE, body)
    side.write(f, inc(DATA) + RET)


def tiered(setting: str, compile=compile_trampolines) -> tuple[Side, Compiled]:
    side, code = Side(NativeEngine), Compiled()
    side.engine.use_tier2(setting, SynchronousBackend(compile), code)
    side.engine.tier2.patience = 0  # short programs have little to tell
    side.reset()
    program(side)
    return side, code


def blocks(side: Side) -> dict[int, dict[str, int]]:
    """Physical address -> header of the live blocks."""
    arena, base = memoryview(side.engine._arrays["arena"]), side.engine._arena
    nodes, found = memoryview(side.engine._arrays["page_blocks"]).cast("Q"), {}
    for head in filter(None, nodes):
        node = head
        while node:
            block, node = (int.from_bytes(arena[node - base + at :][:8], "little") for at in (0, 8))
            at = block - base
            fields = {"at": block, "entry": (L.B_ENTRY, 8), "n": (L.B_N, 4), "heat": (L.B_HEAT, 4), "pa": (L.B_PA, 4),
                      "handler": (L.HEADER, 8)}  # fmt: skip
            header = {name: v if isinstance(v, int) else int.from_bytes(arena[at + v[0] :][: v[1]], "little")
                      for name, v in fields.items()}  # fmt: skip
            found.setdefault(header["pa"], header)
    return found


def test_off_enters_handlers():
    side = Side(lambda core: NativeEngine(core, switch.OFF))
    side.reset()
    program(side)
    assert side.engine.tier2 is None and side.run([10_000]) == "halt"
    found = blocks(side)
    assert found and all(block["entry"] == block["handler"] for block in found.values())


@pytest.mark.parametrize("setting", [switch.ON, switch.FORCE])
def test_the_same_machine(setting):
    """Whatever is compiled when: state, memory, devices."""
    side, code = tiered(setting)
    twin = Twin(program)
    assert twin.start(twin.reference, [10_000]) == "halt"
    assert side.run([3, 100, 1, 1, 157, 57, 300, 2000, 10_000]) == "halt"
    same(twin.reference, side, setting)
    assert side.engine.tier2.installed >= 2 and code.memory.size


def test_forced_blocks_never_run_uncompiled():
    side, _ = tiered(switch.FORCE)
    assert side.run([10_000]) == "halt"
    entered = 1 + 2 * LOOP  # the call is a block, RET leads to the next one, which begins the loop
    assert side.core.c64[CALLS // 8] >= entered
    assert all(block["entry"] != block["handler"] for block in blocks(side).values())


def test_a_block_is_told_of_at_its_thresholds(monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "LOOP", FIRST * L.HEAT_STEPS[0] + 10)
    asked = []

    class Noting:
        def ask(self, key: int, unit: bytes, heat: int) -> None:
            asked.append((unit, heat))

        def ready(self):
            return []

    side = Side(NativeEngine)
    side.engine.use_tier2(switch.ON, Noting(), Compiled())
    side.reset()
    program(side)
    while side.run([10_001]) != "halt":
        pass
    side.engine.tier2.poll()
    units = [Unit.unpack(unit) for unit, _ in asked]
    assert all(unit.pack() == packed for unit, (packed, _) in zip(units, asked, strict=True))
    hot = {unit: [heat for one, heat in asked if one == unit] for unit, _ in asked}
    assert [FIRST, FIRST * L.HEAT_STEPS[0]] in hot.values() and all(heats == sorted(heats) for heats in hot.values())
    assert {len(unit.uops) for unit in units} == {1, 2, 3}


def test_a_long_run_is_cut_to_look_at_the_news():
    """Nothing ends it from outside, and there is little to tell of."""
    side, code = Side(NativeEngine), Compiled()
    side.engine.use_tier2(switch.ON, SynchronousBackend(compile_trampolines), code)
    side.reset()
    side.write(CODE, INC_EAX * 3 + jmp(CODE + 3, CODE))
    assert side.run([switch.SLICE * 2]) == "budget"
    assert side.core.get("icount") == switch.SLICE * 2 and side.engine.tier2.installed == 1
    assert side.core.c64[CALLS // 8] > switch.SLICE // 4 - FIRST - 2


def test_units_are_equal_where_code_is_equal():
    """The same instructions elsewhere, and again after the arena was used anew, need no second compilation."""
    times = []

    def compile(units):
        times.append(len(units))
        return compile_trampolines(units)

    side, code = tiered(switch.FORCE, compile)
    assert side.run([10_000]) == "halt"
    once = sum(times)
    side.engine.reset_arena()
    side.reset()
    program(side)
    installed = side.engine.tier2.installed
    assert side.run([10_000]) == "halt"
    assert sum(times) == once == len(code.address)
    assert side.engine.tier2.installed > installed


def test_what_cannot_be_compiled_is_no_longer_counted():
    side, code = tiered(switch.FORCE, lambda units: [None] * len(units))
    assert side.run([10_000]) == "halt"
    assert set(code.address.values()) == {0} and not code.memory.size
    assert all(block["entry"] == block["handler"] for block in blocks(side).values())


@pytest.mark.parametrize("event", ["void", "reset", "nothing"])
def test_answers_that_come_late(event):
    """Code for blocks that are void by then, or of an arena that was used anew, harms nobody."""

    class Slow(SynchronousBackend):
        open = False

        def ready(self):
            return super().ready() if self.open else []

    side, code, backend = Side(NativeEngine), Compiled(), Slow(compile_trampolines)
    side.engine.use_tier2(switch.ON, backend, code)
    side.reset()
    program(side)
    side.run([2_000])
    tier2 = side.engine.tier2
    tier2.poll()
    waiting = sum(map(len, tier2._waiting.values()))
    assert waiting
    if event == "void":
        side.write(CODE + 0x400, inc(DATA) + RET)
    elif event == "reset":
        side.engine.reset_arena()
    backend.open = True
    tier2.stop = 0
    assert side.run([10_000]) == "halt"
    assert side.core.get("regs", 1) == 0 and side.memory.read(DATA, 4) == d(LOOP)
    assert tier2.installed == (0 if event == "reset" else waiting)


def test_a_full_region_loses_nothing():
    """More hot blocks than there is room to tell of: they are told of later."""
    side, _ = tiered(switch.ON)
    body, n = b"", 1500
    for _ in range(n):
        body += INC_EAX * 20 + jmp(CODE + len(body) + 20, CODE + len(body) + 25)
    body += jmp(CODE + len(body), CODE)
    side.write(CODE, body)
    per_turn = 21 * n + 1
    turns = FIRST + 1
    side.run([turns * per_turn])
    side.engine.tier2.poll()
    first = side.engine.tier2.told
    assert 0 < first < n // 2
    for _ in range(7):
        side.run([turns * per_turn])
    code = side.engine.library.address["count"]
    assert all(block["entry"] != code for block in blocks(side).values() if block["pa"] >= CODE and block["n"] == 21)
    assert side.core.get("regs", 0) == 8 * turns * 20 * n


def test_instructions_that_run_alone_are_tier_1(monkeypatch):
    """A budget of one, a breakpoint's neighbourhood, TF: by the handlers, whatever is compiled."""
    side, _ = tiered(switch.FORCE)
    before = side.core.c64[CALLS // 8]
    assert side.run([1] * 10_000) == "halt"
    assert side.core.c64[CALLS // 8] == before


def test_an_empty_switch_is_none(monkeypatch):
    monkeypatch.setenv(switch.VARIABLE, "")
    assert switch.chosen() == switch.DEFAULT


@pytest.mark.parametrize("text", ["1", "yes", "ON"])
def test_switch_refuses(text, monkeypatch):
    monkeypatch.setenv(switch.VARIABLE, text)
    with pytest.raises(UsageError, match="there is off, on, force"):
        switch.chosen()


def test_the_command_line_says_what_is_wrong(monkeypatch, capfd):
    monkeypatch.setenv(switch.VARIABLE, "fast")
    recording = Path(__file__).resolve().parent.parent / "recordings" / "pc-5" / "inputs.ph"
    assert main(["replay", str(recording)]) == 2
    assert capfd.readouterr().err == "playhead: PLAYHEAD_TIER2=fast: there is off, on, force\n"


def test_a_breakpoint_is_met_by_tier_1_between_compiled_blocks():
    side, _ = tiered(switch.FORCE)
    side.run([500])
    debug = Debug(side.core, side.memory)
    debug.set_breakpoints([CODE + 0x400])
    debug.arm(True)
    met = 0
    while (why := side.run([1 << 20])) != "halt":
        assert why == f"reason {S.EXIT_BREAK}" and side.core.get("eip") == CODE + 0x400
        met += 1
        debug.skip_here()
    assert 0 < met < LOOP and side.memory.read(DATA, 4) == d(LOOP)
    marked = blocks(side)[CODE + 0x400]
    assert marked["entry"] == side.engine.library.address["count"], "it runs alone, as a copy of its uops"
    assert side.core.c64[CALLS // 8] > met


def test_engines_share_code_and_each_has_blocks_of_its_own():
    times = []

    def compile(units):
        times.append(len(units))
        return compile_trampolines(units)

    code, all_sides = Compiled(), [Side(NativeEngine) for _ in range(3)]
    for side in all_sides:
        side.engine.use_tier2(switch.FORCE, SynchronousBackend(compile), code)
        side.reset()
        program(side)
    for budget in (100, 1000, 10_000):
        ended = [side.run([budget]) for side in all_sides]
    assert ended == ["halt"] * 3 and sum(times) == len(code.address)
    assert len({side.engine.tier2.installed for side in all_sides}) == 1
    for side in all_sides[1:]:
        same(all_sides[0], side, "another engine")


def test_a_forked_process_has_code_of_its_own():
    """What one of the two adds later is where the other one adds something else."""
    memory = CodeMemory(1 << 20)
    first = memory.add([b"\xc3" * 100])[0]
    child = os.fork()
    if not child:
        own = memory.add([b"\x90" * 100])[0]
        os._exit(0 if ctypes.string_at(own, 100) == b"\x90" * 100 and ctypes.string_at(first, 1) == b"\xc3" else 1)
    _, status = os.waitpid(child, 0)
    second = memory.add([b"\xcc" * 100])[0]
    assert status == 0 and ctypes.string_at(second, 100) == b"\xcc" * 100


def test_memory_for_code_is_bounded():
    side, code = tiered(switch.FORCE)
    code.memory = CodeMemory(PAGE)
    assert side.run([10_000]) == "halt"
    assert code.memory.room == 0 and side.engine.tier2.installed == 1
    assert sum(block["entry"] == block["handler"] for block in blocks(side).values()) > 1


def test_code_is_never_writable():
    memory = CodeMemory(1 << 22)
    places = [*memory.add([b"\xc3", b"\xc3" * 33, b"\xc3"]), *memory.add([b"\xc3" * 5000]), *memory.add([b"\xc3"])]
    assert all(place % 32 == 0 for place in places) and len(set(places)) == 5
    lines = [line.split() for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines()]
    for place in places:
        rights = [one[1] for one in lines if place in range(*(int(n, 16) for n in one[0].split("-")))]
        assert rights == ["r-xp"]


def test_the_arena_is_used_anew_again_and_again():
    """Blocks, what is waiting and what was told of go; the code stays, and is put in place again."""
    side, code = tiered(switch.FORCE)
    plain = Side(lambda core: NativeEngine(core, switch.OFF))
    plain.reset()
    program(plain)
    end, full = side.engine._arena + L.ARENA, 0
    while True:
        if side.core.get("arena_top") < end - 10_000:  # else blocks that live there would be overwritten
            side.core.set("arena_top", end - 3_000)
            full += 1
        for one in (plain, side):
            one.write(CODE + 0x400, inc(DATA) + RET)  # voids the block, so that it is decoded again
        why = side.run([37])
        assert plain.run([37]) == why
        same(plain, side, "with an arena that is full again and again")
        if why == "halt":
            break
    assert full > 20 and side.engine.tier2.installed > len(code.address)
