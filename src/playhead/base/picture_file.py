"""A picture as a file's contents: PPM as QEMU's `screendump` writes it, and PNG."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

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
        image = _with_palette(picture, sorted(int.from_bytes(bytes(colour), "big") for _, colour in few))  # type: ignore[arg-type]
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def image_of(picture: Picture) -> Image:
    """Red, green and blue, for Pillow."""
    from PIL import Image

    return Image.frombuffer("RGB", picture[:2], picture.pixels, "raw", "BGRX", 0, 1)


def _with_palette(picture: Picture, colours: list[int]) -> Image:
    """`colours`: all that there are, in order."""
    import numpy as np
    from PIL import Image

    pixels = np.frombuffer(picture.pixels, "<u4") & 0xFFFFFF
    indices = np.searchsorted(np.array(colours, np.uint32), pixels).astype(np.uint8)
    image = Image.frombytes("P", picture[:2], indices.tobytes())
    image.putpalette(b"".join(colour.to_bytes(3, "big") for colour in colours))
    return image


FORMATS: dict[str, Callable[[Picture], bytes]] = {"ppm": ppm, "png": png}
