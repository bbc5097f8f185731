"""The DMA controllers: registers, and what a device's transfer does to memory and to them."""

import pytest

from playhead.devices.system.i8257_dma import Dma


@pytest.fixture
def dma(world):
    world.memory.map(0, 2 << 20, world.memory.allocate(2 << 20))
    return Dma("dma", world.io, world.memory)


def prepare(world, channel: int, mode: int, place: int, count: int) -> None:
    """`place`: an address, of words for channels above 3."""
    base, apart, control = (0x00, 1, 0x08) if channel < 4 else (0xC0, 2, 0xD0)
    n = channel & 3
    page = {0: 0x87, 1: 0x83, 2: 0x81, 3: 0x82, 5: 0x8B, 6: 0x89, 7: 0x8A}[channel]
    world.outb(control + 4 * apart, 0)
    world.outb(control + 3 * apart, mode | n)
    for port, value in ((base + 2 * n * apart, place), (base + (2 * n + 1) * apart, count)):
        world.outb(port, value & 0xFF)
        world.outb(port, value >> 8 & 0xFF)
    world.outb(page, place >> 16)
    world.outb(control + 2 * apart, n)


def registers(world, channel: int) -> tuple[int, int]:
    base, apart = (2 * channel, 1) if channel < 4 else (0xC0 + 4 * (channel & 3), 2)
    world.outb(0x0C if channel < 4 else 0xD8, 0)
    return tuple(world.inb(port) | world.inb(port) << 8 for port in (base, base + apart))  # type: ignore[return-value]


def test_to_memory_up_to_the_terminal_count(world, dma):
    prepare(world, 2, 0x44, 0x12345, 9)
    assert dma.ready(2) and dma.left(2) == 10
    assert dma.to_memory(2, b"abcd", "it") == 4 and registers(world, 2) == (0x2349, 5) and world.inb(0x08) == 0
    assert dma.to_memory(2, b"efghijklmn", "it") == 6
    assert world.memory.read(0x12344, 12) == b"\0abcdefghij\0"
    assert registers(world, 2) == (0x234F, 0xFFFF) and not dma.ready(2) and world.inb(0x0F) == 0x0F
    assert world.inb(0x08) == 4 and world.inb(0x08) == 0  # once


@pytest.mark.parametrize("mode, place, expected", [
    (0x64, 0x10005, [(0x10000, b"fedcba")]), (0x44, 0x1FFFE, [(0x1FFFE, b"ab"), (0x10000, b"cdef")]),
    (0x64, 0x10001, [(0x10000, b"ba"), (0x1FFFC, b"fedc")]), (0x40, 0x10000, [(0x10000, bytes(6))]),
    (0x48, 0x10000, [(0x10000, bytes(6))]),
])  # fmt: skip
def test_directions_and_the_end_of_a_page(world, dma, mode, place, expected):
    prepare(world, 1, mode, place, 5)
    assert dma.to_memory(1, b"abcdef", "it") == 6
    for address, data in expected:
        assert world.memory.read(address, len(data)) == data


def test_from_memory_and_words(world, dma):
    world.memory.write(0x30000, bytes(range(64)))
    prepare(world, 3, 0x48, 0x30004, 7)
    assert dma.from_memory(3, 100) == bytes(range(4, 12))
    prepare(world, 3, 0x68, 0x30007, 3)
    assert dma.from_memory(3, 4) == bytes((7, 6, 5, 4))
    prepare(world, 5, 0x48, 0x18002, 3)  # words: 30004h
    world.outb(0x8B, 0x03)  # bit 0 of the page is not used
    assert dma.left(5) == 8 and dma.from_memory(5, 100) == world.memory.read(0x30004, 8)
    assert registers(world, 5) == (0x8006, 0xFFFF) and world.inb(0xD0) == 2


def test_autoinitialize_begins_anew(world, dma):
    prepare(world, 2, 0x54, 0x10000, 3)
    assert dma.to_memory(2, b"abcdefgh", "it") == 4 and dma.ready(2)
    assert registers(world, 2) == (0, 3) and world.inb(0x08) == 4
    dma.to_memory(2, b"wxyz", "it")
    assert world.memory.read(0x10000, 8) == b"wxyz\0\0\0\0"


def test_who_waits_hears_of_it(world, dma):
    heard = []
    dma.connect(2, lambda: heard.append(dma.ready(2)))
    prepare(world, 2, 0x44, 0, 0)
    assert heard[-1:] == [True]
    world.outb(0x0A, 6)
    dma.request(2, True)
    assert world.inb(0x08) == 0x40 and not dma.ready(2)
    world.outb(0x08, 4)
    world.outb(0x0E, 0)
    assert not dma.ready(2)  # the controller is off
    heard.clear()
    world.outb(0x08, 0)
    assert heard == [True] and world.inb(0x0F) == 0
    world.outb(0x0F, 0x15)
    assert world.inb(0x0F) == 5
    world.outb(0x09, 7)
    assert world.inb(0x08) == 0xC0
    world.outb(0x0D, 0)
    assert (world.inb(0x0F), world.inb(0x08)) == (0x0F, 0x40)


def test_the_flip_flop_and_the_pages(world, dma):
    world.outb(0x0C, 0)
    world.outb(0x04, 0x34)
    assert world.inb(0x04) == 0  # the high byte
    world.outb(0x04, 0x56)  # the low one again
    assert registers(world, 2)[0] == 0x56
    for n, port in enumerate((0x87, 0x83, 0x81, 0x82, 0x8F, 0x8B, 0x89, 0x8A)):
        world.outb(port, n + 1)
        assert world.inb(port) == n + 1
    assert [world.inb(port) for port in (0x80, 0x84, 0x88, 0x8E)] == [0xFF] * 4
    dma.reset()
    assert world.inb(0x83) == 0 and world.inb(0x0F) == 0x0F
