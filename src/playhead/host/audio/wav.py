"""`-audiodev wav`: what the guest plays goes into a WAV file, and what it captures comes out of one.

The file has what is heard while a voice is on, as QEMU's: it begins with the first frame that is played, and the time
in which nothing plays is not in it. A guest that captures more than its file has hears silence.
"""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from playhead.base.errors import HostError
from playhead.host.audio.end import AudioEnd
from playhead.host.audio.mixer import LATE_NS, Mixer
from playhead.host.audio.wav_file import WavReader, WavWriter
from playhead.base.sound import Piece

OFTEN_NS = 100_000_000  # of virtual time between two writes


class WavOptions(NamedTuple):
    """Either path may be missing."""

    path: str | None
    in_path: str | None
    rate: int
    channels: int
    format: str


class Sounding:
    """Mixes and writes the frames of voices that are on: a listener's work, wherever its pieces come from."""

    def __init__(self, writer: WavWriter, rate: int):
        self._writer, self._rate = writer, rate
        self._mixer: Mixer | None = None

    def add(self, piece: Piece) -> None:
        if self._mixer is None:
            self._mixer = Mixer(self._rate)
        self._mixer.add(piece)

    def begin_again(self) -> None:
        """Virtual time is another: the next piece follows what has been written."""
        self._mixer = None

    def write(self, until_ns: int) -> None:
        """What is before this virtual time. Raises OSError."""
        if self._mixer is not None:
            for block in self._mixer.blocks(until_ns):
                if block.on.any():
                    self._writer.write(block.frames[block.on])
            self._writer.settle()


class WavEnd(AudioEnd):
    def __init__(self, label: str, options: WavOptions):
        super().__init__(label)
        self._options = options
        self._file: BinaryIO | None = None
        self._reader: WavReader | None = None
        self._sounding: Sounding | None = None
        self._now_ns = self._written_ns = 0

    def open(self) -> None:
        o = self._options
        for path in (o.in_path, o.path):
            if path is not None and Path(path).is_fifo():
                raise HostError(f"{path} is a pipe: a WAV file begins with its length, which is known at its end")
        if o.in_path is not None:
            self._reader = WavReader(o.in_path)
        if o.path is not None:
            try:
                self._file = open(o.path, "wb")
                writer = WavWriter(self._file, o.rate, o.channels, o.format)
                writer.settle()
            except (OSError, ValueError) as e:
                raise HostError(f"cannot write {o.path}: {getattr(e, 'strerror', None) or e}") from None
            self._sounding = Sounding(writer, o.rate)

    def play(self, piece: Piece) -> None:
        if self._sounding is not None:
            self._sounding.add(piece)

    def take(self, frames: int, rate: int) -> bytes:
        if self._reader is not None:
            try:
                return self._reader.take(frames, rate)
            except OSError as e:
                self.message(f"cannot read {self._options.in_path}: {e.strerror}; the guest captures silence")
                self._reader.close()
                self._reader = None
        return b""

    def virtual_time(self, ns: int) -> None:
        if ns < self._now_ns and self._sounding is not None:
            self._write_rest()
            self._written_ns = ns
            if self._sounding is not None:
                self._sounding.begin_again()
        self._now_ns = ns

    def flush(self) -> None:
        if self._now_ns - self._written_ns >= OFTEN_NS:
            self._written_ns = self._now_ns
            self._try(lambda sounding: sounding.write(self._now_ns - LATE_NS))

    def _try(self, write: Callable[[Sounding], None]) -> None:
        if self._sounding is not None:
            try:
                write(self._sounding)
            except OSError as e:
                self.broken, self._sounding = f"cannot write {self._options.path}: {e.strerror}", None

    def _write_rest(self) -> None:
        self._try(lambda sounding: sounding.write(self._now_ns + LATE_NS))

    def close(self) -> None:
        self._write_rest()
        if self._file is not None:
            try:
                self._file.close()
            except OSError as e:
                self.broken = f"cannot write {self._options.path}: {e.strerror}"
        if self._reader is not None:
            self._reader.close()
        self._file = self._reader = self._sounding = None
