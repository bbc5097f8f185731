"""Named states of a running machine (`savevm`), and how one is restored (`loadvm`) without the moment going back.

A `loadvm` is an input like any other, which gives the machine the state of an earlier moment; the moment itself never
goes back. A live session keeps these states in memory, a replay finds them among the checkpoints of its recording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, cast

from playhead.base.errors import FormatError, UsageError
from playhead.log.events import SnapshotLoaded
from playhead.log.moment import Moment
from playhead.log.snapshot_names import MOST, check_name
from playhead.machine import checkpoint
from playhead.machine.checkpoint import unwritten
from playhead.machine.machine import Machine
from playhead.session.target import Door, MachineLike, closed_door

if TYPE_CHECKING:
    from playhead.log.checkpoints import Checkpoint
    from playhead.log.reader import Reader

RECORDING_ONLY = "kept in the recording only"  # where an image could have had it, too


class Saved(NamedTuple):
    """A state with a name. `pages` are all that had ever been written by then; any other is `unwritten`."""

    name: str
    moment: Moment
    virtual_ns: int
    created: str  # a date in UTC
    parts: dict[str, bytes]
    pages: dict[int, bytes]


class Kept(NamedTuple):
    """One that is in a qcow2 image (`host.vm_images`)."""

    name: str
    moment: Moment
    virtual_ns: int
    created: str
    path: str  # of the image


class Snapshots:
    """The named states of one live machine. Other callers of `written_pages` pass its result to `written`."""

    def __init__(self) -> None:
        self._saved: dict[str, Saved] = {}
        self._ever: set[int] = set()  # pages that were written and are not reported as such any more

    def written(self, pages: Iterable[int]) -> None:
        self._ever.update(pages)

    def _written(self, machine: Machine) -> set[int]:
        return self._ever.union(checkpoint.unsaved_pages(machine))

    def check(self, machine: object, name: str) -> None:
        """Raise if a state of this machine cannot be kept under this name."""
        check_name(name)
        if not isinstance(machine, Machine):
            raise UsageError("this machine has no snapshots")
        if len(self._saved) >= MOST and name not in self._saved:
            raise UsageError(f"there are {MOST} snapshots, which is the most")

    def keep(self, machine: Machine, name: str, created: str) -> Saved:
        """Keep the current state. A name that is in use moves to it."""
        there = [one.pages for one in self._saved.values()]
        pages = {page: _shared(page, checkpoint.page_of(machine, page), there) for page in self._written(machine)}
        moment = Moment(machine.icount, machine.seq)
        saved = Saved(name, moment, machine.now_ns(), created, checkpoint.save_parts(machine), pages)
        self._saved.pop(name, None)
        self._saved[name] = saved
        return saved

    def __contains__(self, name: str) -> bool:
        return name in self._saved

    def named(self, name: str) -> Saved:
        if name not in self._saved:
            raise UsageError(f"no snapshot '{name}'; there is {', '.join(self._saved) or 'none'}")
        return self._saved[name]

    def all(self) -> list[Saved]:
        """In the order of their moments."""
        return sorted(self._saved.values(), key=lambda one: one.moment)

    def forget(self, name: str) -> None:
        del self._saved[self.named(name).name]

    def load(self, machine: Machine, saved: Saved) -> None:
        """Give the machine that state; its moment stays."""
        changed = {*saved.pages, *self._written(machine)}
        goal = {page: saved.pages[page] if page in saved.pages else unwritten(page) for page in sorted(changed)}
        put = {page: content for page, content in goal.items() if checkpoint.page_of(machine, page) != content}
        checkpoint.restore_here(machine, saved.parts, put)


def _shared(page: int, content: bytes, there: list[dict[int, bytes]]) -> bytes:
    """The content itself, or the same that is in memory already."""
    return next((pages[page] for pages in reversed(there) if pages.get(page) == content), content)


class Recorded:
    """The states of a recording's checkpoints, for a replay that comes to a `loadvm`."""

    def __init__(self, reader: Reader, build: Callable[[Door], MachineLike], ports: int):
        self._reader, self._build, self._ports = reader, build, ports
        self._fresh: Machine | None = None  # a new one, for pages that no checkpoint has

    def put_back(self, machine: Machine, moment: Moment) -> None:
        """Give a machine the state of the checkpoint of that moment; its own moment stays."""
        from playhead.machine.differences import differing_pages  # here: few recordings have a loadvm

        kept, hashes = self._checkpoint(moment)
        contents = self._reader.pages(set(hashes.values()))
        if self._fresh is None:
            self._fresh = cast(Machine, self._build(closed_door(self._ports)))
        fresh = self._fresh
        goal = {page: checkpoint.page_of(fresh, page) for page in differing_pages(fresh, machine)}
        goal |= {page: contents[hash] for page, hash in hashes.items()}
        put = {page: content for page, content in goal.items() if checkpoint.page_of(machine, page) != content}
        checkpoint.restore_here(machine, self._reader.checkpoint_parts(kept), put)

    def _checkpoint(self, moment: Moment) -> tuple[Checkpoint, dict[int, bytes]]:
        """And the hashes of all pages that were written up to there."""
        hashes: dict[int, bytes] = {}
        upto = [kept for kept in self._reader.checkpoints() if kept.moment <= moment]
        for kept in upto:
            hashes.update(self._reader.checkpoint_pages(kept))
        if upto and upto[-1].moment == moment:  # the last one of that moment: `savevm` made it, behind its events
            return upto[-1], hashes
        raise FormatError(
            f"{self._reader.path} is damaged: it has no checkpoint of {moment}, to which a loadvm goes back"
        )


def check_part(reader: Reader, begin: Moment, last: Moment) -> None:
    """Raise if a part of a recording would contain a `loadvm` of a snapshot that is outside of it."""
    if SnapshotLoaded.KIND.tag not in reader.count_events():
        return
    for entry in reader.entries():
        if isinstance(entry.event, SnapshotLoaded) and begin <= entry.moment <= last:
            of = Moment(entry.event.icount, entry.event.seq)
            if of < begin:
                raise UsageError(
                    f"at {entry.moment} a loadvm goes back to the state of {of}, which a part from {begin} on does not "
                    f"have: let it begin at {of} or before, or behind {entry.moment}"
                )
