"""`sendkey` and the mouse: what somebody would do at the machine's keyboard and mouse, as inputs of its recording."""

from playhead.base.errors import UsageError
from playhead.log.event_names import KEYS
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.monitor.running import FIXED
from playhead.session.input_words import keys_of
from playhead.timeline.debuggee import Debuggee


def commands(target: Debuggee) -> tuple[Command, ...]:
    keys = Keys(target)
    return (
        Command(("sendkey",), "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1')", keys.send,
                choices=lambda: KEYS[1:], refused=FIXED),
        Command(("mouse_move",), "dx dy [dz]", "send mouse move events", keys.move, refused=FIXED),
        Command(("mouse_button",), "state", "change mouse button state (the sum of 1=left, 2=right, 4=middle: what "
                "QEMU does, whose help has 2 and 4 the other way round)", keys.buttons, refused=FIXED),
        Command(("mouse_set",), "index", "set which mouse device receives events", keys.choose, refused=FIXED),
    )  # fmt: skip


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise Misunderstood(f"'{text}' is not a number") from None


class Keys:
    def __init__(self, target: Debuggee):
        self._target = target

    def send(self, words: list[str], say: Say) -> None:
        self._target.send_keys(keys_of(words[0]), _number(words[1]) if len(words) > 1 else None)

    def move(self, words: list[str], say: Say) -> None:
        self._target.move_mouse(*map(_number, words))

    def buttons(self, words: list[str], say: Say) -> None:
        self._target.press_buttons(_number(words[0]))

    def choose(self, words: list[str], say: Say) -> None:
        if _number(words[0]) not in [mouse.number for mouse in self._target.mice()]:
            raise UsageError(f"Mouse at index '{words[0]}' not found")
