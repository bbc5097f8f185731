"""Branch: a live recording that starts in the middle of another recording, whose earlier part is copied.

So a branch replays from power-on without its parent. Input from the branching point on comes from this session's own
host devices, and the host's clock shows the current date.
"""

from typing import cast

from playhead.host.host import Host
from playhead.log.events import Event
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.writer import Writer
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.part import Last, copy
from playhead.session.record import RecordSession
from playhead.session.run import Build
from playhead.session.track import Point


class BranchSession(RecordSession):
    """`point` is the parent's state at the branching moment, before any event of that moment."""

    def __init__(self, build: Build, host: Host, options: Options, writer: Writer, reader: Reader, point: Point,
                 virtual_ns: int, known: dict[int, bytes]):  # fmt: skip
        """`known`: the pages as the parent's last checkpoint before has them, or those of a new machine."""
        super().__init__(build, host, options, writer)
        self._reader, self._point, self._virtual_ns, self._known = reader, point, virtual_ns, known
        self._lives = False

    def _start(self) -> None:
        point, reader = self._point, self._reader
        self._parts = list(self.machine.digest_parts())
        last = Last(point.moment, self._virtual_ns, point.last_event, None)
        self._copy(last)
        known = reader.disks.each(0, reader.last().last_content)
        self._blocks = {key for id, row in known if id <= self.writer.last_content for key in row}
        self._keep_blocks()
        self._put()
        period = reader.digest_period
        self._boundary = (point.moment.icount // period + 1) * period
        self.trace_if(bool(reader.meta["session"].get("trace_events")))
        self.sources.restored()
        self._count_from_here()
        self._lives = True

    def _copy(self, last: Last) -> None:
        """Copy the parent's past. That may take a while, so it is announced, with its progress."""
        host, reader, whole = self.host, self._reader, max(last.moment.icount, 1)
        host.message(f"copying {reader.path} up to {last.moment} into {self.writer.path}")

        def tell(moment: Moment) -> None:
            if host.quit_cause():
                host.status.clear()
                raise KeyboardInterrupt
            if host.status.enabled:
                done = min(moment.icount, whole)
                host.status.show(
                    f"copying {done * 100 // whole:3d} %  {done / 1e6:.0f} of {whole / 1e6:.0f} M instructions"
                )

        parent = {"at": list(last.moment), "file": self.options.meta["parent_file"]}
        copy(reader, self.writer, None, last, parent, tell=tell)
        host.status.clear()
        host.message(f"going on from {last.moment} of {reader.path}, live")

    def _put(self) -> None:
        """Restore the parent's state; pages that the copied checkpoints hold need not be saved again."""
        machine = cast(Machine, self.machine)
        self._check_media(self._point.parts)
        checkpoint.restore(machine, self._point.parts, self._point.pages)
        machine.requests.stop = self._point.rest[3]
        self.snapshots.written(checkpoint.written_pages(machine))
        for page, content in self._point.pages.items():
            if self._known.get(page, checkpoint.unwritten(page)) != content:
                checkpoint.note_written(machine, page)
        assert self._moment() == self._point.moment

    def _log(self, event: Event) -> None:
        if self._lives:  # making the machine reads the clock, but that was in the parent's past
            super()._log(event)
