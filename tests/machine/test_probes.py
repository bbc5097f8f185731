"""Probes: what is counted and traced is what was executed, to the instruction, on both engines and with compiled code,
however runs are cut; and neither the guest nor a digest notices.

The tables of the reference engine, where each instruction that retires is counted by itself, are compared with those of
native code. The guests have what is hard: REP in all forms, code that changes itself, faults, task switches, timers.
"""

import random
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from test_checkpoint import machine

from playhead.engine.executed import Batch, Counts
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.tier2.switch import FORCE, OFF, ON
from playhead.hw.clock import NEVER
from playhead.machine.machine import Machine
from playhead.x86 import ways_on

GUESTS = ["demo", "rep", "smc", "faults", "tss"]
LENGTH = 30_000
# Compiling all that is executed takes long where it changes.
FORCED = [pytest.param(name, marks=pytest.mark.long) if name in ("smc", "demo", "faults") else name for name in GUESTS]


class Trace:
    """A consumer that keeps what it needs of each batch."""

    def __init__(self) -> None:
        self.blocks: list[np.ndarray] = []
        self.instructions = 0

    def __call__(self, batch: Batch) -> None:
        rows, begins = batch.table.rows, batch.begins
        assert len(batch) == len(begins) == len(batch.executed)
        assert (batch.executed > 0).all()
        self.instructions += int(batch.executed.sum())
        at = batch.block[begins]
        columns = batch.icount[begins], rows.linear[at], rows.physical[at], rows.mode[at]
        self.blocks.append(np.stack([column.astype("u8") for column in columns]))

    @property
    def begun(self) -> np.ndarray:
        """(icount, linear, physical, mode) of each block."""
        return np.concatenate(self.blocks, axis=1)


def run(m: Machine, until: int, rng: random.Random | None = None) -> None:
    """Up to an instruction count, or the guest's end; cut at random places."""
    while m.icount < until:
        stop = m.run(min(until, m.icount + rng.randrange(1, 2000)) if rng else until)
        if stop.kind == "shutdown" or (stop.kind == "halted" and stop.deadline_ns == NEVER):
            return
        if stop.kind == "halted":
            m.warp(stop.deadline_ns)
        elif stop.kind == "reset":
            m.reset()


def prepared(name: str, engine: str, tier2: str = OFF) -> Machine:
    m = machine(name, engine)
    if engine == "native":
        m.engine.tier2 = None
        m.core.set("heat_first", 0)
        if tier2 != OFF:
            m.engine.use_tier2(tier2)
    return m


def same(a: Counts, b: Counts) -> None:
    for n, (x, y) in enumerate(zip(a, b, strict=True)):
        assert np.array_equal(x, y), a._fields[n]


class Truth(NamedTuple):
    """Where a guest has come to, and what the reference engine says of the way."""

    end: int
    counts: Counts
    blocks: np.ndarray
    digest: bytes


@cache
def truth(name: str) -> Truth:
    m, trace = prepared(name, "reference"), Trace()
    m.probes.start(counts=True, trace=trace)
    run(m, LENGTH)
    m.probes.flush()
    plain = prepared(name, "native")
    run(plain, LENGTH)
    assert (plain.icount, plain.seq, plain.digest()) == (m.icount, m.seq, m.digest())
    return Truth(m.icount, m.probes.counts(), trace.begun, plain.digest())


def check(name: str, tier2: str, rng: random.Random | None, count: bool, follow: bool) -> None:
    true = truth(name)
    m, trace = prepared(name, "native", tier2), Trace()
    m.probes.start(counts=count, trace=trace if follow else None)
    run(m, LENGTH, rng)
    m.probes.flush()
    assert (m.icount, m.digest()) == (true.end, true.digest)
    if count:
        same(m.probes.counts(), true.counts)
        assert m.probes.counts().total == true.end
    if follow:
        assert trace.instructions == true.end
        assert np.array_equal(trace.begun, true.blocks)


@pytest.mark.parametrize("name", GUESTS)
@pytest.mark.parametrize("tier2", [OFF, ON])
@pytest.mark.parametrize("cut", [False, True])
def test_native_code_counts_and_traces_what_the_reference_engine_does(name, tier2, cut):
    check(name, tier2, random.Random(4) if cut else None, count=True, follow=True)


@pytest.mark.parametrize("name", FORCED)
def test_compiled_code_does_so(name):
    check(name, FORCE, None, count=True, follow=False)
    check(name, FORCE, random.Random(6), count=False, follow=True)


@pytest.mark.parametrize("name", GUESTS)
def test_each_of_the_two_alone(name):
    check(name, OFF, random.Random(5), count=True, follow=False)
    check(name, OFF, random.Random(5), count=False, follow=True)


@pytest.mark.parametrize("name", GUESTS)
def test_the_arena_is_used_anew_meanwhile(name):
    """Counters are read before their blocks go, and the trace as well."""
    end, counts, blocks, _ = truth(name)
    m, trace = prepared(name, "native", OFF), Trace()
    m.probes.start(counts=True, trace=trace)
    while m.icount < end:
        before = m.icount
        run(m, min(end, m.icount + 5000))
        m.core.forget_code()
        if m.icount == before:
            break
    m.probes.flush()
    same(m.probes.counts(), counts)
    assert np.array_equal(trace.begun, blocks)


@pytest.mark.parametrize("name", ["demo", "rep"])
def test_stretches_add_up(name):
    end, counts, _, _ = truth(name)
    parts = []
    m = prepared(name, "native")
    for at in (end // 3, end // 2, end):
        m.probes.start(counts=True)
        run(m, at)
        parts.append(m.probes.counts())
    same(parts[0] + parts[1] + parts[2], counts)
    same(parts[0] + (parts[1] + parts[2]), counts)


@pytest.mark.parametrize("name", ["demo", "faults"])
def test_the_engine_may_change(name):
    end, counts, _, digest = truth(name)
    m, trace = prepared(name, "native"), Trace()
    m.probes.start(counts=True, trace=trace)
    run(m, end // 4)
    m.use_engine("reference")
    run(m, end // 3)
    m.use_engine("native")
    run(m, LENGTH)
    m.probes.flush()
    same(m.probes.counts(), counts)
    assert trace.instructions == end
    assert m.digest() == digest


def test_a_full_trace_is_handed_out_on_the_way():
    m, sizes = prepared("demo", "native", ON), []
    m.probes.start(trace=lambda batch: sizes.append(len(batch)))
    run(m, 3_000_000)
    assert sum(sizes) > 2 * L.TRACE_ENTRIES
    assert all(size > L.TRACE_ENTRIES * 0.99 for size in sizes)  # but for pieces of which nothing was executed


def test_a_machine_that_is_put_back_goes_on_counting():
    m = prepared("demo", "native")
    run(m, 20_000)
    saved = m.take_checkpoint()
    assert saved is not None
    from playhead.machine.checkpoint import restore

    trace = Trace()
    m.probes.start(counts=True, trace=trace)
    run(m, 40_000)
    first = m.probes.counts()
    restore(m, saved[0], {})
    assert trace.instructions == 20_000
    written = len(trace.begun[0])
    run(m, 20_100)
    m.probes.flush()
    assert trace.instructions == 20_100
    assert trace.begun[0][written] == 20_000, "a block begins where the machine was put"
    assert m.probes.counts().total == first.total + 100


def test_blocks_of_counts():
    """Straight runs with equal counts; nothing is lost, and none goes on behind a jump."""
    m = prepared("demo", "native")
    m.probes.start(counts=True)
    run(m, LENGTH)
    counts = m.probes.counts()
    blocks = counts.blocks()
    assert int((blocks.executions * blocks.instructions).sum()) == counts.total
    assert int(blocks.instructions.sum()) == len(counts.linear)
    assert int(blocks.size.sum()) == int(counts.length.sum())
    kinds = set(blocks.kind.tolist())
    assert {ways_on.CALL, ways_on.RETURN, ways_on.BRANCH, ways_on.JUMP} <= kinds
    assert len(blocks.linear) < len(counts.linear) / 2


def test_nothing_is_counted_unless_it_was_asked_for():
    m = prepared("demo", "native")
    with pytest.raises(AssertionError, match="nothing is counted"):
        m.probes.counts()
    m.probes.start(counts=True)
    run(m, 1000)
    m.probes.stop()
    run(m, 2000)
    assert not m.probes.on
    assert m.core.get("probed") == 0
