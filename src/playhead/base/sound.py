"""Sound as devices, sessions and the host hand it to each other: pieces of frames, each with its virtual time."""

import sys
from array import array
from typing import NamedTuple

FRAME = 4  # bytes of a frame: a sample for the left and one for the right, signed, 16 bits, little-endian
FULL = 255  # of a volume
SPEAKER_RATE = 48_000


class Piece(NamedTuple):
    """Frames `first` and on of a stream that began at `since_ns` of virtual time and has `rate` frames a second: frame
    n sounds at since_ns + n / rate. `left` and `right` are volumes, 0 (silent) to `FULL` (as it is).
    """

    voice: str
    since_ns: int
    first: int
    rate: int
    data: bytes
    left: int = FULL
    right: int = FULL


def scaled(data: bytes, left: int, right: int) -> bytes:
    """Frames at these volumes, as QEMU's mixer computes them: a product with 32 binary places, rounded down."""
    if left == right == FULL:
        return data
    if not left and not right:
        return bytes(len(data))
    samples = array("h", data)
    swap(samples)
    factors = ((left << 32) // FULL, (right << 32) // FULL)
    for side, factor in enumerate(factors):
        samples[side::2] = array("h", [sample * factor >> 32 for sample in samples[side::2]])
    swap(samples)
    return samples.tobytes()


def swap(samples: "array[int]") -> None:
    """Between little-endian and the host's order."""
    if sys.byteorder == "big":
        samples.byteswap()
