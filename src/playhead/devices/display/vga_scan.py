"""What a VGA's registers make of its memory: text or graphics, how large, and where each line of the screen lies.

Drawing (`vga_picture.py`) starts here. It is a reading of the state, by anyone at any time: nothing in it is an access
of the guest's. Addresses are byte offsets into the memory as QEMU packs it: cell n, which is one byte of each of the
four planes, is the bytes 4n to 4n+3.

What is drawn is what QEMU 7.2 draws, so that a guest looks the same here and there; `DRAWN_DIFFERENTLY` says where that
is not what a VGA shows.

Sources: IBM VGA XGA Technical Reference Manual, section 2 (registers); QEMU's `screendump` beside the same registers
(tests/devices/display/test_picture_beside_qemu.py).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from playhead.base.record import BytesLike, Items
from playhead.devices.display.vga_state import (
    BPP, CLOCK_8_DOTS, CLOCK_HALF, CRTC_CURSOR, CRTC_CURSOR_END, CRTC_CURSOR_START, CRTC_H_SHOWN, CRTC_LINE_COMPARE,
    CRTC_MAX_SCAN, CRTC_MODE, CRTC_OFFSET, CRTC_OVERFLOW, CRTC_START, CRTC_V_SHOWN, CRTC_V_TOTAL, ENABLE, ENABLED,
    GFX_MISC, GFX_MODE, SEQ_CLOCKING, SEQ_FONTS, VIRT_WIDTH, X_OFFSET, XRES, Y_OFFSET, YRES,
)  # fmt: skip
from playhead.hw.device import Differs

DRAWN_DIFFERENTLY = (
    Differs("blinking (attribute mode control, bit 3)", "characters blink", "bit 7: a bright background", True),
    Differs("panning (attribute 13h, CRTC 08h)", "shifts the picture", "no effect", True),
    Differs("screen off (sequencer 01h, bit 5)", "black", "no effect; attribute address bit 5 blanks", True),
    Differs("pixel mask (3C6h)", "is applied to what goes to the DAC", "no effect", True),
    Differs("underline location", "underlines monochrome text", "no effect", True),
    Differs("colour plane enable", "masks planes in all modes", "in 16- and 4-colour graphics only", True),
    Differs("256 colours", "pass the attribute palette", "go to the DAC as they are", True),
    Differs("word, byte and doubleword modes of the CRTC", "permute address bits", "no effect", True),
    Differs("maximum scan line with CGA addressing", "lines of a row", "no effect", True),
    Differs("a blank screen's size", "that of its mode", "that of the last picture", False),
)  # fmt: skip

CURSOR_OFF = 0x20
GFX_MISC_GRAPHICS = 0x01
ATTR_SHOWN = 0x20  # of the attribute controller's address: the palette drives the screen
CGA_HEIGHT = 100  # this vertical total means 160x100 in sixteen colours: text of two scan lines
MOST_CELLS = 160 * 100
CURSOR_HALF_MS = 1000 * 2 * 16 // 70 // 2  # the cursor is shown so long, and hidden so long
FONT_BANK = 8192


class TextRegisters(Protocol):
    """The part of a VGA's state that decides about its picture in text mode."""

    @property
    def seq(self) -> BytesLike: ...
    @property
    def gfx(self) -> BytesLike: ...
    @property
    def crtc(self) -> BytesLike: ...
    @property
    def attr(self) -> BytesLike: ...
    @property
    def attr_index(self) -> int: ...
    @property
    def dac(self) -> BytesLike: ...


class Registers(TextRegisters, Protocol):
    """In all modes. `vbe`: ID XRES YRES BPP ENABLE BANK VIRT_WIDTH VIRT_HEIGHT X_OFFSET Y_OFFSET, as they read back."""

    @property
    def vbe(self) -> Items[int]: ...
    @property
    def big_endian(self) -> bool: ...


class TextScan(NamedTuple):
    """`rows`: the address of each row's first character. `cursor`: the address of its character, and its first and
    last line; None while it is off. `fonts`: where plane 2 has them, for attributes without and with bit 3.
    """

    columns: int
    cell_width: int
    cell_height: int
    rows: list[int]
    cursor: tuple[int, int, int] | None
    fonts: tuple[int, int]

    @property
    def size(self) -> tuple[int, int]:
        return self.columns * self.cell_width, len(self.rows) * self.cell_height


class GraphicsScan(NamedTuple):
    """`kind`: planar (16 colours), cga (4 colours), or packed, with `bits` for each pixel. `columns`: pixels in
    memory, each of which is `wide` pixels of the screen. `lines`: the address of each line of the screen.
    """

    kind: str
    bits: int
    columns: int
    wide: int
    lines: list[int]

    @property
    def size(self) -> tuple[int, int]:
        return self.columns * self.wide, len(self.lines)


def is_graphics(s: TextRegisters) -> bool:
    return bool(s.gfx[GFX_MISC] & GFX_MISC_GRAPHICS)


def is_blank(s: TextRegisters) -> bool:
    return not s.attr_index & ATTR_SHOWN


def has_vbe(s: Registers) -> bool:
    return bool(s.vbe[ENABLE] & ENABLED)


def scan_of(s: Registers) -> TextScan | GraphicsScan | None:
    """What is shown, or would be if the screen were not blank; None where that is no picture at all."""
    scan = graphics_scan(s) if is_graphics(s) else text_scan(s)
    return scan if scan is not None and all(scan.size) else None


def _lines_shown(crtc: BytesLike) -> int:
    return (crtc[CRTC_V_SHOWN] | (crtc[CRTC_OVERFLOW] & 0x02) << 7 | (crtc[CRTC_OVERFLOW] & 0x40) << 3) + 1


def _line_compare(crtc: BytesLike) -> int:
    high = (crtc[CRTC_OVERFLOW] & 0x10) << 4 | (crtc[CRTC_MAX_SCAN] & 0x40) << 3
    return crtc[CRTC_LINE_COMPARE] | high


def _word(crtc: BytesLike, index: int) -> int:
    return crtc[index] << 8 | crtc[index + 1]


# -- text


def text_scan(s: TextRegisters) -> TextScan | None:
    """None if there are fewer characters than one would look at, or more than any text mode has."""
    crtc, clocking = s.crtc, s.seq[SEQ_CLOCKING]
    height = (crtc[CRTC_MAX_SCAN] & 0x1F) + 1
    width = 16 if clocking & CLOCK_HALF else 8 if clocking & CLOCK_8_DOTS else 9
    columns = crtc[CRTC_H_SHOWN] + 1
    count = CGA_HEIGHT if crtc[CRTC_V_TOTAL] == CGA_HEIGHT else _lines_shown(crtc) // height
    if not 1 < columns * count <= MOST_CELLS:
        return None
    first, last = crtc[CRTC_CURSOR_START] & 0x1F, min(crtc[CRTC_CURSOR_END] & 0x1F, height - 1)
    shown = not crtc[CRTC_CURSOR_START] & CURSOR_OFF and first <= last
    return TextScan(
        columns, width, height, _row_addresses(crtc, count, height),
        (_word(crtc, CRTC_CURSOR) * 4, first, last) if shown else None, font_addresses(s.seq[SEQ_FONTS]),
    )  # fmt: skip


def _row_addresses(crtc: BytesLike, count: int, height: int) -> list[int]:
    """Below the line of the split, the memory's beginning is shown."""
    rows, pitch, compare = [], crtc[CRTC_OFFSET] * 8, _line_compare(crtc)
    at = _word(crtc, CRTC_START) * 4
    for row in range(count):
        rows.append(at)
        at = 0 if row * height <= compare < (row + 1) * height else at + pitch
    return rows


def font_addresses(select: int) -> tuple[int, int]:
    """By the sequencer's character map select register."""
    plain = (select & 3) << 1 | select >> 4 & 1
    bold = (select >> 2 & 3) << 1 | select >> 5 & 1
    return plain * FONT_BANK * 4 + 2, bold * FONT_BANK * 4 + 2


def cursor_phase(now_ns: int) -> bool:
    """Whether the cursor is in the half of its time in which it is shown."""
    return now_ns // 1_000_000 // CURSOR_HALF_MS % 2 == 0


def cursor_place(scan: TextScan) -> tuple[int, int] | None:
    """Its column and row, whether it blinks just now or not; None if it is off or out of sight."""
    if scan.cursor is None:
        return None
    distances = ((scan.cursor[0] - at, row) for row, at in enumerate(scan.rows))
    return next(((far // 4, row) for far, row in distances if 0 <= far < 4 * scan.columns), None)


# -- graphics


def graphics_scan(s: Registers) -> GraphicsScan:
    vbe, shift = has_vbe(s), s.gfx[GFX_MODE] >> 5 & 3
    half = bool(s.seq[SEQ_CLOCKING] & CLOCK_HALF) and not vbe
    width = s.vbe[XRES] if vbe else (s.crtc[CRTC_H_SHOWN] + 1) * 8
    lines = line_addresses(s)
    if shift < 2:
        return GraphicsScan("cga" if shift else "planar", 2 if shift else 4, width, 1 + half, lines)
    depth = s.vbe[BPP] if vbe else 0
    if depth in (8, 15, 16, 24, 32):
        return GraphicsScan("packed", depth, width, 1, lines)
    return GraphicsScan("packed", 8, width // 2, 2, lines)


def line_addresses(s: Registers) -> list[int]:
    crtc = s.crtc
    mode, at, pitch, compare = crtc[CRTC_MODE], _word(crtc, CRTC_START) * 4, crtc[CRTC_OFFSET] * 8, _line_compare(crtc)
    height = _lines_shown(crtc)
    if has_vbe(s):
        (at, pitch), compare, height = _vbe_place(s), -1, s.vbe[YRES]
    double = crtc[CRTC_MAX_SCAN] >> 7
    each = ((crtc[CRTC_MAX_SCAN] & 0x1F) + 1 if mode & 1 else 1) << double
    lines, row, step_mask = [], 0, mode & 3 ^ 3  # rows between which the memory's address stays the same
    for y in range(height):
        lines.append(_interleaved(at, row, mode))
        if y % each == each - 1:
            at += pitch if row & step_mask == step_mask else 0
            row += 1
        if y == compare:
            at = 0
    return lines


def _interleaved(at: int, row: int, mode: int) -> int:
    """CGA and Hercules have a row's lowest bits in the address: each scan line of a row of characters is a bank."""
    if not mode & 1:
        bit = 1 << 14 + (mode >> 6 & 1)
        at = at & ~bit | (bit if row & 1 else 0)
    if not mode & 2:
        at = at & ~0x8000 | (row & 2) << 14
    return at


def _vbe_place(s: Registers) -> tuple[int, int]:
    """The address of the first line, in whole cells, and the distance of lines."""
    bits = 16 if s.vbe[BPP] == 15 else s.vbe[BPP]
    pitch = s.vbe[VIRT_WIDTH] * bits // 8
    return (s.vbe[X_OFFSET] * bits // 8 + s.vbe[Y_OFFSET] * pitch) & ~3, pitch
