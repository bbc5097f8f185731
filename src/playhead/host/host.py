"""All of the outside that a session uses, in one object, so that a test can replace it."""

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playhead.base.errors import UsageError
from playhead.base.messages import tell
from playhead.host import clock
from playhead.host.chardev import CharDevice, Stdio, open_chardev
from playhead.host.end import HostEnd
from playhead.host.signals import Signals
from playhead.host.terminal import HELP, INTERRUPT_ENDS, INTERRUPT_TO_GUEST, MONITOR, QUIT, StatusLine
from playhead.host.watch import Source, Watcher

if TYPE_CHECKING:
    from playhead.host.disks import Disks


class Host:
    """Clocks, ends of devices, signals, messages. `with host: host.start(machine.kick)`."""

    def __init__(self, serial: Sequence[str] = (), debugcon: str = "null", *, mux: bool = False, reads: bool = True,
                 disks: "Disks | None" = None):  # fmt: skip
        """`serial` and `debugcon` are character devices' specs; `connect` adds ends of other kinds."""
        if sum(s in ("stdio", "mon:stdio") for s in serial) > 1:
            raise UsageError("-serial stdio can serve one serial port only")
        self.status = StatusLine()
        self.ends: dict[str, HostEnd] = {}  # by the name of the device that each is for
        for i, spec in enumerate(serial):
            name = f"serial{i}"
            self.connect(name, open_chardev(spec, name, self.status, self.message, mux=mux, reads=reads))
        self.connect("debugcon", open_chardev(debugcon, "debugcon", self.status, self.message, reads=False))
        if disks is not None:
            self.connect("disks", disks)
        self._watched_too: list[Source] = []
        self._typed_at = False  # something that was added takes typed input
        self._watcher = Watcher()
        self._signals = Signals(self._leave_terminal, self._enter_terminal)
        self._quit = self._quit_name = ""
        self._told: set[str] = set()  # ends that cannot be written
        self.realtime_ns: Callable[[], int] = clock.realtime_ns
        self.clock_ns: Callable[[], int] = clock.host_ns

    def connect(self, name: str, end: HostEnd) -> None:
        """This is what the device of that name is connected to: before the run starts."""
        self.ends[name] = end

    @property
    def serial(self) -> list[CharDevice]:
        """The ends of the serial ports."""
        return [end for name, end in self.ends.items() if name.startswith("serial") and isinstance(end, CharDevice)]

    @property
    def outputs(self) -> dict[str, CharDevice]:
        """The ends that print, by the names of their devices."""
        return {name: end for name, end in self.ends.items() if isinstance(end, CharDevice)}

    def __enter__(self) -> "Host":
        try:
            self._signals.install()  # before a terminal is raw: from then on every way out puts it back
            for end in self.ends.values():
                end.poke, end.wake, end.message = self._watcher.poke, self._watcher.arrived, self.message
                end.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self, wake: Callable[[], None]) -> None:
        """From now on `wake` is called when something arrives, and every 100 ms."""
        self._watcher.sources = [self._signals, *self.ends.values(), *self._watched_too]
        self._watcher.start(wake)

    def add(self, source: Source, *, typed_at: bool = False) -> None:
        """Watch another source, too: before `start`. `typed_at`: it takes typed input, as a monitor does."""
        self._watched_too.append(source)
        self._typed_at |= typed_at

    def close(self) -> None:
        for end in self.ends.values():
            end.stop()
        self._watcher.stop()
        self.status.clear()
        for end in self.ends.values():
            end.close()
        self._signals.remove()

    def wait(self, timeout_ns: int) -> None:
        """Sleep until something arrives, or for that long."""
        self._watcher.wait(timeout_ns)

    def arrived(self) -> None:
        """From any thread: something has arrived that the watcher does not see."""
        self._watcher.arrived()

    def look_again(self) -> None:
        """The wants of a source have changed: the watcher is to look at all of them again."""
        self._watcher.poke()

    def flush(self) -> None:
        """Write out the guest's output. If standard output has been closed, ask for the end of the run."""
        for end in self.ends.values():
            end.flush()
            if end.broken:
                self._broken(end)

    def _broken(self, end: HostEnd) -> None:
        if isinstance(end, Stdio):
            self.request_quit(f"standard output: {end.broken}")
        elif end.label not in self._told:
            self._told.add(end.label)
            self.message(f"{end.label}: {end.broken}; what the guest prints there is lost from here on")

    @property
    def input_possible(self) -> bool:
        """Whether input may still come, apart from what is pending already."""
        return self._typed_at or any(end.live for end in self.ends.values())

    def request_quit(self, name: str, cause: str = "host-ui") -> None:
        """Ask for the end of the run; `name` says who asks, `cause` is in the words of `log.causes`."""
        if not self._quit:
            self._quit, self._quit_name = cause, name

    def quit_cause(self) -> str:
        """Why the run is to end, in the words of `log.causes`; empty if it is not."""
        if self._signals.received:
            return "host-signal"
        for end in self.ends.values():
            while end.commands:
                if end.commands.popleft() == QUIT:
                    self.request_quit("Ctrl-A x")
                else:
                    self.message(_keys(end))
        return self._quit

    def exit_status(self, status: int) -> int:
        """The exit status of a run, given the one that it would have. A full standard output is a reported failure."""
        full = [end.broken for end in self.ends.values() if isinstance(end, Stdio) and end.full]
        if full:
            self.message(f"cannot write standard output: {full[0]}")
        return 2 if full else status

    def forgive_interrupt(self) -> bool:
        """True if Ctrl-C was pressed. It was meant for the current command, and does not end the run."""
        if self._signals.received != signal.SIGINT:
            return False
        self._signals.forget()
        return True

    def quit_name(self) -> str:
        """What asked for the end, for messages."""
        if self._signals.received:
            return signal.Signals(self._signals.received).name
        return self._quit_name

    def message(self, *lines: str) -> None:
        """Tell the user something, on standard error."""
        self.status.fresh_line()
        tell(*lines)

    def _leave_terminal(self) -> None:
        self.status.clear()
        for device in self.ends.values():
            if isinstance(device, Stdio) and device.raw is not None:
                device.raw.restore()

    def _enter_terminal(self) -> None:
        for device in self.ends.values():
            if isinstance(device, Stdio) and device.raw is not None and device.raw.usable(0):
                device.raw.enter()


def _keys(device: HostEnd) -> str:
    """The help text for its keys."""
    mux = isinstance(device, Stdio) and device.mux
    monitor = isinstance(device, Stdio) and device.switched is not None
    interrupt = INTERRUPT_TO_GUEST if mux else INTERRUPT_ENDS
    return HELP.format(interrupt=interrupt, monitor=MONITOR if monitor else "").strip("\n")
