"""A VGA's colours, as numbers 00RRGGBBh: what stands for the sixteen of text and planes, and for the 256 of bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from playhead.devices.display.vga_scan import Registers, TextRegisters
from playhead.devices.display.vga_state import DAC_8_BIT, ENABLE

if TYPE_CHECKING:
    from numpy import ndarray

    Colours = ndarray[Any, Any]

ATTR_MODE, ATTR_PLANES, ATTR_COLOUR_SELECT = 0x10, 0x12, 0x14
FROM_COLOUR_SELECT = 0x80  # of the mode: bits 4 and 5 of a palette entry come from there, too


def sixteen(s: TextRegisters) -> Colours:
    """Through the attribute controller. The DAC is one of six bits here, whatever VBE has set."""
    select, own = s.attr[ATTR_COLOUR_SELECT], 0x3F
    if s.attr[ATTR_MODE] & FROM_COLOUR_SELECT:
        high, own = (select & 0xF) << 4, 0xF
    else:
        high = (select & 0xC) << 4
    return _dac(s, six_bits=True)[[high | entry & own for entry in s.attr[:16]]]


def all_colours(s: Registers) -> Colours:
    return _dac(s, six_bits=not s.vbe[ENABLE] & DAC_8_BIT)


def _dac(s: TextRegisters, *, six_bits: bool) -> Colours:
    import numpy as np

    parts: Colours = np.frombuffer(bytes(s.dac), np.uint8).reshape(256, 3).astype(np.uint32)
    if six_bits:
        parts = (parts & 0x3F) << 2 | (parts & 1) * 3
    return parts[:, 0] << 16 | parts[:, 1] << 8 | parts[:, 2]


@lru_cache
def of_fifteen_bits() -> Colours:
    """The lowest bits stay zero."""
    import numpy as np

    value = np.arange(1 << 16, dtype=np.uint32)
    return (value & 0x7C00) << 9 | (value & 0x3E0) << 6 | (value & 0x1F) << 3


@lru_cache
def of_sixteen_bits(*, full: bool) -> Colours:
    """`full`: the lowest bits are the highest again, so that white is white; else they stay zero."""
    import numpy as np

    value = np.arange(1 << 16, dtype=np.uint32)
    red, green, blue = value >> 11, value >> 5 & 0x3F, value & 0x1F
    if full:
        return (red << 3 | red >> 2) << 16 | (green << 2 | green >> 4) << 8 | blue << 3 | blue >> 2
    return red << 19 | green << 10 | blue << 3
