"""What moments, replays and queries of a recording start from: its reader, its length, its machines, its symbols."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol

from playhead.api.interrupts import moving
from playhead.base.errors import NoSuchMoment, UnknownKernel, UnknownSymbol, UsageError
from playhead.cli.recorded_machine import builder
from playhead.engine.core import MOST_WATCHES
from playhead.host.host import Host
from playhead.linux.symbol_table import Symbol, SymbolTable
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader
from playhead.machine.debug import READ, WRITE, Watch
from playhead.timeline.moments import AtOutput, AtTime, Relative, Where, parse, printed_at
from playhead.timeline.player import Kept
from playhead.timeline.timeline import Timeline

SPACE = 1 << 32  # bytes of linear and of physical memory
POINTS = 1 << 28  # bytes that the points of one moment's timeline may take
IDLE = 2  # machines that are kept for the next moment or replay
KINDS = {"r": READ, "w": WRITE, "rw": READ | WRITE, "wr": READ | WRITE}
MOST_PLACES = 1 << 20  # addresses of one callback


class HasMoment(Protocol):
    @property
    def moment(self) -> Moment: ...


Place = str | int | tuple[int, int] | HasMoment  # what stands for a moment wherever one is asked for
Address = int | str  # a linear address, or the name of a symbol
Code = int | str | range  # one or more addresses of instructions
Bytes = int | str | range  # the address of a byte, a symbol (its first four bytes), or a range of addresses
Watched = Bytes | tuple[Bytes, str] | Watch  # with the kinds of accesses: r, w, rw


class Source:
    """An open recording. It is only read; any number of machines may run on it."""

    def __init__(self, path: str, *, engine: str = "native", images: Sequence[dict[str, Any]] = ()):
        self.path, self.engine, self.images = str(path), engine, tuple(images)
        self.reader = Reader(self.path)
        self._closed = False
        self._idle: list[Timeline] = []
        self._kept: Kept | None = None
        self._symbols: SymbolTable | None = None
        self._with_lines: list[tuple[str, int]] = []  # ELF files, and how far they are moved

    # moments

    @cached_property
    def start(self) -> Moment:
        """Its first moment: power-on, unless it is a part."""
        return self.reader.start.moment if self.reader.start else START

    @property
    def end(self) -> Moment:
        """Its last moment."""
        return self.reader.last().moment

    def instant(self, where: Place) -> Moment:
        """The moment that is meant, as (icount, seq): a number of instructions, a moment, or what every verb takes
        ("50%", "1.5M", "-1000", "@12.5s", 'serial:"login:"', "end"), or the name of a snapshot. Raises UsageError, and
        NoSuchMoment if it is not in the recording.
        """
        found = self.where(where)
        if not isinstance(found, AtTime):
            return found
        line = self.timeline()
        try:
            with moving(line):
                return line.find(found).moment
        finally:
            self.give_back(line)

    def where(self, where: Place) -> Moment | AtTime:
        """The same, but for a time, which only a replay can find."""
        if where == "start":
            return self.start
        found = self._meant(where)
        if isinstance(found, AtTime):
            return found
        if isinstance(found, AtOutput):
            return printed_at(self.reader, found)
        assert not isinstance(found, Relative)
        if not self.start <= found <= self.end:
            goes = f"it goes from instruction {self.start} to {self.end}"
            raise NoSuchMoment(f"{self.path} has no moment {found}: {goes}")
        return found

    def _meant(self, where: Place) -> Where:
        if isinstance(where, str):
            try:
                return parse(where, self.end, self.end)
            except UsageError:
                named = [one.moment for one in self._names() if one.name == where]
                if not named:
                    raise
                return named[0]
        if isinstance(where, int) and not isinstance(where, bool):
            return Moment(where)
        if isinstance(where, tuple) and 1 <= len(where) <= 2 and all(isinstance(n, int) for n in where):
            return Moment(*where)
        found = getattr(where, "moment", None)
        if isinstance(found, Moment):
            return found
        raise UsageError(f"{where!r} is no moment: give a number of instructions, (icount, seq), or text such as '50%'")

    def _names(self) -> list[Any]:
        from playhead.log.snapshots import names

        return names(self.reader)

    def between(self, between: tuple[Place, Place] | None) -> tuple[Moment, Moment]:
        """The two moments of a stretch; None: all of the recording. Raises UsageError if it would go backwards."""
        if between is not None and (not isinstance(between, (tuple, list)) or len(between) != 2):
            raise UsageError(f"a stretch is a pair of moments, such as ('10%', 'end'), not {between!r:.80}")
        first, last = ("start", "end") if between is None else between
        low, high = self.instant(first), self.instant(last)
        if low > high:
            raise UsageError(f"from {low} to {high} would go backwards: give the earlier moment first")
        return low, high

    # addresses

    @property
    def symbols(self) -> SymbolTable:
        """The guest kernel's symbols, as its own memory tells them; another table may be put in its place. Raises
        UnknownKernel where there is no Linux.
        """
        if self._symbols is None:
            from playhead.linux import symbols_of

            self._symbols = symbols_of(self.reader)
        return self._symbols

    @symbols.setter
    def symbols(self, table: SymbolTable) -> None:
        self._symbols = table

    def name_of(self, address: int) -> str:
        """`name` or `name+0x1c`, if symbols have been read already; "" if there is no name."""
        found = self._symbols.name(address) if self._symbols is not None else None
        return "" if found is None else found[0] + (f"+{found[1]:#x}" if found[1] else "")

    def load_symbols(self, path: str | os.PathLike[str], offset: int = 0) -> None:
        """Add the functions of an ELF file (or a list such as System.map) to the symbols, and its line tables for
        `line_of`. `offset`: where the program is loaded, less where its file says. Raises UsageError.
        """
        from playhead.linux.symbol_files import read

        file = os.fspath(path)
        try:
            found = read(file)
        except UsageError as e:
            raise UsageError(str(e).removeprefix("--symbols ")) from None
        moved = (one._replace(address=(one.address + offset) % SPACE) for one in found)
        try:
            known: Iterable[Symbol] = self.symbols
        except UnknownKernel:
            known = ()
        self._symbols = SymbolTable([*known, *moved])
        self._with_lines.append((file, offset))

    def line_of(self, address: int) -> str:
        """The source line of an instruction, as `path:line`, by the files of `load_symbols` that have line tables; ""
        if none knows it. Raises UsageError where pyelftools is not installed.
        """
        from playhead.linux.line_tables import line_at

        return next(filter(None, (line_at(file, address - offset) for file, offset in self._with_lines)), "")

    def address(self, where: Address) -> int:
        """A linear address, or that of a symbol. Raises UsageError or UnknownSymbol."""
        if isinstance(where, str):
            try:
                return self.symbols.address(where)
            except UnknownKernel as e:
                raise UnknownSymbol(f"{where!r}: the guest's symbols are not known: {e}") from None
        if isinstance(where, bool) or not isinstance(where, int):
            raise UsageError(f"{where!r} is no address: give a number or the name of a symbol")
        if not 0 <= where < SPACE:
            raise UsageError(f"{where:#x} is no address: they go from 0 to {SPACE - 1:#x}")
        return where

    def addresses(self, where: Iterable[Code]) -> list[int]:
        """All addresses that are meant, each once, in order."""
        found: dict[int, None] = {}
        for one in where:
            if isinstance(one, range):
                if len(one) > MOST_PLACES:
                    raise UsageError(f"{len(one)} addresses: {MOST_PLACES} at most; on_block tells of all code")
                if len(one):
                    self.address(one[0]), self.address(one[-1])
                found.update(dict.fromkeys(one))
            else:
                found[self.address(one)] = None
        if not found:
            raise UsageError("no address: give a number, the name of a symbol, or a range")
        return list(found)

    def watch(self, where: Watched, kinds: str = "rw", physical: bool = False) -> Watch:
        """What accesses to some bytes are watched for. Raises UsageError."""
        if isinstance(where, Watch):
            return where
        if isinstance(where, tuple):
            where, kinds = where
        if kinds not in KINDS:
            raise UsageError(f"kinds of accesses are r, w or rw, not {kinds!r}")
        if isinstance(where, range):
            if where.step != 1 or not where:
                raise UsageError(f"{where}: a range of bytes has a step of 1, and is not empty")
            start, length = where.start, len(where)
        else:
            start, length = self.address(where), 4 if isinstance(where, str) else 1
        self.address(start)
        if start + length > SPACE:
            raise UsageError(f"{start:#x} and {length} bytes more go beyond the last address")
        return Watch(start, length, KINDS[kinds], physical)

    def watches(self, where: Watched | Iterable[Watched]) -> list[Watch]:
        """One or several of them."""
        many: Any = where if isinstance(where, (list, set, frozenset)) else [where]
        found = [self.watch(one) for one in many]
        if len(found) > MOST_WATCHES:
            raise UsageError(f"{len(found)} watchpoints: {MOST_WATCHES} at most")
        return found

    # machines

    def timeline(self) -> Timeline:
        """A machine of its own on this recording, somewhere in it; `give_back` it."""
        self.check_open()
        if self._idle:
            return self._idle.pop()
        build, serial = builder(self.reader, self.engine, self.images)
        line = Timeline(build, Host(), self.reader, len(serial), budget=POINTS).begin(self._kept)
        if self._kept is None:
            self._kept = line.player.kept
        return line

    def give_back(self, line: Timeline) -> None:
        """Nobody uses this machine any more."""
        if not self._closed and len(self._idle) < IDLE:
            line.forget()
            self._idle.append(line)

    def check_open(self) -> None:
        """Raise UsageError if this recording was closed."""
        if self._closed:
            raise UsageError(f"{self.path} has been closed")

    def close(self) -> None:
        """Its machines go, too: moments of it can be looked at but not moved any more."""
        if self._closed:
            return
        self._closed = True
        self._idle.clear()
        self._kept = None
        self.reader.close()
