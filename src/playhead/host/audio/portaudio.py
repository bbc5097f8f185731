"""`-audiodev portaudio`: this host's speakers and microphone, by PortAudio (the Python package sounddevice).

PortAudio's threads take what has been mixed, and give what the microphone hears; queues are in between. What comes too
late is not heard: a machine that is slower than real time has gaps, and one that is ahead loses what the speaker cannot
take. Nothing of this reaches the guest. The microphone is opened when the guest captures first.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from playhead.base.errors import HostError, UnsupportedError
from playhead.base.sound import FRAME, Piece
from playhead.host.audio.end import AudioEnd
from playhead.host.audio.mixer import LATE_NS, Mixer

NONE = "none"
OFTEN_NS = 10_000_000  # of virtual time between two looks at what is to be heard
LONGEST_S = 0.5  # of what waits for the speaker, or for the guest


class PortAudioOptions(NamedTuple):
    """Devices by name or number; None: PortAudio's default; `NONE`: nothing."""

    out_device: str | None
    in_device: str | None
    rate: int
    buffer_us: int


class Frames:
    """Bytes between two threads; the oldest are lost where there are too many."""

    def __init__(self, most: int):
        self._most, self._data, self._lock = most, bytearray(), threading.Lock()

    def put(self, data: bytes) -> None:
        with self._lock:
            self._data += data
            del self._data[: max(len(self._data) - self._most, 0) // FRAME * FRAME]

    def get(self, count: int) -> bytes:
        with self._lock:
            data = bytes(self._data[:count])
            del self._data[:count]
            return data

    def __len__(self) -> int:
        return len(self._data)


class PortAudioEnd(AudioEnd):
    def __init__(self, label: str, options: PortAudioOptions):
        super().__init__(label)
        self._options = options
        self._library = _library()
        self._mixer: Mixer | None = None
        self._to_speaker = Frames(self._bytes(LONGEST_S, options.rate))
        self._heard: Frames | None = None  # by the microphone
        self._streams: list[Any] = []
        self._in_rate = 0
        self._silent = options.in_device == NONE
        self._now_ns = self._mixed_ns = 0

    @staticmethod
    def _bytes(seconds: float, rate: int) -> int:
        return int(seconds * rate) * FRAME

    def open(self) -> None:
        o = self._options
        if o.out_device != NONE:
            self._start(self._library.RawOutputStream, o.out_device, o.rate, self._speak, "play")

    def _start(self, kind: Any, device: str | None, rate: int, callback: Callable[..., None], what: str) -> None:
        """Raises HostError."""
        try:
            stream = kind(samplerate=rate, channels=2, dtype="int16", device=_device(device), callback=callback,
                          latency=self._options.buffer_us / 1e6)  # fmt: skip
            self._streams.append(stream)
            stream.start()
        except (self._library.PortAudioError, ValueError) as e:
            where = "this host's default device" if device is None else f"device '{device}'"
            raise HostError(f"audiodev {self.label}: cannot {what} by {where}: {e}") from None

    # on PortAudio's threads

    def _speak(self, out: Any, frames: int, time: Any, status: Any) -> None:
        wanted = frames * FRAME
        out[:] = self._to_speaker.get(wanted).ljust(wanted, b"\0")

    def _listen(self, data: Any, frames: int, time: Any, status: Any) -> None:
        assert self._heard is not None
        self._heard.put(bytes(data))

    # the session's

    def play(self, piece: Piece) -> None:
        if self._options.out_device == NONE:
            return
        if self._mixer is None:
            self._mixer = Mixer(self._options.rate)
        self._mixer.add(piece)

    def take(self, frames: int, rate: int) -> bytes:
        if not self._silent and rate != self._in_rate:
            self._open_microphone(rate)
        return self._heard.get(frames * FRAME) if self._heard is not None else b""

    def _open_microphone(self, rate: int) -> None:
        """Inside a run: what does not work is told, and is silence."""
        self._in_rate, self._heard = rate, Frames(self._bytes(LONGEST_S, rate))
        try:
            self._start(self._library.RawInputStream, self._options.in_device, rate, self._listen, "capture")
        except HostError as e:
            self._silent, self._heard = True, None
            self.message(f"{e}; the guest captures silence")

    def virtual_time(self, ns: int) -> None:
        if ns < self._now_ns:
            self._mixer, self._mixed_ns = None, ns
        self._now_ns = ns

    def flush(self) -> None:
        if self._mixer is None or self._now_ns - self._mixed_ns < OFTEN_NS:
            return
        self._mixed_ns = self._now_ns
        for block in self._mixer.blocks(self._now_ns - LATE_NS):
            where = block.on.nonzero()[0]
            if len(where):
                first = 0 if len(self._to_speaker) else where[0]  # silence that nobody waits for is no delay
                self._to_speaker.put(block.frames[first:].tobytes())

    def stop(self) -> None:
        for stream in self._streams:
            stream.abort()
            stream.close()
        self._streams = []


def _device(name: str | None) -> str | int | None:
    return int(name) if name is not None and name.isdecimal() else name


def _library() -> Any:
    try:
        import sounddevice
    except ImportError:
        raise UnsupportedError("it needs the Python package sounddevice: pip install 'playhead[sound]'; there is "
                               "-audiodev wav, which needs nothing") from None  # fmt: skip
    except OSError:
        raise UnsupportedError("it needs the library PortAudio (Debian's package libportaudio2); there is -audiodev "
                               "wav, which needs nothing") from None  # fmt: skip
    return sounddevice
