"""What follows from a picture being derived: it is the same object until something shows; characters, sizes, blanks."""

import pytest
from our_vga import OurVga
from scenes import SCENES, attribute, blank, crtc, text_mode

from playhead.base.picture import Picture
from playhead.devices.display import rom_font
from playhead.devices.display.vga_picture import NOTHING
from playhead.devices.display.vga_scan import DRAWN_DIFFERENTLY

HALF_NS = 228_000_000


@pytest.fixture
def vga():
    return OurVga(1 << 20)


def cells(text):
    return b"".join(bytes((code, 7, 0, 0)) for code in text.encode("cp437"))


def test_nothing_has_been_set(vga):
    assert vga.picture() is NOTHING and vga.card.size_of() is None and vga.picture() is NOTHING


@pytest.mark.parametrize("name", ["text_80x25", "mode_13h_plain", "planar_640x480", "vbe_32"])
def test_it_is_drawn_again_only_if_something_shows(vga, name):
    SCENES[name](vga)
    first = vga.picture()
    assert vga.picture() is first
    vga.write_vram(8, bytes(byte ^ 0xFF for byte in vga.card.vram.view()[8:16]))
    second = vga.picture()
    assert second is not first and second != first and second[:2] == first[:2]
    vga.outw(0x3CE, 0x0003), vga.outb(0x3C8, 1)  # nothing of the picture's
    assert vga.picture() == second


def test_the_end_of_the_memory_is_not_looked_at(vga):
    SCENES["mode_13h_plain"](vga)
    first = vga.picture()
    vga.write_vram(0x80000, b"\x55" * 4096)
    assert vga.picture() is first


def test_characters(vga):
    text_mode(vga)
    vga.write_vram(0, cells("Hello").ljust(320, b"\0") + cells("world░"))
    text = vga.card.text(0)
    assert (text.columns, text.rows, text.cursor) == (80, 25, (0, 0))
    assert text.lines()[:3] == ["Hello", "world░", ""] and text.cells[:4] == b"H\x07e\x07"
    crtc(vga, r0d=80, r0f=83)  # scrolled by a line
    assert vga.card.text(0).lines()[0] == "world░" and vga.card.text(0).cursor == (3, 0)
    assert vga.card.text(HALF_NS).cursor == (3, 0)  # it blinks in pictures only
    crtc(vga, r0a=0x20)
    assert vga.card.text(0).cursor is None


def test_a_split_screen_has_the_first_cells_again(vga):
    text_mode(vga)
    vga.write_vram(0, cells("top").ljust(64 * 320, b"\0") + cells("scrolled"))
    crtc(vga, r0c=0x14, r18=0x9F, r07=0x0F, r09=0x0F)
    lines = vga.card.text(0).lines()
    assert lines[0] == "scrolled" and lines[10] == "top" and not any(lines[1:10])


def test_graphics_have_no_characters(vga):
    SCENES["mode_13h_plain"](vga)
    assert vga.card.text(0) is None and vga.card.size_of() == (640, 400)


def test_a_blank_screen_is_black_and_as_large_as_its_mode(vga):
    SCENES["text_80x25"](vga)
    saved = vga.card.save()
    blank(vga)
    assert vga.picture() == Picture(720, 400, bytes(720 * 400 * 4)) and vga.picture() is vga.picture()
    assert vga.card.size_of() is None and vga.card.size_of(saved) == (720, 400)
    attribute(vga, 0x11, 0)  # shows it again
    assert any(vga.picture().pixels)


def test_what_is_drawn_differently_is_in_the_devices_table(vga):
    assert set(DRAWN_DIFFERENTLY) <= set(vga.card.DIFFERS)


def test_fonts_of_a_rom():
    rom = b"\x55" * 100
    for lines, face in rom_font.FACES.items():
        rom += bytes(lines) + face + bytes(254 * lines)
    assert {lines: len(font) for lines, font in rom_font.fonts_of(rom).items()} == {8: 2048, 14: 3584, 16: 4096}
    assert rom_font.fonts_of(rom[:-1]).keys() == {16, 14} and rom_font.fonts_of(b"") == {}
