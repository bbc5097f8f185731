"""Intel 82371SB (PIIX3), function 1: the IDE controller, two channels at the PC's own addresses, with bus mastering.

The channels answer at 1F0h/3F6h (interrupt 14) and 170h/376h (interrupt 15), always, as in QEMU; the bus master
registers are where BAR 4 says. Timings have no effect.

Requests to the storage are under way for as long as the session likes (`playhead.hw.block`); `drive_done` is their
end.

Source: Intel 82371FB/82371SB (PIIX/PIIX3) data sheet, sections 2.3 (configuration) and 2.7 (bus master registers).
"""

from typing import Any, Self
from collections.abc import Mapping
from playhead.base.record import Array
from playhead.devices.pci.bus import COMMAND, COMMAND_MASTER, Bar, PciFunction, PciState, Reg, addr, identity
from playhead.devices.storage.atapi_cdrom import AtapiCdrom
from playhead.devices.storage.ide_bus_master import LENGTH
from playhead.devices.storage.ide_channel import Drives, IdeChannel
from playhead.devices.storage.ide_registers import read_command, read_control, write_command
from playhead.devices.storage.ide_state import DATA, ChannelState
from playhead.devices.storage.ide_unit import BUSES
from playhead.hw.block import Drive, InFlight
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Differs
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.native import Registers
from playhead.hw.space import Range, Space
from playhead.hw.surroundings import Surroundings

PORTS = ((0x1F0, 0x3F6), (0x170, 0x376))  # command and control block of each channel
IRQS = (14, 15)
IDETIM, SIDETIM = 0x40, 0x44
MASTER_BAR = 4


class IdeState(PciState):
    channels = Array(ChannelState, 2)


class Piix3Ide(PciFunction[IdeState]):
    """`drives[channel][unit]` is (kind, storage) or None; `irqs` are the channels' interrupt lines."""

    State = IdeState
    part = "piix3_ide"
    QEMU = Declared("piix3-ide", "PCI", "two IDE channels", (addr("01.1"),), provides=BUSES,
                    wires=("irq14", "irq15"), ports=tuple(Span(*s) for p in PORTS for s in ((p[0], 8), (p[1], 1))),
                    needs=("PIIX3",), category="Storage")  # fmt: skip
    DIFFERS = (
        Differs("the channels' ports", "decoded while PCICMD bit 0 and IDETIM bit 15 are set", "always decoded", True),
        Differs("status of a CD-ROM drive after power-on", "00h until its first command", "50h (ready)", True),
        Differs("registers of a drive that is not there", "those of the drive that is", "signature FFFFh", True),
        Differs("a channel without drives", "FFh, by pull-up resistors", "00h", True),
        Differs("IDENTIFY words 1 and 54 of a disk smaller than two cylinders", "0 or 1", "2", True),
        Differs("error register after power-on", "01h (passed)", "00h", False),
        Differs("status of a failed command", "51h", "41h", False),
        Differs("error register of a read behind the end", "10h (address not found)", "04h (aborted)", False),
        Differs("status while SRST is set", "80h (busy)", "50h", False),
        Differs("latency timer, cache line, interrupt line of functions that have none", "fixed", "memory", False),
    )  # fmt: skip
    CONFIG = (
        *identity(0x8086, 0x7010, 0x00, 0x010180),
        Reg(COMMAND, 2, 0x0000, 0x0005, name="PCICMD"),
        Reg(0x06, 2, 0x0280, w1c=0x3800, name="PCISTS"),
        Reg(0x0D, 1, 0x00, 0xF0, name="MLT"),
        Reg(IDETIM, 4, 0, 0xFFFFFFFF, name="IDETIM"),
        Reg(SIDETIM, 1, 0x00, 0xFF, name="SIDETIM"),
    )
    BARS = (Bar(MASTER_BAR, 16, io=True),)

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        places: list[list[tuple[str, Drive] | None]] = [[None, None], [None, None]]
        for child in at.children(BUSES):
            kind = "cdrom" if child.kind == "ide-cd" else "hd"
            places[BUSES.index(child.bus)][child.values["unit"]] = (kind, at.drive(child.values["drive"]))
        first, second = (at.irq(irq, name) for irq in IRQS)
        return cls(name, at.io, at.memory, (first, second), (places[0], places[1]))

    def __init__(self, name: str, io: Space, memory: Memory, irqs: tuple[Line, Line], drives: tuple[Drives, Drives]):
        super().__init__(name)
        self._io, self.irqs = io, irqs
        self.channels = [IdeChannel(f"{name}{n}", self.state.channels[n], drives[n], irqs[n], memory) for n in range(2)]
        self._master: tuple[int, Range] | None = None
        for n, (command, control) in enumerate(PORTS):
            states = self.channels[n].s, self.channels[n].cable
            io.map(command, 8, self._read_command, self._write_command, max_size=4, name=f"{name}.{n}.command",
                   registers=Registers(*states, read=read_command, write=write_command))  # fmt: skip
            io.map(control, 1, self._read_control, self._write_control, max_size=4, name=f"{name}.{n}.control",
                   registers=Registers(*states, read=read_control))  # fmt: skip
        for drive in self._cdroms():
            drive.power_on()
        for channel in self.channels:
            channel.power_on()

    def _cdroms(self) -> list[AtapiCdrom]:
        return [unit for channel in self.channels for unit in channel.units if isinstance(unit, AtapiCdrom)]

    def reset(self) -> None:
        trays = [(d, d.s.cdrom.sectors, d.s.cdrom.tray_open, d.s.cdrom.attention) for d in self._cdroms()]
        for channel in self.channels:
            channel.reset()  # requests and interrupts end while the state that knows of them is there
        super().reset()
        for drive, sectors, tray_open, attention in trays:
            c = drive.s.cdrom
            c.sectors, c.tray_open, c.attention = sectors, tray_open, attention
        for channel in self.channels:
            channel.power_on()

    def resume(self) -> None:
        """The timing registers, whose top bits say that the channels are on, keep their values, as in QEMU: SeaBIOS
        relies on that, and a driver that finds a channel off gives up its drives.
        """
        timing = bytes(self.state.config[IDETIM : SIDETIM + 1])
        self.reset()
        self.state.config[IDETIM : SIDETIM + 1] = timing
        self.loaded()

    def loaded(self) -> None:
        self._map()
        for channel in self.channels:
            channel.restore()

    # -- storage

    def drive_done(self, id: int, error: bool, data: bytes) -> bool:
        """A request has ended; False if nobody waits for it any more."""
        for channel in self.channels:
            unit = channel.waits_for(id) if id else None
            if unit is not None:
                unit.done(error, data)
                return True
        return False

    def in_flight(self) -> list[InFlight]:
        """The requests under way; `drive` is channel * 2 + unit."""
        found = []
        for n, channel in enumerate(self.channels):
            for place, state in enumerate(channel.s.units):
                r = state.request
                if r.id:
                    found.append(InFlight(2 * n + place, r.id, r.kind, r.lba, r.count))
        return found

    def cdrom(self, channel: int, unit: int) -> AtapiCdrom:
        """The CD-ROM drive at a place, for `eject` and `insert`."""
        found = self.channels[channel].units[unit]
        assert isinstance(found, AtapiCdrom), f"no CD-ROM drive at {channel}.{unit}"
        return found

    # -- where the registers are

    def config_changed(self, offset: int, size: int) -> None:
        self._map()
        for channel in self.channels:
            channel.try_dma()

    def _map(self) -> None:
        for n in range(len(PORTS)):
            self.channels[n].mastering = bool(self.word(COMMAND) & COMMAND_MASTER)
        base = self.bar(MASTER_BAR)
        if base == (self._master[0] if self._master else None):
            return
        if self._master is not None:
            self._io.unmap(self._master[1])
            self._master = None
        if base is not None:
            handle = self._io.map(base, 2 * LENGTH, self._read_master, self._write_master, max_size=4,
                                  name=f"{self.name}.master", moves=True)  # fmt: skip
            self._master = base, handle

    def _channel(self, address: int) -> IdeChannel:
        return self.channels[0 if address & 0x80 else 1]

    # -- registers

    def _read_command(self, address: int, size: int) -> int:
        channel, register = self._channel(address), address & 7
        if register == DATA:
            return channel.read_data(size)
        return sum(channel.read(register + i) << 8 * i for i in range(size))

    def _write_command(self, address: int, size: int, value: int) -> None:
        channel, register = self._channel(address), address & 7
        if register == DATA:
            channel.write_data(size, value)
            return
        for i in range(size):
            channel.write(register + i, value >> 8 * i & 0xFF)

    def _read_control(self, address: int, size: int) -> int:
        return self._channel(address).alternate_status()

    def _write_control(self, address: int, size: int, value: int) -> None:
        self._channel(address).write_control(value)

    def _read_master(self, address: int, size: int) -> int:
        value = 0
        for i in range(size):
            at = (address + i) % (2 * LENGTH)
            value |= self.channels[at // LENGTH].master.read(at % LENGTH) << 8 * i
        return value

    def _write_master(self, address: int, size: int, value: int) -> None:
        for i in range(size):
            at = (address + i) % (2 * LENGTH)
            self.channels[at // LENGTH].write_master(at % LENGTH, value >> 8 * i & 0xFF)
