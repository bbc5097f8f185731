"""Queries of the Debian boot, over 20 windows of 1,000,000 instructions each, beside a run on the reference engine that
notes every instruction that it fetches and every store (minutes: -m long).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import playhead
from playhead.api.recording import Recording
from playhead.api.writes import Write
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import PAGE, Memory
from playhead.log.moment import Moment
from tests.shared import once

WINDOWS, LENGTH = 20, 1_000_000
FIRST = 1 << 20  # of the RAM whose writes are asked for: registers of devices are no memory

pytestmark = [pytest.mark.guest, pytest.mark.long]

Touched = dict[int, tuple[int, int]]  # by instruction: the first byte that was written and the one behind the last


class Noting(ReferenceEngine):
    """Notes where each instruction is, by its number, and each store of it with those of its page walks."""

    def fetch(self, mode: int) -> Any:
        decoded = super().fetch(mode)
        core = self.core
        self.executed[self.icount()] = (core.get("eip") + core.seg("cs", "base")) & 0xFFFFFFFF
        return decoded

    def physical_store(self, pa: int, size: int, value: int) -> None:
        self.stores.append((self.icount(), pa, size))
        super().physical_store(pa, size, value)


def brute_force(rec: Recording, low: Moment, high: Moment) -> tuple[dict[int, int], list[tuple[int, int, int]]]:
    """The address of each instruction of a window, and all stores as (instruction, physical address, size)."""
    whole = Memory.write
    with pytest.MonkeyPatch.context() as patch, playhead.open(rec.path) as own:
        notes: list[tuple[int, int, int]] = []
        machine: Any = None

        def write(self: Memory, address: int, data: bytes, by: str = "a bus master") -> None:
            if machine is not None:
                notes.append((machine.icount, address, len(data)))
            whole(self, address, data, by)

        patch.setattr(Memory, "write", write)  # before the machine is made
        m = own.at(low)
        machine = m._machine
        engine: Any = Noting(machine.core)
        engine.core, engine.executed, engine.stores = machine.core, {}, notes
        machine.engine, machine._slice, machine.core.stale = engine, 1 << 14, True
        m._timeline.player.to(high)
        return {n: pc for n, pc in engine.executed.items() if n < high.icount}, notes


def touched(found: list[tuple[int, int, int]], first: int, length: int, end: int) -> Touched:
    out: Touched = {}
    for icount, address, size in found:
        low, high = max(address, first), min(address + size, first + length)
        if low < high and icount < end:
            before = out.get(icount, (low, high))
            out[icount] = min(before[0], low), max(before[1], high)
    return out


def told(rows: list[Write], end: int) -> Touched:
    return touched([(row.moment.icount, row.address, len(row.after)) for row in rows], 0, 1 << 32, end)


@pytest.mark.parametrize("n", range(WINDOWS))
def test_a_window(n: int, boot: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = once(tmp_path_factory, "boot.ph", lambda at: None)  # which `boot` has made
    check(path, n)


def check(path: Path, n: int) -> None:
    with playhead.open(path) as rec:
        low = Moment((2 * n + 1) * rec.end.icount // (2 * WINDOWS))
        high = Moment(low.icount + LENGTH)
        between = low, high
        executed, stores = brute_force(rec, low, high)
        assert sorted(executed) == list(range(low.icount, high.icount))
        places = Counter(pc for pc in executed.values())
        some = [places.most_common(1)[0][0], *[pc for pc, _ in places.most_common()[-3:]]]
        for pc in some:
            rows = rec.executions(pc, between=between)
            assert [row.moment.icount for row in rows] == [at for at in sorted(executed) if executed[at] == pc]
        calls = rec.calls(*some, between=between)
        assert [(row.moment.icount, row.address) for row in calls] == [
            (at, executed[at]) for at in sorted(executed) if executed[at] in some]  # fmt: skip
        r = rec.replay(*between)
        counts = r.count_instructions()
        r.run(compare=True)
        assert counts.total == LENGTH and all(counts.of(pc) == places[pc] for pc in some)
        ram = [address for _, address, _ in stores if FIRST <= address < rec.machine.memory_mib << 20]
        words = Counter(address & ~7 for address in ram)
        if not words:
            return
        often, seldom = words.most_common(1)[0][0], words.most_common()[-1][0]
        for first, length in ((often, 8), (seldom, 8), (seldom & ~(PAGE - 1), PAGE)):
            ordered = list(rec.writes(first, length, physical=True, newest_first=False, between=between))
            assert told(ordered, high.icount) == touched(stores, first, length, high.icount)
            assert list(rec.writes(first, length, physical=True, between=between)) == ordered[::-1]
