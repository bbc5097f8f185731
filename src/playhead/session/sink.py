"""What a sink is: the session's side of something on the host that shows or keeps what the machine puts out.

A sink hears between two runs of the machine, in a live session and in a replay alike. Nothing of it reaches the
machine: what somebody presses at a view is for the sources (`session/sources`), and only a live session has them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol


class Shown(Protocol):
    """A session, live or a replay, as far as a sink uses it."""

    host: Any
    happened: Callable[..., None]

    @property
    def machine(self) -> Any: ...


class Sink:
    """`live`: the session's sources take input; else it is a replay, which has its own."""

    def __init__(self, session: Shown, live: bool):
        self.session, self.live = session, live

    def connect(self, ends: Mapping[str, Any]) -> bool:
        """The machine has been built, and these are the host's ends. Returns whether this has anything to do."""
        return False

    def between(self, now_ns: int) -> None:
        """The machine stands between two runs, at this real time: runs end every 100 ms, and when an end calls `wake`.
        Must not block.
        """

    def wait_ns(self) -> int | None:
        """How long it may be at most until the next call, if that is shorter than usual."""
        return None
