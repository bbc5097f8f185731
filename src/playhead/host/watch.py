"""The watcher: one thread that waits for input, for signals, and for time to pass.

On each of these it wakes the session, whether that is inside the machine (`wake`, which makes `run` return soon) or
asleep (`wait`). It also does so every 100 ms, so that flushing, pacing and progress need no slices of their own, and
more often while somebody looks at the machine's screen. Signals come through a pipe that the C-level handler writes to,
so they are seen even while the main thread is inside native code.
"""

import os
import select
import threading
from collections.abc import Callable
from typing import Protocol

TICK_MS = 100
SEEN_S = 5  # more than a tick, for a host under load
IN, OUT = select.POLLIN, select.POLLOUT


class Source(Protocol):
    """Something with a file descriptor. All of its methods are called on the watcher's thread."""

    def watched(self) -> tuple[int, int]:
        """(file descriptor, IN | OUT); events 0 means: not now."""
        ...

    def ready(self, events: int) -> None:
        """The file descriptor is readable or writable, or has been hung up."""
        ...


class Watcher:
    """`start(wake)`, `stop()`, and `wait(timeout_ns)` for the session's thread."""

    def __init__(self) -> None:
        self.sources: list[Source] = []
        self._tick_ms = TICK_MS
        self._wake: Callable[[], None] = lambda: None
        self._arrived = threading.Event()
        self._reread, self._poke = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._looked = threading.Event()  # the thread has seen which sources there are

    def start(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._thread = threading.Thread(target=self._loop, name="playhead-watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.poke()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None
        for fd in (self._reread, self._poke):
            os.close(fd)

    def poke(self) -> None:
        """Ask each source again what it waits for (`watched`)."""
        try:
            os.write(self._poke, b"!")
        except BlockingIOError:
            pass  # the pipe is full of pokes already

    def wake_every(self, ms: int | None) -> None:
        """Wake the session so often, or as usual."""
        self._tick_ms = TICK_MS if ms is None else ms
        self.poke()

    def forget(self, source: Source) -> None:
        """From the session's thread: when this returns, the source is not watched any more, and may be closed."""
        self.sources = [one for one in self.sources if one is not source]
        self._looked.clear()
        if self._thread is not None:
            self.poke()
            self._looked.wait(SEEN_S)

    def arrived(self) -> None:
        """From any thread: something has arrived that this thread does not see."""
        self._arrived.set()
        self._wake()

    def wait(self, timeout_ns: int) -> None:
        """Sleep until something arrives, or for `timeout_ns`; arrivals since the last wait count."""
        self._arrived.wait(max(timeout_ns, 0) / 1e9)
        self._arrived.clear()

    def _loop(self) -> None:
        while not self._stopping:
            poll = select.poll()
            poll.register(self._reread, IN)
            by_fd: dict[int, Source] = {}
            for source in self.sources:
                fd, events = source.watched()
                if events:
                    poll.register(fd, events)
                    by_fd[fd] = source
            self._looked.set()
            happened = poll.poll(self._tick_ms)
            arrived = False
            for fd, events in happened:
                if fd == self._reread:
                    os.read(self._reread, 4096)
                else:
                    by_fd[fd].ready(events)
                    arrived = True
            if arrived:
                self._arrived.set()
            if not self._stopping:
                self._wake()
