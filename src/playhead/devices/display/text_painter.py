"""Characters as pixels: a grid of codes and attributes, drawn with a font."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from numpy import ndarray

    Pixels = ndarray[Any, Any]

SECOND_FONT = 0x08  # of an attribute
FIRST_JOINED, LAST_JOINED = 0xB0, 0xDF  # characters that may join their right neighbours


class Grid(NamedTuple):
    """`codes` and `attributes`: rows of bytes. `font`: 512 characters (those of attributes with bit 3 behind the
    others), each a byte for each line. `width`: of a cell, 8, 9 or 16. `joined`: line graphics go on in a ninth column.
    """

    codes: Pixels
    attributes: Pixels
    font: Pixels
    width: int
    joined: bool


def glyphs(grid: Grid) -> Pixels:
    """The font's characters, each a row of truth values for each line."""
    import numpy as np

    dots = np.unpackbits(grid.font[:, :, None], axis=2)
    if grid.width == 16:
        dots = np.repeat(dots, 2, axis=2)
    elif grid.width == 9:
        ninth = dots[:, :, 7:].copy()
        codes = np.arange(len(dots)) & 0xFF
        ninth[(codes < FIRST_JOINED) | (codes > LAST_JOINED) | (not grid.joined)] = 0
        dots = np.concatenate([dots, ninth], axis=2)
    return dots.astype(bool)


def paint(grid: Grid, palette: Pixels, cursor: Pixels | None = None, cursor_lines: slice = slice(0)) -> Pixels:
    """Rows of pixels. `cursor`: which characters have one, on `cursor_lines`."""
    import numpy as np

    rows, columns = grid.codes.shape
    attributes = grid.attributes.astype(np.intp)
    which = grid.codes + ((attributes & SECOND_FONT) << 5)
    dots = glyphs(grid)[which]  # row, column, line, dot
    if cursor is not None:
        dots[cursor, cursor_lines] = True
    front, back = palette[attributes & 15], palette[attributes >> 4]
    height, width = dots.shape[2:]
    out = np.empty((rows, height, columns, width), palette.dtype)
    np.copyto(out, back[:, None, :, None])
    np.copyto(out, front[:, None, :, None], where=dots.transpose(0, 2, 1, 3))
    return out.reshape(rows * height, columns * width)
