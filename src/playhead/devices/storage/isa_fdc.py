"""Intel 82078-compatible floppy disk controller on the ISA bus, and the drives on its cable.

Ports 3F1h to 3F5h and 3F7h, interrupt 6, DMA channel 2. 3F0h is not there, as in QEMU, and 3F6h belongs to the IDE
controller. Seeks are done at once; what comes from the disk comes when the storage has it (`hw.block`); a data transfer
that the guest leaves waiting for a turn of the disk is overrun.

Source: Intel 82078 data sheet, section 2 (registers in AT mode).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from playhead.base.errors import UsageError
from playhead.devices.storage.fdc_transfers import FdcTransfers
from playhead.devices.storage.floppy_formats import TYPES, type_of
from playhead.devices.storage.floppy_state import (
    COMMAND, DRIVES, N_RESET, NO_DATA, PIO_IN, PIO_OUT, RATE, RESULT, SOFT_RESET,
)  # fmt: skip
from playhead.devices.system.i8257_dma import Dma
from playhead.hw.block import Drive
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Differs
from playhead.hw.line import Line
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

IRQ, CHANNEL, BUS = 6, 2, "floppy-bus.0"
SRB, DOR, TDR, MSR, FIFO, DIR = 0x3F1, 0x3F2, 0x3F3, 0x3F4, 0x3F5, 0x3F7
DSR, CCR = MSR, DIR  # what a write goes to
CHANGED = 0x80  # of DIR
MOTORS, SRB_ONES = 0x30, 0xC0


def drive_type(fdc: Mapping[str, Any], unit: int, wanted: str, sectors: int) -> str:
    """The type of a drive that starts with a medium of so many sectors. `fdc`: the controller's properties, which can
    say it too.
    """
    said = wanted if wanted != "auto" else fdc[f"fdtype{'AB'[unit]}"]
    return type_of(sectors, said, fdc["fallback"] if fdc["fallback"] != "auto" else "288")


class IsaFdc(FdcTransfers):
    part = "isa_fdc"
    QEMU = Declared(
        "isa-fdc", "ISA", "virtual floppy controller", (
            Property("bootindexA", "int32", None, "firmware tries the lowest first", least=0),
            Property("bootindexB", "int32", None, "the same, of the second drive", least=0),
            Property("fallback", "enum", "288", "FDC drive type", TYPES),
            Property("fdtypeA", "enum", "auto", "FDC drive type", TYPES),
            Property("fdtypeB", "enum", "auto", "FDC drive type", TYPES),
        ), provides=(BUS,), wires=("irq6",), ports=(Span(SRB, 5), Span(DIR, 1)), needs=("i8257",), category="Storage",
    )  # fmt: skip
    DIFFERS = (
        Differs("sectors and tracks of a disk that are not there", "no data (ST1 04h)", "ST1 80h, or 00h", True),
        Differs("a transfer to the last sector without terminal count", "ST0 40h, ST1 80h", "a normal end", True),
        Differs("implied seeks after power-on", "off", "on", True),
        Differs("data transfers with the motor off", "wait for ever", "are done", True),
        Differs("reset", "leaves the heads where they are", "puts them to track 0", True),
        Differs("port 3F0h (status register A)", "in PS/2 mode only", "not there", True),
        Differs("seeks", "take the step rate's time", "are done at once", True),
        Differs("READ ID without a disk", "ST1 01h", "a normal end", False),
        Differs("READ DELETED DATA of an ordinary sector", "it, with ST2 40h", "nothing, ST0 60h", False),
        Differs("sizes of sectors besides 512", "no data (ST1 04h) where the disk has none", "as if they were", False),
        Differs("a read of the main status during reset", "changes nothing", "ends the reset", False),
        Differs("data left waiting", "an overrun (ST1 10h)", "wait for ever", False),
        Differs("SPECIFY with the bit ND", "leaves the digital output register", "clears its DMA gate", False),
        Differs("interrupt of a result", "ends with its first byte", "ends with its last", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        places: list[tuple[str, Drive] | None] = [None] * DRIVES
        for child in at.children((BUS,)):
            drive, unit = at.drive(child.values["drive"]), child.values["unit"]
            places[unit] = drive_type(p, unit, child.values["drive-type"], drive.sectors), drive
        return cls(name, at.io, at.clock, at.irq(IRQ, name), at.find(Dma), CHANNEL, places)

    def __init__(self, name: str, io: Space, clock: VirtualClock, irq: Line, dma: Dma, channel: int,
                 drives: Sequence[tuple[str, Drive] | None]):  # fmt: skip
        super().__init__(name, clock, irq, dma, channel, drives)
        for base, length in ((SRB, 5), (DIR, 1)):
            io.map(base, length, self._read, self._write, name=name)

    # -- the user

    def eject(self, unit: int) -> None:
        self._handle(unit)
        self.state.drives[unit].sectors = 0

    def insert(self, unit: int, sectors: int, read_only: bool) -> None:
        self._handle(unit)
        drive = self.state.drives[unit]
        drive.sectors, drive.read_only = sectors, read_only

    def _handle(self, unit: int) -> None:
        """Somebody takes out what is in a drive: a command under way finds nothing."""
        self.state.drives[unit].changed = True
        if self.state.phase not in (COMMAND, RESULT) and self.unit == unit:
            self._fail(NO_DATA)

    # -- registers

    def _read(self, address: int, size: int) -> int:
        s = self.state
        if address == SRB:
            return SRB_ONES | (s.dor & MOTORS) >> 4 | (s.dor & 1) << 5
        if address == DIR:
            return CHANGED if s.drives[s.selected].changed else 0
        if address == FIFO:
            return self._read_fifo()
        return {DOR: s.dor, TDR: s.tdr}.get(address, self.main_status)

    def _read_fifo(self) -> int:
        phase = self.state.phase if self.state.dor & N_RESET else COMMAND
        if phase == RESULT:
            return self.give_byte()
        return self.read_data() if phase == PIO_IN else 0

    def _write(self, address: int, size: int, value: int) -> None:
        s = self.state
        if address == DOR:
            rises = value & N_RESET and not s.dor & N_RESET
            if not value & N_RESET and s.dor & N_RESET:
                self._hold()
            s.dor, s.selected = value, value % DRIVES
            if rises:
                self.software_reset()
        elif address == TDR:
            s.tdr = value
        elif not s.dor & N_RESET:
            return
        elif address == FIFO:
            self._write_fifo(value)
        elif address == CCR:
            s.dsr = s.dsr & ~RATE | value & RATE
        elif address == DSR:
            s.dsr = value & ~SOFT_RESET
            if value & SOFT_RESET:
                self.software_reset()

    def _hold(self) -> None:
        """The DOR's reset bit has gone low: what was under way ends."""
        self._stop()
        self.set_irq(False)
        self.state.phase, self.state.at, self.state.stop = COMMAND, 0, 0

    def _write_fifo(self, value: int) -> None:
        if self.state.phase == COMMAND:
            self.take_byte(value)
        elif self.state.phase == PIO_OUT:
            self.write_data(value)


class Floppy:
    """A drive on the controller's cable, for its declaration: the controller is its logic."""

    QEMU = Declared(
        "floppy", "floppy-bus", "virtual floppy drive", (
            Property("drive", "drive", required=True),
            Property("unit", "uint32", None, "0 or 1; by default the first that is free", most=DRIVES - 1),
            Property("drive-type", "enum", "auto", "FDC drive type", TYPES),
        ), most=DRIVES, needs=("isa-fdc",), creatable=True, category="Storage",
    )  # fmt: skip

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        taken = [values["unit"] for declared, values in others if declared is cls.QEMU]
        free = [unit for unit in range(DRIVES) if unit not in taken and p["unit"] in (None, unit)]
        if not free:
            raise UsageError(f"floppy: no such place is free: unit={p['unit']}")
        return {"unit": free[0], "bus": BUS}
