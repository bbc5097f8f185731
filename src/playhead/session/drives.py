"""The drives of a running machine as a user sees them: names, media, and changing CD-ROMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from playhead.base.errors import PlayheadError, UsageError
from playhead.host import image_names
from playhead.host.block import FORMATS, open_image
from playhead.session.sources import MediaSource

if TYPE_CHECKING:
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
    """Its CD-ROM drives."""
    return storage_of(machine).media


def names_of(machine: Machine) -> dict[str, int]:
    """QEMU's name of each drive (`ide1-cd0`) -> its number in the configuration."""
    config = getattr(machine, "config", None)
    found = {}
    for number, drive in enumerate(config.drives if config is not None else ()):
        found[f"ide{drive.bus}-{'cd' if media_of(machine).takes(number) else 'hd'}{drive.unit}"] = number
    return found


def lines_of(machine: Machine, name: str, number: int, image: str) -> list[str]:
    """The lines of `info block` about a drive. `image`: its medium, with the format."""
    if not media_of(machine).takes(number):
        return [f"{name}: {image}"]
    tray = media_of(machine).tray(number)
    locked, position = "locked" if tray.locked else "not locked", "open" if tray.tray_open else "closed"
    return [f"{name}: {image if tray.sectors else '[not inserted]'}", f"    removable: {locked}, tray {position}"]


def recorded_lines(machine: Machine, images: object) -> list[str]:
    """The same for a replay. `images`: the recording's description of the images that it began with. Of a CD-ROM that
    was put in later only the content is known.
    """
    lines = []
    known = images if isinstance(images, list) else []
    for name, number in names_of(machine).items():
        medium = storage_of(machine).medium(number)
        fact = known[medium] if medium < len(known) else None
        known_as = f"{fact.get('file')} ({fact.get('format')}), as recorded" if isinstance(fact, dict) else ""
        lines += lines_of(machine, name, number, known_as or "another CD-ROM")
    return lines


class Drives:
    """The drives of a live session's machine, by QEMU's names (`ide1-cd0`)."""

    def __init__(self, session: RunSession):
        self._session = session

    @property
    def _machine(self) -> Machine:
        return cast("Machine", self._session.machine)

    def _all(self) -> dict[str, int]:
        return names_of(self._machine)

    def _cdrom(self, name: str) -> int:
        drives = self._all()
        if name not in drives:
            raise UsageError(f"no device '{name}'; there is {', '.join(drives) or 'none'}")
        if not media_of(self._machine).takes(drives[name]):
            raise UsageError(f"device '{name}' is not removable")
        return drives[name]

    def trays(self) -> dict[str, bool]:
        """CD-ROM drive -> whether its tray is open."""
        media = {name: number for name, number in self._all().items() if media_of(self._machine).takes(number)}
        return {name: media_of(self._machine).tray(number).tray_open for name, number in media.items()}

    def device_id(self, name: str) -> str:
        """The id of the device that a drive is."""
        config = self._machine.config
        drive = config.drives[self._all()[name]]
        units = [one for one in config.devices if one.bus == f"ide.{drive.bus}"]
        return next(one.id for one in units if one.values.get("unit", 0) == drive.unit)

    def shown(self) -> list[str]:
        """Lines."""
        machine, lines = self._machine, []
        disks = cast("Disks", self._session.host.ends.get("disks"))
        for name, number in self._all().items():
            image = disks.image(storage_of(machine).medium(number))
            if media_of(machine).takes(number):
                how = ", read-only"
            else:
                how = "" if disks.is_written(number) else ", not changed (snapshot)"
            inside = f"{image.path} ({image.format}{how})" if image else "[not inserted]"
            lines += lines_of(machine, name, number, inside)
        return lines

    def eject(self, name: str, force: bool) -> None:
        number = self._cdrom(name)
        self._session.sources[MediaSource].change(number, force)
        if media_of(self._machine).tray(number).locked and not force:
            raise UsageError(f"device '{name}' is locked; the guest has been asked to release it (or use eject -f)")

    def change(self, name: str, path: str, format: str | None, force: bool = False) -> None:
        """Put an image into a CD-ROM drive."""
        number = self._cdrom(name)
        if format is not None and format not in FORMATS:
            raise UsageError(f"format {format} is not supported; there is {', '.join(FORMATS)}")
        if not self._session.options.embed:
            raise UsageError("a recording with --no-embed would not know where this medium is")
        try:
            named = image_names.parse(path)
            image = open_image(named.path, format=format or named.format, read_only=True)
        except PlayheadError as e:
            raise UsageError(str(e)) from None  # it costs nothing but this command
        try:
            if not image.size:
                raise UsageError(f"{path}: an image of no size")
            if not media_of(self._machine).tray(number).tray_open:
                self.eject(name, force)
        except BaseException:
            image.close()
            raise
        self._session.sources[MediaSource].change(number, False, image)
