"""The host's side of a machine's network: opens what the netdevs are, and what filters write."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from playhead.base.errors import HostError, UnsupportedError, UsageError
from playhead.cli import network_filters
from playhead.cli.network import Network

if TYPE_CHECKING:
    from playhead.cli.netdev_options import Netdev
    from playhead.host.host import Host
    from playhead.host.net.end import NetEnd


def connect(host: Host, values: Mapping[str, Any]) -> None:
    """Each netdev that a card uses gets its end, under the name by which a session knows it."""
    found = network_filters.check(values)
    for notice in found.notices:
        host.message(notice)
    for number, netdev in enumerate(found.netdevs):
        host.connect(f"net{number}", _default_end(host, found) if found.by_default else _end(netdev))


def _end(netdev: Netdev) -> NetEnd:
    """Raises what the option is named in."""
    try:
        end: NetEnd = import_module(f"playhead.host.net.{netdev.kind}").end(netdev.id, netdev.options)
    except (HostError, UsageError, UnsupportedError) as e:
        raise type(e)(f"{netdev.said}: {e}") from None
    return end


def _default_end(host: Host, found: Network) -> NetEnd:
    """Nobody has asked for this one, so it is no mistake if it cannot be there: its card's cable is unplugged then."""
    from playhead.host.net import user
    from playhead.host.net.end import NetEnd

    (netdev,) = found.netdevs
    why = user.why_not()
    if not why:
        return _end(netdev)
    host.message(f"{why}; until then the network card's cable is unplugged (-nic none: there is no card)")
    end = NetEnd(netdev.id)
    end.live, end.unplugged, end.where = False, True, "index=0,type=user"
    return end
