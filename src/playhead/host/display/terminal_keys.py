"""What somebody types at a terminal, as keys of a PC.

A terminal sends characters, not keys: what it sends for a key stands for the chord that types it, by a layout. Escape
in front of a character is the Alt key, as terminals have it; if nothing follows for a moment, it is the Escape key.
The sequences are those of xterm and its descendants and of Linux's console, with their modifiers.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.base.keyboard.typed_text import keys_of_text

ESC = 0x1B
ESCAPE_NS = 50_000_000  # after which an Escape is one of its own
SEQUENCE = re.compile(rb"\x1b\[\[[A-E]|\x1b\[[0-9;]*[@-Z^-~]|\x1bO[A-Za-z]")
BEGUN = re.compile(rb"\x1b(\[[0-9;]*|O|\[\[)?")  # of a sequence whose rest has not come yet
MOST_BEGUN = 16
MODIFIERS = ("shift", "alt", "ctrl")  # bits 0 to 2 of a sequence's second number, less one

LETTERS = {"A": "up", "B": "down", "C": "right", "D": "left", "H": "home", "F": "end", "P": "f1", "Q": "f2",
           "R": "f3", "S": "f4", "M": "kp_enter"}  # fmt: skip
LINUX = {letter: f"f{n}" for n, letter in enumerate("ABCDE", 1)}
FUNCTIONS = (11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24)
NUMBERS = {1: "home", 2: "insert", 3: "delete", 4: "end", 5: "pgup", 6: "pgdn", 7: "home", 8: "end",
           **{number: f"f{n}" for n, number in enumerate(FUNCTIONS, 1)}}  # fmt: skip
CONTROLS = {0x00: ("ctrl", "spc"), 0x09: ("tab",), 0x0D: ("ret",), 0x1C: ("ctrl", "backslash"),
            0x1D: ("ctrl", "bracket_right"), 0x1E: ("ctrl", "6"), 0x1F: ("ctrl", "minus")}  # fmt: skip


class Typed(NamedTuple):
    """`keys`: pressed together, in this order; none where no key is for it, which `why` says. `sent`: what the terminal
    sent.
    """

    keys: tuple[str, ...]
    sent: bytes
    why: str = ""


class TerminalKeys:
    """`erase`: what the terminal sends for the backspace key."""

    def __init__(self, layout: str = "en-us", erase: int = 0x7F):
        self._layout, self._erase = layout, erase
        self._rest = b""
        self._since_ns = 0

    def feed(self, data: bytes, now_ns: int) -> list[Typed]:
        self._rest += data
        self._since_ns = now_ns
        return list(self._complete(final=False))

    def late(self, now_ns: int) -> list[Typed]:
        """What had begun and has not gone on: an Escape by itself."""
        if not self._rest or now_ns - self._since_ns < ESCAPE_NS:
            return []
        return list(self._complete(final=True))

    def _complete(self, *, final: bool) -> Iterator[Typed]:
        while self._rest:
            taken = self._first(final)
            if taken is None:
                return
            length, typed = taken
            self._rest = self._rest[length:]
            yield typed

    def _first(self, final: bool) -> tuple[int, Typed] | None:
        """The length of what comes first, and what it is; None if more is to come."""
        rest = self._rest
        if rest[0] != ESC:
            return self._character(rest, final)
        if found := SEQUENCE.match(rest):
            return found.end(), self._sequence(found[0])
        begun = BEGUN.fullmatch(rest)
        if begun and not final and len(rest) < MOST_BEGUN:
            return None
        if len(rest) == 1 or rest[1] == ESC:
            return 1, Typed(("esc",), rest[:1])
        behind = self._character(rest[1:], final)
        if behind is None:
            return None
        length, typed = behind
        return length + 1, Typed(("alt", *typed.keys) if typed.keys else (), rest[: length + 1], typed.why)

    def _character(self, rest: bytes, final: bool) -> tuple[int, Typed] | None:
        first = rest[0]
        if first == self._erase:
            return 1, Typed(("backspace",), rest[:1])
        if first in CONTROLS:
            return 1, Typed(CONTROLS[first], rest[:1])
        if first < 0x20:
            return 1, Typed(("ctrl", chr(first + 0x60)), rest[:1])
        length = 2 if 0xC0 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4 if 0xF0 <= first < 0xF8 else 1
        if len(rest) < length and not final:
            return None
        sent = rest[:length]
        try:
            (keys,) = keys_of_text(sent.decode(), self._layout)
        except UnicodeDecodeError:
            return 1, Typed((), rest[:1], "what the terminal sends is no UTF-8")
        except UsageError as e:
            return length, Typed((), sent, str(e).removeprefix("nothing is typed: "))
        return length, Typed(keys, sent)

    def _sequence(self, sent: bytes) -> Typed:
        text = sent.decode()
        if text.startswith("\x1b[["):
            return Typed((LINUX[text[-1]],), sent)
        numbers = [int(number) if number else 1 for number in text[2:-1].split(";")] if text[1] == "[" else [1]
        if text[-1] == "Z":
            return Typed(("shift", "tab"), sent)
        name = NUMBERS.get(numbers[0]) if text[-1] == "~" else LETTERS.get(text[-1])
        if name is None:
            return Typed((), sent)
        bits = numbers[1] - 1 if len(numbers) > 1 else 0
        held = tuple(modifier for n, modifier in enumerate(MODIFIERS) if bits >> n & 1)
        return Typed((*held, name), sent)
