"""`playhead type`: type a text at the keyboard of a machine that runs, through its QMP or monitor socket.

The machine does the work, as its monitor's command `type`: this verb finds out what listens, asks, and says what the
answer was. It learns of no keys, and is done when the text has been accepted; the keys follow at the guest's pace.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from playhead.cli.machine_values import LAYOUT
from playhead.cli.options import FILE, Option, help_text, parse_arguments
from playhead.cli.value_types import number

SINCE = "0.6.0"
STDIN = "-"
OPTIONS = (
    Option("--layout", "the guest's keyboard layout (default: the machine's -k)", parse=LAYOUT, since=SINCE),
    Option("--hold", "how long each key is held, in ms of virtual time (default 10)", "MS", number(1, 3_600_000),
           since=SINCE),
    Option("--delay", "how long nothing is pressed between two characters, in ms of virtual time (default 10)", "MS",
           number(1, 3_600_000), since=SINCE),
    Option("--file", "type what is in a file, as it is; - is standard input", parse=FILE, since=SINCE),
)  # fmt: skip
OPERANDS = ("SOCKET", "[TEXT]")
LONGEST_LINE = 4000  # bytes, for a monitor that takes keys
WAIT_S = 10.0


def help() -> str:
    usage = "playhead type SOCKET TEXT|--file FILE [options]"
    what = (
        "Types a text into a machine that runs: SOCKET is where its -qmp or -monitor listens (a path, unix:PATH,\n"
        "tcp:HOST:PORT). TEXT may have the escapes \\n \\t \\r \\b \\e \\x1b \\\\. The keys are input like any other:\n"
        "they are recorded, and replayed. If the layout lacks a character, nothing is typed."
    )
    return help_text("type", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("type", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.base.keyboard.typed_text import keys_of_text
    from playhead.session.sources.input import MOST_TYPED

    text = _text(values)
    if len(text) > MOST_TYPED:
        raise UsageError(f"the text has {len(text)} characters: at most {MOST_TYPED} are typed at once")
    if values["layout"]:
        keys_of_text(text, values["layout"])
    if text:
        with _Monitor(values["socket"]) as monitor:
            monitor.execute(_command(values, text))
    return 0


def _text(values: dict[str, Any]) -> str:
    from playhead.base.errors import HostError, UsageError
    from playhead.base.keyboard.typed_text import unescaped

    path = values["file"]
    if (values["text"] is None) == (path is None):
        raise UsageError("type needs a TEXT or --file FILE (see playhead type --help)")
    if path is None:
        return unescaped(str(values["text"]))
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read()
        else:
            with open(path, "rb") as file:
                data = file.read()
        return data.decode()
    except UnicodeDecodeError as e:
        raise UsageError(f"--file {path}: it is no text in UTF-8: byte {e.start} is {data[e.start]:#04x}") from None
    except OSError as e:
        raise HostError(f"--file {path}: {e.strerror or e}") from None


def _command(values: dict[str, Any], text: str) -> str:
    options = {"-l": values["layout"], "-h": values["hold"], "-d": values["delay"]}
    given = "".join(f"{name} {value} " for name, value in options.items() if value is not None)
    return f'type {given}"{_escaped(text)}"'


def _escaped(text: str) -> str:
    names = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"'}
    return "".join(names.get(one) or (one if one >= " " and one != "\x7f" else f"\\x{ord(one):02x}") for one in text)


class _Monitor:
    """A connection to a monitor of either kind: a QMP server greets with an object, the other with words."""

    def __init__(self, where: str):
        import socket

        from playhead.base.errors import HostError
        from playhead.host.chardev import addresses, spec

        self._where = where
        parsed = spec.parse(where if where.startswith(("unix:", "tcp:")) else f"unix:{where}")
        family, address = addresses.resolve(parsed)
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(WAIT_S)
        self._received = b""
        try:
            self._socket.connect(address)
        except OSError as e:
            self._socket.close()
            raise HostError(f"cannot connect to {where}: {e.strerror or e}; does a machine with -qmp or -monitor run "
                            "there?") from None  # fmt: skip

    def __enter__(self) -> _Monitor:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def execute(self, command: str) -> None:
        """Raises UsageError with what the monitor complains about."""
        while not self._received.strip():
            self._receive()
        said = self._by_qmp(command) if self._received.lstrip().startswith(b"{") else self._by_line(command)
        if said:
            from playhead.base.errors import UsageError

            raise UsageError(said.removeprefix("Error: "))

    def _by_qmp(self, command: str) -> str:
        self._until(b"\n")
        self._ask("qmp_capabilities", {})
        answer = self._ask("human-monitor-command", {"command-line": command})
        return str(answer).strip()

    def _ask(self, name: str, arguments: dict[str, Any]) -> Any:
        from playhead.base.errors import UsageError

        self._send(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        while True:
            try:
                said = json.loads(self._until(b"\n"))
            except ValueError:
                raise self._strange() from None
            if "error" in said:
                raise UsageError(f"{self._where}: {said['error'].get('desc')}")
            if "return" in said:
                return said["return"]

    def _by_line(self, command: str) -> str:
        from playhead.base.errors import UsageError

        if len(command.encode()) > LONGEST_LINE:
            raise UsageError(f"{self._where}: the text is too long for a line of this monitor: connect to -qmp instead")
        self._until(b"(qemu) ")
        self._send(command + "\n")
        lines = self._until(b"(qemu) ").decode(errors="replace").replace("\r", "").split("\n")
        return "\n".join(line for line in lines[:-1] if line and not line.endswith(command))

    def _send(self, text: str) -> None:
        try:
            self._socket.sendall(text.encode(errors="surrogateescape"))
        except OSError as e:
            raise self._lost(e.strerror or str(e)) from None

    def _until(self, end: bytes) -> bytes:
        while end not in self._received:
            self._receive()
        before, _, self._received = self._received.partition(end)
        return before + end

    def _receive(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except TimeoutError:
            raise self._lost(f"no answer within {WAIT_S:.0f} s; does another client have it?") from None
        except OSError as e:
            raise self._lost(e.strerror or str(e)) from None
        if not data:
            raise self._lost("it has closed the connection")
        self._received += data
        if len(self._received) > 1 << 22:
            raise self._strange()

    def _lost(self, why: str) -> Exception:
        from playhead.base.errors import HostError

        return HostError(f"{self._where}: {why}")

    def _strange(self) -> Exception:
        return self._lost("what answers there is no monitor")
