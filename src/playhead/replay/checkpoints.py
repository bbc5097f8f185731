"""Replay checkpoints: the named places in a session's loop at which the asynchronous queue is emptied.

QEMU logs a mark for each checkpoint that it passes, because its events have no moments of their own. Ours have, so
nothing is logged: the machine is stopped at a moment, and the name says why. The marks of QEMU's log are derived from
the events when a log is shown or exported in its format.
"""

from collections.abc import Callable
from enum import IntEnum

from playhead.replay.queue import AsyncQueue


class Checkpoint(IntEnum):
    """QEMU's names and numbers."""

    CLOCK_WARP_START = 0  # the CPU has halted
    CLOCK_WARP_ACCOUNT = 1  # the CPU runs, or is about to again
    RESET_REQUESTED = 2  # a reset is about to happen
    SUSPEND_REQUESTED = 3  # the guest asked to sleep
    CLOCK_VIRTUAL = 4  # alarms on virtual time are about to ring
    CLOCK_HOST = 5  # timers on the host clock are about to run
    CLOCK_VIRTUAL_RT = 6  # virtual time has been moved on
    INIT = 7  # before the machine is built
    RESET = 8  # before its first instruction


class Checkpoints:
    """`reached` empties the queue, and calls the watchers."""

    def __init__(self, queue: AsyncQueue):
        self._queue = queue
        self.watchers: list[Callable[[Checkpoint], None]] = []
        self.last: Checkpoint | None = None

    def reached(self, checkpoint: Checkpoint) -> None:
        self.last = checkpoint
        self._queue.flush()
        for watcher in self.watchers:
            watcher(checkpoint)
