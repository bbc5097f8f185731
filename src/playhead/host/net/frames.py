"""Frames on a stream of bytes, as QEMU's `-netdev socket` and `stream` write them: the length in four bytes,
big-endian, then the frame.
"""

import struct
from collections.abc import Iterator

from playhead.base.errors import FormatError
from playhead.host.net.end import FRAME_MAX

LENGTH = struct.Struct(">I")


def packed(frame: bytes) -> bytes:
    return LENGTH.pack(len(frame)) + frame


class Unpacker:
    """Takes bytes as they come, gives frames as they are complete."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        self._rest += data

    def frames(self, most: int) -> Iterator[bytes]:
        """At most so many of those that are complete. FormatError: what comes next begins with no frame's length."""
        rest, at = self._rest, 0
        try:
            while most > 0 and len(rest) - at >= LENGTH.size:
                (size,) = LENGTH.unpack_from(rest, at)
                if not 0 < size <= FRAME_MAX:
                    raise FormatError(f"a length of {size} bytes, and a frame has 1 to {FRAME_MAX}")
                begin = at + LENGTH.size
                if len(rest) - begin < size:
                    break
                at, most = begin + size, most - 1
                yield bytes(rest[begin:at])
        finally:
            del rest[:at]

    @property
    def complete(self) -> bool:
        """Whether a frame, or what is none, can be had from `frames` without another byte."""
        if len(self._rest) < LENGTH.size:
            return False
        (size,) = LENGTH.unpack_from(self._rest)
        return not 0 < size <= FRAME_MAX or len(self._rest) - LENGTH.size >= size

    def clear(self) -> None:
        self._rest.clear()
