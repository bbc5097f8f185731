"""The reset button (a monitor's `system_reset`). A guest that resets itself is no input: that falls out."""

from playhead.log.causes import cause_number
from playhead.log.events import ResetRequested
from playhead.replay.checkpoints import Checkpoint
from playhead.session.sources.button import Button


class ResetSource(Button[ResetRequested]):
    EVENTS = (ResetRequested,)
    CHECKPOINT = Checkpoint.RESET_REQUESTED

    def event(self) -> ResetRequested:
        return ResetRequested(cause=cause_number("host-ui"))

    def apply(self, event: ResetRequested) -> None:
        self.session.machine.reset()
