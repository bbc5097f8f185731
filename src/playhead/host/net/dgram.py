"""`-netdev dgram`: one datagram a frame, over UDP or Unix sockets, or to a multicast group; also what `-netdev socket`
has of that kind.

Nothing is connected: what goes out while nobody is at the remote address is lost, and what comes in while the guest
does not read waits in the kernel as long as there is room. A group is joined at `local.host`'s interface, else at the
one that the host's routes lead to. Unlike QEMU's, a machine does not hear its own frames from a group: they go out of a
socket of their own, by whose address they are known. (IPv6 takes an echo of its own question for a second user of its
address.)
"""

import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

from playhead.base.errors import HostError, UnsupportedError, UsageError
from playhead.host.chardev import addresses
from playhead.host.chardev.spec import LOOPBACK
from playhead.host.net.address import Address, socket_address
from playhead.host.net.end import FRAME_MAX, NetEnd
from playhead.host.net.sub_options import SubOptions
from playhead.host.watch import IN

AT_ONCE = 64  # frames that are read before others are looked at
OUTBOX = 256  # frames for a Unix socket whose reader is behind
FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6, "": socket.AF_UNSPEC}


class DgramOptions(NamedTuple):
    """`local` may be missing for a multicast group; of it only the host counts there."""

    remote: Address
    local: Address | None = None


def options(given: Mapping[str, Any]) -> DgramOptions:
    """Those of `-netdev dgram`, without type and id. Raises UsageError or UnsupportedError."""
    words = SubOptions(given)
    ends = {key: words.nested(key) for key in ("local", "remote")}
    words.done()
    local, remote = (socket_address(nested, key) if nested is not None else None for key, nested in ends.items())
    for key, one in (("local", local), ("remote", remote)):
        if one is not None and one.type == "fd":
            raise UnsupportedError(f"{key}.type=fd is not supported: give inet or unix, or -netdev stream with fd")
        if one is not None and one.to:
            raise UsageError(f"{key}.to= is for -netdev stream,server=on")
    if local is None and not (remote is not None and remote.multicast):
        raise UsageError("local.type= is missing: it may be left out for a multicast group only")
    if remote is None:
        raise UsageError("remote.type= is missing: where frames are sent to")
    if local is not None and local.type != remote.type:
        raise UsageError(f"local.type={local.type} and remote.type={remote.type} should be the same")
    return DgramOptions(remote, local)


def end(id: str, given: DgramOptions) -> NetEnd:
    """Takes hold of its addresses at once. Raises HostError."""
    remote, local = given.remote, given.local
    if remote.type == "unix":
        assert local is not None
        return UnixDatagrams(id, local.path, remote.path)
    if remote.multicast:
        return MulticastDatagrams(id, remote, _interface(local))
    assert local is not None
    return UdpDatagrams(id, local, remote)


def _interface(local: Address | None) -> str:
    return "" if local is None or local.host in ("", "0.0.0.0") else str(_resolved(local, socket.AF_INET)[1][0])


def _resolved(address: Address, family: int = 0) -> tuple[int, tuple[str, int]]:
    """(family, (host, port)); no host is this machine."""
    host = address.host or LOOPBACK
    try:
        found = socket.getaddrinfo(host, address.port, family or FAMILIES[address.family], socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as e:
        raise HostError(f"{host}: {getattr(e, 'strerror', None) or 'no such host'}") from None
    family, _, _, _, where = found[0]
    return family, (str(where[0]), int(where[1]))


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Datagrams(NetEnd):
    """`_in` receives; `_out` sends to `_remote`."""

    def __init__(self, label: str, incoming: socket.socket, out: socket.socket, remote: Any):
        super().__init__(label)
        self._in, self._out, self._remote = incoming, out, remote
        self._own: Any = None  # the address of frames that come back to whom they came from
        self.open_at = ""  # where others than this machine's programs may send to, for a message
        incoming.setblocking(False)
        out.setblocking(False)

    def open(self) -> None:
        if self.open_at:
            self.message(f"{self.label} is open to the network at {self.open_at}, without a password")

    def send(self, frame: bytes) -> None:
        try:
            if frame:
                self._out.sendto(frame, self._remote)
        except OSError:
            self.lost += 1  # too many at once, too long, or nobody is there

    def close(self) -> None:
        self._in.close()
        self._out.close()

    # the watcher's thread

    def watched(self) -> tuple[int, int]:
        return self._in.fileno(), IN if self.room > 0 else 0

    def ready(self, events: int) -> None:
        for _ in range(min(self.room, AT_ONCE)):
            try:
                frame, sender = self._in.recvfrom(FRAME_MAX + 1)
            except OSError:
                return
            if frame and (self._own is None or sender != self._own):
                self.arrive(frame)


class UdpDatagrams(_Datagrams):
    """From any sender: who sends from behind a router has another address than the remote one."""

    def __init__(self, label: str, local: Address, remote: Address):
        family, there = _resolved(remote)
        _, here = _resolved(local, family)
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.bind(here)
        except OSError as e:
            bound.close()
            raise HostError(f"cannot receive at udp:{_shown(*here)}: {e.strerror}") from None
        super().__init__(label, bound, bound, there)
        self.local = (here[0], int(bound.getsockname()[1]))
        self.where = f"udp={_shown(*self.local)}/{_shown(*there)}"
        if not addresses.is_loopback(here[0]):
            self.open_at = f"udp:{_shown(*self.local)}"


class UnixDatagrams(_Datagrams):
    """A reader that is behind makes the kernel refuse more: some wait here for it."""

    def __init__(self, label: str, local: str, remote: str):
        bound = addresses.bind_unix(local, socket.SOCK_DGRAM)
        self._path, self._file = local, addresses.identity(local)
        self._waiting: deque[bytes] = deque()
        super().__init__(label, bound, bound, remote)
        self.where = f"udp={local}:{remote}"

    def send(self, frame: bytes) -> None:
        if not frame:
            return
        if len(self._waiting) >= OUTBOX:
            self.lost += 1
        else:
            self._waiting.append(frame)
            self.flush()

    def flush(self) -> None:
        while self._waiting:
            try:
                self._out.sendto(self._waiting[0], self._remote)
            except BlockingIOError:
                return
            except OSError:
                self.lost += 1
            self._waiting.popleft()

    def close(self) -> None:
        super().close()
        if self._file is not None and addresses.identity(self._path) == self._file:
            with contextlib.suppress(OSError):
                os.unlink(self._path)


class MulticastDatagrams(_Datagrams):
    """All who have joined the group are on one network."""

    def __init__(self, label: str, group: Address, interface: str = ""):
        """`interface`: the address of one, or the one that the host's routes lead to."""
        there = (group.host, group.port)
        incoming, out = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        here = socket.inet_aton(interface or "0.0.0.0")
        try:
            incoming.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            incoming.bind(there)
            member = struct.pack("4s4s", socket.inet_aton(group.host), here)
            incoming.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            if interface:
                out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, here)
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)  # for others on this host
            out.connect(there)  # binds it, so that its own address is known
            own = out.getsockname()
        except OSError as e:
            incoming.close()
            out.close()
            at = f" at {interface}" if interface else ""
            raise HostError(f"cannot join the group {_shown(*there)}{at}: {e.strerror}") from None
        super().__init__(label, incoming, out, there)
        self._own = own
        self.where = f"mcast={_shown(*there)}"
        if not addresses.is_loopback(interface):
            self.open_at = f"the multicast group {_shown(*there)}"
