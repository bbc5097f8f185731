"""The power button (a monitor's `system_powerdown`): the guest is told by ACPI, and does about it what it likes."""

from playhead.hw.inputs import POWER, PowerManagement
from playhead.log.events import PowerButtonPressed
from playhead.session.sources.button import Button


class PowerButtonSource(Button[PowerButtonPressed]):
    EVENTS = (PowerButtonPressed,)
    DEVICES = POWER

    def apply(self, event: PowerButtonPressed) -> None:
        self.session.happened("POWERDOWN")
        super().apply(event)

    def pressed(self, device: PowerManagement) -> None:  # type: ignore[override]
        device.power_button()
