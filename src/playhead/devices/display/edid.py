"""What a monitor says of itself: an EDID block, its CTA-861 extension, and a DisplayID one where a mode needs it.

The monitor is the one that QEMU's `VGA` has: 100 dots an inch, a preferred mode, and the usual modes that are not
larger than the largest one. A mode's blanking is in proportion to its size, which no real monitor would mind.

Sources: VESA Enhanced EDID Standard 1.4, sections 3.1 to 3.12; CTA-861-F, section 7.5 (the extension, video codes);
VESA DisplayID 1.3, section 4.4 (type I timing); QEMU 7.2's block, with which it is the same byte for byte.
"""

from collections.abc import Sequence
from typing import NamedTuple

BLOCK, DESCRIPTOR, SIZE = 128, 18, 384
DEFAULT_XRES, DEFAULT_YRES, DEFAULT_RATE_MHZ = 1280, 800, 75_000
STANDARD, DESCRIPTORS, EXTENSIONS = 0x26, 0x36, 0x7E
STANDARD_MODES, UNUSED_MODE = 8, b"\x01\x01"
ASPECTS = {(16, 10): 0x00, (4, 3): 0x40, (5, 4): 0x80, (16, 9): 0xC0}
LARGEST_CLOCK = 0xFFFF  # of a detailed timing, in units of 10 kHz
DUMMY = b"\0\0\0\x10".ljust(DESCRIPTOR, b"\0")


class Mode(NamedTuple):
    """A mode that the monitor has, and how it can be said: a bit of `established` (byte, bit), the aspect of a
    `standard` mode, or else a bit of the descriptor of further ones (`further`), and a code of CTA-861 (`video`).
    """

    width: int
    height: int
    established: tuple[int, int] | None = None
    aspect: tuple[int, int] | None = None
    further: tuple[int, int] | None = None
    video: int = 0


MODES = (
    Mode(5120, 2160, video=125), Mode(4096, 2160, video=101), Mode(3840, 2160, video=96), Mode(2560, 1080, video=89),
    Mode(2048, 1152, aspect=(16, 9)), Mode(1920, 1080, aspect=(16, 9), video=31), Mode(3840, 2160, video=97),
    Mode(1920, 1200, aspect=(16, 10)), Mode(1600, 1200, aspect=(4, 3)), Mode(1680, 1050, aspect=(16, 10)),
    Mode(1440, 900, aspect=(16, 10)), Mode(1280, 1024, aspect=(5, 4)), Mode(1280, 960, aspect=(4, 3)),
    Mode(1280, 768, further=(7, 6)), Mode(1920, 1440, aspect=(4, 3), further=(11, 5)),
    Mode(1856, 1392, aspect=(4, 3), further=(10, 3)), Mode(1792, 1344, aspect=(4, 3), further=(10, 5)),
    Mode(1400, 1050, further=(8, 1)), Mode(1360, 768, further=(8, 7)),
    Mode(1024, 768, established=(0x24, 3)), Mode(800, 600, established=(0x23, 0)),
    Mode(640, 480, established=(0x23, 5)),
)  # fmt: skip


class Timing(NamedTuple):
    """Of the preferred mode. Of each direction what is shown, blank, in front of the pulse, and the pulse; the clock in
    units of 10 kHz.
    """

    horizontal: tuple[int, int, int, int]
    vertical: tuple[int, int, int, int]
    clock: int


def timing(width: int, height: int, rate_mhz: int) -> Timing:
    horizontal = width, width * 35 // 100, width * 25 // 100, width * 3 // 100
    vertical = height, height * 35 // 1000, height * 5 // 1000, height * 5 // 1000
    dots = (horizontal[0] + horizontal[1]) * (vertical[0] + vertical[1])
    return Timing(horizontal, vertical, dots * rate_mhz // 1000 // 10_000)


def millimetres(dots: int) -> int:
    return dots * 254 // 1000  # 100 dots an inch


def block(xres: int = 0, yres: int = 0, xmax: int = 0, ymax: int = 0, rate_mhz: int = 0) -> bytes:
    """All `SIZE` bytes. Zero means the default; no largest mode: any."""
    width, height = xres or DEFAULT_XRES, yres or DEFAULT_YRES
    preferred = timing(width, height, rate_mhz or DEFAULT_RATE_MHZ)
    modes = [m for m in MODES if not (xmax and m.width > xmax) and not (ymax and m.height > ymax)]
    large = preferred.clock > LARGEST_CLOCK
    base = _base(width, height, modes, None if large else preferred, 1 + large)
    return base + _checked(_video_codes(modes)) + (_checked(_display_id(preferred)) if large else bytes(BLOCK))


def _checked(block: bytearray) -> bytes:
    """With the sum that makes all bytes zero."""
    block[BLOCK - 1] = -sum(block[: BLOCK - 1]) & 0xFF
    return bytes(block)


def _base(width: int, height: int, modes: Sequence[Mode], preferred: Timing | None, extensions: int) -> bytes:
    out = bytearray(BLOCK)
    out[0x00:0x08] = b"\0\xff\xff\xff\xff\xff\xff\0"
    out[0x08:0x0C] = bytes.fromhex("49143412")  # RHT, product 1234h
    out[0x10:0x14] = bytes((42, 2014 - 1990, 1, 4))  # week and year; EDID 1.4
    sizes = (millimetres(dots) // 10 & 0xFF for dots in (width, height))
    out[0x14:0x19] = bytes((0xA5, *sizes, 0x78, 0x06))  # digital, 8 bits; gamma 2.2; sRGB, preferred mode first
    out[0x19:0x23] = bytes.fromhex("ee91a3544c99260f5054")  # sRGB's colours
    further = _fill_modes(out, modes)
    descriptors = [] if preferred is None else [_detailed(preferred)]
    descriptors += [_text(0xF7, b"\x0a" + further), _text(0xFD, b"\x32\x7d\x1e\xa0\xff\x01\x0a".ljust(13))]
    descriptors += [_text(0xFC, b"QEMU Monitor\n")]
    descriptors += [DUMMY] * (4 - len(descriptors))
    out[DESCRIPTORS:EXTENSIONS] = b"".join(descriptors)
    out[EXTENSIONS] = extensions
    return _checked(out)


def _fill_modes(out: bytearray, modes: Sequence[Mode]) -> bytes:
    """Established and standard modes; returns the bits of further ones, for which no standard place was left."""
    further, standard = bytearray(6), list[bytes]()
    for m in modes:
        if m.established is not None:
            out[m.established[0]] |= 1 << m.established[1]
        elif len(standard) < STANDARD_MODES and m.aspect is not None:
            standard.append(bytes((m.width // 8 - 31, ASPECTS[m.aspect])))
        elif len(standard) == STANDARD_MODES and m.further is not None:
            further[m.further[0] - 6] |= 1 << m.further[1]
    out[STANDARD:DESCRIPTORS] = b"".join(standard).ljust(2 * STANDARD_MODES, UNUSED_MODE[:1])
    return bytes(further)


def _text(tag: int, content: bytes) -> bytes:
    return (bytes((0, 0, 0, tag, 0)) + content).ljust(DESCRIPTOR, b"\0")


def _detailed(t: Timing) -> bytes:
    """Numbers of more than eight bits have their upper ones together."""
    (shown_x, blank_x, front_x, pulse_x), (shown_y, blank_y, front_y, pulse_y) = t.horizontal, t.vertical
    size_x, size_y = millimetres(shown_x), millimetres(shown_y)
    return t.clock.to_bytes(2, "little") + bytes(n & 0xFF for n in (
        shown_x, blank_x, (shown_x >> 8 & 15) << 4 | blank_x >> 8 & 15,
        shown_y, blank_y, (shown_y >> 8 & 15) << 4 | blank_y >> 8 & 15,
        front_x, pulse_x, (front_y & 15) << 4 | pulse_y & 15,
        (front_x >> 8 & 3) << 6 | (pulse_x >> 8 & 3) << 4 | (front_y >> 4 & 3) << 2 | pulse_y >> 4 & 3,
        size_x, size_y, (size_x >> 8 & 15) << 4 | size_y >> 8 & 15, 0, 0, 0x18,
    ))  # fmt: skip


def _video_codes(modes: Sequence[Mode]) -> bytearray:
    """The CTA extension: the codes, and no detailed timings behind them."""
    codes = bytes(m.video for m in modes if m.video)
    codes = bytes((0x40 | len(codes),)) + codes
    out = bytearray(BLOCK)
    out[:4] = bytes((0x02, 0x03, 4 + len(codes), 0))
    out[4 : 4 + len(codes)] = codes
    at = 4 + len(codes)
    while at + DESCRIPTOR < BLOCK:
        out[at : at + DESCRIPTOR] = DUMMY
        at += DESCRIPTOR
    return out


def _display_id(t: Timing) -> bytearray:
    """A mode that is too large for a detailed timing. Numbers are one less than what they mean."""
    out = bytearray(BLOCK)
    numbers = b"".join((n - 1 & 0xFFFF).to_bytes(2, "little") for n in (*t.horizontal, *t.vertical))
    out[:5] = bytes((0x70, 0x13, 3 + 20, 0x03, 0x00))
    out[5:8] = bytes((0x03, 0x00, 20))
    out[8:28] = (t.clock & 0xFFFFFF).to_bytes(3, "little") + b"\x88" + numbers
    out[28] = -sum(out[1:28]) & 0xFF
    return out
