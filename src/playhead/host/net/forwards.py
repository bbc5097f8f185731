"""Ports that lead from the host into a user-mode network (`hostfwd`), and out of it (`guestfwd`), in QEMU's words.

A host address that is not given is 127.0.0.1, where QEMU has all addresses: a port is open to other machines only if
that was asked for, with 0.0.0.0 or an address of this machine's.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from playhead.base.errors import UnsupportedError, UsageError
from playhead.host.chardev.spec import LOOPBACK, Spec

FIRST_LEASE = ""  # a guest address that is not given: the first one that DHCP gives out


class HostForward(NamedTuple):
    """A TCP or UDP port of the host's, whose connections or datagrams go to a port of the guest's."""

    udp: bool
    host: str
    host_port: int  # 0: one that is free
    guest: str = FIRST_LEASE
    guest_port: int = 0

    @property
    def at(self) -> str:
        """`tcp:127.0.0.1:2222`, for messages."""
        return f"{'udp' if self.udp else 'tcp'}:{self.host}:{self.host_port}"

    @property
    def is_open(self) -> bool:
        """Whether other machines can connect."""
        return not self.host.startswith("127.")


class GuestForward(NamedTuple):
    """An address and TCP port in the guest's network that leads to a program or a socket of the host's."""

    server: str  # empty: host number 4 of the network
    port: int
    command: str = ""  # is started for each connection
    path: str = ""  # of a Unix socket
    host: str = ""  # of a TCP socket
    host_port: int = 0
    chardev: str = ""  # the id of a -chardev that is such a socket

    @property
    def target(self) -> str:
        """In the words of the option."""
        if self.command:
            return f"cmd:{self.command}"
        return f"unix:{self.path}" if self.path else f"tcp:{self.host}:{self.host_port}"


def ipv4(text: str) -> str:
    """An IPv4 address in dotted form, checked."""
    parts = text.split(".")
    if len(parts) != 4 or not all(re.fullmatch("[0-9]{1,3}", part) and int(part) < 256 for part in parts):
        raise UsageError(f"'{text}' is no IPv4 address")
    return ".".join(str(int(part)) for part in parts)


def port(text: str, lowest: int = 0) -> int:
    number = int(text, 0) if re.fullmatch("[1-9][0-9]{0,5}|0[xX][0-9a-fA-F]{1,4}|0", text) else -1
    if not lowest <= number <= 65535:
        raise UsageError(f"'{text}' is no port; ports are {lowest} to 65535")
    return number


def _protocol(text: str, there: tuple[str, ...]) -> str:
    if text not in ("", *there):
        raise UsageError(f"'{text}' is no protocol that can be forwarded; there is {' and '.join(there)}")
    return text or "tcp"


def host_end(text: str) -> HostForward:
    """`[tcp|udp]:[HOSTADDR]:HOSTPORT`, as hostfwd_remove takes it."""
    words = text.split(":")
    if len(words) != 3:
        raise UsageError(f"'{text}' should be [tcp|udp]:[HOSTADDR]:HOSTPORT")
    udp = _protocol(words[0], ("tcp", "udp")) == "udp"
    return HostForward(udp, ipv4(words[1]) if words[1] else LOOPBACK, port(words[2]))


def host_forward(text: str) -> HostForward:
    """`[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT`, the value of hostfwd=."""
    near, dash, far = text.rpartition("-")
    guest, colon, guest_port = far.rpartition(":")
    if not dash or not colon or near.count(":") != 2:
        if "[" in text:
            raise UnsupportedError(f"'{text}' is not supported: ports are forwarded from and to IPv4 addresses")
        raise UsageError(f"'{text}' should be [tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT")
    return host_end(near)._replace(guest=ipv4(guest) if guest else FIRST_LEASE, guest_port=port(guest_port, 1))


def guest_forward(text: str) -> GuestForward:
    """`[tcp]:[SERVER]:PORT-TARGET`, the value of guestfwd=; TARGET is cmd:COMMAND, tcp:HOST:PORT, unix:PATH
    or chardev:ID.
    """
    near, dash, target = text.partition("-")
    words = near.split(":")
    if len(words) != 3 or not dash or not target:
        raise UsageError(f"'{text}' should be tcp:[SERVER]:PORT-TARGET with cmd:COMMAND, tcp:HOST:PORT or unix:PATH")
    _protocol(words[0], ("tcp",))
    end = GuestForward(ipv4(words[1]) if words[1] else "", port(words[2], 1))
    kind, _, rest = target.partition(":")
    if kind == "cmd" and rest:
        return end._replace(command=rest)
    if kind == "unix" and rest:
        return end._replace(path=_client(target, rest))
    if kind == "tcp" and rest:
        host, colon, host_port = _client(target, rest).rpartition(":")
        if not colon:
            raise UsageError(f"'{target}' should be tcp:HOST:PORT")
        return end._replace(host=host.strip("[]") or LOOPBACK, host_port=port(host_port, 1))
    if kind == "chardev" and rest:
        return end._replace(chardev=rest)
    raise UnsupportedError(f"'{target}' is not supported; there is cmd:COMMAND, tcp:HOST:PORT, unix:PATH, chardev:ID")


def through(forward: GuestForward, chardevs: Mapping[str, Spec]) -> GuestForward:
    """With the socket of its -chardev, if it names one."""
    if not forward.chardev:
        return forward
    spec = chardevs.get(forward.chardev)
    if spec is None:
        raise UsageError(f"there is no -chardev with the id '{forward.chardev}'")
    if spec.backend != "socket" or spec.server or spec.telnet or spec.mux:
        raise UnsupportedError(f"-chardev {spec.backend},id={spec.id} is no socket that connects to a program, as a "
                               "guest's network needs it")  # fmt: skip
    host = "" if spec.path else spec.host or LOOPBACK
    return forward._replace(chardev="", path=spec.path, host=host, host_port=spec.port)


def _client(target: str, address: str) -> str:
    """The address of a socket to connect to, without options that change nothing for a client."""
    where, comma, options = address.partition(",")
    if comma and not {"server=off", "noserver", "nodelay", "nodelay=on"}.issuperset(options.split(",")):
        raise UnsupportedError(f"'{target}' is not supported: Playhead connects to a socket at which a program listens")
    return where
