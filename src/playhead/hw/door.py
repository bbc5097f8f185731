"""What the machine may ask of the outside. All answers are recorded, so that a replay can give them again."""

from collections.abc import Sequence
from typing import Protocol

from playhead.log.causes import CAUSES as CAUSES


class HostClock(Protocol):
    """The host clock: what a real-time chip shows. Each read is recorded."""

    def read_ns(self) -> int:
        """Nanoseconds since the epoch, UTC."""
        ...


class Sink(Protocol):
    """Where a character device's output goes. Output is not state: it falls out of a replay again."""

    def write(self, data: bytes, icounts: Sequence[int]) -> None:
        """`icounts`: after how many instructions each byte was sent."""
        ...


class Requests(Protocol):
    """Requests that a device makes of the whole machine; they take effect at the next boundary."""

    def reset(self, cause: str) -> None: ...

    def shutdown(self, cause: str, status: int = 0) -> None:
        """End the run; `status` is the exit status that isa-debug-exit asks for."""
        ...

    def suspend(self) -> None:
        """Stop the processor until something wakes the machine, which is then reset but for its memory (ACPI's S3)."""
        ...

    def wake_up(self, reason: str) -> None:
        """Wake the machine if it is suspended and this may wake it: `rtc` (its alarm) or `other` (a key, a button)."""
        ...
