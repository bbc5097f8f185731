"""isa-debug-exit, isa-debugcon and the text VGA."""

import pytest

from playhead.base.errors import UsageError
from playhead.devices.char.isa_debug import IsaDebugCon, IsaDebugExit
from playhead.devices.display import rom_font
from playhead.devices.display.vga_registers import DOT_HZ, DOTS_PER_LINE, LINES
from playhead.devices.display.vga_text import VgaText
from playhead.hw.clock import ticks_to_ns


@pytest.mark.parametrize("size,value,status", [(1, 0x10, 0x21), (2, 0x10, 0x21), (1, 0xFF, 0xFF), (2, 0, 1)])
def test_debug_exit(world, size, value, status):
    IsaDebugExit("exit", world.io, world)
    world.io.write(0x501, size, value)
    assert world.requested == [("shutdown", "guest-shutdown", status)] and world.inb(0x501) == 0


def test_debugcon(world):
    IsaDebugCon("con", world.io, world, world.clock)
    assert world.inb(0xE9) == 0xE9
    for byte in b"SeaBIOS\n":
        world.outb(0xE9, byte)
    assert bytes(world.output) == b"SeaBIOS\n"


@pytest.fixture
def vga(world):
    world.memory.map(0xA0000, 0x20000, world.memory.allocate(0x20000))
    world.chip = VgaText("vga", world.io, world.memory, world.clock)
    return world


def test_text(vga):
    vga.memory.write(0xB8000, b"".join(bytes((c, 7)) for c in b"Hello".ljust(80) + b"world\xb0"))
    text = vga.chip.text(0)
    assert (text.columns, text.rows, text.cursor) == (80, 25, (0, 0))
    assert text.lines()[:3] == ["Hello", "world\u2591", ""]
    vga.outb(0x3D4, 0x0D)
    vga.outb(0x3D5, 80)  # scrolled by a line
    assert vga.chip.text(0).lines()[0] == "world\u2591" and vga.chip.text(0).cursor is None
    vga.outw(0x3CE, 0x0506)
    assert vga.chip.text(0) is None  # graphics


def test_picture_of_text(vga, monkeypatch):
    font = {16: bytes(16) + bytes.fromhex("00007e81a58181bd9981817e00000000") + bytes(254 * 16)}
    monkeypatch.setattr(rom_font, "installed", lambda: font)
    vga.memory.write(0xB8000, bytes((1, 0x1E)))
    shown = vga.chip.picture(0)
    rows = [shown.pixels[n : n + 9 * 4] for n in range(0, 16 * 720 * 4, 720 * 4)]
    blue, yellow = bytes.fromhex("aa000000"), bytes.fromhex("55ffff00")
    assert (shown.width, shown.height, len(shown.pixels)) == (720, 400, 720 * 400 * 4)
    assert rows[2] == blue + yellow * 6 + blue * 2 and rows[4] == (yellow + blue) * 2 + blue + (yellow + blue) * 2
    assert rows[13] == yellow * 9  # the cursor
    assert vga.chip.picture(1_000_000) is shown
    hidden = vga.chip.picture(300_000_000)
    assert hidden != shown and hidden.pixels[13 * 720 * 4 :][: 9 * 4] == blue * 9
    vga.inb(0x3DA), vga.outb(0x3C0, 0)
    assert vga.chip.picture(0) == (720, 400, bytes(720 * 400 * 4))


def test_no_font_is_one_line(vga, monkeypatch):
    monkeypatch.setattr(rom_font, "FILES", ("/nonexistent/vgabios-stdvga.bin",))
    with pytest.raises(UsageError, match="install Debian's package seabios"):
        vga.chip.picture(0)


def test_indexed_registers(vga):
    for index, data, count in ((0x3C4, 0x3C5, 8), (0x3CE, 0x3CF, 16), (0x3D4, 0x3D5, 32)):
        vga.outb(0x3D4, 0x11)
        vga.outb(0x3D5, 0)  # the CRTC's first eight registers are protected at reset
        for i in range(count):
            vga.outb(index, i)
            vga.outb(data, i + 1 & 0x7F)
            assert (vga.inb(index), vga.inb(data)) == (i, i + 1 & 0x7F)
    assert vga.inb(0x3B4) == 0xFF  # a colour screen's CRTC is not there
    vga.outb(0x3C2, vga.inb(0x3CC) & ~1)
    assert vga.inb(0x3D4) == 0xFF and vga.inb(0x3B4) == 31


def test_a_word_is_index_and_data(vga):
    for index in (0x3C4, 0x3CE, 0x3D4):
        vga.outw(index, 0x5A03)
        data = 0x5A if index != 0x3D4 else 0x82  # the CRTC's first eight registers are protected at reset
        assert (vga.inb(index), vga.inb(index + 1), vga.inw(index)) == (3, data, data << 8 | 3)
    assert vga.inw(0x3B4) == 0xFFFF  # a colour screen's CRTC is not there


def test_attribute_flip_flop(vga):
    vga.inb(0x3DA)
    vga.outb(0x3C0, 0x10)  # closes the palette
    vga.outb(0x3C0, 0x0C)
    vga.outb(0x3C0, 0x03)
    vga.inb(0x3DA)
    vga.outb(0x3C0, 0x13)
    assert vga.inb(0x3C1) == 8
    vga.outb(0x3C0, 0x00)
    assert vga.inb(0x3C1) == 0


def test_crtc_protection(vga):
    vga.outb(0x3D4, 0)
    vga.outb(0x3D5, 0xAA)
    assert vga.inb(0x3D5) == 0x5F


def test_palette(vga):
    vga.outb(0x3C8, 255)
    for value in (1, 2, 0xFF, 4, 5, 6):
        vga.outb(0x3C9, value)
    vga.outb(0x3C7, 255)
    assert [vga.inb(0x3C9) for _ in range(6)] == [1, 2, 0x3F, 4, 5, 6]


def test_retrace_follows_virtual_time(vga):
    def at(line, dot):
        vga.time_ns = ticks_to_ns(line * DOTS_PER_LINE + dot, DOT_HZ)
        return vga.inb(0x3DA)

    assert at(0, 0) == 0 and at(10, 719) == 0 and at(10, 720) == 1
    assert at(400, 0) == 1 and at(412, 0) == 9 and at(413, 899) == 9 and at(414, 0) == 1
    assert at(LINES, 0) == 0
