"""A recording, opened to be asked: `with playhead.open("boot.ph") as rec`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from html import escape
from typing import Any

from playhead.api import description, live, queries, writes
from playhead.api import sightings as memory
from playhead.api.calls import check_convention
from playhead.api.description import Line, Machine, Recorded, Snapshot
from playhead.api.interrupts import moving
from playhead.api.live import LiveMachine
from playhead.api.moment import Moment
from playhead.api.queries import Call, Execution, Predicate
from playhead.api.replaying import Replay, kinds_of
from playhead.api.rows import Table
from playhead.api.sightings import Sighting
from playhead.api.source import Address, Code, Place, Source, Watched
from playhead.api.writes import Write
from playhead.base.errors import UsageError


def open(path: str | os.PathLike[str], *, engine: str = "native", images: Sequence[dict[str, Any]] = ()) -> Recording:
    """Open a recording. `engine`: native or reference. `images`: where the images of its drives are now, if it was
    made with `embed=off`, as --image takes them. Raises FormatError if it is none, or damaged, and HostError if it
    cannot be read.
    """
    return Recording(os.fspath(path), engine=engine, images=images)


class Recording(Source):
    """A recorded execution. It is only read. Any number of moments and replays may be open at once, for one thread at a
    time.

    Wherever a moment is asked for, a number of instructions will do, a pair (icount, seq), text as every command takes
    it ("50%", "1.5M", "-1000", "@12.5s", 'serial:"login:"', "end"), the name of a snapshot, or anything that has a
    `moment`: a row of an answer, a `Moment`, what a callback is given.
    """

    # what it is

    @property
    def instructions(self) -> int:
        """How many it has."""
        return self.end.icount - self.start.icount

    @property
    def virtual_ns(self) -> int:
        """The guest's time at its end, in nanoseconds since power-on."""
        return self.reader.last_mark()[1]

    @cached_property
    def machine(self) -> Machine:
        """The machine that was recorded."""
        return Machine.of(self)

    @property
    def snapshots(self) -> Table[Snapshot]:
        """Its named moments."""
        return Table(description.named(self), "snapshots")

    def events(self, *kinds: str, between: tuple[Place, Place] | None = None) -> Table[Recorded]:
        """Its events in order: of these kinds, by the names that `playhead log` shows, or all. Raises UsageError."""
        wanted = kinds_of(kinds)
        low, high = self.between(between)
        rows = (Recorded(one.moment, one.event.KIND.name, one.event) for one in self.reader.entries()
                if one.event.KIND.name in wanted and low <= one.moment <= high)  # fmt: skip
        return Table(rows, " ".join(["events", *kinds]))

    def console(self, port: int | str = 0, between: tuple[Place, Place] | None = None) -> bytes:
        """What the guest printed on a serial port, or on "debugcon", without a replay."""
        return description.printed(self, port, between and self.between(between))

    def lines(self, port: int | str = 0, between: tuple[Place, Place] | None = None) -> Table[Line]:
        """The same, line by line with moments."""
        return Table(description.lines(self, port, between and self.between(between)), f"lines of port {port}")

    # going there

    def at(self, where: Place) -> Moment:
        """The machine at a moment. It can be moved from there. Raises UsageError, and NoSuchMoment if the recording
        does not have it.
        """
        found = self.where(where)
        line = self.timeline()
        try:
            with moving(line, "seeking"):
                line.find(found)
        except BaseException:
            self.give_back(line)
            raise
        return Moment(self, line)

    def replay(self, start: Place = "start", end: Place = "end") -> Replay:
        """A replay with callbacks, which `run()` runs. It begins in the nearest checkpoint."""
        return Replay(self, *self.between((start, end)))

    def branch(self, where: Place, out: str | os.PathLike[str], *, ports: int = 1, **options: Any) -> LiveMachine:
        """A live machine of a moment, which is recorded into a new file, as `playhead branch` does. The file has this
        one's past up to there, so it replays alone. `ports` and options are as for `playhead.record`, as far as
        `branch` has them.
        """
        return live.branch(self.path, str(self.instant(where)), out, ports, options)

    # questions

    def writes(self, address: Address, length: int = 4, *, physical: bool = False, newest_first: bool = True,
               between: tuple[Place, Place] | None = None, at: Place | None = None) -> Table[Write]:  # fmt: skip
        """Every write to some bytes, by whom ever: through any mapping, by the page walk, by devices; the last one
        first, or in order. A linear address is looked up in the page tables of the moment `at` (by default the end of
        the stretch; give one at which the process lives). 1 to 1,048,576 bytes. Raises NoMemory, UsageError.

        A write belongs to a stretch if the moment behind it is after its beginning and not after its end.
        """
        low, high = self.between(between)
        where, stretches = writes.places(self, self.address(address), length, physical,
                                         high if at is None else self.instant(at), low, high)  # fmt: skip
        order = writes.backwards if newest_first else writes.forwards
        return Table(order(self, where, stretches), f"writes to {where.address:#x}, {length} bytes")

    def executions(self, *where: Code, between: tuple[Place, Place] | None = None) -> Table[Execution]:
        """Each time that an instruction is executed, by its linear address, symbol, or a range of addresses."""
        addresses = self.addresses(where)
        return Table(queries.executions(self, addresses, *self.between(between)), f"executions of {_said(where)}")

    def calls(self, *where: Code, results: bool = False, convention: str = "auto",
              between: tuple[Place, Place] | None = None) -> Table[Call]:  # fmt: skip
        """Each call of a function, by its address or symbol, in order. `results`: also when it returned, and what it
        gave; then a row comes only when its call and all before it have returned. `convention` is as for
        `Replay.on_call`.
        """
        addresses = self.addresses(where)
        check_convention(convention)
        rows = queries.calls(self, addresses, *self.between(between), results=results, convention=convention)
        return Table(rows, f"calls of {_said(where)}")

    def find(self, data: bytes, between: tuple[Place, Place] | None = None) -> Table[Sighting]:
        """Each place in RAM, by its physical address, and moment at which a string of 1 to 4096 bytes comes to stand,
        in order: right behind the instruction, or the write of a bus master, that completes it, however soon it
        vanishes. What stands there already at the beginning of the stretch is not among them. Raises UsageError.

        The replay runs without compiled code, and stores leave its fast path, so it takes several times as long.
        """
        data = memory.sought(data)
        rows = memory.sightings(self, data, *self.between(between))
        return Table(rows, f"sightings of {data!r:.60}")

    def first(self, holds: Predicate, between: tuple[Place, Place] | None = None, *, every: int = 1,
              at: Code | None = None, written: Watched | None = None, physical: bool = False,
              monotonic: bool = False) -> Moment | None:  # fmt: skip
        """The first moment in a stretch, its ends included, at which `holds(machine)` is true; None if there is none.

        By default that is what it says: `holds` is asked at the beginning, and after each instruction and each delivery
        (some 20,000 steps a second). Four options say where it can be true, and make that quick:

        - `every=N`: asked at the beginning, at each N-th instruction since power-on, and at the end; the answer is the
          first of these.
        - `at=`: only in front of the instruction at an address or symbol, or in a range of addresses.
        - `written=`: it depends on certain bytes only, so it is asked at the beginning and behind each write to them
          (an address, a symbol or a range; `physical` addresses if so said).
        - `monotonic=True`: once true it stays true. Found by halving: some 35 seeks. If that is not so, the answer is a
          moment at which it holds and did not a step before, but maybe not the first.
        """
        low, high = self.between(between)
        if (every != 1) + (at is not None) + (written is not None) + monotonic > 1:
            raise UsageError("one of every=, at=, written= and monotonic= at most")
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise UsageError(f"every= is a number of instructions, at least 1, not {every!r}")
        if monotonic:
            found = queries.first_bisected(self, holds, low, high)
        elif at is not None:
            found = queries.first_stop(self, holds, low, high, self.addresses([at]), [])
        elif written is not None:
            found = queries.first_stop(self, holds, low, high, [], [self.watch(written, "w", physical)])
        else:
            found = queries.first_step(self, holds, low, high, every)
        return None if found is None else self.at(found)

    # its life

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Recording {self.path}: {self.instructions:,} instructions>"

    def _repr_html_(self) -> str:
        facts = {
            "recording": self.path, "instructions": f"{self.instructions:,}",
            "virtual time": f"{self.virtual_ns / 1e9:.3f} s", **self.machine._cells(),
        }  # fmt: skip
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in facts.items())
        return f"<table>{rows}</table>"


def _said(where: Sequence[Code]) -> str:
    return ", ".join(one if isinstance(one, str) else f"{one:#x}" if isinstance(one, int) else
                     f"{one.start:#x} to {one[-1]:#x}" for one in where)  # fmt: skip
