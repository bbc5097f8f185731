"""Screens, as the accesses to a VGA that make them: the same for QEMU's and for ours.

A scene is a function of a target with `outb`, `outw` and `write_vram`. Contents come from a generator of fixed numbers,
so that a wrong bit anywhere shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Protocol


class Target(Protocol):
    def outb(self, port: int, value: int) -> None: ...
    def outw(self, port: int, value: int) -> None: ...
    def write_vram(self, offset: int, data: bytes) -> None: ...
    def inb(self, port: int) -> int: ...
    def look(self) -> None: ...
    def write_mapped(self, offset: int, value: int) -> None: ...


Scene = Callable[[Target], None]
SCENES: dict[str, Scene] = {}

TEXT_CRTC = "5f4f50825581bf1f004f0d0e00000000 9c8e8f281f96b9a3ff"
MODE_13H_CRTC = "5f4f50825480bf1f0041000000000000 9c8e8f284096b9a3ff"
MODE_X_CRTC = "5f4f508254800d3e0041000000000000 eaacdf2800e706e3ff"
MODE_12H_CRTC = "5f4f508254800b3e0040000000000000 ea8cdf28 00e704e3ff"
MODE_0DH_CRTC = "2d2728902b80bf1f00c0000000000000 9c8e8f1400 96b9e3ff"
CGA4_CRTC = "2d2728902b80bf1f00c1000000000000 9c8e8f140096b9a2ff"
CGA2_CRTC = "5f4f50825480bf1f00c1000000000000 9c8e8f280096b9c2ff"
PALETTE = "000102030405140738393a3b3c3d3e3f"


BYTE_ORDER, LITTLE, BIG = 0x604, 0x1E1E1E1E, 0xBEBEBEBE
CHANCES = (
    (0x3D4, (0x01, 0x06, 0x07, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x12, 0x13, 0x17, 0x18)),
    (0x3C4, (1, 3)),
    (0x3CE, (5,)),
)


def noise(seed: str, length: int) -> bytes:
    return random.Random(seed).randbytes(length)


def scene(function: Scene) -> Scene:
    SCENES[function.__name__] = function
    return function


# -- registers


def indexed(t: Target, port: int, values: Iterable[tuple[int, int]]) -> None:
    for index, value in values:
        t.outw(port, value << 8 | index)


def crtc(t: Target, **values: int) -> None:
    """Single registers: `r0c=0x12`."""
    t.outw(0x3D4, 0x0E11)  # opens the first eight
    indexed(t, 0x3D4, [(int(name[1:], 16), value) for name, value in values.items()])


def attribute(t: Target, index: int, value: int) -> None:
    t.inb(0x3DA)
    t.outb(0x3C0, index), t.outb(0x3C0, value)
    t.inb(0x3DA)
    t.outb(0x3C0, 0x20)


def dac(t: Target, first: int, colours: bytes) -> None:
    t.outb(0x3C8, first)
    for part in colours:
        t.outb(0x3C9, part)


def by_chance(t: Target, seed: int) -> None:
    """A mode of one kind or another, and then registers that are anything."""
    chance = random.Random(seed)
    SCENES[chance.choice(sorted(name for name in SCENES if "blank" not in name))](t)
    crtc(t)
    for _ in range(chance.randrange(1, 12)):
        port, indices = chance.choice(CHANCES)
        indexed(t, port, [(chance.choice(indices), chance.randrange(256))])
    for _ in range(chance.randrange(4)):
        attribute(t, chance.choice((*range(16), 0x10, 0x12, 0x14)), chance.randrange(256))
    t.write_vram(0, noise(f"memory {seed}", 1 << 20))


def mode(t: Target, misc: int, seq: str, crtc: str, gfx: str, attr: str) -> None:
    """All registers of a mode, and a palette by noise; the memory is left as it is."""
    t.outw(0x1CE, 4), t.outw(0x1D0, 0)
    t.write_mapped(BYTE_ORDER, LITTLE)
    t.outb(0x3C2, misc)
    indexed(t, 0x3C4, enumerate(bytes.fromhex(seq)))
    t.outw(0x3D4, 0x0011)
    indexed(t, 0x3D4, enumerate(bytes.fromhex(crtc)))
    indexed(t, 0x3CE, enumerate(bytes.fromhex(gfx)))
    t.inb(0x3DA)
    for index, value in enumerate(bytes.fromhex(attr)):
        t.outb(0x3C0, index), t.outb(0x3C0, value)
    t.outb(0x3C0, 0x20)
    t.outb(0x3C6, 0xFF)
    dac(t, 0, bytes(part & 0x3F for part in noise("palette", 768)))


def text_mode(t: Target, seq: str = "0300030002", crtc: str = TEXT_CRTC, attr: str = "0c000f0800") -> None:
    mode(t, 0x67, seq, crtc, "0000000000100e00ff", PALETTE + attr)


def text_memory(t: Target, seed: str = "text") -> None:
    t.write_vram(0, noise(seed, 256 << 10))


def planar_mode(t: Target, crtc: str = MODE_12H_CRTC, seq: str = "03010f0006", attr: str = "01000f0000") -> None:
    mode(t, 0xE3, seq, crtc, "00000000000005 0fff", PALETTE + attr)


def vbe(t: Target, width: int, height: int, bits: int, flags: int = 0x41, **more: int) -> None:
    """By the Bochs registers; `virt_width`, `x`, `y`."""
    for index, value in ((4, 0), (1, width), (2, height), (3, bits), (4, flags)):
        t.outw(0x1CE, index), t.outw(0x1D0, value)
    for index, name in ((6, "virt_width"), (8, "x"), (9, "y")):
        if name in more:
            t.outw(0x1CE, index), t.outw(0x1D0, more[name])
    t.inb(0x3DA)
    t.outb(0x3C0, 0x20)


def blank(t: Target) -> None:
    """After somebody has looked at the screen: QEMU leaves it as large as it was."""
    t.look(), t.inb(0x3DA), t.outb(0x3C0, 0x11)


# -- text


@scene
def text_80x25(t: Target) -> None:
    text_mode(t), text_memory(t)


@scene
def text_without_line_graphics(t: Target) -> None:
    text_mode(t, attr="08000f0800"), text_memory(t)


@scene
def text_8_dots(t: Target) -> None:
    text_mode(t, seq="0301030002"), text_memory(t)


@scene
def text_40x25(t: Target) -> None:
    text_mode(t, seq="0308030002", crtc="2d2728902ba0bf1f004f0d0e00000000 9c8e8f141f96b9a3ff"), text_memory(t)


@scene
def text_two_fonts(t: Target) -> None:
    text_mode(t, seq="030003 2d 02"), text_memory(t)


@scene
def text_80x50(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r09=0x47, r0a=6, r0b=7)


@scene
def text_80x28(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r09=0x4D, r0a=11, r0b=12)


@scene
def text_132x43(t: Target) -> None:
    text_mode(t, seq="0301030002"), text_memory(t)
    crtc(t, r01=131, r13=66, r09=0x48, r12=0x83)


@scene
def text_cursor_block(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0a=0, r0b=0x1F, r0e=2, r0f=0x17)


@scene
def text_cursor_off(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0a=0x2D)


@scene
def text_cursor_upside_down(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0a=12, r0b=3, r0f=5)


@scene
def text_start_and_pitch(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0c=3, r0d=0x21, r13=50, r0e=3, r0f=0x90)


@scene
def text_split(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0c=4, r18=0x9F, r07=0x0F, r09=0x0F)


@scene
def text_split_within_a_row(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r0c=4, r18=0xA3, r07=0x0F, r09=0x0F)


@scene
def text_panned(t: Target) -> None:
    text_mode(t), text_memory(t), crtc(t, r08=0x25)
    attribute(t, 0x13, 5)


@scene
def text_blinking_or_not(t: Target) -> None:
    text_mode(t, attr="04000f0800"), text_memory(t)


@scene
def text_monochrome_underlined(t: Target) -> None:
    text_mode(t, attr="0e000f0800"), text_memory(t), crtc(t, r14=0x0D)


@scene
def text_palette_by_colour_select(t: Target) -> None:
    text_mode(t, attr="8c000f080d"), text_memory(t)


@scene
def text_palette_upper_half(t: Target) -> None:
    text_mode(t, attr="0c000f080d"), text_memory(t)


@scene
def text_pixel_mask(t: Target) -> None:
    text_mode(t), text_memory(t), t.outb(0x3C6, 0x0F)


@scene
def cga_160x100_in_text(t: Target) -> None:
    text_mode(t, seq="0301030002"), text_memory(t)
    crtc(t, r06=100, r09=0x01, r0a=0x20)


@scene
def text_blank(t: Target) -> None:
    text_mode(t), text_memory(t)
    blank(t)


@scene
def text_sequencer_off(t: Target) -> None:
    text_mode(t, seq="0320030002"), text_memory(t)


# -- 256 colours


def mode_13h(t: Target) -> None:
    mode(t, 0x63, "03010f000e", MODE_13H_CRTC, "00000000004005 0fff", PALETTE + "41000f0000")
    t.write_vram(0, noise("13h", 256 << 10))


@scene
def mode_13h_plain(t: Target) -> None:
    mode_13h(t)


@scene
def mode_13h_panned(t: Target) -> None:
    mode_13h(t), attribute(t, 0x13, 4), crtc(t, r0d=3)


@scene
def mode_13h_pixel_mask(t: Target) -> None:
    mode_13h(t), t.outb(0x3C6, 0x3F)


def mode_x(t: Target) -> None:
    mode(t, 0xE3, "03010f0006", MODE_X_CRTC, "00000000004005 0fff", PALETTE + "41000f0000")
    t.write_vram(0, noise("x", 512 << 10))


@scene
def mode_x_320x240(t: Target) -> None:
    mode_x(t)


@scene
def mode_x_scrolled_and_split(t: Target) -> None:
    mode_x(t), crtc(t, r0c=0x12, r0d=0x34, r13=0x30, r18=0x20, r07=0x3E, r09=0x01)


@scene
def mode_x_split_below_256(t: Target) -> None:
    mode_x(t), crtc(t, r0c=0x12, r18=0x60, r07=0x2E, r09=0x01)


@scene
def mode_x_400_lines(t: Target) -> None:
    mode_x(t), crtc(t, r09=0x40, r12=0x8F)


@scene
def mode_x_beyond_256k(t: Target) -> None:
    mode_x(t), crtc(t, r0c=0xF0, r0d=0x00)


# -- planes


@scene
def planar_640x480(t: Target) -> None:
    planar_mode(t), t.write_vram(0, noise("planar", 256 << 10))


@scene
def planar_some_planes(t: Target) -> None:
    planar_mode(t, attr="01000a0000"), t.write_vram(0, noise("planar", 256 << 10))


@scene
def planar_panned_and_wide(t: Target) -> None:
    planar_mode(t), t.write_vram(0, noise("planar", 256 << 10))
    crtc(t, r13=0x30, r0c=0x01, r0d=0x03, r08=0x63)
    attribute(t, 0x13, 3)


@scene
def planar_800x600(t: Target) -> None:
    planar_mode(t, crtc="7f6364826b1b72f0006000000000000058 8c5732005872e3ff"), t.write_vram(0, noise("8", 512 << 10))


@scene
def planar_320x200(t: Target) -> None:
    planar_mode(t, crtc=MODE_0DH_CRTC, seq="03090f0006"), t.write_vram(0, noise("0d", 256 << 10))


@scene
def planar_split(t: Target) -> None:
    planar_mode(t), t.write_vram(0, noise("planar", 256 << 10))
    crtc(t, r0c=0x40, r18=0x2C, r07=0x3E, r09=0x00)


@scene
def planar_blank(t: Target) -> None:
    planar_mode(t), t.write_vram(0, noise("planar", 256 << 10)), blank(t)


# -- CGA


def cga(t: Target, registers: str, seq: str, shift: str) -> None:
    palette = "00131517020406071011121314151617"
    mode(t, 0x63, seq, registers, f"0000000000{shift}0f00ff", palette + "01000300 00")
    t.write_vram(0, noise("cga", 256 << 10))


@scene
def cga_320x200x4(t: Target) -> None:
    cga(t, CGA4_CRTC, "0309030002", "30")


@scene
def cga_all_planes(t: Target) -> None:
    cga(t, CGA4_CRTC, "0301030002", "20"), attribute(t, 0x12, 15)


@scene
def cga_640x200x2(t: Target) -> None:
    cga(t, CGA2_CRTC, "0301010006", "00"), attribute(t, 0x12, 1)


@scene
def hercules_720x348(t: Target) -> None:
    cga(t, "352d2e075b025757020300000000 0000 5b035b2d005b5b80ff", "0301010006", "00")


# -- VBE


def linear(t: Target, width: int, height: int, bits: int, **more: int) -> None:
    planar_mode(t)
    vbe(t, width, height, bits, **more)
    t.write_vram(0, noise(f"vbe{bits}", 2 << 20))


@scene
def vbe_4(t: Target) -> None:
    linear(t, 800, 600, 4)


@scene
def vbe_4_wide(t: Target) -> None:
    linear(t, 640, 400, 4, virt_width=1024, x=24, y=9)


@scene
def vbe_8(t: Target) -> None:
    linear(t, 1024, 768, 8)


@scene
def vbe_8_palette_of_8_bits(t: Target) -> None:
    linear(t, 640, 480, 8, flags=0x61), dac(t, 0, noise("dac", 768))


@scene
def vbe_4_palette_of_8_bits(t: Target) -> None:
    linear(t, 640, 480, 4, flags=0x61), dac(t, 0, noise("dac", 768))


@scene
def vbe_15(t: Target) -> None:
    linear(t, 640, 480, 15)


@scene
def vbe_16(t: Target) -> None:
    linear(t, 800, 600, 16)


@scene
def vbe_24(t: Target) -> None:
    linear(t, 640, 480, 24)


@scene
def vbe_32(t: Target) -> None:
    linear(t, 640, 480, 32)


@scene
def vbe_32_wide(t: Target) -> None:
    linear(t, 320, 200, 32, virt_width=1000, x=33, y=21)


@scene
def vbe_8_wide(t: Target) -> None:
    linear(t, 640, 400, 8, virt_width=1000, x=33, y=21)


@scene
def vbe_16_wide(t: Target) -> None:
    linear(t, 640, 400, 16, virt_width=1000, x=33, y=5)


@scene
def vbe_24_wide(t: Target) -> None:
    linear(t, 640, 200, 24, virt_width=1000, x=33, y=5)


@scene
def vbe_blank(t: Target) -> None:
    linear(t, 640, 480, 32), blank(t)


def big_endian(t: Target, bits: int) -> None:
    linear(t, 640, 480, bits), t.write_mapped(BYTE_ORDER, BIG)


@scene
def vbe_15_big_endian(t: Target) -> None:
    big_endian(t, 15)


@scene
def vbe_16_big_endian(t: Target) -> None:
    big_endian(t, 16)


@scene
def vbe_24_big_endian(t: Target) -> None:
    big_endian(t, 24)


@scene
def vbe_32_big_endian(t: Target) -> None:
    big_endian(t, 32)


@scene
def vbe_with_clock_halved(t: Target) -> None:
    planar_mode(t, seq="03090f0006"), vbe(t, 640, 480, 4), t.write_vram(0, noise("4", 256 << 10))


@scene
def vbe_crtc_after_it(t: Target) -> None:
    """What a guest writes to the CRTC in a VBE mode."""
    linear(t, 640, 480, 8), crtc(t, r0c=1, r13=100, r18=0x40, r07=0x2E)


@scene
def text_after_vbe(t: Target) -> None:
    linear(t, 640, 480, 16)
    t.outw(0x1CE, 4), t.outw(0x1D0, 0)
    text_mode(t), text_memory(t)
