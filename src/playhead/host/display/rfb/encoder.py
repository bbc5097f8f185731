"""How a client's rectangles are encoded: what of it lasts as long as its connection is streams of zlib, and levels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead.host.display.rfb.encodings import hextile
from playhead.host.display.rfb.encodings.streams import Stream
from playhead.host.display.rfb.encodings.tight import Tight
from playhead.host.display.rfb.wire import HEXTILE, TIGHT, ZLIB, Rect

if TYPE_CHECKING:
    from playhead.host.display.rfb.pixel_format import Frame, PixelFormat

DEFAULT_LEVEL = 2  # of compression, where a client says none: most of the gain for little time


class Encoder:
    def __init__(self) -> None:
        self._level = DEFAULT_LEVEL
        self._quality: int | None = None
        self._zlib = Stream()
        self._tight = Tight()

    def tune(self, level: int | None, quality: int | None) -> None:
        """`level`: of compression, 0 to 9. `quality`: of JPEG, 0 to 9; None: no JPEG."""
        self._level = DEFAULT_LEVEL if level is None else level
        self._quality = quality

    def encode(self, encoding: int, frame: Frame, format: PixelFormat, sharp: bool = False) -> bytes:
        """What follows a rectangle's head. `frame` is the rectangle's part of a picture. `sharp`: without JPEG."""
        if encoding == TIGHT:
            return self._tight.encode(frame, format, self._level, None if sharp else self._quality)
        pixels = format.pixels(frame)
        if encoding == HEXTILE:
            return hextile.encode(pixels)
        if encoding == ZLIB:
            packed = self._zlib.packed(pixels.tobytes(), self._level, may_begin_anew=False)
            return len(packed).to_bytes(4) + packed
        return pixels.tobytes()

    @staticmethod
    def parts(encoding: int, area: Rect) -> list[Rect]:
        """A rectangle in parts that the encoding can have. Most are one."""
        return Tight.parts(area) if encoding == TIGHT else [area]

    def lossy(self, encoding: int) -> bool:
        """Whether pixels may arrive as others."""
        return encoding == TIGHT and self._quality is not None
