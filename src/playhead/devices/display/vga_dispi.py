"""The Bochs display interface: modes of any size and depth, with a linear frame buffer, set by a few 16-bit registers.

Index and data are ports 1CEh and 1CFh (and 1D0h, for processors that want an even address), and the second base address
register shows the same registers as memory. While a mode is on, its sizes are rounded and cut to what the memory holds;
before, they read back as they were written. A mode takes over those registers of the VGA that would contradict it.

ENABLE, which may clear the memory, and BANK and BPP, which move the window at A0000h, are left to the device (vga.py).

Sources: Bochs, "VBE display interface" (vbe_display_api.txt); QEMU 7.2's `VGA`, as its registers answer.
"""

from playhead.devices.display.vga_state import (
    BANK, BPP, CRTC_H_SHOWN, CRTC_LINE_COMPARE, CRTC_MAX_SCAN, CRTC_MODE, CRTC_OFFSET, CRTC_OVERFLOW, CRTC_V_SHOWN,
    ENABLE, ENABLED, GETCAPS, GFX_MISC, GFX_MODE, ID, NEWEST_ID, OLDEST_ID, VIDEO_MEMORY_64K, VIRT_HEIGHT, VIRT_WIDTH,
    X_OFFSET, XRES, Y_OFFSET, YRES, VgaState,
)  # fmt: skip
from playhead.hw.native import DECLINED, native

MOST_XRES, MOST_YRES, MOST_BPP = 16000, 12000, 32
REGISTERS = VIDEO_MEMORY_64K + 1


@native
def vbe_on(s: VgaState) -> bool:
    return bool(s.vbe[ENABLE] & ENABLED)


@native
def vbe_is_linear(s: VgaState) -> bool:
    """A mode is on that is not planar: then the sequencer's registers do not count."""
    return vbe_on(s) and s.vbe[BPP] != 4


@native
def pixel_bits(s: VgaState) -> int:
    return 16 if s.vbe[BPP] == 15 else s.vbe[BPP]


@native
def line_bytes(s: VgaState) -> int:
    """From one line of the picture to the next, while a mode is on."""
    return s.vbe[VIRT_WIDTH] * pixel_bits(s) // 8


@native
def read_vbe(s: VgaState, index: int) -> int:
    if index > VIDEO_MEMORY_64K:
        return 0
    if s.vbe[ENABLE] & GETCAPS and index in (XRES, YRES, BPP):
        return MOST_XRES if index == XRES else MOST_YRES if index == YRES else MOST_BPP
    return s.vbe[index]


@native
def leaves_native(s: VgaState, index: int) -> bool:
    """A write of this register may move the window at A0000h or clear the memory."""
    return index in (ENABLE, BANK) or (index == BPP and vbe_on(s))


@native
def write_vbe(s: VgaState, index: int, value: int) -> int:
    if leaves_native(s, index):
        return DECLINED
    set_vbe(s, index, value)
    return 0


@native
def set_vbe(s: VgaState, index: int, value: int) -> None:
    """All but ENABLE and BANK."""
    if index == ID:
        if OLDEST_ID <= value <= NEWEST_ID:
            s.vbe[ID] = value
    elif index in (XRES, YRES, BPP, VIRT_WIDTH, X_OFFSET, Y_OFFSET):
        s.vbe[index] = value
        fit_mode(s)


@native
def fit_mode(s: VgaState) -> None:
    """While a mode is on: to what there is."""
    if not vbe_on(s):
        return
    if s.vbe[BPP] not in (4, 8, 15, 16, 24, 32):
        s.vbe[BPP] = 8
    s.vbe[XRES] = min(max(s.vbe[XRES] & ~7, 8), MOST_XRES)
    s.vbe[VIRT_WIDTH] = max(min(s.vbe[VIRT_WIDTH] & ~7, MOST_XRES), s.vbe[XRES])
    memory, line = s.vbe[VIDEO_MEMORY_64K] << 16, line_bytes(s)
    lines = memory // line
    s.vbe[YRES] = min(max(s.vbe[YRES], 1), MOST_YRES, lines)
    s.vbe[X_OFFSET] = min(s.vbe[X_OFFSET], MOST_XRES)
    s.vbe[Y_OFFSET] = min(s.vbe[Y_OFFSET], MOST_YRES)
    start, shown = s.vbe[X_OFFSET] * pixel_bits(s) // 8, s.vbe[YRES] * line
    if start + s.vbe[Y_OFFSET] * line + shown > memory:
        s.vbe[Y_OFFSET] = 0
        if start + shown > memory:
            s.vbe[X_OFFSET] = 0
    s.vbe[VIRT_HEIGHT] = lines & 0xFFFF
    take_over(s)


@native
def take_over(s: VgaState) -> None:
    """While a mode is on: make the VGA's own registers agree with it."""
    if not vbe_on(s):
        return
    last_line = s.vbe[YRES] - 1
    s.gfx[GFX_MISC] = s.gfx[GFX_MISC] & ~0x0C | 0x05  # graphics, in the 64 KiB from A0000h
    s.gfx[GFX_MODE] = s.gfx[GFX_MODE] & ~0x60 | (0 if s.vbe[BPP] == 4 else 0x40)
    s.crtc[CRTC_MODE] = s.crtc[CRTC_MODE] | 0x03  # no CGA addressing
    s.crtc[CRTC_OFFSET] = line_bytes(s) >> 3 & 0xFF
    s.crtc[CRTC_H_SHOWN] = (s.vbe[XRES] >> 3) - 1 & 0xFF
    s.crtc[CRTC_V_SHOWN] = last_line & 0xFF
    s.crtc[CRTC_OVERFLOW] = s.crtc[CRTC_OVERFLOW] & ~0x42 | last_line >> 7 & 0x02 | last_line >> 3 & 0x40 | 0x10
    s.crtc[CRTC_LINE_COMPARE] = 0xFF
    s.crtc[CRTC_MAX_SCAN] = s.crtc[CRTC_MAX_SCAN] & ~0x9F | 0x40


# The ports: accesses of two bytes, all others are nobody's.


@native
def read_dispi_ports(s: VgaState, offset: int, size: int) -> int:
    if size != 2 or offset > 2:
        return (1 << 8 * size) - 1
    return s.vbe_index if offset == 0 else read_vbe(s, s.vbe_index)


@native
def write_dispi_ports(s: VgaState, offset: int, size: int, value: int) -> int:
    if size != 2 or offset > 2:
        return 0
    if offset:
        return write_vbe(s, s.vbe_index, value)
    s.vbe_index = value
    return 0


# The same as memory: each register in its word.


@native
def read_dispi_word(s: VgaState, index: int) -> int:
    s.vbe_index = index
    return read_vbe(s, index)


@native
def write_dispi_word(s: VgaState, index: int, value: int) -> None:
    s.vbe_index = index
    set_vbe(s, index, value)
