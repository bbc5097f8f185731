"""Keys, movements and buttons: what a monitor's `sendkey` or `mouse_move` does at the machine's keyboard and mouse.

Keyboard and mouse have a queue each, of what is to happen in order: an event, the end of a group of events that belong
together (ASYNC_INPUT_SYNC), or a pause, which counts virtual time from when everything before it has entered. What the
device has no room for waits here. Only a device that is switched off loses input, by its own state.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.base.record import Record
from playhead.base.units import NEVER
from playhead.hw.inputs import INPUT, InputReceiver, takers
from playhead.log.events import Input, InputSync, KeyCode, KeyNumber, text_of
from playhead.session.sources.source import Refused, Session, Source

LOOK_EVERY = 100_000  # instructions between two looks at a device for which input is waiting
MOST_WAITING = 1024  # of one queue, as QEMU has it
HOLD_MS = 10  # how long QEMU 7.2 holds a key if it is not told (its help says 100)
MOST_HOLD_MS = 3_600_000
MS = 1_000_000


class Hold(NamedTuple):
    """A pause."""

    ns: int


Waiting = Input | InputSync | Hold


class Queue:
    """What waits for one receiver."""

    def __init__(self, receiver: InputReceiver):
        self.receiver = receiver
        self.waiting: deque[Waiting] = deque()
        self.group_open = False  # an event has entered whose group's end has not
        self.due_ns: int | None = None  # when the pause at the front is over, once it has begun

    def next(self, now_ns: int) -> Input | InputSync | None:
        """What can enter now."""
        while self.waiting and isinstance(self.waiting[0], Hold) and self.due(now_ns) <= now_ns:
            self.waiting.popleft()
            self.due_ns = None
        if not self.group_open and self.receiver.unsent:
            return InputSync()
        front = self.waiting[0] if self.waiting else None
        if isinstance(front, InputSync):
            return front
        return front if isinstance(front, Input) and self.receiver.can_take(front.what) else None

    def due(self, now_ns: int) -> int:
        """When the pause at the front is over, which begins now at the latest; NEVER if there is none."""
        front = self.waiting[0] if self.waiting else None
        if not isinstance(front, Hold):
            return NEVER
        if self.due_ns is None:
            self.due_ns = now_ns + front.ns
        return self.due_ns

    def entered(self, event: Input | InputSync) -> None:
        if self.waiting and self.waiting[0] is event:
            self.waiting.popleft()
        self.group_open = isinstance(event, Input)


class InputSource(Source[Input | InputSync]):
    EVENTS = (Input, InputSync)

    def __init__(self, session: Session):
        super().__init__(session)
        self._queues: list[Queue] = []
        self._found: list[InputReceiver] | None = None

    def connect(self) -> None:
        self._queues = [Queue(receiver) for receiver in self.receivers]
        for device in takers(self.session.machine.devices, INPUT):
            device.on_room = self._room

    def _room(self) -> None:
        """From inside a run: the guest has read."""
        if self.pending:
            self.session.machine.take_input()

    @property
    def receivers(self) -> list[InputReceiver]:
        """The machine's keyboard and mouse."""
        if self._found is None:
            devices = takers(self.session.machine.devices, INPUT)
            self._found = [receiver for device in devices for receiver in device.receivers]
        return self._found

    # what is asked for

    def send_keys(self, keys: Sequence[KeyCode | KeyNumber], hold_ms: int | None = None) -> None:
        """Press these keys one after another and release them in the opposite order, so long between any two of it
        (`sendkey`). Raises UsageError.
        """
        hold = Hold((HOLD_MS if not hold_ms else _checked_hold(hold_ms)) * MS)
        steps = [(key, True) for key in keys] + [(key, False) for key in reversed(keys)]
        waiting: list[Waiting] = []
        for key, down in steps:
            waiting += (Input(what=_with(key, down)), InputSync(), hold)
        self._put({self._queue_for(key).receiver.name: waiting for key in keys[:1]})

    def send(self, events: Sequence[Record]) -> None:
        """These variants of `Input` belong together (`input-send-event`). Raises UsageError."""
        waiting: dict[str, list[Waiting]] = {}
        for what in events:
            waiting.setdefault(self._queue_for(what).receiver.name, []).append(Input(what=what))
        self._put({name: [*group, InputSync()] for name, group in waiting.items()})

    def _queue_for(self, what: Record) -> Queue:
        for queue in self._queues:
            if type(what) in queue.receiver.TAKES:
                return queue
        if not self._queues:
            raise UsageError("this machine's keyboard and mouse take no input: machine pc-3 and later have such")
        name = next(v.name for v in Input.FIELDS["what"].variants if v.cls is type(what))  # type: ignore[attr-defined]
        raise UsageError(f"no device of this machine takes input of kind {name}: it has a keyboard and a PS/2 mouse")

    def _put(self, new: dict[str, list[Waiting]]) -> None:
        queues = [queue for queue in self._queues if queue.receiver.name in new]
        for queue in queues:
            if len(queue.waiting) + len(new[queue.receiver.name]) > MOST_WAITING:
                raise UsageError(
                    f"the {queue.receiver.name} has {len(queue.waiting)} inputs waiting, which the guest has not taken "
                    f"yet; there can be {MOST_WAITING}: try again later"
                )
        for queue in queues:
            queue.waiting += new[queue.receiver.name]
        self.session.machine.kick()

    # a live session

    @property
    def pending(self) -> bool:
        now_ns = self.session.machine.now_ns()
        return any(queue.next(now_ns) is not None for queue in self._queues)

    def take(self) -> Iterator[Input | InputSync]:
        now_ns = self.session.machine.now_ns()
        for queue in self._queues:
            while (event := queue.next(now_ns)) is not None:
                yield event
                queue.entered(event)

    def apply(self, event: Input | InputSync) -> None:
        if isinstance(event, InputSync):
            for receiver in self.receivers:
                receiver.sync()
            return
        for receiver in self.receivers:
            if type(event.what) in receiver.TAKES:
                if not receiver.can_take(event.what):
                    raise Refused(f"the recording has {text_of(event)} here, and the {receiver.name} has no room")
                receiver.take(event.what)
                return
        raise Refused(f"the recording has {text_of(event)} here, and no device takes that")

    def due_ns(self) -> int:
        now_ns = self.session.machine.now_ns()
        return min((queue.due(now_ns) for queue in self._queues), default=NEVER)

    def limit(self) -> int | None:
        limits = [self._limit(queue) for queue in self._queues if queue.waiting]
        return min(limits, default=None)

    def _limit(self, queue: Queue) -> int:
        machine = self.session.machine
        due_ns = queue.due(machine.now_ns())
        if due_ns == NEVER:
            return LOOK_EVERY
        return max(1, -(-(due_ns - machine.now_ns()) >> machine.shift))

    def restored(self) -> None:
        """Virtual time is another: a pause begins anew."""
        for queue in self._queues:
            queue.due_ns = None


def _with(key: KeyCode | KeyNumber, down: bool) -> KeyCode | KeyNumber:
    if isinstance(key, KeyNumber):
        return KeyNumber(number=key.number, down=down)
    return KeyCode(key=key.key, down=down)


def _checked_hold(hold_ms: int) -> int:
    if not 0 < hold_ms <= MOST_HOLD_MS:
        raise UsageError(f"a key can be held for 1 to {MOST_HOLD_MS} ms, not {hold_ms}")
    return hold_ms
