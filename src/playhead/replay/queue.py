"""The asynchronous queue: events that reach the machine from outside an instruction.

Serial input, the end of a disk request, a packet, a device's deferred callback (a *bottom half*) are queued, and take
effect when the session empties the queue at a checkpoint; a recording logs each of them at that moment. A replay takes
them from the log. An *input* is applied by the same handler as in the recording. A *completion* (a bottom half, of
which the log has only an id) was queued by the machine itself, and stays queued until its moment in the log. The end of
a disk request is handled like an input: the requests under way are part of the machine's state, so that a replay may
begin anywhere.

Called on the session's thread only; host threads hand over through the inboxes of the host's ends.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from playhead.base.errors import DivergenceError
from playhead.log.events import BlockDone, BlockFailed, BottomHalf, BottomHalfOneshot, Event, text_of

COMPLETIONS = (BottomHalf, BottomHalfOneshot, BlockDone, BlockFailed)  # matched by id, unless there is a handler
E = TypeVar("E", bound=Event)


class Pending(NamedTuple):
    """A queued event, and its effect on the machine."""

    event: Event
    run: Callable[[], None]


class AsyncQueue:
    """First in, first out. `log` is called with each event just before it takes effect."""

    def __init__(self, log: Callable[[Event], None], *, replaying: bool = False):
        self._log = log
        self._replaying = replaying
        self._pending: list[Pending] = []
        self._handlers: dict[type[Event], Callable[[Any], None]] = {}
        self._running = False
        self.heard: Callable[[Event], None] = lambda event: None  # of each event, just before it takes effect

    def __len__(self) -> int:
        return len(self._pending)

    def handler(self, kind: type[E], handler: Callable[[E], None]) -> None:
        """Set the handler of input events of this kind, the same in a recording and in its replay."""
        self._handlers[kind] = handler

    def add_input(self, event: Event) -> None:
        """Queue an input from outside. A replay has no outside, and drops it."""
        if not self._replaying:
            handler = self._handlers[type(event)]
            self._pending.append(Pending(event, lambda: handler(event)))

    def add_completion(self, event: Event, run: Callable[[], None]) -> None:
        """Queue the completion of something that the machine began; `event` identifies it."""
        assert isinstance(event, COMPLETIONS)
        self._pending.append(Pending(event, run))

    def flush(self) -> None:
        """Apply all queued events, in order. A replay does nothing here: `deliver` applies them one by one."""
        if self._replaying:
            return
        assert not self._running, "the queue is flushed from inside one of its own events"
        self._running = True
        try:
            while self._pending:
                item = self._pending.pop(0)
                self._log(item.event)
                self.heard(item.event)
                item.run()
        finally:
            self._running = False

    def deliver(self, event: Event) -> None:
        """In a replay: apply this logged event now."""
        self.heard(event)
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)
            return
        if not isinstance(event, COMPLETIONS):
            raise DivergenceError(f"the recording has {text_of(event)}, and nothing here takes that kind of event")
        for i, item in enumerate(self._pending):
            if item.event == event:
                del self._pending[i]
                item.run()
                return
        raise DivergenceError(f"the recording has {text_of(event)} here, this replay has begun nothing of that kind")
