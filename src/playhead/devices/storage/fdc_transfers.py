"""The floppy disk controller's commands that move data, by DMA or through its FIFO.

A command names a sector and the last one of its track; with the bit MT it goes on with the other side. So there are at
most two pieces of consecutive sectors, each one request to the storage. A read brings a piece into the buffer, and from
there to its channel or the FIFO; a write takes all of its data first. A DMA transfer ends at its terminal count, one
through the FIFO at the last sector.

Sectors behind the end of an image that is smaller than its format read as zeros, and are not written.

Source: Intel 82078 data sheet, section 5.1 (data transfer commands), tables 5-5 and 5-6 (result bytes).
"""

from playhead.base.errors import FormatError
from playhead.devices.storage.fdc_control import FdcControl
from playhead.devices.storage.floppy_state import (
    ABNORMAL, CONTROL_MARK, DMA, DMA_GATE, END_OF_TRACK, IMPLIED_SEEK, INDEX, NO_ADDRESS, NO_DATA, NOT_WRITABLE,
    OVERRUN, PIO_IN, PIO_OUT, RATE, SCAN_EQUAL, SCAN_UNSATISFIED, SECTOR, SEEK_END, SIZE_CODE, WAITING,
)  # fmt: skip
from playhead.hw import block
from playhead.hw.block import InFlight

TURN_NS, SOME_TURN_NS = 200_000_000, 20_000_000  # a turn of the disk; until the next address mark comes by
MULTITRACK, SKIP = 0x80, 0x20  # of a command's first byte
LOW, HIGH = 0x19, 0x1D  # SCAN
ANY = 0xFF  # a byte that a SCAN takes for equal
INPUT = ("read", "read_deleted", "read_track")
Place = tuple[int, int, int]


class FdcTransfers(FdcControl):
    # -- where a command begins and ends

    def asked(self) -> Place:
        """Track, head and sector as the command has them."""
        b = self.state.bytes
        return b[2], b[3] & 1, b[4]

    def _fail(self, status1: int = 0, status2: int = 0) -> None:
        self.finish(ABNORMAL, status1, status2, place=self._behind_moved())

    def _behind_moved(self) -> Place:
        """The sector behind those that the command has dealt with, as table 5-6 counts."""
        track, head, sector = self.asked()
        for _ in range(self.state.moved):
            if sector != self.state.eot and sector < self.format().track:
                sector += 1
                continue
            sector = 1
            if self.state.multitrack and not head and self.format().heads == 2:
                head = 1
            else:
                track, head = track + 1, 0 if self.state.multitrack else head
        return track & 0xFF, head, sector

    def _done(self, status2: int = 0) -> None:
        place = self._behind_moved()
        self.drive.sector = place[2]
        self.finish(self.state.status0 & SEEK_END, 0, status2, place=place)

    def _start(self, *, sector: int | None = None) -> bool:
        """Go to the place that the command names; False if it has ended because that is not possible."""
        s = self.state
        s.selected, s.moved, s.eot, s.status0 = self.unit, 0, s.bytes[6], 0
        s.multitrack = bool(s.bytes[0] & MULTITRACK)
        s.non_dma = bool(s.timers[1] & 1) or not s.dor & DMA_GATE
        track, head, first = self.asked()
        first = first if sector is None else sector
        if self._types[self.unit] == "none":
            self.finish(ABNORMAL, END_OF_TRACK, place=self.asked())
        elif not self.present(self.unit) or track >= self.format().cylinders or head >= self.format().heads:
            self._fail()
        elif first > self.format().track:
            self._fail(END_OF_TRACK)
        elif not first or s.bytes[5] != SIZE_CODE or (track != self.drive.track and not s.config & IMPLIED_SEEK):
            self._fail(NO_DATA)
        else:
            s.status0 = SEEK_END if self.move(track) else 0
            self.drive.head, self.drive.sector = head, first
            self._plan(track, head, first)
            return self._right_rate()
        return False

    def _right_rate(self) -> bool:
        if self.state.dsr & RATE == self.format().rate:
            return True
        self._fail(NO_ADDRESS)
        return False

    def _plan(self, track: int, head: int, first: int) -> None:
        s, shape = self.state, self.format()
        last = min(s.eot, shape.track) if s.eot >= first else shape.track
        s.lba, s.count = (track * shape.heads + head) * shape.track + first - 1, last - first + 1
        s.more = last if s.multitrack and not head and shape.heads == 2 else 0
        if not s.non_dma:
            most = -(-self._dma.left(self._channel) // SECTOR)
            s.count = min(s.count, most)
            s.more = min(s.more, most - s.count)

    def _other_side(self) -> bool:
        """Go on with the second piece; False if there is none."""
        s, shape = self.state, self.format()
        if not s.more:
            return False
        s.lba, s.count, s.more = (self.asked()[0] * 2 + 1) * shape.track, s.more, 0
        return True

    # -- the commands

    def read(self) -> None:
        if self._start():
            self._read_piece()

    def read_track(self) -> None:
        """From the first sector on, whatever the command says."""
        self.state.bytes[4] = 1
        self.read()

    def read_deleted(self) -> None:
        """No image has deleted sectors: the first one is read and shows that it is none, or all are skipped."""
        if not self._start():
            return
        self.state.count, self.state.more = 1, 0
        if self.state.bytes[0] & SKIP:
            self._fail(NO_DATA)
        else:
            self._read_piece()

    def write(self) -> None:
        if not self._start():
            return
        if self.drive.read_only:
            self._fail(NOT_WRITABLE)
        else:
            self._want((self.state.count + self.state.more) * SECTOR)

    def verify(self) -> None:
        """An image has no bad sectors; with the bit EC the command's last byte counts sectors."""
        s = self.state
        counted = bool(s.bytes[1] & 0x80)
        if self._start():
            s.moved = s.bytes[8] if counted else s.count + s.more
            self._done()

    def scan(self) -> None:
        if not self._start():
            return
        if self.state.non_dma:
            self._fail(NO_DATA)  # it would have to wait for both sides
        else:
            self._read_piece()

    def format_track(self) -> None:
        """An image keeps its format: a track of as many sectors is filled, another cannot be made."""
        s = self.state
        where, size, sectors, filler = (s.bytes[n] for n in (1, 2, 3, 5))
        track, head = self.drive.track, where >> 2 & 1
        for n, value in enumerate((track, head, 1, size, sectors), 2):  # as other commands have them
            s.bytes[n] = value
        s.bytes[7] = filler
        if not self._start():
            return
        if self.drive.read_only:
            self._fail(NOT_WRITABLE)
        elif sectors != self.format().track:
            self._fail(NO_DATA)
        else:
            s.more = 0
            s.lba, s.count = (track * self.format().heads + head) * sectors, sectors
            self._want(4 * sectors)

    def read_id(self) -> None:
        s = self.state
        s.selected, s.moved, s.status0, s.phase = self.unit, 0, 0, INDEX
        self.drive.head = s.bytes[1] >> 2 & 1
        self._alarm.arm(self._clock.now_ns() + SOME_TURN_NS)

    def _address_mark(self) -> None:
        """The next one has come by, or a whole turn without any."""
        s, drive = self.state, self.drive
        s.bytes[2], s.bytes[3], s.bytes[4] = drive.track, drive.head, drive.sector
        if not self.present(self.unit) or s.dsr & RATE != self.format().rate:
            self._fail(NO_ADDRESS)
            return
        drive.sector = s.bytes[4] = drive.sector % self.format().track + 1
        self.finish(0, place=self.asked())

    # -- the storage

    def _read_piece(self) -> None:
        s, behind = self.state, self._behind[self.unit]
        assert behind is not None
        there = max(min(s.count, self.drive.sectors - s.lba), 0)
        if there:
            self._started(block.READ, there, behind.read(s.lba, there))
        else:
            self._piece_read(b"")

    def _write_piece(self) -> None:
        s, behind = self.state, self._behind[self.unit]
        assert behind is not None
        there = max(min(s.count, self.drive.sectors - s.lba), 0)
        data = s.buffer[s.read : s.read + there * SECTOR]
        s.read += s.count * SECTOR
        if there:
            self._started(block.WRITE, there, behind.write(s.lba, data))
        else:
            self._piece_written()

    def _started(self, kind: int, count: int, id: int) -> None:
        r = self.state.request
        r.id, r.kind, r.lba, r.count = id, kind, self.state.lba, count
        self.state.phase = WAITING

    def forget(self) -> None:
        id, behind = self.state.request.id, self._behind[self.unit]
        self.state.request.reset()
        if id and behind is not None:
            behind.cancel(id)

    def drive_done(self, id: int, error: bool, data: bytes) -> bool:
        """A request has ended; False if nobody waits for it any more."""
        request = self.state.request.copy()
        if not id or request.id != id:
            return False
        self.state.request.reset()
        if request.kind == block.READ and not error and len(data) != request.count * SECTOR:
            raise FormatError(f"a read of {request.count} sectors at {request.lba} ended with {len(data)} bytes")
        if error:
            self._fail(NO_DATA)
        elif request.kind == block.READ:
            self._piece_read(data)
        else:
            self._piece_written()
        return True

    def in_flight(self) -> list[InFlight]:
        """The request under way; `drive` is the unit."""
        r = self.state.request
        return [InFlight(self.unit, r.id, r.kind, r.lba, r.count)] if r.id else []

    # -- data

    def _piece_read(self, data: bytes) -> None:
        s = self.state
        s.buffer, s.read = data.ljust(s.count * SECTOR, b"\0"), 0
        if s.non_dma:
            first, s.phase = not s.moved, PIO_IN
            self._wait_for_guest()
            if first:
                self.set_irq(True)
        else:
            self._wait_for_channel()

    def _want(self, length: int) -> None:
        s = self.state
        s.buffer, s.read = bytes(length), 0
        if s.non_dma:
            s.phase = PIO_OUT
            self._wait_for_guest()
            self.set_irq(True)
        else:
            self._wait_for_channel()

    def _wait_for_channel(self) -> None:
        self.state.phase = DMA
        self._wait_for_guest()
        self._dma.request(self._channel, True)
        if self._dma.ready(self._channel):
            self.dma_ready()

    def _wait_for_guest(self) -> None:
        self._alarm.arm(self._clock.now_ns() + TURN_NS)

    def waited(self) -> None:
        if self.state.phase == INDEX:
            self._address_mark()
        else:
            self._fail(OVERRUN)

    def dma_ready(self) -> None:
        s = self.state
        if s.phase != DMA:
            return
        self._alarm.cancel()
        self._dma.request(self._channel, False)
        left, method = self._dma.left(self._channel), self.command().method
        if method in INPUT:
            taken = self._dma.to_memory(self._channel, bytes(s.buffer), self.name)
            self._input_done(taken, taken >= left)
            return
        data = self._dma.from_memory(self._channel, len(s.buffer))
        if method == "scan":
            self._compare(data, len(data) >= left)
        else:
            self._output(data)

    def _input_done(self, taken: int, ended: bool) -> None:
        """Of a piece so much was taken; `ended`: the channel wants no more."""
        s = self.state
        s.moved += -(-taken // SECTOR)
        if s.bytes[0] & 0x1F == 0x0C:
            self._done(CONTROL_MARK)
        elif not ended and self._other_side():
            self._read_piece()
        else:
            self._done()

    def _output(self, data: bytes) -> None:
        """All that the command is to write."""
        s = self.state
        if self.command().method == "format_track":
            data = bytes((s.bytes[7],)) * (s.count * SECTOR)
        total = -(-len(data) // SECTOR)
        s.buffer, s.read = data.ljust(total * SECTOR, b"\0"), 0
        s.count = min(s.count, total)
        s.more = min(s.more, total - s.count)
        self._write_piece()

    def _piece_written(self) -> None:
        self.state.moved += self.state.count
        if self._other_side():
            self._write_piece()
        else:
            self._done()

    def _compare(self, data: bytes, ended: bool) -> None:
        """SCAN: sector by sector, until one fits."""
        s = self.state
        low, high = s.bytes[0] & 0x1F == LOW, s.bytes[0] & 0x1F == HIGH
        for at in range(0, len(data), SECTOR):
            pairs = list(zip(s.buffer[at : at + SECTOR], data[at : at + SECTOR], strict=False))
            equal = all(disk == memory or ANY in (disk, memory) for disk, memory in pairs)
            if equal or (low and all(a <= b for a, b in pairs)) or (high and all(a >= b for a, b in pairs)):
                self._done(SCAN_EQUAL if equal else 0)
                return
            s.moved += 1
        if not ended and self._other_side():
            self._read_piece()
        else:
            self._done(SCAN_UNSATISFIED)

    # -- the FIFO

    def read_data(self) -> int:
        s = self.state
        value = s.buffer[s.read]
        s.read += 1
        if s.irq:
            self.set_irq(False)
        if s.read == len(s.buffer):
            self._alarm.cancel()
            self._input_done(len(s.buffer), False)
        elif not s.read % SECTOR:
            self._wait_for_guest()
        return value

    def write_data(self, value: int) -> None:
        s = self.state
        s.buffer[s.read] = value
        s.read += 1
        if s.irq:
            self.set_irq(False)
        if s.read == len(s.buffer):
            self._alarm.cancel()
            self._output(bytes(s.buffer))
        elif not s.read % SECTOR:
            self._wait_for_guest()
