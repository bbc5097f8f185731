"""Declared state: a class whose fields have wire types, from which everything else is derived.

A device, a checkpoint or an event lists its fields once, as class attributes; `Record` makes from them the
constructor, equality, a fixed-order little-endian encoding, its inverse, reset to defaults and a readable dump.

    class Channel(Record):
        count = U16()
        mode = U8(3)

    class PitState(Record):
        channels = Array(Channel, 3)
        fifo = Blob()

Fields are typed descriptors for type checkers, which so find a wrong name or a value of the wrong type; at run time
the values are in slots. Decoding is strict: bytes that are missing, left over, or out of range raise `FormatError`.
"""

import copy
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar, overload

from playhead.base.errors import FormatError

V = TypeVar("V")
N = TypeVar("N", bound=int | None)
R = TypeVar("R", bound="Record")
BytesLike = bytes | bytearray | memoryview


class Items(Protocol[V]):
    """The value of an `Array`: a list in a plain record, a view of its memory in a shared one."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[V]: ...

    def __getitem__(self, index: int, /) -> V: ...

    def __setitem__(self, index: int, value: V, /) -> None: ...


class Field(Generic[V]):
    """One declared field: a default and a way to and from bytes."""

    def __init__(self, default: Any = 0):
        self.default = default

    def make(self) -> Any:
        return self.default

    def encode(self, value: Any, out: bytearray) -> None:
        raise NotImplementedError

    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        raise NotImplementedError

    def plain(self, value: Any) -> Any:
        """The value in ordinary types, to be shown and compared."""
        return value

    if TYPE_CHECKING:

        @overload
        def __get__(self, record: None, cls: type) -> Self: ...

        @overload
        def __get__(self, record: object, cls: type) -> V: ...

        def __get__(self, record: object, cls: type) -> Self | V: ...

        def __set__(self, record: object, value: V) -> None: ...


class Number(Field[N]):
    """An integer; `code` is its width and sign in `struct`'s letters."""

    code = ""

    def __init__(self, default: int = 0):
        super().__init__(default)
        self._struct = struct.Struct("<" + self.code)

    def encode(self, value: Any, out: bytearray) -> None:
        try:
            out += self._struct.pack(value)
        except struct.error as e:
            raise AssertionError(f"value {value!r} does not fit {type(self).__name__}: {e}") from None

    def decode(self, data: bytes, at: int) -> tuple[Any, int]:
        end = at + self._struct.size
        if end > len(data):
            raise FormatError(f"state ends at byte {len(data)}, expected {end}")
        return self._struct.unpack_from(data, at)[0], end


class U8(Number[int]):
    code = "B"


class U16(Number[int]):
    code = "H"


class U32(Number[int]):
    code = "I"


class U64(Number[int]):
    code = "Q"


class I32(Number[int]):
    code = "i"


class I64(Number[int]):
    code = "q"


class Bool(Field[bool]):
    """True or False, one byte."""

    code = "?"

    def __init__(self, default: bool = False):
        super().__init__(default)

    def encode(self, value: bool, out: bytearray) -> None:
        out.append(1 if value else 0)

    def decode(self, data: bytes, at: int) -> tuple[bool, int]:
        if at >= len(data) or data[at] > 1:
            raise FormatError(f"no truth value at byte {at} of the state")
        return bool(data[at]), at + 1


class Blob(Field[bytearray]):
    """Bytes of any length (a FIFO, a table); `length` fixes it. The value is a bytearray, so that devices can edit
    it."""

    def __init__(self, default: bytes = b"", length: int | None = None):
        super().__init__(default if length is None else default.ljust(length, b"\0"))
        self.length = length

    def make(self) -> bytearray:
        return bytearray(self.default)

    def encode(self, value: BytesLike, out: bytearray) -> None:
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

    if TYPE_CHECKING:

        def __set__(self, record: object, value: BytesLike) -> None: ...


class Nested(Field[R]):
    """Another record inside this one."""

    def __init__(self, cls: type[R]):
        super().__init__(None)
        self.cls = cls

    def make(self) -> R:
        return self.cls()

    def encode(self, value: R, out: bytearray) -> None:
        out += value.encode()

    def decode(self, data: bytes, at: int) -> tuple[R, int]:
        value = self.cls()
        for name, field in self.cls.FIELDS.items():
            item, at = field.decode(data, at)
            setattr(value, name, item)
        return value, at


def _item(item: Any) -> Field[Any]:
    """The field of each item of an array or a queue; a record class means that record."""
    return item if isinstance(item, Field) else Nested(item)


class Array(Field[Items[V]]):
    """A fixed number of the same field or record; the value is a list (of a shared record: a view of its memory)."""

    def __init__(self, item: Field[V] | type[V], count: int):
        super().__init__(None)
        self.item = _item(item)
        self.count = count

    def make(self) -> list[V]:
        return [self.item.make() for _ in range(self.count)]

    def encode(self, value: Items[V], out: bytearray) -> None:
        assert len(value) == self.count, f"{len(value)} items, declared {self.count}"
        for item in value:
            self.item.encode(item, out)

    def decode(self, data: bytes, at: int) -> tuple[list[V], int]:
        items = []
        for _ in range(self.count):
            item, at = self.item.decode(data, at)
            items.append(item)
        return items, at

    def plain(self, value: Items[V]) -> list[V]:
        return list(value)

    if TYPE_CHECKING:

        def __set__(self, record: object, value: Iterable[V]) -> None: ...


class Queue(Field[list[V]]):
    """Any number of the same field or record, in order; the value is a list that starts empty."""

    def __init__(self, item: Field[V] | type[V]):
        super().__init__(None)
        self.item = _item(item)

    def make(self) -> list[V]:
        return []

    def encode(self, value: list[V], out: bytearray) -> None:
        out += struct.pack("<I", len(value))
        if isinstance(self.item, Number):
            try:
                out += struct.pack(f"<{len(value)}{self.item.code}", *value)
                return
            except struct.error:
                pass  # the item that does not fit is found by packing one by one
        for item in value:
            self.item.encode(item, out)

    def decode(self, data: bytes, at: int) -> tuple[list[V], int]:
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


def _encoder(fields: dict[str, Field[Any]]) -> Any:
    """The `encode` method, generated: digests call it often, so runs of integers are packed at once. It gives exactly
    the bytes that encoding field by field gives; anything that does not fit is found by doing just that."""
    lines = ["def encode(self):", " try:", "  return b''.join(("]
    scope: dict[str, Any] = {"fields": fields}
    codes = ""
    values: list[str] = []

    def flush() -> None:
        nonlocal codes, values
        if codes:
            name = f"pack{len(scope)}"
            scope[name] = struct.Struct("<" + codes).pack
            lines.append(f"   {name}({', '.join(values)}),")
            codes, values = "", []

    for name, field in fields.items():
        if isinstance(field, Number | Bool):
            codes += field.code
            values.append(f"self.{name}")
        elif isinstance(field, Array) and isinstance(field.item, Number) and field.count:
            codes += field.item.code * field.count
            values.append(f"*self.{name}")
        else:
            flush()
            scope[f"field{len(scope)}"] = field
            lines.append(f"   one(field{len(scope) - 1}, self.{name}),")
    flush()
    lines += ["  ))", " except struct_error:", "  return b''.join(one(f, getattr(self, n)) for n, f in fields.items())"]

    def one(field: Field[Any], value: Any) -> bytes:
        out = bytearray()
        field.encode(value, out)
        return bytes(out)

    scope.update(one=one, struct_error=struct.error)
    exec("\n".join(lines), scope)
    return scope["encode"]


def _encoder_at_first_use(fields: dict[str, Field[Any]]) -> Any:
    """`_encoder`'s method, generated when a record of the class is first encoded: in most runs few classes are."""

    def encode(self: Any) -> bytes:
        type(self).encode = made = _encoder(fields)
        return made(self)

    return encode


class RecordType(type):
    """Makes a record of a class whose attributes are fields, after those of the record that it extends."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> "RecordType":
        return super().__new__(mcs, name, bases, mcs._body(bases, body))

    @classmethod
    def _body(mcs, bases: tuple[type, ...], body: dict[str, Any]) -> dict[str, Any]:
        inherited = {n: f for base in bases for n, f in getattr(base, "FIELDS", {}).items()}
        own = {n: f for n, f in body.items() if isinstance(f, Field)}
        hidden = [n for n in own if any(hasattr(base, n) for base in bases)]
        assert not hidden, f"a field cannot be called {hidden[0]}: that is a method or an inherited field"
        fields = inherited | own
        rest = {n: v for n, v in body.items() if n not in own}
        return mcs._made(fields, own) | rest | {"FIELDS": fields}

    @classmethod
    def _made(mcs, fields: dict[str, Field[Any]], own: dict[str, Field[Any]]) -> dict[str, Any]:
        """What follows from the fields, and what of it from those that the class itself declares."""
        return {"__slots__": tuple(own), "encode": _encoder_at_first_use(fields)}


class Record(metaclass=RecordType):
    """The base of all records (see the module's first lines)."""

    __slots__ = ()

    FIELDS: ClassVar[dict[str, Field[Any]]]

    def __init__(self, **values: Any):
        fields = self.FIELDS
        self._check_names(values)
        for name, field in fields.items():
            setattr(self, name, values[name] if name in values else field.make())

    def _check_names(self, values: dict[str, Any]) -> None:
        unknown = values.keys() - self.FIELDS.keys()
        if unknown:
            names = ", ".join(self.FIELDS)
            raise TypeError(f"{type(self).__name__} has no field {sorted(unknown)[0]!r}; it has {names}")

    if TYPE_CHECKING:

        def encode(self) -> bytes:
            """All fields in order."""

    def imager(self) -> Callable[[], bytes]:
        """A function for somebody who often asks whether this record has changed: its bytes are others whenever those
        of `encode` are.
        """
        return lambda: self.encode()  # (the method is another one after its first use)

    @classmethod
    def decode(cls, data: BytesLike) -> Self:
        """The inverse of `encode`."""
        value, end = Nested(cls).decode(bytes(data), 0)
        if end != len(data):
            raise FormatError(f"{cls.__name__}: {len(data) - end} bytes left over")
        return value

    def decode_into(self, data: BytesLike) -> None:
        """`decode` into this object; nothing changes if the bytes are refused."""
        self._take(type(self).decode(data))

    def assign(self, other: Self) -> None:
        """Take the values of another record of this class."""
        self._take(other.copy())

    def reset(self) -> None:
        """All fields back to their defaults."""
        self._take(type(self)())

    def _take(self, other: Self) -> None:
        for name in self.FIELDS:
            setattr(self, name, getattr(other, name))

    def copy(self) -> Self:
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        shown = (f"{n}={f.plain(getattr(self, n))!r}" for n, f in self.FIELDS.items())
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and all(getattr(self, n) == getattr(other, n) for n in self.FIELDS)
