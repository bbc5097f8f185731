"""An IDE channel's registers as native code answers them: the task file, and words of the data register but the one
that ends a block.
"""

from playhead.base.record import Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.devices.storage.ide_state import (
    BSY, COMMAND, DATA, DEV_1, DEV_ALWAYS, DEVICE, DRQ, ERROR, HOB, NIEN, PIO_IN, PIO_OUT, STATUS, ChannelState,
)  # fmt: skip
from playhead.hw.native import DECLINED, native


class Cable(SharedRecord):
    """Which of a channel's two drives are there."""

    units = Array(Bool(), 2)


@native
def interrupt(s: ChannelState, cable: Cable) -> bool:
    """The level of the interrupt line: what the selected drive wants."""
    n = s.selected & 1
    return cable.units[n] and s.units[n].pending and not s.control & NIEN


@native
def read_command(s: ChannelState, cable: Cable, offset: int, size: int) -> int:
    n = s.selected & 1
    if offset == DATA:
        return read_data(s, n, size) if cable.units[n] else 0
    if size != 1:
        return DECLINED
    if offset == STATUS:
        if cable.units[n] and s.units[n].pending:
            return DECLINED  # which this read takes back
        return alternate_status(s, cable)
    if not (cable.units[0] or cable.units[1]):
        return 0
    if offset == ERROR:
        return s.units[n].error
    if offset == DEVICE:
        return s.units[n].regs[DEVICE] & 0x5F | DEV_ALWAYS
    return s.units[n].hob[offset] if s.control & HOB else s.units[n].regs[offset]


@native
def alternate_status(s: ChannelState, cable: Cable) -> int:
    n = s.selected & 1
    return s.units[n].status if cable.units[n] else 0


@native
def read_data(s: ChannelState, n: int, size: int) -> int:
    unit = s.units[n]
    if unit.phase != PIO_IN:
        return 0
    at = unit.at
    if at + size >= unit.stop:
        return DECLINED  # the block ends
    value = 0
    for i in range(size):
        value |= unit.buffer[at + i] << 8 * i
    unit.at = at + size
    return value


@native
def write_command(s: ChannelState, cable: Cable, offset: int, size: int, value: int) -> int:
    n = s.selected & 1
    if offset == DATA:
        return write_data(s, n, size, value) if cable.units[n] else 0
    if size != 1 or offset == COMMAND:
        return DECLINED
    if cable.units[n] and s.units[n].status & (BSY | DRQ):
        return 0
    if offset == DEVICE:
        before, was = interrupt(s, cable), s.selected
        s.selected = 1 if value & DEV_1 else 0
        if interrupt(s, cable) != before:
            s.selected = was
            return DECLINED
    write_register(s, offset, value)
    return 0


@native
def write_register(s: ChannelState, offset: int, value: int) -> int:
    """Both drives take what is written to the task file."""
    s.control &= ~HOB
    for n in range(2):
        s.units[n].hob[offset] = s.units[n].regs[offset]
        s.units[n].regs[offset] = value
    return 0


@native
def write_data(s: ChannelState, n: int, size: int, value: int) -> int:
    unit = s.units[n]
    if unit.phase != PIO_OUT:
        return 0
    at = unit.at
    if at + size >= unit.stop:
        return DECLINED
    for i in range(size):
        unit.buffer[at + i] = value >> 8 * i & 0xFF
    unit.at = at + size
    return 0


@native
def read_control(s: ChannelState, cable: Cable, size: int) -> int:
    return alternate_status(s, cable) if size == 1 else DECLINED
