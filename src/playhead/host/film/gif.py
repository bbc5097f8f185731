"""A film as a GIF, by Pillow: of each picture the part that has changed, with a palette of its own."""

from __future__ import annotations

from typing import IO

from PIL import GifImagePlugin, Image, ImageChops

from playhead.base.picture import Picture
from playhead.base.picture_file import image_of, paletted
from playhead.host.film.canvas import Canvas
from playhead.host.film.film import Shot
from playhead.host.film.video import caption

LONGEST, SHORTEST = 65_535, 2  # hundredths of a second that a picture stays; browsers make what is shorter longer
FOR_EVER = b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


class Gif:
    """The canvas has a size."""

    def __init__(self, file: IO[bytes], canvas: Canvas, fps: int):
        assert canvas.size is not None
        self._file, self._canvas, self._fps = file, canvas, fps
        self._shown: Image.Image | None = None  # what the file leaves on the screen
        self._next: Picture | None = None  # what is shown from `_since` on, which depends on when it ends
        self._since = 0
        width, height = canvas.size
        file.write(b"GIF89a" + width.to_bytes(2, "little") + height.to_bytes(2, "little") + b"\0\0\0" + FOR_EVER)

    def add(self, shot: Shot) -> None:
        at = self._hundredths(shot.frame)
        if self._next is not None and at - self._since < SHORTEST:
            at = self._since  # too short to be seen
        else:
            self._write(at)
        self._next, self._since = self._canvas.compose(shot.picture, caption(shot)), at

    def _hundredths(self, frame: int) -> int:
        return frame * 100 // self._fps

    def _write(self, end: int) -> None:
        """The picture that was there until now."""
        if self._next is None:
            return
        left, image = end - self._since, image_of(self._next)
        box = None if self._shown is None else ImageChops.difference(image, self._shown).getbbox() or (0, 0, 1, 1)
        part = paletted(image if box is None else image.crop(box))
        while left > 0:
            stays = min(left, LONGEST)
            where = (0, 0) if box is None else box[:2]
            data = GifImagePlugin.getdata(part, where, duration=stays * 10, include_color_table=True)
            self._file.write(b"".join(data))
            left -= stays
        self._shown = image

    def finish(self, frames: int) -> None:
        self._write(max(self._hundredths(frames), self._since + SHORTEST))
        self._file.write(b";")

    def close(self) -> None:
        self._file.close()
