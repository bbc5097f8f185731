"""Ethernet frames as network cards handle them: minimum length, VLAN tags, CRC-32.

A frame here is without preamble and without its frame check sequence (FCS), as hosts exchange them. Each routine
works on a frame as a whole, in C, for a card goes through them for every frame.

Sources: IEEE 802.3 (padding, FCS) and 802.1Q (tags).
"""

from zlib import crc32

ADDRESS = 6
HEADER = 14  # two addresses and a type
SHORTEST = 60  # a frame without its FCS
FCS = 4
TAG = 4  # of a VLAN (802.1Q), behind the addresses
VLAN = b"\x81\x00"  # the tag's first half
BROADCAST = b"\xff" * ADDRESS


def padded(frame: bytes) -> bytes:
    """The frame with the zeros that bring it to the shortest length on a wire."""
    return frame if len(frame) >= SHORTEST else bytes(frame).ljust(SHORTEST, b"\0")


def tagged(frame: bytes | bytearray, tag: bytes) -> bytes:
    """The frame with the four bytes of a VLAN tag behind its addresses."""
    return b"".join((frame[: 2 * ADDRESS], tag, frame[2 * ADDRESS :]))


def untagged(frame: bytes) -> bytes:
    """The frame without its VLAN tag, which it must have."""
    return frame[: 2 * ADDRESS] + frame[2 * ADDRESS + TAG :]


def frame_check(frame: bytes) -> bytes:
    """The FCS in the order in which it follows the frame."""
    return crc32(frame).to_bytes(FCS, "little")


def hash_bits(address: bytes, count: int) -> int:
    """The first `count` bits of an address's CRC as they leave the shift register: an index into a multicast filter."""
    register = ~crc32(address) & 0xFFFFFFFF  # whose lowest bit leaves first
    index = 0
    for n in range(count):
        index = index << 1 | register >> n & 1
    return index
