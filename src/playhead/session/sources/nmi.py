"""The NMI button (a monitor's `nmi`, QMP's `inject-nmi`): a pulse on LINT1 of the processor's local APIC."""

from playhead.hw.inputs import NMI, NmiInput
from playhead.log.events import NmiRaised
from playhead.session.sources.button import Button


class NmiSource(Button[NmiRaised]):
    EVENTS = (NmiRaised,)
    DEVICES = NMI

    def pressed(self, device: NmiInput) -> None:  # type: ignore[override]
        device.nmi_button()
