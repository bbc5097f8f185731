"""The PC: QEMU's `pc` (i440FX and PIIX3), built from its description's list of devices.

Each device's class builds it from what the board gives (`hw.surroundings`), so the board knows only those that the
processor and the machine ask something of. The order of the list is part of the determinism contract: it numbers the
alarms, and it is the order of `Board.devices`, by which they are reset, digested and checkpointed.

Interrupts: ISA interrupt n goes to input n of the two 8259s and of the I/O APIC; interrupt 0 goes to I/O APIC input 2.
Sources share wires (`SharedLine`), so a PCI interrupt and an ISA device may meet on one.

A machine without firmware gets, at each reset, the few register values that firmware would have left and that a kernel
relies on (`FIRMWARE_PCI` and the tables after it).

Sources: the chips' data sheets; QEMU's `pc` machine for which chip is where.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from playhead.boards import acpi_tables, disks, pc_devices, pc_memory, pci_resources
from playhead.boards.acpi_tables import LAPIC_BASE, PM_BASE, SCI_IRQ
from playhead.boards.config import PcConfig
from playhead.boards.drive_config import FLOPPY
from playhead.boards.wires import SharedLine
from playhead.devices import registry
from playhead.devices.char.ns16550_uart import Ns16550
from playhead.devices.input.i8042_kbc import I8042
from playhead.devices.intc.lapic import Lapic
from playhead.devices.intc.nmi_latch import NmiLatch
from playhead.devices.pci.bus import PciBus, PciFunction, place
from playhead.devices.pci.expansion_rom import PciCard
from playhead.devices.pci.piix3_isa import Piix3Isa
from playhead.devices.pci.piix4_pm import Piix4Pm
from playhead.devices.storage.floppy_formats import CMOS as CMOS_TYPES
from playhead.devices.storage.isa_fdc import IsaFdc
from playhead.devices.storage.piix3_ide import Piix3Ide
from playhead.devices.system.fw_cfg import HPETS, directory, fixed_items, hpets
from playhead.devices.system.pc_ports import CoprocessorError
from playhead.devices.timer.mc146818_rtc import RESUME, Mc146818, boot_devices, pc_nvram
from playhead.hw.audio import AudioPort
from playhead.hw.block import Drive, InFlight
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.door import HostClock, Requests, Sink
from playhead.hw.line import Line, SoleLine
from playhead.hw.memory import Memory
from playhead.hw.net import NetPort
from playhead.hw.space import Space
from playhead.hw.surroundings import Child

APIC_BASE_MSR = 0x1B
DIGESTED_BEHIND = {"rtc": "port61"}  # built before the PIT, so its alarm has the lower number

# PCI device and function numbers
ISA_BRIDGE, IDE, POWER = (1, 0), (1, 1), (1, 3)

# What firmware would leave: (device, function, offset, size, value)
FIRMWARE_PCI = (
    (*ISA_BRIDGE, 0x60, 4, 0x0B0B0A0A),  # PIRQA, B to interrupt 10, C, D to 11
    (*POWER, 0x40, 4, PM_BASE | 1),
    (*POWER, 0x80, 1, 0x01),
    (*POWER, 0x3C, 1, SCI_IRQ),
)
FIRMWARE_IDE = (
    (*IDE, 0x40, 4, 0x80008000),  # both channels are decoded
    (*IDE, 0x04, 2, 0x0005),  # with bus mastering
)
FIRMWARE_PORTS = ((0x4D1, 1, 0x0E),)  # interrupts 9, 10 and 11 are level-triggered
FIRMWARE_LAPIC = ((0x0F0, 0x1FF), (0x350, 0x8700), (0x360, 0x8400))  # enabled; LINT0 is the 8259s', LINT1 is NMI
FIRMWARE_KBC = 0x65  # keyboard interrupt, self test passed, auxiliary port off, translation

ENDS = {"isa-serial": "serial{}", "isa-debugcon": "debugcon"}  # what a session calls the end of a driver's n-th device

T = TypeVar("T")


class Outputs(Protocol):
    """What the board's devices are connected to, and the storage behind its drives."""

    ends: Mapping[str, Any]  # by the names of `ENDS`; a device without one is connected to nothing
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
        self.config, self.memory, self.clock = config, memory, clock
        self.host_clock, self.requests, self._outputs = host_clock, requests, outputs
        self.io = Space("io", 1 << 16)
        self.devices: dict[str, Device] = {}
        self.bus = PciBus()
        self._audio: dict[str, AudioPort] = {}
        self.irqs = tuple(SharedLine(f"irq{n}") for n in range(16))
        self.pirqs = tuple(SharedLine(f"pirq{letter}") for letter in "ABCD")
        self.a20_gate = SharedLine("a20")
        self.ask_ignne: Callable[[], None] = lambda: None  # the machine's: the processor is to get IGNNE# if it can
        tables = pc_memory.acpi(config)
        layout = pc_memory.lay_out(config, memory, tables)
        self.regions, self._roms = layout.regions, layout.roms
        self.boot = pc_memory.start(config, tables) if config.kernel is not None else None
        self.bridge_memory = layout.ram + pc_memory.WINDOW, layout.window
        self.video_memory = layout.video
        self.rtc_start_s = config.rtc_start_s()
        first, second = (CMOS_TYPES[type] for type in config.floppy_types())
        boot = config.boot_once or config.boot
        self.cmos = pc_nvram(config.ram_bytes, boot=boot, floppies=(first, second)) | disks.cmos(config.drives)
        self.firmware_items = fixed_items(config.ram_bytes, graphics=config.graphics, uuid=config.uuid,
                                          menu=config.boot_menu)  # fmt: skip
        if config.all_of("hpet"):
            self.firmware_items |= {HPETS: hpets(acpi_tables.HPET_BLOCK, acpi_tables.HPET_BASE)}
        self.firmware_items |= directory(pc_memory.firmware_files(config, tables))
        self._build()
        self.lapic, self.nmi, self.kbc = self.find(Lapic), self.find(NmiLatch), self.find(I8042)
        self._pm, self._rtc = self.find(Piix4Pm), self.find(Mc146818)
        self.isa, self._fpu_error = self.find(Piix3Isa), self.find(CoprocessorError)
        self.ide = next(iter(self.all_of(Piix3Ide)), None)
        self.fdc = next(iter(self.all_of(IsaFdc)), None)
        self.serial = self.all_of(Ns16550)
        self.intr = self.lapic.intr
        for n, wire in enumerate(self.pirqs):
            wire.connect(partial(self.isa.set_pirq, n))
        self.a20_gate.connect(memory.set_a20)
        self.loaded()

    def _build(self) -> None:
        """The devices of the description in their order; a device on another one's bus is built by that one."""
        contents = {socket.device: socket.data for socket in self.config.sockets}
        for entry in self.config.devices:
            cls = registry.class_of(entry.driver)
            if issubclass(cls, Device):
                values = self.config.values(entry)
                device = cls.build(entry.id, self, values)
                self.devices[entry.id] = device
                if entry.id in contents:
                    assert isinstance(device, PciCard)
                    device.rom = contents[entry.id]
                    if entry.id in self._roms:
                        device.plug_rom(self.memory, *self._roms[entry.id])
                if isinstance(device, PciFunction):
                    self.bus.add(*place(values["addr"]), device)
        for id, before in DIGESTED_BEHIND.items():
            if not {id, before} <= self.devices.keys():
                continue  # a recording's list may have other names
            names = [name for name in self.devices if name != id]
            names.insert(names.index(before) + 1, id)
            self.devices = {name: self.devices[name] for name in names}

    # -- what devices ask when they are built (`hw.surroundings.Surroundings`)

    def irq(self, number: int, driver: str) -> Line:
        return self.irqs[number].driver(driver)

    def sole_irq(self, number: int, driver: str) -> SoleLine:
        return self.irqs[number].sole_driver(driver)

    def isa_lines(self) -> list[Line]:
        return [wire.line for wire in self.irqs]

    def drive_irq(self, number: int, line: Line) -> None:
        self.irqs[number].attach(line)

    def pci_line(self, addr: str, driver: str, pin: int = 0) -> Line:
        return self.pirqs[self.bus.pirq_of(place(addr)[0], pin)].driver(driver)

    def a20(self, driver: str) -> Line:
        return self.a20_gate.driver(driver)

    def ignne(self) -> None:
        self.ask_ignne()

    def all_of(self, cls: type[T]) -> list[T]:
        return [device for device in self.devices.values() if isinstance(device, cls)]

    def find(self, cls: type[T]) -> T:
        return self.all_of(cls)[0]

    def children(self, buses: Sequence[str]) -> list[Child]:
        return [Child(e.driver, e.bus, self.config.values(e)) for e in self.config.devices if e.bus in buses]

    def chardev(self, id: str | None) -> Sink:
        end: Sink | None = self._end("chardev", id)
        return NullSink() if end is None else end

    def _end(self, word: str, id: str | None) -> Any:
        """The end outside that has this id in the devices' property `word`; None if there is none."""
        for driver, name in ENDS.items():
            for number, entry in enumerate(self.config.all_of(driver)):
                if id is not None and entry.values.get(word) == id:
                    return self._outputs.ends.get(name.format(number))
        return None

    def netdev(self, id: str | None) -> NetPort:
        return NetPort(None if id is None else [end.id for end in self.config.netdevs].index(id))

    def audiodev(self, id: str | None) -> AudioPort:
        if id is None:
            return AudioPort()
        ends = [end.id for end in self.config.audiodevs]
        facts = self.config.end("audiodev", id).facts
        return self._audio.setdefault(id, AudioPort(ends.index(id), facts["captures"]))

    def drive(self, id: str) -> Drive:
        drives = [entry.values["drive"] for entry in self.config.all_of(*pc_devices.DRIVES)]
        behind = self._outputs.drives
        assert len(behind) >= len(drives), f"{len(drives)} drives, storage for {len(behind)}"
        return behind[drives.index(id)]

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

    def cpu_write(self, msr: int, core: Core) -> None:
        """The processor wrote a register of its own that chips have to know about."""
        if msr == APIC_BASE_MSR:
            self.lapic.set_base(core.get("apic_base"))

    # -- storage

    def drive_done(self, id: int, error: bool, data: bytes = b"") -> bool:
        """A request to a drive has ended (`playhead.hw.block`); False if nobody waits for it any more."""
        controllers = (self.ide, self.fdc)
        return any(one is not None and one.drive_done(id, error, data) for one in controllers)

    def in_flight(self) -> list[InFlight]:
        """The requests under way, by the drives' order in the configuration."""
        places = {(drive.kind == FLOPPY, 2 * drive.bus + drive.unit): n for n, drive in enumerate(self.config.drives)}
        under_way = [(False, r) for r in self.ide.in_flight()] if self.ide is not None else []
        under_way += [(True, r) for r in self.fdc.in_flight()] if self.fdc is not None else []
        found = [(places.get((floppy, r.drive)), r) for floppy, r in under_way]
        requests = [InFlight(n, r.id, r.kind, r.lba, r.count) for n, r in found if n is not None]
        return sorted(requests, key=lambda r: r.drive)

    # -- reset and start

    def reset(self) -> None:
        """The reset line: every chip; memory keeps its contents."""
        for device in reversed(self.devices.values()):  # interrupt controllers last, after the edges of the others
            device.reset()
        if self.config.boot_once:
            self._rtc.fill(boot_devices(self.config.boot))
        self.loaded()

    def power_back(self) -> None:
        """The end of a suspension: every chip that had no power in it is reset."""
        for device in reversed(self.devices.values()):
            device.resume()
        self.loaded()

    def start(self) -> Mapping[str, int] | None:
        """After power-on or a reset, for a machine without firmware: do firmware's work and put the kernel in place.

        Returns the registers that the processor starts with; None if it starts at the reset vector.
        """
        if self.boot is None:
            return None
        self._set_up()
        for address, data in self.boot.writes:
            self.memory.write(address, data)
        return self.boot.registers

    def _set_up(self) -> None:
        """What firmware leaves in chips."""
        for device, function, offset, size, value in FIRMWARE_PCI + (FIRMWARE_IDE if self.ide is not None else ()):
            part = self.bus.find(0, device << 3 | function)
            assert part is not None
            part.program(offset, size, value)
        for write in pci_resources.writes(self.bus.functions(), self.bus.pirq_of):
            write.function.program(*write[1:])
        for port, size, value in FIRMWARE_PORTS:
            self.io.write(port, size, value)
        for offset, value in FIRMWARE_LAPIC:
            self.memory.mmio.write(LAPIC_BASE + offset, 4, value)
        self.kbc.program(FIRMWARE_KBC)
        for chip in self.devices.values():
            chip.set_up()

    # -- suspend to RAM

    @property
    def suspended(self) -> bool:
        return self._pm.suspended

    def suspend(self) -> None:
        self._pm.suspend()

    def wakes(self, reason: str) -> bool:
        """Whether this wakes the machine now."""
        return self._pm.wakes(reason)

    def resume(self, reason: str) -> int | None:
        """The machine has been woken by this, and everything but memory reset. Firmware is told, and does the rest; on
        a machine without firmware, do its work: returns where the system wants to be continued in real mode, or None.
        """
        self._pm.woken(reason)
        if self.boot is None:
            self._rtc.shutdown_status(RESUME)
            return None
        vector = pc_memory.waking_vector(self.config, self.memory)
        if vector is not None:
            self._set_up()
        return vector

    def loaded(self) -> None:
        """After every chip has its state: what is derived from several of them."""
        for wire in (*self.irqs, *self.pirqs, self.a20_gate):
            wire.restore()
        self.memory.set_a20(self.a20_gate.line.level)


def build(config: PcConfig, clock: VirtualClock, memory: Memory, host_clock: HostClock, requests: Requests,
          outputs: Outputs) -> Board:  # fmt: skip
    """The board of `config`. `memory` has at least `pc_memory.area_size(config)` bytes of backing area."""
    return Board(config, clock, memory, host_clock, requests, outputs)
