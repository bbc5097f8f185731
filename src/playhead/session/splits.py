"""Random stops, which show that stopping changes nothing: a replay may be cut into runs of any lengths."""

MASK = (1 << 64) - 1


class Splits:
    """Cuts the way to an instruction into runs of random lengths, which a seed determines (SplitMix64)."""

    def __init__(self, seed: int):
        self._state = seed & MASK

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return z ^ z >> 31

    def until(self, icount: int, target: int) -> int:
        """The next stop on the way from `icount` to `target`. Lengths are spread evenly over orders of magnitude."""
        bits = self._next() % 21
        return min(target, icount + 1 + self._next() % (1 << bits))
