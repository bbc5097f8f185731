"""The VGA's ports, as functions over its state: what index and data registers hold, and where the beam is.

A write that moves the window at A0000h (another memory map, or chain-4 addressing on or off) is left to the device
(vga.py); all others native code does. The chip sits on a bus of bytes: a word is the byte at the port and then the one
at the next, as index and data are often written.

Sources: IBM VGA XGA Technical Reference Manual, section 2; QEMU 7.2 where the device's `DIFFERS` says so.
"""

from playhead.devices.display.vga_dispi import take_over, vbe_is_linear, vbe_on
from playhead.devices.display.vga_memory import is_linear
from playhead.devices.display.vga_state import (
    ATTRIBUTES, CLOCK_8_DOTS, CLOCK_HALF, CRTC_H_SHOWN, CRTC_H_TOTAL, CRTC_MODE, CRTC_OVERFLOW, CRTC_RETRACE,
    CRTC_RETRACE_END, CRTC_V_SHOWN, CRTC_V_TOTAL, DAC_SIZE, GFX_MISC, MISC_COLOUR, SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_MODE,
    YRES, VgaState,
)  # fmt: skip
from playhead.hw.clock import ticks_at
from playhead.hw.native import DECLINED, native

MONO, VGA, COLOUR = 0x3B0, 0x3C0, 0x3D0  # three blocks of ports
NOBODY = 0xFF
SEQ_MASK = (0x03, 0x3D, 0x0F, 0x3F, 0x0E, 0x00, 0x00, 0xFF)
GFX_MASK = (0x0F, 0x0F, 0x0F, 0x1F, 0x03, 0x7B, 0x0F, 0x0F, 0xFF, 0, 0, 0, 0, 0, 0, 0)
ATTR_MASK = (*(0x3F,) * 16, 0xEF, 0xFF, 0x3F, 0x0F, 0x0F)
CRTC_REGISTERS, CRTC_PROTECT, CRTC_LINE_COMPARE_8 = 32, 0x80, 0x10

STATUS_BLANK, STATUS_RETRACE = 0x01, 0x08
SLOW_HZ, FAST_HZ = 25_175_000, 28_322_000
VBE_FRAME_NS = 16_666_667  # 60 Hz, whatever the size


@native
def crtc_bits(s: VgaState, low: int, overflow: int, second: int) -> int:
    """A number of ten bits: of the CRTC's register `low`, and two bits of its overflow register."""
    more = s.crtc[CRTC_OVERFLOW]
    return s.crtc[low] | (more >> overflow & 1) << 8 | (more >> second & 1) << 9


@native
def input_status(s: VgaState, now_ns: int) -> int:
    """Input status 1: where the beam is."""
    if vbe_on(s):
        return vbe_status(s, now_ns)
    hz = FAST_HZ if s.misc >> 2 & 3 == 1 else SLOW_HZ
    if s.seq[SEQ_CLOCKING] & CLOCK_HALF:
        hz = hz // 2
    dots = 8 if s.seq[SEQ_CLOCKING] & CLOCK_8_DOTS else 9
    width, shown_width = (s.crtc[CRTC_H_TOTAL] + 5) * dots, (s.crtc[CRTC_H_SHOWN] + 1) * dots
    doubled = s.crtc[CRTC_MODE] >> 2 & 1
    lines = crtc_bits(s, CRTC_V_TOTAL, 0, 5) + 2 << doubled
    shown_lines = crtc_bits(s, CRTC_V_SHOWN, 1, 6) + 1 << doubled
    at = ticks_at(now_ns, hz) % (lines * width)
    line, dot = at // width, at % width
    retrace = min(crtc_bits(s, CRTC_RETRACE, 2, 7) << doubled, lines - 1)  # one in each frame, whatever is programmed
    length = (s.crtc[CRTC_RETRACE_END] - s.crtc[CRTC_RETRACE] & 0x0F) << doubled
    status = STATUS_BLANK if line >= shown_lines or dot >= shown_width else 0
    in_retrace = retrace <= line < retrace + max(length, 1)
    return status | STATUS_BLANK | STATUS_RETRACE if in_retrace else status


@native
def vbe_status(s: VgaState, now_ns: int) -> int:
    """The same in a mode of the Bochs interface, which says nothing of timing: a twentieth of the frame is blank, and a
    fifth of each line.
    """
    lines = s.vbe[YRES] + s.vbe[YRES] // 20 + 8
    at = now_ns % VBE_FRAME_NS * lines * 5 // VBE_FRAME_NS  # fifths of lines
    line = at // 5
    if s.vbe[YRES] + 2 <= line < s.vbe[YRES] + 6:
        return STATUS_BLANK | STATUS_RETRACE
    return STATUS_BLANK if line >= s.vbe[YRES] or at % 5 == 4 else 0


# The DAC: three writes or reads make one entry.


@native
def read_dac(s: VgaState) -> int:
    value = s.dac[(3 * s.dac_index[1] + s.dac_part) % DAC_SIZE]
    s.dac_part += 1
    if s.dac_part >= 3:
        s.dac_part = 0
        s.dac_index[1] = s.dac_index[1] + 1 & 0xFF
    return value


@native
def write_dac(s: VgaState, value: int) -> None:
    s.dac_entry[s.dac_part % 3] = value
    s.dac_part += 1
    if s.dac_part >= 3:
        s.dac_part = 0
        for n in range(3):
            s.dac[3 * s.dac_index[0] + n] = s.dac_entry[n]
        s.dac_index[0] = s.dac_index[0] + 1 & 0xFF


# One byte at a port


@native
def read_port(s: VgaState, port: int, now_ns: int) -> int:
    colour = port >= COLOUR
    if port < VGA or colour:
        low = port & 0x0F
        if colour != bool(s.misc & MISC_COLOUR) or low not in (4, 5, 10):
            return NOBODY
        if low == 10:
            s.attr_data_next = False
            return input_status(s, now_ns)
        if low == 4:
            return s.crtc_index
        return s.crtc[s.crtc_index] if s.crtc_index < CRTC_REGISTERS else 0
    return read_vga_port(s, port & 0x0F)


@native
def read_vga_port(s: VgaState, low: int) -> int:
    """3C0h to 3CFh."""
    if low == 0x0:
        return 0 if s.attr_data_next else s.attr_index
    if low == 0x1:
        return s.attr[s.attr_index & 0x1F]
    if low == 0x4:
        return s.seq_index
    if low == 0x5:
        return s.seq[s.seq_index & 7]
    if low == 0x6:
        return s.dac_mask
    if low == 0x7:
        return 3 if s.dac_reading else 0
    if low == 0x8:
        return s.dac_index[0]
    if low == 0x9:
        return read_dac(s)
    if low == 0xA:
        return s.feature
    if low == 0xC:
        return s.misc
    if low == 0xE:
        return s.gfx_index
    return s.gfx[s.gfx_index & 15] if low == 0xF else 0


@native
def write_port(s: VgaState, port: int, value: int) -> None:
    colour = port >= COLOUR
    if not (port < VGA or colour):
        write_vga_port(s, port & 0x0F, value)
    elif colour == bool(s.misc & MISC_COLOUR):
        low = port & 0x0F
        if low == 10:
            s.feature = value & 0x10
        elif low == 4:
            s.crtc_index = value
        elif low == 5 and s.crtc_index < CRTC_REGISTERS:
            write_crtc(s, s.crtc_index, value)


@native
def write_crtc(s: VgaState, index: int, value: int) -> None:
    """The first eight registers can be protected, but for one bit."""
    if index > CRTC_OVERFLOW or not s.crtc[CRTC_RETRACE_END] & CRTC_PROTECT:
        s.crtc[index] = value
    elif index == CRTC_OVERFLOW:
        s.crtc[index] = s.crtc[index] & ~CRTC_LINE_COMPARE_8 | value & CRTC_LINE_COMPARE_8
    take_over(s)


@native
def write_attribute(s: VgaState, value: int) -> None:
    """Index and data take turns."""
    index = s.attr_index & 0x1F
    if not s.attr_data_next:
        s.attr_index = value & 0x3F
    elif index < ATTRIBUTES:
        s.attr[index] = value & ATTR_MASK[index]
    s.attr_data_next = not s.attr_data_next


@native
def write_vga_port(s: VgaState, low: int, value: int) -> None:
    if low == 0x0:
        write_attribute(s, value)
    elif low == 0x2:
        s.misc = value & ~0x10
    elif low == 0x4:
        s.seq_index = value & 7
    elif low == 0x5:
        s.seq[s.seq_index & 7] = value & SEQ_MASK[s.seq_index & 7]
    elif low == 0x6:
        s.dac_mask = value
    elif low in (0x7, 0x8):
        s.dac_reading = low == 0x7
        s.dac_index[1 if low == 0x7 else 0] = value
        s.dac_part = 0
    elif low == 0x9:
        write_dac(s, value)
    elif low == 0xE:
        s.gfx_index = value & 15
    elif low == 0xF:
        s.gfx[s.gfx_index & 15] = value & GFX_MASK[s.gfx_index & 15]
        take_over(s)


# Whole accesses


@native
def read_bytes(s: VgaState, port: int, size: int, now_ns: int) -> int:
    value = 0
    for n in range(size):
        value |= read_port(s, port + n, now_ns) << 8 * n
    return value


@native
def write_bytes(s: VgaState, port: int, size: int, value: int) -> None:
    for n in range(size):
        write_port(s, port + n, value >> 8 * n & 0xFF)


@native
def moves_window(s: VgaState, port: int, size: int, value: int) -> bool:
    """Whether this write makes the memory at A0000h be addressed in another way. What a mode of the Bochs interface has
    taken over does not.
    """
    pair = size == 2 and not port & 1  # index and data
    at, data = port + pair, value >> 8 if pair else value & 0xFF
    if at == 0x3C5 and not vbe_is_linear(s):
        index = value & 7 if pair else s.seq_index
        mask = data if index == SEQ_MAP_MASK else s.seq[SEQ_MAP_MASK]
        mode = data if index == SEQ_MODE else s.seq[SEQ_MODE]
        return is_linear(mask, mode) != is_linear(s.seq[SEQ_MAP_MASK], s.seq[SEQ_MODE])
    if at == 0x3CF and not vbe_on(s):
        index = value & 15 if pair else s.gfx_index
        return index == GFX_MISC and bool((data ^ s.gfx[GFX_MISC]) & 0x0C)
    return False


@native
def read_mono(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    return read_bytes(s, MONO + offset, size, now_ns)


@native
def write_mono(s: VgaState, offset: int, size: int, value: int) -> int:
    write_bytes(s, MONO + offset, size, value)
    return 0


@native
def read_vga(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    return read_bytes(s, VGA + offset, size, now_ns)


@native
def write_vga(s: VgaState, offset: int, size: int, value: int) -> int:
    if moves_window(s, VGA + offset, size, value):
        return DECLINED
    write_bytes(s, VGA + offset, size, value)
    return 0


@native
def read_colour(s: VgaState, offset: int, size: int, now_ns: int) -> int:
    return read_bytes(s, COLOUR + offset, size, now_ns)


@native
def write_colour(s: VgaState, offset: int, size: int, value: int) -> int:
    write_bytes(s, COLOUR + offset, size, value)
    return 0
