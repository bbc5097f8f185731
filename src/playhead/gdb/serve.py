"""Clients one after another on one target: what carries bytes between a transport and the sessions.

The transport is `host.listen.TcpListener` in earnest; only its shape is known here, so that a test can put a list of
bytes in its place.
"""

from playhead.gdb.server import GdbSession
from playhead.gdb.target import Target
from playhead.timeline.transport import Transport


class GdbServer:
    """Call `serve` whenever something may have arrived."""

    def __init__(self, target: Target, transport: Transport):
        self._target, self._transport = target, transport
        self._connections = 0
        self.session: GdbSession | None = None
        self.left = ""  # how the last client went: "detach", "kill" or "gone"; empty while one is there

    def serve(self) -> bool:
        """Do everything that can be done now, running the target included; whether a client is attached."""
        self._exchange()
        while self.session is not None and self.session.wanted is not None:
            self.session.run(self._interrupted)
            self._exchange()
        return self.session is not None

    def _exchange(self) -> None:
        if self._connections != self._transport.connections:
            self._connections = self._transport.connections
            self.session, self.left = GdbSession(self._target), ""
        if self.session is None:
            return
        connected = self._transport.connected  # asked first, so that `take` has all that came before the end
        self.session.receive(self._transport.take())
        self._transport.send(self.session.take_output())
        if self.session.ended or not connected:
            self.left = self.session.ended or "gone"
            self.session.close()
            self.session = None
            self._transport.hang_up()

    def _interrupted(self) -> bool:
        """Asked by the target while it runs."""
        assert self.session is not None
        connected = self._transport.connected
        self.session.receive(self._transport.take())
        self._transport.send(self.session.take_output())
        return self.session.interrupt_requested or not connected
