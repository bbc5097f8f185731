"""A VGA's state without a device around it: registers that hold what is written."""

from __future__ import annotations

from playhead.base.picture import Picture
from playhead.devices.display.vga_picture import Painter

ATTR_MASKS = {**dict.fromkeys(range(16), 0x3F), 0x10: 0xEF, 0x11: 0xFF, 0x12: 0x3F, 0x13: 0x0F, 0x14: 0x0F}
ENABLE, BPP, VIRT_WIDTH = 4, 3, 6


class BareVga:
    """With the registers' names of `vga_scan.Registers`, and the accesses of `scenes.Target`."""

    def __init__(self, size: int = 16 << 20):
        self.seq, self.gfx, self.crtc = bytearray(8), bytearray(16), bytearray(32)
        self.attr, self.attr_index, self.dac = bytearray(32), 0, bytearray(768)
        self.vbe, self.big_endian = [0] * 16, False
        self._data_next, self._vbe_index, self._dac_at = False, 0, 0
        self.memory = bytearray(size)
        self.painter = Painter(self, memoryview(self.memory))

    def look(self) -> None: ...

    def picture(self) -> Picture:
        return self.painter.picture(0)

    def write_vram(self, offset: int, data: bytes) -> None:
        data = data[: len(self.memory) - offset]
        self.memory[offset : offset + len(data)] = data

    def inb(self, port: int) -> int:
        self._data_next = False
        return 0

    def outb(self, port: int, value: int) -> None:
        if port == 0x3C0 and not self._data_next:
            self.attr_index = value & 0x3F
        elif port == 0x3C0:
            index = self.attr_index & 0x1F
            self.attr[index] = value & ATTR_MASKS.get(index, 0)
        elif port == 0x3C8:
            self._dac_at = 3 * value
        elif port == 0x3C9:
            self.dac[self._dac_at % 768] = value
            self._dac_at += 1
        self._data_next = port == 0x3C0 and not self._data_next

    def outw(self, port: int, value: int) -> None:
        index, data = value & 0xFF, value >> 8
        if port == 0x3C4:
            self.seq[index] = data
        elif port == 0x3CE:
            self.gfx[index] = data
        elif port == 0x3D4 and (index > 7 or not self.crtc[0x11] & 0x80):
            self.crtc[index] = data
        elif port == 0x1CE:
            self._vbe_index = value
        elif port == 0x1D0:
            self.vbe[self._vbe_index] = value
            if self._vbe_index == ENABLE:
                self.vbe[VIRT_WIDTH:10] = self.vbe[1], 0, 0, 0
        self._take_over()

    def _take_over(self) -> None:
        if self.vbe[ENABLE] & 1:
            self.gfx[6] |= 1
            self.gfx[5] = self.gfx[5] & ~0x60 | (0 if self.vbe[BPP] == 4 else 0x40)
            self.crtc[0x17] |= 3
            self.crtc[9] &= ~0x9F
