"""-audiodev portaudio, with a PortAudio that a test moves by hand."""

import random
import sys
import types

import pytest

from playhead.base.errors import HostError, UnsupportedError
from playhead.base.sound import Piece
from playhead.host.audio.portaudio import PortAudioEnd, PortAudioOptions

MS = 1_000_000


def noise(count, seed=0):
    return random.Random(seed).randbytes(4 * count)


class Stream:
    def __init__(self, **how):
        if how["device"] == "broken":
            raise FakePortAudio.PortAudioError("Invalid device")
        self.how, self.running = how, False
        FakePortAudio.streams.append(self)

    def start(self):
        self.running = True

    def abort(self):
        self.running = False

    def close(self):
        FakePortAudio.streams.remove(self)

    def pull(self, frames):
        out = bytearray(4 * frames)
        self.how["callback"](out, frames, None, None)
        return bytes(out)

    def push(self, data):
        self.how["callback"](data, len(data) // 4, None, None)


class FakePortAudio(types.ModuleType):
    class PortAudioError(Exception):
        pass

    class RawOutputStream(Stream):
        pass

    class RawInputStream(Stream):
        pass

    streams: list[Stream] = []


@pytest.fixture(autouse=True)
def library(monkeypatch):
    FakePortAudio.streams.clear()
    monkeypatch.setitem(sys.modules, "sounddevice", FakePortAudio("sounddevice"))


def end(out=None, into=None):
    found = PortAudioEnd("s", PortAudioOptions(out, into, 48_000, 60_000))
    found.told = []
    found.message = found.told.append
    found.open()
    return found


def test_what_is_played_is_heard():
    audio, data = end(), noise(4_800)
    (stream,) = FakePortAudio.streams
    assert stream.running and stream.how["samplerate"] == 48_000 and stream.how["device"] is None
    assert stream.pull(100) == bytes(400)
    for n in range(20):
        audio.play(Piece("po", 1_000 * MS, 240 * n, 48_000, data[960 * n : 960 * n + 960]))
        audio.virtual_time((1_005 + 5 * n) * MS)
        audio.flush()
    audio.virtual_time(1_200 * MS)
    audio.flush()
    heard = b"".join(stream.pull(64) for _ in range(100))
    assert data in heard and not heard.replace(data, b"").strip(b"\0")
    audio.stop()
    assert not FakePortAudio.streams


def test_a_speaker_that_takes_nothing_costs_no_memory():
    audio = end()
    for n in range(100):
        audio.play(Piece("po", 0, 48_000 * n, 48_000, noise(48_000)))
        audio.virtual_time((1_000 * n + 1_000) * MS)
        audio.flush()
    assert len(audio._to_speaker) <= 4 * 24_000


def test_the_microphone_is_opened_when_it_is_wanted():
    audio, data = end("3", "mic"), noise(1_000, 1)
    assert [stream.how["device"] for stream in FakePortAudio.streams] == [3]
    assert audio.take(100, 44_100) == b""
    stream = FakePortAudio.streams[1]
    assert isinstance(stream, FakePortAudio.RawInputStream) and stream.how["samplerate"] == 44_100
    stream.push(data)
    assert audio.take(600, 44_100) + audio.take(600, 44_100) == data


def test_nothing_is_opened_that_is_not_wanted():
    audio = end("none", "none")
    audio.play(Piece("po", 0, 0, 48_000, noise(10)))
    audio.virtual_time(MS)
    audio.flush()
    assert audio.take(100, 48_000) == b"" and not FakePortAudio.streams


def test_devices_that_do_not_work():
    with pytest.raises(HostError, match="audiodev s: cannot play by device 'broken': Invalid device"):
        end("broken")
    audio = end("none", "broken")
    assert audio.take(10, 48_000) == b"" == audio.take(10, 48_000)
    assert audio.told == ["audiodev s: cannot capture by device 'broken': Invalid device; the guest captures silence"]


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'playhead\[sound\]'"):
        end()
