"""What an event's arguments can be besides plain numbers and bytes (`base.record`): named numbers, text, a choice.

Each field knows how it is shown; how it is stored follows from its type, both in our recordings (little-endian) and in
QEMU's log (`qemu_codec`).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.errors import FormatError
from playhead.base.record import I64, U8, U32, U64, Blob, Field, Nested, Number, Queue, Record

LONE_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")  # what no UTF-8 is, as `repr` shows it


class Named8(U8):
    """A number that encodes a word; `what` is shown with a number that has none. `more`: words of further numbers."""

    def __init__(self, what: str, names: Sequence[str], default: int = 0, more: Mapping[int, str] | None = None):
        super().__init__(default)
        self.what, self.names, self.more = what, names, more or {}


class Named32(U32):
    """The same, as wide as QEMU stores the enumerations of its input events."""

    def __init__(self, what: str, names: Sequence[str], default: int = 0):
        super().__init__(default)
        self.what, self.names = what, names


class Text(Blob):
    """Bytes that are shown as text. (Other bytes are shown in hex.)"""


class Vector(Number[int | None]):
    """A vector number, or None where it is not known, as in QEMU's log."""

    code = "H"
    UNKNOWN = 0xFFFF

    def __init__(self) -> None:
        super().__init__()
        self.default = None

    def encode(self, value: int | None, out: bytearray) -> None:
        assert value is None or 0 <= value < 256, f"vector {value}"
        super().encode(self.UNKNOWN if value is None else value, out)

    def decode(self, data: bytes, at: int) -> tuple[int | None, int]:
        value, end = super().decode(data, at)
        if value > 255 and value != self.UNKNOWN:
            raise FormatError(f"vector {value}")
        return None if value == self.UNKNOWN else value, end


class HostTime(Number[int | None]):
    """When something happened on the host, in nanoseconds since 1970, UTC; None where it is not known, as in QEMU's
    log. It is for people: no replay uses it.
    """

    code = "q"
    UNKNOWN = -(1 << 63)

    def __init__(self) -> None:
        super().__init__()
        self.default = None

    def encode(self, value: int | None, out: bytearray) -> None:
        super().encode(self.UNKNOWN if value is None else value, out)

    def decode(self, data: bytes, at: int) -> tuple[int | None, int]:
        value, end = super().decode(data, at)
        return None if value == self.UNKNOWN else value, end


class Variant(NamedTuple):
    """One possibility of a `Choice`: its name, the numbers that announce it in QEMU's log, the record."""

    name: str
    announced: tuple[int, ...]
    cls: type[Record]


class Choice(Field[Any]):
    """One of several records. Stored: which one (a byte, in order of declaration), then its fields."""

    def __init__(self, *variants: Variant):
        super().__init__(None)
        self.variants = variants

    def make(self) -> Record:
        return self.variants[0].cls()

    def which(self, value: Record) -> int:
        return next(i for i, v in enumerate(self.variants) if type(value) is v.cls)

    def encode(self, value: Record, out: bytearray) -> None:
        out.append(self.which(value))
        out += value.encode()

    def decode(self, data: bytes, at: int) -> tuple[Record, int]:
        if at >= len(data) or data[at] >= len(self.variants):
            raise FormatError(f"no variant at byte {at} of the arguments")
        return Nested(self.variants[data[at]].cls).decode(data, at + 1)


def _text(data: bytes) -> str:
    """UTF-8; an invalid byte is escaped as `\\xff`."""
    return data.decode(errors="backslashreplace")


def quoted(data: bytes) -> str:
    """The same in quotes, on one line, and so that every byte can be told from it."""
    return LONE_BYTE.sub(r"\\x\1", repr(data.decode(errors="surrogateescape")))


def shown(field: Field, value: Any) -> Any:
    """An argument as a plain value to print: named numbers as words, text as text, other bytes as hex. A number of 64
    bits is text too, whatever it is: readers of JSON round large ones.
    """
    match field:
        case U64() | I64() | HostTime():
            return str(value)
        case Named8() if value in field.more:
            return field.more[value]
        case Named8() | Named32():
            return field.names[value] if value < len(field.names) else f"{field.what}-{value}"
        case Text():
            return _text(bytes(value))
        case Blob():
            return bytes(value).hex()
        case Queue(item=Nested(cls=cls)):
            return [[shown(f, getattr(one, n)) for n, f in cls.FIELDS.items()] for one in value]
        case _:
            return value
