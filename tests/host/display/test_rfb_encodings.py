"""Every encoding in every pixel format gives the client the very picture, of any size and kind of content."""

import numpy as np
import pytest

from playhead.host.display.rfb.changes import TILE, changed_tiles, rectangles
from playhead.host.display.rfb.encoder import Encoder
from playhead.host.display.rfb.pixel_format import MAPPED, NATIVE, PixelFormat, colour_map
from playhead.host.display.rfb.wire import HEXTILE, RAW, TIGHT, ZLIB, Rect, RfbError
from tests.rfb_client import Decoder, in_format, photograph, text_screen

FORMATS = {
    "32 bits": (32, 24, 0, 1, 255, 255, 255, 16, 8, 0),
    "32 bits, red first": (32, 24, 0, 1, 255, 255, 255, 0, 8, 16),
    "32 bits, big endian": (32, 24, 1, 1, 255, 255, 255, 16, 8, 0),
    "32 bits, depth 32": (32, 32, 0, 1, 255, 255, 255, 24, 16, 8),
    "16 bits": (16, 16, 0, 1, 31, 63, 31, 11, 5, 0),
    "16 bits, big endian": (16, 16, 1, 1, 31, 63, 31, 11, 5, 0),
    "15 bits": (16, 15, 0, 1, 31, 31, 31, 10, 5, 0),
    "8 bits": (8, 8, 0, 1, 7, 7, 3, 0, 3, 6),
}
SIZES = [(1, 1), (3, 2), (16, 16), (17, 31), (40, 5), (100, 75)]


def pictures():
    for width, height in SIZES:
        yield f"one colour {width}x{height}", np.full((height, width), 0x123456, np.uint32)
        yield f"text {width}x{height}", text_screen(width, height)
        yield f"photograph {width}x{height}", photograph(width, height)
    noise = np.random.default_rng(7).integers(0, 1 << 24, (60, 90), dtype=np.uint32)
    yield "noise", noise
    yield "256 colours", (np.arange(64 * 64, dtype=np.uint32).reshape(64, 64) % 256) * 0x10101
    yield "257 colours", (np.arange(64 * 64, dtype=np.uint32).reshape(64, 64) % 257) * 0x101


def decoded(encoding, frame, format, encoder, decoder):
    height, width = frame.shape
    head = b"".join(n.to_bytes(2, "big") for n in (0, 0, width, height)) + encoding.to_bytes(4, "big")
    data = encoder.encode(encoding, frame, PixelFormat(*format))
    decoder.frame = np.zeros(frame.shape, np.uint32)
    decoder.receive(b"\0\0\0\1" + head + data)
    return decoder.frame


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("encoding", [RAW, HEXTILE, ZLIB, TIGHT])
def test_a_picture_arrives_as_it_is(encoding, format):
    """One after another through one connection, whose streams go on; levels change on the way."""
    encoder, decoder = Encoder(), Decoder(1, 1, format)
    for n, (name, frame) in enumerate(pictures()):
        encoder.tune((None, 0, 9, 1)[n % 4], None)
        got = decoded(encoding, frame, format, encoder, decoder)
        np.testing.assert_array_equal(got, in_format(frame, format), name)


def test_what_an_encoding_is_for_becomes_small():
    text, plain = text_screen(), np.zeros((400, 720), np.uint32)
    native = PixelFormat(*FORMATS["32 bits"])
    sizes = {encoding: len(Encoder().encode(encoding, text, native)) for encoding in (RAW, HEXTILE, ZLIB, TIGHT)}
    assert sizes[RAW] == 720 * 400 * 4
    assert sizes[HEXTILE] < sizes[RAW] / 2 and sizes[ZLIB] < sizes[RAW] / 5 and sizes[TIGHT] < sizes[ZLIB]
    assert len(Encoder().encode(TIGHT, plain, native)) == 4
    assert len(Encoder().encode(HEXTILE, plain, native)) == 45 * 25 + 4


def test_jpeg_is_near_and_by_quality():
    frame = photograph(320, 200)
    errors, sizes = [], []
    for quality in (0, 9):
        encoder, decoder = Encoder(), Decoder(1, 1)
        encoder.tune(None, quality)
        got = decoded(TIGHT, frame, NATIVE, encoder, decoder)
        assert [event[0] for event in decoder.events] == ["jpeg"]
        sizes.append(decoder.events[0][1])
        errors.append(max(np.abs((got >> at & 255).astype(int) - (frame >> at & 255)).mean() for at in (0, 8, 16)))
    assert errors[1] < errors[0] < 40 and errors[1] < 8 and sizes[0] < sizes[1] / 3
    encoder = Encoder()
    encoder.tune(None, 0)
    assert np.array_equal(decoded(TIGHT, text_screen(), NATIVE, encoder, Decoder(1, 1)), text_screen())  # few colours


def test_tight_parts_are_no_larger_than_it_allows():
    whole = Rect(3, 5, 4100, 1200)
    parts = Encoder.parts(TIGHT, whole)
    seen = np.zeros((1300, 4200), int)
    for part in parts:
        assert part.width <= 2048 and part.width * part.height <= 1_000_000
        seen[part.of] += 1
    assert seen[whole.of].all() and seen.sum() == 4100 * 1200
    assert Encoder.parts(TIGHT, Rect(0, 0, 1024, 768)) == [Rect(0, 0, 1024, 768)]
    assert Encoder.parts(RAW, whole) == [whole]


def test_the_largest_incompressible_tight_rectangle_fits_its_length():
    frame = np.random.default_rng(1).integers(0, 1 << 24, (1000, 1000), dtype=np.uint32)
    format = FORMATS["32 bits, depth 32"]
    encoder = Encoder()
    encoder.tune(1, None)
    got = decoded(TIGHT, frame, format, encoder, Decoder(1, 1, format))
    np.testing.assert_array_equal(got, in_format(frame, format))


@pytest.mark.parametrize("wrong", [
    (24, 24, 0, 1, 255, 255, 255, 16, 8, 0), (0, 24, 0, 1, 255, 255, 255, 16, 8, 0),
    (32, 24, 0, 1, 0, 255, 255, 16, 8, 0), (16, 16, 0, 1, 255, 255, 255, 16, 8, 0),
    (32, 24, 0, 1, 255, 255, 255, 200, 8, 0),
    (32, 24, 0, 0, 0, 0, 0, 0, 0, 0), (16, 16, 0, 0, 0, 0, 0, 0, 0, 0),
])  # fmt: skip
def test_formats_that_no_pixel_has(wrong):
    with pytest.raises(RfbError, match="it wants"):
        PixelFormat.parse(PixelFormat(*wrong).packed)


def test_a_client_with_a_colour_map_gets_one():
    parsed = PixelFormat.parse(PixelFormat(8, 8, 0, 0, 0, 0, 0, 0, 0, 0).packed)
    assert parsed == MAPPED
    decoder = Decoder(1, 1, tuple(MAPPED))
    decoder.receive(colour_map())
    ((kind, first, colours),) = decoder.events
    assert (kind, first, len(colours)) == ("map", 0, 256) and colours[0] == (0, 0, 0) and colours[255] == (65535,) * 3
    assert colours[int(parsed.pixels(np.array([[0xFF0000]], np.uint32))[0, 0])] == (65535, 0, 0)
    assert colours[int(parsed.pixels(np.array([[0x0000FF]], np.uint32))[0, 0])] == (0, 0, 65535)


def test_colours_of_more_bits_than_ours():
    format = PixelFormat(32, 30, False, True, 1023, 1023, 1023, 20, 10, 0)
    assert int(format.pixels(np.array([[0xFFFFFF]], np.uint32))[0, 0]) == (1 << 30) - 1


@pytest.mark.parametrize("width, height", [(64, 48), (50, 33), (16, 1), (200, 90)])
def test_changed_rectangles_cover_what_differs_and_little_else(width, height):
    made = np.random.default_rng(width)
    for count in (0, 1, 3, 40):
        before = text_screen(width, height)
        now = before.copy()
        for x, y in zip(made.integers(0, width, count), made.integers(0, height, count), strict=True):
            now[y, x] ^= 0x010101
        tiles = changed_tiles(before, now)
        seen = np.zeros((height, width), int)
        for rect in rectangles(tiles, width, height):
            seen[rect.of] += 1
        assert seen.max(initial=0) <= 1 and seen[before != now].all()
        for y, x in np.argwhere(seen):
            top, left = y - y % TILE, x - x % TILE
            assert (before != now)[top : top + TILE, left : left + TILE].any()
    assert rectangles(changed_tiles(before, before), width, height) == []


def test_very_many_changes_become_few_rectangles():
    before = np.zeros((1200, 1600), np.uint32)
    now = before.copy()
    now[::32, ::32] = 1
    found = rectangles(changed_tiles(before, now), 1600, 1200)
    seen = np.zeros(before.shape, bool)
    for rect in found:
        seen[rect.of] = True
    assert len(found) <= 75 and seen[before != now].all()
