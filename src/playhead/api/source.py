"""What moments, replays and queries of a recording start from: its reader, its length, its machines."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

from playhead.base.errors import NoSuchMoment, UsageError
from playhead.cli.recorded_machine import builder
from playhead.host.host import Host
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader
from playhead.timeline.moments import AtOutput, AtTime, Relative, Where, parse, printed_at
from playhead.timeline.timeline import Timeline


class HasMoment(Protocol):
    @property
    def moment(self) -> Moment: ...


Place = str | int | Moment | HasMoment  # what stands for a moment wherever one is asked for


class Source:
    """An open recording. It is only read; any number of machines may run on it."""

    def __init__(self, path: str, *, engine: str = "native", images: Sequence[dict[str, Any]] = ()):
        self.path, self.engine, self.images = str(path), engine, tuple(images)
        self.reader = Reader(self.path)
        self._closed = False

    @cached_property
    def start(self) -> Moment:
        """Its first moment: power-on, unless it is a part."""
        return self.reader.start.moment if self.reader.start else START

    @property
    def end(self) -> Moment:
        return self.reader.last().moment

    def instant(self, where: Place) -> Moment:
        """The moment that is meant, as (icount, seq): a number of instructions, a moment, or what every verb takes
        ("50%", "1.5M", "-1000", "@12.5s", 'serial:"login:"', "end"). Raises UsageError, and NoSuchMoment if it is not
        in the recording.
        """
        found = self.where(where)
        return self.timeline().find(found).moment if isinstance(found, AtTime) else found

    def where(self, where: Place) -> Moment | AtTime:
        """The same, but for a time, which only a replay can find."""
        if where == "start":
            return self.start
        found: Where
        if isinstance(where, str):
            found = parse(where, self.end, self.end)
        elif isinstance(where, int):
            found = Moment(where)
        else:
            found = Moment(*where) if isinstance(where, tuple) else where.moment
        if isinstance(found, AtTime):
            return found
        if isinstance(found, AtOutput):
            return printed_at(self.reader, found)
        assert not isinstance(found, Relative)
        if not self.start <= found <= self.end:
            goes = f"it goes from instruction {self.start} to {self.end}"
            raise NoSuchMoment(f"{self.path} has no moment {found}: {goes}")
        return found

    def timeline(self) -> Timeline:
        """A machine of its own on this recording, at its start."""
        if self._closed:
            raise UsageError(f"{self.path} has been closed")
        build, serial = builder(self.reader, self.engine, self.images)
        return Timeline(build, Host(), self.reader, len(serial)).begin()

    def close(self) -> None:
        self._closed = True
        self.reader.close()
