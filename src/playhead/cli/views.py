"""The host's side of a machine's screen: opens the views that options ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.cli.screen_options import at_terminal
from playhead.cli.serial_ports import all_specs, resolved

if TYPE_CHECKING:
    from playhead.host.display.end import DisplayEnd
    from playhead.host.host import Host


def connect(host: Host, values: Mapping[str, Any], name: str = "") -> None:
    """Each view gets its end, under the name by which a session knows it. `name`: the machine's."""
    for number, end in enumerate(_ends(values, name)):
        host.connect(f"display{number}", end)


def _ends(values: Mapping[str, Any], name: str) -> Iterator[DisplayEnd]:
    yield from ()


def check_terminal(values: Mapping[str, Any]) -> None:
    """Raises UsageError if something else asks for the terminal that the screen takes."""
    if not at_terminal(values):
        return
    from playhead.cli.monitors import stdin_taken

    if values.get("nographic"):
        raise UsageError("-nographic -display curses: both take the terminal; leave one of them out")
    if stdin_taken(dict(values)):
        raise UsageError("-display curses takes the terminal: give a monitor, gdb or -chardev stdio something else, "
                         "such as unix:PATH,server,nowait")  # fmt: skip
    for n, text in enumerate(all_specs(dict(values))):
        if resolved(dict(values), text).backend == "stdio":
            raise UsageError(f"-display curses takes the terminal, and COM{n + 1} is connected to it: say -serial null")
