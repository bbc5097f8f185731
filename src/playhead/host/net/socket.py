"""`-netdev socket`: QEMU's first way to join machines, with everything in one text each. `listen=` and `connect=` are
what `-netdev stream` does over TCP, `udp=` and `mcast=` what `-netdev dgram` does; this file is about the words.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from playhead.base.errors import UsageError
from playhead.host.chardev.spec import LOOPBACK
from playhead.host.net.address import Address, descriptor, group_port, host_port, interface
from playhead.host.net.end import NetEnd
from playhead.host.net.sub_options import SubOptions

WAYS = ("fd", "listen", "connect", "mcast", "udp")


class SocketOptions(NamedTuple):
    """`way` is one of `WAYS`. `local`: of udp, where to receive; of mcast, the interface."""

    way: str
    address: Address
    local: Address | None = None


def options(given: Mapping[str, Any]) -> SocketOptions:
    """Those of `-netdev socket`, without type and id. Raises UsageError or UnsupportedError."""
    words = SubOptions(given)
    texts = {way: text for way in WAYS if (text := words.text(way)) is not None}
    local = words.text("localaddr")
    words.done()
    if len(texts) != 1:
        raise UsageError("exactly one of listen=, connect=, mcast=, udp= or fd= is needed")
    way, text = next(iter(texts.items()))
    if local is not None and way not in ("mcast", "udp"):
        raise UsageError("localaddr= is for mcast= and udp= only")
    if way == "udp" and local is None:
        raise UsageError("udp= needs localaddr=HOST:PORT, where to receive")
    if way == "fd":
        return SocketOptions(way, Address("fd", fd=descriptor(text, "fd")))
    if way == "mcast":
        joined = None if local is None else Address("inet", host=interface(local, "localaddr"))
        return SocketOptions(way, group_port(text, "mcast"), joined)
    address = host_port(text, way)
    return SocketOptions(way, address, host_port(local, "localaddr") if local is not None else None)


def end(id: str, given: SocketOptions) -> NetEnd:
    """Takes hold of its address at once, connects when the run starts. Raises HostError."""
    if given.way in ("mcast", "udp"):
        from playhead.host.net import dgram

        joined = dgram.end(id, dgram.DgramOptions(given.address, given.local))
        joined.where = f"socket: {given.way}={given.address.host or LOOPBACK}:{given.address.port}"
        return joined
    from playhead.host.net.stream import StreamEnd, StreamOptions

    shown = "socket: connection from " if given.way == "listen" else "socket: connect to "
    return StreamEnd(id, StreamOptions(given.address, given.way == "listen"), shown)
