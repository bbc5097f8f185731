"""Sound files of a recording: all that is heard in one stretch of virtual time, silence included."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from playhead.base.errors import UnsupportedError
from playhead.base.sound import Piece
from playhead.host.audio.mixer import BLOCK, LATE_NS, Mixer
from playhead.host.audio.wav_file import WavWriter

if TYPE_CHECKING:
    from playhead.host.audio.mixer import Block, Frames

SECOND = 1_000_000_000


class SoundFile(Protocol):
    def write(self, frames: "Frames") -> None:
        """Frames of two channels, int16."""
        ...


class TrackWriter:
    """One of a session's `sounds`. `audio`: which audiodev it hears, or None. `trim`: it begins with the first frame of
    a voice, and ends with the last one.
    """

    def __init__(self, file: SoundFile, rate: int, begin_ns: int, audio: int | None = None, *, trim: bool = False):
        self._file, self._rate, self._audio, self._trim = file, rate, audio, trim
        self._mixer: Mixer | None = None
        self._begin_ns = self._written_ns = begin_ns
        self._silent = 0  # frames of silence that are written if sound follows them
        self.frames = self._on = 0

    @property
    def sounding(self) -> float:
        """Seconds in which a voice was on."""
        return self._on / self._rate

    def played(self, audio: int, piece: Piece) -> None:
        if self._audio not in (None, audio):
            return
        if self._mixer is None:
            self._mixer = Mixer(self._rate, self._begin_ns)
        here_ns = piece.since_ns + piece.first * SECOND // piece.rate
        if here_ns - self._written_ns > SECOND:  # first, so that the mixer never holds a long silence
            self._write(here_ns - LATE_NS)
        self._mixer.add(piece)

    def _write(self, until_ns: int) -> None:
        assert self._mixer is not None
        self._written_ns = until_ns
        for block in self._mixer.blocks(until_ns):
            self._on += int(block.on.sum())
            self._keep(block)

    def _keep(self, block: "Block") -> None:
        frames, on = block
        if self._trim:
            where = on.nonzero()[0]
            if not len(where):
                if self.frames:
                    self._silent += len(frames)
                return
            first, last = 0 if self.frames else where[0], where[-1] + 1
            self._put_silence()
            self._silent = len(frames) - last
            frames = frames[first:last]
        self._put(frames)

    def _put_silence(self) -> None:
        import numpy

        while self._silent:
            count = min(self._silent, BLOCK)
            self._put(numpy.zeros((count, 2), "<i2"))
            self._silent -= count

    def _put(self, frames: "Frames") -> None:
        self._file.write(frames)
        self.frames += len(frames)

    def finish(self, end_ns: int) -> None:
        if self._mixer is None:
            self._mixer = Mixer(self._rate, self._begin_ns)
        self._write(end_ns)


def needs_soundfile() -> Any:
    """The library that writes FLAC. Raises UnsupportedError."""
    try:
        import soundfile
    except (ImportError, OSError):  # the library behind it may be missing
        raise UnsupportedError("FLAC needs the Python package soundfile: pip install 'playhead[sound]'; a name that "
                               "ends in .wav needs nothing") from None  # fmt: skip
    return soundfile


@contextmanager
def opened(path: str, format: str, rate: int) -> Iterator[SoundFile]:
    if format == "flac":
        with needs_soundfile().SoundFile(path, "w", rate, 2, "PCM_16", format="FLAC") as flac:
            yield flac
        return
    with open(path, "wb") as file:
        writer = WavWriter(file, rate)
        yield writer
        writer.settle()
