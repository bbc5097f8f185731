"""A replay that can be put at any moment: by the recording's checkpoints, by points kept in memory, and by running on.

What a moment means here is the same by whichever way it is reached: everything before it has happened, and nothing of
what enters at it (events of the recording) has.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from playhead.log.checkpoints import Checkpoint
from playhead.log.digests import Digest, digest_of
from playhead.log.events import ClockVirtualRt, Entry
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.session.outcome import Outcome
from playhead.session.run import Build
from playhead.session.target import End, StopLike
from playhead.session.track import Point, Track


def _complete_from(reader: Reader) -> Moment | None:
    """From where on checkpoints list all pages that were written: behind the moment at which a branch begins. None:
    nowhere for certain, as in a part, which does not say of what it is a part.
    """
    parent = reader.meta.get("parent")
    at = parent.get("at") if isinstance(parent, dict) else None
    if parent is None:
        return Moment(-1)
    if isinstance(at, list) and len(at) == 2 and all(isinstance(n, int) for n in at):
        return Moment(*at)
    return None


class Kept(NamedTuple):
    """What all players of one recording may have in common: the first point, pages by checkpoint, pages by hash."""

    start: Point
    deltas: dict[int, dict[int, bytes]]
    contents: dict[bytes, bytes]


class Ear:
    """A character device's far end: nothing, or what `Player.output` says."""

    def __init__(self, player: "Player", name: str):
        self._player, self._name = player, name

    def write(self, data: bytes) -> None:
        end = self._player.output.get(self._name)
        if end is not None:
            end.write(data)


class Player(Track):
    """One machine on the recording's inputs. `met` is the stop of a breakpoint or watchpoint, until it is taken."""

    def __init__(self, build: Build, host: Any, ports: int, reader: Reader, watch: Callable[[Track], None]):
        super().__init__(build, host, ports, reader, watch)
        self.options.digests = False
        self.met: StopLike | None = None
        self.output: Mapping[str, End] = {}  # where output goes, if anywhere, by the name of the device
        self.host.ends.update({name: Ear(self, name) for name in self.host.ends})  # type: ignore[misc]
        self.pace: Callable[[int], None] = lambda until_ns: None  # called before a halted processor's time moves on
        self._entered: Moment | None = None  # when the last event entered
        self._deltas: dict[int, dict[int, bytes]] = {}  # by checkpoint: hashes of the pages that it brings
        self._contents: dict[bytes, bytes] = {}  # pages of the recording's checkpoints that were asked for, by hash

    def begin(self) -> "Player":
        super().begin()
        if self.failure is not None:
            raise self.failure
        self.start = self.point()
        self.end = self.reader.last().moment
        self.stored = [c for c in self.reader.checkpoints() if c.moment > self.start.moment]
        self._complete_from = _complete_from(self.reader)
        # one that was taken after events of its moment is not the state that `to` leaves there
        self.proper = [c for c in self.stored if self.reader.event_moment(c.last_event) != c.moment]
        return self

    @property
    def kept(self) -> Kept:
        """For other players of this recording."""
        return Kept(self.start, self._deltas, self._contents)

    def share(self, kept: Kept) -> None:
        """Right after `begin`: hold the same copies of pages as others do."""
        self._deltas, self._contents = kept.deltas, kept.contents
        if (self.start.parts, self.start.pages) == (kept.start.parts, kept.start.pages):
            self.start = self._base = kept.start
            self._pages = dict(kept.start.pages)

    def to(self, moment: Moment, *, compare: bool = False) -> bool:
        """Run up to a moment, or to the first breakpoint or watchpoint on the way: then it is in `met`. Raises if the
        replay diverges from its recording.
        """
        self._until = moment
        while not self.over and self.met is None and self._moment() < moment:
            self._turn()
        return self.met is None

    def turn(self, limit: Moment) -> None:
        """A piece of the way to a moment: to what enters next, or as far as the CPU runs or sleeps in one go."""
        self._until = limit
        self._turn()

    def _go(self, target: Moment) -> None:
        before = self._moment()
        super()._go(target)
        if self._moment() == before:
            self._entered = before  # a halted CPU's time was moved on

    def _sleep(self, until_ns: int) -> None:
        self.pace(until_ns)
        super()._sleep(until_ns)

    def _deliver(self, entry: Entry) -> None:
        if isinstance(entry.event, ClockVirtualRt):
            self.pace(entry.event.ns)
        super()._deliver(entry)

    def _met(self, stop: StopLike) -> None:
        self.met = stop

    def _take(self) -> None:
        """Nobody asks afterwards which events there were."""
        self._entered = self._moment()
        self._script.take()
        self._events += 1

    def hear(self, output: Mapping[str, End]) -> None:
        """From now on the guest's output goes there, and is compared: until the machine is put elsewhere."""
        self.output = output
        self.compare_from_here()

    def mute(self) -> None:
        """The end of that."""
        if self._console is not None:
            self._script.load(self._moment().icount)
            self._compare_console(all=False)
        self.output, self.options.digests = {}, False
        self._console = self._script.on_output = None

    @property
    def heard(self) -> bool:
        return self._console is not None

    def conclude(self) -> Outcome:
        """Behind the last moment: take the recording's end, too, which has a digest and a cause."""
        self._until = Moment(self.end.icount + 1)
        while self._outcome is None:
            self._turn()
        return self._outcome

    def compare_from_here(self) -> None:
        """From now on digests and the console are compared, as in a plain replay: `compared` counts digests."""
        self.options.digests = True
        self._check_console(self._moment())
        self._script.seek(self._script.last_event, self._moment(), self._boundary)

    def compared_to_here(self) -> None:
        """The end of that: what was printed since the last digest, too."""
        self._script.load(self._moment().icount)
        self._compare_console(all=True)

    @property
    def compared(self) -> int:
        return self._digests

    @property
    def something_entered_here(self) -> bool:
        """Whether the machine has taken an event of just this moment, or time has moved on in it, so that it is not as
        `to` would leave it.
        """
        return self._entered == self._moment()

    def digest(self) -> Digest:
        return digest_of(self.machine.digest_parts())

    # -- putting it somewhere

    def back(self, p: Point) -> "Player":
        self.mute()
        super().back(p)
        self.met = self._entered = None
        self.machine.debug.tell_nothing_here()
        return self

    def load(self, checkpoint: Checkpoint) -> Point:
        """A checkpoint of the recording as a point."""
        hashes: dict[int, bytes] = {}
        for earlier in self.stored:
            if earlier.id not in self._deltas:
                self._deltas[earlier.id] = self.reader.checkpoint_pages(earlier)
            hashes.update(self._deltas[earlier.id])
            if earlier.id == checkpoint.id:
                break
        missing = {h for h in hashes.values() if h not in self._contents}
        if missing:
            self._contents.update(self.reader.pages(sorted(missing)))
        pages = dict(self.start.pages)
        pages.update((page, self._contents[h]) for page, h in hashes.items())
        period, icount = self.reader.digest_period, checkpoint.moment.icount
        boundary = -(-icount // period) * period
        rest: tuple[Any, ...] = (None, {}, None, None, None, [])
        parts = self.reader.checkpoint_parts(checkpoint)
        return Point(checkpoint.moment, parts, pages, checkpoint.last_event, boundary, None, rest)

    def may_have_written(self, n: int, pages: Collection[int]) -> bool:
        """False if the recording knows that none of these pages of the backing area was written between the n-th
        proper checkpoint (0: the start) and the next one. Checkpoints list all pages that were written since the one
        before, but for the stretch in which a branch begins, which lists only those that have changed.
        """
        low = self.proper[n - 1].moment if n else self.start.moment
        if n == len(self.proper) or self._complete_from is None or low < self._complete_from:
            return True
        first = bisect_right(self.stored, self.proper[n - 1].id, key=lambda c: c.id) if n else 0
        behind = bisect_right(self.stored, self.proper[n].id, key=lambda c: c.id)
        for c in self.stored[first:behind]:
            written = self._deltas.get(c.id) or self.reader.checkpoint_pages(c)
            if any(page in written for page in pages):
                return True
        return False
