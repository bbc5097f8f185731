"""Compares the output of a replay with the console index of its recording.

Output follows from the machine's state, so a replay with equal digests prints the same. The index, in which texts are
found without a replay, is derived data that no digest covers; hence this check.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable

from playhead.base.errors import DivergenceError
from playhead.log.console import Printed, name_of
from playhead.log.moment import Moment

SHOWN = 40  # bytes of a text in a message


class _Port:
    """One port: what the recording has and what was printed, since the last comparison; `compared` bytes before."""

    def __init__(self, position: int):
        self.compared = position
        self.recorded, self.recorded_at = bytearray(), list[Moment]()
        self.printed, self.printed_at = bytearray(), list[Moment]()

    def compare(self, upto: Moment, all: bool) -> str:
        """The first difference before a moment (`all`: up to and including it), or an empty text."""
        cut = bisect_right if all else bisect_left
        before, here = cut(self.recorded_at, upto), cut(self.printed_at, upto)
        texts = self.recorded[:before], self.printed[:here]
        moments = self.recorded_at[:before], self.printed_at[:here]
        if texts[0] != texts[1] or moments[0] != moments[1]:
            return self._difference(texts, moments)
        self.compared += before
        for some in (self.recorded, self.recorded_at, self.printed, self.printed_at):
            del some[:before]
        return ""

    def _difference(self, texts: tuple[bytearray, bytearray], moments: tuple[list[Moment], list[Moment]]) -> str:
        bytes_of_both = zip(zip(*texts, strict=False), zip(*moments, strict=False), strict=True)
        least = min(map(len, texts))
        n = next((n for n, ((a, b), (at, now)) in enumerate(bytes_of_both) if a != b or at != now), least)
        there, here = (
            f"{bytes(text[n : n + SHOWN])!r} at {at[n]}" if n < len(text) else "nothing more"
            for text, at in zip(texts, moments, strict=True)
        )
        return f"byte {self.compared + n} of its output: the recording has {there}, the replay printed {here}"


class ConsoleCheck:
    """`after`: output up to this moment is ignored (a replay that begins there). `before(port)`: how much of a port's
    lies before, for a message.
    """

    def __init__(self, after: Moment, before: Callable[[int], int] = lambda port: 0):
        self._after, self._before = after, before
        self._ports: dict[int, _Port] = {}
        self._ignored = Moment(-1)  # when the last output was printed that is ignored

    def printed(self, port: int, text: bytes, moments: list[Moment]) -> None:
        """Called from inside a run: the guest has printed something."""
        one = self._ports.get(port)
        if one is None:
            one = self._ports[port] = _Port(0)
        one.printed += text
        one.printed_at += moments

    def expect(self, recorded: list[Printed]) -> None:
        """Add recorded output, in order, ahead of the replay."""
        for whole in recorded:
            some = whole.between(self._after)
            if len(some.text) < len(whole.text):
                self._ignored = max(self._ignored, whole.moments[len(whole.text) - len(some.text) - 1])
            if some.text:
                one = self._ports.setdefault(some.port, _Port(some.position))
                if not one.recorded and not one.compared:
                    one.compared = some.position
                one.recorded += some.text
                one.recorded_at += some.moments

    def compare(self, here: Moment, *, all: bool) -> None:
        """Raise DivergenceError if what was printed up to a moment is not what the recording has. `all`: the replay
        ends here; else what is printed at this very moment is left to the next comparison, it may not be all yet.
        """
        for port, one in sorted(self._ports.items()):
            wrong = one.compare(here, all)
            if wrong and not (one.compared or one.recorded):
                one.compared = self._before(port)
                wrong = one.compare(here, all)
            if wrong:
                raise DivergenceError(f"replay diverged up to {here}: {name_of(port)}, {wrong}")

    def anything_at(self, icount: int) -> bool:
        """Whether output of just this moment is waiting to be compared, or was ignored."""
        waiting = (m for one in self._ports.values() for m in (*one.recorded_at[:1], *one.printed_at[:1]))
        return self._ignored.icount == icount or any(m.icount == icount for m in waiting)
