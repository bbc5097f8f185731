"""Declared state: a class whose fields have wire types, from which everything else is derived.

A device, a checkpoint or an event lists its fields once, as class attributes; `record` makes from them the
constructor, equality, a fixed-order little-endian encoding, its inverse, reset to defaults and a readable dump.

    @record
    class Channel:
        count = U16()
        mode = U8(3)

    @record
    class PitState:
        channels = Array(Channel, 3)
        fifo = Blob()

Decoding is strict: bytes that are missing, left over, or out of range raise `FormatError`.
"""

import copy
import struct
from typing import Any

from playhead.base.errors import FormatError


class Field:
    """One declared field: a default and a way to and from bytes."""

    def __init__(self, default: Any = 0):
        self.default = default

    def make(self) -> Any:
        return self.default

    def encode(self, value: Any, out: bytearray) -> None:
        raise NotImplementedError

    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        raise NotImplementedError


class _Int(Field):
    code = ""

    def __init__(self, default: int = 0):
        super().__init__(default)
        self._struct = struct.Struct("<" + self.code)

    def encode(self, value: int, out: bytearray) -> None:
        try:
            out += self._struct.pack(value)
        except struct.error as e:
            raise AssertionError(f"value {value!r} does not fit {type(self).__name__}: {e}") from None

    def decode(self, data: bytes, at: int) -> tuple[int, int]:
        end = at + self._struct.size
        if end > len(data):
            raise FormatError(f"state ends at byte {len(data)}, expected {end}")
        return self._struct.unpack_from(data, at)[0], end


class U8(_Int):
    code = "B"


class U16(_Int):
    code = "H"


class U32(_Int):
    code = "I"


class U64(_Int):
    code = "Q"


class I32(_Int):
    code = "i"


class I64(_Int):
    code = "q"


class Bool(Field):
    """True or False, one byte."""

    def __init__(self, default: bool = False):
        super().__init__(default)

    def encode(self, value: bool, out: bytearray) -> None:
        out.append(1 if value else 0)

    def decode(self, data: bytes, at: int) -> tuple[bool, int]:
        if at >= len(data) or data[at] > 1:
            raise FormatError(f"no truth value at byte {at} of the state")
        return bool(data[at]), at + 1


class Blob(Field):
    """Bytes of any length (a FIFO, a table); `length` fixes it. The value is a bytearray, so that devices can edit
    it."""

    def __init__(self, default: bytes = b"", length: int | None = None):
        super().__init__(default if length is None else default.ljust(length, b"\0"))
        self.length = length

    def make(self) -> bytearray:
        return bytearray(self.default)

    def encode(self, value: bytes, out: bytearray) -> None:
        if self.length is None:
            out += struct.pack("<I", len(value))
        else:
            assert len(value) == self.length, f"blob of {len(value)} bytes, declared {self.length}"
        out += value

    def decode(self, data: bytes, at: int) -> tuple[bytearray, int]:
        size = self.length
        if size is None:
            if at + 4 > len(data):
                raise FormatError(f"state ends at byte {len(data)}, inside a length")
            size = struct.unpack_from("<I", data, at)[0]
            at += 4
        if at + size > len(data):
            raise FormatError(f"state ends at byte {len(data)}, expected {at + size}")
        return bytearray(data[at : at + size]), at + size


class Nested(Field):
    """Another record inside this one."""

    def __init__(self, cls: type):
        super().__init__(None)
        self.cls = cls

    def make(self) -> Any:
        return self.cls()

    def encode(self, value: Any, out: bytearray) -> None:
        out += value.encode()

    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        value = self.cls()
        for name, field in self.cls.FIELDS.items():  # type: ignore[attr-defined]
            item, at = field.decode(data, at)
            setattr(value, name, item)
        return value, at


class Array(Field):
    """A fixed number of the same field or record; the value is a list."""

    def __init__(self, item: Field | type, count: int):
        super().__init__(None)
        self.item = item if isinstance(item, Field) else Nested(item)
        self.count = count

    def make(self) -> list:
        return [self.item.make() for _ in range(self.count)]

    def encode(self, value: list, out: bytearray) -> None:
        assert len(value) == self.count, f"{len(value)} items, declared {self.count}"
        for item in value:
            self.item.encode(item, out)

    def decode(self, data: bytes, at: int) -> tuple[list, int]:
        items = []
        for _ in range(self.count):
            item, at = self.item.decode(data, at)
            items.append(item)
        return items, at


class Queue(Array):
    """Any number of the same field or record, in order; the value is a list that starts empty."""

    def __init__(self, item: Field | type):
        super().__init__(item, 0)

    def encode(self, value: list, out: bytearray) -> None:
        out += struct.pack("<I", len(value))
        for item in value:
            self.item.encode(item, out)

    def decode(self, data: bytes, at: int) -> tuple[list, int]:
        if at + 4 > len(data):
            raise FormatError(f"state ends at byte {len(data)}, inside a count")
        count = struct.unpack_from("<I", data, at)[0]
        at += 4
        if count > len(data) - at:
            raise FormatError(f"a queue claims {count} items in {len(data) - at} bytes")
        items = []
        for _ in range(count):
            item, at = self.item.decode(data, at)
            items.append(item)
        return items, at


def _encoder(fields: dict[str, Field]):
    """The `encode` method, generated: digests call it often, so runs of integers are packed at once. It gives exactly
    the bytes that encoding field by field gives; anything that does not fit is found by doing just that."""
    lines = ["def encode(self):", " try:", "  return b''.join(("]
    scope: dict[str, Any] = {"fields": fields}
    codes, values = "", []  # type: ignore[var-annotated]

    def flush():
        nonlocal codes, values
        if codes:
            name = f"pack{len(scope)}"
            scope[name] = struct.Struct("<" + codes).pack
            lines.append(f"   {name}({', '.join(values)}),")
            codes, values = "", []

    for name, field in fields.items():
        if isinstance(field, _Int):
            codes += field.code
            values.append(f"self.{name}")
        elif isinstance(field, Bool):
            codes += "?"
            values.append(f"self.{name}")
        elif type(field) is Array and isinstance(field.item, _Int) and field.count:
            codes += field.item.code * field.count
            values.append(f"*self.{name}")
        else:
            flush()
            scope[f"field{len(scope)}"] = field
            lines.append(f"   one(field{len(scope) - 1}, self.{name}),")
    flush()
    lines += ["  ))", " except struct_error:", "  return b''.join(one(f, getattr(self, n)) for n, f in fields.items())"]

    def one(field: Field, value: Any) -> bytes:
        out = bytearray()
        field.encode(value, out)
        return bytes(out)

    scope.update(one=one, struct_error=struct.error)
    exec("\n".join(lines), scope)
    return scope["encode"]


def record(cls: type) -> type:
    """Turn a class whose attributes are fields into a record (see the module's first lines)."""
    fields = {n: f for n, f in vars(cls).items() if isinstance(f, Field)}

    def init(self, **values):
        unknown = set(values) - set(fields)
        if unknown:
            raise TypeError(f"{cls.__name__} has no field {sorted(unknown)[0]!r}; it has {', '.join(fields)}")
        for name, field in fields.items():
            setattr(self, name, values[name] if name in values else field.make())

    encode = _encoder(fields)

    @classmethod  # type: ignore[misc]
    def decode(klass, data):
        value, end = Nested(klass).decode(bytes(data), 0)
        if end != len(data):
            raise FormatError(f"{klass.__name__}: {len(data) - end} bytes left over")
        return value

    def text(self) -> str:
        return f"{cls.__name__}(" + ", ".join(f"{n}={getattr(self, n)!r}" for n in fields) + ")"

    def equal(self, other) -> bool:
        return type(other) is type(self) and all(getattr(self, n) == getattr(other, n) for n in fields)

    body = {n: v for n, v in vars(cls).items() if n not in fields and n not in ("__dict__", "__weakref__")}
    body.update(
        __slots__=tuple(fields), FIELDS=fields, __init__=init, __eq__=equal, __hash__=None, __repr__=text,
        encode=encode, decode=decode, copy=lambda self: copy.deepcopy(self),
    )  # fmt: skip
    return type(cls.__name__, (), body)
