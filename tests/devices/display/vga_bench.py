"""The VGA of ours and QEMU's behind the same accesses, and sequences of such accesses at random.

An access is a tuple: ("in", port, size), ("out", port, size, value), ("read", address, size), ("write", address, size,
value), where an address below 20000h is an offset of the window at A0000h, one from MMIO on is of the memory-mapped
registers, and one from FRAME on is of the frame buffer.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from device_bench import VRAM_SIZE, Bench
from qemu_screen import SLOT, QemuScreen

from playhead.devices.display.vga import FRAME as FRAME_BAR
from playhead.devices.display.vga import MMIO as MMIO_BAR
from playhead.devices.display.vga import Vga
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import PAGE, READ, WRITE

WINDOW, WINDOW_SIZE, MMIO, FRAME = 0xA0000, 0x20000, 0x100000, 0x1000000
QEMU_FRAME, QEMU_MMIO = 0xE0000000, 0xF0000000
Step = tuple[Any, ...]


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

    def address(self, at: int) -> int:
        if at >= FRAME:
            return (self.card.bar(FRAME_BAR) or 0) + at - FRAME
        return (self.card.bar(MMIO_BAR) or 0) + at - MMIO if at >= MMIO else WINDOW + at

    def do(self, step: Step) -> int | None:
        kind, at, size, *value = step
        io, mmio, memory = self.bench.io, self.bench.memory.mmio, self.bench.memory
        if kind == "in":
            return io.read(at, size)
        if kind == "out":
            io.write(at, size, value[0])
            return None
        address = self.address(at)
        entry = memory.page_map[address // PAGE]
        if kind == "read":
            if entry & READ:
                return int.from_bytes(memory.read(address, size), "little")
            return mmio.read(address, size)
        if entry & WRITE:
            memory.write(address, value[0].to_bytes(size, "little"))
        else:
            mmio.write(address, size, value[0])
        return None

    def memory(self) -> bytes:
        return bytes(self.card.vram.view())


class QemuVga(QemuScreen):
    """Likewise; of a mebibyte of memory."""

    def __init__(self, folder: Path, more: str = ""):
        super().__init__(folder, VRAM_SIZE >> 20, more)
        self.outl(0xCF8, 0x80000000 | SLOT | 0x18)
        self.outl(0xCFC, QEMU_MMIO)

    def address(self, at: int) -> int:
        return at - FRAME + QEMU_FRAME if at >= FRAME else at - MMIO + QEMU_MMIO if at >= MMIO else WINDOW + at

    def do(self, step: Step) -> int | None:
        kind, at, size, *value = step
        letter = " bw l"[size]
        if kind == "in":
            return int(self._ask(f"in{letter} {at:#x}"), 16)
        if kind == "read":
            return int(self._ask(f"read{letter} {self.address(at):#x}"), 16)
        where = at if kind == "out" else self.address(at)
        self._ask(f"{kind}{letter} {where:#x} {value[0]:#x}")
        return None

    def config(self, offset: int) -> int:
        self.outl(0xCF8, 0x80000000 | SLOT | offset)
        return int(self._ask("inl 0xcfc"), 16)

    def memory(self) -> bytes:
        return bytes.fromhex(self._ask(f"read {QEMU_FRAME:#x} {VRAM_SIZE:#x}")[2:])


# Sequences

INDEXED = {0x3C4: 8, 0x3CE: 16, 0x3D4: 32, 0x3B4: 32}  # index ports, and how many registers there are
SIZES = (1, 1, 1, 2, 2, 4)


def legacy_registers(chance: random.Random) -> Step:
    """An access to a port of the VGA, mostly a sensible one."""
    kind = chance.random()
    if kind < 0.45:
        port = chance.choice((0x3C4, 0x3CE, 0x3CE, 0x3D4, 0x3D4, 0x3B4))
        return ("out", port, 2, chance.getrandbits(8) << 8 | chance.randrange(INDEXED[port]))
    if kind < 0.55:
        port = chance.choice(list(INDEXED))
        return ("out", port, 1, chance.randrange(INDEXED[port]))
    port = chance.choice((0x3C0, 0x3C0, 0x3C1, 0x3C2, 0x3C5, 0x3C7, 0x3C8, 0x3C9, 0x3C9, 0x3CA, 0x3CC, 0x3CF, 0x3D5,
                          0x3B5, 0x3BA, 0x3DA, 0x3DA, 0x3D0, 0x3BB, *range(0x3C0, 0x3D0)))  # fmt: skip
    size = 2 if chance.random() < 0.1 and port < 0x3CF else 1
    return ("out", port, size, chance.getrandbits(8 * size)) if chance.random() < 0.5 else ("in", port, size)


def memory_mode(chance: random.Random) -> list[Step]:
    """One of the ways in which the window can be addressed, with all that counts in it."""
    seq = {2: chance.choice((15, 15, chance.randrange(16))), 4: chance.choice((0x6, 0x2, 0xE, 0xA, 0x0))}
    gfx = {n: chance.getrandbits(8) for n in (0, 1, 2, 3, 4, 7, 8)}
    if chance.random() < 0.5:
        gfx |= {1: 0, 3: 0, 8: 0xFF}
    gfx[5] = chance.randrange(4) | chance.choice((0, 8)) | chance.choice((0, 0, 0x10)) | chance.choice((0, 0x20, 0x40))
    gfx[6] = chance.randrange(16)
    return [("out", 0x3C4, 2, value << 8 | n) for n, value in seq.items()] + [
        ("out", 0x3CE, 2, value << 8 | n) for n, value in gfx.items()
    ]


def in_window(chance: random.Random) -> Step:
    size = chance.choice(SIZES)
    near = chance.randrange(0x40)
    at = chance.choice((0, 0x8000, 0x10000, 0x18000, 0x1FF00, 0xFFC0)) + chance.choice((near, chance.randrange(0x8000)))
    at = min(at, WINDOW_SIZE - size)
    if chance.random() < 0.4:
        return ("read", at, size)
    return ("write", at, size, chance.getrandbits(8 * size))


def bochs(chance: random.Random, depths: tuple[int, ...] = (0, 8, 15, 16, 24, 32, 5)) -> list[Step]:
    """Some registers of the Bochs interface, by ports or by memory; perhaps a mode."""

    def write(index: int, value: int) -> list[Step]:
        if chance.random() < 0.3:
            return [("write", MMIO + 0x500 + 2 * index, 2, value)]
        return [("out", 0x1CE, 2, index), ("out", chance.choice((0x1CF, 0x1D0)), 2, value)]

    kind = chance.random()
    if kind < 0.3:
        wide, high = chance.choice((320, 640, 800, 1024)), chance.choice((200, 480, 600, 100))
        steps = write(4, 0) + write(1, wide) + write(2, high) + write(3, chance.choice(depths))
        return steps + write(4, chance.choice((0x01, 0x41, 0xC1, 0x61)))
    if kind < 0.5:
        return [("out", 0x1CE, 2, chance.randrange(13)), ("in", chance.choice((0x1CE, 0x1CF, 0x1D0)), 2)]
    if kind < 0.6:
        at = chance.randrange(11)
        return [("read", MMIO + 0x500 + 2 * at, chance.choice((1, 2)))]
    index = chance.choice((0, 1, 2, 5, 5, 6, 7, 8, 9, 10, 12))
    value = chance.choice((chance.getrandbits(16), chance.randrange(1200), chance.randrange(16), 0xB0C0 + index))
    return write(4, chance.choice((0, 1, 0x43, 0x81))) if kind < 0.7 else write(index, value)


def mapped(chance: random.Random) -> Step:
    """An access to the memory-mapped registers. Those of the Bochs interface are `bochs`'s."""
    at, size = MMIO + chance.choice((0x400, 0x404, 0x40E, 0x414, 0x600, 0x604)), chance.choice((1, 2, 4))
    if at >= MMIO + 0x600:
        value = chance.choice((0x1E1E1E1E, 0xBEBEBEBE, chance.getrandbits(32))) & (1 << 8 * size) - 1
    else:
        size = min(size, 2)
        value = chance.getrandbits(8 * size) & (0xFF1F if at == MMIO + 0x414 else 0xFFFF)  # the CRTC has 32 registers
    return ("write", at, size, value) if chance.random() < 0.5 else ("read", at, size)


def in_frame(chance: random.Random) -> Step:
    size = chance.choice((1, 2, 4))
    at = FRAME + chance.choice((chance.randrange(0x200), chance.randrange(VRAM_SIZE))) // size * size
    return ("read", at, size) if chance.random() < 0.3 else ("write", at, size, chance.getrandbits(8 * size))


def sequence(seed: int, count: int) -> list[Step]:
    chance = random.Random(seed)
    steps: list[Step] = []
    while len(steps) < count:
        kind = chance.random()
        if kind < 0.35:
            steps.append(legacy_registers(chance))
        elif kind < 0.40:
            steps += memory_mode(chance)
        elif kind < 0.80:
            steps += [in_window(chance) for _ in range(4)]
        elif kind < 0.88:
            steps.append(in_frame(chance))
        elif kind < 0.92:
            steps.append(mapped(chance))
        else:
            steps += bochs(chance)
    return steps
