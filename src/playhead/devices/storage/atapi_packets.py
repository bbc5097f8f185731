"""The packet commands of a CD-ROM drive, each a function that a table names; how they are taken is atapi_cdrom.py's.

Source: SFF-8020i revision 2.6, chapter 10 (packet commands); MMC-3 (T10/1363-D), chapter 6, for GET CONFIGURATION, GET
EVENT STATUS NOTIFICATION, READ CD and the sense codes.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from playhead.devices.storage import atapi_replies
from playhead.devices.storage.ide_state import UnitState
from playhead.hw.block import Drive

NOT_READY, MEDIUM_ERROR, ILLEGAL_REQUEST, UNIT_ATTENTION = 2, 3, 5, 6
UNRECOVERED, INVALID_COMMAND, OUT_OF_RANGE, INVALID_FIELD, CHANGED = 0x11, 0x20, 0x21, 0x24, 0x28
INCOMPATIBLE, NO_SAVED, NO_MEDIUM, PREVENTED, WRONG_MODE = 0x30, 0x39, 0x3A, 0x53, 0x64
EVENT_EJECT, EVENT_NEW, EVENT_REMOVAL = 1, 2, 3
NO_DISC, DOOR_OPEN, DATA_DISC = 0x70, 0x71, 0x01  # medium types in a mode header


class CdromDrive(Protocol):
    """What a packet command needs of the drive that carries it out (atapi_cdrom.py)."""

    s: UnitState
    drive: Drive

    @property
    def blocks(self) -> int: ...

    def read(self, block: int, count: int) -> None: ...

    def reply(self, data: bytes | None, allocation: int) -> None: ...

    def good(self) -> None: ...

    def check(self, key: int, asc: int, ascq: int = 0) -> None: ...

    def close(self) -> None: ...


class Packet(NamedTuple):
    """How a packet command is carried out, and whether it needs a medium; `quiet`: it neither reports nor clears that
    the medium changed."""

    carry_out: Callable[[CdromDrive, bytes], None]
    medium: bool = False
    quiet: bool = False


def number(packet: bytes, at: int, length: int) -> int:
    return int.from_bytes(packet[at : at + length], "big")


# -- reading


def read_10(drive: CdromDrive, packet: bytes) -> None:
    drive.read(number(packet, 2, 4), number(packet, 7, 2))


def read_12(drive: CdromDrive, packet: bytes) -> None:
    drive.read(number(packet, 2, 4), number(packet, 6, 4))


def read_cd(drive: CdromDrive, packet: bytes) -> None:
    """User data of data sectors only."""
    if packet[1] >> 2 & 7 not in (0, 2):
        drive.check(ILLEGAL_REQUEST, WRONG_MODE)
    elif packet[9] & 0xF8 not in (0x00, 0x10) or packet[9] & 0x06 or packet[10] & 7:
        drive.check(ILLEGAL_REQUEST, INVALID_FIELD)
    else:
        drive.read(number(packet, 2, 4), number(packet, 6, 3) if packet[9] & 0x10 else 0)


def seek(drive: CdromDrive, packet: bytes) -> None:
    drive.read(number(packet, 2, 4) + 1, 0)


def read_capacity(drive: CdromDrive, packet: bytes) -> None:
    drive.reply(atapi_replies.capacity(drive.blocks), 8)


def read_toc(drive: CdromDrive, packet: bytes) -> None:
    msf, first = bool(packet[1] & 2), packet[6]
    form = packet[2] & 0xF or packet[9] >> 6
    data = None
    if form == 0:
        data = atapi_replies.toc(drive.blocks, first, msf)
    elif form == 1:
        data = atapi_replies.sessions(msf)
    elif form == 2:
        data = atapi_replies.full_toc(drive.blocks, msf=True)
    drive.reply(data, number(packet, 7, 2))


def read_disc_information(drive: CdromDrive, packet: bytes) -> None:
    drive.reply(None if packet[1] & 7 else atapi_replies.disc_information(), number(packet, 7, 2))


def read_dvd_structure(drive: CdromDrive, packet: bytes) -> None:
    """There is none to read."""
    cd = atapi_replies.is_cd(drive.blocks)
    drive.check(ILLEGAL_REQUEST, *((INCOMPATIBLE, 2) if cd else (INVALID_FIELD, 0)))


# -- about the drive


def test_unit_ready(drive: CdromDrive, packet: bytes) -> None:
    drive.good()


def request_sense(drive: CdromDrive, packet: bytes) -> None:
    c = drive.s.cdrom
    if c.attention and not c.key:
        c.attention, c.key, c.asc, c.ascq = False, UNIT_ATTENTION, CHANGED, 0
    data = atapi_replies.sense(c.key, c.asc, c.ascq)
    c.key = c.asc = c.ascq = 0
    drive.reply(data, packet[4])


def inquiry(drive: CdromDrive, packet: bytes) -> None:
    """No vital product data."""
    drive.reply(None if packet[1] & 3 or packet[2] else atapi_replies.inquiry(drive.drive.model), packet[4])


def mode_sense_6(drive: CdromDrive, packet: bytes) -> None:
    _mode_sense(drive, packet, packet[4], atapi_replies.mode_header_6)


def mode_sense_10(drive: CdromDrive, packet: bytes) -> None:
    _mode_sense(drive, packet, number(packet, 7, 2), atapi_replies.mode_header_10)


def _mode_sense(drive: CdromDrive, packet: bytes, allocation: int, header: Callable[[int, int], bytes]) -> None:
    control, c = packet[2] >> 6, drive.s.cdrom
    if control == 3:
        drive.check(ILLEGAL_REQUEST, NO_SAVED)
        return
    pages = atapi_replies.mode_pages(packet[2] & 0x3F, locked=c.locked, changeable=control == 1)
    medium = DOOR_OPEN if c.tray_open else DATA_DISC if c.sectors else NO_DISC
    drive.reply(None if pages is None else header(medium, len(pages)) + pages, allocation)


def get_configuration(drive: CdromDrive, packet: bytes) -> None:
    request = packet[1] & 3
    data = None if request == 3 else atapi_replies.configuration(drive.blocks, number(packet, 2, 2), request)
    drive.reply(data, number(packet, 7, 2))


def get_event_status(drive: CdromDrive, packet: bytes) -> None:
    """Polled only; media events only."""
    c, data = drive.s.cdrom, None
    if packet[1] & 1:
        if packet[4] & 1 << atapi_replies.EVENT_MEDIA:
            data = atapi_replies.media_event(c.event, bool(drive.blocks), c.tray_open)
            c.event = 0
        else:
            data = atapi_replies.no_event()
    drive.reply(data, number(packet, 7, 2))


def mechanism_status(drive: CdromDrive, packet: bytes) -> None:
    drive.reply(atapi_replies.mechanism(drive.s.cdrom.tray_open), number(packet, 8, 2))


def set_speed(drive: CdromDrive, packet: bytes) -> None:
    drive.good()


def prevent_allow(drive: CdromDrive, packet: bytes) -> None:
    drive.s.cdrom.locked = bool(packet[4] & 1)
    drive.good()


def start_stop(drive: CdromDrive, packet: bytes) -> None:
    c, load_eject, start = drive.s.cdrom, packet[4] & 2, packet[4] & 1
    if packet[4] >> 4 == 0 and load_eject:
        if start and c.tray_open:
            drive.close()
        elif not start and c.locked and not c.tray_open:
            drive.check(ILLEGAL_REQUEST, PREVENTED, 2)
            return
        elif not start:
            c.tray_open = True
    drive.good()


PACKETS = {
    0x00: Packet(test_unit_ready, medium=True),
    0x03: Packet(request_sense, quiet=True),
    0x12: Packet(inquiry, quiet=True),
    0x1A: Packet(mode_sense_6),
    0x1B: Packet(start_stop),
    0x1E: Packet(prevent_allow),
    0x25: Packet(read_capacity, medium=True),
    0x28: Packet(read_10, medium=True),
    0x2B: Packet(seek, medium=True),
    0x43: Packet(read_toc, medium=True),
    0x46: Packet(get_configuration, quiet=True),
    0x4A: Packet(get_event_status, quiet=True),
    0x51: Packet(read_disc_information, medium=True),
    0x5A: Packet(mode_sense_10),
    0xA8: Packet(read_12, medium=True),
    0xAD: Packet(read_dvd_structure, medium=True),
    0xBB: Packet(set_speed, quiet=True),
    0xBD: Packet(mechanism_status, quiet=True),
    0xBE: Packet(read_cd, medium=True),
}
