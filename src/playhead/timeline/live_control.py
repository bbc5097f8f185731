"""A machine that runs, as its user controls it: paused and continued, reset, ended, its media changed.

What is asked for is input: it goes through the session's sources, is logged, and enters at a moment at which a replay
arrives too. While the machine is paused, that is the moment of the pause, as in QEMU, where a reset or the power button
does not wait for `cont`. Only at a breakpoint nothing enters but a reset and the end: the processor may have begun to
fetch the instruction, which it has not when a replay arrives at that moment; so the rest waits there.

A pause takes no time: virtual time follows the instructions, and what passes in the world outside does not count.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playhead.base.errors import PlayheadError, UsageError
from playhead.base.keyboard.typed_text import keys_of_text
from playhead.log.moment import Moment
from playhead.machine.machine import Machine
from playhead.session import input_words
from playhead.session.drives import DriveNow, Drives, moved_tray
from playhead.session.network import cards_of, netdevs_of, rarp
from playhead.session.run import RunSession
from playhead.session.snapshots import Saved
from playhead.session.sources import InputSource, NetSource, NmiSource, PowerButtonSource, ResetSource, WakeUpSource
from playhead.session.sources.media import TRAY_MOVED
from playhead.session.viewing import Viewing
from playhead.timeline.control import QMP_QUIT, QMP_RESET, Named
from playhead.timeline.debuggee import Debuggee, Stop

TRIES = 16  # short turns in which a machine reaches a proper place to stop, if it does at all


class LiveControl(Debuggee):
    """`stopped`: paused by the user or by gdb; `held`: gdb is attached, and says when it continues; `moving`: gdb has
    continued it.

    `turn` takes the place of the session's loop. `attend` is called between turns, wherever the machine runs: there
    gdb, monitors and QMP are served, which may call whatever is here. The machine is paused meanwhile.
    """

    def __init__(self, session: RunSession, refusal: str = "", recording: str = ""):
        super().__init__()
        self.session, self.refusal, self.recording = session, refusal, recording
        self.mode = "record" if recording else "none"
        self.drives = Drives(session)
        self.stopped = self.held = self.moving = False
        self._paused_as = "prelaunch"  # as long as nothing has run, and after a reset in a pause
        self._buttons = 0  # of the mouse, that are pressed
        self._trays: dict[str, bool] | None = None  # whether each was open at the last look
        self.attend: Callable[[], None] = lambda: None
        self.failure: PlayheadError | None = None  # of the session, while gdb had the machine running
        session.drive = self.turn
        session.happened = self._happened

    @property
    def machine(self) -> Machine:
        machine = self.session.machine
        assert isinstance(machine, Machine)
        return machine

    @property
    def runs(self) -> RunSession:
        return self.session

    @property
    def stands(self) -> bool:
        """Whether it is paused, or moves only because gdb has it moving."""
        return self.stopped or self.held

    def observe(self) -> None:
        """A debugger or a monitor may look: a CPU that has halted for good does not end the run."""
        self.session.observed = True

    # the session's loop

    def turn(self) -> None:
        """Run for a while, or wait for a command to do so. A request from outside to end is obeyed in any case."""
        self.attend()
        if self.failure is not None:
            raise self.failure
        if self.session.outcome is not None:
            return
        if self.stands and not self.session.host.quit_cause():
            self.session.pause()
            self.session.wait_paused()
        else:
            self.session.go_on()
            self._run(self._next() if self.stands else None)

    def _run(self, until: Moment | None) -> None:
        """A turn of the session, and a look at what it has moved."""
        if until is None:
            self._paused_as = "paused"
        self.session.turn(until)
        self._look_at_trays()

    def _turned(self, until: Moment | None = None) -> Stop | None:
        """One turn; the breakpoint or watchpoint that it met, if that counts."""
        session = self.session
        self._run(until)
        stop, session.met = session.met, None
        if stop is None or session.outcome is not None:
            return None
        if stop.accesses:
            return self._watch_stop(stop.accesses)
        return self._break_stop() if self._holds(self.machine.pc()) else None

    def _next(self) -> Moment:
        here = self.moment
        return Moment(here.icount, here.seq + 1)

    # running and stopping

    def run_state(self) -> str:
        if self.session.outcome is not None:
            return "shutdown"
        if not self.stands or (self.moving and not self.stopped):
            return "suspended" if self.machine.suspended else "running"
        return "debug" if self.held else self._paused_as

    def stop(self) -> None:
        """Pause, for the user."""
        ran, self.stopped = self.running, True
        self._come_to_stand()
        if ran:
            self._paused_as = "paused"
        if ran and not self.moving:
            self._stands_now()

    def hold(self) -> None:
        """gdb has come."""
        ran, self.held = self.running, True
        self._come_to_stand()
        if ran:
            self._stands_now()

    def let_go(self, on: bool = True) -> None:
        """gdb has detached. `on`: the machine continues, even if it was paused before."""
        self.held = False
        self.stopped = self.stopped and not on
        self._apply()  # what gdb had inserted has been removed
        if self.running:
            self.tell("RESUME")

    def go_on(self) -> None:
        """The user wants it to run."""
        if not self.stands or (self.moving and not self.stopped):
            return
        if self.held:
            raise UsageError("gdb is attached and has it stopped: continue there")
        self.stopped = False
        self.tell("RESUME")

    def _stands_now(self) -> None:
        if self.session.outcome is None:
            self.tell("STOP")

    def _come_to_stand(self) -> Stop | None:
        """Run on until an instruction has just retired or a delivery is done, if that is soon; returns what was hit on
        the way.
        """
        for _ in range(TRIES):
            if self.session.settled or self.session.outcome is not None:
                break
            met = self._turned(self._next())
            if met is not None:
                return met
        self.session.pause()
        return None

    def quit(self, cause: str = QMP_QUIT, by: str = "quit") -> None:
        self.session.host.request_quit(by, cause)
        self._let_in(wherever=True)

    # what changes the machine

    def _let_in(self, *, wherever: bool = False) -> None:
        """What has been asked for enters now, if the machine can take it. `wherever`: at a breakpoint, too."""
        session = self.session
        if not (session.settled or wherever or self.running):
            return
        until = self.moment if session.settled else self._next()
        with self._shortly():
            for _ in range(TRIES):
                if session.outcome is not None or not session.sources.pending:
                    break
                self._run(until)
                session.met, until = None, self._next()

    @contextmanager
    def _shortly(self) -> Iterator[None]:
        """For a few short turns, in which no breakpoint counts; the machine is paused again if it was."""
        debug, session = self.machine.debug, self.session
        armed, paused = debug.armed, session.paused
        debug.arm(False)
        session.go_on()
        try:
            yield
        finally:
            debug.arm(armed)
            if paused:
                session.pause()

    def press_reset(self, cause: str = QMP_RESET) -> None:
        if self.session.options.no_reboot:
            self.quit(cause, "system_reset, and -no-reboot makes that the end")
            return
        self.session.sources[ResetSource].press(cause)
        self._let_in(wherever=True)
        if self.stands and not self.moving:
            self._paused_as = "prelaunch"

    def press_power(self) -> None:
        self.session.sources[PowerButtonSource].press()
        self._let_in()

    def wake_up(self) -> None:
        if not self.machine.suspended:
            raise UsageError("Unable to wake up: guest is not in suspended state")
        self.session.sources[WakeUpSource].press()
        self._let_in()

    def raise_nmi(self) -> None:
        self.session.sources[NmiSource].press()
        self._let_in()

    def send_input(self, events: Sequence[Any]) -> None:
        self._input.send(events)
        self._let_in()

    def send_keys(self, keys: Sequence[Any], hold_ms: int | None = None) -> None:
        self._input.send_keys(keys, hold_ms)
        self._let_in()

    def type_text(self, text: str, layout: str = "", hold_ms: int | None = None, between_ms: int | None = None) -> None:
        chords = keys_of_text(text, layout or self.outside.keyboard)
        self._input.send_text(chords, hold_ms, between_ms)
        self._let_in()

    def move_mouse(self, dx: int, dy: int, dz: int = 0) -> None:
        self._input.send([*input_words.moves(dx, dy), *input_words.wheel(dz)])
        self._let_in()

    def press_buttons(self, held: int) -> None:
        self._input.send(input_words.buttons(held, self._buttons))
        self._buttons = held
        self._let_in()

    @property
    def _input(self) -> InputSource:
        """Nobody types at a machine that is paused, as in QEMU: it would not be there to see it."""
        if not self.running:
            raise UsageError("VM not running: keys and movements reach a machine that runs; continue it first")
        return self.session.sources[InputSource]

    def eject(self, device: str, force: bool = False) -> None:
        try:
            self.drives.eject(device, force)
        finally:
            self._let_in()  # a guest that has locked the tray is told, too

    def change(self, device: str, path: str, format: str | None = None, force: bool = False,
               read_only: bool = False) -> None:  # fmt: skip
        try:
            self.drives.change(device, path, format, force, read_only)
        finally:
            self._let_in()

    def set_link(self, name: str, up: bool) -> None:
        wiring, cards = self.outside.wiring, cards_of(self.machine)
        end = wiring.port(name)
        found = [n for n, card in enumerate(cards) if end != "" and end in (n, card.id, card.netdev)]
        if not found and end not in [id for id, _ in wiring.idle]:
            raise UsageError(f"Device '{name}' not found")
        for number in found:
            self.session.sources[NetSource].set_link(number, up)
        self._let_in()

    def netdevs(self) -> list[tuple[str, str]]:
        found = zip(netdevs_of(self.machine), self.net_ends(), strict=True)
        return [(id, f"index=0,type={kind},{end.where}") for (id, kind), end in found]

    def net_ends(self) -> list[Any]:
        count = len(netdevs_of(self.machine))
        return [self.session.host.ends[f"net{n}"] for n in range(count)]

    def displays(self) -> Sequence[Any]:
        return self.session.sinks[Viewing].views

    def announce(self, cards: Sequence[str] | None = None) -> None:
        """Once, where QEMU repeats it a few times: what joins machines here loses nothing."""
        ends = {end.label: end for end in self.net_ends()}
        for card in cards_of(self.machine):
            if card.netdev in ends and (cards is None or card.id in cards):
                ends[card.netdev].send(rarp(card.mac))

    def drives_now(self) -> list[DriveNow]:
        return self.drives.now()

    def _look_at_trays(self) -> None:
        """Tell of each tray that the guest has moved since the last look."""
        if self._trays is not None and not self._trays:
            return
        before, now = self._trays, self.drives.trays()
        if before is not None and before != now:
            for name, is_open in now.items():
                if before.get(name) != is_open:
                    self.tell(TRAY_MOVED, device=name, id=self.drives.device_id(name), tray_open=is_open)
        self._trays = now

    def _happened(self, name: str, **data: Any) -> None:
        """In the session."""
        if name == TRAY_MOVED:
            data = moved_tray(self.machine, **data)
            if self._trays is not None:
                self._trays[data["device"]] = data["tray_open"]
        self.tell(name, **data)

    # snapshots

    def save(self, name: str) -> Saved:
        """Of this moment, or of the next one that a replay arrives at just so."""
        session = self.session
        session.snapshots.check(self.machine, name)
        with self._shortly():
            for _ in range(TRIES):
                if session.at_arrival:
                    return session.save_snapshot(name)
                self._turned(self._next())
                if session.outcome is not None:
                    raise UsageError("the machine has ended")
        raise UsageError(f"something has just entered the machine, which stays at {self.moment}: try again")

    def load(self, name: str) -> Saved:
        """At once."""
        return self.session.load_snapshot(name)

    def delete(self, name: str) -> None:
        self.session.forget_snapshot(name)

    def snapshots(self) -> list[Named]:
        """Those of this run, then those of earlier ones that are in an image."""
        return [*self.session.snapshots.all(), *self.session.kept_in_images()]
