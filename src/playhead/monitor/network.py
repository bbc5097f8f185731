"""The network at the monitor: what is connected to what, cables, ports that lead to the guest.

A cable that is plugged in or out is input to the machine, and recorded. Ports are the host's business: opening one
changes nothing in the machine, and what comes in through it is recorded as packets are.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from playhead.base.errors import HostError, Refused, UsageError
from playhead.base.messages import shown
from playhead.monitor.commands import REPLAY, Command, Misunderstood, Say, refused
from playhead.monitor.running import FIXED
from playhead.session.network import CardNow, cards_of
from playhead.timeline.control import OFFLINE
from playhead.timeline.debuggee import Debuggee

IN_REPLAY = refused(OFFLINE, REPLAY)


def commands(target: Debuggee) -> tuple[Command, ...]:
    net = Network(target)
    return (
        Command(("info network",), "", "show the network state", net.show),
        Command(("info usernet",), "", "show user network stack connection states", net.user),
        Command(("set_link",), "name on|off", "change the link status of a network adapter", net.set_link,
                choices=net.names, refused=FIXED),
        Command(("hostfwd_add",), "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport...",
                "redirect TCP or UDP connections from host to guest (on this machine only, if no hostaddr is given)",
                net.add, refused=IN_REPLAY),
        Command(("hostfwd_remove",), "[netdev_id] [tcp|udp]:[hostaddr]:hostport...",
                "remove host-to-guest TCP or UDP redirection", net.remove, refused=IN_REPLAY),
        Command(("announce_self",), "[interfaces] [id]", "tell the networks where the machine is (RARP)", net.announce,
                refused=IN_REPLAY),
    )  # fmt: skip


@contextmanager
def _costing_nothing(what: str) -> Iterator[None]:
    """What the host refuses is no reason to end the session."""
    try:
        yield
    except (HostError, Refused) as e:
        raise UsageError(f"{what}: {e}") from None


class Network:
    def __init__(self, target: Debuggee):
        self._target = target

    def _cards(self) -> list[CardNow]:
        return cards_of(self._target.machine)

    def names(self) -> list[str]:
        return [*(card.id for card in self._cards()), *(id for id, _ in self._target.netdevs())]

    # info network

    def show(self, words: list[str], say: Say) -> None:
        """As QEMU has it: the hub, what stands alone, then each card and its netdev."""
        wiring, cards = self._target.outside.wiring, self._cards()
        where = {**dict(self._target.netdevs()), **dict(wiring.idle)}
        if wiring.hub:
            say("hub 0")
        for port, end in reversed(list(enumerate(wiring.hub))):
            lines = [self._card(cards[end])] if isinstance(end, int) else list(self._netdev(end, where[end]))
            lines[0] = f" \\ hub0port{port}: {lines[0]}"
            for line in lines:
                say(line)
        for id, kind in wiring.idle:
            if id not in wiring.hub:
                say(f"{id}: {kind}")
        for n, card in enumerate(cards):
            if n not in wiring.hub:
                say(self._card(card))
                if card.netdev:
                    first, *others = self._netdev(card.netdev, where[card.netdev])
                    say(f" \\ {first}")
                    for line in others:
                        say(line)

    def _card(self, card: CardNow) -> str:
        return f"{card.id}: index=0,type=nic,model={card.model},macaddr={card.mac}"

    def _netdev(self, id: str, where: str) -> Iterator[str]:
        yield shown(f"{id}: {where}")
        filters = [line for netdev, line in self._target.outside.wiring.filters if netdev == id]
        if filters:
            yield "filters:"
            yield from (f"  - {shown(line)}" for line in filters)

    def user(self, words: list[str], say: Say) -> None:
        wiring = self._target.outside.wiring
        for id, end in self._user_ends():
            with _costing_nothing(id):
                lines = end.usernet().splitlines()
            say(f"Hub {0 if id in wiring.hub else -1} ({id}):")
            for line in lines:
                say(line)

    # cables

    def set_link(self, words: list[str], say: Say) -> None:
        if words[1] not in ("on", "off"):
            raise Misunderstood('Expected \'on\' or \'off\'\nTry "help set_link" for more information')
        self._target.set_link(words[0], words[1] == "on")

    # ports

    def _user_ends(self) -> list[tuple[str, Any]]:
        """The user-mode networks' ends; none in a replay."""
        return [(end.label, end) for end in self._target.net_ends() if hasattr(end, "hostfwd_add")]

    def _user_end(self, words: Sequence[str], command: str) -> tuple[Any, str]:
        """That which the words name, or the first; and the rule."""
        if not 1 <= len(words) <= 2:
            raise Misunderstood(f'{command}: string expected\nTry "help {command}" for more information')
        ends = dict(self._user_ends())
        if len(words) == 1:
            if not ends:
                raise UsageError("user mode network stack not in use")
            return next(iter(ends.values())), words[0]
        if words[0] not in ends:
            known = words[0] in self.names()
            raise UsageError(f"invalid device specified: '{words[0]}' is no user netdev" if known else
                             f"unrecognized netdev id '{words[0]}'")  # fmt: skip
        return ends[words[0]], words[1]

    def add(self, words: list[str], say: Say) -> None:
        end, rule = self._user_end(words, "hostfwd_add")
        with _costing_nothing(f"Could not set up host forwarding rule '{rule}'"):
            try:
                end.hostfwd_add(rule)
            except UsageError as e:
                raise UsageError(f"Invalid host forwarding rule '{rule}' ({e})") from None

    def remove(self, words: list[str], say: Say) -> None:
        end, rule = self._user_end(words, "hostfwd_remove")
        with _costing_nothing(rule):
            end.hostfwd_remove(rule)
        say(f"host forwarding rule for {rule} removed")

    def announce(self, words: list[str], say: Say) -> None:
        """`interfaces` are cards; `id` names a series of announcements in QEMU, and here there is one each time."""
        self._target.announce(words[0].split(",") if words else None)
