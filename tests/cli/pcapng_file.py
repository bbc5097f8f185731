"""Reads what `playhead pcap` writes, strictly: each block and option by the specification."""

import struct
from typing import NamedTuple


class Packet(NamedTuple):
    interface: int
    out: bool
    time_ns: int
    frame: bytes
    comment: str


def options(data):
    at, found = 0, {}
    while at < len(data):
        code, size = struct.unpack_from("<HH", data, at)
        if code == 0:
            assert size == 0 and at + 4 == len(data)
            return found
        assert code not in found
        found[code] = data[at + 4 : at + 4 + size]
        at += 4 + size + -size % 4
    assert not data
    return found


def read(data):
    """(options of the section, options of each interface, packets)."""
    at, section, interfaces, packets = 0, None, [], []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        assert size % 4 == 0 and struct.unpack_from("<I", data, at + size - 4) == (size,)
        body = data[at + 8 : at + size - 4]
        if section is None:
            assert kind == 0x0A0D0D0A and struct.unpack_from("<IHHq", body) == (0x1A2B3C4D, 1, 0, -1)
            section = options(body[16:])
        elif kind == 1:
            assert struct.unpack_from("<HH", body) == (1, 0)
            interfaces.append(options(body[8:]))
        else:
            assert kind == 6
            interface, high, low, kept, length = struct.unpack_from("<IIIII", body)
            assert interface < len(interfaces) and kept == length
            found = options(body[20 + kept + -kept % 4 :])
            flags = struct.unpack("<I", found[2])[0]
            assert flags in (1, 2)
            packets.append(Packet(interface, flags == 2, high << 32 | low, body[20 : 20 + kept], found[1].decode()))
        at += size
    assert at == len(data)
    return section, interfaces, packets
