"""Live session: runs a machine, delivers pending host input at exact moments, ends the run. `record.py` adds a log.

The loop has no slices of its own: the machine runs until it halts or ends, until a device can take more of the input
that is waiting for it, or until the host's watcher kicks it, which happens when something arrives and every 100 ms. Two
rules make each event's moment one that a replay can find again:

- Input enters only where the CPU is halted, or where an instruction has just retired (`_settle`). Only in a guest that
  never retires anything (an endless chain of faults) does it enter between two deliveries, at a later `seq`.
- While the CPU is halted, virtual time moves to the next alarm. When input comes before, CLOCK_VIRTUAL_RT goes in front
  of it in the log, and says how far virtual time had got.

What can enter, and in which order, is the business of the sources (`session/sources`). A debugger takes the place of
the loop (`drive`): it makes the same turns, some of them short, and pauses between two of them for as long as it likes.
Real time that passes in a pause does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from playhead.base.errors import UsageError
from playhead.base.units import NEVER
from playhead.host.clock import date_text
from playhead.host.host import Host
from playhead.log.events import ClockVirtualRt, Event, SnapshotLoaded
from playhead.log.moment import START, Moment
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from playhead.machine.storage import check_media
from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.replay.clocks import Clocks
from playhead.replay.queue import AsyncQueue
from playhead.session.outcome import Options, Outcome
from playhead.session.pacing import Rest
from playhead.session.sinks import Sinks
from playhead.session.snapshots import Kept, Saved, Snapshots
from playhead.session.sources import ClockRateSource, Refused, Sources
from playhead.session.suspension import sleep_or_wake
from playhead.session.target import Door, Follower, MachineLike, StopLike, has_network
from playhead.session.sound import Listener
from playhead.session.traffic import Traffic

if TYPE_CHECKING:
    from playhead.host.disks import Disks
    from playhead.host.vm_images import VmImages

Build = Callable[[Door], MachineLike]
FAR = 1 << 62  # instructions
MS = 1_000_000
HOUSEKEEPING_NS = 50 * MS
WAIT_NS = 100 * MS
SILENCE_NS = 10_000 * MS
SETTLE = 3  # kicks (100 ms each, if nothing else kicks) after which a guest is taken to retire nothing any more
ARRIVED = ("budget", "halted", "input")  # stops at which a replay that arrives at the moment finds the same machine


class RunSession:
    """One live run of the machine that `build` makes. `run()` returns how it ended."""

    machine: MachineLike

    def __init__(self, build: Build, host: Host, options: Options):
        self.host, self.options = host, options
        self._build = build
        self._built = False
        self.queue = AsyncQueue(self._log)
        self.checkpoints = Checkpoints(self.queue)
        self.sources = Sources(self, self.queue)
        self.sinks = Sinks(self, live=True)
        if options.auto_shift:
            self.sources[ClockRateSource].follow_host(options.shift)
        self._outcome: Outcome | None = None
        self._rest = Rest()
        self._next_housekeeping = 0
        self._paused_since: int | None = None
        self._paused_ns = 0  # in all
        self._entered: Moment | None = None  # when the last event did
        self._arrived_here = False  # nothing has happened since the machine came to this moment
        self.snapshots = Snapshots()
        self.traffic: list[Traffic] = []
        self.sounds: list[Listener] = []
        self._sleep = options.sleep or has_network(host.ends)
        self.drive: Callable[[], None] = self.turn
        self.observed = False  # a debugger or monitor is attached: do not end the run when the CPU halts for good
        self.met: StopLike | None = None  # the stop of a breakpoint or watchpoint, until somebody takes it
        self.log: Follower | None = None
        self.happened: Callable[..., None] = lambda name, **data: None  # QEMU's events, for whoever controls it

    # -- the loop

    def run(self) -> Outcome:
        with self.host:
            self.checkpoints.reached(Checkpoint.INIT)
            self.door = Door(self.host.ends, self.ask, self._printed)
            self.machine = self._build(self.door)
            self._built = True
            self.sources.built()
            self.sources.connect()
            self.sinks.connect(self.host.ends)
            if self.log is not None:
                self.log.follow(self)
            clock_ns = self.door.host_clock_ns
            self.clocks = Clocks(self.host.realtime_ns, self.machine.now_ns, clock_ns, self._virtual_rt)
            self._began_ns = self.host.realtime_ns()
            self.host.start(self.machine.kick)
            if self._sleep and not self.options.sleep:
                self.host.message("sleep=off: with a network, a halted guest's time passes as with sleep=on")
            self._entered, self._arrived_here = None, True
            if self.options.begin is not None:
                self._begin_at(self.options.begin)
            self._start()
            self.checkpoints.reached(Checkpoint.RESET)
            while self._outcome is None:
                self.drive()
            self.host.flush()
            if self.log is not None:
                self.log.close()
        return self._outcome

    def _begin_at(self, saved: Saved) -> None:
        """`-loadvm`: the machine has just been made, and its disks are what they were then."""
        machine = cast(Machine, self.machine)
        self._check_media(saved.parts)
        checkpoint.restore(machine, saved.parts, saved.pages)
        self.snapshots.written(checkpoint.written_pages(machine))
        self.sources.restored()

    def _check_media(self, parts: Mapping[str, bytes]) -> None:
        disks = self._disks
        if disks is not None:
            check_media(parts, disks.count)

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, once it has."""
        return self._outcome

    def turn(self, until: Moment | None = None) -> None:
        """Run until there is something to do, and do it. `until`: a debugger's next stop, in front of which input stays
        pending, unless an instruction has just retired there.
        """
        if until is None and self.host.crowded and not self.host.quit_cause():
            self._wait_for_readers()
            return
        before, began = self.machine.icount, self.host.realtime_ns()
        limit = Moment(self._limit())
        stop = self._run_to(limit if until is None else min(limit, until))
        self._arrived()
        now = self.host.realtime_ns()
        if stop.kind != "halted":
            self.sources.ran(now - began, self.machine.icount - before)
        self.sources.passed(self.machine.now_ns())
        self.sinks.between()
        self.host.flush()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_NS
            self._housekeep(now)
        settled = stop.kind in ("budget", "input") and not self.machine.seq
        if stop.kind == "kick" and until is None and self.sources.pending:
            stop, settled = self._settle(), True
        self._arrived_here = stop.kind in ARRIVED
        if stop.kind == "shutdown":
            self.finish(stop.cause, stop.status)
        elif stop.kind == "reset":
            self._guest_reset(stop.cause)
        elif stop.kind in ("suspend", "wakeup"):
            sleep_or_wake(self, stop)
        elif stop.kind == "halted":
            self._halted(stop.deadline_ns)
        elif stop.kind in ("break", "watch", "delivery"):
            self.met = stop  # the instruction here may have begun to be fetched: a replay that arrives here has not
        elif settled and self.sources.pending:
            self._deliver_input()

    def _run_to(self, limit: Moment) -> StopLike:
        """Run the machine until it is there, or stops earlier."""
        return self.machine.run(*limit)

    def _wait_for_readers(self) -> None:
        """Whoever reads the guest's output is far behind: a pause, so that nothing is lost and nothing is measured."""
        self.pause()
        self.wait_paused()
        self.go_on()

    def _settle(self) -> StopLike:
        """After a kick: go on until an instruction has just retired, which is a moment that a replay arrives at."""
        before, kicks = self.machine.icount, 0
        while True:
            at = self._moment()
            stop = self.machine.run(before + 1)
            self._arrived()
            kicks += self._moment() > at
            if stop.kind not in ("kick", "input") or self.machine.icount > before or kicks == SETTLE:
                return stop

    def _halted(self, deadline_ns: int) -> None:
        """The CPU waits for an interrupt: deliver pending input, else move virtual time on, else sleep."""
        self.checkpoints.reached(Checkpoint.CLOCK_WARP_START)
        wanted_ns = self._virtual_rt()
        live = self.host.input_possible  # looked at first: the last input is in the inbox before its device is not live
        busy, due_ns = self.sources.busy, self.sources.due_ns()
        next_ns = min(deadline_ns, due_ns)
        idle = not busy and not (self._sleep and live)  # nothing else may come: time need not be waited for
        if self._sleep:
            self.sources.passed(self._resting_ns(wanted_ns, deadline_ns))
        if self.sources.pending:
            self._enter_halted(self._resting_ns(wanted_ns, deadline_ns) if self._sleep else self.machine.now_ns())
        elif due_ns < deadline_ns and (idle or wanted_ns >= due_ns):
            self._enter_halted(due_ns)
        elif next_ns == NEVER and not (live or busy or self.observed):
            state = "is suspended" if self.machine.suspended else "has halted"
            self.finish("none", 0, f"the guest {state}, and nothing is left that could wake it")
        elif next_ns == NEVER or (busy and not self._sleep):
            self.host.wait(self.sinks.wait_ns(WAIT_NS))
        elif next_ns == deadline_ns and (idle or wanted_ns >= deadline_ns):
            self.machine.warp(deadline_ns)
            self._arrived_here = False
            self._rest.over(wanted_ns - deadline_ns)
        else:
            self.host.wait(min(next_ns - wanted_ns, self.sinks.wait_ns(WAIT_NS)))

    def _resting_ns(self, wanted_ns: int, deadline_ns: int) -> int:
        """A halted CPU's virtual time if input came now: in front of its next alarm."""
        return max(self.machine.now_ns(), min(wanted_ns, deadline_ns - 1))

    def _enter_halted(self, virtual_ns: int) -> None:
        """Input enters while the CPU is halted, and virtual time has moved on so far."""
        self._log(ClockVirtualRt(ns=virtual_ns))
        self.machine.warp(virtual_ns)
        self._rest.over()
        self.checkpoints.reached(Checkpoint.CLOCK_VIRTUAL_RT)
        self._deliver_input()

    def _virtual_rt(self) -> int:
        """The virtual-realtime clock: only a halted CPU has one."""
        return self._rest.virtual_rt_ns(self.host.realtime_ns(), self.machine.now_ns())

    def _deliver_input(self) -> None:
        """All input that is pending enters now, in the order of the sources."""
        try:
            self.sources.deliver(self.checkpoints)
        except Refused as e:
            raise AssertionError(f"at {self._moment()}: {e}") from e

    # -- pauses, and what is asked for then

    def pause(self) -> None:
        """From now on virtual time stops; real time spent paused is not charged to the guest."""
        if self._paused_since is None:
            self._paused_since = self.host.realtime_ns()

    def go_on(self) -> None:
        """The end of a `pause`."""
        if self._paused_since is None:
            return
        paused_ns, self._paused_since = self.host.realtime_ns() - self._paused_since, None
        self._paused_ns += paused_ns
        self._rest.put_off(paused_ns)
        self.sources.put_off(paused_ns)

    @property
    def paused(self) -> bool:
        return self._paused_since is not None

    def wait_paused(self) -> None:
        """Wait, in a pause, until something arrives."""
        self.sinks.between()
        self.host.flush()
        self.host.wait(self.sinks.wait_ns(WAIT_NS))

    @property
    def settled(self) -> bool:
        """Whether the last turn ended behind an instruction or a delivery, or with a halted CPU: at a moment at which
        a replay arrives too.
        """
        return self._arrived_here

    @property
    def at_arrival(self) -> bool:
        """Whether the machine is as a replay finds it when it arrives at this moment: no event has happened here, and
        nothing of the next instruction. What is taken of it here (a snapshot) can be compared.
        """
        asked = isinstance(self.machine, Machine) and self.machine.requests.stop is not None  # a reset, or the end
        return self._arrived_here and not asked and self._entered != self._moment()

    def save_snapshot(self, name: str) -> Saved:
        """`savevm`, where the machine is `at_arrival`."""
        assert self.at_arrival
        self.snapshots.check(self.machine, name)
        self.sources.keep_originals()
        saved = self.snapshots.keep(self.machine, name, date_text())  # type: ignore[arg-type]
        disks = self._disks
        if disks is not None and disks.vm_images.take:
            from playhead.session import vm_state  # here: only `savevm` into an image needs it

            vm_state.store(saved, self.machine.config, disks)  # type: ignore[attr-defined]
        return saved

    @property
    def _disks(self) -> Disks | None:
        return cast("Disks | None", self.host.ends.get("disks"))

    @property
    def vm_images(self) -> VmImages | None:
        """The images that take snapshots."""
        disks = self._disks
        return disks.vm_images if disks is not None else None

    def kept_in_images(self) -> list[Kept]:
        """Snapshots of an earlier run."""
        images = self.vm_images
        if images is None:
            return []
        return [
            Kept(info.name, Moment(info.icount or 0), info.vm_clock_ns, f"{info.date:%Y-%m-%dT%H:%M:%SZ}", images.path)
            for info in images.all()
            if info.name not in self.snapshots
        ]

    def load_snapshot(self, name: str) -> Saved:
        """`loadvm`: an input, which enters at once. That may be at any moment: nothing of the state before it stays."""
        if name in [one.name for one in self.kept_in_images()]:
            raise UsageError(f"snapshot '{name}' is of an earlier run: start with -loadvm {name}")
        machine, saved = self.machine, self.snapshots.named(name)
        assert isinstance(machine, Machine)
        self._log(SnapshotLoaded(icount=saved.moment.icount, seq=saved.moment.seq))
        self.snapshots.load(machine, saved)
        self._arrived_here = False
        self._rest.over()
        self.sources.restored()
        return saved

    def forget_snapshot(self, name: str) -> None:
        """`delvm`."""
        images = self.vm_images
        if not (images is not None and images.delete(name)) or name in self.snapshots:
            self.snapshots.forget(name)

    def _guest_reset(self, cause: str) -> None:
        """The guest reset itself: that falls out, so it is no event."""
        if self.options.no_reboot:
            self.finish(cause or "guest-reset", 0, "the guest reset the machine, and -no-reboot makes that the end")
        else:
            self.checkpoints.reached(Checkpoint.RESET_REQUESTED)
            self.machine.reset()
            self.happened("RESET", guest=True, reason=cause or "guest-reset")

    # -- around it

    def _housekeep(self, now_ns: int) -> None:
        """What has to be done now and then, in real time."""
        if self.options.silent_hint and now_ns - self._began_ns - self._paused_ns > SILENCE_NS:
            if not any(tap.count for tap in self.door.taps):
                self.host.message(self.options.silent_hint)
            self.options.silent_hint = ""
        self.sources.look_after(now_ns)

    def _moment(self) -> Moment:
        return Moment(self.machine.icount, self.machine.seq) if self._built else START

    def finish(self, cause: str, status: int, note: str = "") -> None:
        """The run ends here: why, in the words of `log.causes`, with which exit status, and a note for the user."""
        m = self.machine
        wall_ns = self.host.realtime_ns() - self._began_ns
        self._outcome = Outcome(cause, status, m.icount, m.seq, m.now_ns(), wall_ns, note)
        self.happened("SHUTDOWN", guest=cause.startswith("guest-"), reason=cause)

    # -- what recording adds

    def _start(self) -> None:
        """The machine has been built and nothing has run."""

    def _limit(self) -> int:
        """How far the machine may run before it has to be looked at."""
        most = self.sources.limit()
        return FAR if most is None else self.machine.icount + most

    def _arrived(self) -> None:
        """The machine has run."""

    def _log(self, event: Event) -> None:
        """An event takes effect now."""
        self._entered = self._moment()

    def _printed(self, port: int, data: bytes, icounts: Sequence[int]) -> None:
        """The guest has printed something. Called from inside `run`: must not raise."""

    def ask(self, kind: type[Event]) -> Event:
        """A device asks the outside a question. Called from inside `run`: must not raise."""
        event = self.sources.answer(kind)
        self._log(event)
        return event
