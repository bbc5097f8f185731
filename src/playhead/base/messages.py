"""Messages to the user: one line on standard error, whatever it quotes and whether or not standard error is open.

File names are bytes; Python has those that are not UTF-8 as lone surrogates, which nothing can encode. They are shown
as escapes, as control characters are, so that a name can neither change the terminal nor end the program.
"""

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterable


def shown(text: str) -> str:
    """`text` in printable form, on one line: `a\\xffb`, `a\\x1b[1m`."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _escape(c) for c in text)


def lines_shown(text: str) -> str:
    """Output of several lines without control characters: what a guest or a recording contains must not reach the
    user's terminal as commands. Bytes of file names that are no UTF-8 stay, but for those that a terminal may obey.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return "".join(c if c in "\n\t" or c.isprintable() or "\udca0" <= c <= "\udcff" else _escape(c) for c in text)


def _escape(c: str) -> str:
    byte = ord(c) - 0xDC00  # "surrogateescape": a byte that is no UTF-8
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else c.encode("unicode_escape").decode()


def tell(*said: str) -> None:
    """Say it, each on a line that begins with our name. A standard error that is closed or full is no failure."""
    lines = "".join(f"playhead: {shown(line)}\n" for line in said)
    if sys.stderr is not None and sys.stderr is not sys.__stderr__:  # it has been replaced
        print(lines, end="", file=sys.stderr)
        return
    with contextlib.suppress(OSError):
        os.write(2, lines.encode(errors="backslashreplace"))


def of_one_kind(text: str) -> str:
    """The same for all texts that differ in numbers only: for whoever does not say one again and again."""
    return re.sub("[0-9]+", "", text)


def nearest(word: str, known: Iterable[str], show: Callable[[str], str] = lambda n: n) -> str:
    """`; did you mean 'x'?`, or nothing."""
    from difflib import get_close_matches  # here: a line without mistakes needs none

    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{show(match[0])}'?" if match else ""
