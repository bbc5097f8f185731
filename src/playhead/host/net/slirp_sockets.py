"""A `guestfwd` to a socket: an address and port of the guest's network that leads to a TCP or Unix socket of the host.

As in QEMU the socket is connected when the network starts, and all connections that the guest makes share it. When the
other side has closed it, it is connected again as soon as the guest sends something.
"""

import contextlib
import select
import socket

from playhead.host.net.libslirp import Network

PATIENCE_S = 5
OUTBOX = 16 << 20  # bytes that the other side has not read; it is hung up on if there are more
CHUNK = 64 << 10


class GuestSocket:
    """`target`: a path, or a host and a port. `added`: whether the library takes the address."""

    def __init__(self, network: Network, server: str, port: int, target: str | tuple[str, int]):
        self._network, self._port, self._target = network, port, target
        self._out = bytearray()
        self._socket: socket.socket | None = None
        try:
            self._connect()
        except OSError as e:
            where = f"unix:{target}" if isinstance(target, str) else f"tcp:{target[0]}:{target[1]}"
            raise OSError(f"guestfwd: cannot connect to {where}: {e.strerror or e}") from None
        at = network.add_guestfwd(self._from_guest, server, port)
        self.added = at is not None
        if at is not None:
            self._at = at

    def _connect(self) -> None:
        if isinstance(self._target, str):
            made = socket.socket(socket.AF_UNIX)
            made.settimeout(PATIENCE_S)
            made.connect(self._target)
        else:
            made = socket.create_connection(self._target, PATIENCE_S)
        made.setblocking(False)
        self._socket = made

    def _from_guest(self, data: bytes) -> None:
        if self._socket is None:
            with contextlib.suppress(OSError):
                self._connect()
        if self._socket is not None:
            self._out += data
            self._push()
            if len(self._out) > OUTBOX:
                self._close()

    def want(self, wanted: dict[int, int]) -> None:
        """Add what this waits for."""
        if self._socket is None:
            return
        events = select.POLLOUT if self._out else 0
        if self._room() > 0:
            events |= select.POLLIN
        if events:
            wanted[self._socket.fileno()] = events

    def _room(self) -> int:
        c = self._network.lib.c
        return int(c.slirp_socket_can_recv(self._network.handle, self._at, self._port))

    def ready(self, ready: dict[int, int]) -> None:
        if self._socket is None or not (events := ready.get(self._socket.fileno(), 0)):
            return
        if self._out:
            self._push()
        room = self._room()
        if self._socket is None or room <= 0 or not events & ~select.POLLOUT:
            return
        try:
            data = self._socket.recv(min(room, CHUNK))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._network.lib.c.slirp_socket_recv(self._network.handle, self._at, self._port, data, len(data))
        else:
            self._close()

    def _push(self) -> None:
        assert self._socket is not None
        try:
            while self._out:
                del self._out[: self._socket.send(self._out[:CHUNK])]
        except BlockingIOError:
            pass
        except OSError:
            self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._out.clear()
