"""The user's terminal: raw mode that is always undone, the escape key, and a status line apart from guest output."""

import atexit
import os
import termios
from collections.abc import Iterator

from playhead.base.messages import shown

HELP = """
Ctrl-A x  end the run (a recording ends validly)
Ctrl-A h  this help
Ctrl-A Ctrl-A  send Ctrl-A to the guest
{monitor}{interrupt}
"""
MONITOR = "Ctrl-A c  switch between the console and the monitor, and whatever else shares the keys\n"
INTERRUPT_TO_GUEST = "Ctrl-C  goes to the guest; a guest that does not read it within a second is ended"
INTERRUPT_ENDS = "Ctrl-C  end the run (with -nographic it goes to the guest)"
ESCAPE = 0x01
QUIT, SHOW_HELP, SWITCH = "quit", "help", "switch"


class EscapeFilter:
    """Separates typed bytes into input and commands. A Ctrl-A is remembered across calls. `switchable`: Ctrl-A c asks
    for the next one of those that share the keys.
    """

    def __init__(self, switchable: bool = False) -> None:
        self._escaped = False
        self.switchable = switchable

    def pieces(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        """Input, and the command behind it, if there is one."""
        out = bytearray()
        for byte in data:
            if not self._escaped:
                if byte == ESCAPE:
                    self._escaped = True
                else:
                    out.append(byte)
                continue
            self._escaped = False
            if byte == ESCAPE:
                out.append(byte)
                continue
            yield bytes(out), self._command(byte)
            out.clear()
        yield bytes(out), ""

    def _command(self, byte: int) -> str:
        if byte in b"xX":
            return QUIT
        return SWITCH if byte in b"cC" and self.switchable else SHOW_HELP  # h, ?, and any other key

    def feed(self, data: bytes) -> tuple[bytes, list[str]]:
        """All of the input, and all commands."""
        pieces = list(self.pieces(data))
        return b"".join(piece for piece, _ in pieces), [command for _, command in pieces if command]


class RawTerminal:
    """Raw mode on a terminal's file descriptor. With `signals`, Ctrl-C and Ctrl-Z keep their meaning on the host."""

    def __init__(self, fd: int, *, signals: bool):
        self._fd = fd
        self._signals = signals
        self._saved: list | None = None

    @staticmethod
    def usable(fd: int) -> bool:
        """True if it is a terminal with us in its foreground (a background job that uses it would be stopped)."""
        try:
            return os.isatty(fd) and os.tcgetpgrp(fd) == os.getpgrp()
        except OSError:
            return False

    def enter(self) -> None:
        if self._saved is None:
            self._saved = termios.tcgetattr(self._fd)
            atexit.register(self.restore)
        raw = termios.tcgetattr(self._fd)
        raw[0] &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
                    | termios.ICRNL | termios.IXON)  # fmt: skip
        raw[1] |= termios.OPOST
        raw[2] = raw[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        raw[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN)
        if not self._signals:
            raw[3] &= ~termios.ISIG
        raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self._fd, termios.TCSANOW, raw)

    def restore(self) -> None:
        """Restore the terminal; may be called again."""
        if self._saved is not None:
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, self._saved)
            except termios.error:
                pass  # the terminal has gone


class StatusLine:
    """One line at the bottom, on standard error, which is cleared before guest output on the same terminal."""

    def __init__(self, fd: int = 2):
        self._fd = fd
        self.enabled = os.isatty(fd) and os.environ.get("TERM", "") not in ("", "dumb")
        self._shown = False
        self._line_start = True

    def show(self, text: str) -> None:
        if self.enabled and self._line_start:
            try:
                columns = os.get_terminal_size(self._fd).columns or 80
            except OSError:
                columns = 80
            self._put(f"\r\x1b[2K{shown(text)[: columns - 1]}")
            self._shown = True

    def clear(self) -> None:
        if self._shown:
            self._put("\r\x1b[2K")
            self._shown = False

    def fresh_line(self) -> None:
        """Before a message: clear, and start a new line if the guest's output has not ended one."""
        self.clear()
        if self.enabled and not self._line_start:
            self._put("\r\n")
            self._line_start = True

    def guest_wrote(self, data: bytes) -> None:
        """Remember whether the cursor is at the start of a line: only there the status may be drawn."""
        self._line_start = data[-1:] in (b"\n", b"\r")

    def _put(self, text: str) -> None:
        try:
            os.write(self._fd, text.encode())
        except OSError:
            self.enabled = False
