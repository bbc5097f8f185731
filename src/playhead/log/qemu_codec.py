"""One event of QEMU's log: from bytes and to bytes. Derived from the event's declared fields, big-endian.

Integers have their declared width, bytes a length of 4 bytes, a choice the numbers that announce it. Three things are
not in a field's type: an argument that is part of the event's number (`qemu_format.Slot`), arguments that only our
recordings have (vectors, host times, the end's digest), and AUDIO_IN, which begins with its count.

What is read is not trusted: no length is believed before it is compared with what is left of the file.
"""

import struct
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from playhead.base.errors import FormatError
from playhead.base.record import Blob, Bool, Field, Number, Record
from playhead.log import events as E
from playhead.log.event_fields import Choice, HostTime, Vector
from playhead.log.qemu_format import ASYNC, HEADER, Layout

CHUNK = 1 << 16
MAX_COUNT = 0x7FFFFFFF  # QEMU keeps an INSTRUCTION's count in an int, and writes none of 0
LENGTH = struct.Struct(">I")
QWORD = struct.Struct(">Q")
END = E.End(**dict.fromkeys(E.End.FIELDS))  # QEMU's says nothing: None is not shown


class CutOff(FormatError):
    """The file ends inside an event."""


class Source:
    """A file's bytes in order, a chunk at a time; its size is what it was when it was opened."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._left = file, size
        self._buffer, self._at = b"", 0
        self.offset = 0  # of the buffer's first byte

    def tell(self) -> int:
        return self.offset + self._at

    def left(self) -> int:
        return self._left + len(self._buffer) - self._at

    def take(self, n: int) -> bytes:
        end = self._at + n
        if end > len(self._buffer):
            self._fill(n)
            end = n
        out = self._buffer[self._at : end]
        self._at = end
        return out

    def _fill(self, n: int) -> None:
        if n > self.left():
            raise CutOff("the file ends inside it")
        rest = self._buffer[self._at :]
        more = self._file.read(min(max(n - len(rest), CHUNK), self._left))
        self.offset += self._at
        self._buffer, self._at = rest + more, 0
        self._left -= len(more)
        if len(self._buffer) < n:
            self._left = 0  # the file has been shortened meanwhile
            raise CutOff("the file ends inside it")


R = TypeVar("R", bound=Record)
Read = Callable[[Source], E.Event]
ReadValue = Callable[[Source], Any]  # an argument


def qemu_fields(cls: type[E.Event]) -> dict[str, Field]:
    """The arguments that QEMU's log has, in order."""
    if cls is E.End:
        return {}
    return {n: f for n, f in cls.FIELDS.items() if not isinstance(f, (HostTime, Vector))}


def _code(field: Field) -> str:
    """The field in `struct`'s letters, or nothing if it has no fixed size."""
    return field.code if isinstance(field, Number) else "B" if isinstance(field, Bool) else ""


def _truth(value: int) -> bool:
    if value > 1:
        raise FormatError(f"{value} where only 0 and 1 can be")
    return bool(value)


def _fixed(cls: type[R], fields: dict[str, Field], preset: tuple[str, int] | None) -> Callable[[Source], R]:
    """A reader for a record of numbers only."""
    plan = struct.Struct(">" + "".join(map(_code, fields.values())))
    size, names = plan.size, tuple(fields)
    truths = [i for i, f in enumerate(fields.values()) if isinstance(f, Bool)]
    if not fields:
        like = cls(**dict([preset] if preset else []))
        return lambda source: like  # events are never changed, so one serves for all
    assert set(names) == set(cls.FIELDS)
    new = cls.__new__

    def read(source: Source) -> R:
        values = plan.unpack(source.take(size))
        if truths:
            values = tuple(_truth(v) if i in truths else v for i, v in enumerate(values))
        event = new(cls)  # (the constructor fills in defaults, which takes longer than all the rest)
        for name, value in zip(names, values):  # noqa: B905
            setattr(event, name, value)
        return event

    return read


def _array(source: Source) -> bytearray:
    size = LENGTH.unpack(source.take(4))[0]
    if size > E.MAX_PAYLOAD:
        raise FormatError(f"it claims {size} bytes")
    return bytearray(source.take(size))


def _choice(field: Choice) -> Callable[[Source], Record]:
    readers = {v.announced: _fixed(v.cls, v.cls.FIELDS, None) for v in field.variants}

    def read(source: Source) -> Record:
        announced: tuple[int, ...] = ()
        while announced not in readers:
            announced += LENGTH.unpack(source.take(4))
            if not any(key[: len(announced)] == announced for key in readers):
                raise FormatError(f"input of unknown type {'.'.join(map(str, announced))}")
        return readers[announced](source)

    return read


def _reader(field: Field) -> ReadValue:
    if isinstance(field, Blob):
        return _array
    if isinstance(field, Choice):
        return _choice(field)
    plan = struct.Struct(">" + _code(field))
    return lambda source: plan.unpack(source.take(plan.size))[0]


def _audio_in(wpos: bool) -> Read:
    def read(source: Source) -> E.AudioIn:
        count = QWORD.unpack(source.take(8))[0]
        at = QWORD.unpack(source.take(8))[0] if wpos else 0
        if count * 16 > E.MAX_PAYLOAD:
            raise FormatError(f"it claims {count} samples")
        flat = struct.unpack(f">{2 * count}q", source.take(16 * count))
        if all(not sample & 0xFFFF and -(1 << 31) <= sample < 1 << 31 for sample in flat):
            return E.AudioIn(wpos=at, bits=16, data=bytearray(struct.pack(f"<{2 * count}h", *(s >> 16 for s in flat))))
        return E.AudioIn(wpos=at, bits=64, data=bytearray(struct.pack(f"<{2 * count}q", *flat)))

    return read


def _instruction(source: Source) -> E.Instruction:
    count = LENGTH.unpack(source.take(4))[0]
    if not 0 < count <= MAX_COUNT:
        raise FormatError(f"a count of {count} instructions")
    event = E.Instruction.__new__(E.Instruction)
    event.count = count
    return event


def _slot_reader(cls: type[E.Event], preset: tuple[str, int] | None, layout: Layout) -> Read:
    if cls is E.Instruction:
        return _instruction
    if cls is E.End:
        return lambda source: END
    if cls is E.AudioIn:
        return _audio_in(layout.wpos)
    fields = qemu_fields(cls)
    if preset:
        fields = {n: f for n, f in fields.items() if n != preset[0]}
    if all(_code(f) for f in fields.values()):
        return _fixed(cls, fields, preset)
    readers = {n: _reader(f) for n, f in fields.items()}
    return lambda source: cls(**{n: read(source) for n, read in readers.items()})


class Decoder:
    """Reads events of one version, one after the other."""

    def __init__(self, layout: Layout):
        self._layout = layout
        self._readers = [None if s.cls is ASYNC else _slot_reader(s.cls, s.preset, layout) for s in layout.slots]
        self._kinds = [_slot_reader(cls, None, layout) for cls in layout.kinds]

    def next(self, source: Source) -> tuple[E.Event, int | None]:
        """The next event, and the checkpoint at which it was handed over (old versions' asynchronous events)."""
        number = source.take(1)[0]
        if number >= len(self._readers):
            raise FormatError(f"event of unknown kind {number}")
        read = self._readers[number]
        try:
            if read is not None:
                return read(source), None
            checkpoint, kind = source.take(2)
            if kind >= len(self._kinds):
                raise FormatError(f"asynchronous event of unknown kind {kind}")
            return self._kinds[kind](source), checkpoint
        except FormatError as e:
            cls = self._layout.slots[number].cls
            raise type(e)(f"{cls.KIND.name if cls is not ASYNC else 'ASYNC'}: {e}") from None


# To bytes: for tests, and for writing QEMU's format.


def header(version: int) -> bytes:
    return LENGTH.pack(version) + bytes(HEADER - 4)


def encode(layout: Layout, event: E.Event, checkpoint: int = 0) -> bytes:
    """An event as that version writes it; AssertionError if the version has no such event."""
    cls, out = type(event), bytearray()
    for number, slot in enumerate(layout.slots):
        if slot.cls is cls and (slot.preset is None or getattr(event, slot.preset[0]) == slot.preset[1]):
            out.append(number)
            skip = slot.preset[0] if slot.preset else ""
            break
        if slot.cls is ASYNC and cls in layout.kinds:
            out += bytes((number, checkpoint, layout.kinds.index(cls)))
            skip = ""
            break
    else:
        raise AssertionError(f"version {layout.version:#x} has no {E.text_of(event)}")
    if isinstance(event, E.AudioIn):
        code, up = ("h", 16) if event.bits == 16 else ("q", 0)
        flat = [sample << up for (sample,) in struct.iter_unpack(f"<{code}", event.data)]
        out += QWORD.pack(len(flat) // 2) + (QWORD.pack(event.wpos) if layout.wpos else b"")
        return bytes(out) + struct.pack(f">{len(flat)}q", *flat)
    for name, field in qemu_fields(cls).items():
        if name != skip:
            _put(field, getattr(event, name), out)
    return bytes(out)


def _put(field: Field, value: Any, out: bytearray) -> None:
    if isinstance(field, Blob):
        out += LENGTH.pack(len(value)) + value
    elif isinstance(field, Choice):
        variant = field.variants[field.which(value)]
        out += b"".join(map(LENGTH.pack, variant.announced))
        for name, part in variant.cls.FIELDS.items():
            _put(part, getattr(value, name), out)
    else:
        out += struct.pack(">" + _code(field), value)
