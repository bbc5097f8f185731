"""Mode 3, 80x25 characters in colour, as a VGA's ROM sets it up: for machines that start without firmware.

Source: IBM VGA XGA Technical Reference Manual, section 2 (values of mode 3, the colours of its palette).
"""

from playhead.devices.display.vga_registers import ATTRIBUTE, CRTC, GRAPHICS, SEQUENCER
from playhead.devices.display.vga_state import VgaState

MISC, PALETTE_SHOWN = 0x67, 0x20
COLOURS = 64  # two bits each of red, green and blue; the rest of the palette is black
BRIGHT, DIM = 0x2A, 0x15
BLANK, CELLS, CELL_SIZE = b" \x07\0\0", 0x4000, 4  # a text mode's 32 KiB
CODES, HEIGHT = 256, 16
FONT_PLANE, FONT_STEP = 2, 32  # each character has room for 32 lines


def program(s: VgaState) -> None:
    s.misc, s.attr_index, s.dac_mask = MISC, PALETTE_SHOWN, 0xFF
    for table, values in ((s.seq, SEQUENCER), (s.gfx, GRAPHICS), (s.crtc, CRTC), (s.attr, ATTRIBUTE)):
        table[: len(values)] = values
    s.dac = b"".join(map(_colour, range(COLOURS))).ljust(len(s.dac), b"\0")


def _colour(n: int) -> bytes:
    return bytes(BRIGHT * (n >> 2 - part & 1) + DIM * (n >> 5 - part & 1) for part in range(3))


def memory(font: bytes | None) -> bytes:
    """What is in video memory: blank characters, and the font if there is one."""
    out = bytearray(BLANK * CELLS)
    if font is not None:
        for code in range(CODES):
            start = CELL_SIZE * FONT_STEP * code + FONT_PLANE
            end = start + CELL_SIZE * HEIGHT
            out[start:end:CELL_SIZE] = font[HEIGHT * code : HEIGHT * (code + 1)]
    return bytes(out)
