"""What a display device shows: a picture for whoever looks at the machine, and the characters behind it in text modes.

Looking is no access of the guest's: a picture is a function of the device's state, its memory and the virtual time
(which makes cursor and characters blink), it changes nothing, and a replay shows the same one at the same moment.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from playhead.base.picture import Picture, Text


class Screen(Protocol):
    """A device that shows something has these and `SCREEN = True`."""

    name: str

    def picture(self, now_ns: int) -> Picture:
        """What is on the screen at this virtual time. Raises UsageError where it cannot be drawn (no font)."""
        ...

    def text(self, now_ns: int) -> Text | None:
        """The characters; None in graphics modes."""
        ...

    def size_of(self, state: bytes | None = None) -> tuple[int, int] | None:
        """How large the picture is in a state that `save` returned, or now; None while there is none."""
        ...


def screen_of(devices: Mapping[str, Any]) -> Screen | None:
    """A machine's screen, if it has one: the first in the order of its devices."""
    return next((device for device in devices.values() if getattr(device, "SCREEN", False)), None)
