"""A VGA as far as text mode needs it: registers that remember, retrace from virtual time, and a dump of the text.

The memory behind A0000h-BFFFFh is ordinary RAM (the board maps it), so a console costs nothing; planes, graphics
modes and a ROM come with the screen. The reset values are those of mode 3 (80x25 text at B8000h), because without a
VGA ROM nobody else would program them.

Sources: IBM VGA XGA Technical Reference Manual, sections 2 and 4 (registers, mode 3 values, 28.322 MHz dot clock).
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.devices.display.vga_registers import (
    CRTC_START_HIGH, CRTC_START_LOW, VgaState, read_colour, read_mono, read_vga, write_colour, write_mono, write_vga,
)  # fmt: skip
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.memory import Memory
from playhead.hw.native import Registers
from playhead.hw.space import Space, never
from playhead.hw.surroundings import Surroundings

COLUMNS, ROWS, TEXT_BASE, TEXT_SIZE = 80, 25, 0xB8000, 0x8000

CP437_HIGH = bytes(range(0x80, 0x100)).decode("cp437")


class VgaText(Device[VgaState]):
    """Ports 3B0h-3DFh."""

    State = VgaState
    part = "vga_text"
    QEMU = Declared("vga-text", "ISA", "VGA as far as text mode needs it", category="Display",
                    ports=(Span(0x3B0, 12), Span(0x3C0, 16), Span(0x3D0, 16)))  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        return cls(name, at.io, at.memory, at.clock)

    def __init__(self, name: str, io: Space, memory: Memory, clock: VirtualClock):
        super().__init__(name)
        self._memory = memory
        mono = Registers(self.state, read=read_mono, write=write_mono, clock=clock)
        colour = Registers(self.state, read=read_colour, write=write_colour, clock=clock)
        both = Registers(self.state, read=read_vga, write=write_vga)
        io.map(0x3B0, 0x0C, never, never, max_size=2, name=f"{name}.mono", registers=mono)
        io.map(0x3C0, 0x10, never, never, max_size=2, name=name, registers=both)
        io.map(0x3D0, 0x10, never, never, max_size=2, name=f"{name}.colour", registers=colour)

    # -- what is on the screen

    def text(self) -> list[str]:
        """The 25 rows of 80 characters that text mode shows, without trailing blanks."""
        start = (self.state.crtc[CRTC_START_HIGH] << 8 | self.state.crtc[CRTC_START_LOW]) * 2
        buffer = self._memory.read(TEXT_BASE, TEXT_SIZE)
        cells = (buffer[(start + 2 * i) % TEXT_SIZE] for i in range(COLUMNS * ROWS))
        line = "".join(self._glyph(c) for c in cells)
        return [line[i : i + COLUMNS].rstrip() for i in range(0, COLUMNS * ROWS, COLUMNS)]

    @staticmethod
    def _glyph(code: int) -> str:
        if code >= 0x80:
            return CP437_HIGH[code - 0x80]
        return chr(code) if 0x20 <= code < 0x7F else " "
