"""The interrupt and time chips as the contract test sees them: each alone, in its own space, with quiet neighbours.

`LIST` holds (part, factory). A factory takes the clock, and the space to attach to if the test wants to disturb the
chip through it; a chip that lives in memory is attached to the same space, at its own address.
"""

from collections.abc import Callable
from functools import partial

from playhead.devices.timer.i8254_pit import I8254
from playhead.devices.intc.i8259_pic import PicPair
from playhead.devices.intc.ioapic import IoApic
from playhead.devices.intc.lapic import Lapic
from playhead.devices.timer.mc146818_rtc import Mc146818
from playhead.devices.system.pc_ports import CoprocessorError, Port61, Port92
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.space import Space

EPOCH_NS = 951_782_399_000_000_000  # the last second of 28 February 2000


class SteadyHost:
    """A host clock that is a function of virtual time, a little fast."""

    def __init__(self, clock: VirtualClock):
        self._clock = clock

    def read_ns(self) -> int:
        return EPOCH_NS + self._clock.now_ns() * 1001 // 1000


class Nobody:
    """Listens to requests and does nothing."""

    def reset(self, cause: str) -> None: ...

    def shutdown(self, cause: str, status: int = 0) -> None: ...


def _attached(device, io: Space | None):
    if io is not None:
        device.attach(io)
    return device


def _pic(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(PicPair("pic"), io)


def _pit(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(I8254("pit", clock, Line("irq0")), io)


def _port61(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(Port61("port61", clock, I8254("pit", clock, Line("irq0"))), io)


def _port92(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(Port92("port92", Line("a20"), Nobody()), io)


def _coprocessor_error(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(CoprocessorError("fpu_error", Line("irq13"), lambda: None), io)


def _rtc(host: bool, clock: VirtualClock, io: Space | None = None) -> Device:
    source, epoch_ns = (SteadyHost(clock), 0) if host else (None, EPOCH_NS)
    return _attached(Mc146818("rtc", clock, Line("irq8"), source, epoch_ns), io)


def _lapic(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(Lapic("lapic", clock, lambda: 0x27, lambda: None), io)


def _ioapic(clock: VirtualClock, io: Space | None = None) -> Device:
    return _attached(IoApic("ioapic", lambda vector, mode, dest, dest_mode, trigger: vector != 0), io)


LIST: list[tuple[str, Callable[..., Device]]] = [
    (PicPair.part, _pic),
    (I8254.part, _pit),
    (Port61.part, _port61),
    (Port92.part, _port92),
    (CoprocessorError.part, _coprocessor_error),
    (Mc146818.part, partial(_rtc, True)),
    (f"{Mc146818.part}.vm", partial(_rtc, False)),
    (Lapic.part, _lapic),
    (IoApic.part, _ioapic),
]
