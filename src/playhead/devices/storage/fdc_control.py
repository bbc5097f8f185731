"""The floppy disk controller's commands that move no data: seeks, senses, settings."""

from playhead.devices.storage.fdc_core import SENSES, FdcCore
from playhead.devices.storage.floppy_state import DRIVES, INVALID, READY_CHANGED, SEEK_END

VERSION, PART = 0x90, 0x41
TRACK_0, WRITE_PROTECTED, ALWAYS, TWO_SIDED = 0x10, 0x40, 0x20, 0x08  # status 3
LAST_TRACK = 255


class FdcControl(FdcCore):
    def _sought(self, track: int) -> None:
        s = self.state
        s.selected = self.unit
        self.move(max(0, min(track, LAST_TRACK)))
        s.status0 = SEEK_END | self.unit
        self.answer()
        self.set_irq(True)

    def recalibrate(self) -> None:
        self.state.bytes[1] &= 3
        self._sought(0)

    def seek(self) -> None:
        self.drive.head = self.state.bytes[1] >> 2 & 1
        self._sought(self.state.bytes[2])

    def relative_seek(self) -> None:
        steps = self.state.bytes[2] if self.state.bytes[0] & 0x40 else -self.state.bytes[2]
        self._sought(self.drive.track + steps)

    def sense_interrupt(self) -> None:
        s = self.state
        if s.resets:
            status = READY_CHANGED | SENSES - s.resets
            s.resets -= 1
        elif s.irq:
            status = s.status0
        else:
            self.answer(INVALID)
            return
        self.set_irq(False)
        self.answer(status, s.drives[status % DRIVES].track)

    def sense_drive(self) -> None:
        s, drive = self.state, self.drive
        s.selected = self.unit
        drive.head = s.bytes[1] >> 2 & 1
        protected = WRITE_PROTECTED if drive.read_only or not self.present(self.unit) else 0
        track_0 = 0 if drive.track else TRACK_0
        self.answer(ALWAYS | TWO_SIDED | protected | track_0 | drive.head << 2 | self.unit)

    def specify(self) -> None:
        s = self.state
        s.timers[0], s.timers[1] = s.bytes[1], s.bytes[2]
        self.answer()

    def configure(self) -> None:
        s = self.state
        s.config, s.precompensation = s.bytes[2], s.bytes[3]
        self.answer()

    def dump_registers(self) -> None:
        s = self.state
        tracks = (*(drive.track for drive in s.drives), 0, 0)
        mode = s.lock << 7 | s.perpendicular
        self.answer(*tracks, *s.timers, s.eot, mode, s.config, s.precompensation)

    def perpendicular_mode(self) -> None:
        """With the bit OW clear only GAP and WGATE change."""
        s = self.state
        s.perpendicular = s.bytes[1] & 0x3F if s.bytes[1] & 0x80 else s.perpendicular & 0x3C | s.bytes[1] & 3
        self.answer()

    def set_lock(self) -> None:
        s = self.state
        s.lock = bool(s.bytes[0] & 0x80)
        self.answer(s.lock << 4)

    def version(self) -> None:
        self.answer(VERSION)

    def part_id(self) -> None:
        self.answer(PART)

    def powerdown_mode(self) -> None:
        self.answer(self.state.bytes[1])

    def option(self) -> None:
        self.answer()

    def save_state(self) -> None:
        s = self.state
        tracks = (*(drive.track for drive in s.drives), 0, 0)
        mode = s.lock << 7 | s.perpendicular
        self.answer(0, 0, *tracks, *s.timers, s.eot, mode, s.config, s.precompensation, 0, 0, 0, 0)

    def restore_state(self) -> None:
        s = self.state
        s.timers[0], s.timers[1], s.eot = s.bytes[7], s.bytes[8], s.bytes[9]
        s.lock, s.perpendicular = bool(s.bytes[10] & 0x80), s.bytes[10] & 0x3F
        s.config, s.precompensation = s.bytes[11], s.bytes[12]
        self.answer()
