"""`socket`: a TCP or Unix socket, as server or client, plain or telnet. One client at a time; whoever comes meanwhile
waits in the kernel's queue.

The watcher's thread accepts, connects, reads and writes; the session's thread takes what came and hands over what is to
go. A serial port's client may come and go as it likes: what it sent stays to be taken, what is printed while nobody is
connected is dropped, as QEMU does. A client that does not read makes the machine wait (`crowded`). With `held` (a
monitor, a debugger) a client that has gone stays "ours" until `hang_up`, so that its last bytes cannot be taken for
those of the next, and one that does not read is let go.
"""

import contextlib
import errno
import os
import select
import socket
import threading
import time

from playhead.base.errors import HostError
from playhead.host.chardev import addresses
from playhead.host.chardev.device import OUTBOX, CharDevice
from playhead.host.chardev.spec import Spec
from playhead.host.chardev.telnet import Telnet
from playhead.host.watch import IN, OUT

INBOX = 1 << 17  # bytes; a client that sends more has to wait until some are taken
ANSWERS = 1 << 12  # bytes in the outbox beyond which telnet's proposals are not answered
CHUNK = 1 << 16
CONNECT_S = 30  # after which a server that does not answer is not waited for
WAIT_MS = 100
LAST_S = 2.0  # for a client to take what is left for it at the end


class SocketDevice(CharDevice):
    """A server listens as soon as it is made, a client connects in `open`. `option`: the word on the command line that
    asks for it. `made`: a socket that somebody else has made, and that listens or is connected already.
    """

    def __init__(self, label: str, spec: Spec, option: str = "", made: socket.socket | None = None):
        super().__init__(label)
        self.spec = spec
        self.keys = spec.telnet
        self._lock = threading.Lock()
        self._client: socket.socket | None = None
        self._gone = False  # the client sends no more; it may still read, as behind `nc -N`
        self._broken = False  # nothing can be sent to it either
        self._in, self._outbox = bytearray(), bytearray()
        self._telnet: Telnet | None = None
        self._connecting: socket.socket | None = None
        self._next_try = 0.0
        self._told = False
        self._listening: socket.socket | None = None
        self._file: tuple[int, int, int] | None = None
        self._made = made
        if made is not None:
            made.setblocking(False)
            self._listening = made if spec.server else None
        elif spec.server:
            self._listening = addresses.listen(spec, option)
            self._file = addresses.identity(spec.path) if spec.path else None
            if not spec.path:
                host = spec.host or addresses.LOOPBACK
                self.spec = spec._replace(host=host, port=int(self._listening.getsockname()[1]))
        else:
            self._family, self._goal = addresses.resolve(spec)

    @property
    def address(self) -> str:
        """Where it is, for messages."""
        return self.spec.address

    @property
    def where(self) -> str:  # type: ignore[override]
        server = ",server=on" if self.spec.server else ""
        return f"{'' if self.connected else 'disconnected:'}{self.address}{server}"

    @property
    def listens_at(self) -> str:  # type: ignore[override]
        return self.address.removeprefix("tcp:") if self.spec.server else ""

    @property
    def connected(self) -> bool:  # type: ignore[override]
        """True if a client is connected; if not, what it sent before may still be taken."""
        return self._client is not None and not self._gone

    @property
    def live(self) -> bool:  # type: ignore[override]
        return self._listening is not None or self.connected or bool(self.spec.reconnect_s)

    @property
    def crowded(self) -> bool:  # type: ignore[override]
        return not self.held and len(self._outbox) > OUTBOX and not self._broken

    # The session's thread

    def open(self) -> None:
        if self._listening is not None:
            if addresses.is_open(self._listening):
                self.message(f"{self.label} is open to the network at {self.address}, without a password")
            if self.spec.wait and self._client is None:
                self._wait_for_client(self._listening)
        elif self._client is None and self._connecting is None:
            self._start()
            if not self.spec.reconnect_s:
                self._connect_now()

    def _wait_for_client(self, listening: socket.socket) -> None:
        self.message(f"{self.label}: waiting for a client at {self.address}")
        poll = select.poll()
        poll.register(listening, IN)
        while self._client is None and not self.ended():
            if poll.poll(WAIT_MS):
                self.ready(IN)

    def _connect_now(self) -> None:
        """Without reconnect: somebody has to be there."""
        end = time.monotonic() + CONNECT_S
        while self._connecting is not None and not self.ended():
            poll = select.poll()
            poll.register(self._connecting, OUT)
            if poll.poll(WAIT_MS):
                self.ready(OUT)
            elif time.monotonic() > end:
                self._failed("no answer")

    @property
    def waiting(self) -> bool:
        return bool(self._in)

    def take(self, room: int = CHUNK * 4) -> bytes:
        """What the client has sent."""
        if not self._in:  # called very often while a target runs: no lock if there is nothing
            return b""
        with self._lock:
            was_full = len(self._in) >= INBOX
            data = bytes(self._in[:room])
            del self._in[:room]
        if was_full:
            self.poke()
        return data

    def write(self, data: bytes) -> None:
        if not data:
            return
        with self._lock:
            if self._client is None or self._broken:
                return
            self._outbox += Telnet.escaped(data) if self._telnet is not None else data
            if len(self._outbox) >= CHUNK:
                self._push()

    def flush(self) -> None:
        """Send as much as possible at once; the watcher sends the rest. Dropped if the client has gone."""
        if not self._outbox:
            return
        with self._lock:
            if self._client is None or self._broken:
                return
            self._push()
            left = bool(self._outbox)
            if self.held and len(self._outbox) > OUTBOX:
                self._lose()
        if left:
            self.poke()

    def hang_up(self) -> None:
        """Disconnect the client, if there is one, and accept the next one."""
        with self._lock:
            client, self._client = self._client, None
            self._in.clear()
            self._outbox.clear()
        if client is not None:
            _close(client)
            self._next_try = time.monotonic() + self.spec.reconnect_s
        self.poke()

    def close(self) -> None:
        """Stop listening. To be called when the watcher has stopped."""
        self.poke = lambda: None
        if not self.held:
            self._last_words()
        self.hang_up()
        for one in (self._connecting, self._listening):
            if one is not None:
                one.close()
        if self._file is not None and addresses.identity(self.spec.path) == self._file:
            with contextlib.suppress(OSError):
                os.unlink(self.spec.path)
            self._file = None

    def _last_words(self) -> None:
        """What was printed before the end: for as long as the client goes on reading."""
        end, left = time.monotonic() + LAST_S, len(self._outbox)
        while self._outbox and self._client is not None and not self._broken and time.monotonic() < end:
            poll = select.poll()
            poll.register(self._client, OUT)
            poll.poll(WAIT_MS)
            self.flush()
            if len(self._outbox) < left:
                end, left = time.monotonic() + LAST_S, len(self._outbox)
        if self._outbox and not self._broken:
            self.message(f"{self.label}: its client does not read; the last {len(self._outbox)} bytes are lost")

    # The watcher's thread

    def watched(self) -> tuple[int, int]:
        with self._lock:
            if self._connecting is not None:
                return self._connecting.fileno(), OUT
            if self._client is None and self._listening is not None:
                return self._listening.fileno(), IN
            if self._client is None or self._gone:
                again = self.spec.reconnect_s and self._client is None and time.monotonic() >= self._next_try
                if again and self._next_try:
                    self._connect()
                    if self._connecting is not None:
                        return self._connecting.fileno(), OUT
                return -1, 0
            full = self.sink_full() if self.sink is not None else len(self._in) >= INBOX
            return self._client.fileno(), (OUT if self._outbox else 0) | (0 if full else IN)

    def ready(self, events: int) -> None:
        with self._lock:
            if self._connecting is not None:
                self._connect_done(self._connecting)
            elif self._client is None and self._listening is not None:
                self._accept(self._listening)
            elif self._client is not None and not self._gone:
                if events & OUT:
                    self._push()
                if events & ~OUT and self._client is not None and not self._gone:  # readable, or hung up
                    self._read(self._client)

    def _accept(self, listening: socket.socket) -> None:
        try:
            client, _ = listening.accept()
        except OSError:
            return  # it went before we came
        self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        client.setblocking(False)
        if client.family != socket.AF_UNIX and (self.held or self.spec.nodelay):
            with contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # packets are small, and waited for
        self._client, self._gone, self._broken = client, False, False
        self._outbox.clear()
        self.connections += 1
        if self.spec.telnet:
            self._telnet = Telnet(self.spec.server)
            self._outbox += self._telnet.offers
            self._push()

    def _start(self) -> None:
        """Connect for the first time."""
        if self._made is not None:
            self._begin(self._made)
        else:
            self._connect()

    def _connect(self) -> None:
        client = socket.socket(self._family, socket.SOCK_STREAM)
        client.setblocking(False)
        self._connecting = client
        try:
            error = client.connect_ex(self._goal)
        except (OSError, ValueError) as e:
            self._failed(getattr(e, "strerror", None) or str(e))
            return
        if error in (0, errno.EISCONN):
            self._connect_done(client)
        elif error not in (errno.EINPROGRESS,):
            self._failed(os.strerror(error))

    def _connect_done(self, client: socket.socket) -> None:
        error = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self._failed(os.strerror(error))
            return
        self._connecting = None
        if self._told:
            self._told = False
            self.message(f"{self.label}: connected to {self.address}")
        self._begin(client)

    def _failed(self, why: str) -> None:
        """Nobody is there: an error, or another try later, which is told once."""
        self._give_up()
        text = f"cannot connect to {self.address}: {why}"
        if not self.spec.reconnect_s:
            raise HostError(f"{self.label}: {text}")
        self._next_try = time.monotonic() + self.spec.reconnect_s
        if not self._told:
            self._told = True
            self.message(f"{self.label}: {text}; trying again every {self.spec.reconnect_s} s")

    def _give_up(self) -> None:
        assert self._connecting is not None
        self._connecting.close()
        self._connecting = None

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lose()
            return
        if not data:
            self._end()
            return
        if self._telnet is not None:
            data, answer = self._telnet.feed(data)
            if answer and len(self._outbox) < ANSWERS:
                self._outbox += answer
                self._push()
        if self.sink is not None:
            if data:
                self.sink(data)
        else:
            self._in += data

    def _push(self) -> None:
        assert self._client is not None
        try:
            while self._outbox:
                del self._outbox[: self._client.send(self._outbox[:CHUNK])]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # it may have sent something before it went: reading goes on until its end
            self._broken = True
            self._outbox.clear()

    def _lose(self) -> None:
        self._broken = True
        self._outbox.clear()
        self._end()

    def _end(self) -> None:
        """The client sends no more."""
        self._gone = True
        if self.held:
            return
        assert self._client is not None
        self._client.close()
        self._client = None
        self._outbox.clear()
        if self._listening is None:
            self._next_try = time.monotonic() + self.spec.reconnect_s
            again = f"; trying again every {self.spec.reconnect_s} s" if self.spec.reconnect_s else ""
            self._told = bool(again)
            self.message(f"{self.label}: {self.address} has closed the connection{again}")


def _close(client: socket.socket) -> None:
    """Closing with unread input would make the kernel drop our last output, too."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(CHUNK):
            pass
    client.close()
