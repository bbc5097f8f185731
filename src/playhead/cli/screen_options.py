"""Options about the machine's screen: which graphics card it has (-vga), and how somebody on the host sees it
(-display, -vnc). Of QEMU's words those that are not there are refused by name, with what there is instead.

`playhead-system-i386` has a VGA by default, as QEMU has, from machine pc-5 on. `playhead run` and `record` have what
older machines have, a text-only adapter, unless a VGA or a view of the screen is asked for.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.boards import machine_version
from playhead.cli import vnc_options
from playhead.cli.option_table import Option, Sub, sub_options
from playhead.cli.value_types import Type

if TYPE_CHECKING:
    from playhead.boards.entry import Entry
    from playhead.host.display.vnc_options import VncOptions

SINCE = "0.6.0"
STD, NONE, TEXT = "std", "none", "text"
SCREEN = "its screen"

OTHER_CARDS = {
    "cirrus": "std shows the same modes, and more", "vmware": "std is driven by the same operating systems",
    "qxl": "it is for SPICE; std is there without", "virtio": "there is no virtio; std has a linear framebuffer, too",
    "xenfb": "it is for Xen", "tcx": "it is for SPARC", "cg3": "it is for SPARC",
}  # fmt: skip
NO_WINDOW = "-vnc :N, which any VNC viewer shows in a window, or -display curses"
OTHER_DISPLAYS = {name: NO_WINDOW for name in ("gtk", "sdl", "cocoa")} | {
    "dbus": "-vnc unix:PATH",
    "egl-headless": "-display none: nothing is drawn by the host's graphics card",
    "spice-app": "-vnc :N",
}


class Display(NamedTuple):
    """`kind`: none, curses or vnc. `vnc`: None where no server is wanted."""

    kind: str
    charset: str = "cp437"
    vnc: VncOptions | None = None


def _vga(text: str) -> str:
    if text in OTHER_CARDS:
        raise UnsupportedError(f"'{text}' is not supported: {OTHER_CARDS[text]}; there is std or none")
    if text not in (STD, NONE):
        raise UsageError(f"'{text}' is not one of {STD}, {NONE}{nearest(text, (STD, NONE))}")
    return text


def _charset(text: str) -> str:
    try:
        return codecs.lookup(text).name
    except LookupError:
        raise UsageError(f"'{text}' is no encoding of characters such as CP437 or ISO8859-1") from None


CURSES_SUBS = (Sub("charset", Type("ENCODING", _charset), since=SINCE),)


def _display(text: str) -> Display:
    kind, _, rest = text.partition(",")
    kind = kind.partition("=")[0]
    if kind in OTHER_DISPLAYS:
        raise UnsupportedError(f"'{kind}' is not supported; there is {OTHER_DISPLAYS[kind]}")
    match kind:
        case "none":
            if rest or "=" in text:
                raise UsageError("it takes no more words than none")
            return Display(kind)
        case "curses":
            return Display(kind, **sub_options(rest, CURSES_SUBS)) if rest else Display(kind)
        case "vnc":
            return _vnc(text)
    raise UsageError(f"'{kind}' is not one of {', '.join(DISPLAYS)}{nearest(kind, DISPLAYS)}")


def _vnc(text: str) -> Display:
    if not text.startswith("vnc="):
        raise UsageError("vnc needs to be told where: vnc=:1")
    return Display("vnc", vnc=vnc_options.parse(text.removeprefix("vnc=")))


DISPLAYS = {
    "none": "nobody looks; monitors can take a picture (screendump)",
    "curses": "text modes on this terminal, with the keyboard",
    "vnc": "a VNC server, the same as -vnc",
}


def list_cards(about: str) -> str | None:
    return None if about else f"{STD:20} standard VGA\n{NONE:20} no graphics card"


def list_displays(about: str) -> str | None:
    return None if about else "\n".join(f"{name:20} {what}" for name, what in DISPLAYS.items())


VGA = Type("std|none", _vga, (STD, NONE))
DISPLAY = Type("none|curses[,charset=ENCODING]|vnc=WHERE[,KEY=VALUE...]", _display, ("none", "curses", "vnc="))

VIEW_OPTIONS = (
    Option("-vnc", "a VNC server on which the screen is seen; may be given several times", subs=vnc_options.SUBS,
           implied=vnc_options.IMPLIED, finish=vnc_options.finish, key="vnc", many=8, group=SCREEN, since=SINCE),
    Option("-display", "how the screen is seen: not at all, in this terminal as long as it shows text (curses), or by "
           "VNC viewers", parse=DISPLAY, group=SCREEN, listing=list_displays),
)  # fmt: skip
SCREEN_OPTIONS = (
    Option("-vga", "the graphics card: a VGA with VESA modes (std), or none. playhead-system-i386 has a VGA without "
           "being told; otherwise there is one if -vnc or -display asks to see it, and else an adapter for text only",
           parse=VGA, group=SCREEN, listing=list_cards),
    *VIEW_OPTIONS,
)  # fmt: skip


# what comes of them


def at_terminal(values: Mapping[str, Any]) -> bool:
    """Whether the screen takes the terminal."""
    display = values.get("display")
    return display is not None and display.kind == "curses"


def looked_at(values: Mapping[str, Any]) -> bool:
    """Whether options ask to see the screen."""
    display = values.get("display")
    return bool(values.get("vnc")) or (display is not None and display.kind != "none")


def takes_default(values: Mapping[str, Any]) -> bool:
    """Whether the machine has a VGA by default, on QEMU's face."""
    machine = values["machine"].get("type", machine_version.newest())
    return not values["nodefaults"] and machine_version.DEFAULT_VGA not in machine_version.lacks(machine)


def adapter(values: Mapping[str, Any]) -> str:
    """The graphics card beside those of -device: `std`, `none`, or `text`, the adapter that is text-only."""
    from playhead.boards.pc_devices import VGA_CARDS

    if values["vga"] is not None:
        return str(values["vga"])
    if any(one["name"] in VGA_CARDS for one in values["devices"]):
        return NONE
    return STD if values.get("default_vga") or looked_at(values) else TEXT


def card(values: Mapping[str, Any]) -> tuple[Entry, str] | None:
    """The VGA that the machine has beside those of -device, and the option that asks for it."""
    from playhead.boards.entry import Entry

    if adapter(values) != STD:
        return None
    said = "-vga std" if values["vga"] else "the VGA that there is by default"
    return Entry("VGA", "", {}), said


def left_out(values: Mapping[str, Any], machine: str) -> tuple[str, ...]:
    """The ids of the devices that `-vga none` leaves out: older machines have their text-only adapter in any case."""
    none = adapter(values) == NONE and machine_version.DEFAULT_VGA not in machine_version.lacks(machine)
    return ("vga",) if none else ()
