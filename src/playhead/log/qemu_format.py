"""QEMU's record/replay log, the file that its `-icount rr=record,rrfile=FILE` writes: versions and their numberings.

The file is a header of 12 bytes (version, 8 bytes of 0), then events: a number of one byte and what that event carries,
big-endian, nothing in between and nothing after END. QEMU writes the version last, when it ends: where it is 0, QEMU
was killed or is still running. Whenever QEMU added or removed an event, the numbers after it moved and the version
changed, so each version that we read has its numbering here, as a list of events in order.

Sources: QEMU's headers and its dump script for the numbers; 0xe0200c was compared with logs of QEMU 7.2 byte by byte.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from playhead.log import events as E
from playhead.log.causes import CAUSES, cause_number
from playhead.log.event_names import CHECKPOINTS

HEADER = 12  # bytes
FAMILY = 0xE02000  # versions are FAMILY + a small number
ASYNC = None  # the number before all asynchronous events, before each had its own

CAUSES_OF_2018 = (
    "none", "host-error", "host-qmp-quit", "host-signal", "host-ui", "guest-shutdown", "guest-reset", "guest-panic",
)  # fmt: skip


class Slot(NamedTuple):
    """The meaning of an event number: a kind of event, and the argument that is part of the number."""

    cls: type[E.Event] | None  # None: ASYNC
    preset: tuple[str, int] | None = None


class Layout(NamedTuple):
    """One version: its numbers, and how asynchronous events are written."""

    version: int
    slots: tuple[Slot, ...]  # by number
    kinds: tuple[type[E.Event], ...]  # asynchronous ones, where ASYNC (then checkpoint, then kind) is before them
    wpos: bool  # AUDIO_IN has the position in the mixer's buffer


Kinds = Sequence[type[E.Event] | None]


def _each(cls: type[E.Event], name: str, numbers: Iterable[int]) -> list[Slot]:
    return [Slot(cls, (name, n)) for n in numbers]


def _layout(version: int, asynchronous: Kinds, causes: list[Slot], *more: type[E.Event]) -> Layout:
    """A version's list; `more` are the kinds that it has between character devices and clocks."""
    first: Kinds = (E.Instruction, E.Interrupt, E.ExceptionTaken, *asynchronous)
    then: Kinds = (E.CharWrite, E.CharReadAll, E.CharReadAllError, *more, E.ClockHost, E.ClockVirtualRt)
    checkpoints = _each(E.CheckpointPassed, "id", range(len(CHECKPOINTS)))
    slots = [*map(Slot, first), *causes, *map(Slot, then), *checkpoints, Slot(E.End)]
    return Layout(version, tuple(slots), OLD_KINDS if ASYNC in asynchronous else (), version < FAMILY + 0xD)


OLD_KINDS = (E.BottomHalf, E.Input, E.InputSync, E.CharRead, E.BlockDone, E.NetPacket)
NEW_KINDS = (E.BottomHalf, E.BottomHalfOneshot, E.Input, E.InputSync, E.CharRead, E.BlockDone, E.NetPacket)
SOUND = (E.AudioOut, E.AudioIn)
MAX = len(CAUSES)  # QEMU counts the end of its list of causes as one more
_one = _each(E.Shutdown, "cause", [0])
_2018 = _each(E.Shutdown, "cause", [*map(cause_number, CAUSES_OF_2018), MAX])
_now = _each(E.Shutdown, "cause", range(MAX + 1))

LAYOUTS = {
    layout.version: layout
    for layout in (
        _layout(0xE02005, [ASYNC], _one),
        _layout(0xE02006, [ASYNC], _one, *SOUND),
        _layout(0xE02007, [ASYNC], _2018, *SOUND),
        _layout(0xE0200C, NEW_KINDS, _now, *SOUND, E.Random),
        _layout(0xE0200D, NEW_KINDS, _now, *SOUND, E.Random),
    )
}
GUESSES = (0xE0200C, 0xE02007, 0xE02006, 0xE02005)  # for a log without its version: tried in this order


def sniff(head: bytes) -> int | None:
    """The version in a file's first bytes, 0 if it was never written, None if this is no log of QEMU's.

    Without a version there are 12 zeros, as in many a file: then what follows has to look like the first events, in
    front of which no instruction ran.
    """
    if len(head) < HEADER:
        return None
    version = int.from_bytes(head[:4], "big")
    if version >> 8 == FAMILY >> 8:
        return version
    body = head[HEADER : HEADER + 64]
    if any(head[:HEADER]) or not body or not any(body[:6]):
        return None
    known = any(body[0] < len(layout.slots) for layout in LAYOUTS.values())
    return 0 if known else None
