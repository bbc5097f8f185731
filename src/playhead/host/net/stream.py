"""`-netdev stream`: frames over a TCP or Unix socket, as server or client; also what `-netdev socket` has of that kind.

A server has one peer at a time; when it has gone, the next one may come. A client that finds nobody, or whose peer
goes, is cut off from then on, unless `reconnect` says after how many seconds to try again (QEMU has that since 8.0).
What the guest sends while nobody is there is lost, as with a cable that leads nowhere. A peer that sends faster than
the guest reads has to wait; one that does not read misses frames, and the machine does not wait for it.
"""

import contextlib
import os
import select
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

from playhead.base.errors import FormatError, HostError, UsageError
from playhead.host.chardev.sockets import SocketDevice
from playhead.host.chardev.spec import HOUR_S, Spec
from playhead.host.net.address import Address, socket_address
from playhead.host.net.end import NetEnd
from playhead.host.net.frames import Unpacker, packed
from playhead.host.net.sub_options import SubOptions
from playhead.host.watch import OUT

AT_ONCE_MS = 200  # for a server that answers, so that the guest's first frames are not lost
BACKLOG = 1 << 20  # bytes for a peer that does not read; what comes on top of them is lost


class StreamOptions(NamedTuple):
    address: Address
    server: bool = False
    reconnect_s: int = 0


def options(given: Mapping[str, Any]) -> StreamOptions:
    """Those of `-netdev stream`, without type and id. Raises UsageError or UnsupportedError."""
    words = SubOptions(given)
    server = words.boolean("server")
    address = socket_address(words.nested("addr"), "addr")
    reconnect_s = words.number("reconnect", 0, HOUR_S, 0)
    words.done()
    if server and reconnect_s:
        raise UsageError("reconnect= is for a client; a server (server=on) waits for the next peer anyway")
    if reconnect_s and address.type == "fd":
        raise UsageError("reconnect= needs an address: a socket that was handed over (addr.type=fd) has none")
    if address.to and (not server or address.to < address.port):
        raise UsageError("addr.to= is the last port that a server tries, from addr.port= on")
    return StreamOptions(address, server, reconnect_s)


def end(id: str, given: StreamOptions) -> NetEnd:
    """Listens at once; connects when the run starts. Raises HostError."""
    made = StreamEnd(id, given)
    made.tells = True
    return made


class _Connection(SocketDevice):
    """The socket. For a netdev nobody has to be at the other side."""

    keep_alive = False
    named = ""  # what messages call one that was handed over

    @property
    def address(self) -> str:
        return self.named or super().address

    def open(self) -> None:
        if self._listening is not None:
            super().open()
        elif self._client is None and self._connecting is None:
            self._start()
            if self._connecting is not None:
                poll = select.poll()
                poll.register(self._connecting, OUT)
                if poll.poll(AT_ONCE_MS):
                    self.ready(OUT)

    def peer(self, shown: str) -> str:
        """Who is at the other side: `unix:PATH`, or HOST:PORT with this before it; or nothing."""
        client = self._client
        if client is None or self._gone:
            return ""
        if client.family == socket.AF_UNIX:
            return f"unix:{self.spec.path}"
        with contextlib.suppress(OSError):
            host, port = client.getpeername()[:2]
            return f"{shown}[{host}]:{port}" if ":" in host else f"{shown}{host}:{port}"
        return ""

    def peer_address(self) -> dict[str, str | bool]:
        """The same as QMP has it."""
        host, colon, port = self.peer("").rpartition(":")
        if self.spec.path or not colon:
            return {"type": "unix", "path": self.spec.path}
        return {"type": "inet", "host": host.strip("[]"), "port": port, "ipv6" if "[" in host else "ipv4": True}

    @property
    def backlog(self) -> int:
        """Bytes that the peer has not read."""
        return len(self._outbox)

    def _last_words(self) -> None:
        """What does not go at once is lost, as any frame may be."""
        self.flush()

    def _begin(self, client: socket.socket) -> None:
        if self.keep_alive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        super()._begin(client)

    def _failed(self, why: str) -> None:
        if self.spec.reconnect_s:
            super()._failed(why)
        else:
            self._give_up()
            self.message(f"{self.label}: cannot connect to {self.address}: {why}; it stays unconnected (QEMU does not "
                         "try again either; start the listening side first)")  # fmt: skip


class StreamEnd(NetEnd):
    tells = False  # monitors hear of connections

    def __init__(self, label: str, given: StreamOptions, shown: str = "tcp:"):
        """`shown`: what `info network` puts before the peer's address."""
        super().__init__(label)
        self._shown = shown
        address = given.address
        made = _handed_over(address.fd, given.server) if address.type == "fd" else None
        spec = Spec("socket", host=address.host, port=address.port, to=address.to, family=address.family,
                    path=address.path, server=given.server, reconnect_s=given.reconnect_s, nodelay=True)  # fmt: skip
        self._connection = _Connection(label, spec, made=made)
        self._connection.keep_alive = address.keep_alive
        self._connection.named = f"file descriptor {address.fd}" if made is not None else ""
        self._connection.sink, self._connection.sink_full = self._came, self._full
        self._unpacker = Unpacker()
        self._known = 0  # which of the connections so far monitors know of
        self._heard = 0  # which of the connections so far the last bytes were of
        self._bad = ""  # what the peer sent that is no frame

    @property
    def listens_at(self) -> str:
        """For messages; nothing if this is a client."""
        return self._connection.address if self._connection.spec.server else ""

    @property
    def connected(self) -> bool:
        return self._connection.connected

    @property
    def where(self) -> str:  # type: ignore[override]
        return self._connection.peer(self._shown)

    @property
    def live(self) -> bool:  # type: ignore[override]
        return self._connection.live

    def open(self) -> None:
        one = self._connection
        one.poke, one.wake, one.message, one.ended = self.poke, self.wake, self.message, self.ended
        one.open()
        self._tell()

    def send(self, frame: bytes) -> None:
        if not frame or not self._connection.connected:
            return
        backlog = self._connection.backlog
        if backlog > BACKLOG:
            self.lost += 1
            return
        self._connection.write(packed(frame))
        if not backlog:
            self.poke()  # the guest may run on for long before `flush`

    def flush(self) -> None:
        self._connection.flush()

    def close(self) -> None:
        self._connection.close()

    # the watcher's thread

    def watched(self) -> tuple[int, int]:
        if self._unpack():  # there is room again for what has been read already
            self.wake()
        self._hang_up_if_bad()
        wanted = self._connection.watched()
        self._tell()
        return wanted

    def ready(self, events: int) -> None:
        self._connection.ready(events)
        self._hang_up_if_bad()

    def _tell(self) -> None:
        """QEMU's events, where the connection is another one than the last time."""
        one = self._connection
        now = one.connections if one.connected else 0
        if not self.tells or now == self._known:
            return
        if self._known:
            self.happenings.append(("NETDEV_STREAM_DISCONNECTED", {"netdev-id": self.label}))
        if now:
            self.happenings.append(("NETDEV_STREAM_CONNECTED", {"netdev-id": self.label, "addr": one.peer_address()}))
        self._known = now

    def _hang_up_if_bad(self) -> None:
        if self._bad:
            self.message(f"{self.label}: its peer sent {self._bad}: the connection is closed")
            self._bad = ""
            self._unpacker.clear()
            self._connection.hang_up()

    def _came(self, data: bytes) -> None:
        if self._heard != self._connection.connections:
            self._heard = self._connection.connections
            self._unpacker.clear()
        self._unpacker.feed(data)
        self._unpack()

    def _full(self) -> bool:
        """Whether nothing more is to be read: not even the connection's end, while some of what it brought waits."""
        return self.room <= 0 or self._unpacker.complete

    def _unpack(self) -> bool:
        """Whether a frame has arrived."""
        waited = len(self._inbox)
        try:
            for frame in self._unpacker.frames(self.room):
                self.arrive(frame)
        except FormatError as e:
            self._bad = str(e)
        return len(self._inbox) > waited


def _handed_over(fd: int, server: bool) -> socket.socket:
    """A socket that this program was started with."""
    try:
        made = socket.socket(fileno=os.dup(fd))
        kind, listens = made.type, made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as e:
        raise HostError(f"file descriptor {fd}: {e.strerror}") from None
    if kind != socket.SOCK_STREAM:
        raise HostError(f"file descriptor {fd} is no stream socket")
    if bool(listens) != server:
        is_one = "listens: add server=on" if listens else "does not listen"
        raise HostError(f"file descriptor {fd} is a socket that {is_one}")
    if not listens:
        with contextlib.suppress(OSError):
            made.getpeername()
            return made
        raise HostError(f"file descriptor {fd} is a socket that is not connected")
    return made
