"""The reset button (a monitor's `system_reset`). A guest that resets itself is no input: that falls out."""

from collections.abc import Iterator

from playhead.log.causes import cause_name, cause_number
from playhead.log.events import ResetRequested
from playhead.replay.checkpoints import Checkpoint
from playhead.session.sources.source import Session, Source


class ResetSource(Source[ResetRequested]):
    EVENTS = (ResetRequested,)
    CHECKPOINT = Checkpoint.RESET_REQUESTED

    def __init__(self, session: Session):
        super().__init__(session)
        self._asked = ""

    def press(self, cause: str = "host-qmp-system-reset") -> None:
        """It takes effect at the next moment at which input can. `cause` is in the words of `log.causes`."""
        self._asked = cause
        self.session.machine.kick()

    def restored(self) -> None:
        self._asked = ""

    @property
    def pending(self) -> bool:
        return bool(self._asked)

    def take(self) -> Iterator[ResetRequested]:
        if self._asked:
            cause, self._asked = self._asked, ""
            yield ResetRequested(cause=cause_number(cause))

    def apply(self, event: ResetRequested) -> None:
        self.session.machine.reset()
        self.session.happened("RESET", guest=False, reason=cause_name(event.cause))
