"""A monitor's conversation with one client after another: bytes come, lines are executed, answers and a prompt go.

The error of a command is printed like an answer.
"""

from collections.abc import Callable

from playhead.base.errors import PlayheadError
from playhead.monitor.commands import Say, error_text
from playhead.timeline.transport import Transport

LONGEST = 1 << 16  # bytes without a line end
PROMPT = "(qemu) "  # what scripts for QEMU wait for


def greeting() -> str:
    """As QEMU's monitor greets."""
    from playhead.version import __version__

    return f"Playhead {__version__} monitor - type 'help' for more information"


class MonitorServer:
    """Call `serve` whenever something may have arrived. `execute(line, say)` does what a line says. `echo`: send each
    line back in front of its answer, as QEMU does and its scripts expect; for a transport that does not show what is
    typed.
    """

    def __init__(self, execute: Callable[[str, Say], None], transport: Transport, greeting: str = "",
                 echo: bool = False):  # fmt: skip
        self._execute, self._transport, self._greeting, self._echo = execute, transport, greeting, echo
        self._connections = 0
        self.there = False
        self.spoke = False  # a line has come
        self._rest = b""

    def serve(self) -> None:
        transport = self._transport
        if self._connections != transport.connections:
            self._connections, self.there, self._rest = transport.connections, True, b""
            transport.send(f"{self._greeting}{greeting()}\r\n{PROMPT}".encode())
        connected = transport.connected  # asked first, so that `take` has all that came before the end
        if self.there:
            self._received(transport.take())
            if not connected:
                self.there = False
                transport.hang_up()

    def _received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            self._rest = b""
        for line in lines:
            self._line(line.decode(errors="surrogateescape").strip())

    def _line(self, line: str) -> None:
        self.spoke = True
        said = [line] if self._echo else []
        try:
            self._execute(line, said.append)
        except PlayheadError as e:
            said.append(error_text(e))
        text = "\n".join([*said, PROMPT])
        self._transport.send(text.replace("\n", "\r\n").encode(errors="surrogateescape"))
