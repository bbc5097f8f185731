"""The disk controllers as the contract test sees them: with drives whose requests end by themselves a while later.

`LIST` holds (part, factory), as registry_io.py has them. The drives remember nothing: what they wait for is in the
controller's state, when it ends is an alarm, and their data follow from the address.
"""

from collections.abc import Callable

from playhead.devices.storage.ide_channel import Drives
from playhead.devices.pci.bus import COMMAND
from playhead.devices.storage.piix3_ide import Piix3Ide
from playhead.hw.block import READ
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.space import Space

RAM = 1 << 20
LATENCY_NS = 1_000_000


class AlarmDrive:
    """A drive with at most one request, whose number is always the same."""

    def __init__(self, clock: VirtualClock, number: int, sectors: int, model: str):
        self.sectors, self.read_only, self.serial, self.model = sectors, False, f"serial {number}", model
        self._clock, self._number = clock, number
        self._alarm = clock.alarm(f"drive{number}", self._end)
        self.controller: Piix3Ide | None = None

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


def _ide(clock: VirtualClock, io: Space | None = None) -> Device:
    memory = Memory(RAM)
    memory.map(0, RAM, memory.allocate(RAM))
    disk, second, cdrom = (
        AlarmDrive(clock, 1, 1 << 20, "disk"), AlarmDrive(clock, 2, 5000, "small disk"),
        AlarmDrive(clock, 3, 4000, "CD-ROM"),
    )  # fmt: skip
    channels: tuple[Drives, Drives] = ((("hd", disk), ("hd", second)), (("cdrom", cdrom), None))
    ide = Piix3Ide("ide", Space("io", 1 << 16) if io is None else io, memory, (Line("irq14"), Line("irq15")), channels)
    for drive in (disk, second, cdrom):
        drive.controller = ide
    for offset, size, value in ((0x20, 4, 0xC001), (COMMAND, 2, 5)):
        ide.program(offset, size, value)
    return ide


LIST: list[tuple[str, Callable[..., Device]]] = [(Piix3Ide.part, _ide)]
