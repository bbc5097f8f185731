"""The base of the sources that somebody outside presses like a button: reset, power, wake-up, NMI.

Pressing it takes effect at the next moment at which input can enter; pressing it again before that adds nothing.
"""

from collections.abc import Iterator
from typing import ClassVar, TypeVar

from playhead.hw.inputs import takers
from playhead.log.events import Event
from playhead.session.sources.source import Refused, Session, Source

E = TypeVar("E", bound=Event)


class Button(Source[E]):
    """`event` is what a press is in a recording; `DEVICES` is the kind of input of the chips that it is wired to."""

    DEVICES: ClassVar[str] = ""

    def __init__(self, session: Session):
        super().__init__(session)
        self._asked = False

    def press(self) -> None:
        self._asked = True
        self.session.machine.kick()

    def restored(self) -> None:
        self._asked = False

    @property
    def pending(self) -> bool:
        return self._asked

    def take(self) -> Iterator[E]:
        if self._asked:
            self._asked = False
            yield self.event()

    def event(self) -> E:
        return self.EVENTS[0]()  # type: ignore[return-value]

    def apply(self, event: E) -> None:
        wired = takers(self.session.machine.devices, self.DEVICES)
        if not wired:
            raise Refused(f"the recording has {event.KIND.name} here, and this machine has nothing that takes it")
        for device in wired:
            self.pressed(device)

    def pressed(self, device: object) -> None:
        """What happens to a chip that it is wired to."""
        raise NotImplementedError
