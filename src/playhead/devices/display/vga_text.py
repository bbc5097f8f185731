"""A VGA as far as text mode needs it: registers that remember, retrace from virtual time, and a dump of the text.

The memory behind A0000h-BFFFFh is ordinary RAM (the board maps it), so a console costs nothing; planes, graphics
modes and a ROM come with the screen. The reset values are those of mode 3 (80x25 text at B8000h), because without a
VGA ROM nobody else would program them.

Sources: IBM VGA XGA Technical Reference Manual, sections 2 and 4 (registers, mode 3 values, 28.322 MHz dot clock).
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import U8, Array, Bool
from playhead.base.shared_record import SharedRecord, Table
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.memory import Memory
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

DOT_HZ = 28_322_000
DOTS_PER_LINE, DOTS_SHOWN = 900, 720  # 100 and 80 characters of 9 dots
LINES, LINES_SHOWN = 449, 400
RETRACE_LINES = range(412, 414)
COLUMNS, ROWS, TEXT_BASE, TEXT_SIZE = 80, 25, 0xB8000, 0x8000

MISC_COLOUR = 0x01  # CRTC at 3D4h and status at 3DAh; otherwise at 3B4h and 3BAh
STATUS_BLANK, STATUS_RETRACE = 0x01, 0x08
CRTC_START_HIGH, CRTC_START_LOW, CRTC_RETRACE_END, CRTC_PROTECT = 0x0C, 0x0D, 0x11, 0x80
CRTC_OVERFLOW, CRTC_LINE_COMPARE_8 = 0x07, 0x10

SEQUENCER = bytes((0x03, 0x00, 0x03, 0x00, 0x02))
GRAPHICS = bytes((0x00, 0x00, 0x00, 0x00, 0x00, 0x10, 0x0E, 0x00, 0xFF))
CRTC = bytes.fromhex("5f4f50825581bf1f004f0d0e00000000 9c8e8f281f96b9a3ff")
ATTRIBUTE = bytes.fromhex("000102030405140738393a3b3c3d3e3f 0c000f0800")
CP437_HIGH = bytes(range(0x80, 0x100)).decode("cp437")


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
    dac = Table(768)


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
        self._memory, self._clock = memory, clock
        io.map(0x3B0, 0x0C, self._read_crtc, self._write_crtc, name=f"{name}.mono")
        io.map(0x3C0, 0x10, self._read, self._write, name=name)
        io.map(0x3D0, 0x10, self._read_crtc, self._write_crtc, name=f"{name}.colour")

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

    # -- CRTC and status, at 3Bxh or 3Dxh by the miscellaneous output register

    def _selected(self, address: int) -> bool:
        return (address >= 0x3D0) == bool(self.state.misc & MISC_COLOUR)

    def _read_crtc(self, address: int, size: int) -> int:
        s, low = self.state, address & 0xF
        if not self._selected(address):
            return 0xFF
        if low == 0xA:
            s.attr_data_next = False
            return self._status()
        if low < 8:  # the pair of ports answers at four addresses
            return s.crtc[s.crtc_index] if low & 1 else s.crtc_index
        return 0xFF

    def _write_crtc(self, address: int, size: int, value: int) -> None:
        s, low = self.state, address & 0xF
        if not self._selected(address):
            return
        if low == 0xA:
            s.feature = value
        elif low < 8 and not low & 1:
            s.crtc_index = value & 0x1F
        elif low < 8:
            if s.crtc_index <= 7 and s.crtc[CRTC_RETRACE_END] & CRTC_PROTECT:
                if s.crtc_index != CRTC_OVERFLOW:
                    return
                value = s.crtc[7] & ~CRTC_LINE_COMPARE_8 | value & CRTC_LINE_COMPARE_8
            s.crtc[s.crtc_index] = value

    def _status(self) -> int:
        line, dot = divmod(self._clock.ticks(DOT_HZ) % (LINES * DOTS_PER_LINE), DOTS_PER_LINE)
        status = STATUS_BLANK if line >= LINES_SHOWN or dot >= DOTS_SHOWN else 0
        return status | (STATUS_RETRACE if line in RETRACE_LINES else 0)

    # -- 3C0h-3CFh

    def _read(self, address: int, size: int) -> int:
        s, low = self.state, address & 0xF
        if low == 0x0:
            return s.attr_index
        if low == 0x1:
            return s.attr[s.attr_index & 0x1F]
        if low == 0x7:
            return 3 if s.dac_reading else 0
        if low == 0x9:
            return self._read_dac()
        values = {0x4: s.seq_index, 0x5: s.seq[s.seq_index], 0x6: s.dac_mask, 0x8: s.dac_index[0], 0xA: s.feature,
                  0xC: s.misc, 0xE: s.gfx_index, 0xF: s.gfx[s.gfx_index]}  # fmt: skip
        return values.get(low, 0x10 if low == 0x2 else 0xFF)  # input status 0: the sense switch of a colour screen

    def _write(self, address: int, size: int, value: int) -> None:
        s, low = self.state, address & 0xF
        if low in (0x0, 0x1):
            if s.attr_data_next:
                if s.attr_index & 0x20 == 0 or s.attr_index & 0x1F >= 0x10:  # palette is closed while it is shown
                    s.attr[s.attr_index & 0x1F] = value
            else:
                s.attr_index = value & 0x3F
            s.attr_data_next = not s.attr_data_next
        elif low == 0x2:
            s.misc = value
        elif low == 0x4:
            s.seq_index = value & 7
        elif low == 0x5:
            s.seq[s.seq_index] = value
        elif low == 0x6:
            s.dac_mask = value
        elif low in (0x7, 0x8):
            s.dac_reading = low == 0x7
            s.dac_index[1 if low == 0x7 else 0] = value
            s.dac_part = 0
        elif low == 0x9:
            self._write_dac(value)
        elif low == 0xE:
            s.gfx_index = value & 15
        elif low == 0xF:
            s.gfx[s.gfx_index] = value

    # -- the palette: three writes or reads make one entry

    def _read_dac(self) -> int:
        value = self.state.dac[3 * self.state.dac_index[1] + self.state.dac_part]
        self._advance_dac(1)
        return value

    def _write_dac(self, value: int) -> None:
        self.state.dac[3 * self.state.dac_index[0] + self.state.dac_part] = value & 0x3F
        self._advance_dac(0)

    def _advance_dac(self, which: int) -> None:
        s = self.state
        s.dac_part += 1
        if s.dac_part == 3:
            s.dac_part = 0
            s.dac_index[which] = (s.dac_index[which] + 1) & 0xFF
