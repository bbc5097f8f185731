"""WAV files: written as they grow, with a header that is right whenever somebody looks; and read, for capturing.

Source: IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (RIFF, WAVE).
"""

import struct
import wave
from typing import TYPE_CHECKING, Any, BinaryIO

from playhead.base.errors import HostError, UsageError
from playhead.base.sound import FRAME

if TYPE_CHECKING:
    from playhead.host.audio.mixer import Frames

HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
LONGEST = 0xFFFFFFFF
WIDTHS = {"u8": 1, "s16": 2, "s32": 4}  # bytes of a sample, by QEMU's words
MAGIC = b"RIFF"


class WavWriter:
    """Writes frames (int16, two channels) into an open file, which it does not close."""

    def __init__(self, file: BinaryIO, rate: int, channels: int = 2, format: str = "s16"):
        self._file, self._rate, self._channels, self._format = file, rate, channels, format
        self._width = WIDTHS[format] * channels
        self.frames = 0
        self._begin = file.tell() if file.seekable() else None
        file.write(self._header(0 if self._begin is not None else LONGEST - HEADER.size))

    def _header(self, size: int) -> bytes:
        size = min(size, LONGEST - HEADER.size)
        return HEADER.pack(MAGIC, size + HEADER.size - 8, b"WAVE", b"fmt ", 16, 1, self._channels, self._rate,
                           self._rate * self._width, self._width, 8 * WIDTHS[self._format], b"data", size)  # fmt: skip

    def write(self, frames: "Frames") -> None:
        """Raises OSError."""
        self._file.write(self._encoded(frames))
        self.frames += len(frames)

    def _encoded(self, frames: "Frames") -> bytes:
        if self._channels == 1:
            frames = (frames.astype("i4").sum(axis=1) >> 1).astype("<i2")
        if self._format == "u8":
            frames = ((frames.astype("i4") >> 8) + 128).astype("u1")
        elif self._format == "s32":
            frames = frames.astype("<i4") << 16
        return bytes(frames.tobytes())

    def settle(self) -> None:
        """Let the header say what there is."""
        if self._begin is not None:
            end = self._file.tell()
            self._file.seek(self._begin)
            self._file.write(self._header(self.frames * self._width))
            self._file.seek(end)
        self._file.flush()


class WavReader:
    """Frames out of a WAV file, from its beginning to its end, at any rate; a file of one channel is heard on both."""

    def __init__(self, path: str):
        """Raises HostError or UsageError."""
        try:
            self._file = wave.open(path, "rb")
        except FileNotFoundError:
            raise HostError(f"cannot read {path}: no such file") from None
        except OSError as e:
            raise HostError(f"cannot read {path}: {e.strerror}") from None
        except (wave.Error, EOFError) as e:
            raise UsageError(f"{path} is no WAV file with plain samples (PCM): {e or 'it is too short'}") from None
        self._channels, self._width = self._file.getnchannels(), self._file.getsampwidth()
        self.rate = self._file.getframerate()
        if self._channels > 2 or self._width not in (1, 2) or not self.rate:
            self._file.close()
            what = f"{self._channels} channels of {8 * self._width} bits at {self.rate} Hz"
            raise UsageError(f"{path} has {what}: what can be captured has 1 or 2 channels of 8 or 16 bits")
        self._at, self._from = 0, 0  # frames given at `_to` a second since frame `_from` of the file
        self._to = self.rate
        self._next: tuple[int, Any] = 0, b""  # frames that have been read: the first one's number, and they

    def take(self, frames: int, rate: int) -> bytes:
        """The next ones, as `base.sound` has them; fewer at the end."""
        if rate != self._to:  # goes on where it is
            self._from, self._at, self._to = self._from + self._at * self.rate // self._to, 0, rate
        if rate == self.rate:
            first, self._at = self._from + self._at, self._at + frames
            return self._read(first, frames)
        places = [self._from + at * self.rate / rate for at in range(self._at, self._at + frames)]
        self._at += frames
        return self._between(places)

    def _between(self, places: list[float]) -> bytes:
        """Interpolated."""
        import numpy

        first = int(places[0])
        data = numpy.frombuffer(self._read(first, int(places[-1]) - first + 2), "<i2").reshape(-1, 2)
        at = numpy.array(places) - first
        at = at[at <= len(data) - 1]
        if not len(at):
            return b""
        here = at.astype("i8")
        share = (at - here)[:, None]
        there = data[numpy.minimum(here + 1, len(data) - 1)]
        return bytes(numpy.rint(data[here] * (1 - share) + there * share).astype("<i2").tobytes())

    def _read(self, first: int, count: int) -> bytes:
        """Frames from this one on. What is asked for never lies before what was asked for last."""
        start, data = self._next
        if first > start:
            data, start = data[(first - start) * FRAME :], first
        if (missing := count - len(data) // FRAME) > 0:
            data += self._stereo(self._whole_frames(missing))
        self._next = start, data
        return bytes(data[: count * FRAME])

    def _whole_frames(self, count: int) -> bytes:
        """As the file has them; one that has been cut off may end within a frame."""
        data, size = self._file.readframes(count), self._channels * self._width
        return data[: len(data) // size * size]

    def _stereo(self, data: bytes) -> bytes:
        import numpy

        plain = numpy.frombuffer(data, "<i2" if self._width == 2 else "u1")
        if self._width == 1:
            plain = ((plain.astype("i4") - 128) << 8).astype("<i2")
        if self._channels == 1:
            plain = numpy.repeat(plain, 2)
        return bytes(plain.astype("<i2").tobytes())

    def close(self) -> None:
        self._file.close()
