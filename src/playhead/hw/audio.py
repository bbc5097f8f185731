"""A sound device's connection to the outside.

What the guest plays is an effect: it has no answer and cannot fail, so it is no state, and a replay does without. It is
told in pieces, each with the virtual time at which it sounds. What is captured is an input that the device asks for, at
the moment at which it puts it into memory.
"""

from collections.abc import Callable
from typing import Protocol

from playhead.base.sound import FRAME, Piece

def _nobody(piece: Piece) -> None:
    """What sound becomes until a session listens."""


def _silence(frames: int, rate: int) -> bytes:
    """What is captured until a session has something."""
    return b""


class AudioPort:
    """What a sound device is plugged into; several may share one. `number` counts a machine's audiodevs in the order of
    its description; a device without one has None. `captures`: something may be recorded from it.
    """

    def __init__(self, number: int | None = None, captures: bool = False):
        self.number, self.captures = number, captures
        self.played: Callable[[Piece], None] = _nobody
        self.asked: Callable[[int, int], bytes] = _silence

    def play(self, piece: Piece) -> None:
        self.played(piece)

    def capture(self, frames: int, rate: int) -> bytes:
        """So many frames, at `rate` a second: silence where the outside has none."""
        data = self.asked(frames, rate) if self.captures else b""
        return data[: frames * FRAME].ljust(frames * FRAME, b"\0")


class Speaker(Protocol):
    """A device that sounds without moving data, as its state says; it has `SPEAKER = True`, and frames of virtual time
    at `SPEAKER_RATE`.
    """

    port: AudioPort

    def listen(self, before_change: Callable[[], None]) -> None:
        """Have this called in front of whatever changes its sound."""
        ...

    def sound(self, first: int, frames: int) -> Piece | None:
        """What it sounds like as long as nothing changes; None: it is silent."""
        ...
