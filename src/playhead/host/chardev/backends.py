"""Opens what specs name, and keeps account of who uses what: a character device serves one front end, or several
through a mux.
"""

from collections.abc import Sequence

from playhead.base.errors import HostError, UsageError
from playhead.host.chardev.device import CharDevice
from playhead.host.chardev.mux import Mux, MuxPort
from playhead.host.chardev.spec import Spec, parse
from playhead.host.terminal import StatusLine


class Backends:
    """Of one run. `nographic`: Ctrl-C goes to the guest. Without `reads` nothing is read from standard input."""

    def __init__(self, chardevs: Sequence[Spec], status: StatusLine, *, nographic: bool = False, reads: bool = True):
        self._status, self._nographic, self._reads = status, nographic, reads
        self.devices: list[CharDevice] = []  # to be opened, watched, closed
        self.shared_monitors: list[MuxPort] = []
        self._named: dict[str, Spec] = {}
        self._opened: dict[str, CharDevice] = {}
        self._muxes: dict[str, Mux] = {}  # by the id, or the label of the one that has it
        self._users: dict[str, str] = {}  # of a -chardev
        self._at_stdio = ""
        try:
            for spec in chardevs:
                if spec.id in self._named:
                    raise UsageError(f"two character devices have the id '{spec.id}'")
                self._named[spec.id] = spec
                if spec.backend != "stdio":  # which is opened for a user only
                    self._opened[spec.id] = self._open(spec, spec.id)
        except BaseException:
            self.close()
            raise

    def forget(self, device: CharDevice) -> None:
        """One that was opened by its own words, and is not used any more."""
        self.devices.remove(device)

    def close(self) -> None:
        """If the run does not begin."""
        for device in self.devices:
            device.close()

    def resolve(self, spec: str | Spec) -> Spec:
        """The -chardev itself, if this is its name."""
        spec = parse(spec) if isinstance(spec, str) else spec
        if spec.backend != "chardev":
            return spec
        if spec.id not in self._named:
            raise UsageError(f"there is no -chardev with the id '{spec.id}'")
        return self._named[spec.id]

    def front(self, spec: str | Spec, label: str, *, reads: bool = True, held: bool = False, monitor: bool = False,
              option: str = "") -> CharDevice:  # fmt: skip
        """The end for a port, a monitor or a debugger. `held`: its user calls `hang_up`."""
        spec = self.resolve(spec)
        if not spec.mux:
            device = self._alone(spec, label, reads, option)
            device.held = held
            return device
        key = spec.id or label
        if key not in self._muxes:
            self._muxes[key] = Mux(self._opened.get(spec.id) or self._open(spec, label, reads))
        mux = self._muxes[key]
        port = mux.port(label, monitor=monitor, reads=reads)
        if spec.monitor and self._reads:
            self.shared_monitors.append(mux.port("monitor", monitor=True))
        return port

    def _alone(self, spec: Spec, label: str, reads: bool, option: str) -> CharDevice:
        if not spec.id:
            return self._open(spec, label, reads, option)
        if spec.id in self._users:
            other = self._users[spec.id]
            raise UsageError(f"-chardev {spec.id} is in use by {other}; with mux=on several can share it")
        self._users[spec.id] = label
        device = self._opened.get(spec.id) or self._open(spec, label, reads)
        device.label = label
        return device

    def switches(self, device: object) -> bool:
        """Whether several front ends share the keys of this device."""
        return any(mux.device is device and mux.switches for mux in self._muxes.values())

    def _open(self, spec: Spec, label: str, reads: bool = True, option: str = "") -> CharDevice:
        try:
            device = self._made(spec, label, reads, option)
        except (HostError, UsageError) as e:
            raise type(e)(f"{_option_of(spec, label, option)}: {e}") from None
        self.devices.append(device)
        return device

    def _made(self, spec: Spec, label: str, reads: bool, option: str) -> CharDevice:
        """Imports what it needs: a run without sockets does without them."""
        if spec.backend == "stdio":
            return self._standard(spec, label, reads)
        if spec.backend == "file":
            from playhead.host.chardev.files import File

            return File(label, spec.path, spec.append, spec.input_path if self._reads else "")
        if spec.backend == "pipe":
            from playhead.host.chardev.files import Pipe

            return Pipe(label, spec.path)
        if spec.backend == "pty":
            from playhead.host.chardev.pseudo_terminal import Pty

            return Pty(label, spec.path)
        if spec.backend == "vc":
            from playhead.host.chardev.virtual_console import COLUMNS, ROWS, VirtualConsole

            return VirtualConsole(label, spec.columns or COLUMNS, spec.rows or ROWS)
        if spec.backend == "socket":
            from playhead.host.chardev.sockets import SocketDevice

            return SocketDevice(label, spec, option=option)
        return CharDevice(label)

    def _standard(self, spec: Spec, label: str, reads: bool) -> CharDevice:
        from playhead.host.chardev.standard import Stdio

        if reads:
            if self._at_stdio:
                both = f"{self._at_stdio} and {label} are connected to it"
                raise UsageError(f"stdio can serve one only: {both}; -chardev stdio,id=ID,mux=on can be shared")
            self._at_stdio = label
        signals = not self._nographic if spec.signal is None else spec.signal
        return Stdio(label, self._status, signals=signals, escapes=self._nographic, reads=reads and self._reads)


def _option_of(spec: Spec, label: str, option: str) -> str:
    """What asked for a device, for messages."""
    if spec.id:
        return f"-chardev {spec.backend},id={spec.id}"
    return option or {"serial": "-serial", "debugcon": "-debugcon"}.get(label.rstrip("0123456789"), label)
