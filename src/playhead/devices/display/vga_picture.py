"""The picture on a VGA's screen, and its characters, from its registers, its memory and the virtual time.

`Painter.picture` gives the very same object again while nothing that is shown has changed, so whoever sends pictures on
needs only to look whether it is another one. What it remembers for that is derived from contents, never state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.base.picture import Picture, Text
from playhead.devices.display import vga_palette, vga_scan
from playhead.devices.display.text_painter import Grid, paint
from playhead.devices.display.vga_scan import GraphicsScan, Registers, TextScan

if TYPE_CHECKING:
    from numpy import ndarray

    Pixels = ndarray[Any, Any]

PLANES = 256 << 10  # 64 Ki cells: fonts, and the text, unless it begins near their end
FONT_LINES = 32  # room for each character
LINE_GRAPHICS = 0x04  # of the attribute controller's mode: characters C0h-DFh have their eighth column twice
NOTHING = Picture(640, 480, bytes(640 * 480 * 4))  # where the registers make no picture


class Painter:
    """Of one VGA; `memory` is all of its video RAM, a power of two of bytes."""

    def __init__(self, registers: Registers, memory: memoryview):
        self._s, self._memory = registers, memory
        self._registers_seen: tuple[Any, ...] = ()
        self._scan: TextScan | GraphicsScan | None = None
        self._key: tuple[Any, ...] = ()
        self._seen: Pixels | None = None
        self._picture = NOTHING

    def picture(self, now_ns: int) -> Picture:
        import numpy as np

        s, scan = self._s, self._scan_now()
        if scan is None or vga_scan.is_blank(s):
            return self._blank(scan)
        memory = np.frombuffer(self._memory, np.uint8)
        phase = isinstance(scan, TextScan) and vga_scan.cursor_phase(now_ns)
        key = (phase, self._registers_seen, bytes(s.dac), s.big_endian)
        seen = memory[_span(scan, len(memory))].view(np.uint64)
        if key != self._key or self._seen is None or not np.array_equal(seen, self._seen):
            self._keep(seen)
            self._key = key
            pixels = _text(s, scan, memory, phase) if isinstance(scan, TextScan) else _graphics(s, scan, memory)
            self._picture = Picture(*scan.size, pixels.tobytes())
        return self._picture

    def _scan_now(self) -> TextScan | GraphicsScan | None:
        s = self._s
        registers = (bytes(s.seq), bytes(s.gfx), bytes(s.crtc), bytes(s.attr), tuple(s.vbe))
        if registers != self._registers_seen:
            self._registers_seen, self._scan = registers, vga_scan.scan_of(s)
        return self._scan

    def _keep(self, seen: Pixels) -> None:
        """For the next look, in the same place if it is as large."""
        if self._seen is not None and self._seen.shape == seen.shape:
            self._seen[:] = seen
        else:
            self._seen = seen.copy()

    def _blank(self, scan: TextScan | GraphicsScan | None) -> Picture:
        size = scan.size if scan is not None else None
        if self._key != ("blank", size):
            self._key, self._picture = ("blank", size), blank(scan)
        return self._picture

    def text(self, now_ns: int) -> Text | None:
        """What is in text mode's memory, also while the screen is blank. The cursor counts also while it blinks."""
        s, memory = self._s, self._memory
        scan = None if vga_scan.is_graphics(s) else vga_scan.text_scan(s)
        if scan is None:
            return None
        cells = bytearray()
        for row in scan.rows:
            packed = bytes(memory[row : row + 4 * scan.columns]).ljust(4 * scan.columns, b"\0")
            pairs = bytearray(2 * scan.columns)
            pairs[::2], pairs[1::2] = packed[::4], packed[1::4]
            cells += pairs
        return Text(scan.columns, len(scan.rows), bytes(cells), vga_scan.cursor_place(scan))


def blank(scan: TextScan | GraphicsScan | None) -> Picture:
    """Black, as large as its mode."""
    if scan is None:
        return NOTHING
    width, height = scan.size
    return Picture(width, height, bytes(4 * width * height))


def _span(scan: TextScan | GraphicsScan, size: int) -> slice:
    """The part of the memory that the picture depends on, or more than that, in words of eight bytes."""
    if isinstance(scan, TextScan):
        low, high = 0, max(PLANES, max(scan.rows) + 4 * scan.columns)
    else:
        low, high = min(scan.lines) & ~7, max(scan.lines) + _line_bytes(scan)
    high = high + 7 & ~7
    return slice(low, high) if high <= size else slice(0, size)


def _line_bytes(scan: GraphicsScan) -> int:
    if scan.kind != "packed":
        return scan.columns // 2  # a cell has eight pixels
    return scan.columns * ((scan.bits + 7) // 8)


# -- text


def _text(s: Registers, scan: TextScan, memory: Pixels, phase: bool) -> Pixels:
    import numpy as np

    addresses = np.array(scan.rows)[:, None] + 4 * np.arange(scan.columns)
    inside = np.where(addresses < len(memory), addresses, 0)
    fonts = [memory[at : at + 256 * FONT_LINES * 4 : 4].reshape(256, FONT_LINES) for at in scan.fonts]
    grid = Grid(memory[inside], memory[inside + 1], np.concatenate(fonts)[:, : scan.cell_height], scan.cell_width,
                bool(s.attr[vga_palette.ATTR_MODE] & LINE_GRAPHICS))  # fmt: skip
    if scan.cursor is None or not phase:
        return paint(grid, vga_palette.sixteen(s))
    at, first, last = scan.cursor
    return paint(grid, vga_palette.sixteen(s), addresses == at, slice(first, last + 1))


# -- graphics


def _graphics(s: Registers, scan: GraphicsScan, memory: Pixels) -> Pixels:
    """Lines that show the same memory as the one above are drawn once."""
    import numpy as np

    lines = np.array(scan.lines)
    new = np.append(True, lines[1:] != lines[:-1])
    drawn = _colours(s, scan, _rows(memory, lines[new], _line_bytes(scan)))
    if scan.wide > 1:
        drawn = np.repeat(drawn, scan.wide, axis=1)
    return drawn if new.all() else drawn[np.cumsum(new) - 1]


def _rows(memory: Pixels, addresses: Pixels, length: int) -> Pixels:
    """The memory's bytes at each address; behind its end is its beginning."""
    import numpy as np

    steps = np.diff(addresses)
    pitch = int(steps[0]) if len(steps) else 0
    if pitch >= 0 and (steps == pitch).all() and addresses[-1] + length <= len(memory):
        part = memory[addresses[0] :]
        return np.lib.stride_tricks.as_strided(part, (len(addresses), length), (pitch, 1), writeable=False)
    return memory[(addresses[:, None] + np.arange(length)) % len(memory)]


def _colours(s: Registers, scan: GraphicsScan, rows: Pixels) -> Pixels:
    """Bytes of memory as pixels."""
    import numpy as np

    if scan.kind == "planar":
        return vga_palette.sixteen(s)[_planar(rows, s.attr[vga_palette.ATTR_PLANES] & 15)]
    if scan.kind == "cga":
        return vga_palette.sixteen(s)[_cga(rows, s.attr[vga_palette.ATTR_PLANES] & 15)]
    if scan.bits == 8:
        return vga_palette.all_colours(s)[rows]
    if scan.bits in (15, 16):
        full = not s.big_endian
        table = vga_palette.of_fifteen_bits() if scan.bits == 15 else vga_palette.of_sixteen_bits(full=full)
        return table[np.ascontiguousarray(rows).view(">u2" if s.big_endian else "<u2")]
    if scan.bits == 24:
        out = np.zeros((len(rows), scan.columns, 4), np.uint8)
        parts = np.ascontiguousarray(rows).reshape(len(rows), scan.columns, 3)
        out[:, :, :3] = parts[:, :, ::-1] if s.big_endian else parts
        return out.view("<u4")[:, :, 0]
    out = np.array(rows).view(">u4" if s.big_endian else "<u4")
    return (out & 0xFFFFFF).astype("<u4", copy=False)


def _spread() -> Pixels:
    """For each byte, its bits as eight bytes."""
    import numpy as np

    return np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).view("<u8")[:, 0]


def _planar(rows: Pixels, enabled: int) -> Pixels:
    """A pixel's colour: a bit of each plane that is enabled."""
    import numpy as np

    bits = _spread()
    out = np.zeros((len(rows), rows.shape[1] // 4), np.uint64)
    for plane in range(4):
        if enabled >> plane & 1:
            out |= bits[rows[:, plane::4]] << np.uint64(plane)
    return out.view(np.uint8)


def _cga(rows: Pixels, enabled: int) -> Pixels:
    """Four pixels of two bits in planes 0 and 2, which have the higher bits, then four in planes 1 and 3."""
    import numpy as np

    pairs = np.arange(256, dtype=np.uint8)[:, None] >> np.array([6, 4, 2, 0], np.uint8) & 3
    planes = [pairs[rows[:, n::4] if enabled >> n & 1 else np.zeros_like(rows[:, n::4])] for n in range(4)]
    halves = np.stack([planes[0] | planes[2] << 2, planes[1] | planes[3] << 2], axis=2)
    return halves.reshape(len(rows), -1)
