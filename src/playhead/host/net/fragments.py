"""IPv4 packets that a guest sends in fragments, put together before libslirp sees them.

Before version 4.8 the library's own reassembly accesses memory that is not its own: a guest can end it.
Debian 11 and 12 have such versions. One whole packet of up to 64 KiB is no difficulty for it.
"""

from playhead.base.internet_checksum import internet_checksum

EXPIRES_NS = 30_000_000_000  # of the guest's time: RFC 791 has 15 s at least, Linux 30
MOST = 32  # packets that are incomplete; the oldest makes room
HEADER = 14  # of Ethernet
LARGEST = 65535


class Fragment:
    """`key`: of its packet, protocol, identification, source and destination. `header`: of Ethernet and IP."""

    __slots__ = ("data", "header", "key", "more", "offset")

    def __init__(self, key: bytes, header: bytes, offset: int, data: bytes, more: bool):
        self.key, self.header, self.offset, self.data, self.more = key, header, offset, data, more


class Packet:
    """One that is incomplete."""

    def __init__(self, born_ns: int):
        self.born_ns = born_ns
        self._parts: dict[int, Fragment] = {}
        self._size = 0  # of the data that is here
        self._end = 0  # of all data, once the last fragment is here

    def add(self, one: Fragment) -> None:
        """The first of two with the same place counts."""
        if one.offset not in self._parts:
            self._parts[one.offset] = one
            self._size += len(one.data)
            self._end = self._end if one.more else one.offset + len(one.data)

    @property
    def complete(self) -> bool:
        """Nothing more is to come; what is here may still contradict itself."""
        return 0 < self._end <= self._size or self._size > LARGEST

    def whole(self) -> bytes | None:
        """The packet, in a frame; None where fragments overlap, which no IP stack sends, or it is too long."""
        parts, at = [self._parts[offset] for offset in sorted(self._parts)], 0
        for part in parts:
            if part.offset != at:
                return None
            at += len(part.data)
        head = bytearray(parts[0].header)
        length = len(head) - HEADER + at
        if at != self._end or length > LARGEST:
            return None
        head[16:18] = length.to_bytes(2, "big")
        head[20:22] = bytes(2)
        head[24:26] = bytes(2)
        head[24:26] = internet_checksum(head[HEADER:]).to_bytes(2, "big")
        return bytes(head) + b"".join(part.data for part in parts)


class Reassembly:
    """`whole(frame, now_ns)` takes fragments (`is_fragment`), and gives the packet when its last one has come."""

    def __init__(self) -> None:
        self._packets: dict[bytes, Packet] = {}

    def whole(self, frame: bytes, now_ns: int) -> bytes | None:
        one = parse(frame)
        if one is None:
            return None
        packet = self._packets.get(one.key)
        if packet is None or now_ns - packet.born_ns > EXPIRES_NS:
            self._packets.pop(one.key, None)
            if len(self._packets) >= MOST:
                del self._packets[next(iter(self._packets))]
            packet = self._packets[one.key] = Packet(now_ns)
        packet.add(one)
        if not packet.complete:
            return None
        del self._packets[one.key]
        return packet.whole()


def is_fragment(frame: bytes) -> bool:
    return len(frame) >= HEADER + 20 and frame[12:14] == b"\x08\x00" and bool(frame[20] & 0x3F or frame[21])


def parse(frame: bytes) -> Fragment | None:
    """None: no IP stack sends it."""
    header, length = (frame[14] & 15) * 4, int.from_bytes(frame[16:18], "big")
    field = int.from_bytes(frame[20:22], "big")
    offset, more = (field & 0x1FFF) * 8, bool(field & 0x2000)
    data = frame[HEADER + header : HEADER + length]
    if frame[14] >> 4 != 4 or header < 20 or header >= length or length > len(frame) - HEADER:
        return None
    if (more and len(data) % 8) or header + offset + len(data) > LARGEST:
        return None
    if internet_checksum(frame[HEADER : HEADER + header]):
        return None
    return Fragment(frame[23:24] + frame[18:20] + frame[26:34], frame[: HEADER + header], offset, data, more)
