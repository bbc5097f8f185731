"""What the PC's speaker sounds like: OUT of the 8254's counter 2 while bit 1 of port 61h lets it through, as samples.

Frames are those of virtual time: frame n lasts from n / RATE to (n + 1) / RATE seconds, and its sample is the mean of
the level meanwhile, so that edges between two samples are where they belong. While the gate is low the level stays, as
the chip's OUT does, although the counter that a guest reads goes on (i8254_pit.py).
"""

from playhead.devices.timer.i8254_counter import Counter, CounterState, out
from playhead.devices.timer.i8254_pit import HZ
from playhead.base.sound import SPEAKER_RATE as RATE

HIGH = 8192  # a quarter of full scale, up and down
INAUDIBLE = HZ // 24_000  # ticks of a period so short that nothing of it is heard


def wave(state: CounterState, first: int, frames: int) -> bytes:
    """Frames `first` and on, as `base.sound` has them, of a speaker that is let through."""
    if not state.gate or (state.mode in (2, 3) and state.loaded and state.now.n < INAUDIBLE):
        level = 0 if state.gate else HIGH
        return level.to_bytes(2, "little", signed=True) * (2 * frames)
    samples = _Samples(first, frames)
    counter, tick = Counter(state), first * HZ // RATE
    while not samples.full:
        tick, level = counter.next_change(tick), out(state, tick)
        samples.until(tick * RATE, HIGH if level else -HIGH)
    return samples.encoded()


class _Samples:
    """Levels over time, averaged. Time is in units of 1 / (HZ * RATE) seconds, of which a frame has HZ."""

    def __init__(self, first: int, frames: int):
        self._at, self._end = first * HZ, (first + frames) * HZ
        self._sum = 0  # of the frame that has begun: level times time
        self._out = bytearray()

    @property
    def full(self) -> bool:
        return self._at >= self._end

    def until(self, end: int, level: int) -> None:
        end = min(end, self._end)
        if self._at % HZ:
            self._part(min(end, self._at - self._at % HZ + HZ), level)
        whole = (end - self._at) // HZ
        if whole > 0:
            self._out += level.to_bytes(2, "little", signed=True) * (2 * whole)
            self._at += whole * HZ
        if end > self._at:
            self._part(end, level)

    def _part(self, end: int, level: int) -> None:
        self._sum += level * (end - self._at)
        self._at = end
        if not end % HZ:
            self._out += (self._sum // HZ).to_bytes(2, "little", signed=True) * 2
            self._sum = 0

    def encoded(self) -> bytes:
        return bytes(self._out)
