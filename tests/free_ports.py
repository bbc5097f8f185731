"""Ports for programs that have to be told one. They are not among those that the kernel gives whoever asks for any
port, or uses for a client: such a port may be somebody else's a moment later, or a client's own end.
"""

import contextlib
import random
import socket
from pathlib import Path

RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOW = 10_000


def free_ports(count: int) -> list[int]:
    """Ports of loopback at which neither TCP nor UDP is spoken now."""
    first, last = map(int, RANGE.read_text().split())
    candidates = [*range(LOW, first), *range(last + 1, 1 << 16)] or [*range(LOW, 1 << 16)]
    found: list[int] = []
    for port in random.SystemRandom().sample(candidates, len(candidates)):
        if len(found) == count:
            return found
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
            found.append(port)
    raise AssertionError("no port is free")


def free_port() -> int:
    return free_ports(1)[0]
