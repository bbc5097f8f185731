"""What the floppy disk controller and its two drives remember: the declared state of isa_fdc.py, and its numbers.

Source of the names: Intel 82078 data sheet, sections 2 (registers) and 5 (commands and their results).
"""

from playhead.base.record import U8, U16, U32, U64, Array, Bool, Nested
from playhead.base.shared_record import Bytes, SharedRecord
from playhead.devices.storage.ide_state import Request

DRIVES = 2
SECTOR, SIZE_CODE = 512, 2
BUFFER = 2 * 48 * SECTOR  # both sides of a cylinder of the densest format
MOST_BYTES = 18  # of a command or a result

# phases
COMMAND, WAITING, DMA, PIO_IN, PIO_OUT, INDEX, RESULT = range(7)
# COMMAND: for a command's bytes; WAITING: for the storage; DMA: for its channel; INDEX: for the disk to come round

RQM, DIO, NON_DMA, BUSY = 0x80, 0x40, 0x20, 0x10  # main status
N_RESET, DMA_GATE = 0x04, 0x08  # digital output register
POWER_DOWN, SOFT_RESET, RATE = 0x40, 0x80, 0x03  # data rate select register
SEEK_END, ABNORMAL, INVALID, READY_CHANGED = 0x20, 0x40, 0x80, 0xC0  # status 0
END_OF_TRACK, OVERRUN, NO_DATA, NOT_WRITABLE, NO_ADDRESS = 0x80, 0x10, 0x04, 0x02, 0x01  # status 1
CONTROL_MARK, SCAN_EQUAL, SCAN_UNSATISFIED = 0x40, 0x08, 0x04  # status 2
IMPLIED_SEEK, NO_FIFO = 0x40, 0x20  # of CONFIGURE


class FloppyState(SharedRecord):
    """A drive. `sectors`: of the medium in it, 0 if it is empty."""

    sectors = U64()
    read_only = Bool()
    changed = Bool(True)  # the line that says so
    track = U8()
    head = U8()
    sector = U8(1)


class FdcState(SharedRecord):
    dor = U8(N_RESET | DMA_GATE)
    selected = U8()  # the drive that the last command, or the DOR, named
    dsr = U8()
    tdr = U8()
    irq = Bool()
    phase = U8()
    bytes = Array(U8(), MOST_BYTES)  # the command's, or its result's
    at = U8()
    stop = U8()
    status0 = U8()
    resets = U8()  # drives whose change of state since a reset SENSE INTERRUPT has not told yet
    timers = Array(U8(), 2)  # as SPECIFY said them
    config = U8(IMPLIED_SEEK | NO_FIFO)
    precompensation = U8()
    perpendicular = U8()
    lock = Bool()
    eot = U8()
    multitrack = Bool()
    non_dma = Bool()
    lba = U64()  # of the piece under way
    count = U32()  # its sectors
    more = U16()  # the sectors of the other side, which follow
    moved = U16()  # sectors that the command has dealt with
    buffer = Bytes(BUFFER)
    read = U32()  # how far the buffer was read, filled or written
    request = Nested(Request)
    drives = Array(FloppyState, DRIVES)
