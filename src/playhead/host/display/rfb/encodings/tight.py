"""Tight: one colour, a palette of 2 to 256, all colours, or JPEG where the client has asked for a quality.

Basic compression has a zlib stream for each kind of content, which begins anew when the client wants another level.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np

from playhead.host.display.rfb.encodings.streams import Stream
from playhead.host.display.rfb.wire import Rect

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from playhead.host.display.rfb.pixel_format import Frame, PixelFormat

FILL, JPEG = 0x80, 0x90
WITH_FILTER, PALETTE = 0x40, 1
FULL, TWO, INDEXED = 0, 1, 2  # which stream has what
AT_LEAST = 12  # bytes that are worth packing, by the protocol
MOST_WIDTH = 2048
MOST_PIXELS = 1_000_000  # of up to four bytes; a length has 22 bits
SAMPLE = 37  # every so many pixels are looked at first
MOST_COLOURS = 256
JPEG_PIXELS = 4096  # less is sent as it is
JPEG_QUALITY = (15, 29, 41, 42, 62, 77, 79, 86, 92, 100)  # of Pillow, for the client's 0 to 9, as TigerVNC has them


class Tight:
    def __init__(self) -> None:
        self._streams = (Stream(), Stream(), Stream())

    @staticmethod
    def parts(area: Rect) -> list[Rect]:
        """Strips as wide and as large as the encoding can have."""
        found = []
        for x in range(area.x, area.right, MOST_WIDTH):
            width = min(MOST_WIDTH, area.right - x)
            most = MOST_PIXELS // width
            for y in range(area.y, area.bottom, most):
                found.append(Rect(x, y, width, min(most, area.bottom - y)))
        return found

    def encode(self, frame: Frame, format: PixelFormat, level: int, quality: int | None) -> bytes:
        found = _palette(frame)
        if found is None:
            if quality is not None and format.bits > 8 and frame.size >= JPEG_PIXELS:
                return _jpeg(frame, quality)
            return self._packed(FULL, b"", _bytes(frame, format), level)
        colours, indexes = found
        if len(colours) == 1:
            return bytes([FILL]) + _bytes(colours, format)
        head = bytes([PALETTE, len(colours) - 1]) + _bytes(colours, format)
        if len(colours) == 2:
            return self._packed(TWO, head, np.packbits(indexes, axis=1).tobytes(), level)
        return self._packed(INDEXED, head, indexes.tobytes(), level)

    def _packed(self, number: int, head: bytes, data: bytes, level: int) -> bytes:
        """Control byte, filter, length, packed data; a few bytes go as they are."""
        control = number << 4 | (WITH_FILTER if head else 0)
        if len(data) < AT_LEAST:
            return bytes([control]) + head + data
        stream = self._streams[number]
        packed = stream.packed(data, level, may_begin_anew=True)
        if stream.begun:
            control |= 1 << number
        return bytes([control]) + head + _length(len(packed)) + packed


def _bytes(frame: Frame, format: PixelFormat) -> bytes:
    """Pixels as tight has them: three bytes where three are enough."""
    if not format.in_three_bytes:
        return format.pixels(frame).tobytes()
    return _rgb(frame).tobytes()


def _rgb(frame: Frame) -> NDArray[np.uint8]:
    """Red, green, blue of each pixel."""
    parts: NDArray[Any] = np.ascontiguousarray(frame, "<u4").view(np.uint8).reshape(*frame.shape, 4)
    return np.ascontiguousarray(parts[..., 2::-1])


def _palette(frame: Frame) -> tuple[Frame, NDArray[np.uint8]] | None:
    """The colours of a picture in order, and each pixel's place among them; None if there are too many."""
    colours = np.unique(frame.ravel()[::SAMPLE])
    if len(colours) > MOST_COLOURS:
        return None
    indexes = np.minimum(np.searchsorted(colours, frame), len(colours) - 1)
    others = frame[colours[indexes] != frame]
    if others.size:
        rest = np.unique(others)
        if len(colours) + len(rest) > MOST_COLOURS:
            return None
        colours = np.union1d(colours, rest)
        indexes = np.searchsorted(colours, frame)
    return colours, indexes.astype(np.uint8)


def _length(size: int) -> bytes:
    """Seven bits, seven bits, eight bits, the lowest first."""
    assert size < 1 << 22
    if size < 1 << 7:
        return bytes([size])
    if size < 1 << 14:
        return bytes([size & 127 | 128, size >> 7])
    return bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14])


def _jpeg(frame: Frame, quality: int) -> bytes:
    from PIL import Image  # here: most connections have none

    out = io.BytesIO()
    Image.fromarray(_rgb(frame)).save(out, "JPEG", quality=JPEG_QUALITY[quality])
    packed = out.getvalue()
    return bytes([JPEG]) + _length(len(packed)) + packed
