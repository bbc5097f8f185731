"""A recording, opened to be asked: `with playhead.open("boot.ph") as rec`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from playhead.api.moment import Moment
from playhead.api.replaying import Replay
from playhead.api.source import Place, Source
from playhead.base.errors import UsageError
from playhead.log.events import Entry


def open(path: str, *, engine: str = "native", images: Sequence[dict[str, Any]] = ()) -> Recording:
    """Open a recording. `engine`: native or reference. `images`: where the images of its drives are now, if it was
    made with `embed=off`, as --image takes them. Raises FormatError if it is none, or damaged.
    """
    return Recording(path, engine=engine, images=images)


class Recording(Source):
    """A recorded execution. It is only read; any number of moments and replays may be open at once."""

    @property
    def instructions(self) -> int:
        return self.end.icount - self.start.icount

    def events(self, kind: str | None = None) -> Iterator[Entry]:
        """Its events in order, or those of one kind by its name (`playhead log` shows the names)."""
        return (entry for entry in self.reader.entries() if kind is None or entry.event.KIND.name == kind)

    def at(self, where: Place) -> Moment:
        """The machine at a moment. It can be moved from there, and is closed with the recording."""
        found = self.where(where)
        line = self.timeline()
        line.find(found)
        return Moment(self, line)

    def replay(self, start: Place = "start", end: Place = "end") -> Replay:
        """A replay with callbacks, which `run()` runs."""
        first, last = self.instant(start), self.instant(end)
        if first > last:
            raise UsageError(f"a replay from {first} to {last} would go backwards")
        return Replay(self, first, last)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Recording {self.path}: {self.instructions:,} instructions>"
