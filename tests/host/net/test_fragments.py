"""IPv4 packets in fragments, put together in front of libslirp."""

import itertools
import struct

import pytest

from playhead.host.net.fragments import EXPIRES_NS, MOST, Packet, Reassembly, is_fragment, parse
from playhead.host.net.user import available
from tests.host.net.guest_stack import MAC, Guest, checksum, ip_payload

ETHERNET = b"\x52\x55\x0a\0\2\2" + MAC + b"\x08\0"


def fragment(data: bytes, offset: int = 0, more: bool = False, number: int = 1, length: int = 0,
             protocol: int = 17) -> bytes:  # fmt: skip
    length, field = length or 20 + len(data), (0x2000 if more else 0) | offset // 8
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, number, field, 64, protocol, 0, b"\x0a\0\2\x0f", b"\x0a\0\2\2")
    return ETHERNET + head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + data


DATA = bytes(range(256)) * 12
PARTS = [fragment(DATA[:1480], 0, True), fragment(DATA[1480:2960], 1480, True), fragment(DATA[2960:], 2960)]


def test_a_packet_is_whole_with_its_last_fragment():
    made = Reassembly()
    found = [made.whole(part, 0) for part in PARTS]
    assert found == [None, None, fragment(DATA)]
    assert not is_fragment(fragment(DATA)) and all(map(is_fragment, PARTS))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_does_not_matter_to_a_packet(order):
    packet, parts = Packet(0), [parse(part) for part in PARTS]
    for n, number in enumerate(order):
        assert not packet.complete and n < 3
        packet.add(parts[number])
    assert packet.complete and packet.whole() == fragment(DATA)


def test_several_packets_at_once():
    made, found = Reassembly(), []
    for at in range(0, 80, 8):
        found += [made.whole(fragment(bytes([n]) * 8, at, at < 72, n), 0) for n in range(5)]
    assert found[:-5] == [None] * 45
    assert found[-5:] == [fragment(bytes([n]) * 80, number=n) for n in range(5)]


@pytest.mark.parametrize("bad", [
    fragment(b"seven b", 0, True), fragment(b"", 0, True), fragment(bytes(8), 0, True, length=2000),
    fragment(bytes(8), 0, True, length=19), fragment(bytes(1480), 65528), PARTS[0][:15] + b"\1" + PARTS[0][16:],
    PARTS[0][:14] + b"\x41" + PARTS[0][15:], PARTS[0][:14] + b"\x4f" + PARTS[0][15:40],
])  # fmt: skip
def test_what_no_stack_sends_is_dropped(bad):
    made = Reassembly()
    assert made.whole(bad, 0) is None
    assert [made.whole(part, 0) for part in PARTS[1:]] == [None, None]


def test_overlapping_ones_are_dropped():
    made = Reassembly()
    for part in (PARTS[0], fragment(DATA[1472:2960], 1472, True), PARTS[2]):
        assert made.whole(part, 0) is None
    assert made.whole(PARTS[0], 0) is None


def test_what_is_incomplete_is_forgotten():
    made = Reassembly()
    made.whole(PARTS[0], 0)
    assert [made.whole(part, EXPIRES_NS + 1) for part in PARTS[1:]] == [None, None]
    made = Reassembly()
    for number in range(1, MOST + 2):
        made.whole(fragment(bytes(8), 0, True, number), 0)
    assert made.whole(fragment(bytes(8), 8, number=1), 0) is None  # the oldest
    assert made.whole(fragment(bytes(8), 8, number=MOST + 1), 0) is not None


@pytest.mark.skipif(not available(), reason="libslirp0 is not installed")
@pytest.mark.parametrize("size", [3000, 60_000])
def test_a_large_ping_comes_back(size):
    plain = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + bytes(n * 7 & 255 for n in range(size))
    data = plain[:2] + checksum(plain).to_bytes(2, "big") + plain[4:]
    with Guest() as guest:
        for at in range(0, len(data), 1480):
            guest.end.send(fragment(data[at : at + 1480], at, at + 1480 < len(data), 9, protocol=1))
        got = 0
        for frame in guest.frames(3):
            found = ip_payload(frame, 1)
            got += len(found[1]) if found else 0
            if got == len(data):
                break
        assert got == len(data)
