"""The sound of a session, for whoever hears or keeps it; a replay has it as well.

Listening changes nothing: pieces are told of when they have left the machine.
"""

from typing import Protocol

from playhead.base.sound import Piece


class Listener(Protocol):
    """Added to a session's `sounds`, it hears of each piece. Calls come from inside a run: none may raise."""

    def played(self, audio: int, piece: Piece) -> None:
        """`audio` counts the machine's audiodevs."""
        ...
