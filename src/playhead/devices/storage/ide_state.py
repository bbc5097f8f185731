"""What an IDE channel and the two drives on it remember: the declared state of piix3_ide.py.

It is here, apart from the code, because four files work on it: the task file and PIO (ide_channel.py, ide_unit.py),
the disk and the CD-ROM drive.

Source of the names: ATA/ATAPI-6 (T13/1410D), chapter 7 (registers) and 9 (protocols).
"""

from playhead.base.record import U8, U16, U32, U64, Array, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord

# registers of the command block, by port
DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS = range(8)
FEATURES, COMMAND = ERROR, STATUS  # what a write goes to

BSY, DRDY, DF, DSC, DRQ, ERR = 0x80, 0x40, 0x20, 0x10, 0x08, 0x01  # status
UNC, IDNF, ABRT = 0x40, 0x10, 0x04  # error
DEV_ALWAYS, DEV_LBA, DEV_1 = 0xA0, 0x40, 0x10  # device
HOB, SRST, NIEN = 0x80, 0x04, 0x02  # device control

BUFFER = 32 << 10  # bytes that a drive reads ahead at most, for PIO

# what a drive is doing
IDLE = 0
WAITING = 1  # for the end of a request
PIO_IN = 2  # the guest reads the buffer
PIO_OUT = 3  # the guest fills it
DMA = 4  # for the bus master to be started
HELD = 5  # in reset


class Request(SharedRecord):
    """A request under way; `id` 0 is none."""

    id = U64()
    kind = U8()
    lba = U64()
    count = U32()


class DiskState(SharedRecord):
    multiple = U8(16)  # sectors in a block of READ MULTIPLE; 0: the command is refused
    heads = U8(16)  # the translation that addresses in cylinders, heads and sectors go through
    track = U8(63)
    mode = U8(0x22)  # transfer mode as SET FEATURES names it
    write_cache = Bool(True)
    look_ahead = Bool(True)
    standby = Bool()
    careful = Bool()  # a long read failed: block by block now, to find where


class CdromState(SharedRecord):
    sectors = U64()  # of what lies in the tray; 0: nothing
    tray_open = Bool()
    locked = Bool()
    attention = Bool()  # the medium may have changed, and nobody was told
    event = U8()  # media event to be told of: 1 eject request, 2 new medium, 3 removal
    key = U8()
    asc = U8()
    ascq = U8()
    limit = U16()  # bytes between two interrupts
    dma = Bool()
    packet = Bool()  # the buffer is being filled with a command
    mode = U8(0x22)


class UnitState(SharedRecord):
    """A drive; an absent one too, of which only the registers are used."""

    regs = Array(U8(), 8)
    hob = Array(U8(), 8)  # what the registers held before their last write
    status = U8()
    error = U8()
    pending = Bool()  # it wants an interrupt
    command = U8()
    phase = U8()
    by_dma = Bool()  # the request under way is part of a DMA transfer
    buffer = Bytes(BUFFER)
    at = U32()  # how far the buffer was read or filled
    stop = U32()  # where the block ends that is being transferred
    lba = U64()  # the transfer's next sector, or block of a CD
    left = U32()  # and how many there are still
    request = Nested(Request)
    disk = Nested(DiskState)
    cdrom = Nested(CdromState)


class BusMasterState(SharedRecord):
    command = U8()
    status = U8()
    table = U32()
    next = U32()  # address of the descriptor to be fetched next
    base = U32()  # the rest of the region in use
    left = U32()
    last = Bool()
    fetched = U32()


class ChannelState(SharedRecord):
    selected = U8()
    control = U8()
    units = Array(UnitState, 2)
    master = Nested(BusMasterState)
