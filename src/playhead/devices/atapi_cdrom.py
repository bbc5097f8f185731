"""An ATAPI CD-ROM drive: packet commands, what can go wrong with a medium, and the tray.

A packet command gets its twelve bytes through the data port; its reply goes by PIO, in blocks of at most the byte
count that the guest named, or by the bus master. Reading asks the storage for up to `AHEAD` blocks at once.

What lies in the tray, and whether that is open, survives resets. `eject` and `insert` are the user's fingers. A
medium that was put in shows once as "may have changed" (06/28) to the next command that needs to know.

Source: SFF-8020i revision 2.6, chapters 5 (protocol) and 10 (commands); ATA/ATAPI-6, 9.8 and 9.9 (PACKET protocols);
MMC-3 for GET CONFIGURATION, GET EVENT STATUS NOTIFICATION and READ CD.
"""

from collections.abc import Callable
from dataclasses import dataclass

from playhead.devices import ata_identify, atapi_replies
from playhead.devices.ata_disk import FEATURE_MODE, FEATURE_REVERT, MODES, POWER
from playhead.devices.atapi_replies import BLOCK
from playhead.devices.ide_state import ABRT, COUNT, DRQ, FEATURES, HIGH, MID, PIO_OUT
from playhead.devices.ide_unit import READY, IdeUnit

AHEAD, PIECE = 16, 512  # blocks, by PIO and by DMA
PER_BLOCK = BLOCK // 512
PACKET, IDENTIFY_PACKET, DEVICE_RESET, CHECK_POWER, ACTIVE = 0xA0, 0xA1, 0x08, 0xE5, 0xFF
SIGNS = (0xEC, 0x20, 0x21)  # commands for disks, refused by showing what this is
PACKET_LENGTH = 12
USE_DMA, OVERLAP = 1, 2  # bits of the features register
REASON, COD, IO = 7, 1, 2  # bits of the interrupt reason, which is the sector count

NOT_READY, MEDIUM_ERROR, ILLEGAL_REQUEST, UNIT_ATTENTION = 2, 3, 5, 6
UNRECOVERED, INVALID_COMMAND, OUT_OF_RANGE, INVALID_FIELD, CHANGED = 0x11, 0x20, 0x21, 0x24, 0x28
INCOMPATIBLE, NO_SAVED, NO_MEDIUM, PREVENTED, WRONG_MODE = 0x30, 0x39, 0x3A, 0x53, 0x64
EVENT_EJECT, EVENT_NEW, EVENT_REMOVAL = 1, 2, 3
NO_DISC, DOOR_OPEN, DATA_DISC = 0x70, 0x71, 0x01  # medium types in a mode header


@dataclass(frozen=True, slots=True)
class Packet:
    """How a packet command is carried out; `quiet`: it neither reports nor clears that the medium changed."""

    method: Callable[["AtapiCdrom", bytes], None]
    medium: bool = False
    quiet: bool = False


def number(packet: bytes, at: int, length: int) -> int:
    return int.from_bytes(packet[at : at + length], "big")


class AtapiCdrom(IdeUnit):
    SIGNATURE = (1, 1, 0x14, 0xEB)
    RESET_STATUS = 0
    DEVICE_RESET = True

    def power_on(self) -> None:
        self.s.cdrom.sectors = self.drive.sectors

    def reset(self) -> None:
        super().reset()
        c = self.s.cdrom
        c.packet, c.dma, c.limit, c.key, c.asc, c.ascq = False, False, 0, 0, 0, 0

    # -- the user

    def eject(self) -> bool:
        """Take the medium out. A locked drive keeps it, says False, and tells the guest that somebody wants it."""
        c = self.s.cdrom
        if c.locked:
            c.event = EVENT_EJECT
            return False
        if c.sectors:
            c.event = EVENT_REMOVAL
        c.sectors, c.tray_open, c.attention = 0, True, False
        if self.s.request.id:
            self.cancel()
            self._check(NOT_READY, NO_MEDIUM, 2)
        return True

    def insert(self, sectors: int) -> None:
        """Put a medium of this size (in 512 bytes) in and close the tray; another that lay there is gone."""
        if self.s.request.id:
            self.cancel()
            self._check(UNIT_ATTENTION, CHANGED)
        self.s.cdrom.sectors = sectors
        self._close()

    def _close(self) -> None:
        c = self.s.cdrom
        c.tray_open = False
        if c.sectors:
            c.attention, c.event = True, EVENT_NEW

    @property
    def _blocks(self) -> int:
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
        elif command == 0xEF and s.regs[FEATURES] == FEATURE_MODE and s.regs[COUNT] in MODES:
            s.cdrom.mode = s.regs[COUNT] if s.regs[COUNT] >= 0x20 else s.cdrom.mode
            self.finish()
        elif command == 0xEF and s.regs[FEATURES] in FEATURE_REVERT:
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
            self._check(ILLEGAL_REQUEST, INVALID_COMMAND)
        elif c.attention and not how.quiet:
            c.attention = False
            self._check(UNIT_ATTENTION, CHANGED)
        elif how.medium and not self._blocks:
            self._check(NOT_READY, NO_MEDIUM, 2 if c.tray_open else 1)
        else:
            if packet[0] != 0x03:
                c.key = c.asc = c.ascq = 0
            how.method(self, packet)

    def _good(self) -> None:
        self._reason(COD | IO)
        self.finish()

    def _check(self, key: int, asc: int, ascq: int = 0) -> None:
        """CHECK CONDITION."""
        c = self.s.cdrom
        c.key, c.asc, c.ascq = key, asc, ascq
        self._reason(COD | IO)
        self.fail(key << 4)

    def _reply(self, data: bytes | None, allocation: int) -> None:
        """Data that are there at once; None for a field that makes no sense."""
        if data is None:
            self._check(ILLEGAL_REQUEST, INVALID_FIELD)
        elif not data or not allocation:
            self._good()
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
            self._good()

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
            self._good()

    # -- reading

    def _read(self, block: int, count: int) -> None:
        s = self.s
        if block + count > self._blocks:
            self._check(ILLEGAL_REQUEST, OUT_OF_RANGE)
        elif not count:
            self._good()
        elif self._can_send():
            s.lba, s.left = block, count
            self.wait_for_master() if s.cdrom.dma else self._read_on()

    def _read_on(self) -> None:
        s = self.s
        if s.lba + s.left > self._blocks:  # it was taken out meanwhile
            self._check(NOT_READY, NO_MEDIUM, 2 if s.cdrom.tray_open else 1)
            return
        self.start_read(s.lba * PER_BLOCK, min(s.left, PIECE if s.cdrom.dma else AHEAD) * PER_BLOCK)

    def request_done(self, kind: int, lba: int, count: int, error: bool, data: bytes) -> None:
        s = self.s
        if error:
            self._check(MEDIUM_ERROR, UNRECOVERED)
            return
        s.lba += count // PER_BLOCK
        s.left -= count // PER_BLOCK
        if s.cdrom.dma:
            self._send(data)
        else:
            s.buffer, s.at = bytearray(data), 0
            self._next_block()

    def read_10(self, packet: bytes) -> None:
        self._read(number(packet, 2, 4), number(packet, 7, 2))

    def read_12(self, packet: bytes) -> None:
        self._read(number(packet, 2, 4), number(packet, 6, 4))

    def read_cd(self, packet: bytes) -> None:
        """User data of data sectors only."""
        if packet[1] >> 2 & 7 not in (0, 2):
            self._check(ILLEGAL_REQUEST, WRONG_MODE)
        elif packet[9] & 0xF8 not in (0x00, 0x10) or packet[9] & 0x06 or packet[10] & 7:
            self._check(ILLEGAL_REQUEST, INVALID_FIELD)
        else:
            self._read(number(packet, 2, 4), number(packet, 6, 3) if packet[9] & 0x10 else 0)

    def seek(self, packet: bytes) -> None:
        self._read(number(packet, 2, 4) + 1, 0)

    def read_capacity(self, packet: bytes) -> None:
        self._reply(atapi_replies.capacity(self._blocks), 8)

    def read_toc(self, packet: bytes) -> None:
        msf, first = bool(packet[1] & 2), packet[6]
        form = packet[2] & 0xF or packet[9] >> 6
        data = None
        if form == 0:
            data = atapi_replies.toc(self._blocks, first, msf)
        elif form == 1:
            data = atapi_replies.sessions(msf)
        elif form == 2:
            data = atapi_replies.full_toc(self._blocks, msf=True)
        self._reply(data, number(packet, 7, 2))

    def read_disc_information(self, packet: bytes) -> None:
        self._reply(None if packet[1] & 7 else atapi_replies.disc_information(), number(packet, 7, 2))

    def read_dvd_structure(self, packet: bytes) -> None:
        """There is none to read."""
        cd = atapi_replies.is_cd(self._blocks)
        self._check(ILLEGAL_REQUEST, *((INCOMPATIBLE, 2) if cd else (INVALID_FIELD, 0)))

    # -- about the drive

    def test_unit_ready(self, packet: bytes) -> None:
        self._good()

    def request_sense(self, packet: bytes) -> None:
        c = self.s.cdrom
        if c.attention and not c.key:
            c.attention, c.key, c.asc, c.ascq = False, UNIT_ATTENTION, CHANGED, 0
        data = atapi_replies.sense(c.key, c.asc, c.ascq)
        c.key = c.asc = c.ascq = 0
        self._reply(data, packet[4])

    def inquiry(self, packet: bytes) -> None:
        """No vital product data."""
        self._reply(None if packet[1] & 3 or packet[2] else atapi_replies.inquiry(self.drive.model), packet[4])

    def mode_sense_6(self, packet: bytes) -> None:
        self._mode_sense(packet, packet[4], atapi_replies.mode_header_6)

    def mode_sense_10(self, packet: bytes) -> None:
        self._mode_sense(packet, number(packet, 7, 2), atapi_replies.mode_header_10)

    def _mode_sense(self, packet: bytes, allocation: int, header: Callable[[int, int], bytes]) -> None:
        control, c = packet[2] >> 6, self.s.cdrom
        if control == 3:
            self._check(ILLEGAL_REQUEST, NO_SAVED)
            return
        pages = atapi_replies.mode_pages(packet[2] & 0x3F, locked=c.locked, changeable=control == 1)
        medium = DOOR_OPEN if c.tray_open else DATA_DISC if c.sectors else NO_DISC
        self._reply(None if pages is None else header(medium, len(pages)) + pages, allocation)

    def get_configuration(self, packet: bytes) -> None:
        request = packet[1] & 3
        data = None if request == 3 else atapi_replies.configuration(self._blocks, number(packet, 2, 2), request)
        self._reply(data, number(packet, 7, 2))

    def get_event_status(self, packet: bytes) -> None:
        """Polled only; media events only."""
        c, data = self.s.cdrom, None
        if packet[1] & 1:
            if packet[4] & 1 << atapi_replies.EVENT_MEDIA:
                data = atapi_replies.media_event(c.event, bool(self._blocks), c.tray_open)
                c.event = 0
            else:
                data = atapi_replies.no_event()
        self._reply(data, number(packet, 7, 2))

    def mechanism_status(self, packet: bytes) -> None:
        self._reply(atapi_replies.mechanism(self.s.cdrom.tray_open), number(packet, 8, 2))

    def set_speed(self, packet: bytes) -> None:
        self._good()

    def prevent_allow(self, packet: bytes) -> None:
        self.s.cdrom.locked = bool(packet[4] & 1)
        self._good()

    def start_stop(self, packet: bytes) -> None:
        c, load_eject, start = self.s.cdrom, packet[4] & 2, packet[4] & 1
        if packet[4] >> 4 == 0 and load_eject:
            if start and c.tray_open:
                self._close()
            elif not start and c.locked and not c.tray_open:
                self._check(ILLEGAL_REQUEST, PREVENTED, 2)
                return
            elif not start:
                c.tray_open = True
        self._good()


PACKETS = {
    0x00: Packet(AtapiCdrom.test_unit_ready, medium=True),
    0x03: Packet(AtapiCdrom.request_sense, quiet=True),
    0x12: Packet(AtapiCdrom.inquiry, quiet=True),
    0x1A: Packet(AtapiCdrom.mode_sense_6),
    0x1B: Packet(AtapiCdrom.start_stop),
    0x1E: Packet(AtapiCdrom.prevent_allow),
    0x25: Packet(AtapiCdrom.read_capacity, medium=True),
    0x28: Packet(AtapiCdrom.read_10, medium=True),
    0x2B: Packet(AtapiCdrom.seek, medium=True),
    0x43: Packet(AtapiCdrom.read_toc, medium=True),
    0x46: Packet(AtapiCdrom.get_configuration, quiet=True),
    0x4A: Packet(AtapiCdrom.get_event_status, quiet=True),
    0x51: Packet(AtapiCdrom.read_disc_information, medium=True),
    0x5A: Packet(AtapiCdrom.mode_sense_10),
    0xA8: Packet(AtapiCdrom.read_12, medium=True),
    0xAD: Packet(AtapiCdrom.read_dvd_structure, medium=True),
    0xBB: Packet(AtapiCdrom.set_speed, quiet=True),
    0xBD: Packet(AtapiCdrom.mechanism_status, quiet=True),
    0xBE: Packet(AtapiCdrom.read_cd, medium=True),
}
