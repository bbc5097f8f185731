"""Shadows against brute force: a bit that is flipped before a random instruction, and every bit that it changes.

The instructions are the fuzzer's (`tools/fuzz/insn/cases.py`). Whatever changes must have the flipped bit's label;
except where the flip changed an address, what is executed next, or whether the instruction faults.
`PLAYHEAD_EXAMPLES=5000` makes it longer.
"""

import os
import random
from collections import Counter

import pytest

from playhead.analyses.flow_engine import LogEngine, OneInstruction, ShadowEngine, Step
from playhead.analyses.places import MEMORY
from playhead.analyses.shadows import Shadow, bits_with
from playhead.x86 import state as S
from playhead.x86.isa import tables
from tools.fuzz.insn.cases import Generator
from tools.fuzz.insn.harness import Target
from tools.oracle import layout

EXAMPLES = int(os.environ.get("PLAYHEAD_EXAMPLES", "150"))
FLIPS = 4
INTEGER = ("arith", "data", "control", "string", "shift", "muldiv", "bcd")
FLOATING = ("fpu", "fpu_data", "mmx")
UNSEEN = {S.offset(name) + i for name in ("eip", "icount", "fip", "fcs", "fdp", "fds", "fop", "seq") for i in range(8)}
# a sticky exception flag or a stack pointer that only the other way through a routine changes
UNSEEN_FLOATING = {S.offset(n) + i for n in ("fsw", "ftop", "ftag") for i in range(4)}


class Bench:
    """One case, stepped over: what the instruction does to a state, and to the state with a bit flipped."""

    def __init__(self, chapters: tuple[str, ...], seed: int):
        table, _ = tables()
        self.generator = Generator(table, seed, lambda form: form.insn.chapter in chapters)
        self.target = Target("reference")
        core = self.core = self.target.core
        self.log, self.one = LogEngine(core), OneInstruction()
        self.shadow = ShadowEngine(core)

    def load(self, number: int) -> str:
        generated = self.generator.case(number)
        self.target.area[: len(self.target.background)] = self.target.background
        self.target._load(generated.case, generated.case.pieces())
        self.saved = bytes(self.core.block), bytes(self.target.area)
        return str(generated.pieces[0].form.insn.name) if generated.pieces and generated.pieces[0].form else ""

    def back(self) -> None:
        self.core.block[:], self.target.area[:] = self.saved
        self.core.stale = True

    def step(self, engine: LogEngine | ShadowEngine) -> bool:
        """One instruction; False if it did not happen."""
        before = self.core.get("icount")
        engine.run(1)
        return bool(self.core.get("icount") != before)

    def logged(self) -> Step | None:
        self.log.steps.clear()
        happened = self.step(self.log)
        return self.log.steps[0] if happened and len(self.log.steps) == 1 else None  # else it has faulted

    def result(self) -> tuple[bytes, bytes]:
        return bytes(self.core.block[: S.ARCH_END]), bytes(self.target.area[: layout.IMAGE_SIZE])

    def flip(self, place: int, bit: int) -> None:
        if place >= MEMORY:
            self.target.area[place - MEMORY] ^= 1 << bit
        else:
            self.core.block[place] ^= 1 << bit


def addresses(step: Step) -> list[object]:
    return [item[1] for item in step.values if isinstance(item, tuple)] + [p for p in step.stored if p[0] >= MEMORY]


def candidates(rng: random.Random, step: Step, floating: bool) -> list[tuple[int, int]]:
    """Bits that may matter: of the registers, the flags, and the memory that the instruction reads."""
    places = [*range(S.offset("regs"), S.offset("regs") + 32), *range(S.offset("fl_res"), S.offset("fl_res") + 8)]
    if floating:
        places = [*range(S.offset("fpr"), S.offset("fpr") + 128)]
    for item in step.values:
        if isinstance(item, tuple):
            places += [p + i for p, n in item[1] if p >= MEMORY for i in range(n)] * 4
    return [(rng.choice(places), rng.randrange(8)) for _ in range(FLIPS)]


def changed(before: bytes, after: bytes) -> dict[int, int]:
    if before == after:
        return {}
    return {i: a ^ b for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b}


def uncovered(bench: Bench, shadows: dict[int, Shadow], label: int, place: int, bit: int, plain: tuple[bytes, bytes],
              unseen: set[int]) -> list[str]:  # fmt: skip
    state, memory = (changed(a, b) for a, b in zip(plain, bench.result(), strict=True))
    found = []
    for at, bits in [*state.items(), *((MEMORY + at, bits) for at, bits in memory.items())]:
        if at in unseen or (at == place and not bits & ~(1 << bit)):
            continue  # a place that was not written has itself
        covered = bits_with(shadows.get(at), label) if label >= 0 else 0
        if bits & ~covered:
            found.append(f"{at:#x} changes by {bits:#04x}, shadow {covered:#04x}")
    return found


def flips(bench: Bench, numbers: range, seed: int, unseen: set[int], floating: bool) -> Counter[str]:
    done: Counter[str] = Counter()
    for number in numbers:
        rng = random.Random(seed * 7919 + number)
        name = bench.load(number)
        step = bench.logged()
        if step is None:
            continue
        plain, flow = bench.result(), bench.one.flow(step)
        for place, bit in candidates(rng, step, floating):
            bench.back()
            bench.flip(place, bit)
            other = bench.logged()
            if other is None or addresses(other) != addresses(step):
                continue
            if floating and other.stored != step.stored:
                continue  # another way through the routine, where it leaves what it changes here
            label = bench.one.bits.index((place, bit)) if (place, bit) in bench.one.bits else -1
            wrong = uncovered(bench, flow, label, place, bit, plain, unseen)
            assert not wrong, f"case {number} of seed {seed} ({name}): bit {bit} of {place:#x}: {wrong}"
            bench.back()
            assert not carried(bench, place, bit, plain, unseen, other), f"case {number} of seed {seed} ({name})"
            done[name] += 1
    return done


def carried(bench: Bench, place: int, bit: int, plain: tuple[bytes, bytes], unseen: set[int], other: Step) -> list[str]:
    """The same by the engine that carries shadows along: here with the one label only, so more exactly."""
    engine = bench.shadow
    engine.flow.state.clear()
    engine.flow.memory.clear()
    space = engine.flow.memory if place >= MEMORY else engine.flow.state
    space[place] = {1 << bit: 1}
    assert bench.step(engine)
    assert bench.result() == plain, "the engine that carries shadows does something else"
    shadows = engine.flow.state | engine.flow.memory
    bench.back()
    bench.flip(place, bit)
    bench.logged()
    return uncovered(bench, shadows, 0, place, bit, plain, unseen)


@pytest.mark.parametrize("seed", [1, 2])
def test_integer_instructions(seed: int) -> None:
    done = flips(Bench(INTEGER, seed), range(EXAMPLES), seed, UNSEEN, False)
    assert len(done) > min(EXAMPLES // 8, 100)


def test_floating_point_instructions() -> None:
    done = flips(Bench(FLOATING, 3), range(EXAMPLES), 3, UNSEEN | UNSEEN_FLOATING, True)
    assert len(done) > 5
