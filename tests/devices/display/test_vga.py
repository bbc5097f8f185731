"""The VGA alone: its memory in each mode of the window, the beam, windows that follow the state, and mode 3 without
firmware. That it does as QEMU's is test_vga_beside_qemu.py's.
"""

from __future__ import annotations

from collections import Counter

import pytest
from vga_bench import Ours

from playhead.base.errors import UsageError
from playhead.devices.display import vga_mode3
from playhead.devices.display.vga import Vga
from playhead.devices.display.vga_ports import FAST_HZ, STATUS_BLANK, STATUS_RETRACE, VBE_FRAME_NS
from playhead.devices.pci.bus import BAR0
from playhead.hw.memory import PAGE, READ, WRITE

WINDOW = 0xA0000
FRAME_NS = 449 * 900 * 1_000_000_000 // FAST_HZ  # of mode 3


@pytest.fixture
def vga() -> Ours:
    return Ours()


def mode3(vga: Ours) -> None:
    vga.card.set_up()


def seq(vga: Ours, index: int, value: int) -> None:
    vga.do(("out", 0x3C4, 2, value << 8 | index))


def gfx(vga: Ours, index: int, value: int) -> None:
    vga.do(("out", 0x3CE, 2, value << 8 | index))


def dispi(vga: Ours, *values: tuple[int, int]) -> None:
    for index, value in values:
        vga.do(("out", 0x1CE, 2, index))
        vga.do(("out", 0x1CF, 2, value))


def planar(vga: Ours) -> None:
    for index, value in ((2, 15), (4, 6)):
        seq(vga, index, value)
    for index, value in ((5, 0), (6, 5), (7, 15), (8, 0xFF)):
        gfx(vga, index, value)


def test_latches_and_write_modes(vga):
    planar(vga)
    vga.do(("write", 0x10, 1, 0xA5))
    assert vga.memory()[0x40:0x44] == b"\xa5" * 4
    seq(vga, 2, 0b0101)
    vga.do(("write", 0x10, 1, 0x3C))
    assert vga.memory()[0x40:0x44] == bytes((0x3C, 0xA5, 0x3C, 0xA5))
    seq(vga, 2, 15)
    assert vga.do(("read", 0x10, 1)) == 0x3C and vga.card.state.latch == 0xA53CA53C
    gfx(vga, 5, 1)
    vga.do(("write", 0x20, 1, 0))  # the latches, whatever is written
    assert vga.memory()[0x80:0x84] == vga.memory()[0x40:0x44]
    gfx(vga, 5, 2)
    gfx(vga, 8, 0x0F)
    vga.do(("write", 0x30, 1, 0b0011))
    assert vga.memory()[0xC0:0xC4] == bytes((0x3F, 0xAF, 0x30, 0xA0))
    gfx(vga, 5, 8)
    gfx(vga, 2, 0b0011)  # read mode 1: which pixels have this colour
    assert vga.do(("read", 0x30, 1)) == 0x0F


@pytest.mark.parametrize("function,expected", [(0, 0x0F), (1, 0x05), (2, 0xAF), (3, 0xAA)])
def test_logical_operations(vga, function, expected):
    planar(vga)
    vga.do(("write", 0, 1, 0xA5))
    vga.do(("read", 0, 1))
    gfx(vga, 3, function << 3)
    vga.do(("write", 1, 1, 0x0F))
    assert vga.memory()[4:8] == bytes([expected]) * 4


def test_text_lies_in_the_first_two_planes(vga):
    mode3(vga)
    vga.do(("write", 0x18000, 4, 0x07420741))
    assert vga.memory()[0:8] == b"A\x07\0\0B\x07\0\0"
    text = vga.card.text(0)
    assert (text.columns, text.rows, text.lines()[0]) == (80, 25, "AB")
    assert vga.do(("read", 0x10000, 4)) == 0xFFFFFFFF  # not in the map of B8000h


def entry(vga: Ours, address: int) -> int:
    return vga.bench.memory.page_map[address // PAGE]


def test_linear_memory_is_in_the_page_map(vga):
    planar(vga)
    assert not entry(vga, WINDOW) & READ
    seq(vga, 4, 0xE)
    assert entry(vga, WINDOW) & READ and entry(vga, WINDOW) & WRITE and not entry(vga, WINDOW + 0x10000) & READ
    seq(vga, 2, 7)
    assert not entry(vga, WINDOW) & READ
    dispi(vga, (1, 640), (2, 480), (3, 8), (4, 1), (5, 3))
    assert entry(vga, WINDOW) // PAGE == (vga.card.vram.offset + 0x30000) // PAGE
    saved = vga.card.save()
    dispi(vga, (4, 0))
    assert not entry(vga, WINDOW) & READ
    vga.card.load(saved)
    assert entry(vga, WINDOW) // PAGE == (vga.card.vram.offset + 0x30000) // PAGE
    vga.card.reset()
    assert not entry(vga, WINDOW) & READ


def test_sixteen_colours_of_the_bochs_interface_are_planes(vga):
    dispi(vga, (1, 800), (2, 600), (3, 4), (4, 1))
    seq(vga, 2, 15)
    gfx(vga, 8, 0xFF)
    vga.do(("write", 5, 1, 0x5A))
    assert vga.memory()[20:24] == b"\x5a" * 4
    dispi(vga, (3, 8))  # the depth of a mode that is on
    assert entry(vga, WINDOW) & READ


def test_a_mode_that_is_switched_on_clears_what_it_shows(vga):
    vga.card.vram.write(0, b"\xff" * (1 << 20))
    dispi(vga, (1, 64), (2, 16), (3, 32), (4, 0x81))
    assert vga.memory() == b"\xff" * (1 << 20)
    dispi(vga, (4, 0), (4, 1))
    assert vga.memory() == bytes(64 * 16 * 4) + b"\xff" * ((1 << 20) - 64 * 16 * 4)


def status(vga: Ours, time_ns: int, port: int = 0x3DA) -> int:
    vga.time.time_ns = time_ns
    return vga.do(("in", port, 1))


def shares(vga: Ours, frame_ns: int) -> Counter[int]:
    """How many of a thousand moments of a frame have which bits."""
    found = Counter[int]()
    for n in range(1000):
        value = status(vga, 10**12 + frame_ns * n // 1000)
        found[STATUS_RETRACE] += bool(value & STATUS_RETRACE)
        found[STATUS_BLANK] += bool(value & STATUS_BLANK)
    return found


def test_the_beam_of_mode_3(vga):
    mode3(vga)
    found = shares(vga, FRAME_NS)
    assert 3 <= found[STATUS_RETRACE] <= 6  # 2 of 449 lines
    assert 270 <= found[STATUS_BLANK] <= 305  # 1 - 400/449 * 720/900
    assert status(vga, 0, 0x3BA) == 0xFF  # a colour screen's
    at_ns = FRAME_NS * 4125 // 4490
    assert status(vga, at_ns) & STATUS_RETRACE and status(vga, at_ns + 7 * FRAME_NS + 7) & STATUS_RETRACE


def test_the_beam_of_a_bochs_mode(vga):
    dispi(vga, (1, 640), (2, 480), (3, 8), (4, 1))
    vga.do(("out", 0x3C2, 1, 1))
    found = shares(vga, VBE_FRAME_NS)
    assert 4 <= found[STATUS_RETRACE] <= 12 and 200 <= found[STATUS_BLANK] <= 280


@pytest.mark.parametrize("values", [[0] * 25, [0xFF] * 25, [0x80, 0, 0, 0xFF, 1] * 5])
def test_there_is_a_retrace_whatever_is_programmed(vga, values):
    vga.do(("out", 0x3C2, 1, 0xFF))
    vga.card.state.crtc[:25] = bytes(values)
    seen = {status(vga, n * 9_973) & STATUS_RETRACE for n in range(30_000)}
    assert STATUS_RETRACE in seen


def test_mode_3_without_firmware_has_the_roms_font(vga):
    font = bytes(n * 7 & 0xFF for n in range(4096))
    face = bytes.fromhex("00007e81a58181bd9981817e00000000")
    font = bytes(16) + face + font[32:]
    rom = (b"\x55\xaa" + bytes(500) + font).ljust(8192, b"\0")
    vga.card.rom = rom
    mode3(vga)
    for code in (0, 1, 65, 255):
        assert vga.memory()[128 * code + 2 : 128 * code + 66 : 4] == font[16 * code : 16 * code + 16]
    assert vga.card.picture(0).width == 720
    assert bytes(vga.card.state.dac[3 * 7 : 3 * 8]) == b"\x2a\x2a\x2a" and vga.card.state.dac[3 * 63] == 0x3F


def test_without_a_rom_there_is_no_font_and_characters_are_blank(vga):
    """As QEMU draws it: what is in plane 2. A guest may write a font of its own, or go on to graphics."""
    mode3(vga)
    vga.do(("out", 0x3C0, 1, 0x20))
    picture = vga.card.picture(0)
    lit = sum(map(bool, picture.pixels[::4]))
    assert (picture.width, picture.height) == (720, 400) and lit == 18  # the cursor: two lines of nine dots
    assert vga.card.text(0).lines()[0] == ""
    dispi(vga, (1, 640), (2, 480), (3, 8), (4, 1))
    assert vga.card.picture(0).width == 640


def test_the_ranges_follow_the_registers(vga):
    card, memory = vga.card, vga.bench.memory
    vga.card.vram.write(0, b"hello")
    for at in (0xFD000000, 0xE0000000):
        card.config_write(BAR0, 4, at)
        assert memory.read(at, 5) == b"hello"
    card.config_write(4, 2, 0)
    assert memory.read(0xE0000000, 2) == b"\xff\xff"
    card.config_write(BAR0, 4, 0xFFFFFFFF)
    assert card.word(BAR0, 4) == 0x100000000 - (1 << 20) | 8


@pytest.mark.parametrize("asked,size", [(16, 16), (3, 4), (0, 1), (256, 256)])
def test_how_much_memory(asked, size):
    assert Vga.memory_bytes({"vgamem_mb": asked}) == size << 20


@pytest.mark.parametrize("values,said", [
    ({"acpi-index": 3}, "'VGA.acpi-index' cannot be set: .* name no slots"),
    ({"failover_pair_id": "a"}, "'VGA.failover_pair_id' cannot be set"),
    ({"big-endian-framebuffer": True}, "'VGA.big-endian-framebuffer' cannot be set: .* 604h"),
])  # fmt: skip
def test_what_it_cannot_be(values, said):
    with pytest.raises(UsageError, match=said):
        Ours(**values)


def test_mode_3s_memory_is_blank():
    assert vga_mode3.memory(None)[:8] == b" \x07\0\0 \x07\0\0"
