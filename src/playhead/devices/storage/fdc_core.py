"""The floppy disk controller's frame: how a command comes in, how its result goes out, its interrupt, its resets.

Subclasses carry the commands out (fdc_control.py, fdc_transfers.py); isa_fdc.py puts the registers into the PC.

Source: Intel 82078 data sheet, sections 2 (registers), 4 (controller phases), 5 (commands).
"""

from collections.abc import Sequence

from playhead.base.errors import FormatError
from playhead.devices.storage.floppy_commands import Command, command_of
from playhead.devices.storage.floppy_formats import Format, format_of
from playhead.devices.storage.floppy_state import (
    BUSY, COMMAND, DIO, DMA, DRIVES, INVALID, MOST_BYTES, N_RESET, NON_DMA, PIO_IN, PIO_OUT, READY_CHANGED, RESULT,
    RQM, SIZE_CODE, WAITING, FdcState, FloppyState,
)  # fmt: skip
from playhead.devices.system.i8257_dma import Dma
from playhead.hw.block import Drive
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.line import Line

SENSES = 4  # drives that tell of a change of state after a reset


class FdcCore(Device[FdcState]):
    """`drives[unit]`: its type and the storage behind it; None where there is no drive."""

    State = FdcState

    def __init__(self, name: str, clock: VirtualClock, irq: Line, dma: Dma, channel: int,
                 drives: Sequence[tuple[str, Drive] | None]):  # fmt: skip
        super().__init__(name)
        self._clock, self._irq, self._dma, self._channel = clock, irq, dma, channel
        self._types = [drive[0] if drive else "none" for drive in drives]
        self._behind = [drive[1] if drive else None for drive in drives]
        self._alarm = clock.alarm(f"{name}.wait", self.waited)
        dma.connect(channel, self.dma_ready)
        for unit, drive in enumerate(self._behind):
            if drive is not None:
                self.state.drives[unit].sectors, self.state.drives[unit].read_only = drive.sectors, drive.read_only

    # -- what subclasses fill in

    def waited(self) -> None:
        """The time that the alarm was set to is over."""
        raise NotImplementedError

    def dma_ready(self) -> None:
        """The DMA channel may serve a request; perhaps there is none."""
        raise NotImplementedError

    def forget(self) -> None:
        """Forget what is under way outside of the state."""
        raise NotImplementedError

    # -- drives

    @property
    def unit(self) -> int:
        """The drive of the command under way."""
        return self.state.bytes[1] % DRIVES

    @property
    def drive(self) -> FloppyState:
        return self.state.drives[self.unit]

    def present(self, unit: int) -> bool:
        """Whether a medium is in a drive."""
        return self._types[unit] != "none" and self.state.drives[unit].sectors > 0

    def format(self) -> Format:
        """Of the medium in the command's drive."""
        return format_of(self.drive.sectors, self._types[self.unit])

    def move(self, track: int) -> bool:
        """Step the command's drive to a track; whether it moved. A step tells the drive whether a disk is in it."""
        drive = self.drive
        moved = drive.track != track
        if moved and self.present(self.unit):
            drive.changed = False
        drive.track = track
        return moved

    # -- the interrupt

    def set_irq(self, level: bool) -> None:
        self.state.irq = level
        self._irq.set(level)

    # -- resets

    def reset(self) -> None:
        """The reset line; the media stay where they are."""
        media = [(d.sectors, d.read_only, d.changed) for d in self.state.drives]
        self._stop()
        self.set_irq(False)
        super().reset()
        for drive, values in zip(self.state.drives, media, strict=True):
            drive.sectors, drive.read_only, drive.changed = values

    def loaded(self) -> None:
        s = self.state
        moving = s.phase in (WAITING, DMA, PIO_IN, PIO_OUT)
        fits = s.at < MOST_BYTES and s.stop <= MOST_BYTES and s.selected < DRIVES and s.phase <= RESULT
        if not fits or (s.phase in (PIO_IN, PIO_OUT) and s.read >= len(s.buffer)):
            raise FormatError(f"a state of {self.name} in phase {s.phase}, {s.at} of {s.stop}, {s.read} in its buffer")
        if moving and (self._behind[self.unit] is None or self._types[self.unit] == "none"):
            raise FormatError(f"a state of {self.name} that moves data of a drive that there is not")
        self._irq.restore(s.irq)

    def _stop(self) -> None:
        self._alarm.cancel()
        self.forget()
        self._dma.request(self._channel, False)

    def software_reset(self) -> None:
        """By DOR or DSR: settings stay if LOCK says so, as the data sheet's table of them has it."""
        s = self.state
        self._stop()
        s.phase, s.at, s.stop, s.buffer, s.read, s.moved = COMMAND, 0, 0, b"", 0, 0
        for drive in s.drives:
            drive.head, drive.sector = 0, 1
        for unit in range(DRIVES):
            s.bytes[1] = unit
            self.move(0)
        s.status0, s.resets = READY_CHANGED, SENSES
        self.set_irq(True)

    # -- commands and results

    @property
    def main_status(self) -> int:
        s = self.state
        if not s.dor & N_RESET:
            return 0
        if s.phase == COMMAND:
            return RQM | (BUSY if s.at else 0)
        if s.phase == RESULT:
            return RQM | DIO | BUSY
        if s.phase in (PIO_IN, PIO_OUT):
            return RQM | NON_DMA | BUSY | (DIO if s.phase == PIO_IN else 0)
        return BUSY

    def command(self) -> Command:
        return command_of(self.state.bytes[0])

    def take_byte(self, value: int) -> None:
        """A byte of a command."""
        s = self.state
        s.bytes[s.at] = value
        s.at += 1
        command = self.command()
        if s.at == command.length:
            s.stop = 0
            getattr(self, command.method)()

    def give_byte(self) -> int:
        """A byte of a result; the first one ends the interrupt."""
        s = self.state
        value = s.bytes[s.at]
        s.at += 1
        if s.irq:
            self.set_irq(False)
        if s.at == s.stop:
            s.phase, s.at = COMMAND, 0
        return value

    def answer(self, *values: int) -> None:
        """The result phase, without an interrupt; a command without a result just ends."""
        s = self.state
        for n, value in enumerate(values):
            s.bytes[n] = value
        s.at, s.stop = 0, len(values)
        s.phase = RESULT if values else COMMAND

    def invalid(self) -> None:
        self.answer(INVALID)

    def finish(self, status0: int, status1: int = 0, status2: int = 0, *, place: tuple[int, int, int]) -> None:
        """The end of a command that moves data: seven bytes, and an interrupt. `place`: track, head, sector."""
        s = self.state
        self._stop()
        s.buffer, s.read = b"", 0
        s.status0 = status0 | (place[1] & 1) << 2 | self.unit
        self.answer(s.status0, status1, status2, *place, SIZE_CODE)
        self.set_irq(True)
