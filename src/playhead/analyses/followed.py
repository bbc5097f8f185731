"""One machine on a recording with a gate between it and its devices, that is told of the inputs that are looked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playhead.analyses.inputs import Gate
from playhead.analyses.origins import Origin, Origins
from playhead.api.source import Source
from playhead.hw.block import SECTOR
from playhead.log.events import BlockDone, CharRead, Entry, Input, NetPacket, SnapshotLoaded
from playhead.log.moment import Moment


def device_text(event: Any) -> str:
    """What input an event is, for a label."""
    match event:
        case CharRead():
            return f"serial{event.port}"
        case Input():
            return "key"
        case _:
            return "packet" if isinstance(event, NetPacket) else "disk"


class Side:
    """`line` with its gate. `labels_of(entry)`: the labels of an event's bytes, or None if it is not looked for."""

    def __init__(self, rec: Source, origins: Origins, labels_of: Callable[[Entry], Callable[[int], int] | None]):
        self._rec, self.line = rec, rec.timeline()
        self.gate = Gate(self.line.machine)
        self._origins, self._labels_of = origins, labels_of
        self._sectors: Origin | None = None
        self.forgotten: Callable[[], None] = lambda: None  # the machine was put into another state
        self.entered: Callable[[Entry], None] = lambda entry: None  # an event has been taken, whichever
        self.line.player.__dict__["_deliver"] = self._deliver

    def look_for_sectors(self, origin: Origin) -> None:
        """Whenever these are read, they are labelled."""
        self._sectors = origin
        self.gate.wants = self._wants

    def __enter__(self) -> Side:
        self.gate.attach()
        return self

    def __exit__(self, *exc: object) -> None:
        self.gate.detach()
        del self.line.player.__dict__["_deliver"]
        if exc == (None, None, None):
            self._rec.give_back(self.line)

    @property
    def moment(self) -> Moment:
        return self.line.moment

    def _wants(self, drive: int, lba: int, count: int) -> Callable[[int], int | None] | None:
        looked = self._sectors
        if looked is None or drive != looked.number:
            return None
        wanted = range(looked.first, looked.first + looked.count)
        name = self.sector_labels(drive, lba)
        if lba >= wanted.stop or lba + count <= wanted.start:
            return None
        return lambda byte: name(byte) if lba + byte // SECTOR in wanted else None

    def sector_labels(self, drive: int, lba: int) -> Callable[[int], int]:
        """Labels of the bytes that a request of a drive reads."""
        return lambda byte: self._origins.label(f"disk {drive} sector {lba + byte // SECTOR}", byte % SECTOR)

    def _deliver(self, entry: Entry) -> None:
        player, event, gate = self.line.player, entry.event, self.gate
        deliver = type(player)._deliver
        labels = self._labels_of(entry)
        if labels is None:
            deliver(player, entry)
        elif isinstance(event, CharRead):
            deliver(player, entry)
            gate.character(event.port, bytes(event.data), labels)
        elif isinstance(event, Input):
            gate.key_comes()
            deliver(player, entry)
            gate.key(labels)
        elif isinstance(event, NetPacket):
            with gate.frame(bytes(event.data), labels):
                deliver(player, entry)
        else:
            assert isinstance(event, BlockDone)
            before = gate.wants
            gate.wants = lambda drive, lba, count: self.sector_labels(drive, lba)
            try:
                deliver(player, entry)
            finally:
                gate.wants = before
        if isinstance(event, SnapshotLoaded):
            self.forgotten()
        self.entered(entry)
