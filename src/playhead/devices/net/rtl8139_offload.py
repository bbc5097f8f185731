"""What the RTL8139C+ does to a frame before it sends it: checksums of IPv4, TCP and UDP, segmentation.

A frame whose headers do not fit in it, or that is not what its descriptor says, goes out as it is.

Sources: Realtek, data sheet of the RTL8139C+ (transmit descriptors); RFC 791, 793 and 1071.
"""

from collections.abc import Iterator

from playhead.base.internet_checksum import checksum_sum, internet_checksum
from playhead.devices.net.ethernet import HEADER

LARGE_SEND, IP_SUM, UDP_SUM, TCP_SUM = 1 << 27, 1 << 18, 1 << 17, 1 << 16  # in a descriptor's first dword
OFFLOADS = LARGE_SEND | IP_SUM | UDP_SUM | TCP_SUM
SEGMENT_SHIFT, SEGMENT_MASK = 16, 0x7FF
LEAST_SEGMENT = 8  # of payload: systems have no less, and nobody is to make 60,000 frames of one packet
IPV4 = b"\x08\x00"
TCP, UDP = 6, 17
SHORTEST_IP, SHORTEST_TCP, SHORTEST_UDP = 20, 20, 8
SUM_AT = {TCP: 16, UDP: 6}  # the checksum's place in a header
FIN_PSH = 0x09  # flags that only the last segment keeps


def offloaded(frame: bytes, command: int) -> Iterator[bytes]:
    """The frames that one becomes, for what the descriptor asks."""
    end_of_ip = _end_of_ip(frame)
    if not end_of_ip:
        yield frame
    elif command & LARGE_SEND:
        size = command >> SEGMENT_SHIFT & SEGMENT_MASK
        yield from _segments(frame, end_of_ip, max(size, LEAST_SEGMENT)) if size else (frame,)
    else:
        packet = bytearray(frame)
        protocol = packet[HEADER + 9]
        if command & (TCP_SUM if protocol == TCP else UDP_SUM if protocol == UDP else 0):
            _put_sum(packet, end_of_ip, _end_of_packet(frame), protocol)
        if command & IP_SUM:
            _put_ip_sum(packet, end_of_ip)
        yield bytes(packet)


def _end_of_ip(frame: bytes) -> int:
    """Where an IPv4 header ends; 0 if there is none, or it is wrong."""
    if len(frame) < HEADER + SHORTEST_IP or frame[12:14] != IPV4 or frame[HEADER] >> 4 != 4:
        return 0
    end = HEADER + 4 * (frame[HEADER] & 0xF)
    return end if HEADER + SHORTEST_IP <= end <= _end_of_packet(frame) <= len(frame) else 0


def _end_of_packet(frame: bytes) -> int:
    """By the header's length: what is behind it pads the frame."""
    return HEADER + int.from_bytes(frame[HEADER + 2 : HEADER + 4], "big")


def _put_ip_sum(packet: bytearray, end_of_ip: int) -> None:
    packet[HEADER + 10 : HEADER + 12] = b"\0\0"
    packet[HEADER + 10 : HEADER + 12] = internet_checksum(bytes(packet[HEADER:end_of_ip])).to_bytes(2, "big")


def _put_sum(packet: bytearray, start: int, end: int, protocol: int) -> None:
    """The checksum of TCP or UDP, with the pseudo-header. For UDP, 0 would mean that there is none."""
    if end - start < (SHORTEST_TCP if protocol == TCP else SHORTEST_UDP):
        return
    at = start + SUM_AT[protocol]
    packet[at : at + 2] = b"\0\0"
    addresses, content = bytes(packet[HEADER + 12 : HEADER + 20]), bytes(packet[start:end])
    total = checksum_sum(content) + checksum_sum(addresses) + protocol + end - start
    value = 0xFFFF - (total % 0xFFFF or 0xFFFF)
    packet[at : at + 2] = (value or (0xFFFF if protocol == UDP else 0)).to_bytes(2, "big")


def _segments(frame: bytes, end_of_ip: int, size: int) -> Iterator[bytes]:
    """A TCP packet in pieces of `size` bytes of payload, each with headers of its own."""
    end = end_of_ip + 4 * (frame[end_of_ip + 12] >> 4) if end_of_ip + SHORTEST_TCP <= len(frame) else 0
    if frame[HEADER + 9] != TCP or not end_of_ip + SHORTEST_TCP <= end <= _end_of_packet(frame):
        yield frame
        return
    last = _end_of_packet(frame)
    identification = int.from_bytes(frame[HEADER + 4 : HEADER + 6], "big")
    sequence = int.from_bytes(frame[end_of_ip + 4 : end_of_ip + 8], "big")
    for number, at in enumerate(range(end, max(last, end + 1), size)):
        packet = bytearray(frame[:end])
        packet += frame[at : min(at + size, last)]
        packet[HEADER + 2 : HEADER + 4] = (len(packet) - HEADER & 0xFFFF).to_bytes(2, "big")
        packet[HEADER + 4 : HEADER + 6] = (identification + number & 0xFFFF).to_bytes(2, "big")
        packet[end_of_ip + 4 : end_of_ip + 8] = (sequence + at - end & 0xFFFFFFFF).to_bytes(4, "big")
        if at + size < last:
            packet[end_of_ip + 13] &= ~FIN_PSH & 0xFF
        _put_sum(packet, end_of_ip, len(packet), TCP)
        _put_ip_sum(packet, end_of_ip)
        yield bytes(packet)
