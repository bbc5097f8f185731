"""Replay session: runs the machine to the moment of each event, applies the event, and compares digests.

Where the recording slept, a replay jumps. Each deviation is a DivergenceError that names its moment; one that only a
digest shows names the two instructions between which it happened, and the parts of the machine that differ.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from playhead.base.errors import DivergenceError, FormatError
from playhead.base.units import NEVER
from playhead.host.host import Host
from playhead.log.causes import cause_name
from playhead.log.digests import CHECK, Digest, differing, digest_of
from playhead.log.events import TRACED, ClockVirtualRt, End, Entry, Event, SnapshotLoaded, text_of
from playhead.log.moment import START, Moment
from playhead.log.reader import Reader
from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.machine.machine import Machine
from playhead.replay.queue import AsyncQueue
from playhead.session.console import ConsoleCheck
from playhead.session.divergence import Divergence
from playhead.session.outcome import Outcome
from playhead.session.progress import Progress
from playhead.session.run import Build
from playhead.session.start import put_at_start
from playhead.session.script import Script
from playhead.session.sinks import Sinks
from playhead.session.snapshots import Recorded
from playhead.session.sources import Refused, Sources
from playhead.session.splits import Splits
from playhead.session.suspension import sleep_or_wake
from playhead.session.sound import Listener
from playhead.session.traffic import Traffic
from playhead.session.target import Door, Follower, MachineLike, StopLike, serial_ports

ENDS = ("shutdown", "reset")
WAIT_NS = 100_000_000
ENDLESS = 1 << 23  # deliveries without a retired instruction: seconds, in which a recorder flushes several times


@dataclass
class ReplayOptions:
    """None of these changes what the guest does."""

    split_seed: int | None = None  # cut the run at random places
    digests: bool = True  # compare all digests, not only the last one
    progress: bool = True
    console: bool = True  # compare the output with the recorded one


class ReplaySession:
    """One replay. `run()` returns at the end of the recording, or raises DivergenceError."""

    machine: MachineLike

    def __init__(self, build: Build, host: Host, reader: Reader, options: ReplayOptions | None = None):
        self.host, self.reader = host, reader
        self.options = options or ReplayOptions()
        self._build = build
        self._built = False
        self._script = Script(reader)
        self._splits = None if self.options.split_seed is None else Splits(self.options.split_seed)
        self._no_reboot = bool(reader.meta["session"].get("no_reboot"))
        self.queue = AsyncQueue(lambda event: None, replaying=True)
        self.sources = Sources(self, self.queue)
        self.sinks = Sinks(self, live=False)
        self.checkpoints = Checkpoints(self.queue)
        self._ports = serial_ports(host.ends)
        self._recorded = Recorded(reader, build, self._ports)
        self._boundary = reader.first_digest
        self._failure: Exception | None = None
        self._guest_stop: StopLike | None = None  # the guest reset or ended itself, and that has not been acted upon
        self._equal_at: int | None = None
        self._answers: dict[type[Event], Event] = {}  # by kind: the last one that a device was given
        self._outcome: Outcome | None = None
        self._events = self._digests = 0
        self._progress: Progress | None = None
        self.log: Follower | None = None
        self.traffic: list[Traffic] = []
        self.sounds: list[Listener] = []
        self.happened: Callable[..., None] = lambda name, **data: None  # QEMU's events, for whoever controls it
        self._console: ConsoleCheck | None = None
        if self.options.console:
            self._check_console(reader.start.moment if reader.start else Moment(-1))
        self.keeps_all = not self.options.digests
        self.taken: list[tuple[Moment, Event]] = []  # events since the last digest that was equal, for `diagnose`

    # -- the loop

    def run(self) -> Outcome:
        with self.host:
            self._begin()
            try:
                while self._outcome is None:
                    self._turn()
            finally:
                self.host.flush()
                self.host.status.clear()
                if self.log is not None:
                    self.log.close()
        return self._outcome

    def _begin(self) -> None:
        self._began_ns = self.host.realtime_ns()
        self._first = self.reader.start.moment.icount if self.reader.start else 0
        self._show_progress(self.reader.last_mark()[0].icount)
        self.checkpoints.reached(Checkpoint.INIT)
        self._script.load(0)
        ends = {**self.host.ends, **self.sources.recorded_ends(self.reader)}
        self.machine = self._build(Door(ends, self.ask, self._printed))
        self._built = True
        self.machine.hot_blocks = self.reader.hot_blocks()
        self.sources.built()
        self.sinks.connect(self.host.ends)
        if self.log is not None:
            self.log.follow(self)
        if self.reader.meta["session"].get("trace_events"):
            self.machine.on_delivery = self._delivered
        self.host.start(self.machine.kick)
        if self.reader.start is not None:
            put_at_start(cast(Machine, self.machine), self.reader, self.reader.start)
        self._check_parts()
        self.checkpoints.reached(Checkpoint.RESET)

    def _show_progress(self, last: int) -> None:
        """From here on, which is `_first`, to this instruction."""
        if self.options.progress:
            self._progress = Progress(self.host.status, self.host.realtime_ns, max(last - self._first, 1))

    def _turn(self) -> None:
        if self._moment().icount == self._boundary:
            self._compare()
        self._script.load(self._boundary)
        entry = self._script.next_delivered()
        due = entry is not None and entry.moment <= self._moment()
        if self._guest_stop is not None and not (due and isinstance(entry.event, End)):  # type: ignore[union-attr]
            self._guest_stopped()
        elif entry is not None and due:
            self._deliver(entry)
        elif entry is not None and entry.moment < Moment(self._boundary):
            self._go(entry.moment)
        elif entry is not None or self._script.next_digest() is not None:
            self._go(Moment(self._boundary))
        elif self._moment() < self._script.flushed:
            self._go(min(self._script.flushed, Moment(self._boundary)))
        else:
            self._compare_console(all=True)
            self._stop(f"the recording ends here, at instruction {self._moment()}: it was cut off, or is being written")
        if self.host.quit_cause() and self._outcome is None:
            self._stop(f"ended by {self.host.quit_name()}")

    def _go(self, target: Moment) -> None:
        """Run towards a moment; handle stops on the way."""
        m = self.machine
        if self._splits is not None and m.icount < target.icount:
            target = min(target, Moment(self._splits.until(m.icount, target.icount)))
        before = self._moment()
        stop = m.run(*target)
        self._check_pulled()
        self.sinks.between()
        self.host.flush()
        while self.host.crowded and not self.host.quit_cause():  # whoever reads the output is far behind
            self.host.wait(WAIT_NS)
            self.host.flush()
        if self._progress is not None:
            self._progress.show(self.machine.icount - self._first)
        now = self._moment()
        assert now.icount <= target.icount + bool(target.seq), "the machine ran further than it was asked to"
        assert stop.kind != "budget" or now > before, f"the machine does not move on from {now} to {target}"
        if now > target and target.seq:
            self._missed(target)
        if now.seq > ENDLESS and now.icount < target.icount and not self._script.flushed_between_deliveries(now.icount):
            raise self._diverged(f"at {now}: the guest does nothing but fault, the recording goes on to {target}")
        if stop.kind in ("reset", "shutdown"):
            self._guest_stop = stop
        elif stop.kind in ("suspend", "wakeup"):
            sleep_or_wake(self, stop)
        elif stop.kind == "halted" and now < target:
            if stop.deadline_ns == NEVER:
                raise self._diverged(f"at {now}: the guest has halted for good, but the recording goes on to {target}")
            self._sleep(stop.deadline_ns)
        elif stop.kind in ("break", "watch", "delivery"):
            self._met(stop)

    def _sleep(self, until_ns: int) -> None:
        """The CPU is halted, and nothing comes before its next alarm."""
        self.machine.warp(until_ns)

    def _met(self, stop: StopLike) -> None:
        """A breakpoint or watchpoint was met; only a debugger sets any."""

    def _missed(self, target: Moment) -> None:
        """An instruction retired where the recording has another delivery."""
        raise self._diverged(f"at {self._moment()}: {target} never came")

    def _guest_stopped(self) -> None:
        """The guest reset or ended itself, and END is not due: the recording must go on after a reset."""
        stop, self._guest_stop = self._guest_stop, None
        assert stop is not None
        if stop.kind == "shutdown" or self._no_reboot:
            raise self._diverged(f"at {self._moment()}: the guest ended ({stop.cause}), but the recording goes on")
        self.checkpoints.reached(Checkpoint.RESET_REQUESTED)
        self.machine.reset()
        self.happened("RESET", guest=True, reason=stop.cause or "guest-reset")

    def _diverged(self, what: str, parts: Sequence[str] = ()) -> Divergence:
        """The error to raise. `what` says where and how; the last equal digest is added."""
        return Divergence(what, self._moment(), self._equal_at, parts)

    # -- events

    def _deliver(self, entry: Entry) -> None:
        """Apply the event that is due now."""
        now, first = self._moment(), self._script.next()
        if first is not entry and first is not None:
            raise self._diverged(
                f"before {entry.moment}: the recording has {text_of(first.event)} at {first.moment}, "
                f"the replay did not ask for it"
            )
        if entry.moment != now:
            raise self._diverged(f": {entry.kind.name} is due at {entry.moment}, the replay is at {now}")
        event = entry.event
        if isinstance(event, ClockVirtualRt):
            self._check_warp(event.ns)
        self._take()
        match event:
            case ClockVirtualRt():
                self.machine.warp(event.ns)
                self.checkpoints.reached(Checkpoint.CLOCK_VIRTUAL_RT)
            case SnapshotLoaded():
                self._load_snapshot(Moment(event.icount, event.seq))
            case End():
                self._end(event)
            case _:
                self._enter(event)

    def _enter(self, event: Event) -> None:
        """An event of a source."""
        self.checkpoints.reached(self.sources.checkpoint(type(event)))
        try:
            self.queue.deliver(event)
        except Divergence:
            raise
        except (Refused, DivergenceError) as e:
            raise self._diverged(f"at {self._moment()}: {e}") from None
        self._check_pulled()

    def finish(self, cause: str, status: int, note: str = "") -> None:
        """Only live sessions are ended by a source."""
        raise NotImplementedError

    def _load_snapshot(self, moment: Moment) -> None:
        """A `loadvm`: a reset or an end that the state before had asked for is gone with that state."""
        assert isinstance(self.machine, Machine)
        self._recorded.put_back(self.machine, moment)
        self._guest_stop = None

    def _take(self) -> None:
        """The next event happens now."""
        self.taken.append((self._moment(), self._script.take().event))
        self._events += 1

    def _check_warp(self, to_ns: int) -> None:
        """Virtual time can only be moved forward while the CPU is halted, and not past its next alarm."""
        now, kind = self._moment(), "kick"
        while kind == "kick":
            stop = self.machine.run(now.icount, now.seq + 1)  # a halted CPU stays, and says so
            kind = stop.kind
        if kind != "halted" or not self.machine.now_ns() <= to_ns < stop.deadline_ns or self._moment() != now:
            raise self._diverged(
                f"at {now}: the recording moves virtual time to {to_ns} ns here, the replay is at "
                f"{self.machine.now_ns()} ns with its CPU {'halted' if kind == 'halted' else 'running'}"
            )

    def ask(self, kind: type[Event]) -> Event:
        """A device asks for input: answered from the recording. Called from inside `run`, so it must not raise."""
        if self.reader.start is not None and not self._built:
            return kind()  # the machine's state will be put in place of the one that it is made with
        now, entry = self._moment(), self._script.next()
        if entry is not None and isinstance(entry.event, kind) and entry.moment == now:
            self._take()
            self._answers[kind] = entry.event
            return entry.event
        if self._failure is None:
            there = f"its next event is {entry.kind.name} at {entry.moment}" if entry else "it has no more events"
            asked = self.sources.question(kind)
            self._failure = self._diverged(f"at {now}: it {asked}, the recording did not ({there})")
            if self._built:
                self.machine.kick()
        return self._last_answer(kind) or kind()

    def _last_answer(self, kind: type[Event]) -> Event | None:
        """The last event of a kind that a device was given: what it gets when the recording has none for it."""
        return self._answers.get(kind)

    def _delivered(self, kind: str, vector: int | None) -> None:
        """An interrupt or exception was delivered, in a recording that holds all of them: it must hold this one."""
        now, entry, event = self._moment(), self._script.next(), TRACED[kind](vector=vector)
        if entry is not None and entry.event == event and entry.moment == now:
            self._take()
        elif self._failure is None:
            there = f"{text_of(entry.event)} at {entry.moment}" if entry else "no more events"
            self._failure = self._diverged(f"at {now}: {text_of(event)} was delivered, the recording has {there}")
            self.machine.kick()

    def _check_pulled(self) -> None:
        """Raise if the guest did not ask for the same input as in the recording."""
        if self._failure is not None:
            raise self._failure
        if self.sources.lacking:
            raise self._diverged(f"at {self._moment()}: {self.sources.lacking}")
        entry = self._script.next()
        if entry is not None and entry.kind.pulled and entry.moment.icount < self.machine.icount:
            what = "the replay did not ask for it" if entry.kind.how == "pulled" else "the replay has not"
            raise self._diverged(f"at {entry.moment}: the recording has {text_of(entry.event)}, {what}")

    # -- digests

    def _check_parts(self) -> None:
        self._check_pulled()
        here, there = list(self.machine.digest_parts()), self.reader.parts
        if here != there:
            odd = sorted(set(here) ^ set(there)) or ["their order"]
            raise DivergenceError(f"this version's machine has other parts than the recording's: {', '.join(odd)}")

    def _compare(self) -> None:
        """At a boundary: the machine must be the recording's."""
        boundary = self._boundary
        self._script.load(boundary)
        due = self._script.next_digest()
        self._boundary += self.reader.digest_period
        if due is None:
            return  # cut off, or ended before
        if due[0] != boundary:
            raise FormatError(f"{self.reader.path} is damaged: its digest of instruction {boundary} is missing")
        recorded = self._script.take_digest()
        if self.options.digests:
            since = max(boundary - self.reader.digest_period, self._first)
            where = (
                f"between instructions {since} and {boundary}" if boundary > since else "before the first instruction"
            )
            self._same(recorded, where)
            self._equal_at = boundary
            if not self.keeps_all:
                self.taken.clear()
            self._compare_console(all=False)

    def _same(self, recorded: Digest, where: str) -> None:
        now = digest_of(self.machine.digest_parts())
        if now.root != recorded.root:
            parts = differing(self.reader.parts, now, recorded)
            what = ", ".join(parts) if parts else "a part that the checks do not tell"
            raise self._diverged(f"{where}: digests differ in {what}", parts)
        self._digests += 1

    # -- the console

    def _check_console(self, after: Moment) -> None:
        """Compare the output after this moment with the recorded one."""
        self._console = ConsoleCheck(after)
        self._script.on_output = self._console.expect

    def _printed(self, port: int, data: bytes, icounts: Sequence[int]) -> None:
        """From inside `run`: the guest has printed something."""
        if self._console is not None:
            self._console.printed(port, data, [Moment(n, 0) for n in icounts])

    def _compare_console(self, *, all: bool) -> None:
        """All recorded output up to here has been loaded. `all`: the replay ends here."""
        if self._console is not None:
            self._console.compare(self._moment(), all=all)

    # -- the end

    def _end(self, event: End) -> None:
        if len(event.checks) != len(self.reader.parts) * CHECK:
            raise FormatError(f"{self.reader.path} is damaged: its last digest has the wrong length")
        self._same(Digest(bytes(event.root), bytes(event.checks)), f"before its end at {self._moment()}")
        self._check_end(cause_name(event.cause), event.status)
        self._compare_console(all=True)
        self._stop("", cause_name(event.cause), event.status)

    def _check_end(self, cause: str, status: int) -> None:
        """If the guest ended the recording, it must end the replay, too, with the same status."""
        if not cause.startswith("guest-"):
            return
        now, stop = self._moment(), self._guest_stop
        while stop is None or stop.kind == "kick":
            stop = self.machine.run(now.icount, now.seq + 1)  # an end that is due comes before anything moves
        found = (stop.cause or "guest-reset", stop.status & 0xFFFFFFFF) if stop.kind in ENDS else None
        if found != (cause, status):
            here = f"{found[0]} with status {found[1]}" if found else "nothing of that kind"
            raise self._diverged(f"at {now}: the recording ends by {cause} with status {status}, the replay by {here}")

    def _stop(self, note: str, cause: str = "", status: int = 0) -> None:
        m = self.machine
        wall_ns = self.host.realtime_ns() - self._began_ns
        self._outcome = Outcome(cause or "none", status, m.icount, m.seq, m.now_ns(), wall_ns, note)
        self._outcome.events, self._outcome.digests, self._outcome.complete = self._events, self._digests, bool(cause)

    def _moment(self) -> Moment:
        return Moment(self.machine.icount, self.machine.seq) if self._built else START
