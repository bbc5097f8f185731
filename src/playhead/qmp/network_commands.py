"""The network: cables, announcements, filters of network cards."""

from typing import Any

from playhead.qmp.declared import command, event
from playhead.qmp.errors import QmpError, no_device
from playhead.qmp.service import Qmp
from playhead.qmp.types import ANY, BOOL, INT, STR, Enum, Struct
from playhead.session.network import cards_of

ADDRESS = Struct("SocketAddress", {"type": Enum("SocketAddressType", "inet", "unix")}, tag="type", variants={
    "inet": Struct("InetSocketAddress", {"host": STR, "port": STR, "*ipv4": BOOL, "*ipv6": BOOL}),
    "unix": Struct("UnixSocketAddress", {"path": STR}),
})  # fmt: skip

event("NETDEV_STREAM_CONNECTED", {"netdev-id": STR, "addr": ADDRESS}, "a -netdev stream has a peer, at `addr`")
event("NETDEV_STREAM_DISCONNECTED", {"netdev-id": STR}, "the peer of a -netdev stream has gone")


def _names(qmp: Qmp) -> tuple[list[str], list[str]]:
    """Of the network cards, and of the netdevs."""
    cards = [card.id for card in cards_of(qmp.target.machine)]
    idle = [id for id, _ in qmp.target.outside.wiring.idle]
    return cards, [*(id for id, _ in qmp.target.netdevs()), *idle]


@command("set_link", {"name": STR, "up": BOOL}, about="plug the cable of a network card in or out; `name` is the "
         "card's or its netdev's")  # fmt: skip
def set_link(qmp: Qmp, name: str, up: bool) -> None:
    cards, netdevs = _names(qmp)
    if name not in (*cards, *netdevs) and qmp.target.outside.wiring.port(name) == name:
        raise no_device(name)
    qmp.target.set_link(name, up)


@command("query-rx-filter", {"*name": STR}, [ANY], about="none of the network cards tells of its filter (QEMU's only "
         "with virtio)")  # fmt: skip
def query_rx_filter(qmp: Qmp, name: str | None = None) -> list[Any]:
    cards, netdevs = _names(qmp)
    if name in netdevs:
        raise QmpError(f"net client({name}) isn't a NIC")
    if name in cards:
        raise QmpError(f"net client({name}) doesn't support rx-filter querying")
    if name is not None:
        raise QmpError(f"invalid net client name: {name}")
    return []


@command("announce-self", {"initial": INT, "max": INT, "rounds": INT, "step": INT, "*interfaces": [STR], "*id": STR},
         about="tell the networks where the machine is (RARP), once")  # fmt: skip
def announce_self(qmp: Qmp, initial: int, max: int, rounds: int, step: int, interfaces: list[str] | None = None,
                  id: str | None = None) -> None:  # fmt: skip
    for name, value, most in (("initial", initial, 100000), ("max", max, 100000), ("rounds", rounds, 1000),
                              ("step", step, 10000)):  # fmt: skip
        if not 0 <= value <= most:
            raise QmpError(f"Parameter '{name}' expects a value from 0 to {most}")
    qmp.target.announce(interfaces)
