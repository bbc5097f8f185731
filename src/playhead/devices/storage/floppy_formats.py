"""Formats of floppy disks, told by the size of their image, and the drives that they belong to.

Media are 512 bytes a sector. A drive whose type is not said is one for the medium that it starts with; what no format
fits is read as the usual one of the drive's type.

Sources: the formats' usual descriptions (fdformat(8), superformat(1), the Linux kernel's Documentation/admin-guide/
blockdev/floppy.rst); Intel 82078 data sheet (data rates); QEMU 7.2 for the order of choice, by experiment.
"""

from collections.abc import Mapping
from typing import NamedTuple

TYPES = ("auto", "144", "288", "120", "none")
CMOS: Mapping[str, int] = {"120": 2, "144": 4, "288": 5, "none": 0}  # drive types as CMOS byte 10h has them
KBPS_500, KBPS_300, KBPS_250, KBPS_1000 = range(4)  # as the chip encodes rates


class Format(NamedTuple):
    drive: str
    track: int  # sectors
    cylinders: int
    heads: int = 2
    rate: int = KBPS_500

    @property
    def sectors(self) -> int:
        return self.track * self.cylinders * self.heads


def _of(drive: str, rate: int, *shapes: tuple[int, ...]) -> tuple[Format, ...]:
    whole = [(*shape, 2)[:3] for shape in shapes]  # two heads unless a shape says otherwise
    return tuple(Format(drive, track, cylinders, heads, rate) for track, cylinders, heads in whole)


FORMATS = (
    *_of("144", KBPS_500, (18, 80), (20, 80), (21, 80), (21, 82), (21, 83), (22, 80), (23, 80), (24, 80)),
    *_of("288", KBPS_1000, (36, 80), (39, 80), (40, 80), (44, 80), (48, 80)),
    *_of("144", KBPS_250, (9, 80), (10, 80), (10, 82), (10, 83), (13, 80), (14, 80)),
    *_of("120", KBPS_500, (15, 80), (18, 80), (18, 82), (18, 83), (20, 80)),
    *_of("120", KBPS_300, (9, 80), (11, 80), (9, 40), (9, 40, 1), (10, 41), (10, 42), (8, 40), (8, 40, 1)),
    *_of("144", KBPS_250, (9, 80, 1)),
)


def format_of(sectors: int, drive: str) -> Format:
    """Of a medium of so many sectors in a drive of this type."""
    fitting = [one for one in FORMATS if one.drive == drive]
    return next((one for one in fitting if one.sectors == sectors), fitting[0])


def type_of(sectors: int, wanted: str, fallback: str) -> str:
    """The type of a drive that starts with a medium of so many sectors (0: with none)."""
    if wanted != "auto":
        return wanted
    return next((one.drive for one in FORMATS if one.sectors == sectors), fallback)
