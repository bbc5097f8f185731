"""Recording session: a live session that logs each event with its moment, takes digests at regular distances, and
checkpoints of the whole state now and then, so that a replay can begin close to any moment.

Checkpoints are spaced by what a reader has to run from one to the next, who may have nothing but the interpreter:
instructions at its rate, however fast they were compiled here, and what is slower than that (devices, floating point,
cold code) by the time that it took here. The more pages one has, the further it is from the last, so that it costs no
more than a bounded share. The guest cannot tell: taking one changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from playhead.host.host import Host
from playhead.log.causes import cause_number
from playhead.log.digests import Digest, digest_of
from playhead.log.events import TRACED, End, Event
from playhead.log.moment import Moment
from playhead.log.snapshots import Snapshot
from playhead.log.start import Start
from playhead.log.writer import Writer
from playhead.machine.machine import Machine
from playhead.session.outcome import Options
from playhead.session.run import HOUSEKEEPING_NS, MS, Build, RunSession
from playhead.session.snapshots import Saved
from playhead.session.start import pages_of_its_own
from playhead.session.target import StopLike, has_network, serial_ports

FLUSH_NS = 250 * MS  # with the watcher's 100 ms and one look, nothing stays unsafe for half a second


class RecordSession(RunSession):
    """Like `RunSession`. The recording is complete when `run()` returns; if it raises, valid up to the last flush."""

    NEAREST_NS = 250 * MS  # of a replay's time between two checkpoints; a halted processor's costs nothing
    PAGE_NS = 150_000  # and for each page that one has: about ten times what it costs to take, pack and store it
    FARTHEST_NS = 2000 * MS  # and not more, even of a guest that writes all of its memory again and again
    INSTRUCTION_PS = 1500  # of the interpreter, in most guests

    def __init__(self, build: Build, host: Host, options: Options, writer: Writer):
        super().__init__(build, host, options)
        self.writer = writer
        self._boundary = 0  # where the next digest is due
        self._networked = has_network(host.ends)
        self._noted: list[int] = []  # where digests are noted that were not logged yet
        self._flush_at = 0
        self._parts: list[str] = []
        self._events = self._digests = 0
        self._blocks: set[int] = set()  # of disks, by key: those that the recording knows
        self._replay_ns = 0  # what replaying takes from the last one to the last digest
        self._worked_ns = self._counted = 0  # at the last digest: processor time of this thread, instructions
        self._last_checkpoint: tuple[Moment, int] | None = None  # where, and behind how many events

    def _start(self) -> None:
        self._keep_blocks()
        self._parts = list(self.machine.digest_parts())
        period = self.options.digest_period
        session = {"no_reboot": self.options.no_reboot, "sleep": self._sleep}
        if self.options.trace_events:
            session["trace_events"] = True
        self.trace_if(self.options.trace_events)
        meta = {"parts": self._parts, "digest_period": period, "session": session, **self.options.meta}
        if self.options.begin is not None:
            start = Start(self._moment(), self.machine.now_ns(), self._digest().root)
            meta["start"] = start.as_json()
            self._boundary = start.first_digest(period)
        self.writer.begin(meta, self.options.blobs)
        self._count_from_here()
        if self.options.begin is not None:
            self._keep_start()
        elif self.options.checkpoints:
            taken = self.machine.take_checkpoint()  # what the machine is made with is in the recording already
            self.snapshots.written(taken[1] if taken else ())
        self._arrived()
        self._flush()
        if self.options.snapshot:
            self.save_snapshot(self.options.snapshot)

    def _keep_start(self) -> None:
        """Keep the first state as the first checkpoint, with all pages that differ from a new machine's."""
        machine = cast(Machine, self.machine)
        taken = machine.take_checkpoint()
        assert taken is not None, "nothing has run"
        pages = pages_of_its_own(machine, self._build, serial_ports(self.host.ends))
        self._last_checkpoint = self._moment(), self._events
        self.writer.checkpoint(self._moment(), machine.now_ns(), taken[0], pages)

    def _keep_blocks(self) -> None:
        """Record each block of the disks' base that the guest uses, once."""
        storage = getattr(self.machine, "storage", None)
        if storage is None:
            return

        def entered(key: int, content: bytes) -> None:
            if key not in self._blocks:
                self._blocks.add(key)
                self.writer.block(key, content)

        storage.entered = entered
        self.writer.embed(self.options.embed)

    def trace_if(self, wanted: bool) -> None:
        """If wanted, record interrupts and exceptions as well."""
        if wanted:
            self.machine.on_delivery = lambda kind, vector: self._log(TRACED[kind](vector=vector))

    def _run_to(self, limit: Moment) -> StopLike:
        """A digest on the way is no reason to look at anything else until housekeeping is due: what comes in stops the
        machine by itself. (Frames of a network may have to wait until a card has room: it is looked at each time.)
        """
        if self._networked:
            return super()._run_to(min(limit, Moment(self._boundary)))
        while True:
            due = Moment(self._boundary)
            stop = super()._run_to(min(limit, due))
            if stop.kind != "budget" or not due < limit or self._moment() < due:
                return stop
            self._arrived()
            if self.host.realtime_ns() >= self._next_housekeeping:
                return stop

    def _arrived(self) -> None:
        if self.machine.icount == self._boundary:
            self.machine.note_digest()
            self._noted.append(self._boundary)
            self._boundary += self.options.digest_period
            self._digests += 1
            if self.options.checkpoints and self._due() and not self.writer.busy:
                self._checkpoint()
        if self.writer.crowded:
            self._flush()
        assert self.machine.icount < self._boundary, "the machine ran further than it was asked to"

    def _digest(self) -> Digest:
        return self._digest_of(self.machine.digest_parts())

    def _digest_of(self, parts: Mapping[str, bytes]) -> Digest:
        assert list(parts) == self._parts, "the parts of a machine do not change"
        return digest_of(parts)

    def _log_digests(self) -> None:
        """Compute the digests that were noted, and log them."""
        for icount, parts in zip(self._noted, self.machine.noted_digests(), strict=True):
            self.writer.digest(icount, self._digest_of(parts))
        self._noted.clear()

    def _count_from_here(self) -> None:
        self._worked_ns, self._counted = self.host.worked_ns(), self.machine.icount

    def _due(self) -> bool:
        """Whether the next checkpoint is, at a digest."""
        worked_ns, icount = self._worked_ns, self._counted
        self._count_from_here()
        run_ns = (self._counted - icount) * self.INSTRUCTION_PS // 1000
        self._replay_ns += max(self._worked_ns - worked_ns, run_ns)
        if not self.NEAREST_NS <= self._replay_ns < self.FARTHEST_NS:
            return self._replay_ns >= self.FARTHEST_NS
        return self._replay_ns >= self.NEAREST_NS + self.PAGE_NS * self.machine.unsaved_pages()

    def _checkpoint(self) -> None:
        """Keep the current state, if it can be kept: right behind the digest, before any other event of this moment."""
        taken = self.machine.take_checkpoint()
        if taken is not None:
            self._last_checkpoint = self._moment(), self._events
            self.snapshots.written(taken[1])
            self.writer.checkpoint(self._moment(), self.machine.now_ns(), *taken)
            self._replay_ns = 0

    def save_snapshot(self, name: str) -> Saved:
        """The state becomes a named checkpoint of the recording, and is flushed at once."""
        saved = super().save_snapshot(name)
        if self._last_checkpoint != (saved.moment, self._events):
            self._checkpoint()
        self._flush(wait=True)
        root = self._digest().root
        self.writer.snapshot(Snapshot(name, saved.moment, saved.virtual_ns, saved.created, root))
        return saved

    def forget_snapshot(self, name: str) -> None:
        super().forget_snapshot(name)
        self.writer.forget_snapshot(name)

    def wait_paused(self) -> None:
        self._flush()
        super().wait_paused()

    def _log(self, event: Event) -> None:
        if not self._built and self.options.begin is not None:
            return  # building the machine reads the clock, but its state is replaced
        super()._log(event)
        self.writer.event(self._moment(), event)
        self._events += 1

    def _printed(self, port: int, data: bytes, icounts: Sequence[int]) -> None:
        self.writer.printed(port, data, [Moment(n, 0) for n in icounts])

    def _housekeep(self, now_ns: int) -> None:
        super()._housekeep(now_ns)
        if now_ns >= self._flush_at:
            self._flush()
            self._flush_at = now_ns + FLUSH_NS - HOUSEKEEPING_NS

    def _flush(self, wait: bool = False) -> None:
        self._log_digests()
        wall_ms = (self.host.realtime_ns() - self._began_ns) // MS
        self.writer.flush(self._moment(), self.machine.now_ns(), wall_ms, wait)

    def finish(self, cause: str, status: int, note: str = "") -> None:
        digest = self._digest()
        self._log(End(
            cause=cause_number(cause), status=status & 0xFFFFFFFF, root=bytearray(digest.root),
            checks=bytearray(digest.checks),
        ))  # fmt: skip
        self._digests += 1
        self._flush(wait=True)
        self.writer.hot_blocks(self.machine.hot_blocks)
        super().finish(cause, status, note)
        assert self._outcome is not None
        self._outcome.events, self._outcome.digests = self._events, self._digests
