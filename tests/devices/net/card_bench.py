"""What a network card alone is put into: a clock that moves only when told, ports, memory, a line and a network that is
noted.
"""

from __future__ import annotations

from collections.abc import Callable

from playhead.devices.net.card import NetworkCard
from playhead.hw.clock import VirtualClock
from playhead.hw.line import Line
from playhead.hw.memory import Memory
from playhead.hw.net import NetPort
from playhead.hw.space import Space


class CardBench:
    """`make` builds the card from its surroundings; `places` are its base address registers: (offset, address)."""

    def __init__(self, ram: int, make: Callable[..., NetworkCard], places: tuple[tuple[int, int], ...]):
        self._ram, self._places = ram, places
        self.time_ns = self.icount = 0
        self.clock, self.io, self.memory = VirtualClock(self), Space("io", 1 << 16), Memory(ram)
        self.memory.map(0, ram, self.memory.allocate(ram))
        self.line, self.port = Line("intA"), NetPort(0)
        self.edges: list[bool] = []  # of the line
        self.line.connect(self.edges.append)
        self.out: list[bytes] = []  # frames that the card has sent
        self.port.sent = self.out.append
        self.rooms = 0  # how often the card has told of room
        self.card = make(self.io, self.memory, self.clock, self.line, self.port)
        self.card.on_room = self._room
        self.configure()
        self.rooms = 0

    def configure(self) -> None:
        """What firmware does: places for the registers, decoding and bus mastering on."""
        for offset, address in self._places:
            self.card.program(offset, 4, address)
        self.card.program(4, 2, 7)

    def _room(self) -> None:
        self.rooms += 1

    def now_ns(self) -> int:
        return self.time_ns

    def advance(self, ns: int) -> None:
        end = self.time_ns + ns
        while (deadline := self.clock.next_deadline_ns()) <= end:
            self.time_ns = max(self.time_ns, deadline)
            self.clock.ring(self.time_ns)
        self.time_ns = end

    def become(self, other: CardBench) -> None:
        """What a checkpoint keeps of another one."""
        self.time_ns = other.time_ns
        self.clock.load(other.clock.save())
        self.memory.area[: self._ram] = other.memory.area[: self._ram]
        self.card.load(other.card.save())
