"""`sendkey`, `type` and the mouse: what somebody would do at the machine's keyboard and mouse, as recorded inputs.

What follows `type` is read as it stands: its options, then a text in quotes with QEMU's escapes, or the rest of the
line.
"""

import os
import re
import stat

from playhead.base.errors import UsageError
from playhead.base.keyboard.typed_text import unescaped
from playhead.base.messages import shown
from playhead.log.event_names import KEYS
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.monitor.running import FIXED
from playhead.session.input_words import keys_of
from playhead.timeline.debuggee import Debuggee

MOST_BYTES = 1 << 18  # of a file with a text; there may be 65,536 characters
OPTION = re.compile(r'-([dfhl])\s+("[^"]*"|\S+)\s*')
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def commands(target: Debuggee) -> tuple[Command, ...]:
    keys = Keys(target)
    return (
        Command(("sendkey",), "keys [hold_ms]", "send keys to the VM (e.g. 'sendkey ctrl-alt-f1')", keys.send,
                choices=lambda: KEYS[1:], refused=FIXED),
        Command(("type",), "[-l layout] [-h hold_ms] [-d delay_ms] text", "type a text, such as \"ls -l\\n\" (escapes: "
                "\\n \\t \\r \\b \\e \\x1b), or -f file; by the layout of -k if none is given", keys.type,
                refused=FIXED, raw=True),
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

    def type(self, words: list[str], say: Say) -> None:
        given, rest = _options(words[0])
        if "f" in given and rest:
            raise Misunderstood("type: a file or a text, not both")
        if "f" not in given and not rest:
            raise Misunderstood("type: there is no text")
        text = _read(given["f"]) if "f" in given else _written(rest)
        hold_ms, delay_ms = (_number(given[key]) if key in given else None for key in "hd")
        self._target.type_text(text, given.get("l", ""), hold_ms, delay_ms)

    def move(self, words: list[str], say: Say) -> None:
        self._target.move_mouse(*map(_number, words))

    def buttons(self, words: list[str], say: Say) -> None:
        self._target.press_buttons(_number(words[0]))

    def choose(self, words: list[str], say: Say) -> None:
        if _number(words[0]) not in [mouse.number for mouse in self._target.mice()]:
            raise UsageError(f"Mouse at index '{words[0]}' not found")


def _options(line: str) -> tuple[dict[str, str], str]:
    """Those of `type`, and the text behind them."""
    given: dict[str, str] = {}
    while option := OPTION.match(line):
        given[option[1]] = option[2].strip('"')
        line = line[option.end() :]
    return given, line


def _written(text: str) -> str:
    """A text in quotes, or as it stands."""
    if not text.startswith('"'):
        return unescaped(text)
    quoted = QUOTED.fullmatch(text)
    if quoted is None:
        raise Misunderstood(f'type {text}: a text that begins with " ends with one; \\" is one inside')
    return unescaped(quoted[1])


def _read(path: str) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UsageError(f"{shown(path)} is no regular file")
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as e:
        raise UsageError(f"cannot read {shown(path)}: {getattr(e, 'strerror', None) or e}") from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{shown(path)} is too long to be typed: {MOST_BYTES >> 10} KiB at most")
    try:
        return data.decode()
    except UnicodeDecodeError as e:
        raise UsageError(f"{shown(path)} is no text in UTF-8: byte {e.start} is {data[e.start]:#04x}") from None
