"""What firmware finds written about a PC's disks and CD-ROM drives, and about the order in which it is to start from
these and from network cards.

Sources: IBM PC/AT Technical Reference, "CMOS RAM" (12h, 19h-2Ch); the translation bits (39h) and the device paths of
`bootorder` are those that SeaBIOS documents and reads.
"""

from collections.abc import Sequence

from playhead.boards.drive_config import FLOPPY, HD, DriveConfig
from playhead.devices.pci.bus import place
from playhead.devices.storage.ata_identify import geometry

CMOS_TYPES, CMOS_TRANSLATION, USER_TYPE = 0x12, 0x39, 47
CMOS_HDS = ((0x19, 0x1B), (0x1A, 0x24))  # extended type and parameters, of the first channel's two disks
BIOS_CYLINDERS = 1024


def cmos(drives: Sequence[DriveConfig]) -> dict[int, int]:
    """CMOS bytes: types and parameters of the first channel's disks, and how the BIOS has to translate addresses."""
    ide = [drive for drive in drives if drive.kind != FLOPPY]
    values: dict[int, int] = {CMOS_TYPES: 0, CMOS_TRANSLATION: 0} if ide else {}
    for drive in ide:
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


def boot_order(drives: Sequence[DriveConfig], floppies: Sequence[int | None] = (),
               cards: Sequence[tuple[int | None, str]] = (), strict: bool = False) -> bytes:  # fmt: skip
    """The file by which firmware knows what to try in which order; empty: it decides. `floppies`: the boot index of
    each floppy disk drive; `cards`: that of each network card, and its place on the PCI bus. `strict`: nothing else is
    tried.
    """
    chosen = [(d.boot_index, f"/pci@i0cf8/ide@1,1/drive@{d.bus}/disk@{d.unit}") for d in drives]
    chosen += [(index, f"/pci@i0cf8/isa@1/fdc@03f0/floppy@{unit}") for unit, index in enumerate(floppies)]
    chosen += [(index, f"/pci@i0cf8/ethernet@{_unit(addr)}/ethernet-phy@0") for index, addr in cards]
    paths = [path for index, path in sorted((index, path) for index, path in chosen if index is not None)]
    if paths and strict:  # as QEMU: without any index, firmware decides all the same
        paths.append("HALT")
    return ("\n".join(paths) + "\0").encode() if paths else b""


def _unit(addr: str) -> str:
    """A place on the PCI bus as a device path has it."""
    slot, function = place(addr)
    return f"{slot:x},{function:x}" if function else f"{slot:x}"
