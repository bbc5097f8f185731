"""Our VGA with video memory of any size, and the accesses that `scenes.Target` has."""

from __future__ import annotations

from playhead.base.picture import Picture
from playhead.devices.display.vga import Vga
from playhead.devices.display.vga_mmio import REGISTERS_FROM, write_mmio
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory
from playhead.hw.space import Space


class Still:
    """Virtual time stands."""

    icount = 0

    def now_ns(self) -> int:
        return 0


class OurVga:
    def __init__(self, size: int = 16 << 20):
        self.io, memory = Space("io", 1 << 16), Memory(size)
        at = memory.allocate(size), size
        memory.share(*at)
        self.card = Vga("vga", self.io, memory, VirtualClock(Still()), at, b"")

    def look(self) -> None: ...

    def picture(self, now_ns: int = 0) -> Picture:
        return self.card._painter.picture(now_ns)  # there is no ROM, so fonts are what a scene has written

    def write_vram(self, offset: int, data: bytes) -> None:
        self.card.vram.write(offset, data[: self.card.vram.size - offset])

    def write_mapped(self, offset: int, value: int) -> None:
        write_mmio(self.card.state, offset - REGISTERS_FROM, 4, value)

    def inb(self, port: int) -> int:
        return self.io.read(port, 1)

    def outb(self, port: int, value: int) -> None:
        self.io.write(port, 1, value)

    def outw(self, port: int, value: int) -> None:
        self.io.write(port, 2, value)
