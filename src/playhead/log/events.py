"""The kinds of events that a recording holds, each declared once.

An event is an input that the machine's state does not determine. Its class lists its arguments as wire fields; the
tag, the name and the order of arguments are those of QEMU's record/replay log (version 0xe0200c) wherever QEMU has
the event, so that the two logs convert into each other. Tags from 64 on are ours. From the declaration follow the
stored form, its strict inverse, the dump and the reference page.

An event that the guest *pulls* (`pulled=True`: the answer to a read) is consumed by the access itself; all others are
*delivered* by the session, which stops the machine at their moment.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from playhead.base.errors import FormatError
from playhead.base.record import I64, U8, U32, U64, Blob, Field, record
from playhead.log.causes import cause_name
from playhead.log.moment import Moment

MAX_PAYLOAD = 16 << 20  # bytes; what a reader accepts for one event


class Kind(NamedTuple):
    """What is known about a kind of event apart from its fields."""

    tag: int
    name: str
    payload: str | None  # the field that is kept in the payload column
    pulled: bool
    cls: type
    doc: str

    def arguments(self) -> dict[str, Field]:
        """The fields that are kept in the args column, in order."""
        return {n: f for n, f in self.cls.FIELDS.items() if n != self.payload}  # type: ignore[attr-defined]


KINDS: dict[int, Kind] = {}  # by tag, in the order of declaration


class Event:
    """What type checkers are to know of an event. (`record` makes the real class, which has no base.)"""

    KIND: Kind

    def __init__(self, **values: Any): ...


def event(tag: int, name: str, *, payload: str | None = None, pulled: bool = False) -> Callable[[type], Any]:
    """Class decorator: the attributes are the arguments, the docstring is the meaning."""

    def declare(cls: type) -> Any:
        made = record(cls)
        assert tag not in KINDS, f"tag {tag} is declared twice"
        assert payload is None or payload in made.FIELDS  # type: ignore[attr-defined]
        made.KIND = KINDS[tag] = Kind(tag, name, payload, pulled, made, cls.__doc__ or "")  # type: ignore[attr-defined]
        return made

    return declare


@event(3, "ASYNC_BH")
class BottomHalf(Event):
    """A device's deferred callback ran. `id` is the icount at which it was scheduled."""

    id: Any = U64()


@event(4, "ASYNC_BH_ONESHOT")
class BottomHalfOneshot(Event):
    """A deferred callback that exists only for this one run. `id` is the icount at which it was scheduled."""

    id: Any = U64()


# 5 ASYNC_INPUT, 6 ASYNC_INPUT_SYNC and 9 ASYNC_NET come with the keyboard, mouse and network card that read them.


@event(7, "ASYNC_CHAR_READ", payload="data")
class CharRead(Event):
    """Bytes arrived at serial port `port` (0 = COM1) and were taken by its receiver."""

    port: Any = U8()
    data: Any = Blob()


@event(8, "ASYNC_BLOCK")
class BlockDone(Event):
    """A disk request completed. `id` counts requests over all disks; the data is not stored, it follows from the
    disk.
    """

    id: Any = U64()


@event(10, "SHUTDOWN")
class Shutdown(Event):
    """Somebody outside asked for the end of the run (a signal, the quit key). `cause` numbers `log.causes`."""

    cause: Any = U8()


@event(28, "CLOCK_HOST", pulled=True)
class ClockHost(Event):
    """A chip read the host clock: nanoseconds since 1970, UTC."""

    ns: Any = I64()


@event(29, "CLOCK_VIRTUAL_RT")
class ClockVirtualRt(Event):
    """The CPU is halted, and before its next alarm something came: virtual time had moved on to `ns` by then."""

    ns: Any = I64()


@event(32, "RESET_REQUESTED")
class ResetRequested(Event):
    """Somebody outside pressed reset. `cause` numbers `log.causes`."""

    cause: Any = U8()


@event(39, "END")
class End(Event):
    """The recording ends here. `status` is what the guest asked to exit with; root and checks are the last digest."""

    cause: Any = U8()
    status: Any = U32()
    root: Any = Blob(length=16)
    checks: Any = Blob()


@event(64, "CLOCK_RATE")
class ClockRate(Event):
    """`shift=auto` changed the rate: from here on an instruction takes 2**shift nanoseconds of virtual time."""

    shift: Any = U8()


class Entry(NamedTuple):
    """An event at its place in a recording."""

    id: int
    moment: Moment
    cpu: int
    event: Any

    @property
    def kind(self) -> Kind:
        return self.event.KIND


def to_row(value: Any) -> tuple[int, bytes | None, bytes | None]:
    """(tag, args, payload) as they are stored; an empty column is None."""
    kind: Kind = value.KIND
    args = bytearray()
    for name, field in kind.arguments().items():
        field.encode(getattr(value, name), args)
    payload = bytes(getattr(value, kind.payload)) if kind.payload else b""
    return kind.tag, bytes(args) or None, payload or None


def from_row(tag: int, args: bytes | None, payload: bytes | None) -> Any:
    """The inverse of `to_row`; anything that no declared event encodes to is a FormatError."""
    kind = KINDS.get(tag)
    if kind is None:
        raise FormatError(f"event of unknown kind {tag}")
    data, at = args or b"", 0
    values: dict[str, Any] = {}
    try:
        for name, field in kind.arguments().items():
            values[name], at = field.decode(data, at)
    except FormatError:
        raise FormatError(f"{kind.name} with arguments of {len(data)} bytes") from None
    if at != len(data):
        raise FormatError(f"{kind.name} with {len(data) - at} bytes too many")
    if kind.payload:
        values[kind.payload] = bytearray(payload or b"")
    elif payload:
        raise FormatError(f"{kind.name} has no payload, yet {len(payload)} bytes of it are stored")
    return kind.cls(**values)


def fields_of(value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of each argument, readable: bytes as text or hex, causes by name."""
    for name in value.FIELDS:
        item = getattr(value, name)
        if name == "cause":
            yield name, cause_name(item)
        elif name == value.KIND.payload:
            yield name, bytes(item).decode("latin-1")
        elif isinstance(item, (bytes, bytearray)):
            yield name, bytes(item).hex()
        else:
            yield name, item


def text_of(value: Any) -> str:
    """One event on one line, without its moment: `ASYNC_CHAR_READ port=0 data='ls\\n'`."""
    shown = [f"{n}={v!r}" if n == value.KIND.payload else f"{n}={v}" for n, v in fields_of(value)]
    return " ".join([value.KIND.name, *shown])
