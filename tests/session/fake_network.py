"""Networks without a real machine: a fake one with simple cards, ends that do as a test says, and who looks on."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from hashlib import blake2b

from fake_machine import FakeMachine, Program

from playhead.host.net.end import NetEnd
from playhead.hw.inputs import NET
from playhead.hw.net import NetPort
from playhead.log.moment import Moment

ANSWERS = 3  # one frame of so many that come is answered


class Card:
    """A network card with room for `most` frames; a receiver that is off takes a frame and loses it. It answers some,
    in reverse.
    """

    INPUT = NET

    def __init__(self, machine: FakeMachine, number: int, most: int = 2):
        self._machine, self._number, self._most = machine, number, most
        self.port = NetPort(number)
        self.on_room: Callable[[], None] = lambda: None
        self.frames: list[bytes] = []
        self.got: list[bytes] = []
        self.lost, self.links, self.up = 0, [], True

    @property
    def receiver_on(self) -> bool:
        return self._machine.x >> 50 & 3 != self._number & 3

    def can_receive(self) -> bool:
        return len(self.frames) < self._most

    def receive(self, frame: bytes) -> None:
        assert self.can_receive(), "a frame for which there is no room"
        on = self.receiver_on and self.up
        self._machine._stirred(int.from_bytes(blake2b(frame, digest_size=7).digest(), "little") + self._number)
        if on:
            self.frames.append(frame)
            self.got.append(frame)
            if self._machine.x % ANSWERS == 0:
                self.port.send(frame[::-1])
        else:
            self.lost += 1

    def set_link(self, up: bool) -> None:
        self.links.append(up)
        self.up = up
        self._machine._stirred(up + 2)

    def done(self) -> None:
        """The guest has taken a frame."""
        if self.frames:
            self._machine._stirred(len(self.frames.pop(0)))
            self.on_room()


class Networked(FakeMachine):
    """Its guest takes a frame from a card, and sends one, now and then."""

    def __init__(self, door, program: Program, cards: int = 1):
        super().__init__(door, program)
        self.cards = [Card(self, n) for n in range(cards)]
        self.devices |= {f"net{n}": card for n, card in enumerate(self.cards)}

    def _talk(self) -> None:
        super()._talk()
        card = self.cards[self.x % len(self.cards)]
        card.done()
        if card.up and self.x >> 8 & 1:
            card.port.send(self.x.to_bytes(8, "little") * 8)

    def digest_parts(self):
        parts = super().digest_parts()
        for n, card in enumerate(self.cards):
            state = repr((card.frames, card.lost, card.up)).encode()
            parts[f"net{n}"] = blake2b(state, digest_size=16).digest()
        return parts


class Wire(NetEnd):
    """What the guest sent, and how far its time had got. `live`: it may bring more, as a network does."""

    def __init__(self, packets: Iterable[bytes] = (), number: int = 0, live: bool = False):
        super().__init__(f"net{number}")
        self.live = live
        self.sent: list[bytes] = []
        self.times: list[int] = []
        for packet in packets:
            self.arrive(packet)

    def send(self, frame: bytes) -> None:
        self.sent.append(frame)

    def virtual_time(self, ns: int) -> None:
        self.times.append(ns)


class Busy(Wire):
    """A network on which frames arrive at chances that a seed gives, whenever the guest's time is told; it answers
    some of what the guest sends.
    """

    def __init__(self, seed: int, number: int = 0, most: int = 200):
        super().__init__(number=number)
        self._chance, self.brought, self._most = random.Random(f"{seed} {number}"), 0, most

    def virtual_time(self, ns: int) -> None:
        super().virtual_time(ns)
        for _ in range(self._chance.choice((0, 0, 0, 1, 1, 2, 9))):
            self._bring(self._chance.randbytes(self._chance.choice((0, 1, 13, 14, 42, 60, 1514, 9000))))

    def send(self, frame: bytes) -> None:
        super().send(frame)
        if self._chance.random() < 0.3:
            self._bring(frame[:20])

    def _bring(self, frame: bytes) -> None:
        if self.brought < self._most:
            self.brought += 1
            self.arrive(frame)


class Seen:
    """Traffic as somebody sees it who listens."""

    def __init__(self, session):
        self.packets: list[tuple[int, bool, bytes, Moment, int]] = []
        session.traffic.append(self)

    def packet(self, *packet) -> None:
        self.packets.append(packet)

    def back(self, *where) -> None: ...


def networked(machines: list, cards: int = 1, **program) -> Callable[..., Networked]:
    """How a session builds one; those that it has built are in `machines`."""

    def build(door) -> Networked:
        machines.append(Networked(door, Program(**program), cards))
        return machines[-1]

    return build
