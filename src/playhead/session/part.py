"""Cuts a part out of a recording, as a recording of its own that begins at a checkpoint and ends at a chosen moment.

The recording is replayed to both ends, compared with its digests on the way; what is between is copied. So a part that
was made is right, and its last digest is of a run, not of a file. The replay begins at the last checkpoint in front of
the part whose state has a digest to be compared with; everything before that can be replayed too, as a whole check.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from playhead.base.errors import DivergenceError, FormatError, UnsupportedError, UsageError
from playhead.host.host import Host
from playhead.log.causes import cause_number
from playhead.log.checkpoints import Checkpoint as CheckpointRow
from playhead.log.digests import digest_of
from playhead.log.events import End, Entry
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader
from playhead.log.snapshots import names
from playhead.log.start import Start
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.part_blocks import copy_blocks, give
from playhead.session.replay import ReplaySession
from playhead.session.run import Build
from playhead.session.snapshots import check_part
from playhead.session.start import pages_of_its_own, pages_upto, restored

MS = 1_000_000


@dataclass
class Edge:
    """Where a part begins or ends: events with greater ids come behind it."""

    moment: Moment
    virtual_ns: int
    last_event: int


@dataclass
class First(Edge):
    """And the whole state there; `pages` are all that differ from those of a machine that has just been made."""

    root: bytes
    parts: dict[str, bytes]
    pages: dict[int, bytes]


@dataclass
class Last(Edge):
    """And the event that ends it, if the recording's own does not."""

    end: End | None


class PartSession(ReplaySession):
    """Replays a recording from one end of the part to the other. `run_to` first, then `first`; `run_to`, `last`."""

    def __init__(self, build: Build, host: Host, reader: Reader):
        super().__init__(build, host, reader)
        self._until: Moment | None = None
        self._taken = 0  # id of the last event that happened
        self._begins: Moment | None = None
        self.blocks: set[int] = set()  # of disks, by key: what the guest met of them in the part

    def begin(self, near: Moment | None = None, end: Moment | None = None) -> None:
        """Have a machine. `near`: not in the recording's beginning, but at a checkpoint that lies not behind this
        moment. `end`: where the part ends, for people.
        """
        self._begin()
        kept = None if near is None else self._checkpoint(near)
        if kept is not None:
            self._jump(kept)
        if end is not None:
            self._show_progress(end.icount)
        storage = getattr(self.machine, "storage", None)
        if storage is not None:
            storage.entered = lambda key, content: self.blocks.add(key)

    def _checkpoint(self, near: Moment) -> CheckpointRow | None:
        """The last checkpoint up to a moment that was taken right after a digest, before any event of its moment."""
        reader, period = self.reader, self.reader.digest_period
        for kept in reversed([c for c in reader.checkpoints() if c.moment <= near]):
            at = kept.moment
            if not at.seq and not at.icount % period and reader.event_moment(kept.last_event) != at:
                return kept
        return None

    def _jump(self, kept: CheckpointRow) -> None:
        """Continue from a checkpoint, whose state must have the recorded digest of its moment."""
        parts, pages = self.reader.checkpoint_parts(kept), pages_upto(self.reader, kept)
        at = kept.moment
        fits = restored(cast(Machine, self.machine), parts, pages) and self._moment() == at
        self._boundary, self._first, self._taken = at.icount, at.icount, kept.last_event
        self._check_console(at)
        self._script.seek(kept.last_event, at, at.icount)
        try:
            if fits:
                self._compare()
        except DivergenceError:
            fits = False
        if not fits or self._equal_at != at.icount:
            raise FormatError(f"{self.reader.path} is damaged: checkpoint {kept.id} is not the state of {at}; "
                              "trim --verify begins at the recording's start")  # fmt: skip

    def run_to(self, moment: Moment | None) -> None:
        """Run up to a moment, before any event of that moment, or to the end."""
        self._until = moment
        while self._outcome is None and (moment is None or self._moment() < moment):
            self._turn()
        self.host.status.clear()
        if self.host.quit_cause():
            raise KeyboardInterrupt
        if moment is not None and self._moment() < moment:
            raise UsageError(f"{self.reader.path} ends at {self._moment()}, before {moment}")

    def _go(self, target: Moment) -> None:
        super()._go(target if self._until is None else min(target, self._until))

    def _missed(self, target: Moment) -> None:
        if target != self._until:  # otherwise nothing happens at that moment, and the run stopped after it
            super()._missed(target)

    def _take(self) -> None:
        entry = self._script.next()
        assert entry is not None
        self._taken = entry.id
        super()._take()

    def first(self) -> First:
        """The state of now; of a little later, if the guest has just asked for a reset, which is no state."""
        m = cast(Machine, self.machine)
        while (taken := m.take_checkpoint()) is None or self._guest_stop is not None:
            if self._outcome is not None:
                raise UsageError(f"{self.reader.path} ends at {self._moment()}: there is nothing behind that")
            self.run_to(Moment(m.icount, m.seq + 1))
        pages = pages_of_its_own(m, self._build, self._ports)
        root = digest_of(m.digest_parts()).root
        self._begins = self._moment()
        self.blocks.clear()
        return First(self._begins, m.now_ns(), self._taken, root, taken[0], pages)

    def _load_snapshot(self, moment: Moment) -> None:
        if self._begins is not None and moment < self._begins:
            raise UnsupportedError(
                f"at {self._moment()} the recording goes back to the state of {moment} (loadvm): a part that has this "
                f"in it must begin there or before, not at {self._begins}"
            )
        super()._load_snapshot(moment)

    def last(self) -> Last:
        m = self.machine
        if self._outcome is not None and self._outcome.complete:
            return Last(self._moment(), m.now_ns(), self._taken, None)
        digest = digest_of(m.digest_parts())
        end = End(cause=cause_number("end-of-part"), root=bytearray(digest.root), checks=bytearray(digest.checks))
        return Last(self._moment(), m.now_ns(), self._taken, end)


Tell = Callable[[Moment], None]


def _quietly(moment: Moment) -> None:
    """Nobody wants to know how far the copy is."""


def copy(reader: Reader, writer: Writer, first: First | None, last: Last, parent: dict[str, Any] | None = None,
         blocks: set[int] | None = None, tell: Tell = _quietly) -> None:  # fmt: skip
    """Write the part between two ends; `first` None: from the recording's own beginning. `parent`: what is to be said
    of the recording that this comes from, besides its hash. `blocks`: the blocks of disks that it needs; None: all that
    are met up to its end. `tell` is told on the way where it is.
    """
    start = None if first is None else Start(first.moment, first.virtual_ns, first.root)
    begin = START if start is None else start.moment
    check_part(reader, begin, last.moment)
    marks = reader.marks()
    chain_end = marks[-1][2] if marks else reader.beginning
    parent = parent or {"from": list(begin), "to": list(last.moment)}
    meta = {**reader.meta, "parent": {"hash": chain_end.hex(), **parent}}
    if start is not None:
        meta["start"] = start.as_json()
    writer.begin(meta, (reader.blob(key) for _, key in reader.references()))
    if first is not None:
        writer.checkpoint(first.moment, first.virtual_ns, first.parts, first.pages)
        writer.flush(first.moment, first.virtual_ns, 0, wait=True)
    if blocks:
        copy_blocks(reader, writer, blocks, begin, 0 if first is None else first.virtual_ns)
    for snapshot in names(reader):
        if begin <= snapshot.moment <= last.moment:
            writer.snapshot(snapshot)
    _Copier(reader, writer, begin, 0 if first is None else first.last_event, last, start, blocks is None).run(tell)
    writer.hot_blocks(reader.hot_blocks())


class _Copier:
    """Events, digests and checkpoints between two ends, batch by batch; blocks of disks, too, `with_blocks`."""

    def __init__(self, reader: Reader, writer: Writer, begin: Moment, after: int, last: Last, start: Start | None,
                 with_blocks: bool):  # fmt: skip
        self._with_blocks = with_blocks
        self._begin = begin if start else Moment(-1)
        self._reader, self._writer, self._after, self._last = reader, writer, after, last
        self._seen = after  # the last event that is before what comes
        self._digest = 0 if start is None else start.first_digest(reader.digest_period)
        edges = (begin, after if start else -1), (last.moment, last.last_event)
        self._kept = [c for c in reader.checkpoints() if edges[0] < c.place <= edges[1]]
        self._at = reader.batch_at(begin)

    def run(self, tell: Tell) -> None:
        wall_ms, last = 0, self._last
        while (batch := self._reader.load_batch(self._at)) is not None:
            self._at += 1
            wall_ms = batch.wall_ms
            tell(batch.moment)
            for icount, digest in batch.digests:
                if self._digest <= icount <= last.moment.icount:
                    self._writer.digest(icount, digest)
            for printed in batch.printed:
                some = printed.between(self._begin, last.moment)
                self._writer.printed(some.port, some.text, some.moments)
            if self._with_blocks:
                give(self._reader, self._writer, batch.contents)
            for entry in batch.entries:
                self._event(entry)
            if batch.moment >= last.moment and self._seen >= last.last_event:
                break
            self._checkpoints(batch.moment)
            self._writer.flush(batch.moment, batch.virtual_ns, batch.wall_ms, wait=True)
        self._checkpoints(last.moment)
        if last.end is not None:
            self._writer.event(last.moment, last.end)
        self._writer.flush(last.moment, last.virtual_ns, wall_ms, wait=True)

    def _event(self, entry: Entry) -> None:
        if self._after < entry.id <= self._last.last_event:
            while self._kept and self._kept[0].last_event < entry.id:
                self._checkpoint(self._kept.pop(0))
            self._writer.event(entry.moment, entry.event, entry.cpu)
            self._seen = entry.id

    def _checkpoints(self, moment: Moment) -> None:
        while self._kept and self._kept[0].place <= (moment, self._seen):
            self._checkpoint(self._kept.pop(0))

    def _checkpoint(self, kept: CheckpointRow) -> None:
        hashes = self._reader.checkpoint_pages(kept)
        contents = self._reader.pages(hashes.values())
        pages = {page: contents[hash] for page, hash in hashes.items()}
        self._writer.checkpoint(kept.moment, kept.virtual_ns, self._reader.checkpoint_parts(kept), pages)
