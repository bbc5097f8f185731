"""Everything outside that a session uses, in one object, so that a test can put a quiet world in its place."""

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playhead.base.errors import UsageError
from playhead.base.messages import tell
from playhead.host import clock
from playhead.host.chardev import CharDevice, Pty, Stdio, open_chardev
from playhead.host.signals import Signals
from playhead.host.terminal import HELP, INTERRUPT_ENDS, INTERRUPT_TO_GUEST, MONITOR, QUIT, StatusLine
from playhead.host.watch import Source, Watcher

if TYPE_CHECKING:
    from playhead.host.disks import Disks


class Host:
    """Clocks, character devices, signals, messages. `with host: host.start(machine.kick)`."""

    def __init__(self, serial: Sequence[str] = (), debugcon: str = "null", *, mux: bool = False, reads: bool = True,
                 disks: "Disks | None" = None):  # fmt: skip
        if sum(s in ("stdio", "mon:stdio") for s in serial) > 1:
            raise UsageError("-serial stdio can serve one serial port only")
        self.status = StatusLine()
        self.serial: list[CharDevice] = []
        for i, spec in enumerate(serial):
            self.serial.append(open_chardev(spec, f"serial{i}", self.status, self.message, mux=mux, reads=reads))
        self.debugcon = open_chardev(debugcon, "debugcon", self.status, self.message, reads=False)
        self._all = [*self.serial, self.debugcon]
        self.disks = disks
        self._added: list[Source] = []
        self._typed_at = False  # something that was added takes what somebody types
        self._watcher = Watcher()
        self._signals = Signals(self._leave_terminal, self._enter_terminal)
        self._quit = self._quit_name = ""
        self._told: set[str] = set()  # devices that cannot be written
        self.realtime_ns: Callable[[], int] = clock.realtime_ns
        self.clock_ns: Callable[[], int] = clock.host_ns

    def __enter__(self) -> "Host":
        try:
            self._signals.install()  # before a terminal is raw: from then on every way out puts it back
            for device in self._all:
                device.open()
                if isinstance(device, Pty):
                    device.poke = self._watcher.poke
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self, wake: Callable[[], None]) -> None:
        """From now on `wake` is called when something arrives, and every 100 ms."""
        self._watcher.sources = [self._signals, *self._all, *self._added]
        if self.disks is not None:
            self.disks.wake, self.disks.message = self._watcher.arrived, self.message
        self._watcher.start(wake)

    def add(self, source: Source, *, typed_at: bool = False) -> None:
        """Watch something else, too: before `start`. `typed_at`: it is as good as serial input, a monitor say."""
        self._added.append(source)
        self._typed_at |= typed_at

    def close(self) -> None:
        if self.disks is not None:
            self.disks.close()
        self._watcher.stop()
        self.status.clear()
        for device in self._all:
            device.close()
        self._signals.remove()

    def wait(self, timeout_ns: int) -> None:
        """Sleep until something arrives, or so long."""
        self._watcher.wait(timeout_ns)

    def arrived(self) -> None:
        """From any thread: something has come that is not watched here."""
        self._watcher.arrived()

    def look_again(self) -> None:
        """Input was taken: a device whose inbox was full may read on."""
        self._watcher.poke()

    def flush(self) -> None:
        """Let the guest's output out; a standard output that has closed asks for the end."""
        for device in self._all:
            device.flush()
            if isinstance(device, Stdio) and device.broken:
                self.request_quit(f"standard output: {device.broken}")
            elif device.broken and device.label not in self._told:
                self._told.add(device.label)
                self.message(f"{device.label}: {device.broken}; what the guest prints there is lost from here on")

    @property
    def input_possible(self) -> bool:
        """Whether serial input may still come, apart from what waits already."""
        return self._typed_at or any(d.live for d in self.serial)

    def request_quit(self, name: str) -> None:
        """Ask for the end of the run; `name` says on whose behalf."""
        if not self._quit:
            self._quit, self._quit_name = "host-ui", name

    def quit_cause(self) -> str:
        """Why the run is to end, in the words of `log.causes`; empty if it is not."""
        if self._signals.received:
            return "host-signal"
        for device in self.serial:
            while device.commands:
                if device.commands.popleft() == QUIT:
                    self.request_quit("Ctrl-A x")
                else:
                    self.message(_keys(device))
        return self._quit

    def exit_status(self, status: int) -> int:
        """The exit status of a run that would have this one: a standard output that is full is a failure, and said."""
        full = [d.broken for d in self._all if isinstance(d, Stdio) and d.full]
        if full:
            self.message(f"cannot write standard output: {full[0]}")
        return 2 if full else status

    def forgive_interrupt(self) -> bool:
        """Whether Ctrl-C was pressed: it meant what was going on, and is forgotten."""
        if self._signals.received != signal.SIGINT:
            return False
        self._signals.forget()
        return True

    def quit_name(self) -> str:
        """What asked for the end, for people."""
        if self._signals.received:
            return signal.Signals(self._signals.received).name
        return self._quit_name

    def message(self, *lines: str) -> None:
        """Tell the user something, on standard error."""
        self.status.fresh_line()
        tell(*lines)

    def _leave_terminal(self) -> None:
        self.status.clear()
        for device in self._all:
            if isinstance(device, Stdio) and device.raw is not None:
                device.raw.restore()

    def _enter_terminal(self) -> None:
        for device in self._all:
            if isinstance(device, Stdio) and device.raw is not None and device.raw.usable(0):
                device.raw.enter()


def _keys(device: CharDevice) -> str:
    """What keys mean at it."""
    mux = isinstance(device, Stdio) and device.mux
    monitor = isinstance(device, Stdio) and device.switched is not None
    interrupt = INTERRUPT_TO_GUEST if mux else INTERRUPT_ENDS
    return HELP.format(interrupt=interrupt, monitor=MONITOR if monitor else "").strip("\n")
