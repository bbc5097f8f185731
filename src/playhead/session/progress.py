"""The progress line of a replay, on a terminal."""

from collections.abc import Callable

from playhead.host.terminal import StatusLine

STATUS_NS = 200_000_000  # between two updates


class Progress:
    """`show(done)`: so many of `whole` instructions have been replayed since `began_ns`."""

    def __init__(self, status: StatusLine, realtime_ns: Callable[[], int], whole: int):
        self._status, self._realtime_ns, self._whole = status, realtime_ns, whole
        self._began_ns = realtime_ns()
        self._due_ns = 0

    def show(self, done: int) -> None:
        if not self._status.enabled or (now := self._realtime_ns()) < self._due_ns:
            return
        self._due_ns = now + STATUS_NS
        speed = done * 1000 / max(now - self._began_ns, 1)
        left = (self._whole - done) / 1e6 / max(speed, 1e-6)
        self._status.show(
            f"replay {done * 100 // self._whole:3d} %  {done / 1e6:.0f} of {self._whole / 1e6:.0f} M instructions"
            f"  {speed:.0f} MIPS  {left:.0f} s left"
        )
