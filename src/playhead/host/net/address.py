"""Addresses in the sub-options of `-netdev socket`, `stream` and `dgram`: only words are looked at, nothing is opened.

`socket` has `HOST:PORT`, the others QEMU's socket addresses: `addr.type=inet,addr.host=H,addr.port=P`,
`addr.type=unix,addr.path=P`, `addr.type=fd,addr.str=N`.
"""

import ipaddress
import re
from typing import NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.host.net.sub_options import SubOptions

TYPES = ("inet", "unix", "fd")
PORTS = 65535
ABSTRACT = "such a socket has no access rights; give it a path"


class Address(NamedTuple):
    """`type` is one of `TYPES`."""

    type: str
    host: str = ""
    port: int = 0
    to: int = 0  # the last port to try
    family: str = ""  # ipv4 or ipv6, if only one of them may be used
    keep_alive: bool = False
    path: str = ""
    fd: int = -1

    @property
    def multicast(self) -> bool:
        """Whether this is a group of machines."""
        try:
            return ipaddress.ip_address(self.host).is_multicast
        except ValueError:
            return False


def host_port(text: str, key: str) -> Address:
    """`HOST:PORT` or `:PORT`. QEMU takes numbers only for the port."""
    host, colon, port = text.rpartition(":")
    if not colon:
        raise UsageError(f"{key}={text}: no ':' between host and port")
    if not re.fullmatch("[0-9]{1,5}", port) or int(port) > PORTS:
        raise UsageError(f"{key}={text}: '{port}' is no port, a number from 0 to {PORTS}")
    return Address("inet", host=host, port=int(port))


def group_port(text: str, key: str) -> Address:
    """The same of a multicast group."""
    address = host_port(text, key)
    try:
        found = ipaddress.IPv4Address(address.host)
    except ValueError:
        found = None
    if found is None or not found.is_multicast:
        raise UsageError(f"{key}={text}: '{address.host}' is no multicast address; those are 224.0.0.0 to "
                         "239.255.255.255")  # fmt: skip
    return address


def interface(text: str, key: str) -> str:
    """The address of the interface that a multicast group is joined at."""
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise UsageError(f"{key}={text} is no IPv4 address") from None


def descriptor(text: str, key: str) -> int:
    """A file descriptor that this program was started with."""
    if not re.fullmatch("[0-9]{1,6}", text):
        raise UsageError(f"{key}={text} is no file descriptor, which is a number")
    return int(text)


def socket_address(options: SubOptions | None, key: str) -> Address:
    """QEMU's socket address; `key` is where it is: `addr`."""
    if options is None:
        raise UsageError(f"{key}.type= is missing: {', '.join(TYPES)}")
    kind = options.text("type")
    if kind == "vsock":
        raise UnsupportedError(f"{key}.type=vsock is not supported; there is {', '.join(TYPES)}")
    if kind not in TYPES:
        if kind is None:
            raise UsageError(f"{key}.type= is missing: {', '.join(TYPES)}")
        raise UsageError(f"{key}.type={kind} is not one of {', '.join(TYPES)}{nearest(kind, TYPES)}")
    address = {"inet": _inet, "unix": _unix, "fd": _fd}[kind](options, key)
    options.done()
    return address


def _inet(options: SubOptions, key: str) -> Address:
    host, port, to = options.needed("host"), options.number("port", 0, PORTS), options.number("to", 0, PORTS, 0)
    family = _family(options.switch("ipv4"), options.switch("ipv6"), key)
    keep_alive, numeric = options.boolean("keep-alive"), options.boolean("numeric")
    options.refuse("mptcp", "there is plain TCP")
    if numeric and host and not _numeric(host):
        raise UsageError(f"{key}.host={host}: with numeric=on it should be an address in numbers")
    return Address("inet", host=host, port=port, to=to, family=family, keep_alive=keep_alive)


def _family(ipv4: bool | None, ipv6: bool | None, key: str) -> str:
    """None: it was not given."""
    if ipv4 is False and ipv6 is False:
        raise UsageError(f"{key}.ipv4=off,{key}.ipv6=off leaves no address to use")
    if bool(ipv4) == bool(ipv6):
        return "ipv6" if ipv4 is False else "ipv4" if ipv6 is False else ""
    return "ipv4" if ipv4 else "ipv6"


def _numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unix(options: SubOptions, key: str) -> Address:
    path = options.needed("path")
    options.refuse("abstract", ABSTRACT)
    options.boolean("tight", True)
    if not path or "\0" in path:
        raise UsageError(f"{key}.path={path!r} is no file name")
    return Address("unix", path=path)


def _fd(options: SubOptions, key: str) -> Address:
    return Address("fd", fd=descriptor(options.needed("str"), f"{key}.str"))
