"""The PC: QEMU's `pc` (i440FX and PIIX3), wired from the tables below.

The order in which `build` makes the chips is part of the determinism contract: it numbers their alarms, and it is the
order of `Board.devices`, by which they are reset, digested and checkpointed.

Interrupts: ISA interrupt n goes to input n of the two 8259s and of the I/O APIC; interrupt 0 goes to I/O APIC input 2.
Sources share wires (`SharedLine`), so a PCI interrupt and an ISA device may meet on one.

A machine without firmware gets, at each reset, the few register values that firmware would have left and that a kernel
relies on (`FIRMWARE_PCI` and the tables after it).

Sources: the chips' data sheets; QEMU's `pc` machine for which chip is where.
"""

from collections.abc import Mapping

from playhead.boards import pc_memory
from playhead.boards.acpi_tables import IOAPIC_BASE, LAPIC_BASE, PM_BASE, SCI_IRQ
from playhead.boards.config import PcConfig
from playhead.boards.linux_boot import Boot
from playhead.boards.wires import SharedLine
from playhead.devices.fw_cfg import FwCfg, directory, fixed_items
from playhead.devices.i440fx_pci import I440Fx
from playhead.devices.i8042_kbc import I8042
from playhead.devices.isa_debug import IsaDebugCon, IsaDebugExit
from playhead.devices.ns16550_uart import COM_PORTS, Ns16550
from playhead.devices.pci import PciBus
from playhead.devices.piix3_isa import Piix3Isa
from playhead.devices.piix4_pm import Piix4Pm
from playhead.devices.vga_text import VgaText
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.door import HostClock, Requests, Sink
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space

PIT_IRQ, KBD_IRQ, RTC_IRQ, AUX_IRQ, FPU_IRQ = 0, 1, 8, 12, 13
CASCADE_IRQ = 2
IOAPIC_PIN_OF_IRQ = {PIT_IRQ: 2}  # the others are straight

# PCI device and function numbers
HOST_BRIDGE, ISA_BRIDGE, POWER = (0, 0), (1, 0), (1, 3)

# What firmware would leave: (device, function, offset, size, value)
FIRMWARE_PCI = (
    (*ISA_BRIDGE, 0x60, 4, 0x0B0B0A0A),  # PIRQA, B to interrupt 10, C, D to 11
    (*POWER, 0x40, 4, PM_BASE | 1),
    (*POWER, 0x80, 1, 0x01),
    (*POWER, 0x3C, 1, SCI_IRQ),
)
FIRMWARE_PORTS = ((0x4D1, 1, 0x0E),)  # interrupts 9, 10 and 11 are level-triggered
FIRMWARE_LAPIC = ((0x0F0, 0x1FF), (0x350, 0x8700), (0x360, 0x8400))  # enabled; LINT0 is the 8259s', LINT1 is NMI
FIRMWARE_KBC = 0x65  # keyboard interrupt, self test passed, auxiliary port off, translation


class NullSink:
    """For output that nobody wants."""

    def write(self, data: bytes) -> None:
        pass


class Board:
    """The chips and what the machine needs of them: `io` and `memory` for the engine, lines and `acknowledge` for the CPU."""

    def __init__(self, config: PcConfig, memory: Memory):
        self.config = config
        self.io = Space("io", 1 << 16)
        self.memory = memory
        self.devices: dict[str, Device] = {}
        self.irqs = tuple(SharedLine(f"irq{n}") for n in range(16))
        self.a20 = SharedLine("a20")
        self.nmi = Line("nmi")
        self.ferr = self.irqs[FPU_IRQ].driver("ferr")  # the CPU's floating-point error output
        self.bus = PciBus()
        self.serial: list[Ns16550] = []
        self.boot: Boot | None = None
        self.regions: tuple[pc_memory.Region, ...] = ()

    def add(self, device: Device) -> Device:
        assert device.name not in self.devices, device.name
        self.devices[device.name] = device
        return device
