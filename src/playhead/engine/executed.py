"""What was executed, as tables: of counts, and of a trace. What both engines give, however their runs were cut.

A *piece* is what an engine executes straight on: instructions of which one follows the other, unless one cannot go on.
Where a piece begins and how far it was executed depends on the engine and on how runs were cut; what is made of pieces
here does not: the count of each instruction, and the blocks of a trace, which begin where control came from elsewhere.

All tables are numpy arrays, a row each. numpy is imported by whoever counts or traces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.x86.ways_on import NONE, REPEATED

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MOST_INSTRUCTIONS = 24  # of a piece
PAGE_BITS = 12
NEVER = (1 << 32) - 1


class Blocks(NamedTuple):
    """Straight runs of instructions that were executed equally often, and do not leave a page; a row each. `linear`,
    `physical`: where they begin; `mode`: state.MODE_*; `size`: bytes; `kind`: of the last instruction (x86/ways_on.py);
    `executions`: how often each was executed."""

    linear: Array
    physical: Array
    mode: Array
    size: Array
    instructions: Array
    kind: Array
    executions: Array


class Counts(NamedTuple):
    """How often each instruction has retired: a row each, ordered by mode, linear page, physical page, linear address,
    length. Each iteration of a REP counts. Equal tables mean equal executions, whatever engine gave them and however
    runs were cut; tables of stretches that follow each other add up to that of the whole (`+`)."""

    linear: Array
    physical: Array
    mode: Array
    length: Array
    kind: Array
    executions: Array

    @property
    def total(self) -> int:
        """Instructions that have retired."""
        return int(self.executions.sum())

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        import numpy

        columns = [numpy.concatenate(pair) for pair in zip(self, other, strict=True)]
        return ordered(*columns)

    def blocks(self) -> Blocks:
        """Instructions that follow each other and were executed equally often, as one row."""
        import numpy

        linear, physical, mode, length, kind, count = self
        n = len(linear)
        goes_on = numpy.zeros(n, bool)  # with the row before
        size = length.astype("u8")
        end = linear + size
        goes_on[1:] = (
            (linear[1:] == end[:-1])
            & (physical[1:] == physical[:-1] + size[:-1])
            & (linear[1:] >> PAGE_BITS == linear[:-1] >> PAGE_BITS)
            & (mode[1:] == mode[:-1])
            & (count[1:] == count[:-1])
            & (kind[:-1] == NONE)
        )
        first = numpy.flatnonzero(~goes_on)
        last = numpy.append(first[1:], n)[: len(first)] - 1
        return Blocks(
            linear[first], physical[first], mode[first], (end[last] - linear[first]).astype("u2"),
            (last - first + 1).astype("u2"), kind[last], count[first],
        )  # fmt: skip


def ordered(linear: Array, physical: Array, mode: Array, length: Array, kind: Array, count: Array) -> Counts:
    """Rows of counts in order, equal ones added up, those of 0 left out."""
    import numpy

    keys = (length, linear, physical >> PAGE_BITS, linear >> PAGE_BITS, mode)
    order = numpy.lexsort(keys)
    rows = [column[order] for column in (linear, physical, mode, length, kind, count)]
    new = numpy.zeros(len(order), bool)
    new[:1] = True
    for key in keys:
        column = key[order]
        new[1:] |= column[1:] != column[:-1]
    first = numpy.flatnonzero(new)
    added = numpy.add.reduceat(rows[5], first) if len(first) else rows[5]
    some = added != 0
    columns = [column[first][some] for column in rows]
    columns[5] = added[some]
    return Counts(*columns)


def no_counts() -> Counts:
    import numpy

    return Counts(*(numpy.zeros(0, kind) for kind in ("u8", "u8", "u1", "u1", "u1", "u8")))


class Pieces(NamedTuple):
    """Pieces, a row each. `lengths`: of each instruction, MOST_INSTRUCTIONS columns, 0 behind the last; `kind`: of the
    last instruction."""

    linear: Array
    physical: Array
    mode: Array
    size: Array
    instructions: Array
    kind: Array
    lengths: Array


_TYPES = ("u8", "u8", "u1", "u2", "u1", "u1", "u1")


class PieceTable:
    """All pieces that were met so far. It grows, and rows stay what they are; there may be several of one piece."""

    def __init__(self) -> None:
        import numpy

        self._numpy = numpy
        self._rows = self._space(1 << 12)
        self._least = numpy.zeros(1 << 12, "u4")  # executed so often, it went elsewhere
        self.count = 0

    def _space(self, size: int) -> Pieces:
        shapes = [size] * 6 + [(size, MOST_INSTRUCTIONS)]
        return Pieces(*(self._numpy.zeros(shape, kind) for shape, kind in zip(shapes, _TYPES, strict=True)))

    def append(self, rows: Pieces) -> int:
        """Returns the number of the first one."""
        first, self.count = self.count, self.count + len(rows.linear)
        if self.count > len(self._rows.linear):
            space = self._space(max(2 * len(self._rows.linear), self.count))
            for to, old in zip(space, self._rows, strict=True):
                to[:first] = old[:first]
            self._rows = space
            self._least = self._numpy.resize(self._least, len(space.linear))
        for to, new in zip(self._rows, rows, strict=True):
            to[first : self.count] = new
        straight = (rows.kind == NONE) | (rows.kind == REPEATED)
        self._least[first : self.count] = self._numpy.where(straight, self._numpy.uint32(NEVER), rows.instructions)
        return first

    def may_go_on(self, rows: Array, executed: Array) -> Array:
        """Whether what follows these pieces may go on with them."""
        return executed < self._least[rows]

    def goes_on(self, rows: Array, executed: Array, after: Array) -> Array:
        """Whether these pieces, of which so many instructions were executed, go on with the ones that came `after`
        them."""
        numpy, pieces = self._numpy, self._rows
        linear, kind, instructions = pieces.linear[rows], pieces.kind[rows], pieces.instructions[rows]
        whole, to = executed >= instructions, pieces.linear[after]
        end = linear + pieces.size[rows]
        part = numpy.flatnonzero(~whole)
        if len(part):
            offsets = pieces.lengths[rows[part]].cumsum(axis=1, dtype="u8")
            end[part] = linear[part] + offsets[numpy.arange(len(part)), executed[part].astype("i8") - 1]
        on = (to == end) & (~whole | (kind == NONE) | (kind == REPEATED))
        again = numpy.flatnonzero(whole & (kind == REPEATED))
        if len(again):
            last = pieces.lengths[rows[again], instructions[again].astype("i8") - 1]
            on[again] |= to[again] == end[again] - last
        return on & (pieces.mode[rows] == pieces.mode[after])

    @property
    def rows(self) -> Pieces:
        return Pieces(*(column[: self.count] for column in self._rows))

    def counts(self, rows: Array, executed: Array) -> Counts:
        """`executed`: for each of these rows and each instruction of it (as in `lengths`), how often that retired."""
        pieces, numpy = self._rows, self._numpy
        lengths = pieces.lengths[rows]
        which, n = numpy.nonzero((executed != 0) & (lengths != 0))
        offsets = lengths.cumsum(axis=1, dtype="u8") - lengths
        at, offset = rows[which], offsets[which, n]
        last = n + 1 == pieces.instructions[at]
        kind = numpy.where(last, pieces.kind[at], NONE).astype("u1")
        return ordered(pieces.linear[at] + offset, pieces.physical[at] + offset, pieces.mode[at], lengths[which, n],
                       kind, executed[which, n].astype("u8"))  # fmt: skip


class Batch:
    """A stretch of a trace: pieces in the order in which they were executed.

    `block`: rows of `table`; `executed`: instructions of each piece that have retired, at least one: it may have been
    left early, and each iteration of a REP is one; `end`: instructions that had retired behind the last piece."""

    def __init__(self, table: PieceTable, block: Array, executed: Array, end: int, before: tuple[int, int] | None):
        self.table, self.block, self.executed, self.end = table, block, executed, end
        self._before = before  # of the piece before the first one: row, executed

    def __len__(self) -> int:
        return len(self.block)

    @property
    def icount(self) -> Array:
        """Instructions that had retired in front of each piece (64 bits)."""
        import numpy

        behind = self.executed.cumsum(dtype="u8")
        return behind - self.executed + numpy.uint64(self.end - int(behind[-1]))

    @property
    def begins(self) -> Array:
        """True where a block begins: control came from elsewhere, by a jump, a call, a delivery and so on. False where
        a piece goes on where the one before it ended, or was left: at an access to a device, at the end of a budget,
        between two iterations of a REP."""
        import numpy

        before, executed = self.block[:-1], self.executed[:-1]
        begins = numpy.ones(len(self.block), bool)
        n = numpy.flatnonzero(self.table.may_go_on(before, executed))
        begins[n + 1] = ~self.table.goes_on(before[n], executed[n], self.block[n + 1])
        if self._before is not None:
            row, count = (numpy.array([value]) for value in self._before)
            begins[:1] = ~self.table.goes_on(row, count, self.block[:1])
        return begins


Consumer = Callable[[Batch], None]


def hand_out(table: PieceTable, block: Array, icount: Array, end: int, before: tuple[int, int] | None,
             consumer: Consumer) -> tuple[int, int] | None:  # fmt: skip
    """Give entries of a trace to its consumer, but for pieces of which nothing was executed. `icount`: in front of it,
    or the lower half of that; returns what is `before` the next one."""
    import numpy

    executed = numpy.empty(len(block), "u4")
    numpy.subtract(icount[1:], icount[:-1], out=executed[:-1], casting="unsafe")
    executed[-1:] = (end - int(icount[-1])) & 0xFFFFFFFF
    if not executed.all():
        some = executed != 0
        block, executed = block[some], executed[some]
    if not len(block):
        return before
    consumer(Batch(table, block.astype("u4"), executed, end, before))
    return int(block[-1]), int(executed[-1])
