"""Packets from networks, and cables that somebody plugs in or out.

A packet waits at its netdev's end on the host until the card has room (`hw.inputs.NetReceiver`). What the guest sends
goes to that end at once: it is no input, and in a replay it goes nowhere.
"""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from playhead.host.net.end import FRAME_MAX
from playhead.hw.inputs import NET, NetReceiver, takers
from playhead.log.events import LinkChanged, NetPacket
from playhead.log.moment import Moment
from playhead.session.sources.source import Refused, Session, Source

if TYPE_CHECKING:
    from playhead.host.net.end import NetEnd

BACKLOG_SLICE = 100_000  # instructions between two looks at a card for which packets are waiting
BURST = 1024  # packets from one netdev at one moment: a card may drop them faster than a network's reader goes to sleep


class Netdev(NamedTuple):
    number: int
    end: "NetEnd"
    card: NetReceiver


class NetSource(Source[NetPacket | LinkChanged]):
    EVENTS = (NetPacket, LinkChanged)

    def __init__(self, session: Session):
        super().__init__(session)
        self.cards: list[NetReceiver] = []
        self._by_number: dict[int, NetReceiver] = {}
        self._netdevs: list[Netdev] = []
        self._links: deque[LinkChanged] = deque()

    def built(self) -> None:
        self.cards = takers(self.session.machine.devices, NET)
        for card in self.cards:
            number = card.port.number
            if number is not None:
                self._by_number[number] = card
                card.port.sent = partial(self._tell, number, True)

    def connect(self) -> None:
        for number, card in sorted(self._by_number.items()):
            end = self.session.host.ends.get(f"net{number}")
            if end is not None:
                netdev = Netdev(number, end, card)
                self._netdevs.append(netdev)
                card.port.sent = partial(self._sent, netdev)
                card.on_room = partial(self._room, netdev)
                if end.unplugged:
                    self._links.append(LinkChanged(card=self.cards.index(card), up=False))

    def _room(self, netdev: Netdev) -> None:
        """From inside a run."""
        if netdev.end.waiting:
            self.session.machine.take_input()

    def _sent(self, netdev: Netdev, frame: bytes) -> None:
        """From inside a run: the guest has sent this."""
        netdev.end.send(frame)
        if netdev.end.unsent:
            self.session.machine.take_input()
        self._tell(netdev.number, True, frame)

    def _tell(self, number: int, out: bool, frame: bytes, host_ns: int | None = None) -> None:
        if self.session.traffic:
            machine = self.session.machine
            for listener in self.session.traffic:
                moment = Moment(machine.icount, machine.seq)
                listener.packet(number, out, frame, moment, machine.now_ns(), host_ns)

    def set_link(self, card: int, up: bool) -> None:
        """Plug the cable of `cards[card]` in or out: from the next moment on at which input can enter."""
        self._links.append(LinkChanged(card=card, up=up))
        self.session.machine.kick()

    @property
    def pending(self) -> bool:
        if self._links:
            return True
        for _, end, card in self._netdevs:
            if end.waiting and card.can_receive():
                return True
        return False

    def take(self) -> Iterator[NetPacket | LinkChanged]:
        while self._links:
            yield self._links.popleft()
        host_ns = 0
        for number, end, card in self._netdevs:
            for _ in range(BURST):
                if not (end.waiting and card.can_receive()):
                    break
                host_ns = host_ns or self.session.host.clock_ns()
                yield NetPacket(net=number, flags=0, host_ns=host_ns, data=bytearray(end.take()))

    def apply(self, event: NetPacket | LinkChanged) -> None:
        if isinstance(event, LinkChanged):
            if event.card >= len(self.cards):
                raise Refused(f"the recording changes the link of network card {event.card}, and the machine has "
                              f"{len(self.cards)}, counted from 0")  # fmt: skip
            self.cards[event.card].set_link(event.up)
            return
        card = self._by_number.get(event.net)
        if card is None:
            raise Refused(f"the recording has a packet for netdev {event.net}, and the machine has no such netdev")
        if event.flags:
            raise Refused(f"the recording has a packet with flags {event.flags:#x}, and none is known here")
        if len(event.data) > FRAME_MAX:
            raise Refused(f"the recording has a packet of {len(event.data)} bytes, and the longest have {FRAME_MAX}")
        if not self._netdevs and not card.can_receive():  # a live session has asked just now
            raise Refused(f"the network card at netdev {event.net} took a packet in the recording and has no room now")
        frame = bytes(event.data)
        self._tell(event.net, False, frame, event.host_ns)
        card.receive(frame)

    def limit(self) -> int | None:
        if self._links:
            return 1
        for netdev in self._netdevs:
            if netdev.end.waiting:
                return BACKLOG_SLICE
        return None

    def look_after(self, now_ns: int) -> None:
        for netdev in self._netdevs:
            while netdev.end.happenings:
                name, data = netdev.end.happenings.popleft()
                self.session.happened(name, **data)

    def passed(self, virtual_ns: int) -> None:
        for netdev in self._netdevs:
            netdev.end.virtual_time(virtual_ns)
