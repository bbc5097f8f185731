"""What whoever attends to a machine does for the monitors of that machine: names, character devices, gdb's server.

A debuggee has one of these; the command line puts its own in place. This one is that of a machine which nobody attends
to (a script, a test), and says so.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from playhead.base.errors import UsageError

NO_UUID = "00000000-0000-0000-0000-000000000000"


class Wiring(NamedTuple):
    """What the options say of the network and the machine's description does not. `idle`: netdevs that no card uses,
    (id, kind); `hub`: what hub 0 joins, by its ports: a netdev's id, a card's place among all; `filters`: (the netdev's
    id, the filter in QEMU's words).
    """

    idle: Sequence[tuple[str, str]] = ()
    hub: Sequence[str | int] = ()
    filters: Sequence[tuple[str, str]] = ()

    def port(self, name: str) -> str | int:
        """What is at the hub's port of this name (`hub0port1`); the name itself if it is none."""
        ports = {f"hub0port{n}": end for n, end in enumerate(self.hub)}
        return ports.get(name, name)


class Outside:
    name = ""  # -name
    uuid = NO_UUID  # -uuid
    keyboard = "en-us"  # -k
    wiring = Wiring()
    log: Any = None  # `monitor.log_items.Log`, if there is one already

    def gdbserver(self, device: str) -> str:
        """Listen for gdb there from now on, or nowhere (`none`); returns what the user is told."""
        raise UsageError("gdb cannot be served here")

    def chardevs(self) -> Sequence[tuple[str, str]]:
        """(label, where it leads in QEMU's words) of each character device."""
        return ()

    def unkept(self) -> str | None:
        """Why a snapshot of a machine that is not recorded stays in memory only (empty: there is no image); None if an
        image takes it.
        """
        return ""

    def message(self, text: str) -> None:
        """Tell the user something."""
