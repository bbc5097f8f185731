"""`screendump`: a picture of what the screen shows at this moment, live, in a recording and in a replay.

Taking one changes nothing. A device is named by its id, as `info qtree` shows it; there is one screen with one head.
"""

from playhead.base.errors import UsageError
from playhead.hw.screen import screen_of
from playhead.monitor.commands import Command, Misunderstood, Say
from playhead.monitor.files import write_file
from playhead.timeline.debuggee import Debuggee

FORMATS = ("png", "ppm")
NO_SCREEN = "There is no console to take a screendump from"  # QEMU's words


def commands(target: Debuggee) -> tuple[Command, ...]:
    def dump(words: list[str], say: Say) -> None:
        screendump(target, *_parsed(words))

    return (
        Command(("screendump",), "filename [-f format] [device] [head]", "save screen from head 'head' of display "
                "device 'device' in specified format 'format' as image 'filename'. Currently only 'png' and 'ppm' "
                "formats are supported.", dump),
    )  # fmt: skip


def _parsed(words: list[str]) -> tuple[str, str, str | None, int | None]:
    """File, format, device, head."""
    path, *rest = words
    format = "ppm"
    if rest[:1] == ["-f"]:
        if len(rest) < 2:
            raise Misunderstood("screendump: -f needs a format, png or ppm")
        format, rest = rest[1], rest[2:]
    if rest and rest[0].startswith("-"):
        raise Misunderstood(f"screendump: unsupported option '{rest[0]}'")
    if len(rest) > 2:
        raise Misunderstood("usage: screendump filename [-f format] [device] [head]")
    if len(rest) == 2 and not rest[1].isdecimal():
        raise Misunderstood(f"screendump: head '{rest[1]}' is not a number")
    return path, format, rest[0] if rest else None, int(rest[1]) if len(rest) == 2 else None


def screendump(target: Debuggee, path: str, format: str = "ppm", device: str | None = None,
               head: int | None = None) -> None:  # fmt: skip
    """Raises UsageError, in QEMU's words where it has them."""
    from playhead.base.picture_file import FORMATS as WRITERS

    if format not in FORMATS:
        raise UsageError(f"Parameter 'format' does not accept value '{format}'; there is png and ppm")
    if head is not None and device is None:
        raise UsageError("'head' must be specified together with 'device'")
    machine = target.machine
    screen = screen_of(machine.devices)
    if device is not None and device not in machine.devices:
        raise UsageError(f"Device '{device}' not found")
    if device is not None and (machine.devices[device] is not screen or head):
        raise UsageError(f"Device '{device}' (head {head or 0}) is not bound to a QemuConsole")
    if screen is None:
        raise UsageError(NO_SCREEN)
    picture = WRITERS[format](screen.picture(machine.now_ns()))
    write_file(path, lambda put: put(picture))
