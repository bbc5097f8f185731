"""A VGA as far as text mode needs it: registers that remember, retrace from virtual time, and the text to look at.

The memory behind A0000h-BFFFFh is ordinary RAM (the board maps it), so a console costs nothing; planes, graphics
modes and a ROM come with the screen. The reset values are those of mode 3 (80x25 text at B8000h), because without a
VGA ROM nobody else would program them.

Sources: IBM VGA XGA Technical Reference Manual, sections 2 and 4 (registers, mode 3 values, 28.322 MHz dot clock).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from playhead.base.picture import Picture, Text
from playhead.devices.display import rom_font, vga_palette, vga_picture, vga_scan
from playhead.devices.display.text_painter import Grid, paint
from playhead.devices.display.vga_registers import (
    VgaState, read_colour, read_mono, read_vga, write_colour, write_mono, write_vga,
)  # fmt: skip
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.memory import Memory
from playhead.hw.native import Registers
from playhead.hw.space import Space, never
from playhead.hw.surroundings import Surroundings

TEXT_BASE, TEXT_SIZE = 0xB8000, 0x8000
STANDARD = (0x000000, 0x0000AA, 0x00AA00, 0x00AAAA, 0xAA0000, 0xAA00AA, 0xAA5500, 0xAAAAAA, 0x555555, 0x5555FF,
            0x55FF55, 0x55FFFF, 0xFF5555, 0xFF55FF, 0xFFFF55, 0xFFFFFF)  # until a guest has filled the DAC


class VgaText(Device[VgaState]):
    """Ports 3B0h-3DFh."""

    State = VgaState
    SCREEN = True
    part = "vga_text"
    QEMU = Declared("vga-text", "ISA", "VGA as far as text mode needs it", category="Display",
                    ports=(Span(0x3B0, 12), Span(0x3C0, 16), Span(0x3D0, 16)))  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.clock)

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock):
        super().__init__(name)
        self._memory = memory
        self._key: tuple[object, ...] = ()
        self._picture: Picture | None = None
        mono = Registers(self.state, read=read_mono, write=write_mono, clock=clock)
        colour = Registers(self.state, read=read_colour, write=write_colour, clock=clock)
        both = Registers(self.state, read=read_vga, write=write_vga)
        io.map(0x3B0, 0x0C, never, never, max_size=2, name=f"{name}.mono", registers=mono)
        io.map(0x3C0, 0x10, never, never, max_size=2, name=name, registers=both)
        io.map(0x3D0, 0x10, never, never, max_size=2, name=f"{name}.colour", registers=colour)

    # -- what is on the screen

    def text(self, now_ns: int) -> Text | None:
        """None in graphics modes, which this adapter has only the registers of."""
        scan = _scan(self.state)
        if scan is None:
            return None
        memory = self._memory.read(TEXT_BASE, TEXT_SIZE)
        cells = (memory[at : at + 2] for at in self._addresses(scan))
        return Text(scan.columns, len(scan.rows), b"".join(cells), vga_scan.cursor_place(scan))

    def picture(self, now_ns: int) -> Picture:
        """With a font of this host's, because the adapter has none. Raises UsageError if there is no font."""
        scan = _scan(self.state)
        if scan is None or vga_scan.is_blank(self.state):
            return vga_picture.blank(scan)
        text = self.text(now_ns)
        assert text is not None
        phase = vga_scan.cursor_phase(now_ns)
        key = text.cells, phase, bytes(self.state.crtc), bytes(self.state.attr), bytes(self.state.dac)
        if key != self._key:
            self._picture = self._drawn(scan, text, phase)
            self._key = key
        assert self._picture is not None
        return self._picture

    def size_of(self, state: bytes | None = None) -> tuple[int, int] | None:
        s = self.state if state is None else VgaState.decode(state)
        scan = _scan(s)
        return None if scan is None or vga_scan.is_blank(s) else scan.size

    @staticmethod
    def _addresses(scan: vga_scan.TextScan) -> Iterator[int]:
        """Of each character in the window; a scan's are those of cells with four planes."""
        for row in scan.rows:
            for column in range(scan.columns):
                yield (row // 2 + 2 * column) % TEXT_SIZE

    def _drawn(self, scan: vga_scan.TextScan, text: Text, phase: bool) -> Picture:
        import numpy as np

        s, fonts = self.state, rom_font.installed()
        lines = max((lines for lines in fonts if lines <= scan.cell_height), default=min(fonts))
        font = np.frombuffer(fonts[lines], np.uint8).reshape(rom_font.CHARACTERS, lines)[:, : scan.cell_height]
        font = np.pad(font, ((0, 0), (0, max(scan.cell_height - lines, 0))))
        cells = np.frombuffer(text.cells, np.uint8).reshape(text.rows, text.columns, 2)
        joined = bool(s.attr[vga_palette.ATTR_MODE] & vga_picture.LINE_GRAPHICS)
        grid = Grid(cells[:, :, 0], cells[:, :, 1], np.concatenate([font, font]), scan.cell_width, joined)
        cursor = np.zeros((text.rows, text.columns), bool)
        if text.cursor is not None and phase:
            cursor[text.cursor[::-1]] = True
        lines_shown = slice(scan.cursor[1], scan.cursor[2] + 1) if scan.cursor is not None else slice(0)
        palette = vga_palette.sixteen(s) if any(s.dac) else np.array(STANDARD, np.uint32)
        return Picture(*scan.size, paint(grid, palette, cursor, lines_shown).tobytes())


def _scan(s: VgaState) -> vga_scan.TextScan | None:
    return None if vga_scan.is_graphics(s) else vga_scan.text_scan(s)
