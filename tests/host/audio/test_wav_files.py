"""WAV files: what is written can be read at any time; what is captured from, at any rate; and -audiodev wav."""

import io
import os
import random
import struct
import wave

import numpy
import pytest

from playhead.base.errors import HostError, UsageError
from playhead.base.sound import Piece
from playhead.host.audio.wav import WavEnd, WavOptions
from playhead.host.audio.wav_file import WavReader, WavWriter

SECOND = 1_000_000_000


def noise(count, seed=0):
    return random.Random(seed).randbytes(4 * count)


def made(path, data, rate=48_000, channels=2, width=2):
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data)
    return str(path)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("format, width", [("u8", 1), ("s16", 2), ("s32", 4)])
def test_a_file_is_complete_whenever_it_is_settled(channels, format, width):
    file = io.BytesIO()
    writer = WavWriter(file, 44_100, channels, format)
    frames = numpy.array([[256, 512], [-256, -256], [32_767, 32_767]], "<i2")
    for n in range(3):
        writer.write(frames)
        writer.settle()
        with wave.open(io.BytesIO(file.getvalue())) as read:
            assert read.getparams()[:4] == (channels, width, 44_100, 3 * n + 3)
            data = read.readframes(3)
    first = int.from_bytes(data[:width], "little", signed=width > 1)
    plain = 384 if channels == 1 else 256
    assert first == {1: (plain >> 8) + 128, 2: plain, 4: plain << 16}[width]


def test_a_file_is_captured_from_frame_by_frame(tmp_path):
    data = noise(1_000)
    reader = WavReader(made(tmp_path / "a.wav", data))
    chance, got = random.Random(1), b""
    while len(got) < 4 * 1_000:
        got += reader.take(chance.randrange(1, 77), 48_000)
    assert got == data and reader.take(5, 48_000) == b""


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_file_that_is_cut_off_within_a_frame(tmp_path, missing):
    data, path = noise(10), tmp_path / "cut.wav"
    made(path, data)
    path.write_bytes(path.read_bytes()[:-missing])
    assert WavReader(str(path)).take(20, 48_000) == data[:-4]
    assert len(WavReader(str(path)).take(20, 24_000)) == 4 * 5


def test_other_shapes_are_heard_on_both_channels(tmp_path):
    reader = WavReader(made(tmp_path / "mono.wav", struct.pack("<3h", 1, -2, 3), channels=1))
    assert reader.take(4, 48_000) == struct.pack("<6h", 1, 1, -2, -2, 3, 3)
    reader = WavReader(made(tmp_path / "bytes.wav", bytes([128, 0, 255, 129]), width=1))
    assert reader.take(2, 48_000) == struct.pack("<4h", 0, -32_768, 127 << 8, 256)


def test_another_rate_is_interpolated(tmp_path):
    wave_100 = numpy.rint(9_000 * numpy.sin(numpy.arange(8_000) * 2 * numpy.pi * 100 / 8_000)).astype("<i2")
    reader = WavReader(made(tmp_path / "slow.wav", numpy.repeat(wave_100, 2).tobytes(), rate=8_000))
    chance, got = random.Random(2), b""
    while piece := reader.take(chance.randrange(1, 700), 48_000):
        got += piece
    heard = numpy.frombuffer(got, "<i2").reshape(-1, 2)[:, 1]
    assert 47_990 <= len(heard) <= 48_000
    assert abs(heard - 9_000 * numpy.sin(numpy.arange(len(heard)) * 2 * numpy.pi * 100 / 48_000)).max() < 60


@pytest.mark.parametrize(
    "content, error, words",
    [
        (None, HostError, "no such file"),
        (b"", UsageError, "is no WAV file"),
        (b"RIFF\0\0\0\0WAVE", UsageError, "is no WAV file"),
        (noise(100), UsageError, "is no WAV file"),
        ((4, 2), UsageError, "has 4 channels of 16 bits"),
        ((2, 3), UsageError, "has 2 channels of 24 bits"),
    ],
)
def test_what_cannot_be_captured_from(tmp_path, content, error, words):
    path = tmp_path / "x.wav"
    if isinstance(content, tuple):
        made(path, bytes(240), channels=content[0], width=content[1])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(error, match=words):
        WavReader(str(path))


def test_a_wav_audiodev_has_what_sounds_and_no_gaps(tmp_path):
    end = WavEnd("s", WavOptions(str(tmp_path / "o.wav"), None, 48_000, 2, "s16"))
    end.open()
    data = noise(4_800)
    for since, part in ((SECOND, data[:9_600]), (60 * SECOND, data[9_600:])):
        end.play(Piece("po", since, 0, 48_000, part))
        end.virtual_time(since + SECOND)
        end.flush()
    with wave.open(str(tmp_path / "o.wav")) as file:  # it is complete although nobody has closed it
        assert file.readframes(9_999) == data
    end.close()
    with wave.open(str(tmp_path / "o.wav")) as file:
        assert file.readframes(9_999) == data
    assert end.take(10, 48_000) == b""


def test_loadvm_puts_virtual_time_back_and_what_is_played_then_follows(tmp_path):
    end = WavEnd("s", WavOptions(str(tmp_path / "o.wav"), None, 48_000, 2, "s16"))
    end.open()
    data = noise(4_800)
    for now, part in ((60 * SECOND, data[:9_600]), (2 * SECOND, data[9_600:])):
        end.virtual_time(now)
        end.play(Piece("po", now, 0, 48_000, part))
    end.virtual_time(3 * SECOND)
    end.flush()
    assert WavReader(str(tmp_path / "o.wav")).take(9_999, 48_000) == data
    end.close()


def test_a_path_that_cannot_be_written(tmp_path):
    end = WavEnd("s", WavOptions(str(tmp_path / "no" / "o.wav"), None, 48_000, 2, "s16"))
    with pytest.raises(HostError, match=r"cannot write .*o\.wav: No such file"):
        end.open()
    end.close()


def test_a_disk_that_is_full(tmp_path):
    end = WavEnd("s", WavOptions("/dev/full", None, 48_000, 2, "s16"))
    with pytest.raises(HostError, match="cannot write /dev/full: No space left"):
        end.open()
    end.close()


def test_a_disk_that_becomes_full(tmp_path):
    end = WavEnd("s", WavOptions(str(tmp_path / "o.wav"), None, 48_000, 2, "s16"))
    end.open()
    end._file.close()  # (type: ignore) a write fails from here on
    end._sounding._writer._file = open("/dev/full", "wb", buffering=0)
    end.play(Piece("po", 0, 0, 48_000, noise(10_000)))
    end.virtual_time(5 * SECOND)
    end.flush()
    assert f"cannot write {tmp_path}/o.wav: No space left" in end.broken
    end.play(Piece("po", 0, 0, 48_000, noise(10_000)))
    end.close()


@pytest.mark.parametrize("which", ["path", "in_path"])
def test_a_pipe_is_refused_before_anybody_waits_for_its_other_end(tmp_path, which):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(HostError, match=r"pipe is a pipe: a WAV file begins with its length"):
        WavEnd("s", WavOptions(None, None, 48_000, 2, "s16")._replace(**{which: str(pipe)})).open()
