"""Pictures as files, read back by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from playhead.base.picture import Picture
from playhead.base.picture_file import FORMATS, image_of, png, ppm

FEW = Picture(3, 2, bytes.fromhex("010203004050600001020300ff000000ff00000000ff0000"))
MANY = Picture(64, 32, bytes(part for n in range(2048) for part in (n & 255, n >> 3 & 255, n * 7 & 255, 0)))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("picture", [FEW, MANY], ids=["few", "many"])
def test_read_back(picture, format):
    image = Image.open(io.BytesIO(FORMATS[format](picture)))
    assert (image.format, image.size) == (format.upper(), picture[:2])
    blue_green_red = np.frombuffer(picture.pixels, np.uint8).reshape(picture.height, picture.width, 4)[:, :, :3]
    assert (np.asarray(image.convert("RGB")) == blue_green_red[:, :, ::-1]).all()


def test_few_colours_have_a_palette():
    assert Image.open(io.BytesIO(png(FEW))).mode == "P" and Image.open(io.BytesIO(png(MANY))).mode == "RGB"
    assert image_of(FEW).getpixel((0, 0)) == (3, 2, 1)


def test_ppm_is_qemus():
    assert ppm(FEW).startswith(b"P6\n3 2\n255\n\x03\x02\x01\x60\x50\x40") and len(ppm(FEW)) == 11 + 18
