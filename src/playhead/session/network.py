"""A machine's network cards and netdevs, as monitors name them: by the ids of the machine's description."""

from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.hw.inputs import NET, takers
from playhead.hw.net import mac_bytes

if TYPE_CHECKING:
    from playhead.machine.machine import Machine


class CardNow(NamedTuple):
    """`netdev` is empty where nothing is connected. Its place in a list of all is its number in events."""

    id: str
    model: str
    mac: str
    netdev: str


def cards_of(machine: "Machine") -> list[CardNow]:
    """The network cards, in the order of their numbers in events."""
    config = machine.config
    found = []
    for card in takers(machine.devices, NET):
        (entry,) = (one for one in config.devices if one.id == card.name)
        values: dict[str, Any] = config.values(entry)
        found.append(CardNow(entry.id, entry.driver, values["mac"], values["netdev"] or ""))
    return found


def netdevs_of(machine: "Machine") -> list[tuple[str, str]]:
    """(id, kind) of each netdev, in the order of their numbers in events."""
    return [(end.id, end.facts["backend"]) for end in machine.config.netdevs]


def rarp(mac: str) -> bytes:
    """The frame by which a machine tells a network where it is: a request of RARP (RFC 903) for its own address."""
    own = mac_bytes(mac)
    head = b"\xff" * 6 + own + b"\x80\x35" + bytes.fromhex("0001080006040003")
    return (head + own + bytes(4) + own + bytes(4)).ljust(60, b"\0")
