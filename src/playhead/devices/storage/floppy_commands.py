"""The commands of the 82078: which first bytes they have, how long they are, and the method that carries them out.

Source: Intel 82078 data sheet, section 5.0 (command set), table 5-2.
"""

from typing import NamedTuple


class Command(NamedTuple):
    """First bytes that are `value` under `mask`. `length`: bytes with the first one. `data`: it moves sectors, so it
    names a track, a head, a sector.
    """

    name: str
    value: int
    mask: int
    length: int
    method: str


COMMANDS = (
    Command("READ DATA", 0x06, 0x1F, 9, "read"),
    Command("READ DELETED DATA", 0x0C, 0x1F, 9, "read_deleted"),
    Command("WRITE DATA", 0x05, 0x3F, 9, "write"),
    Command("WRITE DELETED DATA", 0x09, 0x3F, 9, "write"),
    Command("READ TRACK", 0x02, 0x9F, 9, "read_track"),
    Command("VERIFY", 0x16, 0x1F, 9, "verify"),
    Command("FORMAT TRACK", 0x0D, 0xBF, 6, "format_track"),
    Command("SCAN EQUAL", 0x11, 0x1F, 9, "scan"),
    Command("SCAN LOW OR EQUAL", 0x19, 0x1F, 9, "scan"),
    Command("SCAN HIGH OR EQUAL", 0x1D, 0x1F, 9, "scan"),
    Command("RECALIBRATE", 0x07, 0xFF, 2, "recalibrate"),
    Command("SENSE INTERRUPT STATUS", 0x08, 0xFF, 1, "sense_interrupt"),
    Command("SPECIFY", 0x03, 0xFF, 3, "specify"),
    Command("SENSE DRIVE STATUS", 0x04, 0xFF, 2, "sense_drive"),
    Command("SEEK", 0x0F, 0xFF, 3, "seek"),
    Command("RELATIVE SEEK", 0x8F, 0xBF, 3, "relative_seek"),
    Command("CONFIGURE", 0x13, 0xFF, 4, "configure"),
    Command("DUMPREG", 0x0E, 0xFF, 1, "dump_registers"),
    Command("READ ID", 0x0A, 0xBF, 2, "read_id"),
    Command("PERPENDICULAR MODE", 0x12, 0xFF, 2, "perpendicular_mode"),
    Command("LOCK", 0x14, 0x7F, 1, "set_lock"),
    Command("VERSION", 0x10, 0xFF, 1, "version"),
    Command("PART ID", 0x18, 0xFF, 1, "part_id"),
    Command("POWERDOWN MODE", 0x17, 0xFF, 2, "powerdown_mode"),
    Command("OPTION", 0x33, 0xFF, 2, "option"),
    Command("SAVE", 0x2E, 0xFF, 1, "save_state"),
    Command("RESTORE", 0x4E, 0xFF, 17, "restore_state"),
)
NONE = Command("INVALID", 0x00, 0x00, 1, "invalid")


def command_of(first: int) -> Command:
    return next((known for known in COMMANDS if first & known.mask == known.value), NONE)
