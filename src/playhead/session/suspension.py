"""Suspend to RAM, which the guest asked for, and its end, in live sessions and replays alike: both fall out."""

from collections.abc import Callable
from typing import Protocol

from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.session.target import MachineLike, StopLike


class Suspendable(Protocol):
    """What of a session is needed."""

    machine: MachineLike
    checkpoints: Checkpoints
    happened: Callable[..., None]


def sleep_or_wake(session: Suspendable, stop: StopLike) -> None:
    """At a stop for `suspend` or `wakeup`. What ends a suspension may be an input."""
    if stop.kind == "suspend":
        session.checkpoints.reached(Checkpoint.SUSPEND_REQUESTED)
        session.machine.suspend()
        session.happened("SUSPEND")
    else:
        session.machine.wake_up(stop.cause)
        session.happened("WAKEUP")
