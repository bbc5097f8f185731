"""The processor's pending non-maskable interrupt: asked for by the local APIC, pending until the processor takes it.

The latch is inside the processor, but what sets it are chips, so it is kept and saved with them.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter "Interrupt and Exception
Handling", section on the non-maskable interrupt.
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import Bool
from playhead.base.shared_record import SharedRecord
from playhead.hw.declared import Declared
from playhead.hw.device import Device
from playhead.hw.surroundings import Surroundings


class NmiState(SharedRecord):
    pending = Bool()


class NmiLatch(Device[NmiState]):
    """Requests that come before the last one was taken are one request."""

    State = NmiState
    part = "nmi_latch"
    QEMU = Declared("nmi-latch", "System", "pending non-maskable interrupt", needs=("apic",))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name)

    def request(self) -> None:
        self.state.pending = True

    def take(self) -> None:
        """The processor begins to deliver it."""
        self.state.pending = False
