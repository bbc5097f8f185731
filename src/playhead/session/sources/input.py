"""Keys, movements and buttons: what a monitor's `sendkey` or `mouse_move` does at the machine's keyboard and mouse.

Keyboard and mouse have a queue each, of what is to happen in order: an event, the end of a group of events that belong
together (ASYNC_INPUT_SYNC), or a pause, which counts virtual time from when everything before it has entered. What the
device has no room for waits here. Only a device that is switched off loses input, by its own state.

A text that is typed waits as one, however long it is: its next key comes when everything before has entered.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from playhead.base.errors import UsageError
from playhead.base.record import Record
from playhead.base.units import NEVER
from playhead.hw.inputs import INPUT, InputReceiver, takers
from playhead.log import input_events
from playhead.log.events import Input, InputSync, KeyCode, KeyNumber, text_of
from playhead.session.sources.source import Refused, Session, Source

LOOK_EVERY = 100_000  # instructions between two looks at a device for which input is waiting
MOST_WAITING = 1024  # of one queue, as QEMU has it
NEARLY = MOST_WAITING - 64
MOST_TYPED = 1 << 16  # characters of texts that wait
HOLD_MS = 10  # how long QEMU 7.2 holds a key if it is not told (its help says 100)
BETWEEN_MS = 10  # between two keys of a text
MOST_HOLD_MS = 3_600_000
MS = 1_000_000


class Hold(NamedTuple):
    """A pause."""

    ns: int


class Text:
    """A text that is being typed: the keys of each character, pressed together. `hold`: of each; `between`: two."""

    def __init__(self, chords: Iterable[Sequence[str]], hold: Hold, between: Hold):
        self.chords, self.hold, self.between = deque(chords), hold, between

    def next(self) -> "list[Waiting]":
        """What the next character is typed with."""
        steps: list[Waiting] = []
        for (key,) in input_events.chord(self.chords.popleft()):
            steps += (Input(what=key), InputSync())
        half = len(steps) // 2
        return [*steps[:half], self.hold, *steps[half:], self.between]


Waiting = Input | InputSync | Hold | Text


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
            self._type()
        if not self.group_open and self.receiver.unsent:
            return InputSync()
        front = self.waiting[0] if self.waiting else None
        if isinstance(front, InputSync):
            return front
        return front if isinstance(front, Input) and self.receiver.can_take(front.what) else None

    def add(self, new: Sequence[Waiting]) -> None:
        self.waiting += new
        self._type()

    def _type(self) -> None:
        """If a text is at the front, its next character takes its place before it."""
        if self.waiting and isinstance(text := self.waiting[0], Text):
            steps = text.next()
            if not text.chords:
                self.waiting.popleft()
            self.waiting.extendleft(reversed(steps))

    @property
    def typed(self) -> int:
        """Characters of texts that have not been typed yet."""
        return sum(len(one.chords) for one in self.waiting if isinstance(one, Text))

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
            self._type()
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

    def send_text(
        self, chords: Sequence[Sequence[str]], hold_ms: int | None = None, between_ms: int | None = None
    ) -> None:
        """Type a text (`base.keyboard.typed_text.keys_of_text`): each key is held for so long, and as much time passes
        before the next as is said. Raises UsageError.
        """
        if not chords:
            return
        queue = self._queue_for(KeyCode())
        if queue.typed + len(chords) > MOST_TYPED:
            raise UsageError(
                f"nothing is typed: {len(chords)} characters and the {queue.typed} that are still to be typed are more "
                f"than {MOST_TYPED}"
            )
        hold, between = (
            Hold((default if not ms else _checked_hold(ms)) * MS)
            for ms, default in ((hold_ms, HOLD_MS), (between_ms, BETWEEN_MS))
        )
        self._put({queue.receiver.name: [Text(chords, hold, between)]})

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
            queue.add(new[queue.receiver.name])
        self.session.machine.kick()

    @property
    def crowded(self) -> bool:
        """Whether whoever can wait should."""
        return any(len(queue.waiting) > NEARLY for queue in self._queues)

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
