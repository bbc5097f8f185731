"""One client of a VNC server: its socket, its connection, its hands. Used on the server's thread only."""

import contextlib
import os
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from playhead.base.record import Record
from playhead.host.display.hands import Hands
from playhead.host.display.rfb.connection import Connection, Stage
from playhead.host.display.rfb.messages import Key
from playhead.host.display.rfb.security import CHALLENGE_BYTES
from playhead.host.watch import IN, OUT

CHUNK = 1 << 16
HANDSHAKE_S = 30  # for a client to get from connecting to its first picture


class Gone(Exception):
    """The client is to be let go; the text is the reason, empty if it has gone by itself."""


class Client:
    def __init__(self, made: socket.socket, name: str, password: Callable[[], str | None] | None, hands: Hands, *,
                 lossy: bool):  # fmt: skip
        made.setblocking(False)
        if made.family != socket.AF_UNIX:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # notices that the other side is no more
        self.socket = made
        self.connection = Connection(name, password, os.urandom(CHALLENGE_BYTES), lossy=lossy)
        self.hands = hands
        self.facts = _facts(made)
        self.exclusive = False
        self.told = False  # monitors know of it as initialised
        self._deadline = time.monotonic() + HANDSHAKE_S

    @property
    def shown(self) -> str:
        """Who it is, for messages."""
        if self.facts["family"] == "unix":
            return "its Unix socket"
        host = f"[{self.facts['host']}]" if self.facts["family"] == "ipv6" else self.facts["host"]
        return f"{host}:{self.facts['service']}"

    @property
    def connecting(self) -> bool:
        return self.connection.stage not in (Stage.CONNECTED, Stage.OVER)

    def watched(self) -> int:
        return (IN if self.connection.reading else 0) | (OUT if self.connection.out else 0)

    def check(self) -> None:
        """Raises Gone for one whose time is over."""
        if self.connecting and time.monotonic() > self._deadline:
            raise Gone(f"it has not come to its first picture within {HANDSHAKE_S} s")
        if self.connection.stage is Stage.OVER and not self.connection.out:
            raise Gone(self.connection.failure)

    def receive(self) -> None:
        """Raises Gone and RfbError."""
        try:
            data = self.socket.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            raise Gone("") from None
        if not data:
            raise Gone("")
        self.connection.feed(data)

    def send(self) -> None:
        """As much as the client takes now. Raises Gone and RfbError."""
        out = self.connection.out
        try:
            while out:
                self.connection.sent(self.socket.send(out[:CHUNK]))
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            raise Gone("") from None

    def press(self, pressed: deque[Sequence[Record]], most: int) -> None:
        """Append what the client has done since the last time, in groups. From `most` of them on only what lets keys go
        has room.
        """
        connection = self.connection
        for event in connection.typed:
            full = len(pressed) >= most
            if isinstance(event, Key):
                pressed += self.hands.key(event, full=full, keeps_locks=connection.tells_locks)
            else:
                pressed += self.hands.pointer(event, connection.relative, full=full)
        connection.typed.clear()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def _facts(made: socket.socket) -> dict[str, Any]:
    """Where it comes from, in the members of QMP's VncBasicInfo."""
    if made.family == socket.AF_UNIX:
        return {"family": "unix", "service": "", "host": "", "websocket": False}
    host, port = ("", 0)
    with contextlib.suppress(OSError):
        host, port = made.getpeername()[:2]
    family = "ipv6" if made.family == socket.AF_INET6 else "ipv4"
    return {"family": family, "service": str(port), "host": host, "websocket": False}
