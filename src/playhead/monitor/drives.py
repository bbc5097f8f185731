"""Commands for drives: which there are, what is in them, what they have done; CD-ROMs into them and out again."""

from collections.abc import Iterator

from playhead.base.errors import UsageError
from playhead.base.messages import shown
from playhead.monitor.commands import REPLAY, Command, Misunderstood, Say, refused
from playhead.monitor.devices import size_text
from playhead.monitor.running import FIXED
from playhead.monitor.vnc import change_password
from playhead.session.drives import DriveNow
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
        drives = {drive.name: drive for drive in self._target.drives_now()}
        if rest and rest[0] not in drives:
            raise UsageError(f"Device '{rest[0]}' not found; there is {', '.join(drives) or 'none'}")
        for n, name in enumerate(rest or drives):
            if n:
                say("")
            for line in self._lines(drives[name], nodes="-n" in flags, details="-v" in flags):
                say(line)

    def _lines(self, drive: DriveNow, nodes: bool, details: bool) -> Iterator[str]:
        medium = drive.medium
        yield f"{drive.name}: {self._inside(drive)}"
        if not nodes:
            yield f"    Attached to:      {drive.device_id}"
            if drive.removable:
                locked, tray = "locked" if drive.locked else "not locked", "open" if drive.tray_open else "closed"
                yield f"    Removable device: {locked}, tray {tray}"
        if medium is None:
            return
        if not drive.removable:
            yield "    Cache mode:       writeback"
        if medium.backing:
            yield f"    Backing file:     {shown(medium.backing[0])} (chain depth: {len(medium.backing)})"
        if details:
            yield from ("", "Images:", f"image: {shown(medium.path) or 'not known'}", f"file format: {medium.format}",
                        f"virtual size: {size_text(medium.size)} ({medium.size} bytes)")  # fmt: skip

    def _inside(self, drive: DriveNow) -> str:
        """What is in it: `disk.img (raw, read-only)`."""
        medium = drive.medium
        if medium is None:
            return "[not inserted]"
        if self._target.mode == "play":
            return f"{shown(medium.path)} ({medium.format}), as recorded" if medium.path else "another medium"
        how = ", read-only" if drive.read_only else "" if medium.written else ", not changed (snapshot)"
        return f"{shown(medium.path)} ({medium.format}{how})"

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
        if words[0] == "vnc":
            change_password(self._target, words[1:])
            return
        force = words[1] == "-f"
        device, (file, *more) = words[0], words[1 + force :] or [""]
        if not file:
            raise Misunderstood("usage: change device [-f] filename [format] [read-only-mode]")
        mode = more[1] if len(more) > 1 else "retain"
        if mode not in ("retain", "read-only", "read-write"):
            raise UsageError(f"read-only-mode {mode}: it is retain, read-only or read-write")
        if mode == "read-write" and not device.startswith("floppy"):
            raise UsageError(f"read-only-mode {mode}: a CD-ROM is never written; retain and read-only are accepted")
        self._target.change(device, file, more[0] if more and more[0] else None, force, mode == "read-only")
