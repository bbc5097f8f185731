"""Commands for the drives of a machine that runs: which there are, and CD-ROMs into them and out again."""

from playhead.base.errors import UsageError
from playhead.monitor.commands import Command, Say
from playhead.timeline.live import LiveDebuggee


def drive_commands(target: LiveDebuggee) -> tuple[Command, ...]:
    drives = DriveCommands(target)
    return (
        Command(("info block",), "", "the drives, and what is in them", drives.show),
        Command(("eject",), "[-f] device", "open a CD-ROM drive; -f: even if the guest has locked it", drives.eject),
        Command(("change",), "device file [format]", "put another CD-ROM in", drives.change),
    )


class DriveCommands:
    def __init__(self, target: LiveDebuggee):
        self._drives = target.drives

    def show(self, words: list[str], say: Say) -> None:
        for line in self._drives.shown():
            say(line)

    def eject(self, words: list[str], say: Say) -> None:
        force = words[0] == "-f"
        if len(words) != 1 + force:
            raise UsageError("usage: eject [-f] device")
        self._drives.eject(words[-1], force)

    def change(self, words: list[str], say: Say) -> None:
        self._drives.change(words[0], words[1], words[2] if len(words) > 2 else None)
