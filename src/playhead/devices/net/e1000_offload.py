"""What the 82540EM does to a frame on its way out: checksums, segmentation of TCP and UDP.

The driver says by a context descriptor where the headers are and, for segmentation, has summed up the pseudo-header
without a length. Places that lie outside of the frame are left alone.

Source: Intel's manual (as e1000_registers.py).
"""

from playhead.devices.net.e1000_registers import Context
from playhead.base.internet_checksum import checksum_sum

IP_SUM, L4_SUM = 1, 2  # POPTS
FIN_PSH = 0x09  # flags of TCP that only the last segment keeps
TCP_FLAGS, TCP_SEQUENCE, UDP_LENGTH, IPV6_HEADER = 13, 4, 4, 40


def put_checksum(frame: bytearray, at: int, start: int, last: int) -> None:
    """The checksum of the bytes from `start` to `last` (0: to the end) at `at`, which they may hold a part of. It is
    never zero, which would say that there is none."""
    end = last + 1 if 0 < last < len(frame) else len(frame)
    if at + 1 < end and start < end:
        frame[at : at + 2] = (~checksum_sum(bytes(frame[start:end])) & 0xFFFF or 0xFFFF).to_bytes(2, "big")


def put_checksums(frame: bytearray, c: Context, which: int) -> None:
    if which & L4_SUM:
        put_checksum(frame, c.sum, c.start, c.end)
    if which & IP_SUM:
        put_checksum(frame, c.ip_sum, c.ip_start, c.ip_end)


def _put(frame: bytearray, at: int, size: int, value: int) -> None:
    """A field of a header, if it is in the frame."""
    if at + size <= len(frame):
        frame[at : at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, "big")


def _get(frame: bytearray, at: int, size: int) -> int:
    return int.from_bytes(frame[at : at + size], "big")


def fill_headers(frame: bytearray, c: Context, number: int, last: bool, which: int) -> None:
    """Make a copy of the headers with payload behind it segment `number` of its packet."""
    ip, l4 = c.ip_start, c.start
    if c.ipv4:
        _put(frame, ip + 2, 2, len(frame) - ip)
        _put(frame, ip + 4, 2, _get(frame, ip + 4, 2) + number)
    else:
        _put(frame, ip + 4, 2, len(frame) - ip - IPV6_HEADER)
    if c.tcp:
        _put(frame, l4 + TCP_SEQUENCE, 4, _get(frame, l4 + TCP_SEQUENCE, 4) + number * c.segment)
        if not last and l4 + TCP_FLAGS < len(frame):
            frame[l4 + TCP_FLAGS] &= ~FIN_PSH
    else:
        _put(frame, l4 + UDP_LENGTH, 2, len(frame) - l4)
    if which & L4_SUM:  # the pseudo-header's sum lacks the length
        total = _get(frame, c.sum, 2) + len(frame) - l4
        _put(frame, c.sum, 2, (total & 0xFFFF) + (total >> 16))
