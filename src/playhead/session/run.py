"""A live session: runs a machine, lets input in, and ends it cleanly. Recording is this with a log (`record.py`).

The loop has no slices of its own: the machine runs until it halts, or ends, or is kicked by the host's watcher, which
does so when something arrives and every 100 ms. Two rules make each event's moment one that a replay can find again:

- Something enters only where the CPU is halted, or where an instruction has just retired (`_settle`). Only a guest
  that never retires anything (an endless chain of faults) is interrupted in between, at a later `seq`.
- While the CPU is halted, virtual time moves to the next alarm. When something comes before, CLOCK_VIRTUAL_RT goes in
  front of it in the log, and says how far virtual time had got.

A debugger takes the place of the loop (`drive`): it makes the same turns, some of them short, and stands between two of
them as long as it likes. Real time that passes then does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.base.units import NEVER
from playhead.host.clock import date_text
from playhead.host.host import Host
from playhead.log.causes import cause_number
from playhead.log.events import CharRead, ClockRate, ClockVirtualRt, ResetRequested, Shutdown, SnapshotLoaded
from playhead.log.moment import START, Moment
from playhead.machine import checkpoint
from playhead.machine.machine import Machine
from playhead.machine.storage import check_media
from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.replay.clocks import Clocks
from playhead.replay.queue import AsyncQueue
from playhead.session.block import LiveBlock
from playhead.session.outcome import Options, Outcome
from playhead.session.pacing import AutoRate, Rest
from playhead.session.snapshots import Kept, Saved, Snapshots
from playhead.session.target import Door, MachineLike, Sink

if TYPE_CHECKING:
    from playhead.host.vm_images import VmImages

Build = Callable[[Door], MachineLike]
FAR = 1 << 62  # instructions
MS = 1_000_000
HOUSEKEEPING_NS = 50 * MS
WAIT_NS = 100 * MS
SILENCE_NS = 10_000 * MS
UNREAD_NS = 1_000 * MS  # a Ctrl-C that the guest does not read for so long ends it
BACKLOG_SLICE = 100_000  # instructions between two looks at a full receiver
SETTLE = 3  # kicks (100 ms each, if nothing else kicks) after which a guest is taken to retire nothing any more
CTRL_C = b"\x03"


class RunSession:
    """One live run of the machine that `build` makes. `run()` returns how it ended."""

    machine: MachineLike

    def __init__(self, build: Build, host: Host, options: Options):
        self.host, self.options = host, options
        self._build = build
        self._built = False
        self.queue = AsyncQueue(self._log)
        self.queue.handler(CharRead, self._receive)
        self.block = LiveBlock(host.disks, self.queue)
        self.checkpoints = Checkpoints(self.queue)
        self._outcome: Outcome | None = None
        self._rest = Rest()
        self._rate = AutoRate(options.shift) if options.auto_shift else None
        self._new_shift: int | None = None
        self._reset_wanted = False
        self._unread: tuple[int, int, int] | None = None  # (port, room after a Ctrl-C, since when)
        self._next_housekeeping = 0
        self._stood_since: int | None = None  # the machine stands by somebody's wish
        self._stood_ns = 0
        self._entered: Moment | None = None  # when the last event did
        self._arrived_here = False  # nothing has happened since the machine came to this moment
        self.snapshots = Snapshots()
        self.drive: Callable[[], None] = self.turn
        self.attended = False  # somebody may look at it who would not want it to end because it has halted
        self.met: Any = None  # the stop of a breakpoint or watchpoint, until somebody takes it
        self._ran_ns = 0  # host time in which the machine ran (neither halted nor asleep), up to the last look

    # -- the loop

    def run(self) -> Outcome:
        with self.host:
            self.checkpoints.reached(Checkpoint.INIT)
            serial: list[Sink] = list(self.host.serial)
            self.door = Door(self._host_clock, serial, self.host.debugcon, self.host.disks, self._printed)
            self.machine = self.block.machine = self._build(self.door)
            self._built = True
            self.clocks = Clocks(self.host.realtime_ns, self.machine.now_ns, self._host_clock, self._virtual_rt)
            self._began_ns = self.host.realtime_ns()
            self.host.start(self.machine.kick)
            self._entered, self._arrived_here = None, True
            if self.options.begin is not None:
                self._begin_at(self.options.begin)
            self._start()
            self.checkpoints.reached(Checkpoint.RESET)
            while self._outcome is None:
                self.drive()
            self.host.flush()
        return self._outcome

    def _begin_at(self, saved: Saved) -> None:
        """`-loadvm`: the machine has just been made, and its disks are what they were then."""
        machine: Any = self.machine
        self._check_media(saved.parts)
        checkpoint.restore(machine, saved.parts, saved.pages)
        self.snapshots.written(checkpoint.written_pages(machine))
        if self._rate is not None:
            self._rate = AutoRate(machine.shift)

    def _check_media(self, parts: Mapping[str, bytes]) -> None:
        if self.host.disks is not None:
            check_media(parts, self.host.disks.count)

    @property
    def outcome(self) -> Outcome | None:
        """How it ended, once it has."""
        return self._outcome

    def turn(self, until: Moment | None = None) -> None:
        """Run until there is something to do, and do it. `until`: a debugger's next stop, in front of which what waits
        goes on waiting, unless an instruction has just retired there.
        """
        before, began = self.machine.icount, self.host.realtime_ns()
        limit = Moment(self._limit())
        stop = self.machine.run(*(limit if until is None else min(limit, until)))
        self._arrived()
        now = self.host.realtime_ns()
        self._ran_ns += now - began
        if self._rate is not None and stop.kind != "halted":
            shift = self._rate.ran(now - began, self.machine.icount - before)
            self._new_shift = self._new_shift if shift is None else shift
        self.host.flush()
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + HOUSEKEEPING_NS
            self._housekeep(now)
        settled = stop.kind == "budget" and not self.machine.seq
        if stop.kind == "kick" and until is None and self._something_waits():
            stop, settled = self._settle(), True
        self._arrived_here = stop.kind in ("budget", "halted")
        if stop.kind == "shutdown":
            self._end(stop.cause, stop.status)
        elif stop.kind == "reset":
            self._guest_reset(stop.cause)
        elif stop.kind == "halted":
            self._halted(stop.deadline_ns)
        elif stop.kind in ("break", "watch"):
            self.met = stop  # the instruction here may have begun to be fetched: a replay that arrives here has not
        elif settled and self._something_waits():
            self._let_in()

    def _settle(self) -> Any:
        """After a kick: go on until an instruction has just retired, which is a moment that a replay arrives at."""
        before, kicks = self.machine.icount, 0
        while True:
            at = self._moment()
            stop = self.machine.run(before + 1)
            self._arrived()
            kicks += self._moment() > at
            if stop.kind != "kick" or self.machine.icount > before or kicks == SETTLE:
                return stop

    def _halted(self, deadline_ns: int) -> None:
        """The CPU waits for an interrupt: let in what is there, else move virtual time on, else sleep."""
        self.checkpoints.reached(Checkpoint.CLOCK_WARP_START)
        wanted_ns = self._virtual_rt()
        live = self.host.input_possible  # looked at first: the last input is in the inbox before its device is not live
        busy = self.block.busy
        if self._something_waits():
            virtual_ns = self.machine.now_ns()
            if self.options.sleep:
                virtual_ns = max(virtual_ns, min(wanted_ns, deadline_ns - 1))
            self._log(ClockVirtualRt(ns=virtual_ns))
            self.machine.warp(virtual_ns)
            self._rest.over()
            self.checkpoints.reached(Checkpoint.CLOCK_VIRTUAL_RT)
            self._let_in()
        elif deadline_ns == NEVER and not (live or busy or self.attended):
            self._end("none", 0, "the guest has halted, and nothing is left that could wake it")
        elif deadline_ns == NEVER or (busy and not self.options.sleep):
            self.host.wait(WAIT_NS)
        elif not (self.options.sleep and (live or busy)) or wanted_ns >= deadline_ns:
            self.machine.warp(deadline_ns)
            self._arrived_here = False
            self._rest.over(wanted_ns - deadline_ns)
        else:
            self.host.wait(min(deadline_ns - wanted_ns, WAIT_NS))

    def _virtual_rt(self) -> int:
        """The virtual-realtime clock: only a halted CPU has one."""
        return self._rest.virtual_rt_ns(self.host.realtime_ns(), self.machine.now_ns())

    # -- what enters

    def _something_waits(self) -> bool:
        """Whether anything is to enter the machine at the next moment that it can."""
        return bool(
            self.host.quit_cause()
            or self._reset_wanted
            or self._new_shift is not None
            or any(d.waiting and self.machine.serial_room(i) > 0 for i, d in enumerate(self.host.serial))
            or self.block.waiting
        )

    def _let_in(self) -> None:
        """Everything that waits enters now, in a fixed order."""
        if self._new_shift is not None:
            self._log(ClockRate(shift=self._new_shift))
            self.machine.set_shift(self._new_shift)
            self._new_shift = None
        for port, device in enumerate(self.host.serial):
            room = self.machine.serial_room(port)
            data = device.take(room) if device.waiting and room > 0 else b""
            if data:
                self.queue.add_input(CharRead(port=port, data=bytearray(data)))
                self.checkpoints.reached(Checkpoint.CLOCK_WARP_ACCOUNT)
                self.host.look_again()
                if device.terminal and data.endswith(CTRL_C):
                    self._unread = (port, self.machine.serial_room(port), self.host.realtime_ns())
        if self.block.waiting:
            self.block.let_in()
            self.checkpoints.reached(Checkpoint.CLOCK_WARP_ACCOUNT)
        if self._reset_wanted:
            self._reset_wanted = False
            self._log(ResetRequested(cause=cause_number("host-ui")))
            self.checkpoints.reached(Checkpoint.RESET_REQUESTED)
            self.machine.reset()
        cause = self.host.quit_cause()
        if cause:
            self._log(Shutdown(cause=cause_number(cause)))
            self._end(cause, 0, f"ended by {self.host.quit_name()}")

    def _receive(self, event: Any) -> None:
        taken = self.machine.serial_receive(event.port, bytes(event.data))
        assert taken == len(event.data), f"serial port {event.port} had room for {len(event.data)} bytes, took {taken}"

    # -- standing, and what is asked for then

    def pause(self) -> None:
        """From now on the machine stands: virtual time does too, and real time does not count."""
        if self._stood_since is None:
            self._stood_since = self.host.realtime_ns()

    def go_on(self) -> None:
        """The end of a `pause`."""
        if self._stood_since is None:
            return
        stood_ns, self._stood_since = self.host.realtime_ns() - self._stood_since, None
        self._stood_ns += stood_ns
        self._rest.put_off(stood_ns)
        if self._unread is not None:
            self._unread = (*self._unread[:2], self._unread[2] + stood_ns)

    def stand(self) -> None:
        """Wait, in a pause, until something arrives."""
        self.host.flush()
        self.host.wait(WAIT_NS)

    @property
    def settled(self) -> bool:
        """Whether the last turn ended behind an instruction or a delivery, or with a halted CPU: not in mid-air."""
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
        self.block.keep_originals()
        saved = self.snapshots.keep(self.machine, name, date_text())  # type: ignore[arg-type]
        if self.host.disks is not None and self.host.disks.vm_images.take:
            from playhead.session import vm_state  # here: only `savevm` into an image needs it

            vm_state.store(saved, self.machine.config, self.host.disks)  # type: ignore[attr-defined]
        return saved

    @property
    def vm_images(self) -> VmImages | None:
        """The images that take snapshots."""
        return self.host.disks.vm_images if self.host.disks is not None else None

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
        self._arrived_here = self._reset_wanted = False
        self._unread = self._new_shift = None
        self._rest.over()
        if self._rate is not None:
            self._rate = AutoRate(machine.shift)
        return saved

    def forget_snapshot(self, name: str) -> None:
        """`delvm`."""
        images = self.vm_images
        if not (images is not None and images.delete(name)) or name in self.snapshots:
            self.snapshots.forget(name)

    def request_reset(self) -> None:
        """Press the reset button (a monitor's `system_reset`); it takes effect at the next moment, and is logged."""
        self._reset_wanted = True
        self.machine.kick()

    def _guest_reset(self, cause: str) -> None:
        """The guest reset itself: that falls out, so it is no event."""
        if self.options.no_reboot:
            self._end(cause or "guest-reset", 0, "the guest reset the machine, and -no-reboot makes that the end")
        else:
            self.checkpoints.reached(Checkpoint.RESET_REQUESTED)
            self.machine.reset()

    # -- around it

    def _housekeep(self, now_ns: int) -> None:
        """What has to be done now and then, in real time."""
        if self.options.silent_hint and now_ns - self._began_ns - self._stood_ns > SILENCE_NS:
            if not any(tap.count for tap in self.door.taps):
                self.host.message(self.options.silent_hint)
            self.options.silent_hint = ""
        if self._unread is not None:
            port, room, since_ns = self._unread
            if self.machine.serial_room(port) > room:
                self._unread = None
            elif now_ns - since_ns > UNREAD_NS:
                self._unread = None
                self.host.request_quit("Ctrl-C, which the guest does not read")

    def _moment(self) -> Moment:
        return Moment(self.machine.icount, self.machine.seq) if self._built else START

    def _end(self, cause: str, status: int, note: str = "") -> None:
        m = self.machine
        wall_ns = self.host.realtime_ns() - self._began_ns
        self._outcome = Outcome(cause, status, m.icount, m.seq, m.now_ns(), wall_ns, note)

    # -- what recording adds

    def _start(self) -> None:
        """The machine has been built and nothing has run."""

    def _limit(self) -> int:
        """How far the machine may run before it has to be looked at."""
        backlog = any(d.waiting for d in self.host.serial)
        return self.machine.icount + (BACKLOG_SLICE if backlog else FAR - self.machine.icount)

    def _arrived(self) -> None:
        """The machine has run."""

    def _log(self, event: Any) -> None:
        """An event takes effect now."""
        self._entered = self._moment()

    def _printed(self, port: int, data: bytes) -> None:
        """The guest has printed something. Called from inside `run`: must not raise."""

    def _host_clock(self) -> int:
        """The guest reads the date. Called from inside `run`: must not raise."""
        return self.host.clock_ns()
