"""Keys, buttons and movements by name, as variants of `log.events.Input`: what somebody at a screen has pressed.

What belongs together is a group: a key each, or a movement with the buttons that changed during it.
"""

from collections.abc import Iterable, Sequence

from playhead.base.record import Record
from playhead.log.event_names import AXES, BUTTONS, KEYS
from playhead.log.events import KeyCode, KeyNumber, MouseButton, Moved

RFB_BUTTONS = (
    "left", "middle", "right", "wheel-up", "wheel-down", "wheel-left", "wheel-right", "side", "extra",
)  # from bit 0 on, of a VNC client's pointer events  # fmt: skip


def key(name: str, down: bool) -> KeyCode:
    """A key by QEMU's name, which is one of `KEYS`."""
    return KeyCode(key=KEYS.index(name), down=down)


def numbered_key(number: int, down: bool) -> KeyNumber:
    """A key by its code in set 1, with 80h for the prefix E0h."""
    return KeyNumber(number=number, down=down)


def chord(names: Iterable[str]) -> list[Sequence[Record]]:
    """Groups: these keys pressed in this order, and released in the opposite one."""
    pressed = list(names)
    steps = [(name, True) for name in pressed] + [(name, False) for name in reversed(pressed)]
    return [[key(name, down)] for name, down in steps]


def button(name: str, down: bool) -> MouseButton:
    """A button, which is one of `BUTTONS`."""
    return MouseButton(button=BUTTONS.index(name), down=down)


def moved(dx: int, dy: int) -> list[Record]:
    """To the right and downwards. Neither is too large: the mouse sends as many packets as it takes."""
    return [Moved(axis=AXES.index(axis), value=value) for axis, value in (("x", dx), ("y", dy)) if value]


def rfb_buttons(before: int, mask: int) -> list[Record]:
    """What has changed between two button masks of a VNC client."""
    return [button(name, bool(mask >> bit & 1)) for bit, name in enumerate(RFB_BUTTONS) if (before ^ mask) >> bit & 1]
