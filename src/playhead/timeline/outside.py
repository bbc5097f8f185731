"""What whoever attends to a machine does for the monitors of that machine: names, character devices, gdb's server.

A debuggee has one of these; the command line puts its own in place. This one is that of a machine which nobody attends
to (a script, a test), and says so.
"""

from collections.abc import Sequence
from typing import Any

from playhead.base.errors import UsageError

NO_UUID = "00000000-0000-0000-0000-000000000000"


class Outside:
    name = ""  # -name
    uuid = NO_UUID  # -uuid
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
