"""Pixel formats: how a client wants its pixels, and pictures turned into that.

Colours of fewer bits are cut, not rounded, as QEMU does. A client without true colour (8 bits) gets a colour map that
never changes, with three bits of red and green and two of blue.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from playhead.host.display.rfb.wire import SET_COLOUR_MAP, RfbError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.generic]  # rows of pixels as they go to a client
    Frame = NDArray[np.uint32]  # rows of 0x00RRGGBB

LAYOUT = struct.Struct(">BBBBHHHBBBxxx")


class PixelFormat(NamedTuple):
    """The protocol's fields, in its order."""

    bits: int
    depth: int
    big_endian: bool
    true_colour: bool
    red_max: int
    green_max: int
    blue_max: int
    red_shift: int
    green_shift: int
    blue_shift: int

    @classmethod
    def parse(cls, data: bytes) -> PixelFormat:
        """Raises RfbError for what no picture can be turned into."""
        bits, depth, big, true, *rest = LAYOUT.unpack(data)
        if bits not in (8, 16, 32):
            raise RfbError(f"it wants pixels of {bits} bits; there are 8, 16, 32")
        if not true:
            if bits != 8:
                raise RfbError(f"it wants a colour map for pixels of {bits} bits; there is one for 8")
            return MAPPED
        found = cls(bits, depth, bool(big), True, *rest)
        for most, shift in found.channels:
            if not most or shift + most.bit_length() > bits:
                raise RfbError(f"it wants colours up to {most} at bit {shift} of {bits}")
        return found

    @property
    def channels(self) -> tuple[tuple[int, int], ...]:
        """(highest value, shift) of red, green, blue."""
        return ((self.red_max, self.red_shift), (self.green_max, self.green_shift), (self.blue_max, self.blue_shift))

    @property
    def packed(self) -> bytes:
        return LAYOUT.pack(*self)

    @property
    def dtype(self) -> str:
        """numpy's name of a pixel."""
        return f"{'>' if self.big_endian else '<'}u{self.bits // 8}"

    @property
    def in_three_bytes(self) -> bool:
        """Whether tight sends red, green, blue alone."""
        return self.bits == 32 and self.depth == 24 and self[4:7] == (255, 255, 255)

    def pixels(self, frame: Frame) -> Pixels:
        """A picture, or a part of one, in this format."""
        if self[4:10] == NATIVE[4:10]:
            return frame.astype(self.dtype) if self.dtype != "<u4" else np.ascontiguousarray(frame)
        out = np.zeros(frame.shape, np.uint32)
        for at, (most, shift) in zip((16, 8, 0), self.channels, strict=True):
            out |= _scaled(most, shift)[(frame >> at) & 255]
        return out.astype(self.dtype)


NATIVE = PixelFormat(32, 24, False, True, 255, 255, 255, 16, 8, 0)
MAPPED = PixelFormat(8, 8, False, False, 7, 7, 3, 0, 3, 6)


def _scaled(most: int, shift: int) -> NDArray[np.uint32]:
    """For each of 256 values, its place in a pixel."""
    values = np.arange(256, dtype=np.uint64)
    bits = most.bit_length()
    cut = values >> np.uint64(8 - bits) if bits <= 8 and most == (1 << bits) - 1 else values * np.uint64(most) // 255
    return (cut << np.uint64(shift)).astype(np.uint32)


def colour_map() -> bytes:
    """The message that tells the client which colours its 256 values are."""
    entries = bytearray(struct.pack(">BxHH", SET_COLOUR_MAP, 0, 256))
    for value in range(256):
        for most, shift in MAPPED.channels:
            entries += struct.pack(">H", (value >> shift & most) * 65535 // most)
    return bytes(entries)
