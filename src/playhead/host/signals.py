"""Signals: INT, TERM and HUP ask for a clean end; TSTP restores the terminal, CONT makes it raw again.

Python runs signal handlers only between its own instructions, which may take long while the main thread is inside
native code. So the handlers do nothing, and the watcher reads the signals' numbers from a pipe that the interpreter's
C-level handler writes at once. The third signal that asks for the end kills the process; a recording is valid even
then.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Callable

from playhead.host.watch import IN

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """A watcher's source. `received` is the first signal that asked for the end, else 0."""

    def __init__(self, suspend: Callable[[], None], resume: Callable[[], None]):
        self.received = 0
        self._count = 0
        self._suspend, self._resume = suspend, resume
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._old: dict[int, object] = {}
        self._old_wakeup = -1
        self._installed = False

    def install(self) -> None:
        """Only the main thread may do so; on others (a test, a library) signals are left alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._installed = True
        self._old_wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)  # first: none may get lost
        for number in (*ENDING, signal.SIGTSTP, signal.SIGCONT):
            if signal.getsignal(number) == signal.SIG_IGN:
                continue  # started by nohup, or in the background by a shell without job control
            self._old[number] = signal.signal(number, lambda *_: None)

    def remove(self) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        if self._installed:
            signal.set_wakeup_fd(self._old_wakeup)
        self._old, self._installed = {}, False
        for fd in (self._read, self._write):
            os.close(fd)

    def forget(self) -> None:
        """The received signal has been handled."""
        self.received = self._count = 0

    def look(self) -> bool:
        """Before a watcher is at work: whether one has asked for the end."""
        with contextlib.suppress(BlockingIOError):
            self.ready(IN)
        return bool(self.received)

    def watched(self) -> tuple[int, int]:
        return self._read, IN

    def ready(self, events: int) -> None:
        for number in os.read(self._read, 4096):
            if number == signal.SIGTSTP:
                self._suspend()
                os.kill(os.getpid(), signal.SIGSTOP)  # which may take effect only after we have gone on a little
            elif number == signal.SIGCONT:
                self._resume()
            elif number in ENDING:
                self.received = self.received or number
                self._count += 1
                if self._count == 3:
                    self._suspend()
                    os._exit(128 + number)
