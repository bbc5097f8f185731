"""`-netdev user`: what its keys mean, and how the addresses of the network follow from them.

The keys, defaults and checks are those of QEMU 7.2. Only words are looked at here, nothing is opened; what cannot work
is refused with one line, where libslirp would have stopped the program or gone on without it.
"""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from playhead.base.booleans import BOOLEANS
from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.host.chardev.spec import Spec
from playhead.host.net.forwards import GuestForward, HostForward, guest_forward, host_forward, ipv4, through

BOOTFILE, HOSTNAME, TEXT = 127, 32, 255  # the most bytes that a DHCP answer has room for, by field
NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?")
NO_SMB = "the guest can fetch files by tftp= or HTTP, or be given a disk"


class UserOptions(NamedTuple):
    """A user-mode network: addresses in the form for people, all of them filled in."""

    ipv4: bool = True
    net: str = "10.0.2.0"
    mask: str = "255.255.255.0"
    host: str = "10.0.2.2"
    dns: str = "10.0.2.3"
    dhcpstart: str = "10.0.2.15"
    ipv6: bool = True
    ipv6_prefix: str = "fec0::"
    ipv6_prefixlen: int = 64
    ipv6_host: str = "fec0::2"
    ipv6_dns: str = "fec0::3"
    restrict: bool = False
    hostname: str = ""
    domainname: str = ""
    dnssearch: tuple[str, ...] = ()
    tftp: str = ""
    tftp_server_name: str = ""
    bootfile: str = ""
    hostfwd: tuple[HostForward, ...] = ()
    guestfwd: tuple[GuestForward, ...] = ()


Parser = Callable[[str], Any]


def _on_off(text: str) -> bool:
    if text not in BOOLEANS:
        raise UsageError(f"'{text}' is not on or off")
    return BOOLEANS[text]


def _at_most(length: int) -> Parser:
    def parse(text: str) -> str:
        if not text or "\0" in text:
            raise UsageError("it is empty" if not text else "it has a NUL")
        if len(os.fsencode(text)) > length:
            raise UsageError(f"it is longer than {length} bytes, for which there is room in a DHCP answer")
        return text

    return parse


def _name(text: str) -> str:
    """A domain to search in."""
    if not NAME.fullmatch(text) or len(text) > 253:
        raise UsageError(f"'{text}' is no domain name")
    return text


def _folder(text: str) -> str:
    if not os.path.isdir(text):
        raise UsageError(f"'{text}' is no folder; tftp= names one whose files the guest may fetch")
    return os.path.abspath(text)


def _network(text: str) -> tuple[int, int]:
    """`10.0.2.0/24`, `10.0.2.0/255.255.255.0`, or an address alone, whose class gives the mask."""
    address, slash, length = text.partition("/")
    at = _number(ipv4(address))
    if not slash:
        return at, next(mask for first, size, mask in CLASSES if at >> 32 - size == first >> 32 - size)
    if re.fullmatch("[0-9]{1,2}", length):
        if not 4 <= int(length) <= 32:
            raise UsageError(f"/{length} is no length for a network; it can be 4 to 32")
        return at, 0xFFFFFFFF << 32 - int(length) & 0xFFFFFFFF
    mask = _number(ipv4(length))
    rest = ~mask & 0xFFFFFFFF
    if rest & rest + 1 or mask >> 28 != 15:
        raise UsageError(f"{length} is no mask for a network")
    return at, mask


# (first address, bits that have to agree, mask): of the first that fits, for addresses without a mask
CLASSES = ((0x00000000, 1, 0xFF000000), (0xAC100000, 12, 0xFFF00000), (0x80000000, 2, 0xFFFF0000),
           (0xC0A80000, 16, 0xFFFF0000), (0xC6120000, 15, 0xFFFE0000), (0xC0000000, 3, 0xFFFFFF00),
           (0xE0000000, 3, 0xFFFFFFF0))  # fmt: skip


def _number(address: str) -> int:
    a, b, c, d = map(int, address.split("."))
    return a << 24 | b << 16 | c << 8 | d


def _dotted(number: int) -> str:
    return ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))


def _ipv6(text: str) -> str:
    import socket  # here: most networks are the default one

    try:
        return socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except (OSError, ValueError):
        raise UsageError(f"'{text}' is no IPv6 address") from None


def _prefix_length(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text) or int(text) > 126:
        raise UsageError(f"'{text}' is no length of a prefix; it can be 0 to 126")
    return int(text)


def _refused(why: str) -> Parser:
    def parse(text: str) -> Any:
        raise UnsupportedError(f"it is not supported: {why}")

    return parse


KEYS: dict[str, Parser] = {
    "ipv4": _on_off, "net": _network, "host": ipv4, "dns": ipv4, "dhcpstart": ipv4, "ipv6": _on_off,
    "ipv6-net": str, "ipv6-prefix": _ipv6, "ipv6-prefixlen": _prefix_length, "ipv6-host": _ipv6, "ipv6-dns": _ipv6,
    "restrict": _on_off, "hostname": _at_most(HOSTNAME), "domainname": _at_most(TEXT), "dnssearch": _name,
    "tftp": _folder, "tftp-server-name": _at_most(TEXT), "bootfile": _at_most(BOOTFILE), "hostfwd": host_forward,
    "guestfwd": guest_forward, "smb": _refused(NO_SMB), "smbserver": _refused(NO_SMB),
}  # fmt: skip
LISTS = ("dnssearch", "hostfwd", "guestfwd")  # may be given several times
REFUSED = ("smb", "smbserver")
# for help: what stands for the value, what it is, and what holds without it
HELP: dict[str, tuple[str, str, str]] = {
    "ipv4": ("on|off", "IPv4", "on, unless only ipv6=on is given"),
    "net": ("ADDR[/MASK]", "the guest's IPv4 network", "10.0.2.0/24"),
    "host": ("ADDR", "the address by which the guest reaches this machine", "number 2 of the network, 10.0.2.2"),
    "dns": ("ADDR", "the address of the name server", "number 3 of the network, 10.0.2.3"),
    "dhcpstart": ("ADDR", "the first of the 16 addresses that DHCP gives out", "number 15 of the network, 10.0.2.15"),
    "ipv6": ("on|off", "IPv6", "on, unless only ipv4=on is given"),
    "ipv6-net": ("ADDR[/N]", "ipv6-prefix and ipv6-prefixlen in one", ""),
    "ipv6-prefix": ("ADDR", "the guest's IPv6 network", "fec0::"),
    "ipv6-prefixlen": ("N", "the length of its prefix", "64"),
    "ipv6-host": ("ADDR", "the IPv6 address by which the guest reaches this machine", "number 2 of the network"),
    "ipv6-dns": ("ADDR", "the IPv6 address of the name server", "number 3 of the network"),
    "restrict": ("on|off", "the guest reaches nothing but what hostfwd and guestfwd let it", "off"),
    "hostname": ("NAME", "the guest's name, which DHCP tells it", ""),
    "domainname": ("NAME", "the guest's domain, which DHCP tells it", ""),
    "dnssearch": ("NAME", "a domain in which the guest searches for names; may be given several times", ""),
    "tftp": ("FOLDER", "a folder whose files the guest may read by TFTP", ""),
    "tftp-server-name": ("NAME", "the name of the TFTP server, which DHCP tells the guest", ""),
    "bootfile": ("FILE", "the file that the guest boots from, which DHCP tells it", ""),
    "hostfwd": ("RULE", "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT: a port of this machine leads to one of "
                "the guest's; may be given several times", "HOSTADDR 127.0.0.1, GUESTADDR that of dhcpstart"),
    "guestfwd": ("RULE", "tcp:[SERVER]:PORT-TARGET: a port in the guest's network leads to a program (cmd:COMMAND) or "
                 "a socket (tcp:HOST:PORT, unix:PATH, chardev:ID); may be given several times",
                 "SERVER number 4 of the network"),
}  # fmt: skip


def user_options(given: Iterable[tuple[str, str]], chardevs: Mapping[str, Spec] | None = None) -> UserOptions:
    """From the keys and texts of a command line, and its -chardevs by id. Raises UsageError or UnsupportedError with
    one line for a mistake.
    """
    values: dict[str, Any] = {}
    for key, text in given:
        if key not in KEYS:
            raise UsageError(f"unknown key '{key}'{nearest(key, HELP) or '; there are ' + ', '.join(HELP)}")
        try:
            value = KEYS[key](text)
            if key == "guestfwd":
                value = through(value, chardevs or {})
        except (UsageError, UnsupportedError) as e:
            raise type(e)(f"{key}={text}: {e}") from None
        if key in LISTS:
            value = (*values.get(key, ()), value)
        values[key] = value
    _split_ipv6_net(values)
    plain = {key.replace("-", "_"): value for key, value in values.items()}
    return UserOptions(**{**plain, **_families(plain), **_ipv4_addresses(plain), **_ipv6_addresses(plain)})


def _families(given: dict[str, Any]) -> dict[str, bool]:
    """A family that is asked for alone is the only one."""
    four, six = given.get("ipv4"), given.get("ipv6")
    found = {"ipv4": six is not True if four is None else four, "ipv6": four is not True if six is None else six}
    if not any(found.values()):
        raise UsageError("ipv4=off,ipv6=off leaves no network")
    for family, keys in (("ipv4", ("net", "host", "dns")), ("ipv6", ("ipv6_prefix", "ipv6_host", "ipv6_dns"))):
        unused = [key.replace("_", "-") for key in keys if key in given]
        if unused and not found[family]:
            raise UsageError(f"{unused[0]}= is for {family}, which is off")
    return found


def _ipv4_addresses(given: dict[str, Any]) -> dict[str, str]:
    at, mask = given.get("net", (0x0A000200, 0xFFFFFF00))
    net = at & mask
    usual = {"host": 0x202, "dns": 0x203, "dhcpstart": 0x20F}
    found = {key: _number(given[key]) if key in given else net | low & ~mask for key, low in usual.items()}
    shown = f"the network {_dotted(net)}/{mask.bit_count()}"
    for key in ("host", "dhcpstart", *(("dns",) if given.get("restrict") else ())):
        if found[key] & mask != net:
            raise UsageError(f"{key}={_dotted(found[key])} is not in {shown}")
    if found["dns"] == found["host"]:
        raise UsageError(f"dns= and host= are both {_dotted(found['dns'])}; they have to differ")
    if found["dhcpstart"] in (found["host"], found["dns"]):
        raise UsageError(f"dhcpstart= is {_dotted(found['dhcpstart'])}, which is the address of host= or dns=")
    _check_guest_forwards(given.get("guestfwd", ()), net, mask, (found["host"], found["dns"]))
    return {"net": _dotted(net), "mask": _dotted(mask)} | {key: _dotted(value) for key, value in found.items()}


def _check_guest_forwards(forwards: Iterable[GuestForward], net: int, mask: int, taken: tuple[int, int]) -> None:
    seen = set()
    for one in forwards:
        server = _number(one.server) if one.server else net | 0x204 & ~mask
        end = f"guestfwd=tcp:{_dotted(server)}:{one.port}"
        if server & mask != net:
            raise UsageError(f"{end}: the address is not in the network {_dotted(net)}/{mask.bit_count()}")
        if server in taken:
            raise UsageError(f"{end}: the address is that of host= or dns=")
        if (server, one.port) in seen:
            raise UsageError(f"{end} is given twice")
        seen.add((server, one.port))


def _split_ipv6_net(values: dict[str, Any]) -> None:
    text = values.pop("ipv6-net", None)
    if text is None:
        return
    address, slash, length = text.partition("/")
    try:
        values["ipv6-prefix"] = _ipv6(address)
        if slash:
            values["ipv6-prefixlen"] = _prefix_length(length)
    except UsageError as e:
        raise UsageError(f"ipv6-net={text}: {e}") from None


def _ipv6_addresses(given: dict[str, Any]) -> dict[str, Any]:
    """Nothing where the defaults hold."""
    if not any(key.startswith("ipv6_") for key in given):
        return {}
    from ipaddress import IPv6Address, IPv6Network

    length = given.get("ipv6_prefixlen", 64)
    net = IPv6Network((given.get("ipv6_prefix", "fec0::"), length), strict=False)
    host, dns = (IPv6Address(given.get(f"ipv6_{key}", int(net[0]) | low)) for key, low in (("host", 2), ("dns", 3)))
    for key, address in (("host", host), *((("dns", dns),) if given.get("restrict") else ())):
        if address not in net:
            raise UsageError(f"ipv6-{key}={address} is not in the network {net}")
    if host == dns:
        raise UsageError(f"ipv6-dns= and ipv6-host= are both {host}; they have to differ")
    return {"ipv6_prefix": str(net[0]), "ipv6_prefixlen": length, "ipv6_host": str(host), "ipv6_dns": str(dns)}
