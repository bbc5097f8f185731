"""A bench for one device: quiet surroundings (`hw.surroundings`) that note which wires it asks for.

What a device is wired to is built beside it, in spaces of its own. A PCI function gets addresses for its ranges, as
firmware would give them. The drives on a controller's buses end their requests by themselves a while later; they
remember nothing: what they wait for is in the controller's state, when it ends is an alarm, and their data follow from
the address.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from playhead.devices import registry
from playhead.devices.intc.nmi_latch import NmiLatch
from playhead.devices.pci.bus import BAR0, COMMAND, PciBus, PciFunction, place
from playhead.devices.pci.i440fx_pci import WINDOW, WINDOW_SIZE
from playhead.devices.storage.isa_fdc import IsaFdc
from playhead.devices.storage.piix3_ide import Piix3Ide
from playhead.devices.system.fw_cfg import directory, fixed_items
from playhead.devices.timer.mc146818_rtc import pc_nvram
from playhead.base.sound import FRAME
from playhead.hw.audio import AudioPort
from playhead.hw.block import READ
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared
from playhead.hw.device import Device
from playhead.hw.line import Line, SoleLine
from playhead.hw.net import NetPort
from playhead.hw.memory import Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Child

T = TypeVar("T")
EPOCH_S = 951_782_399  # the last second of 28 February 2000
LATENCY_NS = 1_000_000
VIDEO = 0xA0000
VRAM_SIZE = 1 << 20
PORT, ADDRESS = 0xC000, 0x40000000  # where PCI functions' ranges are
DRIVES = (("ide-hd", "ide.0", 0, 1 << 20), ("ide-hd", "ide.0", 1, 5000), ("ide-cd", "ide.1", 0, 4000),
          ("floppy", "floppy-bus.0", 0, 2880))  # fmt: skip


class SteadyHost:
    """A host clock that is a function of virtual time, a little fast."""

    def __init__(self, clock: VirtualClock):
        self._clock = clock

    def read_ns(self) -> int:
        return EPOCH_S * 1_000_000_000 + self._clock.now_ns() * 1001 // 1000


class Nobody:
    """A sink and a listener to requests that does nothing."""

    def write(self, data: bytes, icounts: Sequence[int]) -> None: ...

    def reset(self, cause: str) -> None: ...

    def shutdown(self, cause: str, status: int = 0) -> None: ...

    def suspend(self) -> None: ...

    def wake_up(self, reason: str) -> None: ...


class AlarmDrive:
    """A drive with at most one request, whose number is always the same."""

    def __init__(self, clock: VirtualClock, number: int, sectors: int):
        self.sectors, self.read_only, self.serial, self.model = sectors, False, f"serial {number}", f"model {number}"
        self._clock, self._number = clock, number
        self._alarm = clock.alarm(f"drive{number}", self._end)
        self.controller: Piix3Ide | IsaFdc | None = None

    def _start(self) -> int:
        self._alarm.arm(self._clock.now_ns() + LATENCY_NS)
        return self._number

    def read(self, lba: int, count: int) -> int:
        return self._start()

    def write(self, lba: int, data: bytes) -> int:
        return self._start()

    def flush(self) -> int:
        return self._start()

    def discard(self, lba: int, count: int) -> int:
        return self._start()

    def cancel(self, id: int) -> None:
        self._alarm.cancel()

    def _end(self) -> None:
        assert self.controller is not None
        for r in self.controller.in_flight():
            if r.id == self._number:
                sectors = range(r.lba, r.lba + r.count) if r.kind == READ else ()
                data = b"".join(lba.to_bytes(8, "little") * 64 for lba in sectors)
                self.controller.drive_done(r.id, r.lba % 7 == 3, data)


class Bench:
    """Surroundings for one device. `space`: what it is attached to, ports and memory alike, each at its address."""

    def __init__(self, clock: VirtualClock, space: Space | None = None, *, virtual_rtc: bool = False):
        self.clock = clock
        self.io = space or Space("io", 1 << 16)
        self.memory = Memory(WINDOW + 2 * WINDOW_SIZE + VRAM_SIZE)
        self.memory.map(0, VIDEO, self.memory.allocate(WINDOW))
        self.bridge_memory = self.memory.allocate(WINDOW_SIZE), self.memory.allocate(WINDOW_SIZE)
        self.video_memory = self.memory.allocate(VRAM_SIZE), VRAM_SIZE
        self.memory.share(*self.video_memory)
        if space is not None:
            self.memory.mmio = space
        self.requests, self.host_clock, self.bus = Nobody(), SteadyHost(clock), PciBus()
        self.rtc_start_s = EPOCH_S if virtual_rtc else None
        self.cmos = pc_nvram(1 << 20)
        self.firmware_items = fixed_items(1 << 20) | directory({"etc/file": b"contents"})
        self.wires: set[str] = set()
        self.values: dict[str, Any] = {}
        self._drives: dict[str, AlarmDrive] = {}
        self._beside: dict[type, Any] = {}

    def build(self, name: str, values: Mapping[str, Any] | None = None) -> Device:
        """The device of this QEMU name, with its defaults but for these values."""
        cls = registry.class_of(name)
        plain = {**cls.QEMU.defaults(), **(values or {}), "bus": ""}
        self.values = {**plain, **cls.settle(plain, [])}
        device: Device = cls.build(cls.part, self, self.values)
        if isinstance(device, PciFunction):
            self._plug(device, self.values["addr"])
        for drive in self._drives.values():
            assert isinstance(device, Piix3Ide | IsaFdc)
            drive.controller = device
        return device

    def _plug(self, device: PciFunction, addr: str) -> None:
        self.bus.add(*place(addr), device)
        at = {True: PORT, False: ADDRESS}
        for bar in device.BARS:
            length = max(bar.length, 0x100)
            device.program(BAR0 + 4 * bar.index, 4, -(-at[bar.io] // length) * length)
            at[bar.io] += 2 * length
        if device.BARS:
            device.program(COMMAND, 2, 7)

    # wires

    def irq(self, number: int, driver: str) -> Line:
        self.wires.add(f"irq{number}")
        return Line(f"irq{number}")

    def sole_irq(self, number: int, driver: str) -> SoleLine:
        line = self.irq(number, driver)
        return SoleLine(line, lambda sole: None, lambda sole: None)

    def drive_irq(self, number: int, line: Line) -> None:
        self.wires.add(f"irq{number}")

    def isa_lines(self) -> list[Line]:
        return [Line(f"irq{n}") for n in range(16)]

    def pci_line(self, addr: str, driver: str, pin: int = 0) -> Line:
        self.wires.add(f"int{'ABCD'[pin]}")
        return Line(f"int{'ABCD'[pin]}")

    def a20(self, driver: str) -> Line:
        self.wires.add("a20")
        return Line("a20")

    def ignne(self) -> None: ...

    # what is beside it

    def find(self, cls: type[T]) -> T:
        if cls not in self._beside:
            name = next(name for name in registry.CLASSES if registry.class_of(name) is cls)
            self._beside[cls] = Bench(self.clock).build(name)
        found: T = self._beside[cls]
        return found

    def children(self, buses: Sequence[str]) -> list[Child]:
        found = [drive for drive in DRIVES if drive[1] in buses]
        plain = {"drive-type": "auto"}
        return [Child(kind, bus, {**plain, "unit": unit, "drive": f"{bus}.{unit}"}) for kind, bus, unit, _ in found]

    def chardev(self, id: str | None) -> Nobody:
        return Nobody()

    def netdev(self, id: str | None) -> NetPort:
        return NetPort()

    def audiodev(self, id: str | None) -> AudioPort:
        """One on which something can be heard: a number for each frame."""
        port = AudioPort(0, captures=True)
        port.asked = lambda frames, rate: b"".join(n.to_bytes(FRAME, "little") for n in range(frames))
        return port

    def drive(self, id: str) -> AlarmDrive:
        number, sectors = next((n, size) for n, (_, bus, unit, size) in enumerate(DRIVES, 1) if f"{bus}.{unit}" == id)
        return self._drives.setdefault(id, AlarmDrive(self.clock, number, sectors))


Factory = Callable[..., Device]


def _nmi(clock: VirtualClock, io: Space | None = None) -> Device:
    """What sets it is the local APIC, through no register of its own."""
    bench = Bench(clock, io)
    latch = bench.build("nmi-latch")
    assert isinstance(latch, NmiLatch)
    bench.io.map(0x61, 1, lambda address, size: 0xFF, lambda address, size, value: latch.request())
    return latch


def devices() -> list[tuple[str, Declared, Factory]]:
    """(part, declaration, factory) of each device in the registry; one more of the clock that follows virtual time. A
    factory takes the clock, and the space to attach to if the test wants to disturb the device through it.
    """
    found: list[tuple[str, Declared, Factory]] = []
    for name in registry.CLASSES:
        cls = registry.class_of(name)
        if issubclass(cls, Device):
            found.append((cls.part, cls.QEMU, lambda clock, io=None, name=name: Bench(clock, io).build(name)))
    found = [(part, declared, _nmi if part == NmiLatch.part else factory) for part, declared, factory in found]
    rtc = registry.declared("mc146818rtc")
    found.append(("mc146818_rtc.vm", rtc, lambda clock, io=None: Bench(clock, io, virtual_rtc=True).build(rtc.name)))
    return found
