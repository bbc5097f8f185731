"""Counts and traces of the native engine: switches probes (probe_code.py) on, and reads what they leave.

The pieces of a block are known from when it is decoded; what a probe counts is in its uop, and stays there when the
block becomes void. So counts are read when somebody asks, and before the arena is used anew. The trace is read when it
is full, before the arena is used anew, and when somebody asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy

from playhead.engine.core import Core
from playhead.engine.executed import MOST_INSTRUCTIONS, Batch, Consumer, Counts, Pieces, PieceTable, hand_out, no_counts
from playhead.engine.llvm import layout as L
from playhead.engine.reference_probes import ReferenceProbes
from playhead.hw.memory import host_array
from playhead.x86 import state as S
from playhead.x86.ways_on import REPEATED

if TYPE_CHECKING:
    Array = numpy.ndarray[Any, Any]

assert MOST_INSTRUCTIONS == L.MOST_PIECE
RECORD = numpy.dtype({
    "names": ["uop", "linear", "physical", "mode", "count", "size", "form", "lengths"],
    "formats": ["u8", "u8", "u8", "u4", "u1", "u2", "u2", ("u1", L.MOST_PIECE)],
    "offsets": [L.R_UOP, L.R_LINEAR, L.R_PHYSICAL, L.R_MODE, L.R_COUNT, L.R_SIZE, L.R_FORM, L.R_LENGTHS],
    "itemsize": 1 << L.RECORD_BITS,
})  # fmt: skip
_COUNTER, _REM = L.PROBE_COUNTER // 8, L.UOP["rem"][0] // 2


def _nobody(batch: Batch) -> None:
    raise AssertionError("the trace of the reference engine is taken from it")


class NativeProbes:
    """Of one engine, from `start` on. `arrays`: the engine's; `base`: address of the arena; `kinds`: of forms."""

    def __init__(self, core: Core, arrays: dict[str, Any], base: int, kinds: bytes, counting: bool,
                 consumer: Consumer | None, address_of: Any):  # fmt: skip
        self._core, self._base, self._counting, self._consumer = core, base, counting, consumer
        arena = numpy.frombuffer(arrays["arena"], "u1")
        self._words, self._halves = arena.view("u8"), arena.view("u2")
        self._records = numpy.frombuffer(arrays["probes"], "u1").view(RECORD)
        self._cut_short = numpy.frombuffer(arrays["cut_short"], "u8")
        self._kinds = numpy.frombuffer(kinds, "u1")
        self.table = PieceTable()
        self._seen = 0  # records that were read
        # Their rows of the table, in stretches: between two of these the reference engine may have put in some.
        self._rows_of: list[Array] = []
        self._rows: Array = numpy.zeros(L.ARENA >> L.UOP_BITS if consumer else 0, "u4")  # by uop
        self._done = no_counts()  # of arenas before
        # what the reference engine does for this one; its trace is taken from it
        self.reference = ReferenceProbes(core, kinds, counting, self._consumer and _nobody, self.table)
        self._before: tuple[int, int] | None = None
        self._ring = host_array(8 * L.TRACE_ENTRIES)
        self._entries = numpy.frombuffer(self._ring, "u8")
        self._ring_at = address_of(self._ring)
        core.set("trace_top", self._ring_at)
        core.set("trace_end", self._ring_at + 8 * L.TRACE_ENTRIES)
        core.set("probes", (S.PROBE_COUNT if counting else 0) | (S.PROBE_TRACE if consumer else 0))

    def stop(self) -> None:
        """No block that is decoded from now on has probes."""
        self._core.set("probes", 0)

    def forget(self) -> None:
        """The arena is about to be used anew."""
        self.flush()
        if self._counting:
            self._done = self._done + self._of_arena()
            self._cut_short[:] = 0
        self._learn()
        self._seen, self._rows_of = 0, []
        self._core.set("probed", 0)

    def _learn(self) -> None:
        """Read the records that were made since the last time."""
        count = self._core.get("probed")
        new = self._records[self._seen : count]
        if not len(new):
            return
        first = self.table.append(
            Pieces(new["linear"], new["physical"], new["mode"], new["size"], new["count"], self._kinds[new["form"]],
                   new["lengths"])
        )  # fmt: skip
        rows = numpy.arange(first, first + len(new), dtype="u4")
        self._rows_of.append(rows)
        if self._consumer:
            at = (new["uop"] - numpy.uint64(self._base)) >> L.UOP_BITS
            at += numpy.uint64(self._counting)  # the trace's probe is behind the one that counts
            self._rows[at.astype("i8")] = rows
        self._seen = count

    # counts

    def counts(self) -> Counts:
        """All that was executed since the start; to be asked for between two runs."""
        return self._done + self._of_arena() + self.reference.counts()

    def take_counts(self) -> Counts:
        """The same, and from here on it is counted from 0 again."""
        counts = self.counts()
        records = self._records[: self._seen]
        uops = ((records["uop"] - numpy.uint64(self._base)) >> 3).astype("i8")
        begin, behind = self._around(records, uops, self._kinds[records["form"]] == REPEATED)
        for some in (uops, begin, behind):
            self._words[some + _COUNTER] = 0
        self._cut_short[:] = 0
        self._done = no_counts()
        self.reference.take_counts()
        return counts

    def _of_arena(self) -> Counts:
        self._learn()
        records = self._records[: self._seen]
        if not len(records):
            return no_counts()
        uops = ((records["uop"] - numpy.uint64(self._base)) >> 3).astype("i8")  # in words
        executed = numpy.zeros((len(records), L.MOST_PIECE + 1), "i8")
        executed[:, 0] = self._words[uops + _COUNTER].view("i8")
        self._take_back(executed, uops)
        executed = executed[:, :-1].cumsum(axis=1)
        self._repeated(executed, records, uops)
        return self.table.counts(numpy.concatenate(self._rows_of), executed)

    def _take_back(self, executed: Array, uops: Array) -> None:
        """What was begun and not executed: from an instruction to the end of its piece."""
        left = numpy.flatnonzero(self._cut_short)
        words = left << (L.UOP_BITS - 3)
        pieces = numpy.searchsorted(uops, words, "right") - 1
        of_piece, of_uop = self._halves[4 * uops[pieces] + _REM], self._halves[4 * words + _REM]
        numpy.subtract.at(executed, (pieces, of_piece.astype("i8") - of_uop), self._cut_short[left].astype("i8"))

    def _repeated(self, executed: Array, records: Array, uops: Array) -> None:
        """A REP, the last instruction of its piece, has retired as often as the two probes around it say."""
        which = numpy.flatnonzero(self._kinds[records["form"]] == REPEATED)
        begin, behind = self._around(records, uops, which)
        last = records["count"][which].astype("i8") - 1
        executed[which, last] = (self._words[begin + _COUNTER] + self._words[behind + _COUNTER]).view("i8")

    def _around(self, records: Array, uops: Array, which: Array) -> tuple[Array, Array]:
        """Where the probes around a REP are, in words."""
        probes = 1 + (self._consumer is not None)  # in front of the piece
        begin = uops[which] + ((probes + records["count"][which].astype("i8") - 1) << (L.UOP_BITS - 3))
        return begin, begin + (2 << (L.UOP_BITS - 3))

    # the trace

    def flush(self) -> None:
        """Hand out what the trace holds."""
        if self._consumer is None:
            return
        count = (self._core.get("trace_top") - self._ring_at) >> 3
        self._core.set("trace_top", self._ring_at)
        if not count:
            return
        self._learn()
        halves = self._entries[:count].view("u4").reshape(count, 2)
        uops = (halves[:, 0] - numpy.uint32(self._base & 0xFFFFFFFF)) >> numpy.uint32(L.UOP_BITS)
        # from one entry to the next, and to now, it is less than what half a word holds
        self._hand_out(self._rows[uops], halves[:, 1])

    def _hand_out(self, block: Array, icount: Array) -> None:
        assert self._consumer is not None
        end = self._core.get("icount")
        self._before = hand_out(self.table, block, icount, end, self._before, self._consumer)

    def executed_by_reference(self) -> None:
        """Hand out what the reference engine has executed just now; what was before it has been."""
        entries = self.reference.take()
        if entries:
            block, icount = numpy.array(entries, "u8").T
            self._hand_out(block, icount)

    def moved(self) -> None:
        """The machine has been put to another moment; what it did before was handed out."""
        self._before = None
