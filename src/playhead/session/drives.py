"""The drives of a running machine as a user sees them: names, media, and changing CD-ROMs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from playhead.base.errors import PlayheadError, UsageError
from playhead.host import image_names
from playhead.host.block import FORMATS, open_image
from playhead.hw.block import SECTOR
from playhead.machine.media import FORCE, READ_ONLY
from playhead.session.sources import MediaSource

if TYPE_CHECKING:
    from playhead.host.block import Image
    from playhead.host.disks import Disks
    from playhead.machine.machine import Machine
    from playhead.machine.media import Media
    from playhead.machine.storage import Storage
    from playhead.session.run import RunSession


def storage_of(machine: Machine) -> Storage:
    """Of a machine that has drives."""
    assert machine.storage is not None
    return machine.storage


def media_of(machine: Machine) -> Media:
    """Its drives of removable media."""
    return storage_of(machine).media


def names_of(machine: Machine) -> dict[str, int]:
    """QEMU's name of each drive (the id of its -drive, or `ide1-cd0`) -> its number in the configuration."""
    config = getattr(machine, "config", None)
    entries = config.all_of("ide-hd", "ide-cd", "floppy") if config is not None else ()
    return {str(entry.values["drive"]): number for number, entry in enumerate(entries)}


def moved_tray(machine: Machine, drive: int, tray_open: bool) -> dict[str, Any]:
    """What QEMU's event says of a tray that has moved."""
    name = next(name for name, number in names_of(machine).items() if number == drive)
    return {"device": name, "id": device_id(machine, drive), "tray_open": tray_open}


class Medium(NamedTuple):
    """What lies in a drive. `path` is empty if only its content is known (a replay's later media)."""

    path: str
    format: str
    size: int  # bytes
    written: bool  # what the guest writes goes to the image
    backing: tuple[str, ...] = ()  # paths of its backing files, the nearest one first


class DriveNow(NamedTuple):
    """A drive as it is now. `tray_open` and `locked` of a CD-ROM drive (a floppy disk drive: never)."""

    name: str
    device_id: str
    removable: bool
    has_tray: bool
    read_only: bool
    tray_open: bool
    locked: bool
    medium: Medium | None


def drives_now(machine: Machine, medium: Callable[[int, int], Medium | None]) -> list[DriveNow]:
    """`medium(drive, number)`: what the medium of that number is, in the drive of that number."""
    found = []
    for name, number in names_of(machine).items():
        removable = media_of(machine).takes(number)
        tray = media_of(machine).tray(number) if removable else None
        inside = medium(number, storage_of(machine).medium(number)) if tray is None or tray.sectors else None
        has_tray, read_only = removable and not media_of(machine).is_floppy(number), media_of(machine).read_only(number)
        found.append(DriveNow(name, device_id(machine, number), removable, has_tray, read_only,
                              bool(tray and tray.tray_open), bool(tray and tray.locked), inside))  # fmt: skip
    return found


def recorded_drives(machine: Machine, images: object) -> list[DriveNow]:
    """Those of a replay, with the images that the recording began with."""
    known = images if isinstance(images, list) else []

    def medium(drive: int, number: int) -> Medium:
        fact = known[number] if number < len(known) else None
        size = machine.config.drives[drive].sectors * SECTOR
        if isinstance(fact, dict):
            return Medium(str(fact.get("file", "")), str(fact.get("format", "raw")), size, bool(fact.get("changed")))
        return Medium("", "raw", media_of(machine).tray(drive).sectors * SECTOR, False)

    return drives_now(machine, medium)


def device_id(machine: Machine, number: int) -> str:
    """The id of the device that a drive is."""
    drive = machine.config.drives[number]
    bus = "floppy-bus.0" if media_of(machine).is_floppy(number) else f"ide.{drive.bus}"
    units = [one for one in machine.config.devices if one.bus == bus]
    return next(one.id for one in units if one.values.get("unit", 0) == drive.unit)


class Drives:
    """The drives of a live session's machine, by QEMU's names (`ide1-cd0`)."""

    def __init__(self, session: RunSession):
        self._session = session

    @property
    def _machine(self) -> Machine:
        return cast("Machine", self._session.machine)

    def _all(self) -> dict[str, int]:
        return names_of(self._machine)

    def _removable(self, name: str) -> int:
        drives = self._all()
        if name not in drives:
            raise UsageError(f"no device '{name}'; there is {', '.join(drives) or 'none'}")
        if not media_of(self._machine).takes(drives[name]):
            raise UsageError(f"Device '{name}' is not removable")
        return drives[name]

    def trays(self) -> dict[str, bool]:
        """Drive of removable media -> whether its tray is open."""
        media = {name: number for name, number in self._all().items() if media_of(self._machine).takes(number)}
        return {name: media_of(self._machine).tray(number).tray_open for name, number in media.items()}

    def device_id(self, name: str) -> str:
        """The id of the device that a drive is."""
        return device_id(self._machine, self._all()[name])

    def now(self) -> list[DriveNow]:
        """All of them."""

        def medium(drive: int, number: int) -> Medium | None:
            image = self._disks.image(number)
            if image is None:
                return None
            written, below = self._disks.is_written(number), tuple(one.path for one in image.below())
            return Medium(image.path, image.format, image.size, written, below)

        return drives_now(self._machine, medium)

    def counts(self) -> dict[str, dict[str, int]]:
        """What each drive's image has done for the guest, in QEMU's words."""
        return {name: self._disks.counts(number) for name, number in self._all().items()}

    @property
    def _disks(self) -> Disks:
        return cast("Disks", self._session.host.ends.get("disks"))

    def eject(self, name: str, force: bool) -> None:
        number = self._removable(name)
        self._session.sources[MediaSource].change(number, FORCE if force else 0)
        if media_of(self._machine).tray(number).locked and not force:
            raise UsageError(f"device '{name}' is locked; the guest has been asked to release it (or use eject -f)")

    def change(self, name: str, path: str, format: str | None, force: bool = False, read_only: bool = False) -> None:
        """Put an image into a CD-ROM or floppy disk drive. The guest's writes go to that of a floppy disk, unless the
        run changes no image (-snapshot) or the disk is `read_only`: write-protected.
        """
        number = self._removable(name)
        floppy = media_of(self._machine).is_floppy(number)
        written = floppy and not read_only and self._disks.writable
        if format is not None and format not in FORMATS:
            raise UsageError(f"format {format} is not supported; there is {', '.join(FORMATS)}")
        if not self._session.options.embed:
            raise UsageError("a recording with --no-embed would not know where this medium is")
        named = image_names.parse(path)
        image = self._taken_out(number, named.path, format or named.format) if floppy else None
        opened = image is None
        if image is None:
            try:
                image = open_image(named.path, format=format or named.format, read_only=not written)
            except PlayheadError as e:
                raise UsageError(str(e)) from None  # it costs nothing but this command
        try:
            if not image.size:
                raise UsageError(f"{path}: an image of no size")
            if not media_of(self._machine).tray(number).tray_open:
                self.eject(name, force)
        except BaseException:
            if opened:
                image.close()
            raise
        how = READ_ONLY if floppy and read_only else 0
        self._session.sources[MediaSource].change(number, how, image, written)

    def _taken_out(self, number: int, path: str, format: str | None) -> Image | None:
        """The image of a floppy disk that this drive has, or that was in a drive and comes again: it stays open, and
        locked, because a loadvm may need it.
        """
        earlier = self._disks.written_image(path)
        if not earlier:
            return None
        for other, name in enumerate(self._all()):
            inside = not media_of(self._machine).takes(other) or media_of(self._machine).tray(other).sectors
            if other != number and inside and storage_of(self._machine).medium(other) in earlier:
                raise UsageError(f"{path}: it is in drive {name}")
        image = self._disks.image(earlier[-1])
        if image is not None and format not in (None, image.format):
            raise UsageError(f"{path}: this run has it open as {image.format}")
        return image
