"""A TCP port that serves one client at a time, for protocols that are spoken elsewhere (gdb's, for one).

The watcher's thread accepts, reads and writes; the session's thread takes what came and hands over what is to go. Since
there is one client at a time, one `Source` suffices: it is the listening socket until somebody comes, and the client's
from then on. Whoever comes meanwhile waits in the kernel's queue. A client that has gone stays "ours" until `hang_up`,
so that its last bytes cannot be taken for those of the next.
"""

import contextlib
import errno
import socket
import threading
from collections.abc import Callable

from playhead.base.errors import HostError
from playhead.host.tcp_spec import LOOPBACK, parse_spec
from playhead.host.watch import IN, OUT

INBOX = 1 << 17  # bytes; a client that sends more has to wait until some are taken
OUTBOX = 1 << 20  # bytes; a client that does not read for so long has lost the thread, and is let go
TRIED = 100  # ports from one that is in use
_CHUNK = 1 << 16


class TcpListener:
    """Listens as soon as it is made. Put it into `Watcher.sources`, and `Watcher.poke` into `poke`. `option`: the word
    on the command line that asks for it.
    """

    def __init__(self, spec: str, option: str = ""):
        host, port = parse_spec(spec)
        self._socket = _listen(host, port, option)
        self.host, self.port = host, int(self._socket.getsockname()[1])
        self.poke: Callable[[], None] = lambda: None  # the watcher is to look again at what we want
        self.connections = 0  # clients that have come so far
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._gone = False  # the client sends no more; it may still read, as behind `nc -N`
        self._broken = False  # nothing can be sent to it either
        self._inbox, self._outbox = bytearray(), bytearray()

    @property
    def connected(self) -> bool:
        """True if a client is connected; if not, what it sent before may still be taken."""
        return self._client is not None and not self._gone

    # The session's thread

    def take(self) -> bytes:
        """What the client has sent."""
        if not self._inbox:  # called very often while a target runs: no lock if there is nothing
            return b""
        with self._lock:
            data = bytes(self._inbox)
            self._inbox.clear()
        self.poke()
        return data

    def send(self, data: bytes) -> None:
        """Send as much as possible at once; the watcher sends the rest. Dropped if the client has gone."""
        if not data:
            return
        with self._lock:
            if self._client is None or self._broken:
                return
            self._outbox += data
            self._flush()
            left = bool(self._outbox)
            if len(self._outbox) > OUTBOX:
                self._lose()
        if left:
            self.poke()

    def hang_up(self) -> None:
        """Disconnect the client, if there is one, and accept the next one."""
        with self._lock:
            client, self._client = self._client, None
            self._inbox.clear()
            self._outbox.clear()
        if client is not None:
            _close(client)
        self.poke()

    def close(self) -> None:
        """Stop listening. To be called when the watcher has stopped."""
        self.poke = lambda: None
        self.hang_up()
        self._socket.close()

    # The watcher's thread

    def watched(self) -> tuple[int, int]:
        with self._lock:
            if self._client is None:
                return self._socket.fileno(), IN
            if self._gone:
                return -1, 0
            events = (OUT if self._outbox else 0) | (IN if len(self._inbox) < INBOX else 0)
            return self._client.fileno(), events

    def ready(self, events: int) -> None:
        with self._lock:
            if self._client is None:
                self._accept()
            elif self.connected:
                if events & OUT:
                    self._flush()
                if events & ~OUT:  # readable, or hung up: reading tells
                    self._read()

    def _accept(self) -> None:
        try:
            client, _ = self._socket.accept()
        except OSError:
            return  # it went before we came
        client.setblocking(False)
        with contextlib.suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # packets are small, and waited for
        self._client, self._gone, self._broken = client, False, False
        self.connections += 1

    def _read(self) -> None:
        assert self._client is not None
        try:
            data = self._client.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lose()
            return
        self._inbox += data
        self._gone = not data

    def _flush(self) -> None:
        assert self._client is not None
        try:
            while self._outbox:
                del self._outbox[: self._client.send(self._outbox)]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self._lose()

    def _lose(self) -> None:
        self._gone = self._broken = True
        self._outbox.clear()


def _free_port(host: str, port: int, option: str) -> str:
    """`; -gdb tcp::1235 would do`: the next port at which one can listen now, if there is one near."""
    for free in range(port + 1, min(port + TRIED, 65536)):
        try:
            _listen(host, free, option, look_further=False).close()
        except HostError:
            continue
        name = "" if host == LOOPBACK else f"[{host}]" if ":" in host else host
        return f"; {option} tcp:{name}:{free}".replace("  ", " ") + " would do"
    return ""


def _listen(host: str, port: int, option: str, look_further: bool = True) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.create_server(address[:2], family=family, backlog=8)
    except OSError as e:
        way_out = _free_port(host, port, option) if look_further and e.errno == errno.EADDRINUSE else ""
        raise HostError(f"cannot listen at {host}:{port}: {e.strerror or e}{way_out}") from None
    except UnicodeError:
        raise HostError(f"cannot listen at {host}:{port}: no such host") from None
    listening.setblocking(False)
    return listening


def _close(client: socket.socket) -> None:
    """Closing with unread input would make the kernel drop our last output, too."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(_CHUNK):
            pass
    client.close()
