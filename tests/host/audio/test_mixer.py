"""The mixer of what a machine plays: places by virtual time, volumes, other rates, gaps."""

import random
import struct

import numpy
import pytest

from playhead.base.sound import Piece, scaled
from playhead.host.audio.mixer import BLOCK, Mixer

SECOND = 1_000_000_000


def noise(count, seed=0):
    return random.Random(seed).randbytes(4 * count)


def taken(mixer, until_ns):
    blocks = list(mixer.blocks(until_ns))
    frames = b"".join(block.frames.tobytes() for block in blocks)
    return frames, [bool(on) for block in blocks for on in block.on]


def test_a_voice_of_the_same_rate_is_there_sample_by_sample():
    mixer, data = Mixer(48_000, 0), noise(5_000)
    for first in range(0, 5_000, 240):
        mixer.add(Piece("po", SECOND, first, 48_000, data[4 * first : 4 * (first + 240)]))
    frames, on = taken(mixer, 2 * SECOND)
    assert len(frames) == 4 * 96_000
    assert frames[4 * 48_000 :][: len(data)] == data and not frames.replace(data, b"").strip(b"\0")
    assert on == [False] * 48_000 + [True] * 5_000 + [False] * 43_000


def test_it_may_be_taken_in_any_pieces_and_begins_with_the_first_voice():
    whole, parts, data = Mixer(48_000), Mixer(48_000), noise(9_000)
    got = b""
    for first in range(0, 9_000, 300):
        piece = Piece("po", 777, first, 48_000, data[4 * first : 4 * (first + 300)])
        whole.add(piece)
        parts.add(piece)
        got += taken(parts, first * SECOND // 48_000)[0]
    got += taken(parts, SECOND)[0]
    assert got == taken(whole, SECOND)[0] and got.startswith(data)


def test_voices_are_added_and_clipped():
    mixer = Mixer(48_000, 0)
    for voice, pair in (("a", (20_000, -20_000)), ("b", (20_000, 5))):
        mixer.add(Piece(voice, 0, 0, 48_000, struct.pack("<hh", *pair) * 10))
    mixer.add(Piece("c", 0, 0, 48_000, struct.pack("<hh", 0, -20_000) * 4))
    frames = numpy.frombuffer(taken(mixer, 10 * SECOND // 48_000)[0], "<i2").reshape(-1, 2)
    assert frames.tolist() == [[32_767, -32_768]] * 4 + [[32_767, -19_995]] * 6


@pytest.mark.parametrize("left, right", [(255, 255), (190, 126), (0, 255), (0, 0), (1, 254)])
def test_volumes_are_those_of_the_device(left, right):
    mixer, data = Mixer(48_000, 0), noise(1_000, 3)
    mixer.add(Piece("po", 0, 0, 48_000, data, left, right))
    assert taken(mixer, 1_000 * SECOND // 48_000)[0] == scaled(data, left, right)


@pytest.mark.parametrize("rate", [8_000, 44_100, 47_999, 96_000])
def test_another_rate_is_interpolated_without_a_seam(rate):
    """A slow wave stays that wave, however it was cut into pieces."""
    count = rate
    wave = numpy.rint(10_000 * numpy.sin(numpy.arange(count) * 2 * numpy.pi * 100 / rate)).astype("<i2")
    data = numpy.repeat(wave, 2).tobytes()
    mixer, chance, at = Mixer(48_000, 0), random.Random(rate), 0
    while at < count:
        n = min(chance.randrange(1, 500), count - at)
        mixer.add(Piece("po", 0, at, rate, data[4 * at : 4 * (at + n)]))
        at += n
    got = numpy.frombuffer(taken(mixer, SECOND)[0], "<i2").reshape(-1, 2)[:47_000, 0]
    expected = 10_000 * numpy.sin(numpy.arange(47_000) * 2 * numpy.pi * 100 / 48_000)
    assert abs(got - expected).max() < 40


def test_what_comes_too_late_is_lost_and_long_silence_is_cheap():
    mixer = Mixer(48_000, 0)
    assert sum(len(block.on) for block in mixer.blocks(10 * SECOND)) == 480_000
    mixer.add(Piece("po", 9 * SECOND, 0, 48_000, noise(100)))
    mixer.add(Piece("po", 10 * SECOND - 1_000_000, 0, 48_000, noise(100)))
    frames, on = taken(mixer, 10 * SECOND + 2_000_000)
    assert on == [True] * 52 + [False] * 44 and frames[: 4 * 52] == noise(100)[4 * 48 :]
    assert max(len(block.on) for block in mixer.blocks(20 * SECOND)) <= BLOCK
