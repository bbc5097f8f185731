"""gdb's remote serial protocol: packets on one side, a `Target` on the other, no sockets."""

from playhead.gdb.serve import GdbServer, Transport
from playhead.gdb.server import GdbSession
from playhead.gdb.target import Stop, Target

__all__ = ["GdbServer", "GdbSession", "Stop", "Target", "Transport"]
