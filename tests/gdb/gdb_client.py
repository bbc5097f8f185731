"""The other end of a session, in the test's own words: sends packets, takes replies apart."""

import re

from playhead.gdb.server import GdbSession


def packet(data: bytes) -> bytes:
    return b"$%b#%02x" % (data, sum(data) & 0xFF)


def replies(output: bytes) -> list[bytes]:
    """The packets that a session sent, without acknowledgements; every checksum is verified."""
    found = re.findall(rb"\$([^#]*)#([0-9a-f]{2})", output)
    assert re.sub(rb"\$[^#]*#..", b"", output).strip(b"+-") == b"", output
    for data, checksum in found:
        assert sum(data) & 0xFF == int(checksum, 16)
    return [data for data, _ in found]


class Client:
    """Talks to a session and runs its target whenever it asks for that."""

    def __init__(self, target):
        self.target, self.session = target, GdbSession(target)

    def send(self, data: bytes) -> list[bytes]:
        self.session.receive(data)
        out = self.session.take_output()
        while self.session.wanted is not None:
            self.session.run(lambda: self.session.interrupt_requested)
            out += self.session.take_output()
        return replies(out)

    def ask(self, data: bytes | str) -> bytes:
        """The last reply to one packet; empty for none."""
        return (self.send(packet(data.encode() if isinstance(data, str) else data)) or [b""])[-1]


def console(packets: list[bytes]) -> str:
    """What the user is shown of them."""
    return b"".join(bytes.fromhex(p[1:].decode()) for p in packets if p[:1] == b"O" and p != b"OK").decode()
