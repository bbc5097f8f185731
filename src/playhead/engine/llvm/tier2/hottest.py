"""Which blocks of a machine are hot, for its recording to name them, and which ones a recording has named.

A block that is compiled is no longer counted, so counts alone would say the least of the hottest. But native runs end
at certain instruction counts, and in which block that is is a sample of where the time goes. A block is named by its
physical address and its mode.
"""

from __future__ import annotations

from heapq import nlargest
from operator import itemgetter

Place = tuple[int, int]  # physical address, mode
MOST = 1 << 16  # blocks that are kept


class Hottest:
    def __init__(self) -> None:
        self.expected: dict[Place, int] = {}  # what a recording says: entries, roughly
        self._counted: dict[Place, int] = {}  # entries
        self._sampled: dict[Place, int] = {}  # likewise, for whose sake runs of a known length have ended there

    def counted(self, place: Place, entries: int) -> None:
        """A block was told of."""
        if place in self._counted or len(self._counted) < MOST:
            self._counted[place] = entries

    def sampled(self, place: Place, entries: int) -> None:
        """A run has ended in a block; for that it may have been entered so often since the last one."""
        if place in self._sampled or len(self._sampled) < MOST:
            self._sampled[place] = self._sampled.get(place, 0) + entries

    def blocks(self, most: int) -> list[tuple[int, int, int]]:
        """(physical address, mode, entries) of the hottest."""
        entries = dict(self._counted)
        for place, sampled in self._sampled.items():
            entries[place] = max(sampled, entries.get(place, 0))
        return [(*place, count) for place, count in nlargest(most, entries.items(), key=itemgetter(1))]
