"""Sound: what a machine plays goes to its audiodevs' ends on the host and to listeners; what it captures is input.

What is played has no answer, so it is no event, and a replay hears it again. A device asks for what is captured at the
moment at which it puts it into memory: in a live session the end gives what it has (silence behind it), and the event
records that; a replay takes the event, and needs neither the file nor a microphone.
"""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

from playhead.base.sound import FRAME, SPEAKER_RATE, Piece
from playhead.hw.audio import AudioPort, Speaker
from playhead.log.events import AudioIn
from playhead.session.sources.source import Session, Source

if TYPE_CHECKING:
    from playhead.host.audio.end import AudioEnd


class AudioSource(Source[AudioIn]):
    EVENTS = (AudioIn,)
    QUESTION = "captured sound"

    def __init__(self, session: Session):
        super().__init__(session)
        self._ends: dict[int, AudioEnd] = {}
        self._wanted = 0, 0, 0  # audiodev, frames, their rate
        self._wrong = ""
        self._speaker: Speaker | None = None
        self._spoken = 0  # frames of virtual time until which it has been heard

    def built(self) -> None:
        for number, port in ports(self.session.machine.devices.values()):
            port.played = partial(self._played, number)
            port.asked = partial(self._asked, number)
        for device in self.session.machine.devices.values():
            if getattr(device, "SPEAKER", False) and device.port.number is not None:
                self._speaker = device
                device.listen(self._speak)

    def connect(self) -> None:
        for number, _ in ports(self.session.machine.devices.values()):
            end = self.session.host.ends.get(f"audio{number}")
            if end is not None:
                self._ends[number] = end

    def _played(self, number: int, piece: Piece) -> None:
        """From inside a run: the guest plays this."""
        if number in self._ends:
            self._ends[number].play(piece)
        for listener in self.session.sounds:
            listener.played(number, piece)

    def _asked(self, number: int, frames: int, rate: int) -> bytes:
        """From inside a run: what has been captured. At most so many frames."""
        self._wanted = number, frames, rate
        event = self.session.ask(AudioIn)
        assert isinstance(event, AudioIn)
        if event.bits != 16 or len(event.data) % FRAME or len(event.data) > frames * FRAME:
            self._wrong = (f"a device captured {frames} frames, and the recording has {len(event.data)} bytes of "
                           f"{event.bits} bits there")  # fmt: skip
            return b""
        return bytes(event.data)

    @property
    def lacking(self) -> str:
        return self._wrong

    def answer(self) -> AudioIn:
        number, frames, rate = self._wanted
        end = self._ends.get(number)
        data = end.take(frames, rate)[: frames * FRAME] if end is not None else b""
        heard = data.rstrip(b"\0")  # what is missing is silence
        return AudioIn(data=bytearray(data[: -(-len(heard) // FRAME) * FRAME]))

    def _speak(self) -> None:
        """What the speaker has sounded like since the last time, which has been the same all the time."""
        assert self._speaker is not None
        begin, end = self._spoken, self._frames_until_now()
        self._spoken = end
        for first in range(begin, end, SPEAKER_RATE):  # a second at a time
            piece = self._speaker.sound(first, min(end - first, SPEAKER_RATE))
            if piece is None:
                break
            self._speaker.port.play(piece)

    def restored(self) -> None:
        """Virtual time is another: what the speaker would have sounded like until now is not heard."""
        self._spoken = self._frames_until_now()
        for end in self._ends.values():
            end.virtual_time(self.session.machine.now_ns())

    def _frames_until_now(self) -> int:
        return int(self.session.machine.now_ns()) * SPEAKER_RATE // 1_000_000_000

    def passed(self, virtual_ns: int) -> None:
        if self._speaker is not None:
            self._speak()
        for end in self._ends.values():
            end.virtual_time(virtual_ns)


def ports(devices: Iterable[Any]) -> list[tuple[int, AudioPort]]:
    """The audiodevs of a machine, by number, each once."""
    found = {port.number: port for device in devices if isinstance(port := getattr(device, "port", None), AudioPort)}
    return sorted((number, port) for number, port in found.items() if number is not None)
