"""A view of the machine's screen: what somebody on the host sees, and where what they press comes from.

The session asks each view some thirty times a second of real time whether it wants a picture (`wanted`), and gives it
one (`show`) between two runs of the machine. Views may work on threads of their own: what is pressed goes into
`pressed`, a group of events that belong together each, and `wake` tells the session. Nothing here reaches the machine
otherwise.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from playhead.base.picture import Picture, Text
from playhead.base.record import Record
from playhead.host.end import HostEnd


class DisplayEnd(HostEnd):
    """The end of one view; `Host.ends` has it under `display0`, `display1`, ... `kind`: what it is ("vnc")."""

    kind = ""

    live = True
    takes_text = False  # it needs no picture where there is text

    def __init__(self) -> None:
        super().__init__()
        self.pressed: deque[Sequence[Record]] = deque()
        """Variants of `log.events.Input` (KeyCode, KeyNumber, MouseButton, Moved): key, button and pointer events in
        order.
        """
        self.happenings: deque[tuple[str, Mapping[str, Any]]] = deque()
        """Those of QEMU's events that are about this, with their data, for whoever controls the machine."""

    def leds(self, lit: int) -> None:
        """Which lights of the machine's keyboard are lit: scroll lock, num lock, caps lock from bit 0 on. Called like
        `show`, each time that the session looks at its views.
        """

    @property
    def occupied(self) -> bool:
        """Whether somebody is there, who could ask for more."""
        return True

    @property
    def wanted(self) -> bool:
        """Whether somebody looks and is ready for a picture: a client that is behind is not."""
        return False

    def show(self, picture: Picture | None, text: Text | None, caption: str = "") -> None:
        """What is on the screen now; without a picture, it cannot be drawn. `caption`: what a replay says of itself
        (its moment, virtual time, whether it is paused), empty in a live session. Called on the session's thread: must
        not block.
        """
        raise NotImplementedError
