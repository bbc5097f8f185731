"""One size for all pictures of a film, with black around those that are smaller, and a line of text below them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from playhead.base.picture import Picture
from playhead.base.picture_file import image_of

if TYPE_CHECKING:
    from PIL.Image import Image

BAR = 24  # lines that a caption takes
LETTERS = 16


class Canvas:
    """`size`: of the picture, without its caption; None: as large as each picture. `even`: sizes are even numbers, as
    codecs want it.
    """

    def __init__(self, size: tuple[int, int] | None, *, captions: bool, even: bool = False):
        self._size, self._bar = size, BAR if captions else 0
        if size is not None and even:
            self._size = size[0] + size[0] % 2, size[1] + size[1] % 2
        self._last: tuple[Picture, Picture] | None = None  # a picture, and as it was put onto the canvas

    @property
    def size(self) -> tuple[int, int] | None:
        return None if self._size is None else (self._size[0], self._size[1] + self._bar)

    def compose(self, picture: Picture, caption: str) -> Picture:
        """A larger picture is made smaller; a smaller one is enlarged by a whole factor, if it fits."""
        if self._last is None or self._last[0] is not picture:
            self._last = picture, _centred(picture, *(self._size or picture[:2]))
        width, height, pixels = self._last[1]
        if not self._bar:
            return self._last[1]
        return Picture(width, height + self._bar, pixels + _bar(caption, width))


def _centred(picture: Picture, width: int, height: int) -> Picture:
    if picture[:2] == (width, height):
        return picture
    from PIL import Image

    image, whole = _fitted(picture, width, height), Image.new("RGB", (width, height))
    whole.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return Picture(width, height, whole.tobytes("raw", "BGRX"))


def _fitted(picture: Picture, width: int, height: int) -> Image:
    from PIL import Image

    image = image_of(picture)
    factor = min(width / image.width, height / image.height)
    if factor < 1:
        size = max(round(image.width * factor), 1), max(round(image.height * factor), 1)
        return image.resize(size, Image.Resampling.LANCZOS)
    whole = int(factor)
    return image.resize((image.width * whole, image.height * whole), Image.Resampling.NEAREST) if whole > 1 else image


def _bar(text: str, width: int) -> bytes:
    """The caption's pixels."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, BAR))
    ImageDraw.Draw(image).text((8, 3), text, fill=(200, 200, 200), font=_font())
    return image.tobytes("raw", "BGRX")


@lru_cache
def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(LETTERS)
