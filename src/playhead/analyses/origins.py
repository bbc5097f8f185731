"""Where taint starts: words for it, and labels for its bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from playhead.analyses.places import MEMORY, REGISTERS, runs
from playhead.analyses.shadows import members
from playhead.api.source import Source
from playhead.base.errors import NoMemory, UsageError
from playhead.cli.recorded_config import config_of
from playhead.hw.memory import OFFSET_MASK
from playhead.log.events import BlockDone, CharRead, Entry, Input, MediumChanged, NetPacket
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.machine import Machine
from playhead.x86 import state as S

FORMS = (
    "event:N, packet:N, disk:DRIVE:SECTOR[:COUNT], memory:ADDRESS[:LENGTH]@MOMENT, physical:ADDRESS[:LENGTH]@MOMENT or "
    "register:NAME@MOMENT"
)
INPUTS = (CharRead, Input, NetPacket, BlockDone)
LONGEST = 1 << 16  # bytes of a place
MOST_SECTORS = 1 << 10


class Origins:
    """Labels, which are numbers, and the byte of the origin that each stands for."""

    def __init__(self) -> None:
        self._names: list[tuple[str, int]] = []
        self._known: dict[tuple[str, int], int] = {}
        self._texts: dict[int, list[str]] = {}

    def label(self, name: str, byte: int) -> int:
        key = (name, byte)
        if key not in self._known:
            self._known[key] = len(self._names)
            self._names.append(key)
        return self._known[key]

    def of(self, name: str) -> Callable[[int], int]:
        return lambda byte: self.label(name, byte)

    def texts(self, labels: int) -> list[str]:
        """`event 12[0:4]` for each origin of a set."""
        if labels in self._texts:
            return self._texts[labels]
        by_name: dict[str, list[int]] = {}
        for run in members(labels):
            for name, byte in self._names[run.start : run.stop]:
                by_name.setdefault(name, []).append(byte)
        if len(self._texts) > 1 << 12:
            self._texts.clear()
        found = self._texts[labels] = [f"{name}[{first}]" if n == 1 else f"{name}[{first}:{first + n}]"
                for name, bytes_ in by_name.items() for first, n in runs(sorted(bytes_))]  # fmt: skip
        return found


@dataclass(frozen=True)
class Origin:
    """What was asked for. `kind`: event, packet, disk, memory, physical, register."""

    text: str
    kind: str
    number: int = 0  # of an event, a packet, a drive; an address
    first: int = 0  # sector
    count: int = 1  # sectors, or bytes
    name: str = ""
    moment: Moment | None = None


def _number(text: str, what: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f"'{text}' is no number in {what}; write {FORMS}") from None


def parse_origin(rec: Source, text: str) -> Origin:
    """`event:12` and the other forms; raises UsageError, and NoSuchMoment."""
    place, at, when = text.partition("@")
    kind, _, rest = place.partition(":")
    words = rest.split(":")
    if kind in ("event", "packet", "disk") and not at and rest:
        numbers = [_number(word, text) for word in words]
        if kind == "disk" and len(numbers) in (2, 3) and min(numbers) >= 0:
            count = numbers[2] if len(numbers) == 3 else 1
            if not 0 < count <= MOST_SECTORS:
                raise UsageError(f"'{text}' asks for {count} sectors; there can be 1 to {MOST_SECTORS}")
            _check_drive(rec, text, numbers[0])
            return Origin(text, kind, numbers[0], numbers[1], count)
        if kind != "disk" and len(numbers) == 1:
            return Origin(text, kind, numbers[0])
    if kind in ("memory", "physical", "register") and at and rest:
        return _place(rec, text, kind, words, when)
    raise UsageError(f"'{text}' is no origin: write {FORMS}")


def _check_drive(rec: Source, text: str, number: int) -> None:
    """Drives are those of the machine; media that came later are numbered on after them."""
    drives = config_of(rec.reader).drives
    if number >= len(drives) and not any(isinstance(entry.event, MediumChanged) for entry in rec.reader.entries()):
        there = f"it has drives 0 to {len(drives) - 1}" if drives else "it has none"
        raise UsageError(f"'{text}': the recorded machine has no drive {number}: {there}")


def _place(rec: Source, text: str, kind: str, words: list[str], when: str) -> Origin:
    moment = rec.instant(when)
    if kind == "register":
        name = words[0].lower()
        if len(words) > 1 or (name not in REGISTERS and not re.fullmatch("st[0-7]|mm[0-7]", name)):
            raise UsageError(f"'{text}' names no register: there are {', '.join(REGISTERS)}, st0 to st7, mm0 to mm7")
        return Origin(text, kind, name=name, moment=moment)
    if len(words) > 2:
        raise UsageError(f"'{text}' is no place: write {kind}:ADDRESS[:LENGTH]@MOMENT")
    address, length = _number(words[0], text), _number(words[1], text) if len(words) == 2 else 1
    if not 0 <= address <= 0xFFFFFFFF or not 0 < length <= LONGEST:
        raise UsageError(f"'{text}': an address has 32 bits, and the length is 1 to {LONGEST}")
    return Origin(text, kind, address, count=length, moment=moment)


def places_of(machine: Machine, origin: Origin) -> list[tuple[int, int]]:
    """(place, bits) of each byte of a register or of memory, where the machine is. Raises NoMemory."""
    if origin.kind == "register":
        return _register_places(machine, origin.name)
    out: list[tuple[int, int]] = []
    for at, n in look.pieces(machine, origin.number, origin.count, origin.kind == "physical"):
        start = (machine.memory.page_map[at >> 12] & OFFSET_MASK) + (at & 0xFFF)
        out += [(MEMORY + start + i, 0xFF) for i in range(n)]
    if len(out) != origin.count:
        raise NoMemory(f"there is no memory at {origin.number + len(out):#x} at moment {origin.moment}")
    return out


def _register_places(machine: Machine, name: str) -> list[tuple[int, int]]:
    if name in REGISTERS:
        at, bits = REGISTERS[name]
        return [(at + i, 0xFF) for i in range(bits // 8)]
    number = int(name[2])
    if name.startswith("st"):
        number = (number + machine.core.get("ftop")) & 7
    return [(S.offset("fpr", 2 * number) + i, 0xFF) for i in range(10 if name.startswith("st") else 8)]


def entry_of(rec: Source, origin: Origin) -> Entry:
    """The event that is meant by event:N or packet:N."""
    packets = 0
    for entry in rec.reader.entries():
        packets += isinstance(entry.event, NetPacket)
        if origin.kind == "packet" and isinstance(entry.event, NetPacket) and packets == origin.number:
            return entry
        if origin.kind == "event" and entry.id == origin.number:
            if not isinstance(entry.event, INPUTS):
                kinds = ", ".join(kind.KIND.name for kind in INPUTS)
                raise UsageError(f"event {entry.id} is {entry.kind.name}, which brings no bytes; {kinds} do")
            return entry
    if origin.kind == "packet":
        raise UsageError(f"the recording has {packets} packets from a network, counted from 1: no packet "
                         f"{origin.number}")  # fmt: skip
    raise UsageError(f"the recording has no event {origin.number}; playhead log {rec.path} lists them")
