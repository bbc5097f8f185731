"""QMP with one client after another over a transport: greeting, negotiation, commands and answers, events.

An answer and an event are a line each, in the order in which they came about: what a command causes comes before its
answer, as in QEMU. A client that sends what cannot be read gets an error; one that sends what is too large or too deep
loses its connection. Neither is of any consequence to the machine.
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from playhead.base.errors import HostError, PlayheadError
from playhead.qmp import commands
from playhead.qmp.errors import NOT_FOUND, QmpError
from playhead.qmp.json_stream import Broken, JsonStream
from playhead.qmp.service import Qmp, version
from playhead.timeline.transport import Transport

BUSY_S = 0.05  # for one client, between two turns of the machine
MEMBERS = ("execute", "arguments", "id")


class QmpServer:
    """Call `serve` whenever something may have arrived. Several may share one `qmp`."""

    def __init__(self, qmp: Qmp, transport: Transport, pretty: bool = False):
        self._qmp, self._transport = qmp, transport
        self._indent = 4 if pretty else None
        self._connections = 0
        self._there = self._negotiated = False
        self._begin()
        qmp.listeners.append(self._event)

    @property
    def there(self) -> bool:
        """Whether a client is."""
        return self._there

    def _begin(self) -> None:
        self._stream = JsonStream()
        self._values: Iterator[Any] = iter(())  # that have come, and are to be dealt with
        self._more = False  # there may be some left

    def serve(self) -> None:
        transport = self._transport
        if self._connections != transport.connections:
            self._connections, self._there, self._negotiated = transport.connections, True, False
            self._begin()
            self._send({"QMP": {"version": version(), "capabilities": []}})
        connected = transport.connected  # asked first, so that `take` has all that came before the end
        if self._there and not (self._received() and (connected or self._more)):
            self._there = False
            transport.hang_up()

    def _received(self) -> bool:
        """Carry out what has come, for a while; a client that sends without end does not keep the machine from running.
        False: it is to go.
        """
        end, self._more = time.monotonic() + BUSY_S, False
        while True:
            for value in self._values:
                if isinstance(value, Broken):
                    self._send({"error": value.as_json()})
                    if value.fatal:
                        return False
                else:
                    self._send(self._answer(value))
                    self._qmp.answered()
                if time.monotonic() > end:
                    self._more = True
                    return True
            data = self._transport.take()
            if not data:
                return True
            self._values = self._stream.feed(data)

    def _event(self, event: dict[str, Any]) -> None:
        if self._there and self._negotiated:
            self._send(event)

    def _send(self, value: dict[str, Any]) -> None:
        self._transport.send(json.dumps(value, indent=self._indent).encode() + b"\r\n")

    def _answer(self, request: Any) -> dict[str, Any]:
        id = {"id": request["id"]} if isinstance(request, dict) and "id" in request else {}
        try:
            return {"return": self._execute(request), **id}
        except QmpError as e:
            return {**id, "error": e.as_json()}
        except PlayheadError as e:
            if isinstance(e, HostError):
                self._qmp.failed(e)
            return {**id, "error": QmpError(str(e)).as_json()}

    def _execute(self, request: Any) -> Any:
        if not isinstance(request, dict):
            raise QmpError("QMP input must be a JSON object")
        for member in request:
            if member not in MEMBERS:
                raise QmpError(f"QMP input member '{member}' is unexpected")
        if "execute" not in request:
            raise QmpError("QMP input lacks member 'execute'")
        name, arguments = request["execute"], request.get("arguments", {})
        if not isinstance(name, str):
            raise QmpError("QMP input member 'execute' must be a string")
        if not isinstance(arguments, dict):
            raise QmpError("QMP input member 'arguments' must be an object")
        return self._call(name, arguments)

    def _call(self, name: str, arguments: dict[str, Any]) -> Any:
        command = commands.COMMANDS.get(name)
        if not self._negotiated and not (command is not None and command.negotiating):
            raise QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", NOT_FOUND)
        if command is None:
            if name in commands.REFUSED:
                raise QmpError(f"{name}: {commands.REFUSED[name]}")
            raise QmpError(f"The command {name} has not been found", NOT_FOUND)
        if command.negotiating and self._negotiated:
            raise QmpError("Capabilities negotiation is already complete, command ignored", NOT_FOUND)
        result = command.call(self._qmp, arguments)
        self._negotiated = True
        return result
