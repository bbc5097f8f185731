"""What a disk and a CD-ROM drive on an IDE cable share: how a command moves data and comes to its end.

A command goes through phases: it waits for the storage behind it, lets the guest read or fill the buffer through the
data port, or waits for the bus master. A kind of drive says what happens at the turns: `execute`, `block_read`,
`block_filled`, `dma_ready`, `request_done`.

Where hardware and habit differ: while it waits for a bus master that is not started yet, DRQ is set; when the bus
master gives up (its table was too short, or it was stopped), the drive ends its command without an interrupt, where a
real one would wait to be reset.

Source: ATA/ATAPI-6 (T13/1410D), chapter 9 (protocols: 9.5 PIO in, 9.6 PIO out, 9.7 DMA, 9.10 device diagnostic).
"""

from typing import Any, ClassVar
from collections.abc import Callable, Mapping, Sequence

from playhead.base.errors import FormatError, UsageError
from playhead.devices.storage.ide_bus_master import BusMaster
from playhead.devices.storage.ide_state import (
    ABRT, BSY, COUNT, DEV_1, DEVICE, DMA, DRDY, DRQ, DSC, ERR, HELD, HIGH, IDLE, LOW, MID, PIO_IN, PIO_OUT, WAITING,
    UnitState,
)  # fmt: skip
from playhead.hw.block import DISCARD, FLUSH, READ, SECTOR, WRITE, Drive
from playhead.hw.declared import Declared, Property

READY = DRDY | DSC


BUSES = ("ide.0", "ide.1")
PROPERTIES = (
    Property("drive", "drive", required=True),
    Property("unit", "uint8", None, "0 or 1; by default the first that is free", most=1),
    Property("serial", "str", None, "the serial number that the guest sees", most=20),
    Property("model", "str", None, "the model's name", most=40),
    Property("bootindex", "int32", None, "firmware tries the lowest first", least=0),
)


class IdeUnit:
    """A drive; `changed` hears when its interrupt may have to rise or fall, `wants_dma` when it waits for `master`."""

    QEMU: ClassVar[Declared]

    @classmethod
    def settle(cls, p: Mapping[str, Any], others: Sequence[tuple[Declared, Mapping[str, Any]]]) -> dict[str, Any]:
        """Without a place it takes the first that is free."""
        taken = {(values["bus"], values["unit"]) for declared, values in others if declared.bus == cls.QEMU.bus}
        places = [(bus, unit) for bus in BUSES for unit in (0, 1)]
        wanted = [place for place in places if p["bus"] in ("", place[0]) and p["unit"] in (None, place[1])]
        free = [place for place in wanted if place not in taken]
        if not free:
            raise UsageError(f"{cls.QEMU.name}: no such place is free: bus={p['bus']}, unit={p['unit']}")
        return {"bus": free[0][0], "unit": free[0][1]}

    SIGNATURE = (1, 1, 0, 0)  # sector count, LBA low, mid, high
    RESET_STATUS = READY
    DEVICE_RESET = False  # whether it has this command, which a busy drive takes too

    def __init__(self, drive: Drive, state: UnitState, master: BusMaster, changed: Callable[[], None],
                 wants_dma: Callable[[], None]):  # fmt: skip
        self.drive, self.master = drive, master
        self._changed, self._wants_dma = changed, wants_dma
        self.s = state

    # -- what a kind of drive fills in

    def execute(self, command: int) -> None:
        raise NotImplementedError

    def block_read(self) -> None:
        """The guest has read the buffer up to `stop`."""

    def block_filled(self) -> None:
        """The guest has filled the buffer."""

    def dma_ready(self) -> None:
        """The bus master is started, and the drive waited for it."""

    def request_done(self, kind: int, lba: int, count: int, error: bool, data: bytes) -> None:
        """What was asked of the storage has ended."""

    # -- commands

    def command(self, command: int) -> None:
        """A write to the command register of a drive that is free to take it."""
        s = self.s
        s.command, s.error, s.pending = command, 0, False
        s.status = READY
        self._changed()  # the line falls, so that the command's own interrupt is an edge
        self.execute(command)

    def finish(self, status: int = READY, *, interrupt: bool = True) -> None:
        """The command has ended well."""
        s = self.s
        s.phase, s.by_dma, s.status, s.pending = IDLE, False, status, interrupt
        s.buffer, s.at, s.stop, s.left = bytearray(), 0, 0, 0
        self._changed()

    def fail(self, error: int = ABRT) -> None:
        self.s.error = error
        self.finish(READY | ERR)

    def end_quietly(self) -> None:
        """The command has ended, and nobody is told."""
        self.finish(interrupt=False)

    # -- requests

    def start_read(self, lba: int, count: int) -> None:
        self._started(READ, lba, count, self.drive.read(lba, count))

    def start_write(self, lba: int, data: bytes) -> None:
        self._started(WRITE, lba, len(data) // SECTOR, self.drive.write(lba, data))

    def start_flush(self) -> None:
        self._started(FLUSH, 0, 0, self.drive.flush())

    def start_discard(self, lba: int, count: int) -> None:
        self._started(DISCARD, lba, count, self.drive.discard(lba, count))

    def _started(self, kind: int, lba: int, count: int, id: int) -> None:
        assert id > 0, f"a request numbered {id}"
        r = self.s.request
        r.id, r.kind, r.lba, r.count = id, kind, lba, count
        self.s.phase, self.s.status = WAITING, BSY | READY

    def done(self, error: bool, data: bytes) -> None:
        request = self.s.request.copy()
        self.s.request.reset()
        if request.kind == READ and not error:
            if len(data) != request.count * SECTOR:
                raise FormatError(f"a read of {request.count} sectors at {request.lba} ended with {len(data)} bytes")
        self.request_done(request.kind, request.lba, request.count, error, data)

    def cancel(self) -> None:
        """Forget the request under way."""
        id = self.s.request.id
        self.s.request.reset()
        if id:
            self.drive.cancel(id)

    # -- PIO

    def offer(self, stop: int, status: int = READY) -> None:
        """Let the guest read the buffer up to `stop`."""
        s = self.s
        s.phase, s.stop, s.status, s.pending = PIO_IN, stop, status | DRQ, True
        self._changed()

    def want(self, length: int, *, interrupt: bool) -> None:
        """Let the guest fill the buffer."""
        s = self.s
        s.phase, s.buffer, s.at, s.stop = PIO_OUT, bytearray(length), 0, length
        s.status, s.pending = READY | DRQ, interrupt
        self._changed()

    def read_data(self, size: int) -> int:
        s = self.s
        if s.phase != PIO_IN:
            return 0
        end = min(s.at + size, s.stop)
        value = int.from_bytes(s.buffer[s.at : end], "little")
        s.at = end
        if end == s.stop:
            self.block_read()
        return value

    def write_data(self, size: int, value: int) -> None:
        s = self.s
        if s.phase != PIO_OUT:
            return
        end = min(s.at + size, s.stop)
        s.buffer[s.at : end] = value.to_bytes(size, "little")[: end - s.at]
        s.at = end
        if end == s.stop:
            self.block_filled()

    # -- DMA

    def wait_for_master(self) -> None:
        s = self.s
        s.phase, s.by_dma, s.status = DMA, True, READY | DRQ
        self._wants_dma()

    def master_stopped(self) -> None:
        """The bus master was stopped: a transfer under way ends; one that has not begun goes on waiting."""
        if self.s.phase == WAITING and self.s.by_dma:
            self.cancel()
            self.end_quietly()

    # -- resets

    def reset(self) -> None:
        """What every reset does: by hardware, by SRST, by a command."""
        s = self.s
        self.cancel()
        s.phase, s.by_dma, s.command, s.pending = IDLE, False, 0, False
        s.buffer, s.at, s.stop, s.lba, s.left = bytearray(), 0, 0, 0, 0
        s.status, s.error = self.RESET_STATUS, 1  # the code for: passed
        self.sign()

    def hold(self) -> None:
        """SRST is set."""
        self.reset()
        self.s.phase, self.s.status = HELD, BSY

    def sign(self) -> None:
        """Show in the registers what kind of drive this is."""
        s = self.s
        for register, value in zip((COUNT, LOW, MID, HIGH), self.SIGNATURE, strict=True):
            s.regs[register] = value
        s.regs[DEVICE] &= DEV_1
