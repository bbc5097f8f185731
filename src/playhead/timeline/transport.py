"""What carries bytes between a client and whoever serves it: gdb's protocol, the human monitor, QMP."""

from typing import Protocol


class Transport(Protocol):
    """Carries the bytes of one client at a time. None of these blocks."""

    @property
    def connections(self) -> int:
        """How many clients have come so far."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the last of them is still there."""
        ...

    def take(self) -> bytes:
        """What it has sent; also what it sent before it went."""
        ...

    def send(self, data: bytes) -> None: ...

    def hang_up(self) -> None:
        """Done with it: the next one may come."""
        ...
