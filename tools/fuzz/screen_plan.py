"""Accesses to a VGA at random: sensible ones, by which it is compared with QEMU's, and hostile ones.

An access is a tuple: ("in", port, size), ("out", port, size, value), ("read", address, size), ("write", address, size,
value), where an address below 20000h is an offset of the window at A0000h, one from MMIO on is of the memory-mapped
registers, and one from FRAME on is of the frame buffer.
"""

from __future__ import annotations

import random
from typing import Any

WINDOW, WINDOW_SIZE, MMIO, FRAME, MEMORY = 0xA0000, 0x20000, 0x100000, 0x1000000, 1 << 20
Step = tuple[Any, ...]


def address(at: int, frame: int, mmio: int) -> int:
    """Where this is if the card's two ranges are there."""
    return at - FRAME + frame if at >= FRAME else at - MMIO + mmio if at >= MMIO else WINDOW + at


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
    at = FRAME + chance.choice((chance.randrange(0x200), chance.randrange(MEMORY))) // size * size
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


# Hostile ones


def anything(chance: random.Random) -> list[Step]:
    """An access that no driver would make, or to a place that none would be at."""
    size = chance.choice((1, 2, 4))
    value = chance.choice((chance.getrandbits(32), 0xFFFFFFFF, 0, 1 << chance.randrange(32))) & (1 << 8 * size) - 1
    kind = chance.random()
    if kind < 0.3:
        port = chance.choice((chance.randrange(0x3B0, 0x3E0), chance.randrange(0x1CC, 0x1D4)))
        return [("in", port, size) if chance.random() < 0.4 else ("out", port, size, value)]
    if kind < 0.7:
        at = chance.choice((MMIO + chance.randrange(0x1000), MMIO + 0x400 + chance.randrange(0x240),
                            chance.randrange(WINDOW_SIZE), FRAME + chance.randrange(MEMORY)))  # fmt: skip
        return [("read", at, size) if chance.random() < 0.4 else ("write", at, size, value)]
    if kind < 0.8:
        return moved(chance)
    sizes = (0, 1, 8, 639, 640, 4096, 16000, 0xFFFF)
    values = (chance.choice((0, 1)), chance.choice(sizes), chance.choice(sizes), chance.choice((4, 8, 15, 16, 24, 32)))
    order = (4, 1, 2, 3)
    steps = [step for n, v in zip(order, values, strict=True) for step in (("out", 0x1CE, 2, n), ("out", 0x1CF, 2, v))]
    return [*steps, ("out", 0x1CE, 2, 4), ("out", 0x1CF, 2, chance.choice((1, 0x81, 0xFF, 0xFFFF)))]


def moved(chance: random.Random) -> list[Step]:
    """The ranges go elsewhere, also onto others and onto each other, or are not decoded; and come back."""
    slot = 0x80001000
    places = (0xFD000000, 0xE0000000, 0x00100000, 0xFEE00000, 0x000A0000, 0, 0xFFFFFFFF, chance.getrandbits(32))
    kind = chance.randrange(3)
    register = (0x10, 0x18, 0x04)[kind]
    value = chance.choice(places) if kind < 2 else chance.choice((0, 1, 2, 7, 0xFFFF))
    away = [("out", 0xCF8, 4, slot | register), ("out", 0xCFC, 4, value)]
    return [*away, in_frame(chance), in_window(chance), ("read", MMIO + 0x500, 2), *placing()]


FRAME_AT, MMIO_AT = 0xE0000000, 0xE2000000


def placing() -> list[Step]:
    """What puts the ranges of a card in slot 2 to FRAME_AT and MMIO_AT."""
    writes = ((0x10, FRAME_AT), (0x18, MMIO_AT), (0x04, 7))
    return [step for at, value in writes for step in (("out", 0xCF8, 4, 0x80001000 | at), ("out", 0xCFC, 4, value))]


def hostile(seed: str, count: int) -> list[Step]:
    """Sensible and hostile ones, beginning with the ranges in their places."""
    chance = random.Random(seed)
    steps = placing()
    while len(steps) < count:
        wild = chance.random() < 0.3
        steps += anything(chance) if wild else sequence(chance.getrandbits(32), chance.randrange(1, 40))
    return steps[:count]
