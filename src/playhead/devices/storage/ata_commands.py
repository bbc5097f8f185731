"""The numbers of ATA commands and features, and which of them move sectors how.

Source: ATA/ATAPI-6 (T13/1410D), chapter 8; the older numbers of the power commands are ATA-3's; DATA SET MANAGEMENT is
ATA8-ACS's.
"""

from typing import NamedTuple


class Transfer(NamedTuple):
    """A command that moves sectors."""

    write: bool = False
    ext: bool = False
    dma: bool = False
    multiple: bool = False


TRANSFERS = {
    0x20: Transfer(), 0x21: Transfer(), 0x24: Transfer(ext=True), 0xC4: Transfer(multiple=True),
    0x29: Transfer(multiple=True, ext=True), 0xC8: Transfer(dma=True), 0xC9: Transfer(dma=True),
    0x25: Transfer(dma=True, ext=True),
    0x30: Transfer(write=True), 0x31: Transfer(write=True), 0x3C: Transfer(write=True),
    0x34: Transfer(write=True, ext=True), 0xC5: Transfer(write=True, multiple=True),
    0x39: Transfer(write=True, multiple=True, ext=True), 0xCA: Transfer(write=True, dma=True),
    0xCB: Transfer(write=True, dma=True), 0x35: Transfer(write=True, dma=True, ext=True),
}  # fmt: skip

DATA_SET_MANAGEMENT = 0x06
READ_VERIFY = {0x40: False, 0x41: False, 0x42: True}  # command -> ext
READ_NATIVE_MAX = {0xF8: False, 0x27: True}
FLUSHES = (0xE7, 0xEA)
SET_MULTIPLE, SET_FEATURES, IDENTIFY, INITIALIZE = 0xC6, 0xEF, 0xEC, 0x91
POWER = {  # command -> standby afterwards
    0xE0: True, 0x94: True, 0xE2: True, 0x96: True, 0xE6: True, 0x99: True,
    0xE1: False, 0x95: False, 0xE3: False, 0x97: False,
}  # fmt: skip
CHECK_POWER = (0xE5, 0x98)
RECALIBRATE, SEEK = range(0x10, 0x20), range(0x70, 0x80)
FEATURE_WRITE_CACHE = {0x02: True, 0x82: False}
FEATURE_LOOK_AHEAD = {0xAA: True, 0x55: False}
FEATURE_MODE, FEATURE_REVERT = 0x03, (0x66, 0xCC)
MODES = (0x00, 0x01, *range(0x08, 0x0D), *range(0x20, 0x23), *range(0x40, 0x46))
