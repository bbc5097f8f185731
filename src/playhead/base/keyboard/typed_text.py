"""A text as the keys that somebody would press to type it."""

import unicodedata
from collections.abc import Iterator

from playhead.base.errors import UsageError
from playhead.base.keyboard.layouts import layout as layout_of

MOST_NAMED = 5  # characters, in a message
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "e": "\x1b", "\\": "\\", '"': '"', "'": "'"}


def keys_of_text(text: str, layout: str = "en-us") -> list[tuple[str, ...]]:
    """For each character the keys that are pressed together, in this order; `caps_lock` is taken to be off. Raises
    UsageError, and names them, for characters that the layout cannot type.
    """
    keys = layout_of(layout)
    chords = [keys.chord(character) for character in text]
    lacking = [character for character, chord in dict(zip(text, chords, strict=True)).items() if not chord]
    if lacking:
        named = ", ".join(map(_named, lacking[:MOST_NAMED]))
        more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
        raise UsageError(f"nothing is typed: the keyboard layout {layout} has no key for {named}{more}")
    return chords


def _named(character: str) -> str:
    name = unicodedata.name(character, "")
    shown = f"'{character}' " if character.isprintable() else ""
    return f"{shown}(U+{ord(character):04X}{f', {name.lower()}' if name else ''})"


def unescaped(text: str) -> str:
    r"""`\n`, `\t`, `\r`, `\b`, `\e` and `\x1b` in a text, and `\\` and `\"`. Raises UsageError for others."""
    return "".join(_unescaped(text))


def _unescaped(text: str) -> Iterator[str]:
    rest = iter(text)
    for character in rest:
        if character != "\\":
            yield character
            continue
        kind = next(rest, "")
        digits = next(rest, "") + next(rest, "") if kind == "x" else ""
        if kind in ESCAPES:
            yield ESCAPES[kind]
        elif len(digits) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in digits):
            yield chr(int(digits, 16))
        else:
            raise UsageError(rf"\{kind}{digits} is not known in a text; there is \n, \t, \r, \b, \e, \x1b, \\ and \"")
