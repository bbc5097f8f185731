"""gdb's remote serial protocol: packets on one side, a `Target` on the other, no sockets."""

from pathlib import Path

from playhead.gdb.serve import GdbServer, Transport
from playhead.gdb.server import GdbSession
from playhead.gdb.target import Stop, Target

# For gdb to `source`; it cannot be imported anywhere else. `python -m playhead.gdb` prints its path.
INSIDE_GDB = Path(__file__).with_name("inside_gdb.py")

__all__ = ["INSIDE_GDB", "GdbServer", "GdbSession", "Stop", "Target", "Transport"]
