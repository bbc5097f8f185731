"""An ATA hard disk: the commands of ATA/ATAPI-6's general feature set, and TRIM.

Reads by PIO ask the storage for some blocks at once (`AHEAD`) and hand them out block by block; if such a read fails,
it is repeated by single blocks, so that the error is found at its block. Writes by PIO go block by block, DMA in
pieces of at most `PIECE`: a piece is sampled from the guest's memory when it is started, which for all but huge
commands is when the command and the bus master are both started.

An address beyond the end is refused at the start of the command (IDNF) and nothing is moved. READ VERIFY checks the
address only. SLEEP is STANDBY: the drive goes on hearing commands.

Source: ATA/ATAPI-6 (T13/1410D), chapter 8 (commands), 6.2 (addresses); ATA8-ACS for DATA SET MANAGEMENT.
"""

from playhead.devices.storage import ata_identify
from playhead.devices.storage.ata_commands import (
    CHECK_POWER, DATA_SET_MANAGEMENT, FEATURE_LOOK_AHEAD, FEATURE_MODE, FEATURE_REVERT, FEATURE_WRITE_CACHE, FLUSHES,
    IDENTIFY, INITIALIZE, MODES, POWER, READ_NATIVE_MAX, READ_VERIFY, RECALIBRATE, SEEK, SET_FEATURES, SET_MULTIPLE,
    TRANSFERS, Transfer,
)  # fmt: skip
from playhead.devices.storage.ide_state import (
    ABRT, COUNT, DEV_LBA, DEVICE, FEATURES, HIGH, IDNF, LOW, MID, UNC,
)  # fmt: skip
from playhead.devices.storage.ide_unit import PROPERTIES, IdeUnit
from playhead.hw.block import DISCARD, FLUSH, READ, SECTOR
from playhead.hw.declared import Declared

AHEAD = 32  # sectors
PIECE = 2048  # sectors
MULTIPLE_MAX = 16
NATIVE_MAX_LIMIT = ata_identify.LBA28_MAX
ACTIVE, STANDBY = 0xFF, 0x00
DSM_TRIM, DSM_BLOCKS = 1, 8


class AtaDisk(IdeUnit):
    """`drive.sectors` is its size, which does not change."""

    QEMU = Declared(
        "ide-hd", "IDE", "a disk on an IDE channel", PROPERTIES, most=4, needs=("piix3-ide",),
        creatable=True, category="Storage",
    )  # fmt: skip

    def reset(self) -> None:
        """Settings stay: after the reset line they are the defaults anyway."""
        super().reset()
        d = self.s.disk
        mode, write_cache, heads, track = d.mode, d.write_cache, d.heads, d.track
        d.reset()
        d.mode, d.write_cache, d.heads, d.track = mode, write_cache, heads, track

    # -- commands

    def execute(self, command: int) -> None:
        if command in TRANSFERS:
            self._transfer(TRANSFERS[command])
        elif command in READ_VERIFY:
            self._verify(READ_VERIFY[command])
        elif command in FLUSHES:
            self.start_flush()
        elif command == IDENTIFY:
            self._identify()
        elif command == SET_FEATURES:
            self._set_features(self.s.regs[FEATURES], self.s.regs[COUNT])
        elif command == DATA_SET_MANAGEMENT:
            self._data_set_management()
        else:
            self._simple(command)

    def _simple(self, command: int) -> None:
        """The commands that end at once."""
        s = self.s
        if command in READ_NATIVE_MAX:
            self._native_max(READ_NATIVE_MAX[command])
        elif command == SET_MULTIPLE:
            self._set_multiple(s.regs[COUNT])
        elif command == INITIALIZE:
            self._initialize(s.regs[COUNT], (s.regs[DEVICE] & 0xF) + 1)
        elif command in POWER:
            s.disk.standby = POWER[command]
            self.finish()
        elif command in CHECK_POWER:
            s.regs[COUNT] = STANDBY if s.disk.standby else ACTIVE
            self.finish()
        elif command in RECALIBRATE or command in SEEK:
            self.finish()
        else:
            self.fail(ABRT)  # NOP too

    def _identify(self) -> None:
        d = self.s.disk
        self.s.buffer = bytearray(ata_identify.disk(
            self.drive.sectors, self.drive.serial, self.drive.model, multiple=d.multiple, heads=d.heads,
            track=d.track, mode=d.mode, write_cache=d.write_cache, look_ahead=d.look_ahead,
            trim=not self.drive.read_only,
        ))  # fmt: skip
        self.s.at = 0
        self.offer(SECTOR)

    def _set_features(self, feature: int, count: int) -> None:
        d = self.s.disk
        if feature in FEATURE_WRITE_CACHE:
            d.write_cache = FEATURE_WRITE_CACHE[feature]
            if not d.write_cache:
                self.start_flush()
                return
        elif feature in FEATURE_LOOK_AHEAD:
            d.look_ahead = FEATURE_LOOK_AHEAD[feature]
        elif feature == FEATURE_MODE and count in MODES:
            d.mode = count if count >= 0x20 else d.mode
        elif feature not in FEATURE_REVERT:
            self.fail(ABRT)
            return
        self.finish()

    def _set_multiple(self, count: int) -> None:
        if count > MULTIPLE_MAX or count & count - 1:
            self.fail(ABRT)
        else:
            self.s.disk.multiple = count
            self.finish()

    def _initialize(self, track: int, heads: int) -> None:
        if not track:
            self.fail(ABRT)
        else:
            self.s.disk.heads, self.s.disk.track = heads, track
            self.finish()

    def _native_max(self, ext: bool) -> None:
        last = self.drive.sectors - 1
        self._show_address(last if ext else min(last, NATIVE_MAX_LIMIT), ext, lba_mode=True)
        self.finish()

    def _verify(self, ext: bool) -> None:
        if self._locate(ext):
            self.s.disk.standby = False
            self.finish()

    # -- addresses

    def _locate(self, ext: bool) -> bool:
        """Find where the command begins and how much it moves; False if that is not on the disk, which ends it."""
        s = self.s
        count = s.regs[COUNT] | (s.hob[COUNT] << 8 if ext else 0)
        s.left = count or (0x10000 if ext else 0x100)
        lba = self._address(ext)
        if lba is None or lba + s.left > self.drive.sectors:
            self.fail(IDNF)
            return False
        s.lba = lba
        return True

    def _address(self, ext: bool) -> int | None:
        s = self.s
        low, mid, high, device = (s.regs[i] for i in (LOW, MID, HIGH, DEVICE))
        if ext:
            above = s.hob[LOW] | s.hob[MID] << 8 | s.hob[HIGH] << 16
            return above << 24 | high << 16 | mid << 8 | low
        if device & DEV_LBA:
            return (device & 0xF) << 24 | high << 16 | mid << 8 | low
        if not 1 <= low <= s.disk.track or device & 0xF >= s.disk.heads:
            return None
        return ((high << 8 | mid) * s.disk.heads + (device & 0xF)) * s.disk.track + low - 1

    def _show_address(self, lba: int, ext: bool, *, lba_mode: bool) -> None:
        """Put an address into the registers, in the form in which the command's was."""
        s = self.s
        if ext:
            for i, register in enumerate((LOW, MID, HIGH)):
                s.regs[register], s.hob[register] = lba >> 8 * i & 0xFF, lba >> 24 + 8 * i & 0xFF
            return
        if not lba_mode:
            heads, track = max(s.disk.heads, 1), max(s.disk.track, 1)
            cylinder, rest = divmod(lba, heads * track)
            lba = (rest // track) << 24 | (cylinder & 0xFFFF) << 8 | rest % track + 1
        for i, register in enumerate((LOW, MID, HIGH)):
            s.regs[register] = lba >> 8 * i & 0xFF
        s.regs[DEVICE] = s.regs[DEVICE] & 0xF0 | lba >> 24 & 0xF

    def _advance(self, sectors: int) -> None:
        """So many sectors have been moved."""
        s = self.s
        s.lba += sectors
        s.left -= sectors
        self._progress()

    def _progress(self) -> None:
        """Show in the registers where the transfer is."""
        s, t = self.s, TRANSFERS.get(self.s.command)
        ext = t is not None and t.ext
        s.regs[COUNT] = s.left & 0xFF
        if ext:
            s.hob[COUNT] = s.left >> 8 & 0xFF
        self._show_address(s.lba, ext, lba_mode=bool(s.regs[DEVICE] & DEV_LBA))

    def _error(self, error: int) -> None:
        self._progress()
        self.fail(error)

    # -- moving sectors

    def _transfer(self, t: Transfer) -> None:
        s = self.s
        if (t.write and self.drive.read_only) or (t.multiple and not s.disk.multiple):
            self.fail(ABRT)
            return
        if not self._locate(t.ext):
            return
        s.disk.standby = s.disk.careful = False
        if t.dma:
            self.wait_for_master()
        elif t.write:
            self.want(self._block() * SECTOR, interrupt=False)
        else:
            self._read_on()

    def _block(self) -> int:
        """Sectors that move between two interrupts."""
        t = TRANSFERS.get(self.s.command)
        return min(self.s.disk.multiple if t is not None and t.multiple else 1, self.s.left)

    def _read_on(self) -> None:
        s = self.s
        self.start_read(s.lba, self._block() if s.disk.careful else min(s.left, AHEAD))

    def block_read(self) -> None:
        s = self.s
        if s.command == IDENTIFY:
            self.end_quietly()
            return
        self._advance(self._block())
        if s.at < len(s.buffer):
            self.offer(min(s.at + self._block() * SECTOR, len(s.buffer)))
        elif s.left:
            self._read_on()
        else:
            self.end_quietly()  # no interrupt tells of this end

    def block_filled(self) -> None:
        self.start_write(self.s.lba, bytes(self.s.buffer))

    def dma_ready(self) -> None:
        s = self.s
        if s.command == DATA_SET_MANAGEMENT:
            data = self.master.from_memory(s.left * SECTOR)
            if data is None:
                self.end_quietly()
                return
            s.buffer, s.at = bytearray(data), 0
            self._trim_on()
            return
        count = min(s.left, PIECE)
        if not TRANSFERS[s.command].write:
            self.start_read(s.lba, count)
            return
        data = self.master.from_memory(count * SECTOR)
        if data is None:
            self.end_quietly()
        else:
            self.start_write(s.lba, data)

    def request_done(self, kind: int, lba: int, count: int, error: bool, data: bytes) -> None:
        s = self.s
        if kind == FLUSH:
            self.fail(ABRT) if error else self.finish()
        elif kind == DISCARD:
            self.fail(ABRT) if error else self._trim_on()
        elif error:
            self._failed(kind, count)
        elif s.by_dma:
            self._dma_done(kind, count, data)
        elif kind == READ:
            s.buffer, s.at = bytearray(data), 0
            self.offer(self._block() * SECTOR)
        else:
            self._advance(count)
            if s.left:
                self.want(self._block() * SECTOR, interrupt=True)
            else:
                self.finish()

    def _failed(self, kind: int, count: int) -> None:
        s = self.s
        if kind == READ and not s.by_dma and count > self._block():
            s.disk.careful = True
            self._read_on()
        else:
            self._error(UNC if kind == READ else ABRT)

    def _dma_done(self, kind: int, count: int, data: bytes) -> None:
        s = self.s
        if kind == READ and not self.master.to_memory(data):
            self.end_quietly()
            return
        self._advance(count)
        if s.left:
            self.dma_ready()
        else:
            self.master.finish()
            self.finish()

    # -- TRIM

    def _data_set_management(self) -> None:
        """Data: entries of an address (6 bytes) and a number of sectors (2 bytes)."""
        s = self.s
        blocks = s.regs[COUNT] | s.hob[COUNT] << 8
        if s.regs[FEATURES] != DSM_TRIM or not 0 < blocks <= DSM_BLOCKS or self.drive.read_only:
            self.fail(ABRT)
            return
        s.left = blocks
        self.wait_for_master()

    def _trim_on(self) -> None:
        s = self.s
        while s.at < len(s.buffer):
            entry = int.from_bytes(s.buffer[s.at : s.at + 8], "little")
            lba, count = entry & (1 << 48) - 1, entry >> 48
            s.at += 8
            if lba + count > self.drive.sectors:
                self.fail(IDNF)
                return
            if count:
                self.start_discard(lba, count)
                return
        self.master.finish()
        self.finish()
