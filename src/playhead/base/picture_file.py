"""A picture as a file's contents: PPM as QEMU's `screendump` writes it, and PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from playhead.base.picture import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_COLOURS = 256  # of a PNG with a palette


def ppm(picture: Picture) -> bytes:
    pixels, out = picture.pixels, bytearray(3 * picture.width * picture.height)
    out[0::3], out[1::3], out[2::3] = pixels[2::4], pixels[1::4], pixels[0::4]
    return b"P6\n%d %d\n255\n" % picture[:2] + bytes(out)


def png(picture: Picture) -> bytes:
    """With a palette where that is enough, which is smaller."""
    image = image_of(picture)
    few = image.getcolors(MOST_COLOURS)
    if few is not None:
        image = _with_palette(image, few)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def image_of(picture: Picture) -> Image:
    """Red, green and blue, for Pillow."""
    from PIL import Image

    return Image.frombuffer("RGB", picture[:2], picture.pixels, "raw", "BGRX", 0, 1)


def paletted(image: Image) -> Image:
    """With a palette: of just its colours, or, if there are too many, of those nearest to them."""
    from PIL import Image

    few = image.getcolors(MOST_COLOURS)
    return image.quantize(MOST_COLOURS, dither=Image.Dither.NONE) if few is None else _with_palette(image, few)


def _with_palette(image: Image, colours: list[Any]) -> Image:
    """`colours`: all that there are, as pairs of count and colour."""
    import numpy as np
    from PIL import Image

    known = np.sort(np.array([red << 16 | green << 8 | blue for _, (red, green, blue) in colours], np.uint32))
    pixels = np.frombuffer(image.tobytes("raw", "BGRX"), "<u4") & 0xFFFFFF
    indices = np.searchsorted(known, pixels).astype(np.uint8)
    out = Image.frombytes("P", image.size, indices.tobytes())
    out.putpalette(known.astype(">u4").view(np.uint8).reshape(-1, 4)[:, 1:].tobytes())
    return out


FORMATS: dict[str, Callable[[Picture], bytes]] = {"ppm": ppm, "png": png}
