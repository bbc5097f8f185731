"""The surroundings of one chip: a clock that moves only when told, ports, memory, a sink, and requests that are
noted."""

import pytest

from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory
from playhead.hw.space import Space


class World:
    def __init__(self) -> None:
        self.time_ns = self.icount = 0
        self.clock = VirtualClock(self)
        self.io = Space("io", 1 << 16)
        self.memory = Memory(2 << 20)
        self.output = bytearray()
        self.requested: list[tuple] = []

    def now_ns(self) -> int:
        return self.time_ns

    def advance(self, ns: int) -> None:
        """Let time pass, ringing each alarm at its own moment."""
        end = self.time_ns + ns
        while (deadline := self.clock.next_deadline_ns()) <= end:
            self.time_ns = max(self.time_ns, deadline)
            self.clock.ring(self.time_ns)
        self.time_ns = end

    def write(self, data: bytes, icounts: list[int]) -> None:  # a Sink
        self.output += data

    def reset(self, cause: str) -> None:  # Requests
        self.requested.append(("reset", cause))

    def shutdown(self, cause: str, status: int = 0) -> None:
        self.requested.append(("shutdown", cause, status))

    def suspend(self) -> None:
        self.requested.append(("suspend",))

    def wake_up(self, reason: str) -> None:
        self.requested.append(("wake_up", reason))

    def inb(self, port: int) -> int:
        return self.io.read(port, 1)

    def inw(self, port: int) -> int:
        return self.io.read(port, 2)

    def inl(self, port: int) -> int:
        return self.io.read(port, 4)

    def outb(self, port: int, value: int) -> None:
        self.io.write(port, 1, value)

    def outw(self, port: int, value: int) -> None:
        self.io.write(port, 2, value)

    def outl(self, port: int, value: int) -> None:
        self.io.write(port, 4, value)


@pytest.fixture
def world() -> World:
    return World()
