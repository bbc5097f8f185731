"""The reset button (a monitor's `system_reset`). A guest that resets itself is no input: that falls out."""

from collections.abc import Iterator

from playhead.log.causes import cause_number
from playhead.log.events import ResetRequested
from playhead.replay.checkpoints import Checkpoint
from playhead.session.sources.source import Session, Source


class ResetSource(Source[ResetRequested]):
    EVENTS = (ResetRequested,)
    CHECKPOINT = Checkpoint.RESET_REQUESTED

    def __init__(self, session: Session):
        super().__init__(session)
        self._asked = False

    def press(self) -> None:
        """It takes effect at the next moment at which input can."""
        self._asked = True
        self.session.machine.kick()

    def restored(self) -> None:
        self._asked = False

    @property
    def pending(self) -> bool:
        return self._asked

    def take(self) -> Iterator[ResetRequested]:
        if self._asked:
            self._asked = False
            yield ResetRequested(cause=cause_number("host-ui"))

    def apply(self, event: ResetRequested) -> None:
        self.session.machine.reset()
