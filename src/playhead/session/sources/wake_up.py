"""A wake-up from outside (a monitor's `system_wakeup`). Alarms and keys that wake are no input of this kind."""

from playhead.hw.inputs import POWER, PowerManagement
from playhead.log.events import WokenUp
from playhead.session.sources.button import Button


class WakeUpSource(Button[WokenUp]):
    """It means something to a machine that is suspended only, which is the device's business."""

    EVENTS = (WokenUp,)
    DEVICES = POWER

    def pressed(self, device: PowerManagement) -> None:  # type: ignore[override]
        device.wake_up()
