"""What is to be compiled, hottest first."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from playhead.engine.llvm.tier2.unit import uops_in
from playhead.engine.llvm.tier2.wire import MOST_UNITS

MOST_UOPS = 200  # of one request: so that the first results do not wait for many others


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

    def __len__(self) -> int:
        return len(self._heat)

    def put(self, wanted: Wanted) -> None:
        if wanted.heat > self._heat.get(wanted.unit, -1):
            self._heat[wanted.unit] = wanted.heat
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
                del self._heat[wanted.unit]
                some.append(wanted)
            heapq.heappop(self._heap)
        return some

    @property
    def weight(self) -> int:
        """Instructions that were executed in what is wanted."""
        return sum(heat * uops_in(unit) for unit, heat in self._heat.items())
