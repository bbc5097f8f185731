"""Counts and traces that native code takes while a replay runs: of instructions, and of blocks in batches.

They are asked for before a replay and can be read after it. Counts of stretches that follow each other add up to those
of the whole (`+`), however the recording was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from playhead.api.rows import Row, Table
from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.machine.machine import Machine

if TYPE_CHECKING:
    import numpy

    from playhead.engine.executed import Batch, Counts

    Array = numpy.ndarray[Any, Any]


@dataclass(frozen=True)
class Counted(Row):
    """An instruction, or a block of several that were executed equally often: the linear address and (`physical`) where
    it was in memory, its length in bytes, and how often it was executed. Each iteration of a REP counts.
    """

    address: int
    physical: int
    name: str
    size: int
    instructions: int
    count: int

    HEX = Row.HEX | {"physical"}


class InstructionCounts:
    """How often each instruction was executed in a replay. Exact, and the same for any engine."""

    def __init__(self, source: Source, counts: Counts | None = None):
        self._source, self._counts = source, counts

    @property
    def counts(self) -> Counts:
        """As numpy arrays, a row each (`playhead.engine.executed.Counts`). Raises UsageError before the replay ran."""
        if self._counts is None:
            raise UsageError("nothing has been counted yet: run() the replay first")
        return self._counts

    @property
    def total(self) -> int:
        """Instructions that were executed."""
        return self.counts.total

    def of(self, address: int | str) -> int:
        """How often the instruction at a linear address, or the first of a function, was executed."""
        counts = self.counts
        return int(counts.executions[counts.linear == self._source.address(address)].sum())

    def hottest(self) -> Table[Counted]:
        """Instructions, the one that was executed most first."""
        counts = self.counts
        one = [1] * len(counts.linear)
        return self._table(counts.linear, counts.physical, counts.length, one, counts.executions, "instructions")

    def blocks(self) -> Table[Counted]:
        """Blocks: straight runs of instructions that were executed equally often, the most executed first."""
        found = self.counts.blocks()
        return self._table(found.linear, found.physical, found.size, found.instructions, found.executions, "blocks")

    def _table(self, linear: Any, physical: Any, size: Any, instructions: Any, count: Any,
               title: str) -> Table[Counted]:  # fmt: skip
        import numpy

        order = numpy.argsort(-count.astype("i8"), kind="stable")
        rows = (Counted(int(linear[n]), int(physical[n]), self._source.name_of(int(linear[n])), int(size[n]),
                        int(instructions[n]), int(count[n])) for n in order)  # fmt: skip
        return Table(rows, title)

    def __add__(self, other: InstructionCounts) -> InstructionCounts:
        return InstructionCounts(self._source, self.counts + other.counts)

    def __repr__(self) -> str:
        return f"<InstructionCounts: {self.total:,} instructions>" if self._counts else "<InstructionCounts, empty>"

    def _repr_html_(self) -> str:
        return self.blocks()._repr_html_() if self._counts else "<p>nothing has been counted yet</p>"


@dataclass(frozen=True)
class PageCount(Row):
    """A page of RAM by its physical address, and how often instructions read and wrote there."""

    address: int
    reads: int
    writes: int


class MemoryCounts:
    """How often each page of RAM was read and written by instructions in a replay."""

    def __init__(self, counts: dict[int, tuple[int, int]] | None = None):
        self._counts = counts

    @property
    def counts(self) -> dict[int, tuple[int, int]]:
        """(reads, writes) by the physical address of the page. Raises UsageError before the replay ran."""
        if self._counts is None:
            raise UsageError("nothing has been counted yet: run() the replay first")
        return self._counts

    def pages(self) -> Table[PageCount]:
        """A row for each page, by address."""
        return Table((PageCount(page, *self.counts[page]) for page in sorted(self.counts)), "accesses by page")

    def __add__(self, other: MemoryCounts) -> MemoryCounts:
        whole = dict(self.counts)
        for page, (reads, writes) in other.counts.items():
            before = whole.get(page, (0, 0))
            whole[page] = before[0] + reads, before[1] + writes
        return MemoryCounts(whole)

    def _repr_html_(self) -> str:
        return self.pages()._repr_html_() if self._counts is not None else "<p>nothing has been counted yet</p>"


class PageCounting:
    """What a replay takes by the machine's counts of accesses."""

    def __init__(self, into: Sequence[MemoryCounts]):
        self._into = into

    def begin(self, machine: Machine) -> None:
        machine.page_counts.start()

    def told(self, machine: Machine) -> None:
        pass

    def end(self, machine: Machine, whole: bool) -> None:
        if whole:
            found = {page: (one.reads, one.writes) for page, one in machine.page_counts.take().items()}
            for one in self._into:
                one._counts = found
        machine.page_counts.stop()


@dataclass(frozen=True)
class Block(Row):
    """A block begins at a linear address: control came there from elsewhere."""

    moment: Moment
    address: int
    physical: int


class Blocks(Sequence[Block]):
    """Blocks in the order in which they were executed: as rows, or (much quicker) as numpy arrays, a place each. The
    arrays are made when they are asked for.
    """

    def __init__(self, batch: Batch, where: range | None):
        self._batch, self._where = batch, where

    @cached_property
    def _which(self) -> Array:
        batch = self._batch
        which: Array = batch.begins
        if self._where is not None:
            address = batch.table.rows.linear[batch.block]
            which &= (address >= self._where.start) & (address < self._where.stop)
        return which

    @cached_property
    def _rows(self) -> Array:
        return self._batch.block[self._which]

    @cached_property
    def address(self) -> Array:
        """Linear addresses of the first instructions."""
        return self._batch.table.rows.linear[self._rows]

    @cached_property
    def physical(self) -> Array:
        """Where they were in memory."""
        return self._batch.table.rows.physical[self._rows]

    @cached_property
    def icount(self) -> Array:
        """Instructions that had been executed before, since power-on."""
        return self._batch.icount[self._which]

    @cached_property
    def _length(self) -> int:
        import numpy

        return int(numpy.count_nonzero(self._which))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, n: Any) -> Any:
        if isinstance(n, slice):
            return [self[one] for one in range(*n.indices(len(self)))]
        return Block(Moment(int(self.icount[n])), int(self.address[n]), int(self.physical[n]))

    def __iter__(self) -> Iterator[Block]:
        for address, physical, icount in zip(self.address.tolist(), self.physical.tolist(), self.icount.tolist(),
                                             strict=True):  # fmt: skip
            yield Block(Moment(icount), address, physical)


BlockCall = tuple[range | None, Callable[[Blocks], Any]]


class Probing:
    """What a replay takes by the machine's probes: counts (`into`), and blocks for callbacks."""

    def __init__(self, into: Sequence[InstructionCounts], calls: Sequence[BlockCall]):
        self._into, self._calls = into, calls

    def begin(self, machine: Machine) -> None:
        machine.probes.start(counts=bool(self._into), trace=self._take if self._calls else None)

    def told(self, machine: Machine) -> None:
        """The callbacks of a stop come next: all blocks before it come first."""
        if self._calls:
            machine.probes.flush()

    def end(self, machine: Machine, whole: bool) -> None:
        if whole:
            self.told(machine)
            for one in self._into:
                one._counts = machine.probes.counts()
        else:
            self._calls = ()
        machine.probes.stop()

    def _take(self, batch: Batch) -> None:
        for where, call in self._calls:
            call(Blocks(batch, where))
