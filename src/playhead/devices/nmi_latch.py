"""The processor's NMI pin as a latch: a rising edge stays pending until it is taken.

The latch is part of the processor, but what drives the pin is the board's, so it is kept and saved with the chips. Masking
by bit 7 of port 70h is done in front of it, as on the PC.

Source: Intel Architecture Software Developer's Manual, volume 3, section 5.3 (sources of interrupts).
"""

from playhead.base.record import Bool, record
from playhead.hw.device import Device
from playhead.hw.line import Line


@record
class NmiState:
    pin = Bool()
    pending = Bool()


class NmiLatch(Device):
    """Follows `pin`."""

    State = NmiState
    part = "nmi_latch"

    def __init__(self, name: str, pin: Line):
        super().__init__(name)
        self._pin = pin
        pin.connect(self._change)

    def reset(self) -> None:
        pin = self.state.pin  # what drives the pin is not ours to reset
        super().reset()
        self.state.pin = pin

    def loaded(self) -> None:
        self._pin.restore(self.state.pin)

    def _change(self, level: bool) -> None:
        if level and not self.state.pin:
            self.state.pending = True
        self.state.pin = level

    def take(self) -> None:
        """The processor begins to deliver it."""
        self.state.pending = False
