"""What the VGA remembers, and the names of its bits: shared by what the guest accesses and by what draws the picture.

Video memory is laid out as QEMU lays it out. A planar cell is four bytes, one of each plane, so cell n is at 4n; text
modes keep the character in plane 0, its attribute in plane 1 and the fonts in plane 2. Chain-4 modes and those of the
Bochs interface are linear. It is no field of this record: it is part of the machine's memory (region `vram`).

Sources: IBM VGA XGA Technical Reference Manual, section 2; Bochs, "VBE display interface" (vbe_display_api.txt).
"""

from playhead.base.record import U8, U16, U32, Array, Bool
from playhead.base.shared_record import Table
from playhead.devices.pci.bus import PciState

DAC_SIZE, ATTRIBUTES = 768, 21
MISC_COLOUR = 0x01  # CRTC at 3D4h and status at 3DAh; otherwise at 3B4h and 3BAh

CRTC_H_TOTAL, CRTC_H_SHOWN, CRTC_V_TOTAL, CRTC_OVERFLOW, CRTC_MAX_SCAN = 0x00, 0x01, 0x06, 0x07, 0x09
CRTC_CURSOR_START, CRTC_CURSOR_END, CRTC_START, CRTC_CURSOR = 0x0A, 0x0B, 0x0C, 0x0E  # the last two: of two bytes
CRTC_RETRACE, CRTC_RETRACE_END, CRTC_V_SHOWN, CRTC_OFFSET = 0x10, 0x11, 0x12, 0x13
CRTC_MODE, CRTC_LINE_COMPARE = 0x17, 0x18
SEQ_CLOCKING, SEQ_MAP_MASK, SEQ_FONTS, SEQ_MODE = 1, 2, 3, 4
CHAIN_4, ALL_PLANES = 0x08, 0x0F
GFX_SET_RESET, GFX_ENABLE_SET_RESET, GFX_COMPARE, GFX_ROTATE, GFX_READ_MAP = 0, 1, 2, 3, 4
GFX_MODE, GFX_MISC, GFX_DONT_CARE, GFX_BIT_MASK = 5, 6, 7, 8
CLOCK_8_DOTS, CLOCK_HALF = 0x01, 0x08  # of SEQ_CLOCKING
ODD_EVEN, READ_MODE_1 = 0x10, 0x08  # of GFX_MODE

# The registers of the Bochs interface, and the bits of ENABLE
ID, XRES, YRES, BPP, ENABLE, BANK, VIRT_WIDTH, VIRT_HEIGHT, X_OFFSET, Y_OFFSET, VIDEO_MEMORY_64K = range(11)
ENABLED, GETCAPS, DAC_8_BIT, LINEAR, KEEP_MEMORY = 0x01, 0x02, 0x20, 0x40, 0x80
OLDEST_ID, NEWEST_ID = 0xB0C0, 0xB0C5


class VgaState(PciState):
    """`vbe` has the registers of the Bochs interface. `bank`: the 64 KiB of memory at A0000h, which ENABLE sets back
    without changing the register BANK.
    """

    misc = U8()
    feature = U8()
    seq_index = U8()
    seq = Table(8)
    gfx_index = U8()
    gfx = Table(16)
    crtc_index = U8()
    crtc = Table(32)
    attr_index = U8()
    attr = Table(32)
    attr_data_next = Bool()
    dac_mask = U8(0xFF)
    dac_reading = Bool()
    dac_index = Array(U8(), 2)  # write and read address
    dac_part = U8()
    dac_entry = Table(3)  # which is written when its third byte comes
    dac = Table(DAC_SIZE)
    latch = U32()
    vbe_index = U16()
    vbe = Array(U16(), 16)
    bank = U16()
    big_endian = Bool()  # pixels of 15 to 32 bits
