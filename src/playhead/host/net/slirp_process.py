"""The process in which libslirp runs, one for each user-mode network: a fault in it, whatever a guest sends, ends this
process and not the recorder. `user.py` starts it and has the other end of its socket; when that is closed, because the
recorder has ended or was killed, so does this.

While the recorder takes no frames, no socket of the host is read, so that those who send wait. Imports are few: the
machine's start waits for this one's.
"""

import marshal
import os
import select
from ctypes import PyDLL, byref, c_long, c_uint32
from mmap import PROT_READ, mmap

from playhead.host.net.fragments import Reassembly, is_fragment
from playhead.host.net.guest_time import GuestTime
from playhead.host.net.libslirp import ADD_POLL, REASSEMBLES, REVENTS, Library, Network, Unusable, load
from playhead.host.net.slirp_wire import (CHUNK, CLOCK, CLOCK_FD, DONE, FAILED, LENGTH, LINK_FD, MESSAGE, REPLY,
                                          REQUEST, message)  # fmt: skip

TYPE_CHECKING = False  # `typing` takes as long as the rest
if TYPE_CHECKING:
    from typing import Any

    from playhead.host.net.slirp_sockets import GuestSocket

BACKLOG = 64 << 10  # bytes that the recorder has not taken; beyond them the host's sockets wait
MOST = 2 << 20  # and of answers to what the guest sends; what is beyond them is lost
IDLE_MS, PAUSED_MS = 1000, 20  # between two looks at the timers at most; at least, while the guest's time stands
HANG_S = 10  # of processor time in one turn: the library does not come back
ITIMER_VIRTUAL = 1

# libslirp's bits (IN, OUT, PRI, ERR, HUP) and those of poll, both ways
_PAIRS = ((1, select.POLLIN), (2, select.POLLOUT), (4, select.POLLPRI), (8, select.POLLERR), (16, select.POLLHUP))
TO_POLL = tuple(sum(poll for slirp, poll in _PAIRS if bits & slirp) for bits in range(32))
FROM_POLL = tuple(sum(slirp for slirp, poll in _PAIRS if bits & poll) for bits in range(64))


class Gone(Exception):
    """The recorder has closed its end."""


class Process:
    """`link`: the socket to the recorder, which does not block."""

    def __init__(self, link: int, read_time: "Any"):
        self.link = link
        self.time = GuestTime(read_time)
        self._out = bytearray()  # to the recorder
        self._rest = b""  # the beginning of a message
        self._poll = select.poll()
        self._registered: dict[int, int] = {}
        self._wanted: dict[int, int] = {}
        self._ready: dict[int, int] = {}
        self._sockets: list[GuestSocket] = []
        self._reassembly = Reassembly()
        self._libc = PyDLL(None)
        self.lost = 0

    def open(self, options: "dict[str, Any]") -> str:
        """Make the network; returns the library's version. Raises Unusable, or OSError for a forward."""
        self.library = Library(load())
        self.network = Network(self.library, options, self._to_guest, lambda: self.time.now_ns)
        self._input = self.library.c.slirp_input
        self._reassembles = self.library.number < REASSEMBLES
        self._add_poll, self._revents = ADD_POLL(self._want), REVENTS(self._seen)
        for udp, host, port, guest, guest_port in options["hostfwd"]:
            self.add_hostfwd(udp, host, port, guest, guest_port)
        for forward in options["guestfwd"]:
            self._add_guestfwd(*forward)
        return self.library.version

    def add_hostfwd(self, udp: bool, host: str, port: int, guest: str, guest_port: int) -> None:
        error = self.network.add_hostfwd(udp, host, port, guest, guest_port)
        if error:
            reason = os.strerror(error) if error > 0 else "the library refuses it"
            raise OSError(f"hostfwd: cannot listen at {'udp' if udp else 'tcp'}:{host}:{port}: {reason}")

    def _add_guestfwd(self, server: str, port: int, command: str, path: str, host: str, host_port: int,
                      _chardev: str) -> None:  # fmt: skip
        if command:
            done = self.network.add_exec(command, server, port)
        else:
            from playhead.host.net.slirp_sockets import GuestSocket

            made = GuestSocket(self.network, server, port, path or (host, host_port))
            self._sockets.append(made)
            done = made.added
        if not done:
            raise OSError(f"guestfwd: libslirp does not take the address {server}:{port}")

    # the library's callbacks

    def _to_guest(self, frame: bytes) -> None:
        if len(self._out) < MOST:
            self._out += MESSAGE.pack(len(frame))
            self._out += frame
        else:
            self.lost += 1

    def _want(self, fd: int, events: int, opaque: object) -> int:
        self._wanted[fd] = self._wanted.get(fd, 0) | TO_POLL[events & 31]
        return fd

    def _seen(self, index: int, opaque: object) -> int:
        return FROM_POLL[self._ready.get(index, 0) & 63]

    # turns

    def run(self) -> None:
        """Until the recorder ends."""
        limit, watchdog = (c_long * 4)(0, 0, HANG_S, 0), self._libc.setitimer
        while True:
            watchdog(ITIMER_VIRTUAL, limit, None)  # SIGVTALRM ends the process, inside the library too
            self._turn()

    def _turn(self) -> None:
        if self._out:
            self._flush()
        stalled = len(self._out) > BACKLOG
        self._wanted = {self.link: select.POLLIN | (select.POLLOUT if self._out else 0)}
        timeout = c_uint32(IDLE_MS)
        if not stalled:
            self.library.fill(self.network.handle, byref(timeout), self._add_poll, None)
            for one in self._sockets:
                one.want(self._wanted)
        before = self.time.now_ns
        self._wait(timeout.value)
        at_link = self._ready.pop(self.link, 0)
        self._pass(stalled)
        if not stalled:
            self.library.c.slirp_pollfds_poll(self.network.handle, not self._ready, self._revents, None)
            for one in self._sockets:
                one.ready(self._ready)
        if at_link & ~select.POLLOUT:
            self._read()
        elif not self._ready and not at_link and self.time.now_ns == before:
            self._stand(timeout.value)

    def _wait(self, timeout_ms: int) -> None:
        """Poll what is wanted. What changes from one turn to the next is mostly nothing."""
        wanted, registered = self._wanted, self._registered
        if wanted != registered:
            for fd in registered.keys() - wanted.keys():
                self._poll.unregister(fd)
            for fd, events in wanted.items():
                if registered.get(fd) != events:
                    self._poll.register(fd, events)
            self._registered = wanted
        self._ready = dict(self._poll.poll(timeout_ms))

    def _stand(self, asked_ms: int) -> None:
        """The guest's time stands, and nothing has come: short time-outs would make this a busy loop."""
        if asked_ms < PAUSED_MS:
            self._ready = dict(self._poll.poll(PAUSED_MS - asked_ms))

    def _pass(self, stalled: bool) -> None:
        """Let the guest's time pass, with all timers of the library's that are due on the way."""
        for _ in self.time.steps(stalled):
            self.library.c.slirp_pollfds_poll(self.network.handle, 1, self._revents, None)
            self.network.ring(self.time.now_ns // 1_000_000)
        self.network.ring(self.time.now_ns // 1_000_000)

    # the recorder

    def _read(self) -> None:
        try:
            data = os.read(self.link, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        if self._rest:
            data = self._rest + data
        at, size, handle, unpack = 0, len(data), self.network.handle, MESSAGE.unpack_from
        while size - at >= 4:
            (word,) = unpack(data, at)
            end = at + 4 + (word & LENGTH)
            if end > size:
                break
            if word <= LENGTH:  # the kind is FRAME, 0
                frame = data[at + 4 : end]
                if is_fragment(frame) and self._reassembles:
                    self._fragment(frame)
                else:
                    self._input(handle, frame, word)
            elif word >> 24 == REQUEST:
                self._answer(data[at + 4 : end].decode(errors="surrogateescape"))
            at = end
        self._rest = data[at:]

    def _fragment(self, frame: bytes) -> None:
        whole = self._reassembly.whole(frame, self.time.now_ns)
        if whole is not None:
            self._input(self.network.handle, whole, len(whole))

    def _answer(self, request: str) -> None:
        self._out += message(REPLY, self._answered(*request.split("\0")))

    def _answered(self, word: str, *arguments: str) -> str:
        try:
            if word == "hostfwd_add":
                udp, host, port, guest, guest_port = arguments
                self.add_hostfwd(bool(int(udp)), host, int(port), guest, int(guest_port))
                return DONE
            if word == "hostfwd_remove":
                udp, host, port = arguments
                found = self.network.remove_hostfwd(bool(int(udp)), host, int(port))
                return DONE if found else f"{FAILED}not found; nothing is forwarded from there"
            return DONE + self.network.connections()
        except OSError as e:
            return FAILED + str(e)

    def _flush(self) -> None:
        try:
            while self._out:
                del self._out[: os.write(self.link, self._out)]
        except BlockingIOError:
            pass
        except OSError:
            raise Gone from None


def _serve(link: int) -> None:
    """The first message has the options, and gets an answer."""
    os.set_blocking(link, True)
    header = os.read(link, MESSAGE.size)
    wanted, data = MESSAGE.unpack(header)[0] & LENGTH, b""
    while len(data) < wanted:
        part = os.read(link, wanted - len(data))
        if not part:
            raise Gone
        data += part
    shared = memoryview(mmap(CLOCK_FD, CLOCK.size, prot=PROT_READ)).cast("q")
    process = Process(link, lambda: shared[0])
    try:
        answer = DONE + process.open(marshal.loads(data))
    except (Unusable, OSError) as e:
        answer = FAILED + str(e)
    os.write(link, message(REPLY, answer))
    if answer[0] == DONE:
        os.set_blocking(link, False)
        process.run()


def main() -> None:
    for fd in (LINK_FD, CLOCK_FD):
        os.set_inheritable(fd, False)  # what guestfwd=...cmd: starts gets neither
    os.closerange(CLOCK_FD + 1, os.sysconf("SC_OPEN_MAX"))
    try:
        _serve(LINK_FD)
    except (Gone, OSError):
        pass
    os._exit(0)
