"""Several front ends on one character device (`mux=on`, `mon:`, -nographic): what each of them prints goes to it, what
is typed goes to one of them, and Ctrl-A c hands the keys to the next one, as QEMU does it: monitors first, then ports.
"""

from collections.abc import Callable, Sequence

from playhead.host.chardev.device import MOST, CharDevice, Output
from playhead.host.terminal import SWITCH, EscapeFilter


class MuxPort(CharDevice):
    """A front end's side. Each switch to it counts as a new client, for a monitor."""

    def __init__(self, label: str, mux: "Mux"):
        super().__init__(label)
        self._mux = mux
        self.room: Callable[[], bool] = lambda: True

    @property
    def terminal(self) -> bool:  # type: ignore[override]
        return self._mux.device.terminal

    @property
    def keys(self) -> bool:  # type: ignore[override]
        return self._mux.device.keys or not isinstance(self._mux.device, Output)  # who sends Ctrl-A sends keys

    @property
    def live(self) -> bool:  # type: ignore[override]
        return self._mux.device.live

    @property
    def broken(self) -> str:  # type: ignore[override]
        return self._mux.device.broken

    def write(self, data: bytes) -> None:
        self._mux.device.write(data)

    def flush(self) -> None:
        self._mux.device.flush()

    def take(self, room: int = MOST) -> bytes:
        full = self._crowded()
        data = super().take(room)
        if full and not self._crowded():
            self._mux.device.poke()
        return data

    def focus(self, here: bool) -> None:
        """From the watcher's thread: the keys are this one's, or no longer."""
        if here != self.connected:
            self.connected = here
            self.connections += here


class Mux:
    """`device`: where the other side is. Monitors are added in front of ports, whenever they are made."""

    def __init__(self, device: CharDevice):
        self.device = device
        self._monitors: list[MuxPort] = []
        self._inputs: list[MuxPort] = []
        self._focus: MuxPort | None = None
        self._keys = EscapeFilter()
        device.sink, device.sink_full = self._typed, self._full

    def port(self, label: str, *, monitor: bool = False, reads: bool = True) -> MuxPort:
        """Another front end; the last port that reads has the keys at first, a monitor if there is none."""
        port = MuxPort(label, self)
        if monitor:
            self._monitors.append(port)
        elif reads:
            self._inputs.append(port)
        if reads and (not monitor or not self._inputs):
            self._give(port)
        self._keys.switchable = self.switches
        return port

    @property
    def _ports(self) -> Sequence[MuxPort]:
        return [*self._monitors, *self._inputs]

    @property
    def switches(self) -> bool:
        """Whether Ctrl-A c leads anywhere."""
        return len(self._ports) > 1

    def _give(self, port: MuxPort) -> None:
        if self._focus is not None:
            self._focus.focus(False)
        self._focus = port
        port.focus(True)

    def _full(self) -> bool:
        return self._focus is not None and self._focus._crowded()

    def _typed(self, data: bytes) -> None:
        """On the watcher's thread."""
        for piece, command in self._keys.pieces(data):
            if piece and self._focus is not None:
                self._focus._arrived(piece)
            if command == SWITCH:
                self._switch()
            elif command:
                self.device.commands.append(command)

    def _switch(self) -> None:
        ports = self._ports
        if self._focus in ports:
            self._give(ports[(ports.index(self._focus) + 1) % len(ports)])
