"""The host's side of a machine's network: opens what the netdevs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from playhead.base.errors import HostError, UnsupportedError, UsageError
from playhead.cli import network_filters
from playhead.cli.network import with_chardevs

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
        host.connect(f"net{number}", _end(netdev, found.by_default))


def connect_again(host: Host, ids: Sequence[str], values: Mapping[str, Any]) -> None:
    """The netdevs of a machine that goes on, by their ids in the order of its description. One that -netdev does not
    say leads nowhere, which is told. Raises UsageError for one that the machine has not.
    """
    given: dict[str, Netdev] = {}
    for netdev in values["netdevs"]:
        if netdev.id not in ids:
            there = ", ".join(ids) or "none"
            raise UsageError(f"{netdev.said}: the recorded machine has no netdev '{netdev.id}' (there is {there})")
        if netdev.id in given:
            raise UsageError(f"{netdev.said}: netdev '{netdev.id}' is given twice")
        given[netdev.id] = with_chardevs(netdev, values)
    for number, id in enumerate(ids):
        if id in given:
            host.connect(f"net{number}", _end(given[id], by_default=False))
        else:
            host.message(f"netdev {id} leads nowhere; -netdev TYPE,id={id} connects it")


def _end(netdev: Netdev, by_default: bool) -> NetEnd:
    """Raises what the option is named in. `by_default`: nobody has asked for it."""
    try:
        if by_default:
            from playhead.host.net.default_user import DefaultUserNet

            return DefaultUserNet(netdev.id, netdev.options)
        if netdev.kind == "user":
            from playhead.host.net.user import UserNet

            return UserNet(netdev.id, netdev.options)
        end: NetEnd = import_module(f"playhead.host.net.{netdev.kind}").end(netdev.id, netdev.options)
        return end
    except (HostError, UsageError, UnsupportedError) as e:
        raise type(e)(f"{netdev.said}: {e}") from None
