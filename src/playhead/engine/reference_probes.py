"""Counts and traces of the reference engine: each instruction that retires is a piece of its own."""

from __future__ import annotations

from playhead.engine.core import Core
from playhead.engine.executed import MOST_INSTRUCTIONS, Consumer, Counts, Pieces, PieceTable, hand_out, no_counts
from playhead.x86 import state as S

MOST_ENTRIES = 1 << 14


class ReferenceProbes:
    """Of one engine, from `start` on. `kinds`: of forms (x86/ways_on.py)."""

    def __init__(self, core: Core, kinds: bytes, counting: bool, consumer: Consumer | None, table: PieceTable):
        self.table, self._core, self._kinds = table, core, kinds
        self._counting, self._consumer = counting, consumer
        self._rows: dict[tuple[int, int, int, int, int], int] = {}
        self._count: dict[int, int] = {}
        self._entries: list[tuple[int, int]] = []
        self._before: tuple[int, int] | None = None
        self._icount = S.offset("icount") // 8

    def retired(self, linear: int, physical: int, mode: int, length: int, form: int) -> None:
        """An instruction has retired."""
        key = linear, physical, mode, length, form
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._new(key)
        if self._counting:
            self._count[row] = self._count.get(row, 0) + 1
        if self._consumer is not None:
            self._entries.append((row, self._core.c64[self._icount] - 1))
            if len(self._entries) == MOST_ENTRIES:
                self.flush()

    def _new(self, key: tuple[int, int, int, int, int]) -> int:
        import numpy

        linear, physical, mode, length, form = key
        linears, physicals, modes, sizes, ones, kinds = (
            numpy.array([value], "u8") for value in (linear, physical, mode, length, 1, self._kinds[form])
        )
        lengths = numpy.zeros((1, MOST_INSTRUCTIONS), "u1")
        lengths[0, 0] = length
        return self.table.append(Pieces(linears, physicals, modes, sizes, ones, kinds, lengths))

    def stop(self) -> None:
        """Nothing is left to be done."""

    def counts(self) -> Counts:
        import numpy

        if not self._count:
            return no_counts()
        rows = numpy.array(list(self._count), "i8")
        executed = numpy.zeros((len(rows), MOST_INSTRUCTIONS), "i8")
        executed[:, 0] = list(self._count.values())
        return self.table.counts(rows, executed)

    def take_counts(self) -> Counts:
        """The same, and from here on it is counted from 0 again."""
        counts = self.counts()
        self._count.clear()
        return counts

    def take(self) -> list[tuple[int, int]]:
        """Rows and instruction counts of the trace since the last time."""
        entries, self._entries = self._entries, []
        return entries

    def moved(self) -> None:
        """The machine has been put to another moment."""
        self._before = None

    def flush(self) -> None:
        """Hand out what the trace holds."""
        import numpy

        entries = self.take()
        if self._consumer is None or not entries:
            return
        block, icount = numpy.array(entries, "u8").T
        self._before = hand_out(self.table, block, icount, self._core.c64[self._icount], self._before, self._consumer)
