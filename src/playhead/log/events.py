"""The kinds of events that a recording or a log of QEMU holds, each declared once.

An event is an input that the machine's state does not determine. Its class lists its arguments as wire fields; the
tag, the name and the order of arguments are those of QEMU's record/replay log (version 0xe0200c) wherever QEMU has
the event, so that the two logs convert into each other. Tags from 64 on are ours. From the declaration follow the
stored form, its strict inverse, QEMU's form (`qemu_codec`), the dump, the statistics and the reference page.

How an event gets into a replay, `how`:

- `delivered`: by the session, which stops the machine at its moment;
- `pulled`: by the guest, whose read it answers;
- `checked`: it falls out, so a replay does not need it; recorded only on request (`record --trace-events`), and then
  compared when it happens;
- `foreign`: it is in QEMU's logs only. What it says is in our moments already, or its device is not there yet.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, ClassVar, NamedTuple, TypeVar

from playhead.base.errors import FormatError
from playhead.base.record import I32, I64, U8, U16, U32, U64, Blob, Bool, Field, Record
from playhead.log.causes import CAUSES, OURS as OUR_CAUSES
from playhead.log.event_fields import Choice, HostTime, Named8, Named32, Text, Variant, Vector, quoted, shown
from playhead.log.event_names import AXES, BUTTONS, CHECKPOINTS, KEYS, TOUCHES
from playhead.log.moment import Moment

MAX_PAYLOAD = 16 << 20  # bytes; what a reader accepts for one event
RESET_TAG = 32  # in QEMU's log the number of a checkpoint that says the same
OURS = 64  # tags from here on are not QEMU's


class Kind(NamedTuple):
    """What is known about a kind of event apart from its fields."""

    tag: int
    name: str
    payload: str | None  # the field that is kept in the payload column
    how: str  # delivered, pulled, checked, foreign
    qemu: bool  # QEMU's log has it
    cls: "type[Event]"
    doc: str

    @property
    def pulled(self) -> bool:
        """Whether it happens inside a run of the machine, and so is not for the session to deliver."""
        return self.how in ("pulled", "checked")

    def arguments(self) -> dict[str, Field[Any]]:
        """The fields that are kept in the args column, in order."""
        return _arguments(self.cls)


@cache
def _arguments(cls: "type[Event]") -> dict[str, Field[Any]]:
    return {n: f for n, f in cls.FIELDS.items() if n != cls.KIND.payload}


KINDS: dict[int, Kind] = {}  # by tag, in the order of declaration


class Event(Record):
    """The base of all events."""

    KIND: ClassVar[Kind]


E = TypeVar("E", bound=Event)


def event(tag: int, name: str, *, payload: str | None = None, how: str = "delivered") -> Callable[[type[E]], type[E]]:
    """Class decorator: the attributes are the arguments, the docstring is the meaning."""

    def declare(cls: type[E]) -> type[E]:
        assert tag not in KINDS, f"tag {tag} is declared twice"
        assert payload is None or payload in cls.FIELDS
        cls.KIND = KINDS[tag] = Kind(
            tag, name, payload, how, tag < OURS and tag != RESET_TAG, cls, cls.__doc__ or ""
        )  # fmt: skip
        return cls

    return declare


@event(0, "INSTRUCTION", how="foreign")
class Instruction(Event):
    """QEMU's log says when by counts in between: so many instructions ran since the event before. Ours has moments."""

    count = U32()


@event(1, "INTERRUPT", how="checked")
class Interrupt(Event):
    """The CPU took an interrupt (external, or the NMI). The moment is the one right after its delivery."""

    vector = Vector()


@event(2, "EXCEPTION", how="checked")
class ExceptionTaken(Event):
    """The CPU took an exception. The moment is the one right after its delivery. (INT n is no exception but an
    instruction; QEMU's log counts it as one.)
    """

    vector = Vector()


TRACED = {"interrupt": Interrupt, "exception": ExceptionTaken}  # as machines name them


@event(3, "ASYNC_BH")
class BottomHalf(Event):
    """A device's deferred callback ran. `id` is the icount at which it was scheduled."""

    id = U64()


@event(4, "ASYNC_BH_ONESHOT")
class BottomHalfOneshot(Event):
    """A deferred callback that exists only for this one run. `id` is the icount at which it was scheduled."""

    id = U64()


class KeyNumber(Record):
    """A key by the number that the keyboard's scan code set 1 gives it."""

    number = U64()
    down = Bool()


class KeyCode(Record):
    """A key by its name."""

    key = Named32("key", KEYS)
    down = Bool()


class MouseButton(Record):
    """A button of the mouse."""

    button = Named32("button", BUTTONS)
    down = Bool()


class Moved(Record):
    """The pointer's move by so much along an axis."""

    axis = Named32("axis", AXES)
    value = I64()


class MovedTo(Record):
    """The pointer's move to a place: 0 to 32767 is the width or the height of the screen."""

    axis = Named32("axis", AXES)
    value = I64()


class Touch(Record):
    """A finger on a screen that tells several of them apart."""

    phase = Named32("phase", TOUCHES)
    slot = I64()
    tracking = I64()
    axis = Named32("axis", AXES)
    value = I64()


@event(5, "ASYNC_INPUT")
class Input(Event):
    """Somebody pressed or released a key or a button, or moved the pointer. A key counts at once, the others from the
    next sync on.
    """

    what = Choice(
        Variant("key-number", (0, 0), KeyNumber), Variant("key", (0, 1), KeyCode), Variant("button", (1,), MouseButton),
        Variant("move", (2,), Moved), Variant("move-to", (3,), MovedTo), Variant("touch", (4,), Touch),
    )  # fmt: skip


@event(6, "ASYNC_INPUT_SYNC")
class InputSync(Event):
    """What ASYNC_INPUT events before this one said belongs together, and takes effect now."""


@event(7, "ASYNC_CHAR_READ", payload="data")
class CharRead(Event):
    """Bytes arrived at serial port `port` (0 = COM1) and were taken by its receiver."""

    port = U8()
    data = Text()


@event(8, "ASYNC_BLOCK")
class BlockDone(Event):
    """A disk request completed. `id` counts requests over all disks. What it read is not here: a recording keeps the
    content of each block that the guest has read, once.
    """

    id = U64()


@event(9, "ASYNC_NET", payload="data")
class NetPacket(Event):
    """A packet arrived for a network card; `net` counts the connections to the outside in the order of their making."""

    net = U8()
    flags = U32()
    host_ns = HostTime()
    data = Blob()


@event(10, "SHUTDOWN")
class Shutdown(Event):
    """Somebody outside asked for the end of the run (a signal, the quit key). `cause` numbers `log.causes`."""

    cause = Named8("cause", CAUSES)


@event(22, "CHAR_WRITE", how="foreign")
class CharWrite(Event):
    """A character device took output: what its host side returned, how many bytes had gone. The text is not stored."""

    result = I32()
    offset = I32()


@event(23, "CHAR_READ_ALL", payload="data", how="foreign")
class CharReadAll(Event):
    """A character device was read synchronously (the emulator waited for these bytes)."""

    data = Text()


@event(24, "CHAR_READ_ALL_ERROR", how="foreign")
class CharReadAllError(Event):
    """A synchronous read of a character device failed with this result."""

    result = I32()


@event(25, "AUDIO_OUT", how="foreign")
class AudioOut(Event):
    """The host took this many samples of the guest's sound."""

    played = U64()


@event(26, "AUDIO_IN", payload="data", how="pulled")
class AudioIn(Event):
    """A sound device took what the host had recorded: pairs of samples, left and right, signed, little-endian, of
    `bits` bits. Ours have 16; where the device took more than there are, the rest was silence. QEMU's mixer holds 64,
    its full scale at bit 31: such as do not fit into 16 come from QEMU's logs only. `wpos`: the position in the mixer's
    buffer (QEMU up to 0xe0200c).
    """

    wpos = U64()
    bits = U8(16)
    data = Blob()


@event(27, "RANDOM", payload="data", how="foreign")
class Random(Event):
    """The host gave random bytes to the guest. `result` is not 0 if it could not."""

    result = I32()
    data = Blob()


@event(28, "CLOCK_HOST", how="pulled")
class ClockHost(Event):
    """A chip read the host clock: nanoseconds since 1970, UTC."""

    ns = I64()


@event(29, "CLOCK_VIRTUAL_RT")
class ClockVirtualRt(Event):
    """The CPU is halted, and before its next alarm something came: virtual time had moved on to `ns` by then."""

    ns = I64()


@event(30, "CHECKPOINT", how="foreign")
class CheckpointPassed(Event):
    """QEMU passed a replay checkpoint: a mark that keeps its threads in step. (In its log 30 + `id` is the number.)"""

    id = Named8("checkpoint", CHECKPOINTS)


@event(RESET_TAG, "RESET_REQUESTED")
class ResetRequested(Event):
    """Somebody outside pressed reset. `cause` numbers `log.causes`."""

    cause = Named8("cause", CAUSES)


@event(39, "END")
class End(Event):
    """The recording ends here (`end-of-part`: the one that it was cut out of continues). `status` is what the guest
    asked to exit with; root and checks are the last digest. (In QEMU's log it has no arguments.)
    """

    cause = Named8("cause", CAUSES, more=OUR_CAUSES)
    status = U32()
    root = Blob(length=16)
    checks = Blob()


@event(64, "CLOCK_RATE")
class ClockRate(Event):
    """`shift=auto` changed the rate: from here on an instruction takes 2**shift nanoseconds of virtual time."""

    shift = U8()


@event(65, "SNAPSHOT_LOADED")
class SnapshotLoaded(Event):
    """The machine was put back into the state that it had at a snapshot (`loadvm`), of the given moment. The state is
    that of the recording's checkpoint of that moment; instructions are counted on from here.
    """

    icount = U64()
    seq = U64()


@event(66, "BLOCK_FAILED")
class BlockFailed(Event):
    """A disk request ended with an error of the host. `id` as in ASYNC_BLOCK."""

    id = U64()


@event(67, "MEDIUM_CHANGED")
class MediumChanged(Event):
    """Somebody took a medium out of a CD-ROM or floppy disk drive (`eject`; `sectors` is 0), or put one in (`change`).
    `drive` counts those of the configuration. Media are numbered on after the drives, whose first ones have their
    numbers; content is kept by this number. `force`, bit 0: also of a drive that the guest has locked; bit 1: the
    floppy disk is write-protected.
    """

    drive = U8()
    force = U8()
    medium = U16()
    sectors = U64()


@event(68, "POWER_BUTTON")
class PowerButtonPressed(Event):
    """Somebody outside pressed the power button (`system_powerdown`): the guest is told by ACPI, if it asked for that,
    or a machine that is suspended wakes up.
    """


@event(69, "WAKE_UP")
class WokenUp(Event):
    """Somebody outside woke a machine that was suspended (`system_wakeup`). Nothing happens to another one."""


@event(70, "NMI")
class NmiRaised(Event):
    """Somebody outside raised a non-maskable interrupt (`nmi`, `inject-nmi`): LINT1 of the local APIC is pulsed, and
    what comes of it is as the guest has set that pin up.
    """


@event(71, "LINK_CHANGED")
class LinkChanged(Event):
    """Somebody plugged a network card's cable in or out (`set_link`). `card` counts the machine's network cards."""

    card = U8()
    up = Bool()


class Entry(NamedTuple):
    """An event at its place in a recording."""

    id: int
    moment: Moment
    cpu: int
    event: Event
    checkpoint: int | None = None  # QEMU's older logs: at which one an asynchronous event was handed over

    @property
    def kind(self) -> Kind:
        return self.event.KIND


def to_row(value: Event) -> tuple[int, bytes | None, bytes | None]:
    """(tag, args, payload) as they are stored; an empty column is None."""
    kind = value.KIND
    args = bytearray()
    for name, field in kind.arguments().items():
        field.encode(getattr(value, name), args)
    payload = bytes(getattr(value, kind.payload)) if kind.payload else b""
    return kind.tag, bytes(args) or None, payload or None


def from_row(tag: int, args: bytes | None, payload: bytes | None) -> Event:
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


def fields_of(value: Record) -> Iterator[tuple[str, Any]]:
    """(name, value) of each argument as plain values: encoded words as words, bytes as text or hex. What is not known
    is left out.
    """
    for name, field in value.FIELDS.items():
        item = getattr(value, name)
        if isinstance(field, Choice):
            variant = field.variants[field.which(item)]
            yield name, variant.name
            yield from fields_of(item)
        elif item is not None:
            yield name, shown(field, item)


def text_of(value: Event) -> str:
    """One event on one line, without its moment: `ASYNC_CHAR_READ port=0 data='ls\\n'`."""
    out = [value.KIND.name]
    for name, item in fields_of(value):
        if isinstance(item, list):
            item = f"<{len(item)}>"
        if name == value.KIND.payload:
            data = bytes(getattr(value, name))
            item = quoted(data) if isinstance(value.FIELDS[name], Text) else f"<{len(data)} bytes>"
        out.append(f"{name}={item}")
    return " ".join(out)
