"""What is to be compiled, hottest first."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from playhead.engine.llvm.tier2.unit import uops_in
from playhead.engine.llvm.tier2.wire import MOST_UNITS

MOST_UOPS = 60  # of one request, some 30 ms: so that the hottest ones do not wait for many others


class Wanted(NamedTuple):
    key: int
    unit: bytes
    heat: int


class Queue:
    """`put` again when a unit has become hotter."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Wanted]] = []
        self._heat: dict[bytes, int] = {}
        self._puts = 0
        self.weight = 0  # instructions that were executed in all of these

    def __len__(self) -> int:
        return len(self._heat)

    def put(self, wanted: Wanted) -> None:
        before = self._heat.get(wanted.unit, 0)
        if wanted.heat > before:
            self._heat[wanted.unit] = wanted.heat
            self.weight += _weight(wanted.unit, wanted.heat) - _weight(wanted.unit, before)
            self._puts += 1  # of two that are equally hot, the newer one took less time for that
            heapq.heappush(self._heap, (-wanted.heat, -self._puts, wanted))

    def take(self) -> list[Wanted]:
        """The hottest ones, as many as go together; they leave the queue."""
        some: list[Wanted] = []
        uops = 0
        while self._heap and len(some) < MOST_UNITS:
            wanted = self._heap[0][2]
            if self._heat.get(wanted.unit) == wanted.heat:
                uops += uops_in(wanted.unit)
                if some and uops > MOST_UOPS:
                    break
                self.weight -= _weight(wanted.unit, wanted.heat)
                del self._heat[wanted.unit]
                some.append(wanted)
            heapq.heappop(self._heap)
        return some


def _weight(unit: bytes, heat: int) -> int:
    return heat * uops_in(unit)
