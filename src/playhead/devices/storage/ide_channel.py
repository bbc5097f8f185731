"""An IDE channel: a cable with two drives on it, the registers through which a PC sees them, and their interrupt.

Both drives hear every write to the command block; the selected one answers. Where only one is there, the other's
status is 0 and its signature FFh FFh, as in QEMU (the drive that is there would show its own registers). An empty
channel reads as zeros, as it does on QEMU's PC (hardware's pull-up resistors would make it FFh).

Each drive remembers whether it wants an interrupt; the line shows the selected one's wish unless nIEN is set. While a
drive is busy or moves data, the command block takes no writes, but for DEVICE RESET.

Source: ATA/ATAPI-6 (T13/1410D), chapter 7 (registers), 9.1-9.3 (resets), 9.16 (single device configurations).
"""

from collections.abc import Sequence

from playhead.devices.storage.ata_disk import AtaDisk
from playhead.devices.storage.atapi_cdrom import AtapiCdrom
from playhead.devices.storage.ide_bus_master import BusMaster
from playhead.devices.storage.ide_registers import (
    Cable, alternate_status, interrupt, read_command, write_command, write_register,
)  # fmt: skip
from playhead.devices.storage.ide_state import (
    BSY, COMMAND, COUNT, DEV_1, DEVICE, DMA, DRQ, HIGH, HOB, LOW, MID, NIEN, SRST, STATUS, ChannelState, UnitState,
)  # fmt: skip
from playhead.devices.storage.ide_unit import READY, IdeUnit
from playhead.hw.block import Drive
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.native import DECLINED

EXECUTE_DEVICE_DIAGNOSTIC, DEVICE_RESET = 0x90, 0x08
NOBODY = bytes((1, 1, 0xFF, 0xFF))  # the signature of a drive that is not there
Drives = Sequence[tuple[str, Drive] | None]  # by place on the cable: kind ("hd" or "cdrom") and what is behind it


class IdeChannel:
    """`irq` is its interrupt line; `mastering` says whether the function may be a bus master."""

    def __init__(self, name: str, state: ChannelState, drives: Drives, irq: Line, memory: Memory):
        self.name, self._irq = name, irq
        self.master = BusMaster(name, state.master, memory)
        self.mastering = False
        self.s = state
        self.units: list[IdeUnit | None] = [
            self._unit(*drive, unit) if drive else None for drive, unit in zip(drives, state.units, strict=True)
        ]
        self.cable = Cable(units=[drive is not None for drive in drives])

    def _unit(self, kind: str, drive: Drive, state: UnitState) -> IdeUnit:
        made = {"hd": AtaDisk, "cdrom": AtapiCdrom}[kind]
        return made(drive, state, self.master, self.update, self.try_dma)

    def reset(self) -> None:
        """SRST, or a part of what the reset line does."""
        self._select_first()
        for unit, state in zip(self.units, self.s.units, strict=True):
            if unit is not None:
                unit.reset()
            else:
                for register, value in zip((COUNT, LOW, MID, HIGH), NOBODY, strict=True):
                    state.regs[register] = value
        self.update()

    def power_on(self) -> None:
        """The reset line: a CD-ROM drive is ready too, as in QEMU, though a packet device should not say so."""
        self.reset()
        for unit in self._present():
            unit.s.status = READY

    def _select_first(self) -> None:
        self.s.selected = 0
        for state in self.s.units:
            state.regs[DEVICE] = 0

    def _present(self) -> list[IdeUnit]:
        return [unit for unit in self.units if unit is not None]

    @property
    def _unit_now(self) -> IdeUnit | None:
        return self.units[self.s.selected & 1]

    # -- the interrupt

    def level(self) -> bool:
        return interrupt(self.s, self.cable)

    def update(self) -> None:
        level = self.level()
        if level and not self._irq.level:
            self.master.interrupt()
        self._irq.set(level)

    def restore(self) -> None:
        self._irq.restore(self.level())

    # -- the command block

    def read(self, register: int) -> int:
        """A register but the data register."""
        value = read_command(self.s, self.cable, register, 1)
        if value != DECLINED:
            return value
        unit = self._unit_now
        assert unit is not None and register == STATUS
        unit.s.pending = False
        self.update()
        return unit.s.status

    def write(self, register: int, value: int) -> None:
        """A register but the data register."""
        if register == COMMAND:
            self._command(value)
        elif write_command(self.s, self.cable, register, 1, value) == DECLINED:
            assert register == DEVICE
            write_register(self.s, register, value)
            self.s.selected = int(bool(value & DEV_1))
            self.update()

    def read_data(self, size: int) -> int:
        unit = self._unit_now
        return 0 if unit is None else unit.read_data(size)

    def write_data(self, size: int, value: int) -> None:
        unit = self._unit_now
        if unit is not None:
            unit.write_data(size, value)

    def _command(self, command: int) -> None:
        unit = self._unit_now
        if command == EXECUTE_DEVICE_DIAGNOSTIC and not self.s.control & SRST:
            self._diagnose()
            return
        if unit is None:
            return
        stops = command == DEVICE_RESET and unit.DEVICE_RESET and not self.s.control & SRST
        if unit.s.status & (BSY | DRQ) and not stops:
            return
        self.s.control &= ~HOB
        unit.command(command)

    def _diagnose(self) -> None:
        """Both drives take this one, whichever is selected; drive 0 tells of its end."""
        if any(unit.s.status & (BSY | DRQ) for unit in self._present()):
            return
        self.reset()
        for unit in self._present():
            unit.s.pending = True
        self.update()

    # -- the control block

    def alternate_status(self) -> int:
        return alternate_status(self.s, self.cable)

    def write_control(self, value: int) -> None:
        was, self.s.control = self.s.control, value & (HOB | SRST | NIEN)
        if value & ~was & SRST:
            self._select_first()
            for unit in self._present():
                unit.hold()
        elif was & ~value & SRST:
            self.reset()
        self.update()

    # -- the bus master

    def write_master(self, offset: int, value: int) -> None:
        what = self.master.write(offset, value)
        if what == "start":
            self.try_dma()
        elif what == "stop":
            for unit in self._present():
                unit.master_stopped()

    def try_dma(self) -> None:
        """Let the transfer begin if both sides are ready."""
        unit = self._unit_now
        if unit is not None and unit.s.phase == DMA and self.master.active and self.mastering:
            unit.dma_ready()

    # -- requests

    def waits_for(self, id: int) -> IdeUnit | None:
        return next((unit for unit in self._present() if unit.s.request.id == id), None)
