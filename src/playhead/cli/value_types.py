"""What the value of an option or sub-option may be: how it is read, how help shows it, and what completes it.

Each is called with the text and returns the value, or raises with the reason; whoever calls it adds the option's name.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from playhead.base.booleans import BOOLEANS
from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest

Parser = Callable[[str], Any]


class Type:
    """`shown` stands for the value in help. `words`: all that there are, or those worth offering. `completes` names
    what else completes it: `file`, `folder`, `cpu`, `device`, or the option whose ids it takes (`-drive`).
    """

    __slots__ = ("completes", "read", "shown", "words")

    def __init__(self, shown: str, read: Parser, words: tuple[str, ...] = (), completes: str = ""):
        self.shown, self.read, self.words, self.completes = shown, read, words, completes

    def __call__(self, text: str) -> Any:
        return self.read(text)


def type_of(parse: Parser) -> Type:
    """A parser as a type: one that is a plain function takes a text."""
    return parse if isinstance(parse, Type) else Type("TEXT", parse)


def one_of(*words: str) -> Type:
    """These words only."""

    def parse(text: str) -> str:
        if text not in words:
            raise UsageError(f"'{text}' is not one of {', '.join(words)}{nearest(text, words)}")
        return text

    return Type("|".join(words), parse, words)


def _boolean(text: str) -> bool:
    if text not in BOOLEANS:
        raise UsageError(f"'{text}' is not one of on, off{nearest(text, ('on', 'off'))}")
    return BOOLEANS[text]


on_off = Type("on|off", _boolean, ("on", "off"))


def always(value: bool, reason: str) -> Type:
    """A boolean that can only be this, for the reason."""

    def parse(text: str) -> bool:
        if _boolean(text) != value:
            raise UnsupportedError(f"'{text}' is not supported: {reason}")
        return value

    word = "on" if value else "off"
    return Type(word, parse, (word,))


def only(words: Iterable[str], reason: str) -> Type:
    """Words that say what is so anyhow; others are refused for the reason."""
    words = tuple(words)

    def parse(text: str) -> str:
        if text not in words:
            raise UnsupportedError(f"'{text}' is not supported: {reason}; there is {', '.join(words)}")
        return text

    return Type("|".join(words), parse, words)


def refused(reason: str) -> Type:
    """No value at all."""

    def parse(text: str) -> Any:
        raise UnsupportedError(f"'{text}' is not supported: {reason}")

    return Type("...", parse)


def number(low: int, high: int) -> Type:
    """Integers in [low, high], decimal or with 0x."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})", text):
            raise UsageError(f"'{text}' is not a number")
        value = int(text, 16 if "x" in text.lower() else 10)
        if not low <= value <= high:
            raise UsageError(f"{text} is not in {low}..{high}")
        return value

    return Type("N", parse, tuple(map(str, range(low, high + 1))) if high - low < 16 else ())


def factor(high: int) -> Type:
    """A Fraction above 0: a number such as 4 or 0.5, or a fraction such as 1/4."""

    def parse(text: str) -> Any:
        from fractions import Fraction  # here: few command lines have one

        match = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6}|/0*[1-9][0-9]{0,8})?", text)
        if match is not None and 0 < (value := Fraction(text)) <= high:
            return value
        raise UsageError(f"'{text}' is no factor such as 4, 0.5 or 1/4, above 0 and at most {high}")

    return Type("FACTOR", parse)


def _identifier(text: str) -> str:
    from playhead.hw.declared import IDENTIFIER

    if not re.fullmatch(IDENTIFIER, text):
        raise UsageError(f"id={text}: an id begins with a letter and has letters, digits, and - . _")
    return text


identifier = Type("ID", _identifier)


def id_of(option: str) -> Type:
    """The id of something that this option makes."""
    return Type("ID", str, completes=option)


TEXT = Type("TEXT", str)
FILE = Type("FILE", str, completes="file")
FOLDER = Type("FOLDER", str, completes="folder")
