"""QEMU's words for networks: what -netdev, -nic and -net say. Which network cards come of it is `network.py`.

What a kind of netdev may be told is checked by whoever makes it (`host/net`); here are the words, and their two forms:
`user,id=net0,hostfwd=tcp::2222-:22`, and the same as JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import nearest
from playhead.cli.option_table import Listed, Sub, commas
from playhead.cli.structured_value import is_json, json_object, put
from playhead.cli.value_types import FILE, TEXT, Type, identifier, number, on_off, type_of
from playhead.devices import registry
from playhead.host.net import user_options
from playhead.hw.declared import Property

SINCE = "0.5.0"
KINDS = ("user", "socket", "stream", "dgram")
NOT_HERE = {
    "tap": "it would need rights on the host's own network; there is user, and socket, which joins machines",
    "bridge": "it would need rights on the host's own network; there is user, and socket, which joins machines",
    "hubport": "there are no hubs; give each network card a netdev of its own, or join machines by socket",
    "l2tpv3": "there is dgram, which carries frames in UDP packets",
    "vde": "there is socket, stream and dgram, which join machines",
    "netmap": "there is user, and socket, which joins machines",
    "af-xdp": "there is user, and socket, which joins machines",
    "vhost-user": "another process would write into the guest's memory; there is user",
    "vhost-vdpa": "a device of the host cannot be recorded; there is user",
    "vmnet-host": "it is for macOS; there is user",
    "vmnet-shared": "it is for macOS; there is user",
    "vmnet-bridged": "it is for macOS; there is user",
    "passt": "there is user, and stream, to which passt can be joined by its socket",
    "slirp": "it is called user",
}


def _kind(text: str) -> str:
    if text in NOT_HERE:
        raise UnsupportedError(f"netdevs of the type '{text}' are not supported: {NOT_HERE[text]}")
    if text not in KINDS:
        raise UsageError(f"unknown type '{text}'{nearest(text, KINDS) or '; there is ' + ', '.join(KINDS)}")
    return text


KIND = Type("|".join(KINDS), _kind, KINDS)
ON_OFF = Type("on|off", str, on_off.words)
OF_ADDRESS = (("host", TEXT, "its host"), ("port", TEXT, "its port"), ("path", FILE, "its path, of a Unix socket"),
              ("ipv4", ON_OFF, "inet: by IPv4"), ("ipv6", ON_OFF, "inet: by IPv6"),
              ("numeric", ON_OFF, "inet: its host is in numbers"))  # fmt: skip
OF_STREAM = (("type", Type("inet|unix|fd", str, ("inet", "unix", "fd")), "inet (TCP), unix, or fd"), *OF_ADDRESS,
             ("to", TEXT, "inet, of a server: the last port to try"),
             ("keep-alive", ON_OFF, "inet: TCP looks whether the other side is still there"),
             ("str", TEXT, "its number, of a descriptor"))  # fmt: skip
OF_DGRAM = (("type", Type("inet|unix", str, ("inet", "unix")), "inet (UDP) or unix"), *OF_ADDRESS)
OWN = {  # of each kind but user, whose words `user_options` has: (name, type, help)
    "socket": (
        ("listen", TEXT, "wait for the other machine at [ADDR]:PORT"),
        ("connect", TEXT, "connect to it at ADDR:PORT"),
        ("udp", TEXT, "send each frame to ADDR:PORT by UDP"),
        ("mcast", TEXT, "share a multicast group at ADDR:PORT"),
        ("localaddr", TEXT, "udp: where to receive, ADDR:PORT; mcast: the interface's ADDR"),
        ("fd", TEXT, "a socket that is open already, by its number"),
    ),
    "stream": (
        ("server", ON_OFF, "it is connected to, else it connects"),
        ("reconnect", TEXT, "of a client: after how many seconds to try again; 0: never"),
        *((f"addr.{key}", type, f"the address: {help}") for key, type, help in OF_STREAM),
    ),
    "dgram": tuple((f"{side}.{key}", type, f"where it {does}: {help}")
                   for side, does in (("local", "receives"), ("remote", "sends to"))
                   for key, type, help in OF_DGRAM),
}  # fmt: skip
SUBS: tuple[Sub, ...] = (
    Sub("type", KIND, "user: a network of the machine's own, from which it reaches that of the host (libslirp); "
        "socket, stream, dgram: frames to another machine, by TCP, UDP or Unix sockets"),
    Sub("id", identifier, "the name by which a network card's netdev= has it"),
    *(Sub(key, Type(shown, str, on_off.words if shown == "on|off" else (), "folder" if key == "tftp" else ""),
          f"user: {help}", default, of=("user",)) for key, (shown, help, default) in user_options.HELP.items()),
    *(Sub(key, type, f"{kind}: {help}", of=(kind,)) for kind, rows in OWN.items() for key, type, help in rows),
)  # fmt: skip
SUBS = tuple(sub._replace(since=SINCE) for sub in SUBS)
MAC = Property("mac", "mac")
# QEMU's other network cards, by how their names begin
OTHER_CARDS = ("e1000", "i825", "i828", "igb", "ne2k", "pcnet", "tulip", "vmxnet", "virtio-net", "usb-net")


class Netdev(NamedTuple):
    """A netdev that an option asks for. `id` is empty if the option names none; `options` is what its kind makes of
    its sub-options, or a function that makes it when it is given the -chardevs; `said`: the option, for messages.
    """

    kind: str
    id: str
    options: Any
    said: str


class Nic(NamedTuple):
    """A -nic, or one half of what a pair of -net says. Without `model` it is the default one; `netdev` is what it is
    connected to, or a name of that. Nothing at all: `none`.
    """

    said: str
    card: bool = False
    model: str = ""
    mac: str | None = None
    addr: str | None = None
    netdev: Netdev | str | None = None


# -netdev


def netdev(text: str) -> Netdev:
    """The value of -netdev."""
    given = _Given(text)
    if given.kind is None:
        raise UsageError(f"type= is missing; there is {', '.join(KINDS)}")
    if not given.own("id"):
        raise UsageError("it needs an id=, by which a network card's netdev= names it")
    return _netdev(given.kind, given, f"-netdev {text}")


def list_kinds(about: str) -> str | None:
    """What -netdev help prints, and -netdev KIND,help."""
    if not about:
        return "\n".join(("Available netdev backend types:", *KINDS))
    if about not in KINDS:
        return None
    return _rows(SUBS, about)


def _rows(subs: Sequence[Sub], about: str) -> str:
    """Sub-options of a kind, or all."""
    rows = [sub for sub in subs if not about or (sub.name != "type" and about in (sub.of or (about,)))]
    return "\n".join(f"  {sub.shown:<36} {sub.help.removeprefix(f'{about}: ')}" for sub in rows)


class _Given:
    """Sub-options as they are given: `kind` is the type, `own` takes out what is this program's."""

    def __init__(self, text: str):
        self._json = is_json(text)
        self._pairs = list(json_object(text).items()) if self._json else list(_items(text))
        self.kind = self.own("type")

    def own(self, key: str) -> str | None:
        """The last one counts."""
        values = [value for name, value in self._pairs if name == key]
        if values and not isinstance(values[-1], str):
            raise UsageError(f"{key} is a text")
        return values[-1] if values else None

    def without(self, *keys: str) -> _Given:
        self._pairs = [(name, value) for name, value in self._pairs if name not in keys]
        return self

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self._pairs]

    def pairs(self) -> Iterator[tuple[str, str]]:
        """All of them as texts; of a list in JSON, each item."""
        for name, value in self._pairs:
            for one in value if isinstance(value, list) else [value]:
                plain = one.get("str") if isinstance(one, dict) and set(one) == {"str"} else one
                if not isinstance(plain, (str, int)):
                    raise UsageError(f"{name} cannot be {value!r}")
                yield name, ("on" if plain else "off") if isinstance(plain, bool) else str(plain)

    def nested(self) -> dict[str, Any]:
        """All of them, in dictionaries where keys have dots."""
        if self._json:
            return dict(self._pairs)
        out: dict[str, Any] = {}
        for name, value in self._pairs:
            put(out, name, value)
        return out


def _items(text: str) -> Iterator[tuple[str, str]]:
    """`key` alone is on, and `nokey` off."""
    for n, item in enumerate(commas(text)):
        key, equals, value = item.partition("=")
        if not key:
            raise UsageError(f"'{item}' should be key=value")
        if equals:
            yield key, value
        elif n == 0:
            yield "type", item
        elif item[:2] == "no" and item[2:] in user_options.KEYS:
            yield item[2:], "off"
        else:
            yield item, "on"


def _netdev(kind: str, given: _Given, said: str) -> Netdev:
    """Checked as far as it can be without the host."""
    _kind(kind)
    id = given.own("id") or ""
    if id:
        identifier(id)
    given.without("type", "id")
    if kind == "user":
        pairs = list(given.pairs())
        options = partial(user_options.user_options, pairs)  # of a -chardev that may come later
        return Netdev(kind, id, options if _names_chardev(pairs) else options(), said)
    return Netdev(kind, id, import_module(f"playhead.host.net.{kind}").options(given.nested()), said)


def _names_chardev(pairs: Sequence[tuple[str, str]]) -> bool:
    return any(key == "guestfwd" and "-chardev:" in value for key, value in pairs)


# -nic and -net

MODEL = Type("MODEL", str, tuple(registry.network_cards()))
OF_CARD = (
    Sub("model", MODEL, "the network card; model=help lists them", "e1000", SINCE),
)  # fmt: skip
NIC_SUBS = (
    Sub("type", Type("none|" + KIND.shown, str, ("none", *KINDS)), "what it is connected to, as for -netdev, whose "
        "sub-options it takes, too; none: there is no network card", "user", SINCE),
    *(sub._replace(of=KINDS) for sub in OF_CARD),
    Sub("mac", Type("MAC", str), "its address", "52:54:00:12:34:56, and so on", SINCE, of=KINDS),
    Sub("id", identifier, "a name for the netdev", since=SINCE, of=KINDS),
)  # fmt: skip
NET_SUBS = (
    Sub("type", Type("nic|none|" + KIND.shown, str, ("nic", "none", *KINDS)), "nic: a network card; none: there is no "
        "network; else what that card is connected to, as for -netdev, whose sub-options it takes", since=SINCE),
    *(sub._replace(of=("nic",)) for sub in OF_CARD),
    Sub("macaddr", Type("MAC", str), "nic: its address", "52:54:00:12:34:56, and so on", SINCE, of=("nic",)),
    Sub("addr", Type("SLOT", str), "nic: its slot on the PCI bus", "the first that is free", SINCE, of=("nic",)),
    Sub("netdev", Type("ID", str, completes="-netdev"), "nic: a -netdev for it alone", since=SINCE, of=("nic",)),
    Sub("id", identifier, "a name for it", since=SINCE, of=("nic", *KINDS)),
)  # fmt: skip
OF_KINDS = tuple(sub for sub in SUBS if sub.of)  # what -nic and -net take, too
OF_NIC = ("model", "mac")
OF_NET_NIC = ("id", "model", "macaddr", "addr", "netdev", "vectors")


def list_nic(about: str) -> str | None:
    """What -nic help prints, and -nic KIND,help."""
    return _listed(NIC_SUBS, about)


def list_net(about: str) -> str | None:
    """The same of -net."""
    return _listed(NET_SUBS, about)


def _listed(own: Sequence[Sub], about: str) -> str | None:
    if about and about not in type_of(own[0].type).words:
        return None
    return _rows([*own, *OF_KINDS] if about else own, about)


def nic(text: str) -> Nic:
    """The value of -nic: a network card and its netdev in one."""
    said, given = f"-nic {text}", _Given(text)
    model, mac = _model(given.own("model")), _mac(given.own("mac"))
    if given.kind == "none":
        return Nic(said)
    if given.kind == "nic":
        raise UsageError(f"unknown type 'nic'; there is none, {', '.join(KINDS)}")
    return Nic(said, True, model, mac, None, _netdev(given.kind or "user", given.without(*OF_NIC), said))


def net(text: str) -> Nic:
    """The value of -net: a network card, or what the card of the other -net is connected to."""
    said, given = f"-net {text}", _Given(text)
    if given.kind is None:
        raise UsageError(f"type= is missing; there is nic, none, {', '.join(KINDS)}")
    if given.kind == "none":
        return Nic(said)
    if given.kind != "nic":
        return Nic(said, netdev=_netdev(given.kind, given, said))
    for key in given.without("type").names:
        if key not in OF_NET_NIC:
            there = ", ".join(OF_NET_NIC)
            raise UsageError(f"unknown key '{key}' for nic{nearest(key, OF_NET_NIC) or '; there is ' + there}")
    if (vectors := given.own("vectors")) is not None:
        number(0, 0x7FFFFFF)(vectors)  # of MSI-X, which no card here has
    addr = given.own("addr")
    if addr is not None:
        addr = str(Property("addr", "addr").parse(addr, "nic"))
    return Nic(said, True, _model(given.own("model")), _mac(given.own("macaddr")), addr, given.own("netdev"))


def _mac(text: str | None) -> str | None:
    if text is None:
        return None
    mac = str(MAC.parse(text, "nic"))
    if int(mac[:2], 16) & 1:
        raise UsageError(f"mac={text}: the address of a group; that of a card has an even first byte")
    return mac


def _model(text: str | None) -> str:
    """Checked; `help` lists those that there are."""
    if not text:
        return ""
    models = registry.network_cards()
    if text in ("help", "?"):
        raise Listed("\n".join(("Supported NIC models:", *models)))
    if text in models:
        return text
    if text.startswith((*OTHER_CARDS, "virtio", "usb")):
        raise UnsupportedError(f"model={text}: this version has no such network card; there is {', '.join(models)}")
    raise UsageError(f"model={text}: unknown network card{nearest(text, models) or '; there is ' + ', '.join(models)}")
