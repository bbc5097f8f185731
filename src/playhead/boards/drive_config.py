"""How a disk, a CD-ROM or a floppy disk drive is described: a part of `PcConfig`, and as cheap to import.

A drive's place is an IDE channel (`bus`) and a position on its cable (`unit`); a floppy disk drive has only the
latter. The order in a machine's description is the order in which whoever provides the storage provides it
(`Outputs.drives`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from playhead.base.errors import FormatError, UsageError

HD, CDROM, FLOPPY = "hd", "cdrom", "floppy"
SECTORS_MAX = 1 << 48
SERIAL_MAX, MODEL_MAX = 20, 40


@dataclass(frozen=True)
class DriveConfig:
    """`sectors` of 512 bytes; of a drive for removable media: at power-on, 0 if it is empty. `boot_index`: the lowest
    is tried first; None: as the firmware likes. `type`: of a floppy disk drive, in QEMU's words.
    """

    bus: int = 0
    unit: int = 0
    kind: str = HD
    sectors: int = 0
    read_only: bool = False
    serial: str = ""
    model: str = ""
    boot_index: int | None = None
    type: str = ""

    def check(self) -> None:
        """Raise UsageError for what cannot be built."""
        what = f"{'floppy' if self.kind == FLOPPY else 'IDE'} drive {self.bus}.{self.unit}"
        if self.bus not in (0, 1) or self.unit not in (0, 1):
            raise UsageError(f"{what}: there are channels 0 and 1, and units 0 and 1 on each")
        if self.kind not in (HD, CDROM, FLOPPY):
            raise UsageError(f"{what}: its kind is {HD}, {CDROM} or {FLOPPY}, not {self.kind}")
        if not (1 if self.kind == HD else 0) <= self.sectors <= SECTORS_MAX:
            raise UsageError(f"{what}: {self.sectors} sectors")
        for name, value, most in (("serial", self.serial, SERIAL_MAX), ("model", self.model, MODEL_MAX)):
            if len(value) > most or not value.isascii() or not (value.isprintable()):
                raise UsageError(f"{what}: {name}={value!r}: at most {most} printable ASCII characters")

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name != "type"}

    @classmethod
    def from_json(cls, plain: Any) -> "DriveConfig":
        known = {f.name: f.type for f in fields(cls)}
        if not isinstance(plain, dict) or set(plain) - set(known):
            raise FormatError(f"a machine description with an unknown drive: {plain!r}")
        for name, value in plain.items():
            if not (type(value) is known[name] or (name == "boot_index" and type(value) in (int, type(None)))):
                raise FormatError(f"a machine description with a drive whose {name} is {value!r}")
        return cls(**plain)


def check(drives: Sequence[DriveConfig]) -> None:
    places = [(drive.kind == FLOPPY, drive.bus, drive.unit) for drive in drives]
    for drive, place in zip(drives, places, strict=True):
        drive.check()
        if places.count(place) > 1:
            raise UsageError(f"two {'floppy' if place[0] else 'IDE'} drives at {drive.bus}.{drive.unit}")
