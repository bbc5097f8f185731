"""A guest without a machine: Ethernet, ARP, DHCP, IPv4, IPv6, UDP, ICMP and just enough of TCP to talk to a user-mode
network through its end on the host.
"""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from playhead.host.net.user import UserNet
from playhead.host.net.user_options import user_options
from playhead.host.watch import Watcher

BROADCAST = b"\xff" * 6
MAC = bytes.fromhex("525400123456")
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
IP4, ARP, IP6 = 0x0800, 0x0806, 0x86DD
WAIT_S = 60


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


class Segment(NamedTuple):
    source: str
    sport: int
    dport: int
    seq: int
    ack: int
    flags: int
    window: int
    data: bytes


class Datagram(NamedTuple):
    source: str
    sport: int
    dport: int
    data: bytes


class Guest:
    """`with Guest("restrict=on") as guest:`. Time stands still but for `pass_time`."""

    def __init__(self, *given: str, mac: bytes = MAC, address: str = "10.0.2.15", watch: bool = True,
                 kind: type[UserNet] = UserNet):  # fmt: skip
        pairs = [(key, value) for key, _, value in (text.partition("=") for text in given)]
        self.mac, self.address, self.gateway = mac, address, b"\x52\x55\x0a\x00\x02\x02"
        self.now_ns = 0
        self.said: list[str] = []
        self.end = kind("net0", user_options(pairs))
        self.end.message = self.said.append
        self._watcher = Watcher()
        self.end.poke = self._watcher.poke
        self._watching = watch
        self._watcher.sources = [self.end]

    def __enter__(self) -> "Guest":
        try:
            self.end.open()
            self.end.opened()
        except BaseException:
            self.close()
            raise
        if self._watching:
            self._watcher.start(lambda: None)
            self.send_arp(self.address)  # tells it our address
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._watcher.stop()
        self.end.close()

    def pass_time(self, ns: int) -> None:
        self.now_ns += ns
        self.end.virtual_time(self.now_ns)

    def frames(self, wait_s: float = WAIT_S) -> Iterator[bytes]:
        """Those that come, until none has for so long."""
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            if self.end.waiting:
                frame = self.end.take()
                self._answer_arp(frame)
                yield frame
                until = time.monotonic() + wait_s
            else:
                self._watcher.wait(5_000_000)

    def first(self, wanted: Callable[[bytes], object], wait_s: float = WAIT_S) -> object:
        """What `wanted` makes of the first frame of which it makes something; None if none comes."""
        until = time.monotonic() + wait_s
        for frame in self.frames(wait_s):
            if (found := wanted(frame)) is not None:
                return found
            if time.monotonic() > until:
                break
        return None

    # Ethernet and ARP

    def send(self, kind: int, payload: bytes, to: bytes | None = None) -> None:
        self.end.send((to or self.gateway) + self.mac + kind.to_bytes(2, "big") + payload)
        self.end.flush()  # each in a turn of its own

    def _arp(self, operation: int, to_mac: bytes, to: str) -> bytes:
        return struct.pack("!HHBBH6s4s6s4s", 1, IP4, 6, 4, operation, self.mac, socket.inet_aton(self.address), to_mac,
                           socket.inet_aton(to))  # fmt: skip

    def send_arp(self, address: str) -> None:
        self.send(ARP, self._arp(1, bytes(6), address), BROADCAST)

    def _answer_arp(self, frame: bytes) -> None:
        asks = frame[12:14] == ARP.to_bytes(2, "big") and frame[20:22] == b"\0\1"
        if asks and frame[38:42] == socket.inet_aton(self.address):
            self.send(ARP, self._arp(2, frame[22:28], socket.inet_ntoa(frame[28:32])), frame[6:12])

    def arp(self, address: str, wait_s: float = WAIT_S) -> object:
        """The MAC address of whoever has this one."""
        self.send_arp(address)

        def reply(frame: bytes) -> bytes | None:
            known = frame[12:14] == ARP.to_bytes(2, "big") and frame[20:22] == b"\0\2"
            return frame[22:28] if known and frame[28:32] == socket.inet_aton(address) else None

        return self.first(reply, wait_s)

    # IPv4 and IPv6

    def ip(self, protocol: int, to: str, payload: bytes, source: str | None = None, mac: bytes | None = None) -> None:
        if ":" in to:
            header = struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 255, self._packed(source or ADDRESS6),
                                 self._packed(to))  # fmt: skip
            self.send(IP6, header + payload, mac)
            return
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0,
                           socket.inet_aton(source or self.address), socket.inet_aton(to))  # fmt: skip
        self.send(IP4, head[:10] + checksum(head).to_bytes(2, "big") + head[12:] + payload, mac)

    @staticmethod
    def _packed(address: str) -> bytes:
        return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)

    def _sum(self, to: str, protocol: int, payload: bytes, source: str | None = None) -> bytes:
        ends = self._packed(source or (ADDRESS6 if ":" in to else self.address)) + self._packed(to)
        size = len(payload)
        length = struct.pack("!II", size, protocol) if ":" in to else struct.pack("!HH", protocol, size)
        return checksum(ends + length + payload).to_bytes(2, "big")

    def udp(self, to: str, port: int, data: bytes, sport: int = 4000, source: str | None = None) -> None:
        plain = struct.pack("!HHHH", sport, port, 8 + len(data), 0)
        total = self._sum(to, 17, plain + data, source)
        broadcast = BROADCAST if to == "255.255.255.255" else None
        self.ip(17, to, plain[:6] + total + data, source, broadcast)

    def datagram(self, port: int, wait_s: float = WAIT_S) -> Datagram | None:
        """The next one for this port."""

        def wanted(frame: bytes) -> Datagram | None:
            found = ip_payload(frame, 17)
            if found is None:
                return None
            source, data = found
            sport, dport = struct.unpack("!HH", data[:4])
            return Datagram(source, sport, dport, data[8:]) if dport == port else None

        return self.first(wanted, wait_s)  # type: ignore[return-value]

    def ping(self, to: str, data: bytes = b"abcdefgh", wait_s: float = WAIT_S) -> object:
        """The data of the echo."""
        plain = struct.pack("!BBHHH", 8, 0, 0, 7, 1) + data
        self.ip(1, to, plain[:2] + checksum(plain).to_bytes(2, "big") + plain[4:])

        def wanted(frame: bytes) -> bytes | None:
            found = ip_payload(frame, 1)
            return found[1][8:] if found is not None and found[1][0] == 0 and found[0] == to else None

        return self.first(wanted, wait_s)

    def icmp6(self, to: str, kind: int, body: bytes, mac: bytes, source: str | None = None) -> None:
        plain = struct.pack("!BBH", kind, 0, 0) + body
        self.ip(58, to, plain[:2] + self._sum(to, 58, plain, source) + plain[4:], source, mac)

    # DHCP

    def dhcp(self, kind: int, mac: bytes, *options: tuple[int, bytes],
             wait_s: float = WAIT_S) -> dict[int, bytes] | None:  # fmt: skip
        """The options of the answer, with the address that is offered under 0 and the boot file under 256."""
        given = b"".join(bytes([code, len(data)]) + data for code, data in ((53, bytes([kind])), *options))
        number = int.from_bytes(mac[2:], "big")
        body = struct.pack("!BBBBIHH16s16s64s128s", 1, 1, 6, 0, number, 0, 0x8000, b"", mac, b"", b"")
        mine, self.mac = self.mac, mac
        self.udp("255.255.255.255", 67, body + b"\x63\x82\x53\x63" + given + b"\xff", 68, "0.0.0.0")
        self.mac = mine
        found = self.datagram(68, wait_s)
        return None if found is None else _dhcp_options(found.data)

    def lease(self, mac: bytes, wait_s: float = WAIT_S) -> str | None:
        """The address that a machine with this MAC address gets."""
        offer = self.dhcp(1, mac, wait_s=wait_s)
        if offer is None:
            return None
        reply = self.dhcp(3, mac, (50, offer[0]), (54, offer[54]))
        assert reply is not None and reply[53] == b"\5"
        return socket.inet_ntoa(reply[0])

    # TCP

    def connect(self, to: str, port: int, sport: int = 5000, wait_s: float = WAIT_S) -> "Connection | None":
        """None: it was refused, or nobody has answered."""
        one = Connection(self, to, port, sport)
        return one if one.open(wait_s) else None

    def accept(self, port: int, wait_s: float = WAIT_S) -> "Connection | None":
        """The next connection that comes from outside to a port of the guest's."""
        found = self.first(lambda frame: _segment(frame, lambda one: one.dport == port and one.flags & SYN), wait_s)
        if found is None:
            return None
        assert isinstance(found, Segment)
        one = Connection(self, found.source, found.sport, port)
        one.ack = found.seq + 1
        one.send(b"", SYN | ACK)
        one.seq += 1
        return one


ADDRESS6 = "fec0::5054:ff:fe12:3456"


class Connection:
    """A TCP connection of the guest's."""

    def __init__(self, guest: Guest, to: str, port: int, sport: int):
        self.guest, self.to, self.port, self.sport = guest, to, port, sport
        self.seq, self.ack, self.window = 1000, 0, 0xFFFF
        self.done = self.reset = False

    def send(self, data: bytes = b"", flags: int = ACK) -> None:
        options = b"\2\4\x05\xb4" if flags & SYN else b""
        head = struct.pack("!HHIIBBHHH", self.sport, self.port, self.seq & 0xFFFFFFFF, self.ack & 0xFFFFFFFF,
                           (20 + len(options)) << 2, flags, self.window, 0, 0) + options  # fmt: skip
        total = self.guest._sum(self.to, 6, head + data)
        self.guest.ip(6, self.to, head[:16] + total + head[18:] + data)
        self.seq += len(data)

    def segment(self, wait_s: float = WAIT_S) -> Segment | None:
        """The next one of this connection, as it comes."""
        mine = (self.to, self.port, self.sport)

        def wanted(frame: bytes) -> Segment | None:
            return _segment(frame, lambda one: (one.source, one.sport, one.dport) == mine)

        return self.guest.first(wanted, wait_s)  # type: ignore[return-value]

    def open(self, wait_s: float = WAIT_S) -> bool:
        self.send(b"", SYN)
        self.seq += 1
        found = self.segment(wait_s)
        if found is None or found.flags & RST:
            self.reset = found is not None
            return False
        self.ack = found.seq + 1
        self.send()
        return True

    def read(self, size: int | None = None, wait_s: float = WAIT_S) -> bytes:
        """So many bytes, or all until the other side closes."""
        out = bytearray()
        while size is None or len(out) < size:
            found = self.segment(wait_s)
            if found is None or found.flags & RST:
                self.reset = found is not None
                break
            if found.seq != self.ack & 0xFFFFFFFF:
                self.send()
                continue
            out += found.data
            self.ack += len(found.data) + bool(found.flags & FIN)
            if found.data or found.flags & FIN:
                self.send()
            if found.flags & FIN:
                self.done = True
                break
        return bytes(out)

    def close(self) -> None:
        self.send(b"", FIN | ACK)
        self.seq += 1


def ip_payload(frame: bytes, protocol: int) -> tuple[str, bytes] | None:
    """Source and payload of an IP packet of this protocol."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IP4 and frame[23] == protocol:
        start, length = 14 + (frame[14] & 15) * 4, int.from_bytes(frame[16:18], "big")
        return socket.inet_ntoa(frame[26:30]), frame[start : 14 + length]
    if kind == IP6 and frame[20] == protocol:
        length = int.from_bytes(frame[18:20], "big")
        return socket.inet_ntop(socket.AF_INET6, frame[22:38]), frame[54 : 54 + length]
    return None


def _segment(frame: bytes, wanted: Callable[[Segment], object]) -> Segment | None:
    found = ip_payload(frame, 6)
    if found is None:
        return None
    source, data = found
    sport, dport, seq, ack, offset, flags, window = struct.unpack("!HHIIBBH", data[:16])
    one = Segment(source, sport, dport, seq, ack, flags, window, data[offset >> 4 << 2 :])
    return one if wanted(one) else None


def _dhcp_options(data: bytes) -> dict[int, bytes]:
    found = {0: data[16:20], 256: data[108:236].rstrip(b"\0")}
    at = 240
    while data[at] != 255:
        if data[at]:
            found[data[at]] = data[at + 2 : at + 2 + data[at + 1]]
            at += 1 + data[at + 1]
        at += 1
    return found
