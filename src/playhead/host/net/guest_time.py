"""The clock that a user-mode network's timers follow: the guest's time, in steps that libslirp's timers can count.

libslirp sends a segment again when its timer has been looked at so many times, half a second apart each, not when so
much time has passed. While the guest sleeps its time jumps; the clock goes over such a jump in steps of 500 ms, and the
timers are looked at after each. It stands still while the machine is paused or takes no frames, and never goes back:
when a saved state is loaded, it goes on from where it is.
"""

from collections.abc import Callable, Iterator

STEP_NS = 500_000_000
MOST_STEPS = 7200  # of one jump, an hour: what is beyond them is left out


class GuestTime:
    """`read()` gives the guest's time as it is now. `now_ns` is the clock."""

    def __init__(self, read: Callable[[], int]):
        self._read = read
        self._seen = read()
        self.now_ns = 0

    def steps(self, stands: bool = False) -> Iterator[None]:
        """Move on to the guest's time; once for each half second of a longer jump. `stands`: what has passed since the
        last look does not count.
        """
        time = self._read()
        passed, self._seen = time - self._seen, time
        if stands or passed <= 0:
            return
        target = self.now_ns + min(passed, STEP_NS * MOST_STEPS)
        while target - self.now_ns > STEP_NS:
            self.now_ns += STEP_NS
            yield
        self.now_ns = target
