"""`-netdev user`: a network in which the guest is alone with a gateway, a name server and DHCP, and through which it
reaches what this machine reaches. It needs no rights and no set-up.

libslirp (Debian's libslirp0) does the work, in a process of its own (`slirp_process.py`, `slirp_child.py`). Neither a
crash nor an endless loop there takes the machine down: the user is told, and what the guest sends is lost from then on.
The recorder itself never loads the library.
"""

import contextlib
import errno
import marshal
import os
import select
import threading
import time
from _socket import AF_UNIX, SOCK_STREAM, socketpair  # `socket` itself would take a tenth of a short run's start
from mmap import mmap

from playhead.base.errors import HostError, Refused
from playhead.host.net.end import FRAME_MAX, INBOX, NetEnd
from playhead.host.net.forwards import HostForward, host_end, host_forward
from playhead.host.net.slirp_child import SlirpChild
from playhead.host.net.slirp_wire import (CHUNK, CLOCK, DONE, FRAME, LENGTH, LIBRARY, LOOK, MESSAGE, REPLY,
                                          REQUEST, message)  # fmt: skip
from playhead.host.net.user_options import UserOptions
from playhead.host.watch import IN, OUT

START_S, ANSWER_S = 30, 5  # how long the process may take for each
PIECE = 32 << 10  # bytes of frames that wait for the end of a turn
OUTBOX = 4 << 20  # bytes that it has not taken; what the guest sends beyond them is lost
SHORTEST = 4 + 42  # bytes of a frame on the way here: an ARP packet
ENOUGH = 64  # room in the inbox for which it is worth to read
LOOK_NS = 500_000_000  # the guest's time between two calls to look at the timers


def available() -> bool:
    """Whether libslirp is installed; it is not loaded."""
    folders = [*filter(None, os.environ.get("LD_LIBRARY_PATH", "").split(":")), "/lib", "/usr/lib", "/lib64"]
    if any(os.path.exists(os.path.join(folder, LIBRARY)) for folder in folders):
        return True
    try:
        with open("/etc/ld.so.cache", "rb") as file:
            names = file.read().split(b"\0")
    except OSError:
        return False
    found = [name for name in names if name.startswith(b"/") and name.endswith(b"/" + LIBRARY.encode())]
    return any(map(os.path.exists, found))


class UserNet(NetEnd):
    """The process is started at once, gets ready while the machine is made, and has when `opened` returns."""

    def __init__(self, label: str, options: UserOptions):
        super().__init__(label)
        self.options = options
        self.library = ""  # its version
        self.where = f"net={options.net},restrict={'on' if options.restrict else 'off'}"
        self._lock = threading.Lock()
        self._out, self._rest = bytearray(), b""
        self._burst = False  # a frame has gone in this turn
        self._full = False  # the process takes no more: the watcher goes on when it does
        self._look_at = LOOK_NS
        self._used, self._ended, self._closed = bool(options.hostfwd), False, False
        self._why = ""  # it does not serve, if that is known
        self._unanswered = 0
        self._reply: str | None = None
        self._replied = threading.Event()
        self._start()

    @property
    def live(self) -> bool:  # type: ignore[override]
        """Nothing comes to a guest that has never sent anything, unless a port leads to it."""
        return self._used and not self._ended

    # the process

    def _start(self) -> None:
        ours, theirs = socketpair(AF_UNIX, SOCK_STREAM)
        self._socket, self._link = ours, ours.fileno()
        clock = os.memfd_create("guest-time")
        os.ftruncate(clock, CLOCK.size)
        self._memory = mmap(clock, CLOCK.size)
        self._clock = memoryview(self._memory).cast("q")
        try:
            self._child = SlirpChild(theirs.fileno(), clock)
        except OSError as e:
            raise HostError(f"cannot start the process of netdev {self.label}: {e.strerror}") from None
        finally:
            os.close(clock)
            theirs.close()
        ours.setblocking(False)
        options = marshal.dumps({key: _plain(value) for key, value in self.options._asdict().items()})
        with contextlib.suppress(OSError):  # it has ended already: `opened` says why
            os.write(self._link, MESSAGE.pack(REQUEST << 24 | len(options)) + options)

    def opened(self) -> None:
        answer = self._first_answer()
        if answer[0] != DONE:
            raise HostError(f"-netdev user,id={self.label}: {answer[1:]}")
        self.library = answer[1:]
        for forward in self.options.hostfwd:
            self._say_open(forward)

    def _first_answer(self) -> str:
        poll, end = select.poll(), time.monotonic() + START_S
        poll.register(self._link, IN)
        while self._reply is None and not self._ended:
            if poll.poll(100):
                self._receive()
            elif time.monotonic() > end or self.ended():
                return "-its process does not get ready"
        return self._reply or "-" + self._how_it_ended()

    def _say_open(self, forward: HostForward) -> None:
        if forward.is_open:
            self.message(f"netdev {self.label}: hostfwd={forward.at} is open to other machines")

    def close(self) -> None:
        if self._closed:
            return
        self._closed = self._ended = True
        self._socket.close()
        self._child.close()
        self._clock.release()
        self._memory.close()

    def _how_it_ended(self) -> str:
        how = self._child.how_it_ended()
        return self._why or how

    # frames

    def send(self, frame: bytes) -> None:
        if not self._ended and len(frame) <= FRAME_MAX:
            self._used = True
            self._post(MESSAGE.pack(len(frame)) + frame)  # the kind is FRAME, 0

    def _post(self, data: bytes, needed: bool = False) -> None:
        """To the process: the first frame of a turn at once, those behind it together, by `flush`. What the process
        does not take now the watcher's thread has.
        """
        if not (self._burst or self._out):
            self._burst = True
            try:
                sent = os.write(self._link, data)
            except OSError as e:
                if e.errno != errno.EAGAIN:
                    return  # the watcher sees that it has ended
                sent = 0
            if sent == len(data):
                return
            data, needed, self._full = data[sent:], True, True
        if len(self._out) >= OUTBOX and not needed:
            self.lost += 1
            return
        with self._lock:
            first = not self._out
            self._out += data
        if self._full:
            if first:
                self.poke()
        elif len(self._out) >= PIECE:
            self._push()

    @property
    def unsent(self) -> bool:  # type: ignore[override]
        return bool(self._out) and not self._full

    def flush(self) -> None:
        """The end of a turn."""
        self._burst = False
        if self._out and not self._full:
            self._push()

    def virtual_time(self, ns: int) -> None:
        if self._ended:
            return
        self._clock[0] = ns
        if not -LOOK_NS <= ns - self._look_at < 0:
            self._look_at = ns + LOOK_NS
            self._post(MESSAGE.pack(LOOK << 24))

    # the watcher's thread

    def watched(self) -> tuple[int, int]:
        if self._ended:
            return -1, 0
        reads = self._unanswered or self.room >= ENOUGH
        return self._link, (IN if reads else 0) | (OUT if self._out else 0)

    def ready(self, events: int) -> None:
        if events & OUT:
            self._push()
        if events & ~OUT:
            self._receive()
            if self._ended and not self._closed:
                self.message(f"netdev {self.label}: {self._how_it_ended()}; what the guest sends is lost from here on")
                self._replied.set()

    def _push(self) -> None:
        """As much as the process takes. Both threads do it."""
        with self._lock:
            self._full = False
            try:
                while self._out:
                    del self._out[: os.write(self._link, self._out[:CHUNK])]
            except OSError:
                self._full = True  # or at its end, which the next read tells

    def _receive(self) -> None:
        """As much as there is room for, and if an answer is awaited, everything."""
        try:
            data = os.read(self._link, CHUNK if self._unanswered else min(CHUNK, max(self.room, ENOUGH) * SHORTEST))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return
        if self._rest:
            data = self._rest + data
        at, size, arrive, unpack = 0, len(data), self.arrive, MESSAGE.unpack_from
        while size - at >= 4:
            (word,) = unpack(data, at)
            end = at + 4 + (word & LENGTH)
            if end > size:
                break
            if word <= LENGTH:
                arrive(data[at + 4 : end])
            elif word >> 24 == REPLY:
                self._answered(data[at + 4 : end].decode(errors="surrogateescape") or "-")
            at = end
        self._rest = data[at:]
        assert FRAME == 0 and INBOX >= ENOUGH

    # the monitor

    def hostfwd_add(self, rule: str) -> None:
        """`[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT`. Raises UsageError or Refused: HostError would be the
        end of the session.
        """
        forward = host_forward(rule)
        self._ask("hostfwd_add", str(int(forward.udp)), forward.host, str(forward.host_port), forward.guest,
                  str(forward.guest_port))  # fmt: skip
        self._used = True
        self._say_open(forward)

    def hostfwd_remove(self, rule: str) -> None:
        """`[tcp|udp]:[HOSTADDR]:HOSTPORT`. Raises UsageError or Refused."""
        end = host_end(rule)
        try:
            self._ask("hostfwd_remove", str(int(end.udp)), end.host, str(end.host_port))
        except Refused as e:
            raise Refused(f"host forwarding rule for {end.at}: {e}") from None

    def usernet(self) -> str:
        """`info usernet`: connections and forwarded ports, a line each below a heading."""
        return self._ask("usernet")

    def _ask(self, *request: str) -> str:
        """A request and its answer, which the watcher's thread reads."""
        if self._ended:
            raise Refused(f"netdev {self.label}: its process has ended")
        self._reply = None
        self._replied.clear()
        self._unanswered += 1
        self._post(message(REQUEST, "\0".join(request)), needed=True)
        self.poke()
        if not self._replied.wait(ANSWER_S) or self._reply is None:
            raise Refused(f"netdev {self.label}: its process {'has ended' if self._ended else 'does not answer'}")
        if self._reply[0] != DONE:
            raise Refused(self._reply[1:])
        return self._reply[1:]

    def _answered(self, answer: str) -> None:
        """That to an earlier request, which was not waited for any longer, is nobody's."""
        self._unanswered -= 1
        if self._unanswered <= 0:
            self._unanswered = 0
            self._reply = answer
            self._replied.set()


def _plain(value: object) -> object:
    """Without classes of ours: tuples of tuples of texts and numbers."""
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value
