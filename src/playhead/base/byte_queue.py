"""Bytes in memory that native code shares, as a chip's FIFO or buffer: the value of `shared_record.Bytes`.

In memory: a count of 32 bits, then room for so many bytes as there can be.
"""

from collections.abc import Iterator
from typing import Any, overload

from playhead.base.record import BytesLike

COUNT = 4  # bytes of the count


class ByteQueue:
    """The value of a `Bytes` field: what a bytearray is to a chip, over memory for at most `capacity` bytes."""

    __slots__ = ("_bytes", "_count", "_memory", "capacity")

    def __init__(self, memory: memoryview):
        self._memory, self._count, self._bytes = memory, memory[:COUNT].cast("I"), memory[COUNT:]
        self.capacity = len(memory) - COUNT

    def _resize(self, size: int) -> None:
        assert size <= self.capacity, f"{size} bytes where {self.capacity} fit"
        self._count[0] = size

    def view(self) -> memoryview:
        """The contents, for as long as nothing is put in or taken out."""
        return self._bytes[: self._count[0]]

    def __len__(self) -> int:
        return self._count[0]

    def __bool__(self) -> bool:
        return self._count[0] != 0

    def __bytes__(self) -> bytes:
        return self.view().tobytes()

    def __iter__(self) -> Iterator[int]:
        return iter(bytes(self))

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> bytes: ...

    def __getitem__(self, index: int | slice) -> int | bytes:
        found = self.view()[index]
        return found.tobytes() if isinstance(found, memoryview) else found

    @overload
    def __setitem__(self, index: int, value: int) -> None: ...

    @overload
    def __setitem__(self, index: slice, value: BytesLike) -> None: ...

    def __setitem__(self, index: Any, value: Any) -> None:
        view = self.view()
        if isinstance(index, slice) and len(view[index]) != len(value):
            changed = bytearray(view)
            changed[index] = value
            self.replace(changed)
        else:
            view[index] = value

    def replace(self, data: "BytesLike | ByteQueue") -> None:
        """Hold these bytes instead."""
        data = bytes(data)
        self._resize(len(data))
        self._bytes[: len(data)] = data

    def append(self, value: int) -> None:
        at = self._count[0]
        self._resize(at + 1)
        self._bytes[at] = value

    def extend(self, data: BytesLike) -> None:
        at = self._count[0]
        self._resize(at + len(data))
        self._bytes[at : at + len(data)] = data

    def pop(self, index: int = -1) -> int:
        count, data = self._count[0], self._bytes
        at = index + count if index < 0 else index
        if not 0 <= at < count:
            raise IndexError(f"byte {index} of {count}")
        value = data[at]
        data[at : count - 1] = data[at + 1 : count]
        self._count[0] = count - 1
        return value

    def clear(self) -> None:
        self._count[0] = 0

    def __eq__(self, other: object) -> bool:
        if isinstance(other, ByteQueue):
            return self.view() == other.view()
        return isinstance(other, bytes | bytearray | memoryview) and self.view() == other

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(bytearray(self.view()))
