"""The AC97: where its engines are as a function of virtual time, what they read and write, and when they interrupt."""

import random
import struct

import pytest
from ac97_bench import (
    BCIS, BDBAR, CAS, CELV, CIV, CR, DATA, DCH, GLOB_CNT, GLOB_STA, IOCE, LVBCI, LVI, MC, NAM, PI, PICB, PIV, PO,
    RAM, RESET, RUN, SECOND, SR, Ac97Bench, frames,
)  # fmt: skip

MS = 1_000_000


@pytest.fixture
def bench():
    found = Ac97Bench()
    found.loud()
    return found


def state(bench, engine):
    return [bench.read(engine + register, size)
            for register, size in ((CIV, 1), (LVI, 1), (SR, 2), (PICB, 2), (PIV, 1), (CR, 1))]  # fmt: skip


def test_plays_what_is_in_memory_at_the_pace_of_virtual_time(bench):
    sound = frames(4 * 480)
    bench.memory.write(DATA, sound)
    bench.buffers(960)  # 10 ms each
    bench.start(PO, 3)
    assert state(bench, PO) == [0, 3, 0, 960, 1, RUN | 4 | IOCE]
    bench.advance(5 * MS)
    assert state(bench, PO)[:5] == [0, 3, 0, 480, 1]
    bench.advance(5 * MS)
    assert state(bench, PO)[:5] == [1, 3, BCIS, 960, 2]
    assert bench.read(GLOB_STA, 4) == 0x140 and bench.line.level
    bench.advance(100 * MS)
    assert state(bench, PO)[:5] == [3, 3, BCIS | LVBCI | CELV | DCH, 0, 4]
    assert bench.played() == sound
    assert {(piece.since_ns, piece.rate) for piece in bench.pieces} == {(0, 48_000)}
    assert [piece.first for piece in bench.pieces][:3] == [0, 240, 480]


@pytest.mark.parametrize("rate", [48_000, 44_100, 8_000, 11_025, 47_999])
def test_the_position_is_smooth(bench, rate):
    """PICB is what rate and time say, whenever it is read."""
    bench.mixer(0x2C, rate)
    bench.buffers(65_534)
    bench.start(PO, 31)
    chance = random.Random(rate)
    while bench.time_ns < SECOND // 2:
        bench.advance(chance.randrange(3 * MS))
        assert bench.read(PO + PICB, 2) == 65_534 - 2 * (bench.time_ns * rate // SECOND)


def test_a_read_is_a_function_of_time_only(bench):
    """However often it is looked at, the same is seen, and the same is played."""
    other = Ac97Bench()
    other.loud()
    for one in (bench, other):
        one.memory.write(DATA, frames(9_000))
        one.buffers(1_000, 2, 501, 3_000)
        one.start(PO, 9)
    for _ in range(2_000):
        other.advance(61_111)
        other.read(PO + PICB, 2)
    bench.advance(2_000 * 61_111)
    assert state(bench, PO) == state(other, PO) and bench.played() == other.played()
    assert bench.card.state.streams[1].moved == other.card.state.streams[1].moved


def test_a_run_goes_on_behind_the_last_buffer(bench):
    bench.buffers(960)
    bench.start(PO, 0)
    bench.advance(30 * MS)
    assert state(bench, PO)[:3] == [0, 0, BCIS | LVBCI | CELV | DCH]
    bench.write(PO + SR, 2, 0x1C)
    assert not bench.line.level and bench.read(GLOB_STA, 4) == 0x100
    bench.write(PO + LVI, 1, 2)
    assert state(bench, PO)[:5] == [1, 2, 0, 960, 2]
    bench.advance(3 * MS)
    assert bench.read(PO + PICB, 2) == 960 - 2 * 144
    assert bench.pieces[-1].since_ns == 30 * MS


def test_a_pause_keeps_the_place(bench):
    bench.memory.write(DATA, frames(2_000))
    bench.buffers(1_000)
    bench.start(PO, 3)
    bench.advance(4 * MS)
    bench.write(PO + CR, 1, 0)
    here = state(bench, PO)
    assert here[2:4] == [DCH, 1_000 - 2 * 192]
    bench.advance(SECOND)
    assert state(bench, PO) == here
    bench.write(PO + CR, 1, RUN)
    bench.advance(20 * MS)
    bench.read(PO + PICB, 2)
    assert bench.played() == frames(192 + 960)


def test_the_registers_reset(bench):
    bench.buffers(960)
    bench.start(PO, 3)
    bench.advance(15 * MS)
    bench.write(PO + CR, 1, RESET)
    assert state(bench, PO) == [0, 0, DCH, 0, 0, 4 | IOCE] and bench.read(PO + BDBAR, 4) == 0
    assert not bench.line.level and bench.clock.next_deadline_ns() > SECOND


def test_one_interrupt_goes_the_other_stays(bench):
    bench.buffers(960)
    bench.start(PO, 31)
    bench.start(PI, 31)
    bench.advance(10 * MS)
    assert bench.read(GLOB_STA, 4) == 0x160 and bench.line.level
    bench.write(PO + SR, 2, BCIS)
    assert bench.read(GLOB_STA, 4) == 0x120 and bench.line.level
    bench.write(PI + SR, 1, BCIS)
    assert bench.read(GLOB_STA, 4) == 0x100 and not bench.line.level


def test_volumes_are_told_with_what_they_are_of(bench):
    bench.buffers(48_000)
    bench.start(PO, 31)
    bench.advance(3 * MS)
    bench.mixer(0x18, 0x0808)
    bench.advance(3 * MS)
    bench.mixer(0x02, 0x8000)
    bench.advance(3 * MS)
    bench.read(PO + PICB, 2)
    told = {}
    for piece in bench.pieces:
        told[piece.left, piece.right] = told.get((piece.left, piece.right), 0) + len(piece.data) // 4
    assert told == {(255, 255): 144, (190, 190): 144, (0, 0): 144}


def test_captures_into_memory_as_far_as_the_position_says(bench):
    bench.buffers(960)
    bench.start(PI, 3)
    bench.advance(7_654_321)
    left = bench.read(PI + PICB, 2)
    count = (960 - left) // 2
    assert count == 7_654_321 * 48 // MS == bench.asked
    expected = b"".join(struct.pack("<hh", n, -n) for n in range(count))
    assert bench.memory.read(DATA, 4 * count + 4) == expected + bytes(4)


def test_the_record_gain_is_applied(bench):
    bench.mixer(0x1C, 0x8F0F)  # muted
    bench.memory.write(DATA, b"\x55" * 4_000)
    bench.buffers(960)
    bench.start(PI, 0)
    bench.advance(20 * MS)
    assert bench.memory.read(DATA, 1_921) == bytes(1_920) + b"\x55" and bench.asked == 480


def test_the_microphone_has_one_channel(bench):
    bench.buffers(480)
    bench.start(MC, 0)
    bench.advance(5 * MS)
    assert bench.read(MC + PICB, 2) == 240
    assert bench.memory.read(DATA, 6) == struct.pack("<hhh", 0, 1, 2)


def test_codec_access_semaphore(bench):
    assert [bench.read(CAS, 1), bench.read(CAS, 1)] == [0, 1]
    bench.io.read(NAM + 2, 2)
    assert bench.read(CAS, 1) == 0


@pytest.mark.parametrize("lengths", [(0,), (0, 0, 960), (1,), (3, 5), (65_535,)])
def test_strange_buffers(bench, lengths):
    """Empty ones last 10 ms, half a frame takes a whole one's time; either way the ring ends."""
    bench.buffers(*lengths)
    bench.start(PO, 31)
    bench.advance(60 * SECOND)
    assert state(bench, PO)[:3] == [31, 31, BCIS | LVBCI | CELV | DCH]
    duration = sum(-(-lengths[n % len(lengths)] // 2) or 480 for n in range(32))
    frames_played = sum(len(piece.data) // 4 for piece in bench.pieces)
    assert frames_played == sum(-(-lengths[n % len(lengths)] // 2) for n in range(32)) <= duration


def test_buffers_that_lead_nowhere(bench):
    """What is not memory reads as ones, and is not written; no other device's registers are touched."""
    touched = []
    bench.memory.mmio.map(0xFEE00000, 0x1000, lambda a, n: touched.append(a) or 0, lambda a, n, v: touched.append(a))
    for engine in (PO, PI):
        bench.buffers(960, at=0xFEE00000)
        bench.start(engine, 3)
        bench.advance(50 * MS)
        bench.buffers(960, at=RAM - 100)
        bench.write(engine + LVI, 1, 9)
        bench.advance(50 * MS)
        bench.write(engine + BDBAR, 4, 0xFFFFFFF8)
        bench.write(engine + LVI, 1, 12)
        bench.advance(900 * MS)
    assert touched == [] and bench.played()[:4] == b"\xff" * 4


def test_a_rate_of_nothing_moves_nothing(bench):
    bench.mixer(0x2C, 0)
    bench.buffers(960)
    bench.start(PO, 31)
    bench.advance(SECOND)
    assert bench.read(PO + PICB, 2) == 960 and not bench.pieces
    bench.mixer(0x2C, 48_000)
    bench.advance(MS)
    assert bench.read(PO + PICB, 2) == 960 - 96


def test_a_rate_that_changes(bench):
    bench.buffers(48_000)
    bench.start(PO, 31)
    bench.advance(100 * MS)
    bench.mixer(0x2C, 8_000)
    bench.advance(100 * MS)
    assert bench.read(PO + PICB, 2) == 48_000 - 2 * (4_800 + 800)


def test_another_one_goes_on_where_a_saved_one_was(bench):
    bench.memory.write(DATA, frames(9_000))
    bench.buffers(1_000, 600)
    bench.start(PO, 9)
    bench.start(PI, 31)
    bench.advance(13_456_789)
    other = Ac97Bench()
    other.become(bench)
    bench.pieces.clear()
    for one in (bench, other):
        one.advance(40 * MS)
    assert bench.pieces == other.pieces and state(bench, PI) == state(other, PI)
    assert bench.card.save() == other.card.save() and bench.memory.area[:RAM] == other.memory.area[:RAM]


def test_the_card_is_reset(bench):
    fresh = Ac97Bench()
    bench.buffers(960)
    bench.start(PO, 31)
    bench.write(GLOB_CNT, 4, 0x39)
    bench.advance(15 * MS)
    bench.card.reset()
    fresh.card.reset()
    assert bench.card.save() == fresh.card.save() and not bench.line.level
    assert bench.clock.next_deadline_ns() > SECOND
