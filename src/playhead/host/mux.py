"""A monitor on the console's terminal: Ctrl-A c switches the keyboard between it and the guest. Both print there.

The terminal is raw, so lines are edited here. The watcher's thread adds what is typed, the session's thread takes it.
"""

from collections import deque

from playhead.host.chardev import Stdio

BACKSPACES, KILL_LINE, ENTER = b"\x08\x7f", 0x15, b"\r\n"
MOST = 1 << 12  # bytes of a line


class MuxPort:
    """A transport for `monitor.serve.MonitorServer`. Each switch to the monitor counts as a new client."""

    def __init__(self, device: Stdio):
        self._device = device
        self.connections = 0
        self.connected = False
        self._typed: deque[bytes] = deque()
        self._line = bytearray()
        device.switched = self._switched

    def _switched(self, here: bool, typed: bytes) -> None:
        """From the watcher's thread."""
        if typed:
            self._typed.append(typed)
        if here != self.connected:
            self.connected = here
            self.connections += here

    def take(self) -> bytes:
        """Whole lines."""
        lines, shown = bytearray(), bytearray()
        while self._typed:
            for byte in self._typed.popleft():
                if byte in ENTER:
                    lines += self._line + b"\n"
                    self._line.clear()
                    shown += b"\n"
                elif byte in BACKSPACES or byte == KILL_LINE:
                    gone = len(self._line) if byte == KILL_LINE else min(len(self._line), 1)
                    del self._line[len(self._line) - gone :]
                    shown += b"\b \b" * gone
                elif byte >= 0x20 and len(self._line) < MOST:
                    self._line.append(byte)
                    shown.append(byte)
        if self._device.terminal:
            self.send(bytes(shown))
        return bytes(lines)

    def send(self, data: bytes) -> None:
        self._device.write(data)
        self._device.flush()

    def hang_up(self) -> None:
        self._line.clear()
