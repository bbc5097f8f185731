"""The RTL8139 beside QEMU's, through the same accesses: registers after resets and writes, and frames both ways.

What is known to differ (`Rtl8139.DIFFERS`) is left out here, each at its place.
"""

import struct

import pytest
from qemu_card import HAVE
from rtl8139_bench import (
    BROADCAST, BUFFERS, CAPR, CBR, CPCR, CR, IMR, ISR, LS, ME, MPC, OTHER, OWN, RCR, RDSAR, RING, RX_DESCRIPTORS, TCR,
    TPPOLL, TX_DESCRIPTORS, Ours, Qemu, ethernet,
)  # fmt: skip
from test_rtl8139_plus import IP_SUM, LARGE, NORMAL, TAG, TCP_SUM, UDP_SUM, ipv4, tcp

pytestmark = pytest.mark.skipif(not HAVE, reason="no qemu-system-i386")
# Registers in their own widths, but for TCTR, which counts; CpCR last, for it changes what TSD is.
WIDTHS = {
    **{at: 1 for at in (*range(16), CR, 0x50, 0x51, 0x52, 0x58, 0x59, 0x5A, 0x5B, 0x5E, 0xD8, 0xEC)},
    **{at: 2 for at in (CAPR, CBR, IMR, ISR, 0x5C, 0x60, 0x62, 0x64, 0x66, 0x68, 0x6A)},
    **{at: 4 for at in (*range(0x10, 0x30, 4), 0x30, TCR, RCR, MPC, 0x54, RDSAR, RDSAR + 4)},
    CPCR: 2,
}  # fmt: skip
READ_ONLY_HERE = (0x62, 0x64, 0x6A)  # BMCR's restart bit, BMSR, ANER
LEFT_ALONE = (CR, *READ_ONLY_HERE)
WORK = (CAPR, *range(0x10, 0x20, 4))  # what starts something


@pytest.fixture(scope="module")
def qemu(tmp_path_factory):
    card = Qemu(tmp_path_factory.mktemp("qemu"))
    yield card
    card.close()


@pytest.fixture
def pair(qemu):
    return qemu, Ours()


def same(pair, play):
    """Play it on both; returns what came of it, once."""
    theirs, ours = (play(card) for card in pair)
    assert ours == theirs
    return ours


def registers(card):
    return {hex(at): card.get(at, size) for at, size in WIDTHS.items()}


def begin(card):
    """As it is after power-on, also of what a reset does not change; no descriptors."""
    card.put(CR, 1, 0x10)
    for at, size, value in ((RCR, 4, 0), (8, 4, 0), (12, 4, 0), (MPC, 4, 0), (0x5C, 2, 0), (0xEC, 1, 0),
                            (0x50, 1, 0xC0)):  # fmt: skip
        card.put(at, size, value)
    for at in range(0x20, 0x30, 4):
        card.put(at, 4, 0)
    card.put(0x5A, 1, 0)
    card.put(0x50, 1, 0)
    card.poke(RX_DESCRIPTORS, bytes(0x3000))


@pytest.mark.parametrize("enabled", [0x00, 0x0C])
@pytest.mark.parametrize("unlock", [0x00, 0xC0])
def test_every_register_written_and_reset(pair, unlock, enabled):
    def play(card):
        begin(card)
        found = [registers(card)]
        card.put(0x50, 1, unlock), card.put(CR, 1, enabled)
        for at, size in WIDTHS.items():
            if at not in LEFT_ALONE and not (enabled and at in WORK):
                for value in (0xFFFFFFFF, 0x5A5A5A5A, 0):
                    if at != 0x50:
                        card.put(at, size, value & ((1 << 8 * size) - 1))
                        found.append(card.get(at, size))
        found.append(registers(card))
        card.put(CR, 1, 0x10)
        return [*found, registers(card)]

    found = same(pair, play)
    assert len({str(part) for part in found}) > 20


def frames_out(card):
    out = []
    while (frame := card.sent()) is not None:
        out.append(frame)
    return out


def test_transmitting_in_c_mode(pair):
    def play(card):
        begin(card), card.start_c()
        for n, size in enumerate((64, 1514, 0, 20, 60)):
            card.poke(0x20000, bytes([n]) * 1600)
            card.put(0x20 + 4 * (n % 4), 4, 0x20000), card.put(0x10 + 4 * (n % 4), 4, size | 0x100000)
        return [frames_out(card), registers(card), card.interrupt()]

    assert [len(frame) for frame in same(pair, play)[0]] == [64, 1514, 20, 60]


def test_receiving_in_c_mode(pair):
    """Not promiscuous: then the kind of address is shown here, and there is not."""

    def play(card):
        begin(card), card.start_c(0x0E)
        card.poke(RING, bytes(10000))
        card.put(8, 4, 0xFFFFFFFF)
        for n, to in enumerate((ME, BROADCAST, OTHER, b"\x01\0\x5e\0\0\x01", b"\x01\0\x5e\0\0\x02", *[ME] * 7)):
            card.arrive(ethernet(to, bytes([n]) * (60 + 200 * n)))
            card.put(CAPR, 2, card.get(CBR, 2) - 16 & 0xFFFF)
        found = [registers(card), card.interrupt(), card.peek(RING, 10000)]
        card.put(ISR, 2, 0xFFFF)
        return [*found, card.get(ISR, 2), card.interrupt()]

    same(pair, play)


def test_receiving_in_c_plus_mode(pair):
    def play(card):
        begin(card), card.start_plus(5, rcr=0x0E, cpcr=0x43)
        card.poke(BUFFERS, bytes(0x6000))
        tagged = ethernet(ME, b"t" * 100)
        tagged = tagged[:12] + b"\x81\x00\x12\x34" + tagged[12:]
        for frame in (ethernet(ME, b"x" * 1500), ethernet(BROADCAST, b"x" * 60), tagged, ethernet(ME, b"y" * 80)):
            card.arrive(frame)
        found = [card.received(0), card.received(1), card.received(2)[0:2], card.received(2)[2][:-4], card.received(3)]
        card.give(4, 80, end=True)
        card.arrive(ethernet(ME, b"z" * 80))  # too large for that one
        return [*found, card.received(4)[0], card.get(ISR, 2), card.get(MPC, 4), card.interrupt()]

    same(pair, play)


OFFLOADED = [
    (ipv4(1, b"echo"), IP_SUM), (ipv4(6, tcp(b"hello")), IP_SUM | TCP_SUM),
    (ipv4(6, tcp(b"odd"), b"\xaa" * 7), TCP_SUM),
    (ipv4(17, struct.pack(">HHHH", 53, 53, 11, 1) + b"abc"), IP_SUM | UDP_SUM), (ipv4(6, tcp(b"x")), UDP_SUM),
    (ethernet(OTHER, b"\0" * 40, 0x0806), 7 << 16), (ethernet(OTHER, b"\x45" * 10, 0x0800), 7 << 16),
    (ethernet(OTHER, b"\x45\0\xff\xff" + b"\0" * 5 + b"\x06" + b"\0" * 40, 0x0800), IP_SUM | TCP_SUM),
    (ipv4(6, tcp(bytes(range(256)) * 12, 0x10)), LARGE | 1000 << 16), (ipv4(6, tcp(b"z" * 20)), LARGE | 1000 << 16),
    (ipv4(17, bytes(2000)), LARGE | 1000 << 16), (ipv4(6, tcp(b"z" * 40)), LARGE),
]  # fmt: skip


def test_offloads(pair):
    """Flags that only a large packet's last segment keeps are left out, as QEMU's loses them; and the commands in
    descriptors that were given back, as QEMU's leaves them."""

    def play(card):
        begin(card), card.start_plus()
        n = 0
        for frame, flags in OFFLOADED:
            n = card.transmit(n, frame[:30], frame[30:], flags=flags, vlan=TAG | 0x3412 if n == 4 else 0)
        card.put(TPPOLL, 1, NORMAL)
        descriptors = [struct.unpack("<IIII", card.peek(TX_DESCRIPTORS + 16 * m, 16)) for m in range(n)]
        return [frames_out(card), [(d[0] & 0xF000FFFF, *d[1:]) for d in descriptors], card.get(ISR, 2)]

    assert len(same(pair, play)[0]) == len(OFFLOADED) + 3


def test_statistics(pair):
    def play(card):
        begin(card), card.start_plus(4, rcr=0x0E)
        for to in (ME, BROADCAST):
            card.arrive(ethernet(to, b"a" * 50))
        card.transmit(0, ethernet(OTHER, b"b" * 60))
        card.put(TPPOLL, 1, NORMAL)
        frames_out(card)
        card.put(0x14, 4, 0), card.put(0x10, 4, 0x90000 | 8)
        return card.get(0x10, 4), card.peek(0x90000, 64)

    same(pair, play)


def test_a_ring_without_an_end_goes_round(pair):
    def play(card):
        begin(card), card.start_plus(1)
        for n in range(64):
            card.poke(TX_DESCRIPTORS + 16 * n, struct.pack("<IIII", OWN | LS | 60 + n, 0, 0x80000, 0))
        card.put(TPPOLL, 1, NORMAL)
        card.poke(TX_DESCRIPTORS, struct.pack("<IIII", OWN | LS | 200, 0, 0x80000, 0))
        card.put(TPPOLL, 1, NORMAL)
        return [len(frame) for frame in frames_out(card)]

    assert same(pair, play)[-1] == 200


def test_an_interrupt_that_is_kept_from_the_pin_is_in_the_status(qemu):
    ours, seen = Ours(), []
    for card, command, status in ((qemu, qemu.command, qemu.interrupt),
                                  (ours, lambda value: ours.card.program(4, 2, value),
                                   lambda: bool(ours.card.word(6) & 8))):  # fmt: skip
        card.start_c()
        card.arrive(ethernet())
        command(0x407)
        seen.append(status())
        command(7)
    assert seen == [True, True] and ours.interrupt()
