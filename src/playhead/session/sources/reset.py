"""The reset button (a monitor's `system_reset`). A guest that resets itself is no input: that falls out."""

from playhead.log.causes import cause_name, cause_number
from playhead.log.events import ResetRequested
from playhead.replay.checkpoints import Checkpoint
from playhead.session.sources.button import Button
from playhead.session.sources.source import Session


class ResetSource(Button[ResetRequested]):
    EVENTS = (ResetRequested,)
    CHECKPOINT = Checkpoint.RESET_REQUESTED

    def __init__(self, session: Session):
        super().__init__(session)
        self._cause = ""

    def press(self, cause: str = "host-qmp-system-reset") -> None:
        """`cause` is in the words of `log.causes`."""
        self._cause = cause
        super().press()

    def event(self) -> ResetRequested:
        return ResetRequested(cause=cause_number(self._cause))

    def apply(self, event: ResetRequested) -> None:
        self.session.machine.reset()
        self.session.happened("RESET", guest=False, reason=cause_name(event.cause))
