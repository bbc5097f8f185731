"""The I/O chips as the contract test sees them: each alone, on ports of its own, with nobody at the other end.

`LIST` holds (part, factory). A factory takes the clock, and the port space to attach to if the test wants to
disturb the chip through it.
"""

from collections.abc import Callable

from playhead.devices.system.fw_cfg import FwCfg, directory, fixed_items
from playhead.devices.pci.i440fx_pci import WINDOW, WINDOW_SIZE, I440Fx
from playhead.devices.input.i8042_kbc import I8042
from playhead.devices.char.isa_debug import IsaDebugCon, IsaDebugExit
from playhead.devices.char.ns16550_uart import Ns16550
from playhead.devices.intc.nmi_latch import NmiLatch
from playhead.devices.pci.bus import PciBus
from playhead.devices.pci.piix3_isa import Piix3Isa
from playhead.devices.pci.piix4_pm import Piix4Pm
from playhead.devices.display.vga_text import VgaText
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space


class Nobody:
    """A sink and a listener to requests that does nothing."""

    def write(self, data: bytes) -> None: ...

    def reset(self, cause: str) -> None: ...

    def shutdown(self, cause: str, status: int = 0) -> None: ...


def _ports(io: Space | None) -> Space:
    return Space("io", 1 << 16) if io is None else io


def _memory() -> Memory:
    memory = Memory(WINDOW + 2 * WINDOW_SIZE)
    memory.map(0, WINDOW, memory.allocate(WINDOW))
    return memory


def _uart(clock: VirtualClock, io: Space | None = None) -> Device:
    return Ns16550("serial0", _ports(io), 0x3F8, Line("irq4"), Nobody(), clock)


def _kbc(clock: VirtualClock, io: Space | None = None) -> Device:
    return I8042("kbc", _ports(io), Line("irq1"), Line("irq12"), Line("a20"), Nobody())


def _host_bridge(clock: VirtualClock, io: Space | None = None) -> Device:
    memory, bus = _memory(), PciBus()
    bridge = I440Fx("pci", _ports(io), memory, bus, memory.allocate(WINDOW_SIZE), memory.allocate(WINDOW_SIZE))
    bus.add(0, 0, bridge)
    return bridge


def _isa_bridge(clock: VirtualClock, io: Space | None = None) -> Device:
    return Piix3Isa("isa", _ports(io), Nobody())


def _power(clock: VirtualClock, io: Space | None = None) -> Device:
    return Piix4Pm("pm", _ports(io), clock, Line("sci"), Nobody())


def _fw_cfg(clock: VirtualClock, io: Space | None = None) -> Device:
    return FwCfg("fw_cfg", _ports(io), _memory(), fixed_items(1 << 20) | directory({"etc/file": b"contents"}))


def _debug_exit(clock: VirtualClock, io: Space | None = None) -> Device:
    return IsaDebugExit("debug_exit", _ports(io), Nobody())


def _debugcon(clock: VirtualClock, io: Space | None = None) -> Device:
    return IsaDebugCon("debugcon", _ports(io), Nobody())


def _nmi(clock: VirtualClock, io: Space | None = None) -> Device:
    latch = NmiLatch("nmi")
    _ports(io).map(0x61, 1, lambda address, size: 0xFF, lambda address, size, value: latch.request())
    return latch


def _vga(clock: VirtualClock, io: Space | None = None) -> Device:
    return VgaText("vga", _ports(io), _memory(), clock)


LIST: list[tuple[str, Callable[..., Device]]] = [
    (Ns16550.part, _uart),
    (I8042.part, _kbc),
    (I440Fx.part, _host_bridge),
    (Piix3Isa.part, _isa_bridge),
    (Piix4Pm.part, _power),
    (FwCfg.part, _fw_cfg),
    (IsaDebugExit.part, _debug_exit),
    (IsaDebugCon.part, _debugcon),
    (VgaText.part, _vga),
    (NmiLatch.part, _nmi),
]
