"""The VGA's registers, as functions over its state: native code is made of them. Nothing else is behind them.

An index that is out of range can only come from a damaged state; it is cut off, because native code checks nothing.

Sources: as of vga_text.py.
"""

from playhead.base.record import U8, Array, Bool
from playhead.base.shared_record import SharedRecord, Table
from playhead.hw.clock import ticks_at
from playhead.hw.native import native

DAC_SIZE = 768
DOT_HZ = 28_322_000
DOTS_PER_LINE, DOTS_SHOWN = 900, 720  # 100 and 80 characters of 9 dots
LINES, LINES_SHOWN = 449, 400
RETRACE_LINE, RETRACE_END = 412, 414

MISC_COLOUR = 0x01  # CRTC at 3D4h and status at 3DAh; otherwise at 3B4h and 3BAh
STATUS_BLANK, STATUS_RETRACE = 0x01, 0x08
CRTC_START_HIGH, CRTC_START_LOW, CRTC_RETRACE_END, CRTC_PROTECT = 0x0C, 0x0D, 0x11, 0x80
CRTC_OVERFLOW, CRTC_LINE_COMPARE_8 = 0x07, 0x10

SEQUENCER = bytes((0x03, 0x00, 0x03, 0x00, 0x02))
GRAPHICS = bytes((0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF))
CRTC = bytes.fromhex("5f4f50825581bf1f004f0d0e00000000 9c8e8f281f96b9a3ff")
ATTRIBUTE = bytes.fromhex("000102030405140738393a3b3c3d3e3f 0c000f0800")


class VgaState(SharedRecord):
    misc = U8(0x67)
    feature = U8()
    seq_index = U8()
    seq = Table(8, SEQUENCER)
    gfx_index = U8()
    gfx = Table(16, GRAPHICS)
    crtc_index = U8()
    crtc = Table(32, CRTC)
    attr_index = U8(0x20)
    attr = Table(32, ATTRIBUTE)
    attr_data_next = Bool()
    dac_mask = U8(0xFF)
    dac_reading = Bool()
    dac_index = Array(U8(), 2)  # write and read address
    dac_part = U8()
    dac = Table(DAC_SIZE)


@native
def crtc_answers(s: VgaState, colour: bool) -> bool:
    return colour == bool(s.misc & MISC_COLOUR)


@native
def input_status(now_ns: int) -> int:
    """Input status 1: where the beam is."""
    at = ticks_at(now_ns, DOT_HZ) % (LINES * DOTS_PER_LINE)
    line, dot = at // DOTS_PER_LINE, at % DOTS_PER_LINE
    status = STATUS_BLANK if line >= LINES_SHOWN or dot >= DOTS_SHOWN else 0
    return status | (STATUS_RETRACE if RETRACE_LINE <= line < RETRACE_END else 0)


@native
def read_crtc(s: VgaState, low: int, now_ns: int) -> int:
    """By the port's low four bits."""
    if low == 0xA:
        s.attr_data_next = False
        return input_status(now_ns)
    if low < 8:  # the pair of ports answers at four addresses
        return s.crtc[s.crtc_index & 0x1F] if low & 1 else s.crtc_index
    return 0xFF


@native
def write_crtc(s: VgaState, low: int, value: int) -> None:
    index = s.crtc_index & 0x1F
    if low == 0xA:
        s.feature = value
    elif low < 8 and not low & 1:
        s.crtc_index = value & 0x1F
    elif low < 8:
        if index > 7 or not s.crtc[CRTC_RETRACE_END] & CRTC_PROTECT:
            s.crtc[index] = value
        elif index == CRTC_OVERFLOW:
            s.crtc[index] = s.crtc[index] & ~CRTC_LINE_COMPARE_8 | value & CRTC_LINE_COMPARE_8


# The chip sits on a bus of bytes: a word is the byte at the port and then the one at the next, as index and data are
# often written. The two blocks of CRTC ports are one.


@native
def read_crtc_block(s: VgaState, colour: bool, offset: int, size: int, now_ns: int) -> int:
    if not crtc_answers(s, colour):
        return (1 << 8 * size) - 1
    value = read_crtc(s, offset, now_ns)
    return value | read_crtc(s, offset + 1, now_ns) << 8 if size == 2 else value


@native
def write_crtc_block(s: VgaState, colour: bool, offset: int, size: int, value: int) -> None:
    if crtc_answers(s, colour):
        write_crtc(s, offset, value & 0xFF)
        if size == 2:
            write_crtc(s, offset + 1, value >> 8)


@native
def read_mono(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    return read_crtc_block(s, False, offset, size, now_ns)


@native
def write_mono(s: VgaState, offset: int, size: int, value: int) -> int:
    write_crtc_block(s, False, offset, size, value)
    return 0


@native
def read_colour(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    return read_crtc_block(s, True, offset, size, now_ns)


@native
def write_colour(s: VgaState, offset: int, size: int, value: int) -> int:
    write_crtc_block(s, True, offset, size, value)
    return 0


# The palette: three writes or reads make one entry.


@native
def dac_at(s: VgaState, which: int) -> int:
    """Where the next byte is, of what is written (0) or read (1)."""
    return (3 * s.dac_index[which] + s.dac_part) % DAC_SIZE


@native
def advance_dac(s: VgaState, which: int) -> None:
    s.dac_part += 1
    if s.dac_part == 3:
        s.dac_part = 0
        s.dac_index[which] = (s.dac_index[which] + 1) & 0xFF


@native
def read_dac(s: VgaState) -> int:
    value = s.dac[dac_at(s, 1)]
    advance_dac(s, 1)
    return value


@native
def write_dac(s: VgaState, value: int) -> None:
    s.dac[dac_at(s, 0)] = value & 0x3F
    advance_dac(s, 0)


# Ports 3C0h-3CFh.


@native
def read_port(s: VgaState, offset: int) -> int:
    if offset == 0x0:
        return s.attr_index
    if offset == 0x1:
        return s.attr[s.attr_index & 0x1F]
    if offset == 0x2:
        return 0x10  # input status 0: the sense switch of a colour screen
    if offset == 0x4:
        return s.seq_index
    if offset == 0x5:
        return s.seq[s.seq_index & 7]
    if offset == 0x6:
        return s.dac_mask
    if offset == 0x7:
        return 3 if s.dac_reading else 0
    if offset == 0x8:
        return s.dac_index[0]
    if offset == 0x9:
        return read_dac(s)
    if offset == 0xA:
        return s.feature
    if offset == 0xC:
        return s.misc
    if offset == 0xE:
        return s.gfx_index
    return s.gfx[s.gfx_index & 15] if offset == 0xF else 0xFF


@native
def write_attribute(s: VgaState, value: int) -> None:
    """Index and data take turns."""
    if not s.attr_data_next:
        s.attr_index = value & 0x3F
    elif s.attr_index & 0x20 == 0 or s.attr_index & 0x1F >= 0x10:  # palette is closed while it is shown
        s.attr[s.attr_index & 0x1F] = value
    s.attr_data_next = not s.attr_data_next


@native
def write_port(s: VgaState, offset: int, value: int) -> None:
    if offset < 2:
        write_attribute(s, value)
    elif offset == 0x2:
        s.misc = value
    elif offset == 0x4:
        s.seq_index = value & 7
    elif offset == 0x5:
        s.seq[s.seq_index & 7] = value
    elif offset == 0x6:
        s.dac_mask = value
    elif offset in (0x7, 0x8):
        s.dac_reading = offset == 0x7
        s.dac_index[1 if offset == 0x7 else 0] = value
        s.dac_part = 0
    elif offset == 0x9:
        write_dac(s, value)
    elif offset == 0xE:
        s.gfx_index = value & 15
    elif offset == 0xF:
        s.gfx[s.gfx_index & 15] = value


@native
def read_vga(s: VgaState, offset: int, size: int) -> int:
    value = read_port(s, offset)
    return value | read_port(s, offset + 1) << 8 if size == 2 else value


@native
def write_vga(s: VgaState, offset: int, size: int, value: int) -> int:
    write_port(s, offset, value & 0xFF)
    if size == 2:
        write_port(s, offset + 1, value >> 8)
    return 0
