"""The host's side of a machine's screen: opens the views that options ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.cli.screen_options import at_terminal
from playhead.cli.serial_ports import all_specs, resolved

if TYPE_CHECKING:
    from playhead.host.display.end import DisplayEnd
    from playhead.host.host import Host


def connect(host: Host, values: Mapping[str, Any], name: str = "") -> None:
    """Each view gets its end, under the name by which a session knows it. `name`: the machine's."""
    for number, end in enumerate(_ends(host, values, name)):
        host.connect(f"display{number}", end)


def _ends(host: Host, values: Mapping[str, Any], name: str) -> Iterator[DisplayEnd]:
    layout = values.get("keyboard") or "en-us"
    if at_terminal(values):
        from playhead.host.display.curses_view import CursesEnd

        yield CursesEnd(values["display"].charset, layout, host.consoles)
    servers = list(values.get("vnc") or ())
    if values.get("display") is not None and values["display"].kind == "vnc":
        servers.append(values["display"].vnc)
    if servers:
        from playhead.base.keyboard.keysyms import qcode_of_keysym
        from playhead.cli import vnc_options
        from playhead.host.display.vnc import VncEnd

        for options in vnc_options.named([one for one in servers if one is not None]):
            yield VncEnd(options, partial(qcode_of_keysym, layout=layout), name)


def console_specs(specs: list[str], values: Mapping[str, Any]) -> list[str]:
    """Where the ports print of which nothing is said: beside the screen, if that has the terminal."""
    return ["vc" if text == "stdio" else text for text in specs] if at_terminal(values) else specs


def check(values: Mapping[str, Any]) -> None:
    """Raises UsageError if something else asks for the terminal that the screen takes, or for a console that nothing
    would show.
    """
    from playhead.cli.monitors import monitors, stdin_taken

    ports = [resolved(dict(values), text) for text in all_specs(dict(values))]
    if not at_terminal(values):
        if any(spec.backend == "vc" for spec in (*ports, *(one.spec for one in monitors(dict(values))))):
            raise UsageError("a virtual console (vc) is shown by -display curses only; pty is a terminal for another "
                             "window")  # fmt: skip
        return
    if values.get("nographic"):
        raise UsageError("-nographic -display curses: both take the terminal; leave one of them out")
    if stdin_taken(dict(values)):
        raise UsageError("-display curses takes the terminal: give a monitor, gdb or -chardev stdio something else, "
                         "such as unix:PATH,server,nowait")  # fmt: skip
    for n, spec in enumerate(ports):
        if spec.backend == "stdio":
            raise UsageError(f"-display curses takes the terminal, and COM{n + 1} is connected to it: say -serial vc")
