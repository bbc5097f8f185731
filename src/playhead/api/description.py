"""What a recording says of itself without a replay: its machine, named moments, events and console lines, as rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playhead.api.rows import Row
from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.cli.recorded_config import config_of
from playhead.cli.recorded_words import device_words, serial_ports
from playhead.log import snapshots
from playhead.log.console import DEBUGCON
from playhead.log.events import Event, text_of
from playhead.log.moment import Moment

MIB = 1 << 20
NEWLINE = 0x0A


@dataclass(frozen=True)
class Machine(Row):
    """A recorded machine. `version`: as -machine has it; `shift`: an instruction takes 2**shift ns of virtual time;
    `firmware`: none with a kernel that was loaded directly; `devices`: those with properties of their own, as -device
    writes them.
    """

    version: str
    cpu: str
    memory_mib: float
    shift: int
    kernel: bool
    append: str
    firmware: bool
    serial_ports: int
    devices: tuple[str, ...]
    drives: tuple[str, ...]
    networks: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, source: Source) -> Machine:
        """Raises UnsupportedError for one that cannot be run here."""
        config, meta = config_of(source.reader), source.reader.meta
        drives = tuple(f"{d.kind} {d.bus}.{d.unit}: {d.sectors * 512} bytes" for d in config.drives)
        networks = tuple(f"{end.id}: {end.facts['backend']}" for end in config.netdevs)
        return cls(config.machine, config.cpu, config.ram_bytes / MIB, int(meta["shift"]), config.kernel is not None,
                   config.append, config.bios is not None, serial_ports(meta["config"]),
                   tuple(device_words(meta["config"])), drives, networks, str(meta.get("name") or ""))  # fmt: skip


@dataclass(frozen=True)
class Snapshot(Row):
    """A moment with a name (`savevm`). `created`: a date, UTC."""

    name: str
    moment: Moment
    virtual_ns: int
    created: str


@dataclass(frozen=True)
class Recorded(Row):
    """An event of the recording, by its moment. `event` has its arguments as attributes."""

    moment: Moment
    kind: str
    event: Event

    def _columns(self) -> dict[str, Any]:
        return {**super()._columns(), "event": text_of(self.event).partition(" ")[2]}


@dataclass(frozen=True)
class Line(Row):
    """A line that the guest printed, without its end; `moment`: when that was printed."""

    moment: Moment
    text: str


def named(source: Source) -> Iterator[Snapshot]:
    for one in snapshots.names(source.reader):
        yield Snapshot(one.name, one.moment, one.virtual_ns, one.created)


def port_number(source: Source, port: int | str) -> int:
    """Of a serial port, or of the debug console by its name. Raises UsageError."""
    ports = serial_ports(source.reader.meta["config"])
    if port == "debugcon":
        return DEBUGCON
    if not isinstance(port, int) or not 0 <= port < ports:
        raise UsageError(f"there is no port {port!r}: serial ports are numbers below {ports}, and there is 'debugcon'")
    return port


def printed(source: Source, port: int | str, between: tuple[Moment, Moment] | None) -> bytes:
    number = port_number(source, port)
    first, last = between or (None, None)
    return b"".join(one.text for one in source.reader.console.each(first, last) if one.port == number)


def lines(source: Source, port: int | str, between: tuple[Moment, Moment] | None) -> Iterator[Line]:
    number, text, at = port_number(source, port), bytearray(), None
    first, last = between or (None, None)
    for one in source.reader.console.each(first, last):
        if one.port != number:
            continue
        for byte, at in zip(one.text, one.moments, strict=True):
            if byte == NEWLINE:
                yield Line(at, text.decode(errors="replace").rstrip("\r"))
                text.clear()
            else:
                text.append(byte)
    if text and at is not None:
        yield Line(at, text.decode(errors="replace"))
