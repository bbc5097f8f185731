"""A TCP port that serves one client at a time, for protocols that are spoken elsewhere (gdb's, for one)."""

from playhead.host.chardev.sockets import SocketDevice
from playhead.host.chardev.spec import Spec
from playhead.host.tcp_spec import parse_spec


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
