"""A session with one gdb, without input or output of its own: bytes in, bytes out, and requests to resume.

    session = GdbSession(target)
    session.receive(bytes_from_gdb)
    bytes_for_gdb = session.take_output()
    if session.wanted:
        session.run(interrupted)  # or target.resume and session.stopped, by hand

While the target runs (`wanted`), `receive` is still called, so that Ctrl-C is seen: it sets `interrupt_requested`, and
so does any packet, since a client that has resumed the target must wait for it (QEMU stops then, too); the packet is
served when the target has stopped. Nothing that a client sends raises.
"""

from collections import deque
from collections.abc import Callable

from playhead.base.errors import PlayheadError
from playhead.gdb import commands_break, commands_query, commands_run, commands_state
from playhead.gdb.commands import NOTHING_THERE, REFUSED, Dispatcher
from playhead.gdb.commands_run import stop_reply
from playhead.gdb.context import Context, Resume
from playhead.gdb.packets import ACK, NAK, Arrival, Decoder, Mark, Packet
from playhead.gdb.target import StopLike, Target

_DISPATCHER = Dispatcher(
    (*commands_state.COMMANDS, *commands_break.COMMANDS, *commands_run.COMMANDS, *commands_query.COMMANDS)
)
_EARLY = 64  # packets kept that came while the target ran


class GdbSession:
    """One client, from its first byte to its last. Make a new session for the next."""

    def __init__(self, target: Target):
        self._context = Context(target)
        self._decoder = Decoder()
        self._early: deque[bytes] = deque()
        self._repeated = False  # once between two `take_output`: a storm of NAKs is not answered by a flood
        self.interrupt_requested = False

    @property
    def wanted(self) -> Resume | None:
        """How the client resumed the target; None while it is stopped."""
        return self._context.wanted

    @property
    def ended(self) -> str | None:
        """ "detach" or "kill", once the client said so."""
        return self._context.ended

    def receive(self, data: bytes) -> None:
        """Bytes have come from the client, in pieces of any size."""
        for arrival in self._decoder.feed(data):
            self._arrived(arrival)

    def take_output(self) -> bytes:
        """What is to be sent."""
        out = bytes(self._context.output)
        self._context.output.clear()
        self._repeated = False
        return out

    def run(self, interrupted: Callable[[], bool]) -> None:
        """Resume the target as requested, until it stops."""
        assert self.wanted is not None
        try:
            stop = self._context.target.resume(self.wanted.kind, interrupted)
        except PlayheadError as refusal:
            self.refused(refusal)
        else:
            self.stopped(stop)

    def stopped(self, stop: StopLike) -> None:
        """The target has stopped."""
        reply = stop_reply(self._context, stop)
        if stop.reason == "exited":
            self._context.exit_reply = reply
        self._stands(reply)

    def refused(self, refusal: PlayheadError) -> None:
        """The target could not be resumed."""
        assert self.wanted is not None
        self.say(str(refusal))
        self._stands(NOTHING_THERE if self.wanted.kind.startswith("reverse") else REFUSED)

    def say(self, text: str) -> None:
        """Show the user of gdb something; if the target is stopped, when it is next resumed."""
        self._context.say(text)

    def close(self) -> None:
        """The client has gone: nothing of it stays in the target."""
        self._context.wanted = None
        self._early.clear()
        self._context.remove_all()

    def _stands(self, reply: bytes) -> None:
        assert self.wanted is not None
        self._context.wanted, self.interrupt_requested = None, False
        self._context.listen(False)
        self._context.emit(reply)
        while self._early and self.wanted is None:
            self._serve(self._early.popleft())
        self.interrupt_requested = bool(self._early)

    def _arrived(self, arrival: Arrival) -> None:
        context = self._context
        if arrival is Mark.INTERRUPT:
            self.interrupt_requested = self.wanted is not None
        elif arrival is Mark.ACK:
            context.last_packet = b""
        elif arrival is Mark.NAK:
            self._repeat()
        elif arrival is Mark.BAD:
            context.output += NAK if context.acknowledging else b""
        else:
            assert isinstance(arrival, Packet)
            context.output += ACK if context.acknowledging else b""
            self._take(arrival.data)

    def _repeat(self) -> None:
        if self._context.acknowledging and not self._repeated:
            self._repeated = True
            self._context.output += self._context.last_packet

    def _take(self, packet: bytes) -> None:
        if self.wanted is None:
            self._serve(packet)
        else:
            self.interrupt_requested = True
            if len(self._early) < _EARLY:
                self._early.append(packet)

    def _serve(self, packet: bytes) -> None:
        if self._context.ended:
            return
        reply = _DISPATCHER.reply(self._context, packet)
        if reply is not None:
            self._context.emit(reply)
