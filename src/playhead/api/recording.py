"""A recording, opened to be asked: `with playhead.open("boot.ph") as rec`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from html import escape
from typing import Any

from playhead.api import description
from playhead.api.description import Line, Machine, Recorded, Snapshot
from playhead.api.interrupts import moving
from playhead.api.moment import Moment
from playhead.api.replaying import Replay, kinds_of
from playhead.api.rows import Table
from playhead.api.source import Place, Source


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
