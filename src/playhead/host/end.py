"""The host's end of what a device of the machine is connected to: a terminal, a file, drives, a network.

A `Host` has some, each under the name of its device. It opens, flushes and closes them, and its watcher waits for those
that have a file descriptor; a source of input (`session/sources`) takes from an end what the machine has room for.
"""

from collections import deque
from collections.abc import Callable, Sequence


class HostEnd:
    """One that never has input and needs no care. Subclasses override what they do otherwise."""

    label = ""  # for messages
    live = False  # input may still come
    broken = ""  # why nothing can be written any more
    full = False  # and that is not because the reader has gone
    takes_terminal = False  # nobody else may write on it
    crowded = False  # its reader is so far behind that the machine has to wait

    def __init__(self) -> None:
        self.commands: deque[str] = deque()  # of the user, to the host (`terminal.QUIT`, ...)
        self.poke: Callable[[], None] = lambda: None  # from any thread: look again at what this wants (`watched`)
        self.wake: Callable[[], None] = lambda: None  # from any thread: something has arrived
        self.ended: Callable[[], bool] = lambda: False  # while `open` waits: the user wants to end the run
        self.message: Callable[[str], None] = lambda text: None  # from any thread: tell the user

    def open(self) -> None:
        """Take hold of the outside; called when the run starts."""

    def opened(self) -> None:
        """Called when the machine has been made, which takes its time: wait for what was begun before."""

    def flush(self) -> None:
        """Let out what has been collected."""

    def stop(self) -> None:
        """No thread of this calls anything from now on: called before the watcher ends."""

    def close(self) -> None:
        """Called last."""

    def leave_terminal(self) -> None:
        """From the watcher's thread: the process is stopped or killed, so put the terminal as it was."""

    def enter_terminal(self) -> None:
        """It goes on."""

    def say(self, lines: Sequence[str]) -> None:
        """Messages to the user, where this has the terminal (`takes_terminal`)."""

    # on the watcher's thread (`watch.Source`)

    def watched(self) -> tuple[int, int]:
        return -1, 0

    def ready(self, events: int) -> None:
        """The file descriptor is readable or writable, or has been hung up."""
