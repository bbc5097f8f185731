"""Declared state that native code reads and writes too: a record whose fields lie in memory at a fixed address.

A chip's registers are answered by native code where that can be done; both sides then work on the same bytes. A
`SharedRecord` is declared as a `Record` is, with fields of a fixed size only, and has the same encoding; its address
stays the same as long as the object lives, so its owner puts values into it (`assign`, `reset`, `decode_into`) and
never replaces it.

    class UartState(SharedRecord):
        lcr = U8()
        rx = Bytes(16)

In memory the fields follow one another without gaps, little-endian: so what has no `Bytes` in it lies there as it is
encoded. Numbers are ctypes fields, which cut off what does not fit their width without a word.
"""

import ctypes
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

from playhead.base.byte_queue import COUNT, ByteQueue
from playhead.base.errors import FormatError
from playhead.base.record import Array, Blob, Bool, BytesLike, Field, Nested, Number, Record, RecordType

CTYPES: dict[str, Any] = {
    "B": ctypes.c_uint8, "H": ctypes.c_uint16, "I": ctypes.c_uint32, "Q": ctypes.c_uint64,
    "i": ctypes.c_int32, "q": ctypes.c_int64, "?": ctypes.c_bool,
}  # fmt: skip
LARGE = 1024  # bytes of a record whose empty rooms should not be copied
L = TypeVar("L", bound="SharedRecord")


class Bytes(Field[ByteQueue]):
    """At most `capacity` bytes. Encoded as a `Blob` is; in memory a count of 32 bits, and room for all."""

    def __init__(self, capacity: int):
        super().__init__(b"")
        self.capacity = capacity
        self._blob = Blob()

    def encode(self, value: ByteQueue, out: bytearray) -> None:
        self._blob.encode(bytes(value), out)

    def decode(self, data: bytes, at: int) -> tuple[bytearray, int]:
        value, end = self._blob.decode(data, at)
        if len(value) > self.capacity:
            raise FormatError(f"{len(value)} bytes where {self.capacity} fit, at byte {at} of the state")
        return value, end

    def plain(self, value: ByteQueue) -> bytearray:
        return bytearray(value.view())

    if TYPE_CHECKING:

        def __set__(self, record: object, value: BytesLike | ByteQueue) -> None: ...


class Table(Field[memoryview]):
    """Exactly `length` bytes, encoded as a `Blob` of that length. The value is a view of the record's memory, and so
    is a slice of it: take `bytes` of it to keep it."""

    def __init__(self, length: int, default: bytes = b""):
        super().__init__(default.ljust(length, b"\0"))
        self.length = length
        self._blob = Blob(length=length)

    def encode(self, value: memoryview, out: bytearray) -> None:
        self._blob.encode(value, out)

    def decode(self, data: bytes, at: int) -> tuple[bytearray, int]:
        return self._blob.decode(data, at)

    def plain(self, value: memoryview) -> bytearray:
        return bytearray(value)

    if TYPE_CHECKING:

        def __set__(self, record: object, value: BytesLike) -> None: ...


class LinkList(Generic[L]):
    """The value of a `Links` field: other records by number, None where there is none."""

    __slots__ = ("_addresses", "_records")

    def __init__(self, memory: memoryview):
        cast: Any = memory.cast
        self._addresses = cast("Q")
        self._records: list[L | None] = [None] * len(self._addresses)

    def __getitem__(self, index: int) -> L | None:
        return self._records[index]

    def __setitem__(self, index: int, record: L) -> None:
        self._records[index], self._addresses[index] = record, record.address()


class Links(Field[LinkList[L]]):
    """`count` other records of class `cls`, or of classes that extend it. These are wires, not state: native code
    follows them, and the record that has them is not for saving."""

    def __init__(self, cls: type[L], count: int):
        super().__init__(b"")
        self.cls, self.count = cls, count


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field lies, in bytes from the record's address. `kind`: unsigned, signed, bool, bytes (a count of 32
    bits, then room for `count` bytes) or record (of class `cls`). `bits` are those of one of `count` items.
    """

    offset: int
    kind: str
    bits: int
    count: int = 1
    cls: "type[SharedRecord] | None" = None

    @property
    def size(self) -> int:
        return self.bits // 8 * self.count + (COUNT if self.kind == "bytes" else 0)


def _place(field: Field[Any], at: int) -> Place:
    match field:
        case Bool():
            return Place(at, "bool", 8)
        case Number():
            return Place(at, "signed" if field.code.islower() else "unsigned", 8 * struct.calcsize("<" + field.code))
        case Table():
            return Place(at, "unsigned", 8, field.length)
        case Bytes():
            return Place(at, "bytes", 8, field.capacity)
        case Links():
            return Place(at, "unsigned", 64, field.count)
        case Nested() if issubclass(field.cls, SharedRecord):
            return Place(at, "record", 8 * field.cls.SIZE, 1, field.cls)
        case Array() if not isinstance(field.item, Table | Bytes | Array):
            return replace(_place(field.item, at), count=field.count)
    raise TypeError(f"a shared record cannot have this {type(field).__name__}: its size has to be fixed (Bytes, Table)")


def _image(field: Field[Any]) -> bytes:
    """The memory of a field that has its default."""
    match field:
        case Nested():
            return field.cls.IMAGE
        case Array():
            return _image(field.item) * field.count
        case Bytes():
            return bytes(COUNT + field.capacity)
        case Links():
            return bytes(8 * field.count)
    out = bytearray()
    field.encode(field.default, out)
    return bytes(out)


def _view(field: Field[Any], memory: memoryview) -> Any:
    """The value of a field that is more than a number, over its memory."""
    match field:
        case Table():
            return memory
        case Bytes():
            return ByteQueue(memory)
        case Links():
            return LinkList(memory)
        case Nested():
            return field.cls.over(memory)
        case Array(item=Nested(cls=cls)):
            return [cls.over(memory[n * cls.SIZE : (n + 1) * cls.SIZE]) for n in range(field.count)]
        case Array(item=Number() | Bool() as item):
            cast: Any = memory.cast
            return cast(item.code)
    raise AssertionError(field)


def _store(field: Field[Any], there: Any, value: Any) -> None:
    """Assignment to such a field: its object stays, and takes the values."""
    match field:
        case Nested():
            there.assign(value)
        case Bytes():
            there.replace(value)
        case Array(item=Nested()):
            for old, new in zip(there, value, strict=True):
                old.assign(new)
        case Array():
            for n, (_, new) in enumerate(zip(there, value, strict=True)):
                there[n] = new
        case _:
            there[:] = value


def _property(name: str, field: Field[Any]) -> property:
    view = attrgetter("_" + name)
    return property(view, lambda record, value: _store(field, view(record), value))


if TYPE_CHECKING:

    class _StructureType(type): ...

    class _Structure:
        """As far as we use it."""

        @classmethod
        def from_buffer(cls, memory: memoryview) -> Self: ...

else:
    _Structure, _StructureType = ctypes.Structure, type(ctypes.Structure)


class SharedType(_StructureType, RecordType):  # (the class that has a layout comes first)
    """Makes a shared record: numbers are ctypes fields, all else are views that its objects hold."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> "SharedType":
        return _StructureType.__new__(mcs, name, bases, mcs._body(bases, body))

    @classmethod
    def _made(mcs, fields: dict[str, Field[Any]], own: dict[str, Field[Any]]) -> dict[str, Any]:
        places: dict[str, Place] = {}
        size = 0
        for name, field in fields.items():
            places[name] = _place(field, size)
            size += places[name].size
        numbers = {n: f for n, f in own.items() if isinstance(f, Number | Bool)}
        views = {n: f for n, f in own.items() if n not in numbers}
        ctypes_fields = [
            (n, CTYPES[numbers[n].code]) if n in numbers else (f"_memory_of_{n}", ctypes.c_uint8 * places[n].size)
            for n in own
        ]
        return {
            "PLACES": places, "SIZE": size, "IMAGE": b"".join(map(_image, fields.values())),
            "_VIEWS": {n: f for n, f in fields.items() if not isinstance(f, Number | Bool)},
            "_BOOLS": tuple(_offsets(places, "bool")), "_ROOMS": tuple(_offsets(places, "bytes")),
            "_pack_": 1, "_layout_": "ms", "_fields_": ctypes_fields,
            "__slots__": tuple("_" + n for n in views), **{n: _property(n, f) for n, f in views.items()},
        }  # fmt: skip


def _offsets(places: dict[str, Place], kind: str) -> Iterator[tuple[int, int]]:
    """(first byte, end) of each field of this kind, in nested records too, in order."""
    for p in places.values():
        if p.kind == kind:
            yield p.offset, p.offset + p.size
        elif p.cls is not None:
            for start in range(p.offset, p.offset + p.size, p.cls.SIZE):
                yield from ((start + a, start + b) for a, b in _offsets(p.cls.PLACES, kind))


class SharedRecord(Record, _Structure, metaclass=SharedType):
    """The base of all shared records (see the module's first lines)."""

    __slots__ = ("_memory",)

    PLACES: ClassVar[dict[str, Place]]  # where each field is: what native code is made from
    SIZE: ClassVar[int]
    IMAGE: ClassVar[bytes]  # the memory of a record that has its defaults
    _VIEWS: ClassVar[dict[str, Field[Any]]]
    _BOOLS: ClassVar[tuple[tuple[int, int], ...]]
    _ROOMS: ClassVar[tuple[tuple[int, int], ...]]  # of `Bytes`

    if TYPE_CHECKING:
        _memory: memoryview
    else:

        def __new__(cls, **values):
            return cls.over(memoryview(bytearray(max(cls.SIZE, 1)))[: cls.SIZE])

    def __init__(self, **values: Any):
        self._check_names(values)
        self._memory[:] = self.IMAGE
        for name, value in values.items():
            setattr(self, name, value)

    @classmethod
    def over(cls, memory: memoryview) -> Self:
        """A record on memory that is there, as it is."""
        self = cls.from_buffer(memory)
        self._memory = memory
        for name, field in cls._VIEWS.items():
            place = cls.PLACES[name]
            setattr(self, "_" + name, _view(field, memory[place.offset : place.offset + place.size]))
        return self

    def address(self) -> int:
        """Where it lies in the host's memory, as long as the object lives."""
        return ctypes.addressof(self)  # type: ignore[arg-type]

    def encode(self) -> bytes:
        return self._memory.tobytes() if not self._ROOMS else self.encoding_of(self._memory)

    @classmethod
    def encoding_of(cls, memory: memoryview) -> bytes:
        """The encoding of a record with this memory."""
        at, parts = 0, []
        for start, end in cls._ROOMS:  # of each the count, and so many bytes
            parts.append(memory[at : start + COUNT + int.from_bytes(memory[start : start + COUNT], "little")])
            at = end
        return b"".join((*parts, memory[at:]))

    @property
    def compact(self) -> bool:
        """Whether there is no large empty room in its memory, so that all of it is worth copying."""
        return not self._ROOMS or self.SIZE <= LARGE

    def imager(self) -> Callable[[], bytes]:
        return self._memory.tobytes if self.compact else self.encode

    @classmethod
    def _unpacked(cls, data: bytes) -> bytearray | None:
        """The memory that these bytes are the encoding of, if they are any."""
        memory, at, there = bytearray(cls.IMAGE), 0, 0
        for start, end in cls._ROOMS:
            count_at = at + start - there
            size = start - there + COUNT + int.from_bytes(data[count_at : count_at + COUNT], "little")
            if there + size > end or at + size > len(data):
                return None
            memory[there : there + size] = data[at : at + size]
            at, there = at + size, end
        if len(data) - at != cls.SIZE - there:
            return None
        memory[there:] = data[at:]
        return memory if all(memory[truth] <= 1 for truth, _ in cls._BOOLS) else None

    def decode_into(self, data: BytesLike) -> None:
        memory = self._unpacked(bytes(data))
        self._memory[:] = super().decode(data)._memory if memory is None else memory  # (the former tells what is wrong)

    @classmethod
    def decode(cls, data: BytesLike) -> Self:
        value = cls()
        value.decode_into(data)
        return value

    def _take(self, other: Self) -> None:
        self._memory[:] = other._memory

    def assign(self, other: Self) -> None:
        assert type(other) is type(self)
        self._take(other)

    def reset(self) -> None:
        self._memory[:] = self.IMAGE

    def copy(self) -> Self:
        made = type(self)()
        made._take(self)
        return made

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.encode() == other.encode()
