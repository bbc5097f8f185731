"""The 82540EM as its manual describes it: rings, offloads, filters, interrupts, resets, and the state of all of it."""

import random
import struct

import pytest
from e1000_bench import (
    BAM, BUFFERS, CTRL, DATA, EERD, EN, EOP, IC, ICR, ICS, IDE, IMC, IMS, ITR, LPE, LSC, MAC, MDAC, MDIC, MPE, MTA,
    PEER, PORTS, RADV, RAH, RAL, RCTL, RDH, RDT, RDTR, RS, RX, RXDMT0, RXO, RXT0, SBP, SECRC, STATUS, TADV, TCTL,
    TDBAL, TDH, TDT, TSE, TX, TXDW, TXQE, UPE, VET, VFE, VFTA, VLE, Bench,
)  # fmt: skip
from playhead.devices.net.ethernet import BROADCAST, checksum_sum, frame_check

MULTICAST = bytes.fromhex("01005e000001")
UNIT_NS = 256


@pytest.fixture
def bench() -> Bench:
    return Bench()


def frame(length: int, to: bytes = MAC, ethertype: bytes = b"\x08\x00", seed: int = 1) -> bytes:
    return to + PEER + ethertype + random.Random(seed).randbytes(length - 14)


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
    assert bench.sent == [] and bench.read(TDH) == 0
    bench.card.program(4, 2, 7)
    assert bench.sent == [frame(60)]
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
            assert other.card.save() == bench.card.save() and there == bench.sent[len(bench.sent) - len(there) :]
            at += length
    assert len(bench.sent) == 1 + 5


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


# -- statistics


def test_counters_are_cleared_by_reading(bench):
    bench.start_receiving()
    bench.start_sending()
    for to, length in ((MAC, 60), (BROADCAST, 61), (MAC, 1514)):
        bench.receive(frame(length, to))
        bench.send(frame(length, to))
    octets = 60 + 61 + 1514 + 3 * 4
    assert bench.read(0x4088) == bench.read(0x4088) == octets  # the low half stays until the high one is read
    assert bench.counters() == {
        0x405C: 1, 0x4060: 1, 0x4070: 1, 0x4074: 3, 0x4078: 1, 0x4080: 3, 0x4088: octets, 0x4090: octets,
        0x40C0: octets, 0x40C8: octets, 0x40D0: 3, 0x40D4: 3, 0x40D8: 1, 0x40DC: 1, 0x40EC: 1, 0x40F4: 1,
    }  # fmt: skip
    assert bench.counters() == {}


def test_full_counters(bench):
    from playhead.devices.net import e1000_registers as r

    bench.start_receiving()
    regs = bench.card.state.regs
    for n in (r.TPR, r.GORCL, r.TORL, r.TORH):
        regs[n] = 0xFFFFFFFF
    bench.receive(frame(60))
    assert (regs[r.TPR], regs[r.GORCL], regs[r.GORCH]) == (0xFFFFFFFF, 63, 1)
    assert regs[r.TORL] == regs[r.TORH] == 0xFFFFFFFF


# -- interrupts


def test_causes_and_mask(bench):
    bench.write(ICS, TXDW | LSC)
    assert not bench.line.level and bench.read(ICS) == TXDW | LSC
    bench.write(IMS, LSC)
    assert bench.line.level and bench.read(IMS) == LSC
    assert bench.card.word(6) & 8  # PCI's status says so
    bench.write(ICR, LSC)
    assert not bench.line.level and not bench.card.word(6) & 8 and bench.read(ICR) == TXDW
    bench.advance(10**6)
    bench.write(ICS, LSC)
    assert bench.line.level
    bench.write(IMC, LSC)
    assert not bench.line.level and bench.read(IMS) == 0 and bench.read(IMC) == 0
    bench.advance(10**6)
    bench.write(IMS, LSC)
    assert bench.line.level and bench.read(ICR) == LSC and not bench.line.level


def test_intx_can_be_disabled(bench):
    bench.write(IMS, LSC)
    bench.write(ICS, LSC)
    bench.card.program(4, 2, 0x407)
    assert not bench.line.level and bench.card.word(6) & 8
    bench.card.program(4, 2, 7)
    assert bench.line.level


@pytest.mark.parametrize("registers, cause, units", [
    ({}, RXT0, 500), ({ITR: 200}, RXT0, 500), ({ITR: 2000}, RXT0, 2000), ({RADV: 1000}, RXT0, 500),
    ({RDTR: 1, RADV: 1000}, RXT0, 4000), ({RDTR: 1, RADV: 1000, ITR: 3000}, RXT0, 3000),
    ({RDTR: 1, RADV: 1000}, LSC, 500), ({TADV: 1000}, TXDW, 500),
])  # fmt: skip
def test_interrupts_keep_a_distance(bench, registers, cause, units):
    for register, value in registers.items():
        bench.write(register, value)
    bench.write(IMS, 0xFF)
    bench.write(ICS, cause)
    assert bench.line.level
    bench.read(ICR)
    bench.write(ICS, cause)
    assert not bench.line.level
    bench.advance(units * UNIT_NS - 1)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level


def test_a_descriptor_may_ask_for_a_delay(bench):
    bench.start_sending()
    bench.write(TADV, 1000)
    bench.write(IMS, TXDW)
    bench.send(frame(60), command=EOP | RS | IDE)
    assert bench.line.level
    bench.read(ICR)
    bench.send(frame(60))
    bench.advance(4000 * UNIT_NS - 1)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level and bench.raised == 2


def test_without_mitigation():
    bench = Bench(mitigation=False)
    bench.write(IMS, LSC)
    for n in range(3):
        bench.write(ICS, LSC)
        bench.read(ICR)
        assert bench.raised == n + 1
    bench.write(ITR, 5)
    assert bench.read(ITR) == 0


# -- the PHY and the link


def test_autonegotiation_takes_half_a_second(bench):
    bench.write(IMS, LSC)
    bench.phy(0, 0x1340)
    assert bench.read(STATUS) & 2 == 0 and bench.phy(1) == 0x7949 and bench.phy(0) == 0x1140
    bench.advance(499_999_999)
    assert not bench.line.level
    bench.advance(1)
    assert bench.line.level and bench.read(STATUS) & 2 and bench.phy(1) == 0x796D and bench.phy(5) == 0x41E0


def test_the_cable(bench):
    bench.write(IMS, LSC)
    bench.card.set_link(False)
    assert bench.read(STATUS) & 2 == 0 and bench.read(ICR) == LSC and bench.phy(1) & 0x24 == 0
    bench.write(CTRL, 1 << 26)
    bench.card.reset()
    bench.configure()
    assert bench.read(STATUS) & 2 == 0 and not bench.card.state.link
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2 == 0
    bench.advance(500_000_000)
    assert bench.read(STATUS) & 2 and bench.read(ICR) == LSC
    bench.phy(0, 0x140)  # without autonegotiation it is at once
    bench.card.set_link(False)
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2 and bench.read(ICR) == LSC


def test_a_cable_that_is_pulled_while_negotiating(bench):
    bench.phy(0, 0x1340)
    bench.card.set_link(False)
    bench.advance(10**9)
    assert bench.read(STATUS) & 2 == 0 and bench.read(ICR) == 0


def test_without_autonegotiation():
    bench = Bench(autonegotiation=False)
    bench.phy(0, 0x1340)
    assert bench.read(STATUS) & 2
    bench.card.set_link(False)
    bench.card.set_link(True)
    assert bench.read(STATUS) & 2


def test_mdic(bench):
    bench.write(MDIC, 1 << 29 | 2 << 26 | 1 << 21 | 2 << 16)
    assert bench.read(MDIC) == 0x38220141 and bench.read(ICR) == MDAC
    bench.write(MDIC, 2 << 26 | 3 << 21 | 2 << 16)  # another PHY
    assert bench.read(MDIC) == 0x78220141
    bench.write(MDIC, 1 << 26 | 1 << 21 | 2 << 16 | 5)  # a register that cannot be written
    assert bench.read(MDIC) == 0x54220005 and bench.phy(2) == 0x141
    bench.phy(4, 0x1111)
    assert bench.phy(4) == 0x1111
    bench.phy(0, 0x9140)
    assert bench.phy(4) == 0x0DE1 and bench.phy(0) == 0x1140


# -- EEPROM


def test_the_eeprom_by_both_ways(bench):
    def start(n):
        bench.write(EERD, n << 8 | 1)
        assert bench.read(EERD) & 0x10
        return bench.read(EERD) >> 16

    words = [start(n) for n in range(64)]
    assert b"".join(word.to_bytes(2, "little") for word in words[:3]) == MAC and sum(words) & 0xFFFF == 0xBABA
    assert [microwire(bench, n) for n in (0, 1, 2, 63)] == [words[n] for n in (0, 1, 2, 63)]
    assert start(64) == 0


def microwire(bench: Bench, word: int) -> int:
    """Read a word as drivers do: request, select, a start bit, the operation, six bits of address."""
    from e1000_bench import EECD

    def clock(bit: int) -> int:
        bench.write(EECD, 0x42 | bit << 2)
        bench.write(EECD, 0x43 | bit << 2)
        bench.write(EECD, 0x42 | bit << 2)
        return bench.read(EECD) >> 3 & 1

    bench.write(EECD, 0x40)
    assert bench.read(EECD) & 0x1C0 == 0x1C0
    bench.write(EECD, 0x42)
    for bit in f"110{word:06b}":
        clock(int(bit))
    value = 0
    for _ in range(16):
        value = value << 1 | clock(0)
    bench.write(EECD, 0)
    return value


# -- resets


def test_a_software_reset(bench):
    bench.start_sending()
    bench.start_receiving()
    bench.phy(16, 0x1234)
    bench.write(IMS, LSC)
    bench.write(ICS, LSC)
    bench.write(RAL, 0)
    bench.write(MTA, 5)
    bench.legacy(60, 0)
    bench.go()
    bench.write(CTRL, 1 << 26 | 0x40)
    for offset in (IMS, ICR, RCTL, TCTL, TDBAL, TDT, RDT, MTA):
        assert bench.read(offset) == 0, hex(offset)
    assert bench.read(CTRL) == 0x140240 and bench.read(STATUS) == 0x80080783 and not bench.line.level
    assert bench.read(RAL) == int.from_bytes(MAC[:4], "little") and bench.phy(16) == 0x1234
    bench.start_sending()
    assert bench.send(frame(60)) == [frame(60)]


def test_registers_through_ports(bench):
    bench.io.write(PORTS, 4, IMS)
    bench.io.write(PORTS + 4, 4, LSC)
    assert bench.read(IMS) == LSC and bench.io.read(PORTS + 4, 4) == LSC and bench.io.read(PORTS, 4) == IMS
    bench.write(ICS, LSC)
    bench.io.write(PORTS, 4, ICR)
    assert bench.line.level and bench.io.read(PORTS + 4, 4) == LSC and not bench.line.level
    bench.io.write(PORTS, 4, 0x20000)
    bench.io.write(PORTS + 4, 4, 5)
    assert bench.io.read(PORTS + 4, 4) == 0
    bench.io.write(PORTS, 4, CTRL)
    bench.io.write(PORTS + 4, 4, 1 << 26)  # Linux resets the chip so
    assert bench.read(IMS) == 0


def test_the_reset_line_keeps_the_eeprom_and_the_cable(bench):
    fresh = Bench().card
    bench.start_sending()
    bench.send(frame(60))
    bench.phy(0, 0x1340)
    bench.card.reset()
    fresh.reset()
    assert bench.card.save() == fresh.save() and not any(alarm.armed for alarm in bench.clock.alarms)


def test_properties():
    bench = Bench(**{"init-vet": False, "extra_mac_registers": False})
    assert bench.read(VET) == 0
    for offset in (0x458, 0x5800, 0x9000):
        bench.write(offset, 5)
        assert bench.read(offset) == 0
    assert Bench().read(VET) == 0x8100


# -- state


def test_a_checkpoint_in_the_middle_of_traffic(bench):
    """Two machines, one of which is put into the other's state again and again, stay the same."""
    chance, other = random.Random(9), Bench()
    bench.start_receiving(16, EN | BAM | UPE)
    bench.start_sending(16)
    bench.write(IMS, 0xFFFF)
    other.become(bench)
    for step in range(300):
        if step % 7 == 0:
            other.become(bench)
        length, kind, delay = chance.choice((60, 200, 1514)), chance.choice("trid"), chance.randrange(300_000)
        results = []
        for one in (bench, other):
            if kind == "t":
                results.append(one.send(frame(length, seed=step), command=chance_command(step)))
            elif kind == "r" and one.card.can_receive():
                results.append(one.receive(frame(length, seed=step)))
            elif kind == "i":
                results.append(one.read(ICR))
            else:
                one.write(RDT, (one.read(RDH) + 15) % 16)
            one.advance(delay)
            results.append((one.line.level, one.read(RDH), one.read(TDH), one.clock.save(), one.card.save()))
        assert results[: len(results) // 2] == results[len(results) // 2 :], step
    assert bench.memory.area[:] == other.memory.area[:]


def chance_command(step: int) -> int:
    return EOP | RS | (IDE if step % 3 == 0 else 0) if step % 5 else RS


def test_tail_and_head_as_written(bench):
    bench.write(TDT, 0x12345)
    bench.write(RDT, 0x12345)
    assert bench.read(TDT) == bench.read(RDT) == 0x2345
