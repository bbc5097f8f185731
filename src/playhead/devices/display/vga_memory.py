"""The window at A0000h: what an access of the guest does to planes of video memory, one byte after the other.

In chain-4 addressing with all planes enabled the window is linear; then it shows the memory itself (vga.py), and
nothing here is asked. All else goes through these functions: the map of 128, 64 or 32 KiB, planes by their mask, the
latches with their read and write modes and logical operations, and the interleaved addresses of text modes.

Source: IBM VGA XGA Technical Reference Manual, sections 2.4 (sequencer) and 2.5 (graphics controller); the layout of
the memory is QEMU's (vga_state.py).
"""

from playhead.devices.display.vga_dispi import vbe_is_linear
from playhead.devices.display.vga_state import (
    ALL_PLANES, CHAIN_4, GFX_BIT_MASK, GFX_COMPARE, GFX_DONT_CARE, GFX_ENABLE_SET_RESET, GFX_MISC,
    GFX_MODE, GFX_READ_MAP, GFX_ROTATE, GFX_SET_RESET, ODD_EVEN, READ_MODE_1, SEQ_MAP_MASK, SEQ_MODE, VIDEO_MEMORY_64K,
    VgaState,
)  # fmt: skip
from playhead.hw.native import native
from playhead.hw.vram import Vram

WINDOW, WINDOW_SIZE = 0xA0000, 0x20000
MAP_START, MAP_END = (0x00000, 0x00000, 0x10000, 0x18000), (0x20000, 0x10000, 0x18000, 0x20000)  # by memory map select
# Four bits as the bytes of four planes
PLANES = tuple(sum(0xFF << 8 * plane for plane in range(4) if bits >> plane & 1) for bits in range(16))
EACH_PLANE = 0x01010101
NOTHING = 0xFF


@native
def is_linear(map_mask: int, mode: int) -> bool:
    return bool(mode & CHAIN_4) and map_mask & ALL_PLANES == ALL_PLANES


@native
def map_mask(s: VgaState) -> int:
    return ALL_PLANES if vbe_is_linear(s) else s.seq[SEQ_MAP_MASK] & ALL_PLANES


@native
def memory_mode(s: VgaState) -> int:
    return CHAIN_4 if vbe_is_linear(s) else s.seq[SEQ_MODE]


@native
def window_is_linear(s: VgaState) -> bool:
    return is_linear(map_mask(s), memory_mode(s))


@native
def memory_address(s: VgaState, offset: int) -> int:
    """Where in its map an offset of the window is; -1: outside. A map of 64 KiB goes through the memory in banks."""
    select = s.gfx[GFX_MISC] >> 2 & 3
    if not MAP_START[select] <= offset < MAP_END[select]:
        return -1
    return offset - MAP_START[select] + (s.bank << 16 if select == 1 else 0)


@native
def interleaved(s: VgaState, address: int) -> int:
    """The byte of memory in odd/even addressing: the lowest bit is the plane's."""
    return (address & ~1) << 1 | s.gfx[GFX_READ_MAP] & 2 | address & 1


@native
def memory_size(s: VgaState) -> int:
    return s.vbe[VIDEO_MEMORY_64K] << 16


# Reads


@native
def read_memory_byte(s: VgaState, v: Vram, offset: int) -> int:
    address = memory_address(s, offset)
    if address < 0:
        return NOTHING
    if memory_mode(s) & CHAIN_4:
        return v[address] if address < memory_size(s) else NOTHING
    if s.gfx[GFX_MODE] & ODD_EVEN:
        at = interleaved(s, address)
        return v[at] if at < memory_size(s) else NOTHING
    if 4 * address >= memory_size(s):
        return NOTHING
    s.latch = v.cells[address]
    if s.gfx[GFX_MODE] & READ_MODE_1:
        return compared(s)
    return s.latch >> 8 * (s.gfx[GFX_READ_MAP] & 3) & 0xFF


@native
def compared(s: VgaState) -> int:
    """Read mode 1: ones where the planes have the colour that is looked for, as far as they are cared for."""
    different = (s.latch ^ PLANES[s.gfx[GFX_COMPARE] & 15]) & PLANES[s.gfx[GFX_DONT_CARE] & 15]
    different |= different >> 16
    return ~(different | different >> 8) & 0xFF


# Writes


@native
def write_memory_byte(s: VgaState, v: Vram, offset: int, value: int) -> None:
    address = memory_address(s, offset)
    if address < 0:
        return
    if memory_mode(s) & CHAIN_4:
        if map_mask(s) >> (address & 3) & 1 and address < memory_size(s):
            v[address] = value
    elif s.gfx[GFX_MODE] & ODD_EVEN:
        at = interleaved(s, address)
        if map_mask(s) >> (at & 3) & 1 and at < memory_size(s):
            v[at] = value
    elif 4 * address < memory_size(s):
        written = PLANES[map_mask(s)]
        v.cells[address] = v.cells[address] & ~written | planar(s, value) & written


@native
def planar(s: VgaState, value: int) -> int:
    """What a write offers to the planes, by the write mode."""
    mode, rotate = s.gfx[GFX_MODE] & 3, s.gfx[GFX_ROTATE] & 7
    if mode == 1:
        return s.latch
    rotated = (value >> rotate | value << 8 - rotate) & 0xFF
    bits, set_reset = s.gfx[GFX_BIT_MASK], PLANES[s.gfx[GFX_SET_RESET] & 15]
    if mode == 0:
        enabled = PLANES[s.gfx[GFX_ENABLE_SET_RESET] & 15]
        return combined(s, rotated * EACH_PLANE & ~enabled | set_reset & enabled, bits)
    if mode == 2:
        return combined(s, PLANES[value & 15], bits)
    return combined(s, set_reset, bits & rotated)


@native
def combined(s: VgaState, value: int, bits: int) -> int:
    """The logical operation with the latches, and then the bits that the mask lets through."""
    function, through = s.gfx[GFX_ROTATE] >> 3 & 3, bits * EACH_PLANE
    if function == 1:
        value = value & s.latch
    elif function == 2:
        value = value | s.latch
    elif function == 3:
        value = value ^ s.latch
    return value & through | s.latch & ~through


# Whole accesses


@native
def read_window(s: VgaState, v: Vram, offset: int, size: int) -> int:
    value = 0
    for n in range(size):
        value |= read_memory_byte(s, v, offset + n) << 8 * n
    return value


@native
def write_window(s: VgaState, v: Vram, offset: int, size: int, value: int) -> int:
    for n in range(size):
        write_memory_byte(s, v, offset + n, value >> 8 * n & 0xFF)
    return 0
