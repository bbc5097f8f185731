"""Ctrl-C, and progress, while a machine runs for a program.

A KeyboardInterrupt in the middle of a run would leave a machine between two moments. So while one moves, a handler of
ours takes the signal and asks the run to end at a proper moment; then whatever handler was there before is called, and
KeyboardInterrupt comes out. The handler is there only while a machine moves, not while a callback runs or the user's
loop over rows.

Only the main thread has signals; on others, and where SIGINT is ignored or handled outside of Python, nothing changes.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playhead.session.track import Stopped
from playhead.timeline.timeline import Timeline

QUIET_S = 1.0  # a bar appears only for what takes longer
STEP_S = 0.1


instead: Callable[[int], None] | None = None  # who is told of instruction counts where no bar is to be shown


class Interruption:
    """SIGINT for as long as it is `watched`. `asked`: it has come."""

    def __init__(self, kick: Callable[[], None]):
        self.asked = False
        self._kick = kick
        self._frame: Any = None
        self._before: Any = None

    @contextmanager
    def watched(self) -> Iterator[None]:
        before = signal.getsignal(signal.SIGINT)
        if not callable(before) or threading.current_thread() is not threading.main_thread():
            yield
            return
        self._before = before
        signal.signal(signal.SIGINT, self._came)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    def _came(self, number: int, frame: Any) -> None:
        self.asked, self._frame = True, frame
        self._kick()

    def hand_on(self) -> None:
        """The run has ended: now what the signal would have done."""
        if self._before is not None:
            self._before(signal.SIGINT, self._frame)
        raise KeyboardInterrupt


@contextmanager
def interruptible(line: Timeline, enough: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """For a movement of `line`: Ctrl-C ends it at a proper moment, with KeyboardInterrupt; `enough` ends it there with
    Stopped.
    """
    interruption = Interruption(line.kick)
    try:
        with interruption.watched(), line.interruptible(lambda: interruption.asked or enough()):
            yield
    except Stopped:
        if not interruption.asked:
            raise
        interruption.hand_on()
    if interruption.asked:  # too late to end anything
        interruption.hand_on()


class Bar:
    """A progress bar from one instruction count to another, on a terminal or in a notebook; nowhere else."""

    def __init__(self, what: str, first: int, last: int):
        self._what, self._first, self._last = what, first, max(last, first + 1)
        self._shown: Any = None
        self._task: Any = None
        self._next_s = time.monotonic() + QUIET_S
        self._wanted = sys.stderr is not None and (sys.stderr.isatty() or "ipykernel" in sys.modules)

    def at(self, icount: int) -> None:
        """Called often."""
        if instead is not None:
            instead(icount)
            return
        if not self._wanted or (now_s := time.monotonic()) < self._next_s:
            return
        self._next_s = now_s + STEP_S
        if self._shown is None:
            self._show()
        self._shown.update(self._task, completed=icount - self._first)

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._shown = Progress(console=Console(stderr=True), transient=True)
        self._task = self._shown.add_task(self._what, total=self._last - self._first)
        self._shown.start()

    def close(self) -> None:
        if self._shown is not None:
            self._shown.stop()


@contextmanager
def moving(line: Timeline, what: str = "looking") -> Iterator[None]:
    """A whole movement: Ctrl-C ends it, and one that takes long has a bar."""
    bar = Bar(what, line.start.icount, line.end.icount)
    told, line.tell = line.tell, lambda text: bar.at(line.moment.icount)
    try:
        with interruptible(line):
            yield
    finally:
        line.tell = told
        bar.close()
