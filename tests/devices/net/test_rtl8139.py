"""The RTL8139 in C mode: resets, interrupts, the receive ring, four transmit descriptors, EEPROM, timer, link."""

import pytest
from rtl8139_bench import (
    ALL, BROADCAST, CAPR, CBR, CR, FIFO, IMR, ISR, LINK, ME, MPC, OTHER, OVERFLOW, PORTS, RCR, REGISTERS, RING, ROK,
    TCR, TIMEOUT, TOK, Ours, ethernet,
)  # fmt: skip

from playhead.devices.net.ethernet import frame_check, hash_bits, padded

CR9346, HLTCLK, TIMERINT, TCTR, MSR, BMSR, BMCR = 0x50, 0x5B, 0x54, 0x48, 0x58, 0x64, 0x62
MODES = {"C": lambda card: card.start_c(), "C+": lambda card: card.start_plus()}


@pytest.fixture
def card():
    return Ours()


def ring(card, at):
    """(status, frame) of what is in the receive ring."""
    status, size = (int.from_bytes(card.peek(RING + at + n, 2), "little") for n in (0, 2))
    frame = card.peek(RING + at + 4, size)
    assert frame[-4:] == frame_check(frame[:-4])
    return status, frame[:-4]


def test_after_power_on_and_after_a_reset(card):
    assert (card.get(CR, 1), card.get(TCR, 4), card.get(0x5E, 1)) == (0x11, 0x74800000, 0x20)
    assert bytes(card.get(n, 1) for n in range(6)) == ME
    assert [card.get(0x10 + 4 * n, 4) for n in range(4)] == [0x2000] * 4
    card.start_c()
    card.put(0, 4, 0x11223344)  # IDR is not protected
    assert card.get(0, 4) == 0x11223344 and not card.get(CR9346, 1)
    card.put(CR, 1, 0x10)
    assert (card.get(CR, 1), card.get(TCR, 4), card.get(IMR, 2), card.get(RCR, 4)) == (0x01, 0x74800000, 0, ALL)
    assert bytes(card.get(n, 1) for n in range(6)) == ME
    card.card.reset()
    card.configure()
    assert (card.get(CR, 1), card.get(RCR, 4)) == (0x11, 0)


def test_tcr_is_not_taken_while_the_transmitter_is_off(card):
    card.put(TCR, 4, 0x700)
    assert card.get(TCR, 4) == 0x74800000
    card.put(CR, 1, 4)
    card.put(TCR, 4, 0xFFFFFFFF)
    assert card.get(TCR, 4) == 0x778F07F0


def test_registers_answer_in_any_width_and_through_both_ranges(card):
    card.start_c()
    card.put(0x3C, 4, 0x00050005)  # IMR, and ISR with nothing to clear
    assert card.get(IMR, 2) == 5 and card.io.read(PORTS + IMR, 4) == card.get(IMR, 4)
    card.put(0x31, 1, 0x55)
    assert card.get(0x30, 4) == RING & ~0xFF00 | 0x5500
    assert card.memory.mmio.read(REGISTERS + 0x35, 4) == card.get(0x34, 4) >> 8 | (card.get(0x38, 4) & 0xFF) << 24
    card.put(0x3F, 1, 0xFF)
    card.put(0xFE, 4, 0)  # and beyond the end


def test_configuration_registers_are_locked(card):
    card.put(0x52, 1, 0xFF), card.put(0x59, 1, 0xFF)
    assert (card.get(0x52, 1), card.get(0x59, 1)) == (0x0C, 0x01)
    card.put(CR9346, 1, 0xC0)
    for at in (0x51, 0x52, 0x59, 0x5A):
        card.put(at, 1, 0xFF)
    assert [card.get(at, 1) for at in (0x51, 0x52, 0x59, 0x5A)] == [0x07, 0xFF, 0x71, 0xF5]


def test_a_frame_in_the_ring(card):
    card.start_c(imr=ROK)
    frame = ethernet(ME, b"hello" * 50)
    card.arrive(frame)
    assert ring(card, 0) == (0x4001, frame)
    assert (card.get(ISR, 2), card.get(CBR, 2), card.get(CR, 1), card.edges) == (ROK, 272, 0x0C, [True])
    card.put(ISR, 2, ROK)
    assert card.edges == [True, False]
    card.put(CAPR, 2, 272 - 16)
    assert (card.get(CR, 1), card.get(CAPR, 2)) == (0x0D, 256)
    card.arrive(b"\xff" * 6 + b"x")
    assert ring(card, 272) == (0x2001, padded(b"\xff" * 6 + b"x"))


@pytest.mark.parametrize("wrap", [0, 0x80])
def test_the_ring_wraps(card, wrap):
    card.start_c(ALL | wrap)
    before = card.peek(RING + 8192, 64)
    frames = [ethernet(ME, bytes([n]) * 1400) for n in range(6)]
    for n, frame in enumerate(frames[:5]):
        card.arrive(frame)
        card.put(CAPR, 2, 1424 * (n + 1) - 16)
    card.arrive(frames[5])
    assert card.get(CBR, 2) == 1424 * 6 - 8192
    over = card.peek(RING + 8192, 64)
    inside = card.peek(RING + 1424 * 5 + 4, 8192 - 1424 * 5 - 4)
    rest = over if wrap else card.peek(RING, 64)
    assert (inside + rest).startswith(frames[5][: len(inside) + 64])
    assert (over != before) == bool(wrap)


def fill(card, frame):
    count = 0
    while card.card.can_receive():
        card.arrive(frame)
        count += 1
    return count


def test_frames_wait_while_the_ring_is_full(card):
    card.start_c(imr=ROK)
    frame = ethernet(ME, b"x" * 1500)
    assert (fill(card, frame), card.get(ISR, 2), card.rooms) == (5, ROK, 0)
    card.put(CAPR, 2, 1524 - 16)
    assert card.rooms == 1 and card.card.can_receive()
    card.put(CAPR, 2, 2 * 1524 - 16)
    assert card.rooms == 1  # there was room already


def test_a_driver_that_wants_it_is_told_of_a_full_ring(card):
    """Also one that has acknowledged everything with frames in the ring, and switches interrupts on then."""
    card.start_c(imr=ROK)
    frame = ethernet(ME, b"x" * 1500)
    fill(card, frame)
    card.put(ISR, 2, 0xFFFF)
    card.put(IMR, 2, ROK | OVERFLOW)
    assert card.rooms == 1 and fill(card, frame) == 1
    assert (card.get(ISR, 2), card.interrupt(), card.get(MPC, 4), card.get(CBR, 2)) == (OVERFLOW, True, 0, 1524 * 5)
    card.put(ISR, 2, 0xFFFF)
    assert not card.card.can_receive()
    other = Ours()
    other.become(card)
    for one in (card, other):
        one.put(CAPR, 2, 1524 - 16)
        assert (one.get(ISR, 2), one.get(CBR, 2), one.card.can_receive()) == (ROK, 1524 * 6 % 8192, True)
    assert other.card.save() == card.card.save()


def test_what_is_lost_is_counted(card):
    card.start_c()
    frame = ethernet(ME, b"x" * 1500)
    assert fill(card, frame) == 6
    card.card.receive(frame)  # not asked
    assert (card.get(ISR, 2), card.get(MPC, 4)) == (ROK | OVERFLOW, 1)
    card.put(MPC, 4, 123)
    assert card.get(MPC, 4) == 0
    card.put(CR, 1, 4)
    assert card.card.can_receive()  # and drops
    card.put(CR, 1, 0x0C)
    assert (card.get(CR, 1), card.get(CBR, 2)) == (0x0D, 0)


def test_what_is_accepted(card):
    inside, outside = b"\x01\0\x5e\0\0\x01", b"\x01\0\x5e\0\0\x02"
    card.start_c(0)

    def taken(rcr):
        card.put(RCR, 4, rcr)
        card.put(ISR, 2, 0xFFFF)
        found = []
        for to in (ME, BROADCAST, inside, outside, OTHER):
            before = card.get(CBR, 2)
            card.card.receive(ethernet(to, b"x" * 50))
            if card.get(CBR, 2) != before:
                found.append(to)
            card.put(CAPR, 2, card.get(CBR, 2) - 16 & 0xFFFF)
        return found

    index = hash_bits(inside, 6)
    for n in range(8):
        card.put(8 + n, 1, 1 << (index & 7) if n == index >> 3 else 0)
    assert taken(0) == []
    assert taken(2) == [ME] and taken(8) == [BROADCAST] and taken(4) == [inside]
    assert taken(1) == [ME, BROADCAST, inside, outside, OTHER]


def test_a_receiver_that_is_off_or_stopped_drops(card):
    card.start_c()
    for at, off, on in ((CR, 0x04, 0x0C), (HLTCLK, ord("H"), ord("R"))):
        card.put(at, 1, off)
        card.arrive(ethernet())
        assert not card.get(ISR, 2)
        card.put(at, 1, on)
        card.arrive(ethernet())
        assert card.get(ISR, 2) == ROK
        card.put(ISR, 2, ROK)


def test_four_descriptors_in_turn(card):
    card.start_c(imr=TOK)
    frames = [ethernet(OTHER, bytes([n]) * 50) for n in range(6)]
    for n, frame in enumerate(frames):
        card.poke(0x20000, frame)
        card.put(0x20 + 4 * (n % 4), 4, 0x20000)
        card.put(0x10 + 4 * (n % 4), 4, len(frame) | 0x80000)
    assert card.out == frames and card.get(0x14, 4) == 0x8A000 | 64
    assert (card.get(ISR, 2), card.edges, card.get(0x60, 2)) == (TOK, [True], 0xF00F)
    card.put(0x10, 4, 64)  # out of turn: it waits
    assert card.get(0x10, 4) == 64 and len(card.out) == 6
    card.put(0x18, 4, 64), card.put(0x1C, 4, 64)
    assert len(card.out) == 9


def test_no_bus_mastering_no_dma(card):
    card.start_c()
    card.card.program(4, 2, 3)
    card.put(0x20, 4, 0x20000), card.put(0x10, 4, 64)
    before = card.peek(0, 1 << 20)
    card.arrive(ethernet())
    assert not card.out and card.peek(0, 1 << 20) == before
    assert (card.get(ISR, 2), card.get(MPC, 4), card.get(CBR, 2)) == (FIFO, 1, 0)


def test_loopback(card):
    card.start_c()
    card.put(TCR, 4, 0x60000)
    frame = ethernet(ME, b"round" * 10)
    card.poke(0x20000, frame)
    card.put(0x20, 4, 0x20000), card.put(0x10, 4, len(frame))
    assert not card.out and ring(card, 0) == (0x4001, frame) and card.get(ISR, 2) == ROK | TOK


def read_eeprom(card, address):
    card.put(CR9346, 1, 0x80), card.put(CR9346, 1, 0x88)
    for n in reversed(range(11)):
        bit = 2 if (0b110 << 6 | address) >> n & 1 else 0
        card.put(CR9346, 1, 0x88 | bit), card.put(CR9346, 1, 0x8C | bit)
    card.put(CR9346, 1, 0x88)
    word = 0
    for _ in range(16):
        card.put(CR9346, 1, 0x8C)
        word = word << 1 | card.get(CR9346, 1) & 1
        card.put(CR9346, 1, 0x88)
    card.put(CR9346, 1, 0)
    return word


def test_the_eeprom_and_loading_from_it(card):
    assert [read_eeprom(card, n) for n in (0, 1, 2, 7, 8, 9)] == [0x8129, 0x10EC, 0x8139, 0x5452, 0x1200, 0x5634]
    card.put(0, 4, 0)
    card.put(CR9346, 1, 0x40)
    assert bytes(card.get(n, 1) for n in range(6)) == ME and card.get(CR9346, 1) == 0


def test_the_timer(card):
    card.start_c(imr=TIMEOUT)
    card.put(TIMERINT, 4, 1000)
    card.put(TCTR, 4, 77)
    card.advance(29_999)
    assert (card.get(TCTR, 4), card.edges) == (999, [])
    card.advance(1)
    assert (card.get(TCTR, 4), card.get(ISR, 2), card.edges) == (1000, TIMEOUT, [True])
    card.put(ISR, 2, TIMEOUT)
    card.advance((30 << 32) - 1)
    assert not card.get(ISR, 2)
    card.advance(1)  # all the way round
    assert card.get(ISR, 2) == TIMEOUT
    card.put(TIMERINT, 4, 0), card.put(ISR, 2, TIMEOUT)
    card.advance(100 << 32)
    assert not card.get(ISR, 2)


@pytest.mark.parametrize("mode", MODES)
def test_a_cable_that_is_pulled_out(card, mode):
    MODES[mode](card)
    assert card.get(BMSR, 2) & 4 and not card.get(MSR, 1) & 4
    card.card.set_link(False)
    assert (card.get(ISR, 2), card.get(BMSR, 2) & 4, card.get(MSR, 1) & 4, card.interrupt()) == (LINK, 0, 4, True)
    assert card.get(0x74, 2) == 0x0B40
    card.card.set_link(False)
    card.put(ISR, 2, 0xFFFF)
    assert card.get(0x74, 2) == 0x0340
    card.arrive(ethernet())
    card.put(0x10, 4, 64)
    assert not card.out and not card.get(ISR, 2) & ROK
    card.card.reset()
    card.configure()
    assert not card.get(BMSR, 2) & 4
    card.card.set_link(True)
    assert card.get(BMSR, 2) & 4 and card.get(ISR, 2) == LINK


def test_negotiation_is_over_at_once(card):
    card.put(BMCR, 2, 0x1200)
    assert (card.get(BMCR, 2), card.get(BMSR, 2), card.get(0x68, 2)) == (0x1000, 0x782D, 0x05E1)


def test_interrupts_can_be_kept_from_the_pin(card):
    card.start_c()
    card.arrive(ethernet())
    assert card.card.word(6) & 8
    card.card.program(4, 2, 0x407)
    assert not card.interrupt() and card.card.word(6) & 8
    card.card.program(4, 2, 7)
    assert card.edges == [True, False, True]


def test_the_state_is_small():
    """A digest hashes it each time."""
    assert len(Ours().card.save()) < 1024
