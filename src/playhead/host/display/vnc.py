"""A VNC server: a view of the screen for clients that come through a socket, with their keys and mice.

All of it but `show` is done on a thread of its own: accepting, reading, comparing pictures, encoding. A picture is
asked for (`wanted`) while some client has asked for one and has read the last, and goes to clients when it has come,
so that what a client gets is never older than its request. What is in memory for a client is one update at most, and
what it has sent is not read before there is room for what follows from it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from playhead.base.errors import HostError
from playhead.base.messages import of_one_kind
from playhead.host.chardev import addresses
from playhead.host.chardev.spec import LOOPBACK, Spec
from playhead.host.display.end import DisplayEnd
from playhead.host.display.hands import CAPS_LOCK, NUM_LOCK, Hands, Locks
from playhead.host.display.rfb.connection import Stage
from playhead.host.display.rfb.wire import RfbError
from playhead.host.display.vnc_client import Client, Gone
from playhead.host.display.vnc_options import BASE_PORT, VncOptions
from playhead.host.watch import IN, OUT

if TYPE_CHECKING:
    from playhead.base.picture import Picture, Text
    from playhead.host.display.rfb.pixel_format import Frame

PRODUCT = "Playhead"
MOST_CLIENTS = 64
MOST_GROUPS = 1024  # of input that the session has not taken; what comes on top of them is lost, as in QEMU
MOST_HAPPENINGS = 1024
MOST_TOLD = 3  # messages of one kind
LOOK_S = 0.1
FLOOD_S = 0.01  # reading for longer than that at a time, it rests as long
PATIENCE_S = 2.0  # without a picture from the session, the last one has to do
TITLE_S = 0.25  # between two titles
NO_PICTURE = (480, 640)
EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class VncEnd(DisplayEnd):
    """Listens as soon as it is made. `qcode_of_keysym`: which key has a keysym, by the layout. `name`: the machine's.
    `happenings`: QEMU's events, for monitors.
    """

    kind = "vnc"
    live = True

    def __init__(self, options: VncOptions, qcode_of_keysym: Callable[[int], str | None], name: str = ""):
        super().__init__()
        self.options = options
        self.label = "VNC"
        self.happenings = deque(maxlen=MOST_HAPPENINGS)
        self._name = f"{PRODUCT} ({name})" if name else PRODUCT
        self._qcode_of_keysym = qcode_of_keysym
        self._locks = Locks()
        self._lights: int | None = None
        self._lock = threading.Lock()  # of what both threads use: pictures, passwords, the list of clients
        self._shown: Picture | None = None
        self._fresh = False
        self._caption, self._titled_at = "", 0.0
        self._wanted, self._wanted_since = False, 0.0
        self._rest_until = 0.0  # so that encoding takes half of a processor's time at most
        self._password: str | None = None
        self._expires: float | None = None
        self._clients: list[Client] = []
        self._last: Picture | None = None
        self._frame: Frame | None = None
        self._told: Counter[str] = Counter()
        self._listening = _listen(options)
        self._file = addresses.identity(options.path) if options.path else None
        self._reread, self._poke = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._stopping = False

    # the session's thread

    @property
    def occupied(self) -> bool:
        return bool(self._clients)

    @property
    def wanted(self) -> bool:
        return self._wanted

    def show(self, picture: Picture | None, text: Text | None, caption: str = "") -> None:
        with self._lock:
            if picture is not None:
                self._shown = picture
            self._fresh, self._wanted = True, False
            self._caption = caption
        self._kick()

    def leds(self, lit: int) -> None:
        if self._lights != lit:
            self._lights = lit
            self._locks.on.update({NUM_LOCK: bool(lit & 2), CAPS_LOCK: bool(lit & 4)})
            self._kick()

    def open(self) -> None:
        options = self.options
        if options.to:
            self.message(f"VNC is at {self.address}")
        if addresses.is_open(self._listening):
            how = "with a password, which protects little: it is weak, and nothing is encrypted"
            self.message(f"VNC is open to the network at {self.address}, "
                         f"{how if options.password else 'without a password'}")  # fmt: skip
        elif options.password:
            self.message("a VNC password protects little: 8 characters count, and nothing is encrypted")
        if options.password and self._password is None:
            self.message("VNC: nobody can log in until a monitor has set a password (change vnc password)")
        self._thread = threading.Thread(target=self._loop, name="playhead-vnc", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._kick()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self._clients = []
        self._listening.close()
        if self._file is not None and addresses.identity(self.options.path) == self._file:
            with contextlib.suppress(OSError):
                os.unlink(self.options.path)
        self._file = None
        for fd in (self._reread, self._poke):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._reread = self._poke = -1

    @property
    def address(self) -> str:
        """Where it listens, for messages."""
        if self.options.path:
            return f"unix:{self.options.path}"
        host, port = self._listening.getsockname()[:2]
        return f"{f'[{host}]' if ':' in host else host}:{port} (display {port - BASE_PORT})"

    # monitors

    def facts(self) -> dict[str, Any]:
        """Of the server, in the members of QMP's VncServerInfo."""
        auth = "vnc" if self.options.password else "none"
        if self.options.path:
            return {"auth": auth, "family": "unix", "service": self.options.path, "host": "", "websocket": False}
        host, port = self._listening.getsockname()[:2]
        family = "ipv6" if self._listening.family == socket.AF_INET6 else "ipv4"
        return {"auth": auth, "family": family, "service": str(port), "host": host, "websocket": False}

    def clients(self) -> list[dict[str, Any]]:
        """Of each client, the members of QMP's VncClientInfo."""
        with self._lock:
            return [client.facts for client in self._clients]

    def set_password(self, password: str) -> bool:
        """False: it was started without passwords."""
        with self._lock:
            self._password = password if self.options.password else None
        return self.options.password

    def expire_password(self, at_s: float | None) -> None:
        """Nobody can log in from this time on (seconds since 1970); None: it never expires."""
        with self._lock:
            self._expires = at_s

    def _valid_password(self) -> str | None:
        with self._lock:
            return None if self._expires is not None and time.time() >= self._expires else self._password

    # its own thread

    def _kick(self) -> None:
        with contextlib.suppress(OSError):  # it is full of kicks, or closed
            os.write(self._poke, b"!")

    def _loop(self) -> None:
        while not self._stopping:
            poll = select.poll()
            poll.register(self._reread, IN)
            poll.register(self._listening, IN)
            by_fd = {client.socket.fileno(): client for client in self._clients}
            for fd, client in by_fd.items():
                poll.register(fd, client.watched())
            rest_s = self._rest_until - time.monotonic()
            ready = poll.poll(1000 * (min(rest_s, LOOK_S) if rest_s > 0 else LOOK_S))
            begin = time.monotonic()
            for fd, events in ready:
                if fd == self._reread:
                    with contextlib.suppress(BlockingIOError):
                        os.read(self._reread, 4096)
                elif fd == self._listening.fileno():
                    self._accept()
                else:
                    self._with(by_fd[fd], self._serve, events)
            for client in list(self._clients):
                self._with(client, self._look)
            busy_s = time.monotonic() - begin
            self._give()
            if busy_s > FLOOD_S:  # what floods of messages cost the machine is bounded, too
                time.sleep(min(busy_s, LOOK_S))

    def _with(self, client: Client, act: Callable[..., None], *arguments: Any) -> None:
        """Do this for a client, which it may cost its connection."""
        if client not in self._clients:
            return
        try:
            act(client, *arguments)
        except (Gone, RfbError) as e:
            self._drop(client, str(e))
        except Exception as e:  # of ours: it costs one connection, not all of them
            self._drop(client, f"an error of this program's, please report it: {e!r}")

    def _accept(self) -> None:
        try:
            made, _ = self._listening.accept()
        except OSError as e:
            if e.errno in EXHAUSTED:  # it goes on waiting: do not turn in circles about it
                self._tell("a client cannot be let in", e.strerror or str(e))
                time.sleep(LOOK_S)
            return  # else it went before we came
        if len(self._clients) >= MOST_CLIENTS:
            self._tell("a client is turned away", f"there are {MOST_CLIENTS} already")
            made.close()
            return
        connecting = [client for client in self._clients if client.connecting]
        if len(connecting) >= self.options.connections:
            self._drop(connecting[0], "more clients are connecting than connections= allows")
        password = self._valid_password if self.options.password else None
        hands = Hands(self._qcode_of_keysym, self._locks, self.options.lock_key_sync)
        client = Client(made, self._name, password, hands, lossy=self.options.lossy)
        with self._lock:
            self._clients.append(client)
        self._happened("VNC_CONNECTED", client)
        self._with(client, Client.send)

    def _serve(self, client: Client, events: int) -> None:
        if events & OUT:
            client.send()
        if events & ~OUT:
            client.receive()
        if client.connection.stage is Stage.ADMISSION:
            self._admit(client)
        self._take(client)
        client.send()

    def _take(self, client: Client) -> None:
        if not client.connection.typed:
            return
        before = len(self.pressed)
        client.press(self.pressed, MOST_GROUPS)
        if len(self.pressed) > before:
            self.wake()

    def _admit(self, client: Client) -> None:
        """By what it says of sharing the screen, and by `share=`. Raises Gone."""
        others = [one for one in self._clients if one is not client and not one.connecting]
        exclusive = not client.connection.shared
        if self.options.share == "allow-exclusive":
            if exclusive:
                for one in others:
                    self._drop(one, "another client wants the screen for itself")
            elif any(one.exclusive for one in others):
                raise Gone("another client has the screen for itself")
        elif self.options.share == "force-shared" and exclusive:
            raise Gone("it wants the screen for itself, which share=force-shared does not allow")
        client.exclusive = exclusive
        client.connection.admit()

    def _look(self, client: Client) -> None:
        """What is not caused by its bytes."""
        client.check()
        if self._lights is not None:
            client.connection.light(self._lights)
        if client.connection.stage is Stage.CONNECTED and not client.told:
            client.told = True
            self._happened("VNC_INITIALIZED", client)

    def _drop(self, client: Client, why: str) -> None:
        """`why` is empty if it has gone by itself. Its end is the last thing that is seen of it."""
        if why:
            self._tell(f"the client at {client.shown} is disconnected", why)
        if released := client.hands.release():
            self.pressed += released
        with self._lock:  # no monitor sees the one without the other
            self._clients = [one for one in self._clients if one is not client]
            self._note("VNC_DISCONNECTED", client)
        self.wake()
        client.close()

    def _tell(self, what: str, why: str) -> None:
        """A client that comes again and again does not fill the user's terminal."""
        kind = of_one_kind(why)
        self._told[kind] += 1
        if self._told[kind] <= MOST_TOLD:
            last = " (more of these are not told)" if self._told[kind] == MOST_TOLD else ""
            self.message(f"VNC: {what}: {why}{last}")

    def _happened(self, name: str, client: Client) -> None:
        self._note(name, client)
        self.wake()

    def _note(self, name: str, client: Client) -> None:
        self.happenings.append((name, {"server": self.facts(), "client": dict(client.facts)}))

    # pictures

    def _give(self) -> None:
        """Pass on what the session has shown, and find out whether more is wanted."""
        with self._lock:
            fresh, self._fresh = self._fresh, False
            picture, caption = self._shown, self._caption
        now = time.monotonic()
        if fresh or (self._wanted and now - self._wanted_since > PATIENCE_S):
            self._wanted_since = now
            frame = self._frame_of(picture)
            self._retitle(caption, now)
            for client in list(self._clients):
                if client.connection.wants:
                    self._with(client, self._give_one, frame)
            done = time.monotonic()
            self._rest_until = done + (done - now)
        rested = time.monotonic() >= self._rest_until
        wanted = rested and any(client.connection.wants for client in self._clients)
        with self._lock:
            begins = wanted and not self._wanted
            self._wanted = wanted and not self._fresh
        if begins:
            self._wanted_since = now
            self.wake()

    def _give_one(self, client: Client, frame: Frame) -> None:
        client.connection.update(frame)
        client.send()

    def _retitle(self, caption: str, now: float) -> None:
        if now - self._titled_at >= TITLE_S:
            self._titled_at = now
            for client in self._clients:
                client.connection.title(f"{self._name}: {caption}" if caption else self._name)

    def _frame_of(self, picture: Picture | None) -> Frame:
        """The picture as an array; the same object while the picture is the same."""
        import numpy as np

        if picture is None:
            return np.zeros(NO_PICTURE, np.uint32) if self._frame is None else self._frame
        if self._frame is None or self._last is None or picture != self._last:
            self._last = picture
            self._frame = np.frombuffer(picture.pixels, "<u4").reshape(picture.height, picture.width)
        return self._frame


def _listen(options: VncOptions) -> socket.socket:
    """Raises HostError, which says what to do."""
    spec = Spec("socket", host=options.host or (LOOPBACK if options.family != "ipv6" else "::1"), port=options.port,
                to=options.to, family=options.family, path=options.path, server=True)  # fmt: skip
    try:
        return addresses.listen(spec)
    except HostError as e:
        hint = "" if options.path or options.to else "; another display, or to=N, which tries those up to N, would do"
        in_use = "in use" in str(e)
        raise HostError(f"{options.said}: {e}{hint if in_use else ''}") from None
