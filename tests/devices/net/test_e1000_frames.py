"""The 82540EM and frames, as its manual describes them: rings, offloads, filters, and the state in their middle."""

import random
import struct

import pytest
from e1000_bench import (
    BAM, BUFFERS, CTRL, DATA, EN, EOP, IC, ICR, LPE, MAC, MPE, MTA, PEER, RAH, RAL, RCTL, RDH, RDT, RS, RX, RXDMT0, RXO,
    RXT0, SBP, SECRC, TCTL, TDH, TSE, TX, TXDW, TXQE, UPE, VET, VFE, VFTA, VLE, Bench, frame,
)  # fmt: skip

from playhead.base.internet_checksum import checksum_sum
from playhead.devices.net.ethernet import BROADCAST, frame_check

MULTICAST = bytes.fromhex("01005e000001")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def tcp_ip(payload: bytes, flags: int = 0x18) -> bytes:
    """A frame whose checksums hold what a driver puts there for segmentation: the pseudo-header without a length."""
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 0, 77, 0x4000, 64, 6, 0, bytes((10, 0, 2, 15)), bytes((10, 0, 2, 2)))
    pseudo = checksum_sum(ip[12:20] + b"\0\x06")
    tcp = struct.pack(">HHIIBBHHH", 1000, 80, 0xFFFFFF00, 5, 0x50, flags, 8000, pseudo, 0)
    return PEER + MAC + b"\x08\0" + ip + tcp + payload


def check_tcp(sent: bytes) -> None:
    """Both checksums are right."""
    ip, tcp = sent[14:34], sent[34:]
    assert checksum_sum(ip) == 0xFFFF
    assert checksum_sum(ip[12:20] + b"\0\x06" + len(tcp).to_bytes(2, "big") + tcp) == 0xFFFF
    assert int.from_bytes(ip[2:4], "big") == len(sent) - 14


# -- sending


def test_a_frame_is_sent_and_reported(bench):
    bench.start_sending()
    assert bench.send(frame(60)) == [frame(60)]
    assert bench.memory.read(TX + 12, 1) == b"\x01" and bench.read(TDH) == 1
    assert bench.read(ICR) == TXDW | TXQE and bench.read(ICR) == 0
    assert bench.send(frame(1514), command=EOP) == [frame(1514)]
    assert bench.memory.read(TX + 16 + 12, 1) == b"\0" and bench.read(ICR) == TXQE


def test_a_packet_of_many_descriptors_wraps_around(bench):
    bench.start_sending(8)
    whole = frame(1400)
    bench.memory.write(DATA, whole)
    for turn in range(6):
        for n in range(5):
            bench.legacy(280, EOP | RS if n == 4 else 0, DATA + 280 * n)
        assert bench.go() == [whole], turn
    assert bench.read(TDH) == bench.tail == 30 % 8


def test_nothing_is_sent_while_something_is_off(bench):
    bench.start_sending()
    bench.write(TCTL, 0)
    assert bench.send(frame(60)) == []
    bench.card.program(4, 2, 3)  # no bus master
    bench.write(TCTL, EN)
    assert bench.out == [] and bench.read(TDH) == 0
    bench.card.program(4, 2, 7)
    assert bench.out == [frame(60)]
    bench.card.set_link(False)
    assert bench.send(frame(61)) == [] and bench.read(TDH) == 2
    bench.card.set_link(True)
    bench.advance(10**9)
    assert bench.send(frame(62)) == [frame(62)]


def test_a_legacy_descriptor_inserts_a_checksum(bench):
    bench.start_sending()
    sent = bench.send(frame(100), command=EOP | IC, cso=50, css=34)[0]
    plain = bytearray(frame(100))
    plain[50:52] = (~checksum_sum(bytes(plain[34:])) & 0xFFFF).to_bytes(2, "big")
    assert sent == plain
    assert bench.send(frame(100), command=EOP | IC, cso=99, css=34) == [frame(100)]  # no room for it


def test_checksums_by_a_context(bench):
    bench.start_sending()
    payload = random.Random(2).randbytes(1001)
    whole = bytearray(tcp_ip(payload))
    whole[16:18] = (len(whole) - 14).to_bytes(2, "big")
    length = len(whole) - 34
    whole[50:52] = checksum_sum(bytes(whole[50:52]) + length.to_bytes(2, "big")).to_bytes(2, "big")
    bench.memory.write(DATA, bytes(whole))
    bench.context(3)
    bench.data(len(whole))
    check_tcp(bench.go()[0])
    bench.data(len(whole), sums=1)  # the context stays
    sent = bench.go()[0]
    assert checksum_sum(sent[14:34]) == 0xFFFF and sent[34:] == whole[34:]
    bench.data(len(whole), sums=0)
    assert bench.go() == [whole]


@pytest.mark.parametrize("length", [1, 1459, 1460, 1461, 2920, 30000, 65000])
def test_segmentation(bench, length):
    bench.start_sending()
    payload = random.Random(length).randbytes(length)
    whole = tcp_ip(payload, flags=0x19)
    bench.memory.write(DATA, whole)
    bench.context(7, 54, 1460, length)
    bench.data(54, TSE)
    at = 54
    for n in range(-(-length // 16000)):
        part = min(16000, len(whole) - at)
        bench.data(part, TSE | (EOP | RS if at + part == len(whole) else 0), DATA + at, sums=n)  # the first one's count
        at += part
    sent = bench.go()
    assert b"".join(one[54:] for one in sent) == payload and len(sent) == -(-length // 1460)
    for n, one in enumerate(sent):
        check_tcp(one)
        assert int.from_bytes(one[18:20], "big") == 77 + n
        assert int.from_bytes(one[38:42], "big") == (0xFFFFFF00 + 1460 * n) & 0xFFFFFFFF
        assert one[47] == (0x19 if one is sent[-1] else 0x10)
    assert bench.counters()[0x40F8] == 1


def test_segmentation_of_udp_over_ipv6(bench):
    bench.start_sending()
    ip = b"\x60\0\0\0" + b"\0\0\x11\x40" + bytes(range(16)) + bytes(range(16, 32))
    pseudo = checksum_sum(ip[8:] + b"\0\x11")
    headers = PEER + MAC + b"\x86\xdd" + ip + struct.pack(">HHHH", 53, 54, 0, pseudo)
    payload = random.Random(1).randbytes(250)
    bench.memory.write(DATA, headers + payload)
    bench.context(4, 62, 100, 250, ip=(14, 0, 0), l4=(54, 60, 0))
    bench.data(312, TSE | EOP, sums=2)
    sent = bench.go()
    assert [len(one) for one in sent] == [162, 162, 112]
    for one in sent:
        udp = one[54:]
        assert int.from_bytes(one[18:20], "big") == len(udp) == int.from_bytes(udp[4:6], "big")
        assert checksum_sum(one[22:54] + b"\0\x11" + len(udp).to_bytes(2, "big") + udp) == 0xFFFF


def test_a_tag_is_inserted(bench):
    bench.start_sending()
    assert bench.send(frame(60), command=EOP | VLE, special=0x2123) == [frame(60)]
    bench.write(CTRL, 1 << 30)
    tagged = frame(60)[:12] + b"\x81\0\x21\x23" + frame(60)[12:]
    assert bench.send(frame(60), command=EOP | VLE, special=0x2123) == [tagged]
    assert bench.send(frame(60)) == [frame(60)]
    bench.memory.write(DATA, tcp_ip(bytes(300)))
    bench.context(7, 54, 100, 300)
    bench.data(354, TSE | EOP | VLE, special=7)
    assert [one[12:16] for one in bench.go()] == [b"\x81\0\0\x07"] * 3


def test_the_state_in_the_middle_of_a_packet(bench):
    """A packet whose last descriptor is not there yet is state, of a segmented one too."""
    bench.start_sending()
    whole = tcp_ip(random.Random(5).randbytes(5000))
    bench.memory.write(DATA, whole)
    for descriptors in ([(0, 0), (700, 0), (5, EOP)], [(54, TSE), (3000, TSE), (2000, TSE | EOP | RS)]):
        bench.context(7, 54, 1000, 5000)
        at = 0
        for length, command in descriptors:
            other = Bench()
            other.become(bench)
            bench.data(length, command, DATA + at)
            bench.go()
            other.data(length, command, DATA + at)
            there = other.go()
            assert other.card.save() == bench.card.save() and there == bench.out[len(bench.out) - len(there) :]
            at += length
    assert len(bench.out) == 1 + 5


# -- receiving


def test_a_frame_is_stored_with_its_check(bench):
    bench.start_receiving()
    assert bench.receive(frame(100)) and bench.receive(frame(42))
    assert bench.stored(0) == frame(100) + frame_check(frame(100))
    short = frame(42) + bytes(18)
    assert bench.stored(1) == short + frame_check(short)
    assert bench.descriptor(0) == (BUFFERS, 104, 0, 0x07, 0, 0) and bench.read(RDH) == 2
    assert bench.read(ICR) == RXT0
    bench.write(RCTL, EN | SECRC)
    assert bench.receive(frame(100)) and bench.stored(2) == frame(100)


def test_what_is_no_frame_is_dropped(bench):
    bench.start_receiving()
    for length in (0, 1, 13):
        assert not bench.receive(bytes(length))
    assert not bench.receive(frame(65535)) and bench.counters() == {0x40AC: 1}


@pytest.mark.parametrize("code, size", [(0, 2048), (1 << 16, 1024), (2 << 16, 512), (3 << 16, 256),
                                        (1 << 25 | 1 << 16, 16384), (1 << 25 | 2 << 16, 8192),
                                        (1 << 25 | 3 << 16, 4096)])  # fmt: skip
def test_sizes_of_buffers(bench, code, size):
    bench.start_receiving(64, EN | LPE | SECRC | code, 16384)
    whole = frame(16000, seed=size)
    count = -(-len(whole) // size)
    assert bench.receive(whole) and bench.read(RDH) == count
    assert b"".join(bench.stored(n) for n in range(count)) == whole
    assert [bench.descriptor(n)[3] for n in range(count)] == [0x01] * (count - 1) + [0x07]


def test_a_frame_without_enough_buffers_is_lost(bench):
    bench.start_receiving(8, EN | SECRC | 3 << 16)
    bench.write(RDT, 3)
    assert not bench.receive(frame(1000)) and bench.read(ICR) == RXO
    assert bench.counters() == {0x4010: 1, 0x40A0: 1}
    assert bench.receive(frame(768)) and not bench.card.can_receive()
    rooms = bench.rooms
    bench.write(RDT, 5)
    assert bench.rooms == rooms + 1 and bench.card.can_receive()
    bench.write(RDT, 6)
    assert bench.rooms == rooms + 1  # it could take some before


def test_a_receiver_that_is_off_takes_and_drops(bench):
    bench.start_receiving(8, 0)
    bench.write(RDT, 0)
    assert not bench.receive(frame(100))
    bench.write(RCTL, EN)
    assert not bench.card.can_receive()
    bench.card.set_link(False)
    assert not bench.receive(frame(100))
    bench.card.set_link(True)
    bench.advance(10**9)
    bench.write(RDT, 4)
    bench.card.program(4, 2, 3)
    assert not bench.receive(frame(100))
    bench.card.program(4, 2, 7)
    assert bench.receive(frame(100)) and bench.counters()[0x40D0] == 1


def test_lengths(bench):
    bench.start_receiving()
    assert bench.receive(frame(1522)) and not bench.receive(frame(1523))
    bench.write(RCTL, EN | SBP)
    assert bench.receive(frame(1523))
    bench.write(RCTL, EN | LPE)
    assert bench.receive(frame(16384)) and not bench.receive(frame(16385))


def test_addresses(bench):
    other = bytes.fromhex("525400abcdef")
    bench.start_receiving(64, EN)
    assert not any(bench.receive(frame(60, to)) for to in (other, BROADCAST, MULTICAST))
    for bit, taken in ((UPE, [other]), (MPE, [BROADCAST, MULTICAST]), (BAM, [BROADCAST])):
        bench.write(RCTL, EN | bit)
        assert [to for to in (other, BROADCAST, MULTICAST) if bench.receive(frame(60, to))] == taken
    bench.write(RCTL, EN)
    bench.write(RAL + 8 * 15, int.from_bytes(other[:4], "little"))
    bench.write(RAH + 8 * 15, int.from_bytes(other[4:], "little"))
    assert not bench.receive(frame(60, other))  # not valid yet
    bench.write(RAH + 8 * 15, int.from_bytes(other[4:], "little") | 1 << 31)
    assert bench.receive(frame(60, other)) and not bench.receive(frame(60, MULTICAST))


@pytest.mark.parametrize("offset, shift", [(0, 4), (1, 3), (2, 2), (3, 0)])
def test_the_multicast_table(bench, offset, shift):
    bench.start_receiving(64, EN | offset << 12)
    address = bytes.fromhex("0100deadbeef")
    index = (0xBE | 0xEF << 8) >> shift & 0xFFF
    bench.write(MTA + 4 * (index >> 5), ~(1 << (index & 31)) & 0xFFFFFFFF)
    assert not bench.receive(frame(60, address))
    bench.write(MTA + 4 * (index >> 5), 1 << (index & 31))
    assert bench.receive(frame(60, address))


def test_vlans(bench):
    bench.start_receiving(64, EN | SECRC)
    tagged = MAC + PEER + b"\x81\x00\xa1\x23" + frame(100)[12:]
    assert bench.receive(tagged) and bench.stored(0) == tagged and bench.descriptor(0)[5] == 0
    bench.write(CTRL, 1 << 30)
    assert bench.receive(tagged) and bench.stored(1) == MAC + PEER + frame(100)[12:]
    assert bench.descriptor(1)[3:] == (0x0F, 0, 0xA123)
    bench.write(RCTL, EN | SECRC | VFE)
    assert not bench.receive(tagged) and bench.receive(frame(100))
    bench.write(VFTA + 4 * (0x123 >> 5), 1 << (0x123 & 31))
    assert bench.receive(tagged)
    bench.write(VET, 0x88A8)
    assert bench.receive(tagged) and bench.stored(4) == tagged


def test_the_warning_that_buffers_run_out(bench):
    for code, least in ((0, 4), (1, 2), (2, 1)):
        bench.start_receiving(8, EN | code << 8)
        seen = []
        for _ in range(7):
            bench.receive(frame(60))
            seen.append(bench.read(ICR) == RXT0 | RXDMT0)
        assert seen == [left <= least for left in range(6, -1, -1)]


def test_a_null_descriptor_takes_a_part_and_stores_it_nowhere(bench):
    bench.start_receiving()
    bench.memory.write(RX, bytes(16))
    bench.memory.write(0, b"untouched")
    assert bench.receive(frame(100)) and bench.memory.read(0, 9) == b"untouched"
    assert bench.descriptor(0)[:2] == (0, 104)


@pytest.mark.parametrize("through", ["phy", "mac"])
def test_loopback(bench, through):
    bench.start_receiving(64, EN | SECRC | (0x40 if through == "mac" else 0))
    bench.start_sending()
    if through == "phy":
        bench.phy(0, 0x4140)
    assert bench.send(frame(200)) == [] and bench.stored(0) == frame(200)
    assert bench.read(ICR) == RXT0 | TXDW | TXQE
    bench.send(frame(200, PEER))
    assert bench.read(RDH) == 1
