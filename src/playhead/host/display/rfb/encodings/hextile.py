"""Hextile: tiles of 16x16, each one colour, a background with runs of other colours, or raw.

Tiles of one size are looked at together: the runs of all of them come out of a few operations on arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from playhead.host.display.rfb.changes import TILE

if TYPE_CHECKING:
    from playhead.host.display.rfb.pixel_format import Pixels

RAW, BACKGROUND, FOREGROUND, SUBRECTS, COLOURED = 1, 2, 4, 8, 16
MOST_RUNS = 255

Encoded = tuple[bytes, bytes | None]  # a tile without its background; that, or None for a raw one


def encode(pixels: Pixels) -> bytes:
    """The tiles in rows, from the left; a background is said where it is another than that before it."""
    height, width = pixels.shape
    whole_y, whole_x = height - height % TILE, width - width % TILE
    columns = [(0, whole_x, TILE), (whole_x, width, width - whole_x)]
    out = bytearray()
    last: bytes | None = None
    for top, bottom, tall in ((0, whole_y, TILE), (whole_y, height, height - whole_y)):
        strips = [_tiles(pixels[top:bottom, left:right], tall, wide) for left, right, wide in columns]
        for row in range((bottom - top) // tall if tall else 0):
            for tile, background in [tile for strip in strips for tile in (strip[row] if strip else ())]:
                if background is None or background == last:
                    out += tile
                else:
                    out.append(tile[0] | BACKGROUND)
                    out += background
                    out += tile[1:]
                last = background
    return bytes(out)


def _tiles(pixels: Pixels, tall: int, wide: int) -> list[list[Encoded]]:
    """Rows of encoded tiles of this size, which `pixels` consists of."""
    if not pixels.size:
        return []
    rows, columns = pixels.shape[0] // tall, pixels.shape[1] // wide
    tiles = np.ascontiguousarray(pixels.reshape(rows, tall, columns, wide).swapaxes(1, 2)).reshape(-1, tall, wide)
    flat = tiles.reshape(len(tiles), -1)
    backgrounds = np.partition(flat, flat.shape[1] // 2, axis=1)[:, flat.shape[1] // 2]  # at least half, if any is
    counts, places, colours = _runs(tiles, backgrounds)
    ends = np.cumsum(counts).tolist()
    size = pixels.itemsize
    packed_backgrounds = backgrounds.tobytes()
    encoded: list[Encoded] = []
    begin = 0
    for n, end in enumerate(ends):
        background = packed_backgrounds[n * size : n * size + size]
        encoded.append(_tile(tiles[n], places[begin:end], colours[begin:end], background))
        begin = end
    return [encoded[n : n + columns] for n in range(0, len(encoded), columns)]


def _runs(tiles: Pixels, backgrounds: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Runs of one colour in a row that are not the background's: how many each tile has, (x and y, width and height)
    as two bytes, colours.
    """
    edges = np.ones((*tiles.shape[:2], tiles.shape[2] + 1), np.bool_)
    edges[:, :, 1:-1] = tiles[:, :, 1:] != tiles[:, :, :-1]
    tile, y, x = np.nonzero(edges[:, :, :-1])
    ends = np.nonzero(edges[:, :, 1:])[2]  # as many, in the same order
    colours = tiles[tile, y, x]
    kept = colours != backgrounds[tile]
    places = np.stack([x << 4 | y, (ends - x) << 4], axis=1).astype(np.uint8)
    return np.bincount(tile[kept], minlength=len(tiles)), places[kept], colours[kept]


def _tile(tile: Pixels, places: Pixels, colours: Pixels, background: bytes) -> Encoded:
    count = len(places)
    if not count:
        return bytes([0]), background
    size = tile.itemsize
    if count <= MOST_RUNS:
        if (colours == colours[0]).all():
            if 2 + size + 2 * count < tile.nbytes:
                flags = SUBRECTS | FOREGROUND
                return bytes([flags]) + colours[:1].tobytes() + bytes([count]) + places.tobytes(), background
        elif 2 + (size + 2) * count < tile.nbytes:
            coloured = np.concatenate([colours.view(np.uint8).reshape(count, size), places], axis=1)
            return bytes([SUBRECTS | COLOURED, count]) + coloured.tobytes(), background
    return bytes([RAW]) + tile.tobytes(), None
