"""A sound file of a recording holds no silence in memory, however long it is."""

import tracemalloc

import pytest

from playhead.base.sound import Piece
from playhead.host.audio.track import TrackWriter

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
RATE = 8000


class Counted:
    """A file of which only the beginnings of sound count."""

    def __init__(self):
        self.frames, self.loud = 0, []

    def write(self, frames):
        self.loud += (frames[:, 0].nonzero()[0] + self.frames).tolist()
        self.frames += len(frames)


@pytest.mark.parametrize("trim", [False, True])
def test_an_hour_of_silence_between_two_sounds_costs_no_memory(trim):
    file = Counted()
    track = TrackWriter(file, RATE, 0, trim=trim)
    track.played(0, Piece("po", SECOND, 0, RATE, b"\1\0\1\0"))
    track.finish(SECOND)  # so that numpy is there
    tracemalloc.start()
    track.played(0, Piece("po", HOUR, 0, RATE, b"\1\0\1\0"))
    track.played(0, Piece("po", 2 * HOUR, 0, RATE, b"\1\0\1\0"))
    track.finish(2 * HOUR + SECOND)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    begin = RATE if trim else 0
    assert file.loud == [RATE - begin, 3600 * RATE - begin, 7200 * RATE - begin]
    assert track.frames == file.frames == (7199 * RATE + 1 if trim else 7201 * RATE)
    assert peak < 16 << 20
