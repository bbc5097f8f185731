"""A TCP port that serves one client at a time, for protocols that are spoken elsewhere (gdb's, for one)."""

import re

from playhead.base.errors import UsageError
from playhead.host.chardev.sockets import SocketDevice
from playhead.host.chardev.spec import LOOPBACK, Spec


def parse_spec(spec: str) -> tuple[str, int]:
    """`tcp::PORT`, `tcp:HOST:PORT` or `PORT` -> host and port. No host means this machine only."""
    found = re.fullmatch(r"(?:tcp:(\[[0-9a-fA-F:.]+\]|[^:]*):)?([0-9]{1,5})", spec)
    if found is None or int(found[2]) > 65535:
        raise UsageError(f"cannot listen at {spec!r}; give tcp::PORT, tcp:HOST:PORT or PORT")
    return (found[1] or LOOPBACK).strip("[]"), int(found[2])


class TcpListener(SocketDevice):
    """Listens as soon as it is made. Put it into `Watcher.sources`, and `Watcher.poke` into `poke`. `option`: the word
    on the command line that asks for it.
    """

    held = True

    def __init__(self, spec: str, option: str = ""):
        host, port = parse_spec(spec)
        super().__init__("", Spec("socket", host=host, port=port, server=True), option)

    @property
    def host(self) -> str:
        return self.spec.host

    @property
    def port(self) -> int:
        return self.spec.port
