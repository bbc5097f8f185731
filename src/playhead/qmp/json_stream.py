"""A client's bytes as JSON values: one after another, on one line or on many, as QEMU reads them.

The client may be hostile. A value has a greatest size and depth; bytes that are no UTF-8, NaN and infinity, numbers
beyond what a machine holds, NUL and lone surrogates in strings, and two members of one name are errors. After an error
reading goes on with the next line; after one of size or depth (`fatal`) with nothing. As in QEMU, strings may have
single quotes.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from playhead.qmp.errors import QmpError

LONGEST = 1 << 20  # bytes of one value
DEEPEST = 128
PIECE = re.compile(rb"""["'{}\[\]\n]|[^\s"'{}\[\],:]+""")
STRING = {
    ord('"'): re.compile(rb'"[^"\\\n]*(?:\\.[^"\\\n]*)*(")?'),
    ord("'"): re.compile(rb"'[^'\\\n]*(?:\\.[^'\\\n]*)*(')?"),
}  # fmt: skip


class Broken(QmpError):
    """What came is no JSON. `fatal`: the client is not worth listening to."""

    def __init__(self, desc: str, fatal: bool = False):
        super().__init__(desc)
        self.fatal = fatal


class JsonStream:
    """`feed(data)` gives the values that are complete now, a `Broken` for each error."""

    def __init__(self) -> None:
        self._data = b""
        self._skipping = False  # to the end of a line
        self._restart()

    def _restart(self) -> None:
        self._at = 0  # what is before has been looked at
        self._depth = 0
        self._begin = -1  # of the value
        self._single: list[tuple[int, int]] = []  # strings in single quotes

    def feed(self, data: bytes) -> Iterator[Any]:
        self._data += data
        while True:
            if self._skipping:
                _, found, self._data = self._data.partition(b"\n")
                self._skipping = not found
            try:
                end = self._end()
                if end is None:
                    return
                text, single, begin = self._data[:end], self._single, self._begin
                self._data = self._data[end:]
                self._restart()
                yield parsed(_double(text, single, begin))
            except Broken as e:
                yield e
                if e.fatal:
                    return

    def _end(self) -> int | None:
        """Where the next value ends; None if that has not come yet."""
        data = self._data
        while (piece := PIECE.search(data, self._at)) is not None:
            first, at = data[piece.start()], piece.start()
            if first in STRING:
                string = STRING[first].match(data, at)
                assert string is not None
                if string[1] is None and len(data) <= string.end() + 1 and data[string.end() :] in (b"", b"\\"):
                    break  # the rest of it is to come
                if string[1] is None:
                    self._skip(string.end(), "a string without an end")
                if first == ord("'"):
                    self._single.append(string.span())
                if self._closed(at, string.end(), 0):
                    return string.end()
            elif first in b"{[":
                self._closed(at, at + 1, 1)
            elif first in b"}]":
                if self._closed(at, at + 1, -1):
                    return at + 1
            elif first == ord("\n"):
                self._at = at + 1
            else:
                if piece.end() == len(data):
                    break  # a number or a word may go on
                if self._closed(at, piece.end(), 0):
                    return piece.end()
        if self._begin < 0:
            self._data, self._at = data[self._at :], 0
        if len(self._data) > LONGEST:
            raise Broken(f"JSON value of more than {LONGEST} bytes", fatal=True)
        return None

    def _closed(self, begin: int, end: int, step: int) -> bool:
        """Whether a value ends here."""
        self._begin = begin if self._begin < 0 else self._begin
        self._depth += step
        self._at = end
        if self._depth > DEEPEST:
            raise Broken("JSON nesting depth limit exceeded", fatal=True)
        if self._depth < 0:
            self._skip(end, "a bracket that closes nothing")
        if end - self._begin > LONGEST:
            raise Broken(f"JSON value of more than {LONGEST} bytes", fatal=True)
        return self._depth == 0

    def _skip(self, at: int, why: str) -> None:
        """To the next line."""
        self._data, self._skipping = self._data[at:], True
        self._restart()
        raise Broken(f"JSON parse error, {why}")


def _double(text: bytes, single: list[tuple[int, int]], begin: int) -> bytes:
    """With double quotes in place of single ones."""
    out, at = bytearray(), begin
    for start, end in single:
        inner = re.sub(rb"\\'", b"'", re.sub(rb'(?<!\\)"', b'\\"', text[start + 1 : end - 1]))
        out += text[at:start] + b'"' + inner + b'"'
        at = end
    return bytes(out + text[at:])


def parsed(data: bytes) -> Any:
    """One value; raises Broken."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer,
                           parse_float=_real)  # fmt: skip
        again = json.dumps(value, ensure_ascii=False)
        again.encode()
    except UnicodeDecodeError as e:
        raise Broken(f"JSON parse error, stray byte {data[e.start]:#04x}: it is not UTF-8") from None
    except UnicodeEncodeError:
        raise Broken("JSON parse error, half a surrogate pair is not a valid Unicode character") from None
    except (ValueError, RecursionError) as e:
        raise Broken(f"JSON parse error, {str(e)[:200]}") from None
    if "\\u0000" in again:
        raise Broken("JSON parse error, \\u0000 is not accepted in strings")
    return value


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate key")
    return found


def _constant(word: str) -> Any:
    raise ValueError(f"invalid keyword '{word}'")


def _integer(text: str) -> int | float:
    """As QEMU holds it: what no 64-bit integer holds is a floating-point number."""
    if len(text) <= 20 and -(1 << 63) <= (number := int(text)) < 1 << 64:
        return number
    return _real(text)


def _real(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number out of range")
    return number
