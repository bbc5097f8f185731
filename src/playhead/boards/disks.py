"""A PC's disks and CD-ROM drives: how they are described, and what firmware finds written about them.

A drive's place is a channel (`bus`) and a position on its cable (`unit`). The order in a machine's description is the
order in which whoever provides the storage provides it (`Outputs.drives`).

Sources: IBM PC/AT Technical Reference, "CMOS RAM" (12h, 19h-2Ch); the translation bits (39h) and the device paths of
`bootorder` are those that SeaBIOS documents and reads.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from playhead.base.errors import FormatError, UsageError
from playhead.devices.ata_identify import geometry
from playhead.devices.ide_channel import Drives
from playhead.hw.block import Drive

HD, CDROM = "hd", "cdrom"
SECTORS_MAX = 1 << 48
SERIAL_MAX, MODEL_MAX = 20, 40
CMOS_TYPES, CMOS_TRANSLATION, USER_TYPE = 0x12, 0x39, 47
CMOS_HDS = ((0x19, 0x1B), (0x1A, 0x24))  # extended type and parameters, of the first channel's two disks
BIOS_CYLINDERS = 1024


@dataclass(frozen=True)
class DriveConfig:
    """`sectors` of 512 bytes; of a CD-ROM drive: at power-on, 0 if it is empty. `boot_index`: the lowest is tried
    first; None: as the firmware likes."""

    bus: int = 0
    unit: int = 0
    kind: str = HD
    sectors: int = 0
    read_only: bool = False
    serial: str = ""
    model: str = ""
    boot_index: int | None = None

    def check(self) -> None:
        """Raise UsageError for what cannot be built."""
        what = f"IDE drive {self.bus}.{self.unit}"
        if self.bus not in (0, 1) or self.unit not in (0, 1):
            raise UsageError(f"{what}: there are channels 0 and 1, and units 0 and 1 on each")
        if self.kind not in (HD, CDROM):
            raise UsageError(f"{what}: its kind is {HD} or {CDROM}, not {self.kind}")
        if not (0 if self.kind == CDROM else 1) <= self.sectors <= SECTORS_MAX:
            raise UsageError(f"{what}: {self.sectors} sectors")
        for name, value, most in (("serial", self.serial, SERIAL_MAX), ("model", self.model, MODEL_MAX)):
            if len(value) > most or not value.isascii() or not (value.isprintable()):
                raise UsageError(f"{what}: {name}={value!r}: at most {most} printable ASCII characters")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

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
    places = [(drive.bus, drive.unit) for drive in drives]
    for drive in drives:
        drive.check()
        if places.count((drive.bus, drive.unit)) > 1:
            raise UsageError(f"two IDE drives at {drive.bus}.{drive.unit}")


def on_channels(drives: Sequence[DriveConfig], storage: Sequence[Drive]) -> tuple[Drives, Drives]:
    """What is where, for the controller."""
    assert len(storage) >= len(drives), f"{len(drives)} drives, storage for {len(storage)}"
    places: list[list[tuple[str, Drive] | None]] = [[None, None], [None, None]]
    for config, behind in zip(drives, storage, strict=False):
        places[config.bus][config.unit] = (config.kind, behind)
    return places[0], places[1]


def cmos(drives: Sequence[DriveConfig]) -> dict[int, int]:
    """CMOS bytes: types and parameters of the first channel's disks, and how the BIOS has to translate addresses."""
    values: dict[int, int] = {CMOS_TYPES: 0, CMOS_TRANSLATION: 0} if drives else {}
    for drive in drives:
        if drive.kind != HD:
            continue
        cylinders, heads, track = geometry(drive.sectors)
        if cylinders > BIOS_CYLINDERS:
            values[CMOS_TRANSLATION] |= 1 << 2 * (2 * drive.bus + drive.unit)  # by LBA
        if drive.bus == 0:
            values[CMOS_TYPES] |= 0xF0 if drive.unit == 0 else 0x0F
            kind, at = CMOS_HDS[drive.unit]
            values[kind] = USER_TYPE
            low, high = cylinders & 0xFF, cylinders >> 8
            control = 0xC0 | (8 if heads > 8 else 0)
            parameters = (low, high, heads, 0xFF, 0xFF, control, low, high, track)
            values.update(zip(range(at, at + 9), parameters, strict=True))
    return values


def boot_order(drives: Sequence[DriveConfig]) -> bytes:
    """The file by which firmware knows what to try in which order; empty: it decides."""
    chosen = sorted((d for d in drives if d.boot_index is not None), key=lambda d: (d.boot_index, d.bus, d.unit))
    paths = [f"/pci@i0cf8/ide@1,1/drive@{d.bus}/disk@{d.unit}" for d in chosen]
    return ("\n".join(paths) + "\0").encode() if paths else b""
