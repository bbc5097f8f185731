"""The asynchronous queue: everything that reaches the machine without having been asked for at that very moment.

Serial input, a completed disk request, a packet, a device's deferred callback (a *bottom half*) are put here when
they occur and take effect when the session empties the queue at a checkpoint. A recording logs each one at that
moment. A replay takes them from the log: an *input* is made anew from the event, by the same handler; a *completion* (a
bottom half: it carries only an id) must be in the queue already, because the machine itself began it, and waits there
until the log says that its moment has come. The end of a disk request is handled like an input: which requests are
under way is in the machine's own state, so that a replay may begin anywhere.

Called on the machine's thread only; host threads hand over through the session's inbox.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from playhead.base.errors import DivergenceError
from playhead.log.events import BlockDone, BlockFailed, BottomHalf, BottomHalfOneshot, Event, text_of

COMPLETIONS = (BottomHalf, BottomHalfOneshot, BlockDone, BlockFailed)  # matched by id, unless there is a handler
E = TypeVar("E", bound=Event)


class Pending(NamedTuple):
    """Something queued: the event to log, and what it does to the machine."""

    event: Event
    run: Callable[[], None]


class AsyncQueue:
    """One global first-in first-out queue. `log` is called with each event just before it takes effect."""

    def __init__(self, log: Callable[[Event], None], *, replaying: bool = False):
        self._log = log
        self._replaying = replaying
        self._pending: list[Pending] = []
        self._handlers: dict[type[Event], Callable[[Any], None]] = {}
        self._running = False

    def __len__(self) -> int:
        return len(self._pending)

    def handler(self, kind: type[E], handler: Callable[[E], None]) -> None:
        """Name what an input event of this kind does to the machine: the same in a recording and in its replay."""
        self._handlers[kind] = handler

    def add_input(self, event: Event) -> None:
        """Queue an input from outside. In a replay there is no outside: it is dropped."""
        if not self._replaying:
            handler = self._handlers[type(event)]
            self._pending.append(Pending(event, lambda: handler(event)))

    def add_completion(self, event: Event, run: Callable[[], None]) -> None:
        """Queue something that the machine began itself; `event` identifies it."""
        assert isinstance(event, COMPLETIONS)
        self._pending.append(Pending(event, run))

    def flush(self) -> None:
        """Let everything queued take effect, in order. In a replay nothing does: `deliver` takes them one by one."""
        if self._replaying:
            return
        assert not self._running, "the queue is flushed from inside one of its own events"
        self._running = True
        try:
            while self._pending:
                item = self._pending.pop(0)
                self._log(item.event)
                item.run()
        finally:
            self._running = False

    def deliver(self, event: Event) -> None:
        """Replay: let this logged event take effect now."""
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
