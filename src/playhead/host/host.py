"""All of the outside that a session uses, in one object, so that a test can replace it."""

import os
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from playhead.base.messages import tell
from playhead.host import clock
from playhead.host.chardev.backends import Backends
from playhead.host.chardev.device import CharDevice
from playhead.host.chardev.mux import MuxPort
from playhead.host.chardev.spec import Spec
from playhead.host.chardev.standard import Stdio
from playhead.host.end import HostEnd
from playhead.host.signals import Signals
from playhead.host.terminal import HELP, INTERRUPT_ENDS, INTERRUPT_TO_GUEST, MONITOR, QUIT, StatusLine
from playhead.host.watch import Source, Watcher

if TYPE_CHECKING:
    from playhead.host.disks import Disks

SLOW_NS = 2_000_000_000  # a reader that is behind for so long is worth a message


class Host:
    """Clocks, ends of devices, signals, messages. `with host: host.start(machine.kick)`."""

    def __init__(self, serial: Sequence[str | Spec] = (), debugcon: str | Spec = "null", *, mux: bool = False,
                 reads: bool = True, disks: "Disks | None" = None, chardevs: Sequence[Spec] = ()):  # fmt: skip
        """`serial` and `debugcon` are what those ports are connected to; `connect` adds ends of other kinds.
        `chardevs`: those that specs name by their ids. `mux`: Ctrl-C goes to the guest, and Ctrl-A is an escape key in
        any case.
        """
        self.status = StatusLine()
        self.ends: dict[str, HostEnd] = {}  # by the name of the device that each is for
        self._backends = Backends(chardevs, self.status, nographic=mux, reads=reads)
        self._list()
        self._slow_since = 0  # when a reader was first seen to be behind
        try:
            for i, spec in enumerate(serial):
                self.connect(f"serial{i}", self._backends.front(spec, f"serial{i}"))
            self.connect("debugcon", self._backends.front(debugcon, "debugcon", reads=False))
        except BaseException:
            self._backends.close()
            raise
        if disks is not None:
            self.connect("disks", disks)
        self._watched_too: list[Source] = []
        self._typed_at = False  # something that was added takes typed input
        self._watcher = Watcher()
        self._signals = Signals(self._leave_terminal, self._enter_terminal)
        self._quit = self._quit_name = ""
        self._told: set[str] = set()  # ends that cannot be written
        self.realtime_ns: Callable[[], int] = clock.realtime_ns
        self.worked_ns: Callable[[], int] = clock.worked_ns
        self.clock_ns: Callable[[], int] = clock.host_ns

    def connect(self, name: str, end: HostEnd) -> None:
        """This is what the device of that name is connected to: before the run starts."""
        self.ends[name] = end
        self.status.enabled &= not end.takes_terminal
        self._list()

    def _list(self) -> None:
        """Make the list of whatever is opened, watched and closed: a mux's device, not its ports."""
        devices = self._backends.devices
        others = (end for end in self.ends.values() if end not in devices and not isinstance(end, MuxPort))
        self._all: list[HostEnd] = [*devices, *others]

    def transport(self, spec: str | Spec, label: str, *, monitor: bool = False, option: str = "") -> CharDevice:
        """What a monitor or a debugger talks through: before the run starts. `option`: the word that asks for it."""
        device = self._backends.front(spec, label, held=True, monitor=monitor, option=option)
        self._typed_at |= monitor
        self._list()
        return device

    @property
    def shared_monitors(self) -> list[MuxPort]:
        """Monitors that share a character device with a port (`mon:`)."""
        return self._backends.shared_monitors

    def consoles(self) -> list[CharDevice]:
        """The virtual consoles, those of monitors first."""
        found = [device for device in self._backends.devices if device.where == "vc"]
        return sorted(found, key=lambda device: not device.label.startswith("monitor"))

    def chardevs(self) -> list[tuple[str, str, bool]]:
        """(label, where it leads in QEMU's words, whether somebody is at the other end) of each character device."""
        return [(one.label, one.where, one.connected) for one in self._backends.devices]

    def shares_keys(self, device: HostEnd) -> bool:
        """Whether Ctrl-A c switches between several ones there."""
        return self._backends.switches(device)

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
            for end in self._all:
                end.poke, end.wake, end.message = self._watcher.poke, self._watcher.arrived, self.message
                end.ended = self._signals.look
                end.open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def start(self, wake: Callable[[], None]) -> None:
        """From now on `wake` is called when something arrives, and every 100 ms."""
        for end in self._all:
            end.opened()
        self._watcher.sources = [self._signals, *self._all, *self._watched_too]
        self._watcher.start(wake)

    def add(self, source: Source, *, typed_at: bool = False) -> None:
        """Watch another source, too: before `start`. `typed_at`: it takes typed input, as a monitor does."""
        self._watched_too.append(source)
        self._typed_at |= typed_at

    def expects_typing(self) -> None:
        """Something that is watched by a thread of its own takes typed input."""
        self._typed_at = True

    def join(self, device: CharDevice) -> None:
        """Let a transport in while the run is under way: open it and watch it."""
        device.poke, device.wake, device.message = self._watcher.poke, self._watcher.arrived, self.message
        device.open()
        self._watcher.sources = [*self._watcher.sources, device]
        self._watcher.poke()

    def part(self, device: CharDevice) -> None:
        """Close one that `transport` made or that has joined."""
        self._watcher.forget(device)
        self._backends.forget(device)
        self._list()
        device.close()

    def close(self) -> None:
        for end in self._all:
            end.stop()
        self._watcher.stop()
        self.status.clear()
        for end in self._all:
            end.close()
        self._signals.remove()

    def wait(self, timeout_ns: int) -> None:
        """Sleep until something arrives, or for that long."""
        self._watcher.wait(timeout_ns)

    def arrived(self) -> None:
        """From any thread: something has arrived that the watcher does not see."""
        self._watcher.arrived()

    def wake_every(self, ms: int | None) -> None:
        """Wake the session so often, for somebody who looks at the screen; None: as usual."""
        self._watcher.wake_every(ms)

    def look_again(self) -> None:
        """The wants of a source have changed: the watcher is to look at all of them again."""
        self._watcher.poke()

    def flush(self) -> None:
        """Write out the guest's output. If standard output has been closed, ask for the end of the run."""
        for end in self._all:
            end.flush()
            if end.broken:
                self._broken(end)

    @property
    def crowded(self) -> bool:
        """Whether a reader of the guest's output is so far behind that the machine has to wait for it. If that takes
        long, the user is told.
        """
        slow = next((end for end in self._all if end.crowded), None)
        if slow is None:
            self._slow_since = 0
            return False
        self._slow_since = self._slow_since or self.realtime_ns()
        if self.realtime_ns() - self._slow_since > SLOW_NS and slow.label not in self._told:
            self._told.add(slow.label)
            self.message(f"{slow.label}: the machine waits until its client reads")
        return True

    def _broken(self, end: HostEnd) -> None:
        if isinstance(end, Stdio):
            self.request_quit(f"standard output: {end.broken}")
        elif end.label not in self._told:
            self._told.add(end.label)
            self.message(f"{end.label}: {end.broken}; what the guest prints there is lost from here on")

    @property
    def input_possible(self) -> bool:
        """Whether input may still come, apart from what is pending already."""
        return self._typed_at or any(end.live for end in self._all)

    def request_quit(self, name: str, cause: str = "host-ui") -> None:
        """Ask for the end of the run; `name` says who asks, `cause` is in the words of `log.causes`."""
        if not self._quit:
            self._quit, self._quit_name = cause, name

    def quit_cause(self) -> str:
        """Why the run is to end, in the words of `log.causes`; empty if it is not."""
        if self._signals.received:
            return "host-signal"
        for end in self._all:
            while end.commands:
                if end.commands.popleft() == QUIT:
                    self.request_quit("Ctrl-A x")
                else:
                    self._show_keys(end)
        return self._quit

    def _show_keys(self, end: HostEnd) -> None:
        """The help text, to whoever asks for it."""
        to_guest = not (isinstance(end, Stdio) and end.signals)
        text = HELP.format(interrupt=INTERRUPT_TO_GUEST if to_guest else INTERRUPT_ENDS,
                           monitor=MONITOR if self.shares_keys(end) else "").strip("\n")  # fmt: skip
        if isinstance(end, Stdio) or not isinstance(end, CharDevice):
            self.message(text)
        else:
            end.send(("\n" + text + "\n").replace("\n", "\r\n").encode())

    def exit_status(self, status: int) -> int:
        """The exit status of a run, given the one that it would have. A full standard output is a reported failure."""
        full = [end.broken for end in self._all if isinstance(end, Stdio) and end.full]
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
        """Tell the user something, on standard error, unless a view has the terminal."""
        taker = next((end for end in self._all if end.takes_terminal), None)
        if taker is not None and os.isatty(2):
            taker.say(lines)
            return
        self.status.fresh_line()
        tell(*lines)

    def _leave_terminal(self) -> None:
        self.status.clear()
        for device in self._all:
            device.leave_terminal()

    def _enter_terminal(self) -> None:
        for device in self._all:
            device.enter_terminal()
