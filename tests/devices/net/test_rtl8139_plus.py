"""The RTL8139 in C+ mode: descriptor rings, offloads, VLAN tags, statistics; and what hostile drivers do."""

import random
import struct

import pytest
from rtl8139_bench import (
    BROADCAST, CPCR, CR, DATA, EOR, FS, IMR, ISR, LS, ME, MPC, OTHER, OVERFLOW, OWN, RAM, RCR, RDSAR, ROK,
    RX_DESCRIPTORS, TOK, TPPOLL, TX_DESCRIPTORS, TX_HIGH, Ours, ethernet,
)  # fmt: skip

from playhead.base.internet_checksum import checksum_sum

LARGE, IP_SUM, UDP_SUM, TCP_SUM, TAG = 1 << 27, 1 << 18, 1 << 17, 1 << 16, 1 << 17
NORMAL, HIGH, SOFT = 0x40, 0x80, 0x01


@pytest.fixture
def card():
    one = Ours()
    one.start_plus()
    return one


def ipv4(protocol, payload, pad=b""):
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0x1234, 0x4000, 64, protocol, 0xDEAD)
    return ethernet(OTHER, header + bytes.fromhex("0a00020f0a000202") + payload + pad, 0x0800)


def tcp(data, flags=0x18):
    return struct.pack(">HHIIBBHHH", 80, 1234, 0xFFFFFFF0, 7, 0x50, flags, 500, 0xBEEF, 0) + data


def valid(frame):
    """Whether the checksums of an IPv4 frame are right: with them, everything sums up to ones."""
    length = int.from_bytes(frame[16:18], "big")
    payload = frame[34 : 14 + length]
    pseudo = frame[26:34] + bytes([0, frame[23]]) + len(payload).to_bytes(2, "big")
    return checksum_sum(frame[14:34]) == 0xFFFF and checksum_sum(pseudo + payload) == 0xFFFF


def test_frames_have_a_descriptor_each(card):
    frames = [ethernet(ME, bytes([n]) * (100 + n)) for n in range(8)]
    for frame in frames:
        card.arrive(frame)
    for n, frame in enumerate(frames):
        status, vlan, data = card.received(n)
        assert status & ~0x1FFF == FS | LS | 1 << 25 | (EOR if n == 7 else 0) and not vlan
        assert data[:-4] == frame
    assert (card.get(ISR, 2), card.edges) == (ROK, [True])


def test_a_frame_waits_for_a_descriptor(card):
    for _ in range(8):
        card.arrive(ethernet())
    late = [ethernet(ME, bytes([n]) * 100) for n in range(3)]
    card.arrive(late[0])
    assert (card.get(ISR, 2), card.get(MPC, 4), card.card.can_receive()) == (ROK | OVERFLOW, 0, False)
    card.card.receive(ethernet())  # not asked
    assert card.get(MPC, 4) == 1
    card.put(IMR, 2, 0), card.put(ISR, 2, 0xFFFF)
    card.give(0), card.give(1)
    assert card.card.can_receive() and not card.rooms  # seen in memory
    card.put(IMR, 2, 0)  # and at the driver's next access
    assert card.rooms == 1 and card.received(0)[2][:-4] == late[0] and card.get(ISR, 2) == ROK
    card.arrive(late[1])
    assert card.received(1)[2][:-4] == late[1] and not card.card.can_receive()
    card.give(2)
    card.arrive(late[2])
    assert card.received(2)[2][:-4] == late[2]


def test_without_bus_mastering_a_frame_waits_and_nothing_is_read(card):
    while card.card.can_receive():
        card.arrive(ethernet())
    for n in range(8):
        card.give(n)
    card.card.program(4, 2, 3)
    card.put(IMR, 2, 0xFFFF)
    assert not card.card.can_receive() and card.received(0)[0] & OWN
    assert not card.rooms
    card.card.program(4, 2, 7)
    assert card.card.can_receive() and card.rooms == 1 and not card.received(0)[0] & OWN


def test_a_descriptor_that_is_too_small(card):
    card.start_plus(2, size=100)
    card.arrive(ethernet(ME, b"x" * 82))
    card.arrive(ethernet(ME, b"x" * 83))
    assert card.get(ISR, 2) == ROK | OVERFLOW and card.received(1)[0] & OWN


def test_packets_of_one_and_of_several_pieces(card):
    frames = [ethernet(OTHER, bytes([n]) * 300) for n in range(3)]
    n = card.transmit(0, frames[0])
    n = card.transmit(n, frames[1][:50], frames[1][50:70], frames[1][70:])
    card.transmit(n, frames[2], end=True)
    card.put(TPPOLL, 1, NORMAL)
    assert card.out == frames and (card.get(ISR, 2), card.edges) == (TOK, [True])
    assert not any(card.peek(TX_DESCRIPTORS + 16 * n + 3, 1)[0] & 0x80 for n in range(5))
    card.transmit(0, frames[0])
    card.put(TPPOLL, 1, NORMAL)
    assert card.out == [*frames, frames[0]]


def test_a_packet_is_taken_when_all_of_it_is_there(card):
    frame = ethernet(OTHER, b"x" * 100)
    n = card.transmit(0, frame[:50], last=False)
    card.put(TPPOLL, 1, NORMAL)
    assert not card.out and not card.get(ISR, 2)
    card.poke(DATA + 0x1000, frame[50:])
    card.poke(TX_DESCRIPTORS + 16 * n, struct.pack("<IIII", OWN | LS | 64, 0, DATA + 0x1000, 0))
    card.put(TPPOLL, 1, NORMAL)
    assert card.out == [frame]


def test_two_priorities_and_an_interrupt_by_software(card):
    card.transmit(0, ethernet(OTHER, b"normal"))
    card.transmit(1, ethernet(OTHER, b"high"), ring=TX_HIGH - 16)
    card.put(TPPOLL, 1, HIGH | NORMAL | SOFT)
    assert [frame[14:] for frame in card.out] == [b"high", b"normal"]
    assert card.get(ISR, 2) == TOK | 0x100


@pytest.mark.parametrize("pad", [b"", b"\xaa" * 7])
@pytest.mark.parametrize("payload", [b"even", b"odd"])
def test_checksums(card, payload, pad):
    tcp_frame = ipv4(6, tcp(payload), pad)
    udp_frame = ipv4(17, struct.pack(">HHHH", 53, 53, 8 + len(payload), 0xBEEF) + payload, pad)
    n = card.transmit(0, tcp_frame, flags=IP_SUM | TCP_SUM)
    n = card.transmit(n, udp_frame, flags=IP_SUM | UDP_SUM)
    card.transmit(n, tcp_frame, flags=IP_SUM | UDP_SUM)
    card.put(TPPOLL, 1, NORMAL)
    assert valid(card.out[0]) and valid(card.out[1]) and not valid(card.out[2])
    assert card.out[0][52:] == tcp_frame[52:] and card.out[2][34:] == tcp_frame[34:]
    assert card.peek(TX_DESCRIPTORS + 2, 2) == b"\x00\x30"  # no collisions


@pytest.mark.parametrize("length,vlan", [(3072, 0), (2000, TAG | 0x3412), (20, 0), (0, 0)])
def test_a_large_packet_is_cut(card, length, vlan):
    data = bytes(n % 251 for n in range(length))
    card.transmit(0, ipv4(6, tcp(data, 0x19)), flags=LARGE | 1000 << 16, vlan=vlan)
    card.put(TPPOLL, 1, NORMAL)
    got, out = b"", card.out
    for n, frame in enumerate(out):
        if vlan:
            assert frame[12:16] == b"\x81\x00\x12\x34"
            frame = frame[:12] + frame[16:]
        assert valid(frame)
        assert struct.unpack_from(">HH", frame, 16) == (len(frame) - 14, 0x1234 + n)
        assert int.from_bytes(frame[38:42], "big") == 0xFFFFFFF0 + len(got) & 0xFFFFFFFF
        assert frame[47] == (0x19 if n == len(out) - 1 else 0x10)
        got += frame[54:]
    assert got == data and len(out) == max(1, -(-length // 1000))


def test_vlan_tags_are_put_in_and_taken_out(card):
    card.start_plus(cpcr=0x43)
    frame = ethernet(ME, b"x" * 100)
    card.transmit(0, frame, vlan=TAG | 0x3412)
    card.put(TPPOLL, 1, NORMAL)
    tagged = frame[:12] + b"\x81\x00\x12\x34" + frame[12:]
    assert card.out == [tagged]
    card.arrive(tagged), card.arrive(frame)
    assert card.received(0)[1:] == (TAG >> 1 | 0x3412, card.received(1)[2]) and card.received(1)[2][:-4] == frame
    assert not card.received(1)[1]


def test_the_statistics(card):
    for to in (ME, ME, BROADCAST, b"\x01" * 6):
        card.arrive(ethernet(to))
    card.transmit(0, ethernet(OTHER))
    card.put(TPPOLL, 1, NORMAL)
    card.put(0x14, 4, 0), card.put(0x10, 4, 0x90000 | 8)
    assert card.get(0x10, 4) == 0x90000
    found = struct.unpack("<QQQIHHIIQQIHH", card.peek(0x90000, 64))
    assert found == (1, 4, 0, 0, 0, 0, 0, 0, 2, 1, 1, 0, 0)


def test_a_state_in_the_middle_of_rings_goes_on(card):
    def go(one, first):
        for n in range(first, first + 4):
            one.arrive(ethernet(ME, bytes([n]) * 60))
        one.transmit(0, ethernet(OTHER, b"x" * 60), ethernet(OTHER, b"y"))
        one.put(TPPOLL, 1, NORMAL)
        return one.card.save(), one.peek(0, RAM), one.out[-2:], one.interrupt()

    go(card, 0)
    other = Ours()
    other.become(card)
    assert other.card.save() == card.card.save() and other.interrupt() == card.interrupt()
    other.out += card.out
    assert go(other, 4) == go(card, 4)


# -- drivers that mean no good


def test_a_ring_of_descriptors_without_an_end(card):
    for n in range(64):
        card.poke(TX_DESCRIPTORS + 16 * n, struct.pack("<IIII", OWN | 0xFFFF, 0, DATA, 0))
    card.put(TPPOLL, 1, NORMAL)
    assert not card.out and not any(card.peek(TX_DESCRIPTORS + 16 * n + 3, 1)[0] & 0x80 for n in range(64))


@pytest.mark.parametrize("address", [RAM - 8, RAM, 0xE0000000, 0xFFFFFFF8, 1 << 32, 1 << 63, (1 << 64) - 16])
def test_rings_and_buffers_outside_of_memory(card, address):
    low, high = address & 0xFFFFFFFF, address >> 32
    for at, value in ((RDSAR, low), (RDSAR + 4, high), (0x20, low), (0x24, high), (0x28, low), (0x2C, high)):
        card.put(at, 4, value)
    before = bytes(card.get(n, 1) for n in range(0x40))
    card.card.receive(ethernet(ME, b"x" * 1500))
    card.put(TPPOLL, 1, NORMAL | HIGH)
    assert bytes(card.get(n, 1) for n in range(0x3E)) == before[:0x3E]  # nothing came back through its own registers
    card.put(RDSAR, 4, RX_DESCRIPTORS), card.put(RDSAR + 4, 4, 0), card.put(CR, 1, 0x0C)
    card.poke(RX_DESCRIPTORS, struct.pack("<IIII", OWN | 0x600, 0, low, high))
    card.card.receive(ethernet(ME, b"x" * 1500))
    card.put(0x14, 4, high), card.put(0x10, 4, low & ~0xF | 8)


def hostile(card, chance):
    """One act of a driver, or of a network, that knows no rules."""
    act = chance.randrange(6)
    near = chance.choice((RX_DESCRIPTORS, TX_DESCRIPTORS, DATA, RAM - 20, 0xE0000000, 0xFFFFF000)) + chance.randrange(
        64
    )
    if act < 2:
        at = chance.choice((CR, CPCR, RCR, TPPOLL, 0x10, 0x14, 0x20, 0x24, 0x30, 0x38, RDSAR, RDSAR + 4, 0x40, 0x50))
        card.put(at, chance.choice((1, 2, 4)), chance.choice((near, 0x0C, 0x43, 0xFF, chance.getrandbits(32))))
    elif act == 2:
        words = (chance.getrandbits(32) | OWN, chance.getrandbits(32), near, chance.choice((0, 0, 1)))
        base = chance.choice((RX_DESCRIPTORS, TX_DESCRIPTORS))
        card.poke(base + 16 * chance.randrange(4), struct.pack("<IIII", *words))
    elif act == 3:
        card.card.receive(chance.randbytes(chance.choice((0, 1, 13, 14, 60, 1514, 4096, 9000, 65535))))
    elif act == 4:
        card.card.receive(chance.choice((ME, BROADCAST)) + chance.randbytes(chance.randrange(1600)))
    else:
        card.advance(chance.randrange(1 << 30))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_written_outside_of_memory(card, seed):
    """Twice the same, too."""
    twin, found, written = Ours(), [], []
    twin.start_plus()
    for one in (card, twin):
        chance = random.Random(seed)
        one.memory.mmio.map(0x100000, 0x1000, lambda address, size: 0x77, lambda *access: written.append(access))
        for _ in range(400):
            hostile(one, chance)
            assert len(one.out) < 100_000
        found.append((one.card.save(), one.peek(0, RAM), one.clock.save()))
        assert not written
    assert found[0] == found[1]
