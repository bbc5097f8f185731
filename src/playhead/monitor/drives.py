"""Commands for the drives of a machine that runs: which there are, and CD-ROMs into them and out again."""

from typing import Any

from playhead.base.errors import PlayheadError, UsageError
from playhead.boards.drive_config import CDROM, DriveConfig
from playhead.host.block import open_image
from playhead.monitor.commands import Command, Say
from playhead.timeline.live import LiveDebuggee

FORMATS = ("raw", "qcow2")


def drive_commands(target: LiveDebuggee) -> tuple[Command, ...]:
    drives = Drives(target)
    return (
        Command(("info block",), "", "the drives, and what is in them", drives.show),
        Command(("eject",), "[-f] device", "open a CD-ROM drive; -f: even if the guest has locked it", drives.eject),
        Command(("change",), "device file [format]", "put another CD-ROM in", drives.change),
    )


class Drives:
    def __init__(self, target: LiveDebuggee):
        self._target = target

    def _all(self) -> dict[str, tuple[int, DriveConfig]]:
        config = getattr(self._target.machine, "config", None)
        drives = config.drives if config is not None else ()
        return {f"ide{d.bus}-{'cd' if d.kind == CDROM else 'hd'}{d.unit}": (n, d) for n, d in enumerate(drives)}

    def _cdrom(self, name: str) -> int:
        drives = self._all()
        if name not in drives:
            raise UsageError(f"no device '{name}'; there is {', '.join(drives) or 'none'}")
        number, config = drives[name]
        if config.kind != CDROM:
            raise UsageError(f"device '{name}' is not removable")
        return number

    def _state(self, number: int) -> Any:
        """Of a CD-ROM drive (`CdromState`)."""
        machine = self._target.machine
        config = machine.config.drives[number]
        assert machine.board.ide is not None
        return machine.board.ide.cdrom(config.bus, config.unit).s.cdrom

    def show(self, words: list[str], say: Say) -> None:
        machine = self._target.machine
        disks = self._target.session.host.disks
        for name, (number, config) in self._all().items():
            assert machine.storage is not None and disks is not None
            image = disks.image(machine.storage.medium(number))
            how = ", read-only" if config.read_only or config.kind == CDROM else ""
            if config.kind != CDROM:
                how += "" if disks.is_written(number) else ", not changed (snapshot)"
                say(f"{name}: {image.path} ({image.format}{how})" if image is not None else f"{name}: ?")
                continue
            state = self._state(number)
            inside = f"{image.path} ({image.format}{how})" if image is not None and state.sectors else "[not inserted]"
            locked, tray = "locked" if state.locked else "not locked", "open" if state.tray_open else "closed"
            say(f"{name}: {inside}\n    removable: {locked}, tray {tray}")

    def eject(self, words: list[str], say: Say) -> None:
        force = words[0] == "-f"
        if len(words) != 1 + force:
            raise UsageError("usage: eject [-f] device")
        self._eject(words[-1], force)

    def _eject(self, name: str, force: bool) -> None:
        number = self._cdrom(name)
        self._target.session.block.change(number, force)
        if self._state(number).locked and not force:
            raise UsageError(f"device '{name}' is locked; the guest has been told that somebody wants it (eject -f)")

    def change(self, words: list[str], say: Say) -> None:
        name, path, format = (*words, None)[:3]
        assert name is not None and path is not None
        number = self._cdrom(name)
        if format is not None and format not in FORMATS:
            raise UsageError(f"format {format} is not supported; there is {', '.join(FORMATS)}")
        session = self._target.session
        if not session.options.embed:
            raise UsageError("a recording with --no-embed would not know where this medium is")
        try:
            image = open_image(path, format=format, read_only=True)
        except PlayheadError as e:
            raise UsageError(str(e)) from None  # it costs nothing but this command
        if not image.size:
            image.close()
            raise UsageError(f"{path}: an image of no size")
        try:
            if not self._state(number).tray_open:
                self._eject(name, False)
        except BaseException:
            image.close()
            raise
        session.block.change(number, False, image)
