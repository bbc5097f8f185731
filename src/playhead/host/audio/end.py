"""What an audiodev is on the host: what the guest plays goes there, and what it captures comes from there. Each kind of
`-audiodev` is a subclass; this one plays nothing and has nothing to be captured.
"""

from playhead.host.end import HostEnd
from playhead.base.sound import Piece


class AudioEnd(HostEnd):
    """`label` is the audiodev's id. All calls are the session's."""

    def __init__(self, label: str):
        super().__init__()
        self.label = label

    def play(self, piece: Piece) -> None:
        """The guest plays this. Called inside a run: must neither wait nor raise; `flush` is called soon after."""

    def take(self, frames: int, rate: int) -> bytes:
        """What there is to be captured, at most so many frames at so many a second. Called inside a run: must neither
        wait nor raise.
        """
        return b""

    def virtual_time(self, ns: int) -> None:
        """The guest's time has got so far: nothing comes that was to sound long before. `loadvm` puts it back."""
