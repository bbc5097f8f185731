"""Filters on netdevs (`-object filter-replay`, `-object filter-dump`): whether they fit the machine's network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from playhead.base.errors import UsageError
from playhead.cli.netdev_options import Netdev
from playhead.cli.network import Network, network
from playhead.cli.object_options import DUMP, REPLAY, Filter

if TYPE_CHECKING:
    from playhead.timeline.outside import Wiring


def filters(values: Mapping[str, Any], netdevs: Collection[str]) -> list[Filter]:
    """Those that the options ask for, on netdevs of these ids. Raises UsageError."""
    found: list[Filter] = []
    for one in values["objects"]:
        if one.id in [other.id for other in found]:
            raise UsageError(f"{one.said}: another object has the id '{one.id}'")
        if one.netdev not in netdevs:
            there = ", ".join(sorted(netdevs)) or "none"
            raise UsageError(f"{one.said}: there is no netdev '{one.netdev}' (there is {there}); "
                             f"-netdev TYPE,id={one.netdev} makes it")  # fmt: skip
        if one.kind == REPLAY and one.netdev in [other.netdev for other in found if other.kind == REPLAY]:
            raise UsageError(f"{one.said}: netdev '{one.netdev}' has a filter-replay already")
        found.append(one)
    return found


def dumps(values: Mapping[str, Any]) -> list[Filter]:
    """Those that write a file."""
    return [one for one in values.get("objects") or () if one.kind == DUMP and one.status]


def added(values: Mapping[str, Any]) -> str:
    """What a recording says of netdevs without a `filter-replay`, whose packets it records all the same."""
    filtered = [one.netdev for one in values["objects"] if one.kind == REPLAY]
    without = [one.id for one in network(values).netdevs if one.id not in filtered]
    if not without:
        return ""
    which = f"netdev {without[0]} is" if len(without) == 1 else f"netdevs {', '.join(without)} are"
    return f"{which} recorded, as with -object filter-replay,id=ID,netdev={without[0]}"


def wiring(values: Mapping[str, Any]) -> Wiring:
    """For the monitors."""
    from playhead.timeline.outside import Wiring

    found = network(values)
    idle = [(one.id, _idle(one)) for one in found.idle]
    return Wiring(idle, found.hub, [(one.netdev, _words(one)) for one in values["objects"]])


def _idle(netdev: Netdev) -> str:
    """What QEMU's `info network` says of a netdev that is not opened here."""
    given = netdev.options
    own = f"net={given.net},restrict={'on' if given.restrict else 'off'}" if netdev.kind == "user" else ""
    return f"index=0,type={netdev.kind},{own}"


def _words(one: Filter) -> str:
    """As QEMU's `info network` has it."""
    own = f",file={one.file},maxlen={one.maxlen}" if one.kind == DUMP else ""
    return (f"{one.id}: type={one.kind}{own},position={one.position},status={'on' if one.status else 'off'},"
            f"insert={one.insert},netdev={one.netdev},queue={one.queue}")  # fmt: skip


def check(values: Mapping[str, Any]) -> Network:
    """Raises UsageError for filters that do not fit the machine's network, which is returned."""
    found = network(values)
    filters(values, [one.id for one in (*found.netdevs, *found.idle)])
    return found
