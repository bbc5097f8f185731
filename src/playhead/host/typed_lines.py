"""Lines out of single keys, for a monitor whose client sends them as they are typed and shows what is sent back: a
terminal in raw mode, telnet, a pty. Backspace and Ctrl-U edit the line.
"""

from playhead.host.chardev.device import CharDevice

BACKSPACES, KILL_LINE, ENTER = b"\x08\x7f", 0x15, b"\r\n"
MOST = 1 << 12  # bytes of a line


class TypedLines:
    """A transport for `monitor.serve.MonitorServer` in front of another one."""

    def __init__(self, device: CharDevice):
        self._device = device
        self._line = bytearray()
        self._cr = False

    @property
    def connections(self) -> int:
        return self._device.connections

    @property
    def connected(self) -> bool:
        return self._device.connected

    def take(self) -> bytes:
        """Whole lines."""
        lines, shown = bytearray(), bytearray()
        for byte in self._device.take():
            if byte in ENTER:
                if not (byte == 0x0A and self._cr):  # CR LF is one
                    lines += self._line + b"\n"
                    self._line.clear()
                    shown += b"\r\n"
            elif byte in BACKSPACES or byte == KILL_LINE:
                gone = len(self._line) if byte == KILL_LINE else min(len(self._line), 1)
                del self._line[len(self._line) - gone :]
                shown += b"\b \b" * gone
            elif byte >= 0x20 and len(self._line) < MOST:
                self._line.append(byte)
                shown.append(byte)
            self._cr = byte == 0x0D
        if shown and self._device.keys:
            self._device.send(bytes(shown))
        return bytes(lines)

    def send(self, data: bytes) -> None:
        self._device.send(data)

    def hang_up(self) -> None:
        self._line.clear()
        self._device.hang_up()
