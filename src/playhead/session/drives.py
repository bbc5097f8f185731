"""The drives of a machine that runs, as a user sees them: their names, what is in them, CD-ROMs in and out."""

from typing import Any

from playhead.base.errors import PlayheadError, UsageError
from playhead.host import image_names
from playhead.host.block import FORMATS, open_image


class Drives:
    """Of a live session's machine, by QEMU's names (`ide1-cd0`)."""

    def __init__(self, session: Any):
        self._session = session

    def _all(self) -> dict[str, int]:
        """Name -> number in the configuration."""
        config = getattr(self._session.machine, "config", None)
        found = {}
        for number, drive in enumerate(config.drives if config is not None else ()):
            found[f"ide{drive.bus}-{'cd' if self._session.machine.takes_media(number) else 'hd'}{drive.unit}"] = number
        return found

    def _cdrom(self, name: str) -> int:
        drives = self._all()
        if name not in drives:
            raise UsageError(f"no device '{name}'; there is {', '.join(drives) or 'none'}")
        if not self._session.machine.takes_media(drives[name]):
            raise UsageError(f"device '{name}' is not removable")
        return drives[name]

    def shown(self) -> list[str]:
        """Lines."""
        machine, disks, lines = self._session.machine, self._session.host.disks, []
        for name, number in self._all().items():
            image = disks.image(machine.storage.medium(number))
            if not machine.takes_media(number):
                how = "" if disks.is_written(number) else ", not changed (snapshot)"
                lines.append(f"{name}: {image.path} ({image.format}{how})")
                continue
            tray = machine.tray(number)
            inside = f"{image.path} ({image.format}, read-only)" if image and tray.sectors else "[not inserted]"
            locked, position = "locked" if tray.locked else "not locked", "open" if tray.tray_open else "closed"
            lines += [f"{name}: {inside}", f"    removable: {locked}, tray {position}"]
        return lines

    def eject(self, name: str, force: bool) -> None:
        number = self._cdrom(name)
        self._session.block.change(number, force)
        if self._session.machine.tray(number).locked and not force:
            raise UsageError(f"device '{name}' is locked; the guest has been told that somebody wants it (eject -f)")

    def change(self, name: str, path: str, format: str | None) -> None:
        """Put an image in."""
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
            if not self._session.machine.tray(number).tray_open:
                self.eject(name, False)
        except BaseException:
            image.close()
            raise
        self._session.block.change(number, False, image)
