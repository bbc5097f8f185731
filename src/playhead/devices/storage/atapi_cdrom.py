"""An ATAPI CD-ROM drive: packet commands, what can go wrong with a medium, and the tray.

A packet command gets its twelve bytes through the data port; its reply goes by PIO, in blocks of at most the byte
count that the guest named, or by the bus master. Reading asks the storage for up to `AHEAD` blocks at once.

What lies in the tray, and whether that is open, survives resets. `eject` and `insert` are the user's fingers. A
medium that was put in shows once as "may have changed" (06/28) to the next command that needs to know.

Source: SFF-8020i revision 2.6, chapters 5 (protocol) and 10 (commands); ATA/ATAPI-6, 9.8 and 9.9 (PACKET protocols);
MMC-3 for GET CONFIGURATION, GET EVENT STATUS NOTIFICATION and READ CD.
"""

from playhead.devices.storage import ata_identify
from playhead.devices.storage.ata_commands import FEATURE_MODE, FEATURE_REVERT, MODES, POWER, SET_FEATURES
from playhead.devices.storage.atapi_packets import (
    CHANGED, EVENT_EJECT, EVENT_NEW, EVENT_REMOVAL, ILLEGAL_REQUEST, INVALID_COMMAND, INVALID_FIELD, MEDIUM_ERROR,
    NO_MEDIUM, NOT_READY, OUT_OF_RANGE, PACKETS, UNIT_ATTENTION, UNRECOVERED,
)  # fmt: skip
from playhead.devices.storage.atapi_replies import BLOCK
from playhead.devices.storage.ide_state import ABRT, COUNT, DRQ, FEATURES, HIGH, MID, PIO_OUT
from playhead.devices.storage.ide_unit import PROPERTIES, READY, IdeUnit
from playhead.hw.declared import Declared

AHEAD, PIECE = 16, 512  # blocks, by PIO and by DMA
PER_BLOCK = BLOCK // 512
PACKET, IDENTIFY_PACKET, DEVICE_RESET, CHECK_POWER, ACTIVE = 0xA0, 0xA1, 0x08, 0xE5, 0xFF
SIGNS = (0xEC, 0x20, 0x21)  # commands for disks, refused by showing what this is
PACKET_LENGTH = 12
USE_DMA, OVERLAP = 1, 2  # bits of the features register
REASON, COD, IO = 7, 1, 2  # bits of the interrupt reason, which is the sector count


class AtapiCdrom(IdeUnit):
    SIGNATURE = (1, 1, 0x14, 0xEB)
    RESET_STATUS = 0
    DEVICE_RESET = True
    QEMU = Declared(
        "ide-cd", "IDE", "a CD-ROM drive on an IDE channel", PROPERTIES, most=4, needs=("piix3-ide",),
        creatable=True, category="Storage",
    )  # fmt: skip

    def power_on(self) -> None:
        self.s.cdrom.sectors = self.drive.sectors

    def reset(self) -> None:
        super().reset()
        c = self.s.cdrom
        c.packet, c.dma, c.limit, c.key, c.asc, c.ascq = False, False, 0, 0, 0, 0

    # -- the user

    def eject(self, force: bool = False) -> bool:
        """Take the medium out. A locked drive keeps it, says False, and tells the guest that somebody wants it; unless
        by force.
        """
        c = self.s.cdrom
        if c.locked and not force:
            c.event = EVENT_EJECT
            return False
        if c.sectors:
            c.event = EVENT_REMOVAL
        c.sectors, c.tray_open, c.attention = 0, True, False
        if self.s.request.id:
            self.cancel()
            self.check(NOT_READY, NO_MEDIUM, 2)
        return True

    def insert(self, sectors: int) -> None:
        """Put a medium of this size (in 512 bytes) in and close the tray; another that lay there is gone."""
        if self.s.request.id:
            self.cancel()
            self.check(UNIT_ATTENTION, CHANGED)
        self.s.cdrom.sectors = sectors
        self.close()

    def close(self) -> None:
        c = self.s.cdrom
        c.tray_open = False
        if c.sectors:
            c.attention, c.event = True, EVENT_NEW

    @property
    def blocks(self) -> int:
        """Of the medium that can be used now."""
        c = self.s.cdrom
        return 0 if c.tray_open else c.sectors // PER_BLOCK

    # -- ATA commands

    def execute(self, command: int) -> None:
        s = self.s
        s.cdrom.packet = False
        if command == PACKET:
            self._take_packet()
        elif command == IDENTIFY_PACKET:
            s.buffer = bytearray(ata_identify.cdrom(self.drive.serial, self.drive.model, s.cdrom.mode))
            s.at = 0
            self.offer(len(s.buffer))
        elif command == DEVICE_RESET:
            self.reset()
            self._changed()
        elif command == CHECK_POWER or command in POWER:
            s.regs[COUNT] = ACTIVE if command == CHECK_POWER else s.regs[COUNT]
            self.finish()
        elif command == SET_FEATURES and s.regs[FEATURES] == FEATURE_MODE and s.regs[COUNT] in MODES:
            s.cdrom.mode = s.regs[COUNT] if s.regs[COUNT] >= 0x20 else s.cdrom.mode
            self.finish()
        elif command == SET_FEATURES and s.regs[FEATURES] in FEATURE_REVERT:
            self.finish()
        else:
            if command in SIGNS:
                self.sign()
            self.fail(ABRT)

    def _take_packet(self) -> None:
        s, c = self.s, self.s.cdrom
        if s.regs[FEATURES] & OVERLAP:
            self.fail(ABRT)
            return
        c.dma, c.limit, c.packet = bool(s.regs[FEATURES] & USE_DMA), s.regs[MID] | s.regs[HIGH] << 8, True
        self._reason(COD)
        s.phase, s.buffer, s.at, s.stop, s.status = PIO_OUT, bytearray(PACKET_LENGTH), 0, PACKET_LENGTH, READY | DRQ

    def _reason(self, bits: int) -> None:
        self.s.regs[COUNT] = self.s.regs[COUNT] & ~REASON | bits

    # -- packet commands

    def block_filled(self) -> None:
        c, packet = self.s.cdrom, bytes(self.s.buffer)
        c.packet = False
        self.s.buffer, self.s.at = bytearray(), 0
        how = PACKETS.get(packet[0])
        if how is None:
            self.check(ILLEGAL_REQUEST, INVALID_COMMAND)
        elif c.attention and not how.quiet:
            c.attention = False
            self.check(UNIT_ATTENTION, CHANGED)
        elif how.medium and not self.blocks:
            self.check(NOT_READY, NO_MEDIUM, 2 if c.tray_open else 1)
        else:
            if packet[0] != 0x03:
                c.key = c.asc = c.ascq = 0
            how.carry_out(self, packet)

    def good(self) -> None:
        self._reason(COD | IO)
        self.finish()

    def check(self, key: int, asc: int, ascq: int = 0) -> None:
        """CHECK CONDITION."""
        c = self.s.cdrom
        c.key, c.asc, c.ascq = key, asc, ascq
        self._reason(COD | IO)
        self.fail(key << 4)

    def reply(self, data: bytes | None, allocation: int) -> None:
        """Data that are there at once; None for a field that makes no sense."""
        if data is None:
            self.check(ILLEGAL_REQUEST, INVALID_FIELD)
        elif not data or not allocation:
            self.good()
        elif self._can_send():
            self.s.buffer = bytearray(data[:allocation])
            self.wait_for_master() if self.s.cdrom.dma else self._next_block()

    def _can_send(self) -> bool:
        """By PIO a limit is needed."""
        if not self.s.cdrom.dma and not self.s.cdrom.limit:
            self._reason(COD | IO)
            self.fail(ABRT)
            return False
        return True

    def _next_block(self) -> None:
        s = self.s
        left = len(s.buffer) - s.at
        size = min(s.cdrom.limit, 0xFFFE)
        size = left if size >= left else max(size & ~1, 2)
        s.regs[MID], s.regs[HIGH] = size & 0xFF, size >> 8
        self._reason(IO)
        self.offer(s.at + size)

    def block_read(self) -> None:
        s = self.s
        if s.command == IDENTIFY_PACKET:
            self.end_quietly()
        elif s.at < len(s.buffer):
            self._next_block()
        elif s.left:
            self._read_on()
        else:
            self.good()

    def dma_ready(self) -> None:
        if self.s.left:
            self._read_on()
        else:
            self._send(bytes(self.s.buffer))

    def _send(self, data: bytes) -> None:
        """By the bus master."""
        if not self.master.to_memory(data):
            self.end_quietly()
        elif self.s.left:
            self._read_on()
        else:
            self.master.finish()
            self.good()

    # -- reading

    def read(self, block: int, count: int) -> None:
        s = self.s
        if block + count > self.blocks:
            self.check(ILLEGAL_REQUEST, OUT_OF_RANGE)
        elif not count:
            self.good()
        elif self._can_send():
            s.lba, s.left = block, count
            self.wait_for_master() if s.cdrom.dma else self._read_on()

    def _read_on(self) -> None:
        s = self.s
        if s.lba + s.left > self.blocks:  # it was taken out meanwhile
            self.check(NOT_READY, NO_MEDIUM, 2 if s.cdrom.tray_open else 1)
            return
        self.start_read(s.lba * PER_BLOCK, min(s.left, PIECE if s.cdrom.dma else AHEAD) * PER_BLOCK)

    def request_done(self, kind: int, lba: int, count: int, error: bool, data: bytes) -> None:
        s = self.s
        if error:
            self.check(MEDIUM_ERROR, UNRECOVERED)
            return
        s.lba += count // PER_BLOCK
        s.left -= count // PER_BLOCK
        if s.cdrom.dma:
            self._send(data)
        else:
            s.buffer, s.at = bytearray(data), 0
            self._next_block()
