"""Breakpoints and watchpoints: each is met at every moment where it should be and nowhere else, however a run is cut,
on both engines, and the guest does not notice.
"""

import random
from collections import Counter

import pytest
from test_checkpoint import machine

from playhead.hw.clock import NEVER
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.machine import Machine


def forward(m: Machine, until: tuple[int, int], met) -> bool:
    """Run on to a moment, telling `met` of each stop; False at the guest's end."""
    while (m.icount, m.seq) < until:
        stop = m.run(*until)
        if stop.kind == "halted":
            if stop.deadline_ns == NEVER:
                return False
            m.warp(stop.deadline_ns)
        elif stop.kind == "shutdown":
            return False
        elif stop.kind in ("break", "watch"):
            met(stop)
    return True


def steps(m: Machine, start: int, count: int) -> list[tuple[int, int, int]]:
    """(icount, seq, pc) before each instruction or delivery of a stretch."""
    out = []
    forward(m, (start, 0), None)
    while m.icount < start + count:
        out.append((m.icount, m.seq, m.pc()))
        if not forward(m, (m.icount, m.seq + 1), None):
            break
    return out


@pytest.mark.parametrize("engine", ["native", "reference"])
@pytest.mark.parametrize("name", ["demo", "rep", "smc", "faults", "tss"])
def test_breakpoints_are_met_in_front_of_their_instruction(name, engine):
    start, count = 2_000, 6_000
    there = steps(machine(name, "native"), start, count)
    # where an instruction is about to retire or fault: the last moment before it
    last = {icount: (seq, pc) for icount, seq, pc in there}
    popular = Counter(pc for _, _, pc in there)
    rng = random.Random(3)
    chosen = set(rng.sample(sorted(popular), min(12, len(popular)))) | {there[10][2], there[11][2]}
    for cut in (None, 5):
        m = machine(name, engine)
        met = []
        forward(m, (start, 0), None)
        m.debug.set_breakpoints(chosen)
        m.debug.arm(True)

        def note(stop, m=m, met=met):
            assert stop.kind == "break"
            met.append((m.icount, m.seq, m.pc()))

        at, end = start, start + count
        while at < end:
            at = min(end, at + rng.randrange(1, 200)) if cut else end
            if not forward(m, (at, 0), note):
                break
        assert {pc for *_, pc in met} <= chosen
        assert len(met) == len(set(met)), "a breakpoint was told of twice"
        expected = [(icount, seq, pc) for icount, (seq, pc) in last.items() if pc in chosen]
        assert [e for e in expected if e not in met] == []
        extra = [x for x in met if x not in expected and x in there]
        # the others are before instructions that faulted: the moment continues with a delivery there
        assert all(seq < last[icount][0] for icount, seq, _ in extra)
        plain = machine(name, "native")
        forward(plain, (m.icount, m.seq), None)
        assert plain.digest_parts() == m.digest_parts()


def test_watchpoints_tell_each_access():
    """The stores of the demo guest's last pages, seen by the reference engine, by linear and by physical address."""
    start, count = 1_000, 30_000
    found: dict[tuple, list] = {}
    for engine in ("native", "reference"):
        for physical in (False, True):
            for kinds in (WRITE, READ, READ | WRITE):
                m = machine("demo", engine)
                forward(m, (start, 0), None)
                esp = m.core.get("regs", 4) + m.core.seg("ss", "base")
                places = (esp - 64, 61), (esp + 1000, 61), (0xB8000, 160)
                m.debug.set_watches([Watch(at, length, kinds, physical) for at, length in places])
                m.debug.arm(True)
                met = []
                forward(m, (start + count, 0), lambda stop, m=m, met=met: met.append((m.icount, m.seq, stop.accesses)))
                found[engine, physical, kinds] = met
                plain = machine("demo", "native")
                forward(plain, (m.icount, m.seq), None)
                assert plain.digest_parts() == m.digest_parts()
    for kinds in (WRITE, READ, READ | WRITE):
        lists = [[(i, s, [(a.address, a.size, a.kind) for a in acc]) for i, s, acc in found[e, p, kinds]]
                 for e in ("native", "reference") for p in (False, True)]  # fmt: skip
        assert lists[0] and all(x == lists[0] for x in lists)


def test_no_change_of_memory_escapes_a_watch():
    """Compared with checking the bytes after each step; and none is reported when it is not armed."""
    start, count = 1_000, 8_000
    m, told = machine("demo"), machine("demo")
    forward(m, (start, 0), None)
    forward(told, (start, 0), None)
    esp = m.core.get("regs", 4) + m.core.seg("ss", "base")
    changes, value = [], m.memory.read(esp, 0x1000)
    while m.icount < start + count:
        forward(m, (m.icount, m.seq + 1), None)
        now = m.memory.read(esp, 0x1000)
        if now != value:
            changes.append((m.icount, m.seq))
            value = now
    told.debug.set_watches([Watch(esp, 0x1000, WRITE)])
    told.debug.arm(True)
    met = []
    forward(told, (start + count, 0), lambda stop: met.append((told.icount, told.seq)))
    assert changes and set(changes) <= set(met)
    told.debug.arm(False)
    n = len(met)
    forward(told, (start + 2 * count, 0), lambda stop: met.append(0))
    assert len(met) == n


def test_bus_masters_and_page_walks_are_named():
    m = machine("demo")
    m.debug.set_watches([Watch(0x5000, 16, WRITE, physical=True)])
    m.debug.arm(True)
    for elsewhere in (0x4F00, 0x5010, 0x9000):  # in a watched page or not: no stop
        m.memory.write(elsewhere, b"abcd", "fw_cfg")
        assert not m.debug.met()
    m.memory.write(0x4FFE, b"abcd", "fw_cfg")
    stop = m.run(m.icount + 1)
    assert stop.kind == "watch" and [a.by for a in stop.accesses] == ["fw_cfg"]
    for engine in ("native", "reference"):
        m = machine("v86", engine)  # has paging
        forward(m, (200, 0), None)
        while not m.core.get("cr0") >> 31:
            forward(m, (m.icount, m.seq + 1), None)
        tables = m.core.get("cr3") & 0xFFFFF000
        m.debug.set_watches([Watch(tables, 4096, WRITE, physical=True)])
        m.debug.arm(True)
        met = []
        forward(m, (m.icount + 50, 0), lambda stop, met=met: met.extend(stop.accesses))
        assert met and {a.by for a in met} == {"page walk"}
