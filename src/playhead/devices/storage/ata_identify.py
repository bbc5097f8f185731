"""The 512 bytes by which a disk and a CD-ROM drive say what they are and can do.

Only what is implemented is claimed: no SMART, no security, no queues. Both claim Ultra DMA modes 0 to 5, as drives of
the time did; a PIIX3 knows multiword DMA only, so its drivers choose that.

Source: ATA/ATAPI-6 (T13/1410D), 8.15 (IDENTIFY DEVICE) and 8.16 (IDENTIFY PACKET DEVICE); word numbers are theirs.
Data set management (words 69, 105, 169): ATA8-ACS.
"""

import struct
from collections.abc import Mapping

LBA28_MAX = (1 << 28) - 1
CYLINDERS_MIN, CYLINDERS_MAX = 2, 16383  # at least two, as QEMU says
NOP, DEVICE_RESET, PACKET, POWER, LOOK_AHEAD, WRITE_CACHE = 1 << 14, 1 << 9, 1 << 4, 1 << 3, 1 << 6, 1 << 5
FLUSH_EXT, FLUSH, LBA48 = 1 << 13, 1 << 12, 1 << 10
VALID = 1 << 14  # in the words where bit 14 is one and bit 15 zero to say that they are meant
FIRMWARE = "1.0"


def geometry(sectors: int) -> tuple[int, int, int]:
    """(cylinders, heads, sectors of a track) that a disk claims."""
    return min(max(sectors // (16 * 63), CYLINDERS_MIN), CYLINDERS_MAX), 16, 63


def text(value: str, length: int) -> bytes:
    """A string as the standard has them: padded, the two characters of each word swapped."""
    padded = value.encode("ascii", "replace")[:length].ljust(length)
    return bytes(padded[i ^ 1] for i in range(length))


def page(words: Mapping[int, int], strings: Mapping[int, bytes]) -> bytes:
    """The data: words by number, and strings by the number of their first word."""
    out = bytearray(512)
    for number, value in words.items():
        struct.pack_into("<H", out, 2 * number, value & 0xFFFF)
    for number, encoded in strings.items():
        out[2 * number : 2 * number + len(encoded)] = encoded
    return bytes(out)


def _modes(mode: int) -> dict[int, int]:
    """Transfer modes supported, and the one that is chosen (as SET FEATURES names it)."""
    chosen = 1 << 8 + (mode & 7)
    return {
        53: 0x0007,
        62: 0x0000,
        63: 0x0007 | (chosen if mode & 0xF8 == 0x20 else 0),
        64: 0x0003,
        **{n: 120 for n in range(65, 69)},  # cycle times, ns
        88: 0x003F | (chosen if mode & 0xF8 == 0x40 else 0),
    }


def disk(sectors: int, serial: str, model: str, *, multiple: int, heads: int, track: int, mode: int, write_cache: bool,
         look_ahead: bool, trim: bool) -> bytes:  # fmt: skip
    cylinders, own_heads, own_track = geometry(sectors)
    now = min(max(sectors // (heads * track), CYLINDERS_MIN), 0xFFFF)
    chs, lba28 = now * heads * track, min(sectors, LBA28_MAX)
    words = {
        0: 0x0040, 1: cylinders, 3: own_heads, 4: own_track * 512, 5: 512, 6: own_track, 20: 3, 21: 512, 22: 4,
        47: 0x8010, 48: 0x0001, 49: 0x0B00, 50: VALID, 51: 0x0200, 52: 0x0200,
        54: now, 55: heads, 56: track, 57: chs, 58: chs >> 16, 59: 0x0100 | multiple if multiple else 0,
        60: lba28, 61: lba28 >> 16, **_modes(mode), 80: 0x0070, 81: 0x0019,
        82: NOP | LOOK_AHEAD | WRITE_CACHE | POWER, 83: VALID | FLUSH_EXT | FLUSH | LBA48, 84: VALID,
        85: NOP | POWER | (WRITE_CACHE if write_cache else 0) | (LOOK_AHEAD if look_ahead else 0),
        86: FLUSH_EXT | FLUSH | LBA48, 87: VALID, 93: 0x6001,
        100: sectors, 101: sectors >> 16, 102: sectors >> 32, 103: sectors >> 48,
        105: 8 if trim else 0, 169: 1 if trim else 0,
    }  # fmt: skip
    return page(words, {10: text(serial, 20), 23: text(FIRMWARE, 8), 27: text(model, 40)})


def cdrom(serial: str, model: str, mode: int) -> bytes:
    words = {
        0: 0x85C0, 49: 0x0B00, 50: VALID, **_modes(mode), 71: 30, 72: 30, 80: 0x0070, 81: 0x0019,
        82: NOP | DEVICE_RESET | PACKET, 83: VALID, 84: VALID, 85: NOP | DEVICE_RESET | PACKET, 87: VALID, 93: 0x6001,
    }  # fmt: skip
    return page(words, {10: text(serial, 20), 23: text(FIRMWARE, 8), 27: text(model, 40)})
