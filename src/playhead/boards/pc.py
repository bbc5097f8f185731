"""The PC: QEMU's `pc` (i440FX and PIIX3), wired from the tables below.

The order in which `build` makes the chips is part of the determinism contract: it numbers their alarms, and it is the
order of `Board.devices`, by which they are reset, digested and checkpointed.

Interrupts: ISA interrupt n goes to input n of the two 8259s and of the I/O APIC; interrupt 0 goes to I/O APIC input 2.
Sources share wires (`SharedLine`), so a PCI interrupt and an ISA device may meet on one.

A machine without firmware gets, at each reset, the few register values that firmware would have left and that a kernel
relies on (`FIRMWARE_PCI` and the tables after it).

Sources: the chips' data sheets; QEMU's `pc` machine for which chip is where.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from playhead.boards import disks, pc_memory
from playhead.boards.acpi_tables import LAPIC_BASE, PM_BASE, SCI_IRQ
from playhead.boards.config import PcConfig
from playhead.boards.wires import SharedLine
from playhead.devices.system.fw_cfg import FwCfg, directory, fixed_items
from playhead.devices.pci.i440fx_pci import I440Fx
from playhead.devices.input.i8042_kbc import I8042
from playhead.devices.timer.i8254_pit import I8254
from playhead.devices.intc.i8259_pic import PicPair
from playhead.devices.intc.ioapic import IoApic
from playhead.devices.char.isa_debug import IsaDebugCon, IsaDebugExit
from playhead.devices.intc.lapic import Lapic
from playhead.devices.timer.mc146818_rtc import Mc146818, pc_nvram
from playhead.devices.intc.nmi_latch import NmiLatch
from playhead.devices.char.ns16550_uart import COM_PORTS, Ns16550
from playhead.devices.system.pc_ports import CoprocessorError, Port61, Port92
from playhead.devices.pci.bus import PciBus
from playhead.devices.storage.piix3_ide import IRQS as IDE_IRQS
from playhead.devices.storage.piix3_ide import Piix3Ide
from playhead.devices.pci.piix3_isa import Piix3Isa
from playhead.devices.pci.piix4_pm import Piix4Pm
from playhead.devices.display.vga_text import VgaText
from playhead.hw.block import Drive, InFlight
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.door import HostClock, Requests, Sink
from playhead.hw.memory import Memory
from playhead.hw.space import Space

PIT_IRQ, KBD_IRQ, RTC_IRQ, AUX_IRQ, FPU_IRQ = 0, 1, 8, 12, 13
APIC_BASE_MSR = 0x1B

# PCI device and function numbers
HOST_BRIDGE, ISA_BRIDGE, IDE, POWER = (0, 0), (1, 0), (1, 1), (1, 3)

# What firmware would leave: (device, function, offset, size, value)
FIRMWARE_PCI = (
    (*ISA_BRIDGE, 0x60, 4, 0x0B0B0A0A),  # PIRQA, B to interrupt 10, C, D to 11
    (*POWER, 0x40, 4, PM_BASE | 1),
    (*POWER, 0x80, 1, 0x01),
    (*POWER, 0x3C, 1, SCI_IRQ),
)
FIRMWARE_IDE = (
    (*IDE, 0x20, 4, 0xC001),  # bus master registers
    (*IDE, 0x40, 4, 0x80008000),  # both channels are decoded
    (*IDE, 0x04, 2, 0x0005),
)
FIRMWARE_PORTS = ((0x4D1, 1, 0x0E),)  # interrupts 9, 10 and 11 are level-triggered
FIRMWARE_LAPIC = ((0x0F0, 0x1FF), (0x350, 0x8700), (0x360, 0x8400))  # enabled; LINT0 is the 8259s', LINT1 is NMI
FIRMWARE_KBC = 0x65  # keyboard interrupt, self test passed, auxiliary port off, translation


D = TypeVar("D", bound=Device)


class Outputs(Protocol):
    """Where the board's output goes, and the storage behind its drives."""

    serial_sinks: list[Sink]
    debugcon: Sink
    drives: Sequence[Drive]  # what is behind the configuration's drives; needed if it has any


class Core(Protocol):
    """The processor's registers by name."""

    def get(self, name: str, index: int = 0) -> int: ...


class NullSink:
    """For output that nobody wants."""

    def write(self, data: bytes, icounts: Sequence[int]) -> None:
        pass


class Board:
    """The chips, and what the machine needs of them: `io` and `memory` for the engine, interrupts for the CPU."""

    def __init__(self, config: PcConfig, clock: VirtualClock, memory: Memory, host_clock: HostClock,
                 requests: Requests, outputs: Outputs):  # fmt: skip
        config.check()
        self.config, self.memory = config, memory
        self.io = Space("io", 1 << 16)
        self.devices: dict[str, Device] = {}
        self.serial: list[Ns16550] = []
        self.bus = PciBus()
        self.irqs = tuple(SharedLine(f"irq{n}") for n in range(16))
        self.a20 = SharedLine("a20")
        self.ignne: Callable[[], None] = lambda: None  # the machine's: the processor is to get IGNNE# if it can
        com = COM_PORTS[: len(config.serial)]
        tables = pc_memory.acpi(com)
        layout = pc_memory.lay_out(config, memory, tables)
        self.regions = layout.regions
        self.boot = pc_memory.linux(config, tables) if config.kernel is not None else None
        self._interrupt_chips(clock)
        self._time_chips(clock, host_clock, requests)
        self._bridges(clock, requests, layout)
        self.ide = self._ide(outputs) if config.drives else None
        self._serial_ports(clock, outputs)
        items = fixed_items(config.ram_bytes, graphics=config.graphics)
        items |= directory(pc_memory.firmware_files(config, tables))
        self._add(FwCfg("fw_cfg", self.io, memory, items))
        if config.debugcon is not None:
            self._add(IsaDebugCon("debugcon", self.io, outputs.debugcon, clock, config.debugcon))
        if config.debug_exit is not None:
            self._add(IsaDebugExit("debug_exit", self.io, requests, config.debug_exit, config.debug_exit_size))
        self.vga = self._add(VgaText("vga", self.io, memory, clock))
        self.a20.connect(memory.set_a20)
        self.loaded()

    # -- making the chips

    def _add(self, device: D) -> D:
        assert device.name not in self.devices, device.name
        self.devices[device.name] = device
        return device

    def _interrupt_chips(self, clock: VirtualClock) -> None:
        self.pic = self._add(PicPair("pic", [wire.line for wire in self.irqs]))
        self.pic.attach(self.io)
        nmi = NmiLatch("nmi")
        self.lapic = self._add(Lapic("lapic", clock, self.pic.acknowledge, nmi.request,
                                     version=self.config.property("lapic.version")))  # fmt: skip
        self.lapic.attach(self.memory.mmio)
        self.pic.intr.connect(self.lapic.set_lint0)
        self.ioapic = self._add(IoApic("ioapic", self.lapic.deliver, self.config.property("ioapic.version")))
        self.ioapic.attach(self.memory.mmio)
        self.lapic.eoi_broadcast = self.ioapic.eoi
        self.ioapic.connect_isa([wire.line for wire in self.irqs])
        self.nmi = self._add(nmi)
        self.intr = self.lapic.intr

    def _time_chips(self, clock: VirtualClock, host_clock: HostClock, requests: Requests) -> None:
        start_s = self.config.rtc_start_s()
        rtc = Mc146818("rtc", clock, self.irqs[RTC_IRQ].driver("rtc"), host_clock if start_s is None else None,
                       0 if start_s is None else start_s * 1_000_000_000)  # fmt: skip
        rtc.fill(pc_nvram(self.config.ram_bytes, boot=self.config.boot) | disks.cmos(self.config.drives))
        pit = self._add(I8254("pit", clock, self.irqs[PIT_IRQ].driver("pit")))
        port61 = self._add(Port61("port61", clock, pit))
        self._add(rtc)
        kbd, aux = self.irqs[KBD_IRQ].driver("kbd"), self.irqs[AUX_IRQ].driver("aux")
        self.kbc = self._add(I8042("kbc", self.io, kbd, aux, self.a20.driver("kbc"), requests))
        port92 = self._add(Port92("port92", self.a20.driver("port92"), requests))
        self._fpu_error = self._add(CoprocessorError("fpu_error", self.irqs[FPU_IRQ].driver("ferr"), self._ask_ignne))
        for chip in (pit, port61, rtc, port92, self._fpu_error):
            chip.attach(self.io)

    def _bridges(self, clock: VirtualClock, requests: Requests, layout: pc_memory.Layout) -> None:
        shadow = layout.ram + pc_memory.WINDOW
        bridge = self._add(I440Fx("pci", self.io, self.memory, self.bus, shadow, layout.window))
        self.isa = self._add(Piix3Isa("isa", self.io, requests))
        self.pm = self._add(Piix4Pm("pm", self.io, clock, self.irqs[SCI_IRQ].driver("sci"), requests))
        for place, function in ((HOST_BRIDGE, bridge), (ISA_BRIDGE, self.isa), (POWER, self.pm)):
            self.bus.add(*place, function)
        for n, line in self.isa.irqs.items():
            self.irqs[n].attach(line)

    def _ide(self, outputs: Outputs) -> Piix3Ide:
        first, second = (self.irqs[irq].driver("ide") for irq in IDE_IRQS)
        drives = disks.on_channels(self.config.drives, outputs.drives)
        ide = self._add(Piix3Ide("ide", self.io, self.memory, (first, second), drives))
        self.bus.add(*IDE, ide)
        return ide

    def _serial_ports(self, clock: VirtualClock, outputs: Outputs) -> None:
        sinks = [*outputs.serial_sinks, *(NullSink() for _ in COM_PORTS)]
        for n in range(len(self.config.serial)):
            base, irq = COM_PORTS[n]
            line = self.irqs[irq].driver(f"serial{n}")
            self.serial.append(self._add(Ns16550(f"serial{n}", self.io, base, line, sinks[n], clock)))

    # -- what the processor asks

    def acknowledge(self) -> int:
        """The vector of the interrupt that `intr` stands for; it is being served from now on."""
        return self.lapic.acknowledge()

    def nmi_pending(self) -> bool:
        return self.nmi.state.pending

    def take_nmi(self) -> None:
        self.nmi.take()

    def fpu_error(self) -> None:
        """The processor asserts FERR#: with CR0.NE clear, an x87 exception is to become an interrupt."""
        self._fpu_error.error()

    def _ask_ignne(self) -> None:
        self.ignne()

    def cpu_write(self, msr: int, core: Core) -> None:
        """The processor wrote a register of its own that chips have to know about."""
        if msr == APIC_BASE_MSR:
            self.lapic.set_base(core.get("apic_base"))

    # -- storage

    def drive_done(self, id: int, error: bool, data: bytes = b"") -> bool:
        """A request to a drive has ended (`playhead.hw.block`); False if nobody waits for it any more."""
        return self.ide is not None and self.ide.drive_done(id, error, data)

    def in_flight(self) -> list[InFlight]:
        """The requests under way, by the drives' order in the configuration."""
        if self.ide is None:
            return []
        order = {2 * drive.bus + drive.unit: n for n, drive in enumerate(self.config.drives)}
        found = [
            InFlight(order[r.drive], r.id, r.kind, r.lba, r.count) for r in self.ide.in_flight() if r.drive in order
        ]
        return sorted(found, key=lambda r: r.drive)

    # -- reset and start

    def reset(self) -> None:
        """The reset line: every chip; memory keeps its contents."""
        for device in reversed(self.devices.values()):  # interrupt controllers last, after the edges of the others
            device.reset()
        self.loaded()

    def start(self) -> Mapping[str, int] | None:
        """After power-on or a reset, for a machine without firmware: do firmware's work and put the kernel in place.

        Returns the registers that the processor starts with; None if it starts at the reset vector.
        """
        if self.boot is None:
            return None
        for device, function, offset, size, value in FIRMWARE_PCI + (FIRMWARE_IDE if self.ide is not None else ()):
            part = self.bus.find(0, device << 3 | function)
            assert part is not None
            part.program(offset, size, value)
        for port, size, value in FIRMWARE_PORTS:
            self.io.write(port, size, value)
        for offset, value in FIRMWARE_LAPIC:
            self.memory.mmio.write(LAPIC_BASE + offset, 4, value)
        self.kbc.program(FIRMWARE_KBC)
        for address, data in self.boot.writes:
            self.memory.write(address, data)
        return self.boot.registers

    def loaded(self) -> None:
        """After every chip has its state: what is derived from several of them."""
        for wire in (*self.irqs, self.a20):
            wire.restore()
        self.memory.set_a20(self.a20.line.level)


def build(config: PcConfig, clock: VirtualClock, memory: Memory, host_clock: HostClock, requests: Requests,
          outputs: Outputs) -> Board:  # fmt: skip
    """The board of `config`. `memory` has at least `pc_memory.area_size(config)` bytes of backing area."""
    return Board(config, clock, memory, host_clock, requests, outputs)
