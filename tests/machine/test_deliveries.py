"""Deliveries that end a run: each is told of once, at its moment, on both engines, however runs are cut; neither the
guest nor a digest notices.
"""

import random
from collections import Counter

import pytest
import test_boundaries
from counted import Counted
from test_checkpoint import machine

from playhead.hw.clock import NEVER
from playhead.machine.debug import ALL_VECTORS, Delivery
from playhead.machine.machine import Machine
from tools import guest

LENGTH = 400_000
REFERENCE = 40_000
Told = list[tuple[int, int, int, Delivery]]


def run(m: Machine, until: int, rng: random.Random | None = None) -> Told:
    """What is told on the way to an instruction count, or to the guest's end: moment, address of the handler."""
    told: Told = []
    while m.icount < until:
        stop = m.run(min(until, m.icount + rng.randrange(1, 3000)) if rng else until)
        assert (stop.kind == "delivery") == (stop.delivery is not None)
        if stop.delivery is not None:
            told.append((m.icount, m.seq, m.pc(), stop.delivery))
        if stop.kind == "shutdown" or (stop.kind == "halted" and stop.deadline_ns == NEVER):
            break
        if stop.kind == "halted":
            m.warp(stop.deadline_ns)
        elif stop.kind == "reset":
            m.reset()
    return told


def armed(name: str, engine: str, vectors=ALL_VECTORS) -> Machine:
    m = machine(name, engine)
    m.debug.set_deliveries(vectors)
    m.debug.arm(True)
    return m


@pytest.mark.parametrize("name", ["demo", "faults", "tss", "nmi", "v86"])
def test_each_delivery_is_told_of_once(name):
    plain = machine(name)
    assert run(plain, LENGTH) == []
    m = armed(name, "native")
    told = run(m, LENGTH)
    assert told
    assert len({at[:2] for at in told}) == len(told)
    assert (m.icount, m.digest()) == (plain.icount, plain.digest())
    cut = armed(name, "native")
    assert run(cut, LENGTH, random.Random(2)) == told
    slow = armed(name, "reference")
    run(slow, REFERENCE)
    assert run(armed(name, "native"), REFERENCE) == [at for at in told if at[:2] <= (slow.icount, slow.seq)]
    assert run(armed(name, "reference"), REFERENCE, random.Random(3)) == [
        at for at in told if at[:2] <= (slow.icount, slow.seq)
    ]


@pytest.mark.parametrize("name", ["demo", "nmi"])
def test_they_are_those_that_a_log_hears_of(name):
    """But for software interrupts, which are instructions. (A log also hears of a double fault that is not delivered,
    but becomes a triple one.)"""
    m = machine(name)
    heard: list[tuple[str, int | None]] = []
    m.on_delivery = lambda kind, vector: heard.append((kind, vector))
    run(m, LENGTH)
    told = [(d.kind, d.vector) for *_, d in run(armed(name, "native"), LENGTH) if d.kind != "software"]
    assert told == heard


def test_interrupts_that_native_code_takes_by_itself(tmp_path):
    """Of timers of the local APIC and of the PIT, whose boundaries need no Python."""
    bios = guest.firmware(test_boundaries.SOURCE, tmp_path)

    def go(rng: random.Random | None, on: bool) -> tuple[Told, bytes]:
        rig = Counted(bios)
        rig.machine.debug.set_deliveries(ALL_VECTORS if on else ())
        rig.machine.debug.arm(True)
        told = run(rig.machine, 1 << 40, rng)
        assert b"PASS" in rig.door.printed
        return told, rig.machine.digest()

    told, digest = go(None, True)
    assert go(random.Random(1), True) == (told, digest)
    assert go(None, False) == ([], digest)
    found = Counter((d.kind, d.vector) for *_, d in told)
    assert found["interrupt", 0x40] >= 100 and found["interrupt", 0x20] >= 10


def test_only_some_vectors():
    told = run(armed("faults", "native"), LENGTH)
    vectors = sorted({d.vector for *_, d in told})
    assert len(vectors) > 3
    assert {d.kind for *_, d in told} >= {"exception", "software"}
    assert any(d.error is not None for *_, d in told)
    for vector in vectors[:4]:
        assert run(armed("faults", "native", [vector]), LENGTH) == [at for at in told if at[3].vector == vector]


def test_off_is_off():
    m = armed("demo", "native")
    m.debug.set_deliveries([])
    m.debug.arm(True)
    assert not m.debug.armed
    assert run(m, 50_000) == []
