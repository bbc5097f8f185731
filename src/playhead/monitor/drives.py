"""Commands for drives: which there are, what is in them, what they have done; CD-ROMs into them and out again."""

from itertools import groupby

from playhead.base.errors import UsageError
from playhead.monitor.commands import REPLAY, Command, Misunderstood, Say, refused
from playhead.monitor.running import FIXED
from playhead.timeline.debuggee import Debuggee
from playhead.timeline.live_control import LiveControl

STATISTICS = ("rd_bytes", "wr_bytes", "rd_operations", "wr_operations", "flush_operations")


def commands(target: Debuggee) -> tuple[Command, ...]:
    drives = DriveCommands(target)
    return (
        Command(("info block",), "[-n] [-v] [device]", "show info of one block device or all block devices (-v: show "
                "details)", drives.show),
        Command(("info blockstats",), "", "show block device statistics", drives.statistics,
                refused=refused("a replay starts no requests; who and log say what the guest did", REPLAY)),
        Command(("eject",), "[-f] device", "eject a removable medium (use -f to force it)", drives.eject,
                refused=FIXED),
        Command(("change",), "device [-f] filename [format] [read-only-mode]", "change a removable medium, optional "
                "format, use -f to force the operation", drives.change, refused=FIXED),
    )  # fmt: skip


class DriveCommands:
    def __init__(self, target: Debuggee):
        self._target = target

    def show(self, words: list[str], say: Say) -> None:
        flags, rest = {word for word in words if word in ("-n", "-v")}, [w for w in words if w not in ("-n", "-v")]
        if len(rest) > 1 or any(word.startswith("-") for word in rest):
            raise Misunderstood("usage: info block [-n] [-v] [device]")
        blocks = _blocks(self._target.drives_shown())
        if rest and rest[0] not in blocks:
            raise UsageError(f"Device '{rest[0]}' not found; there is {', '.join(blocks) or 'none'}")
        for n, name in enumerate(rest or blocks):
            if n:
                say("")
            for line in blocks[name]:
                say(line)
            if "-v" in flags and isinstance(self._target, LiveControl):
                for line in self._target.drives.image_lines(name):
                    say(line)

    def statistics(self, words: list[str], say: Say) -> None:
        assert isinstance(self._target, LiveControl)
        for name, counts in self._target.drives.counts().items():
            say(f"{name}: " + " ".join(f"{word}={counts[word]}" for word in STATISTICS))

    def eject(self, words: list[str], say: Say) -> None:
        force = words[0] == "-f"
        if len(words) != 1 + force:
            raise Misunderstood("usage: eject [-f] device")
        self._target.eject(words[-1], force)

    def change(self, words: list[str], say: Say) -> None:
        force = words[1] == "-f"
        device, (file, *more) = words[0], words[1 + force :] or [""]
        if not file:
            raise Misunderstood("usage: change device [-f] filename [format] [read-only-mode]")
        if len(more) > 1 and more[1] not in ("retain", "read-only"):
            raise UsageError(f"read-only-mode {more[1]}: a CD-ROM is never written; retain and read-only are accepted")
        self._target.change(device, file, more[0] if more and more[0] else None, force)


def _blocks(lines: list[str]) -> dict[str, list[str]]:
    """By the drives' names: the first line of each begins with its name."""
    found: dict[str, list[str]] = {}
    for indented, group in groupby(lines, key=lambda line: line.startswith(" ")):
        for line in group:
            name = next(reversed(found), "") if indented else line.partition(":")[0]
            found.setdefault(name, []).append(line)
    return found
