"""Which code was executed, and how often: exact counts of each instruction, taken by native code during a replay.

The table of counts does not depend on how the replay was cut, so segments of a recording are counted on several
processors and added up; what is written from it is the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from playhead.analyses.modules import Function, Map, Module, functions
from playhead.api.asking import ask
from playhead.api.recording import Recording
from playhead.api.rows import Row, Table
from playhead.api.segments import Query, Segment, Told
from playhead.api.source import Place
from playhead.base.errors import UnknownKernel, UsageError
from playhead.engine.executed import Blocks, Counts, no_counts, ordered
from playhead.linux.symbol_table import SymbolTable
from playhead.x86 import state as S

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]


class Counting(Query[Counts, Counts]):
    """How often each instruction has retired."""

    def start(self, rec: Recording) -> Callable[[Segment], Counts]:
        line = rec.timeline()
        probes = line.machine.probes

        def answer(segment: Segment) -> Counts:
            if line.moment != segment.first:
                line.enter(segment.first)
            if probes.on:
                probes.take_counts()  # of the way there, and of a segment that was interrupted
            else:
                probes.start(counts=True)
            segment.run(line)
            counts = probes.take_counts()
            assert counts.total == segment.instructions, "each instruction is counted once"
            return counts

        return answer

    def merge(self, parts: Iterator[Counts]) -> Counts:
        import numpy

        found = [no_counts(), *parts]
        return ordered(*(numpy.concatenate(columns) for columns in zip(*found, strict=True)))


@dataclass(frozen=True)
class Covered(Row):
    """A function, or the code of a module that is in none (then `name` is empty). `executed`: bytes of instructions
    that were executed, of `size`; `instructions`: how many have retired; `calls`: how often its first one has.
    """

    name: str
    module: str
    address: int
    size: int
    executed: int
    instructions: int
    calls: int


@dataclass(frozen=True)
class CoveredModule(Row):
    name: str
    base: int
    end: int
    user: bool
    executed: int
    instructions: int


class Coverage:
    """What was executed. `counts`: a row for each instruction; all else is made of it."""

    def __init__(self, counts: Counts, symbols: SymbolTable | None = None):
        self.counts, self.symbols = counts, symbols

    @cached_property
    def blocks(self) -> Blocks:
        """Straight runs of instructions that were executed equally often."""
        return self.counts.blocks()

    @cached_property
    def known(self) -> list[Function]:
        return functions(self.symbols)

    @cached_property
    def map(self) -> Map:
        return Map(self.known, self.counts.linear, self.counts.length, user_code(self.counts.mode))

    @property
    def total(self) -> int:
        """Instructions that have retired."""
        return self.counts.total

    # a part of it

    def only(self, *, user: bool | None = None, between: range | None = None) -> Coverage:
        """That of programs (`user`), of the rest (False), of a range of linear addresses."""
        import numpy

        some = numpy.full(len(self.counts.linear), True)
        if user is not None:
            some &= user_code(self.counts.mode) == user
        if between is not None:
            if between.step != 1:
                raise UsageError(f"{between}: a range of addresses has a step of 1")
            some &= (self.counts.linear >= between.start) & (self.counts.linear < between.stop)
        return Coverage(Counts(*(column[some] for column in self.counts)), self.symbols)

    # as tables

    @cached_property
    def bytes_once(self) -> tuple[Array, Array, Array]:
        """(linear address, size, whether it is a program's) of each instruction, each once, wherever it lay in physical
        memory.
        """
        import numpy

        linear, length, user = self.counts.linear, self.counts.length, user_code(self.counts.mode)
        order = numpy.lexsort((length, linear, user))
        linear, length, user = linear[order], length[order], user[order]
        new = numpy.full(len(linear), True)
        new[1:] = (linear[1:] != linear[:-1]) | (user[1:] != user[:-1])
        return linear[new], length[new], user[new]

    def modules(self) -> Table[CoveredModule]:
        """What was executed by module."""
        import numpy

        linear, length, user = self.bytes_once
        count = len(self.map.modules)
        executed = numpy.bincount(self.map.module_of(linear, user), length, count)
        where = self.map.module_of(self.counts.linear, user_code(self.counts.mode))
        retired = sums(where, self.counts.executions, count)
        rows = (CoveredModule(*one, int(executed[n]), int(retired[n])) for n, one in enumerate(self.map.modules))
        return Table([row for row in rows if row.instructions], "modules")

    def functions(self) -> Table[Covered]:
        """What was executed by function, most first. Code outside of all functions is one row for each module."""
        import numpy

        linear, length, user = self.bytes_once
        many = len(self.map.functions)

        def places(linear: Array, user: Array) -> Array:
            function = self.map.function_of(linear, user)
            return numpy.where(function < 0, many + self.map.module_of(linear, user), function)

        count = many + len(self.map.modules)
        executed = numpy.bincount(places(linear, user), length, count)
        mine, all_user = self.counts.executions, user_code(self.counts.mode)
        where = places(self.counts.linear, all_user)
        retired = sums(where, mine, count)
        calls = sums(where[self._entries(where)], mine[self._entries(where)], count)
        rows = [self._row(int(n), int(executed[n]), int(retired[n]), int(calls[n])) for n in numpy.flatnonzero(retired)]
        return Table(sorted(rows, key=lambda row: (-row.instructions, row.address, row.name)), "functions")

    def _entries(self, where: Array) -> Array:
        """Of all rows: whether it is the first instruction of a function."""
        import numpy

        starts = numpy.array([one.address for one in self.map.functions] + [0] * len(self.map.modules), "u8")
        return (where < len(self.map.functions)) & (starts[where] == self.counts.linear)

    def _row(self, n: int, executed: int, retired: int, calls: int) -> Covered:
        if n < len(self.map.functions):
            one = self.map.functions[n]
            return Covered(one.name, one.module, one.address, one.size, executed, retired, calls)
        module: Module = self.map.modules[n - len(self.map.functions)]
        return Covered("", module.name, module.base, module.size, executed, retired, 0)


def user_code(mode: Array) -> Array:
    return (mode & S.MODE_USER) != 0


def sums(where: Array, what: Array, count: int) -> Array:
    """Sums of 64-bit numbers by place (numpy's bincount adds up floating-point numbers)."""
    import numpy

    out = numpy.zeros(count, "u8")
    numpy.add.at(out, where, what)
    return out


def symbols_of(rec: Recording) -> SymbolTable | None:
    """The kernel's symbols, if its memory tells them."""
    try:
        return rec.symbols
    except UnknownKernel:
        return None


def coverage(rec: Recording, first: Place = "start", last: Place = "end", *, jobs: int | None = None,
             dask: Any = None, progress: Told | None = None) -> Coverage:  # fmt: skip
    """Which code was executed between two moments. `jobs`, `dask`, `progress`: as `ask` takes them."""
    counts = ask(rec, Counting(), first, last, jobs=jobs, dask=dask, progress=progress)
    return Coverage(counts, symbols_of(rec))
