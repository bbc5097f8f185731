"""The machine's network, from parsed options: which netdevs there are, and which network cards beside those of -device.

As QEMU does it: netdevs are made in the order of -netdev, then those of -nic, then those of -net, and so are cards,
in front of those of -device. What -net says is joined by hub 0, of which there is here what people use: one card, one
netdev. A machine of which nothing of this is said may have a card by default (`default_nic`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.boards import machine_version
from playhead.cli.netdev_options import KINDS, Netdev, Nic
from playhead.cli.option_table import naming
from playhead.cli.serial_ports import chardevs
from playhead.devices import registry

MODEL = "e1000"  # of a card of which none is said


class Card(NamedTuple):
    """A network card that no -device asks for. `values`: of its properties."""

    model: str
    values: Mapping[str, Any]
    said: str


class Network(NamedTuple):
    """`netdevs`: those that a card uses, whose places here are their numbers in events; `idle`: those that none uses,
    which are not opened. `hub`: what is joined by hub 0, in the order of its ports: a netdev's id, a place in `cards`.
    `notices`: what the user is told.
    """

    netdevs: tuple[Netdev, ...] = ()
    idle: tuple[Netdev, ...] = ()
    cards: tuple[Card, ...] = ()
    hub: tuple[str | int, ...] = ()
    notices: tuple[str, ...] = ()
    by_default: bool = False  # the card that nobody has asked for

    def find(self, id: str) -> Netdev | None:
        return next((one for one in (*self.netdevs, *self.idle) if one.id == id), None)


def asked(values: Mapping[str, Any]) -> bool:
    """Whether options say what network there is, so that there is no card by default. As in QEMU, a card of -device is
    no such option.
    """
    return bool(values["netdevs"] or values["nics"] or values["nets"])


def takes_default(values: Mapping[str, Any]) -> bool:
    """Whether the machine has the card by default, on QEMU's face."""
    machine = values["machine"].get("type", machine_version.newest())
    if asked(values) or values["nodefaults"]:
        return False
    return machine_version.DEFAULT_NIC not in machine_version.lacks(machine)


def network(values: Mapping[str, Any]) -> Network:
    """Raises UsageError and UnsupportedError."""
    if values.get("default_nic"):
        return _default(values)
    made = _Made(list(values["netdevs"]))
    made.check_ids([*made.netdevs, *(nic.netdev for nic in (*values["nics"], *values["nets"])
                                     if isinstance(nic.netdev, Netdev))])  # fmt: skip
    for nic in values["nics"]:
        made.nic(nic)
    made.hub(list(values["nets"]))
    return made.network(values)


def _default(values: Mapping[str, Any]) -> Network:
    from playhead.host.net.user_options import user_options

    said = "the network card that there is by default"
    made = _Made([])
    made.hub([Nic(said, True), Nic(said, netdev=Netdev("user", "", user_options(()), said))])
    return made.network(values)._replace(by_default=True)


class _Made:
    def __init__(self, netdevs: list[Netdev]):
        self.netdevs, self.cards, self.joined = netdevs, list[Card](), list[str | int]()
        self.notices: list[str] = []
        self._ids: set[str] = set()

    def check_ids(self, netdevs: list[Netdev]) -> None:
        for one in netdevs:
            if one.id and one.id in self._ids:
                raise UsageError(f"{one.said}: two netdevs have the id '{one.id}'")
            self._ids.add(one.id)

    def _named(self, netdev: Netdev) -> Netdev:
        """With an id, which it gets here if the option says none."""
        id = netdev.id or next(name for n in range(len(self._ids) + 1) if (name := f"net{n}") not in self._ids)
        self._ids.add(id)
        self.netdevs.append(netdev._replace(id=id))
        return self.netdevs[-1]

    def _card(self, nic: Nic, netdev: str | None) -> None:
        values = {"netdev": netdev, "mac": nic.mac, "addr": nic.addr}
        given = {name: value for name, value in values.items() if value is not None}
        self.cards.append(Card(nic.model or MODEL, given, nic.said))

    def nic(self, nic: Nic) -> None:
        if isinstance(nic.netdev, Netdev):
            self._card(nic, self._named(nic.netdev).id)

    def hub(self, nets: list[Nic]) -> None:
        """What all -net say together."""
        ports = [one for one in nets if isinstance(one.netdev, Netdev) or (one.card and one.netdev is None)]
        _check_ports(ports)
        ends = [self._named(one.netdev).id for one in ports if isinstance(one.netdev, Netdev)]
        end = ends[0] if ends else None
        for one in nets:
            if one.card:
                self._card(one, one.netdev if isinstance(one.netdev, str) else end)
            if one in ports:
                self.joined.append(len(self.cards) - 1 if one.card else ends[0])
        if ports and not ends:
            self.notices.append("hub 0 is not connected to host network: there is a -net nic, and no -net user")

    def network(self, values: Mapping[str, Any]) -> Network:
        cards = [*(card.values for card in self.cards), *_of_devices(values)]
        used = {card.get("netdev") for card in cards}
        self.netdevs = [with_chardevs(one, values) for one in self.netdevs]
        netdevs = tuple(one for one in self.netdevs if one.id in used)
        idle = tuple(one for one in self.netdevs if one.id not in used)
        notices = list(self.notices)
        if self.joined and not any(isinstance(end, int) for end in self.joined):
            notices.append("hub 0 with no nics: there is a -net netdev, and no -net nic")
        notices += [f"netdev {one.id} has no peer: no network card uses it"
                    for one in idle if one.id not in self.joined]  # fmt: skip
        names = [card.model for card in self.cards] + [one["name"] for one in _of_devices(values)]
        for n, (name, card) in enumerate(zip(names, cards, strict=True)):
            if asked(values) and card.get("netdev") is None and n not in self.joined:
                notices.append(f"nic {name} has no peer: it is connected to no network (netdev=ID)")
        return Network(netdevs, idle, tuple(self.cards), tuple(self.joined), tuple(notices))


def with_chardevs(netdev: Netdev, values: Mapping[str, Any]) -> Netdev:
    """Its options, which may name a -chardev."""
    if not callable(netdev.options):
        return netdev
    with naming(netdev.said):
        return netdev._replace(options=netdev.options(chardevs(dict(values))))


def _check_ports(ports: list[Nic]) -> None:
    """Of the hub: one card, one netdev."""
    if len(ports) > 2:
        raise UnsupportedError(f"{ports[2].said}: a hub with more than two ports is not supported: each network card "
                               "has a netdev of its own (-nic TYPE)")  # fmt: skip
    if len(ports) == 2 and ports[0].card == ports[1].card:
        what = "two network cards" if ports[0].card else "two netdevs"
        raise UnsupportedError(f"{ports[1].said}: a hub that joins {what} is not supported; there is -net nic with one "
                               f"-net {'/'.join(KINDS)}, or -nic")  # fmt: skip


def _of_devices(values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The network cards among -device."""
    known = registry.network_cards()
    return (one for one in values["devices"] if one["name"] in known)
