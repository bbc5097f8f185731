"""Mixes what a machine plays: pieces of voices, each with its virtual time, become one row of frames.

Frame n of the row is at begin_ns + n / rate of virtual time. A voice of the row's own rate is put there as it is, each
sample; any other is interpolated linearly, as in QEMU's mixer. Voices are added, and clipped at full scale. Where
nothing plays is silence, and `on` is false.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.base.sound import FULL, Piece

if TYPE_CHECKING:
    import numpy

    Frames = numpy.ndarray[Any, Any]

SECOND = 1_000_000_000
LATE_NS = 50_000_000  # a piece comes no later than this behind its time
BLOCK = 1 << 16  # frames at once


class Block(NamedTuple):
    """Frames (an array of n rows, left and right, int16), and which of them are of a voice (n booleans)."""

    frames: "Frames"
    on: "Frames"


class Tail(NamedTuple):
    """The last frame of a voice's piece, for the interpolation up to the next one: `at` is the next frame's number."""

    since_ns: int
    rate: int
    at: int
    frame: "Frames"


class Mixer:
    """`begin_ns` None: the first piece begins it."""

    def __init__(self, rate: int, begin_ns: int | None = None):
        import numpy  # only a machine that plays something needs it

        self._numpy = numpy
        self.rate, self._begin_ns = rate, begin_ns
        self._start = 0  # the number of the first frame that has not been taken
        self._sum, self._on = numpy.zeros((0, 2), "i4"), numpy.zeros(0, "?")
        self._tails: dict[str, Tail] = {}

    def add(self, piece: Piece) -> None:
        if self._begin_ns is None:
            self._begin_ns = piece.since_ns + piece.first * SECOND // piece.rate
        frames = self._scaled(piece)
        if piece.rate == self.rate:
            self._put(self._number(piece.since_ns) + piece.first, frames)
        else:
            self._put(*self._resampled(piece, frames))

    def _number(self, ns: int) -> int:
        """The frame that is nearest to a virtual time."""
        assert self._begin_ns is not None
        return ((ns - self._begin_ns) * self.rate * 2 + SECOND) // (2 * SECOND)

    def _scaled(self, piece: Piece) -> "Frames":
        numpy = self._numpy
        frames = numpy.frombuffer(piece.data, "<i2").reshape(-1, 2)
        if piece.left == piece.right == FULL:
            return frames
        factors = numpy.array([(volume << 32) // FULL for volume in (piece.left, piece.right)], "i8")
        return frames.astype("i8") * factors >> 32

    def _resampled(self, piece: Piece, frames: "Frames") -> tuple[int, "Frames"]:
        """Where they begin, and the frames of the row that lie between these and the last one of the piece before."""
        numpy, first = self._numpy, piece.first
        tail = self._tails.get(piece.voice)
        if tail is not None and (tail.since_ns, tail.rate, tail.at) == (piece.since_ns, piece.rate, first):
            frames, first = numpy.vstack([tail.frame, frames]), first - 1
        self._tails[piece.voice] = Tail(piece.since_ns, piece.rate, piece.first + len(piece.data) // 4, frames[-1:])
        base = self._number(piece.since_ns)
        begin, end = (-(-at * self.rate // piece.rate) for at in (first, first + len(frames) - 1))
        places = numpy.arange(begin, end) * (piece.rate / self.rate) - first
        whole = numpy.clip(places.astype("i8"), 0, max(len(frames) - 2, 0))
        share = (places - whole)[:, None]
        here, there = frames[whole], frames[numpy.minimum(whole + 1, len(frames) - 1)]
        return base + begin, numpy.rint(here * (1 - share) + there * share).astype("i4")

    def _put(self, at: int, frames: "Frames") -> None:
        numpy, skipped = self._numpy, max(self._start - at, 0)
        frames, at = frames[skipped:], at + skipped - self._start
        if not len(frames):
            return
        if (missing := at + len(frames) - len(self._on)) > 0:
            more = max(missing, BLOCK // 4)
            self._sum = numpy.vstack([self._sum, numpy.zeros((more, 2), "i4")])
            self._on = numpy.concatenate([self._on, numpy.zeros(more, "?")])
        self._sum[at : at + len(frames)] += frames
        self._on[at : at + len(frames)] = True

    def blocks(self, until_ns: int) -> Iterator[Block]:
        """What is before this virtual time and has not been taken: once, in order."""
        numpy = self._numpy
        if self._begin_ns is None:
            return
        while (count := min(self._number(until_ns) - self._start, BLOCK)) > 0:
            frames, on = self._sum[:count], self._on[:count]
            if (missing := count - len(on)) > 0:
                frames = numpy.vstack([frames, numpy.zeros((missing, 2), "i4")])
                on = numpy.concatenate([on, numpy.zeros(missing, "?")])
            self._sum, self._on, self._start = self._sum[count:], self._on[count:], self._start + count
            yield Block(numpy.clip(frames, -32768, 32767).astype("<i2"), on)
