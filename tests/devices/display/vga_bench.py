"""The VGA of ours and QEMU's behind the same accesses (`tools.fuzz.screen_plan`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from device_bench import VRAM_SIZE, Bench
from qemu_screen import SLOT, QemuScreen

from playhead.devices.display.vga import FRAME as FRAME_BAR
from playhead.devices.display.vga import MMIO as MMIO_BAR
from playhead.devices.display.vga import Vga
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import PAGE, READ, WRITE
from tools.fuzz.screen_plan import Step, address

QEMU_FRAME, QEMU_MMIO = 0xE0000000, 0xF0000000


class Still:
    icount = 0

    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


class Ours:
    def __init__(self, **values: Any) -> None:
        self.time = Still()
        self.bench = Bench(VirtualClock(self.time))
        card = self.bench.build("VGA", values)
        assert isinstance(card, Vga)
        self.card = card

    def do(self, step: Step) -> int | None:
        kind, at, size, *value = step
        io, mmio, memory = self.bench.io, self.bench.memory.mmio, self.bench.memory
        if kind == "in":
            return io.read(at, size)
        if kind == "out":
            io.write(at, size, value[0])
            return None
        place = address(at, self.card.bar(FRAME_BAR) or 0, self.card.bar(MMIO_BAR) or 0)
        entry = memory.page_map[place // PAGE]
        if kind == "read":
            if entry & READ:
                return int.from_bytes(memory.read(place, size), "little")
            return mmio.read(place, size)
        if entry & WRITE:
            memory.write(place, value[0].to_bytes(size, "little"))
        else:
            mmio.write(place, size, value[0])
        return None

    def memory(self) -> bytes:
        return bytes(self.card.vram.view())


class QemuVga(QemuScreen):
    """Likewise; of a mebibyte of memory."""

    def __init__(self, folder: Path, more: str = ""):
        super().__init__(folder, VRAM_SIZE >> 20, more)
        self.outl(0xCF8, 0x80000000 | SLOT | 0x18)
        self.outl(0xCFC, QEMU_MMIO)

    def do(self, step: Step) -> int | None:
        kind, at, size, *value = step
        letter = " bw l"[size]
        if kind == "in":
            return int(self._ask(f"in{letter} {at:#x}"), 16)
        if kind == "read":
            return int(self._ask(f"read{letter} {address(at, QEMU_FRAME, QEMU_MMIO):#x}"), 16)
        where = at if kind == "out" else address(at, QEMU_FRAME, QEMU_MMIO)
        self._ask(f"{kind}{letter} {where:#x} {value[0]:#x}")
        return None

    def config(self, offset: int) -> int:
        self.outl(0xCF8, 0x80000000 | SLOT | offset)
        return int(self._ask("inl 0xcfc"), 16)

    def memory(self) -> bytes:
        return bytes.fromhex(self._ask(f"read {QEMU_FRAME:#x} {VRAM_SIZE:#x}")[2:])
