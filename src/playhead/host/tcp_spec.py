"""Where to listen (host/listen.py), as people and QEMU's scripts write it."""

import re

from playhead.base.errors import UsageError

LOOPBACK = "127.0.0.1"


def parse_spec(spec: str) -> tuple[str, int]:
    """`tcp::PORT`, `tcp:HOST:PORT` or `PORT` -> host and port. No host means this machine only."""
    found = re.fullmatch(r"(?:tcp:(\[[0-9a-fA-F:.]+\]|[^:]*):)?([0-9]{1,5})", spec)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"cannot listen at {spec!r}; give tcp::PORT, tcp:HOST:PORT or PORT")
    return (found[1] or LOOPBACK).strip("[]"), int(found[2])


def parse_server(spec: str) -> str:
    """What QEMU's scripts give, `tcp:HOST:PORT,server,nowait` (`server=on,wait=off`), as a spec for `TcpListener`."""
    address, *options = spec.split(",")
    known = {"server": "server", "server=on": "server", "nowait": "nowait", "wait=off": "nowait", "nodelay": ""}
    for option in options:
        if option not in known:
            raise UsageError(f"'{option}' is not one of {', '.join(known)}")
    if not address.startswith("tcp:") or not {"server", "nowait"} <= {known[option] for option in options}:
        raise UsageError(f"write {address if address.startswith('tcp:') else 'tcp:HOST:PORT'},server,nowait")
    parse_spec(address)
    return address
