"""Framing of gdb's remote serial protocol, both ways: `$data#checksum`, acknowledgements, the interrupt byte.

The decoder takes bytes in pieces of any size and returns packets. Nothing that arrives can make it raise or grow: a
packet that is damaged or too long becomes a `Bad`, which the session answers with `-`; noise between packets is
dropped. The meaning of packets is not its business.

Source: gdb manual, appendix E "gdb Remote Serial Protocol", section "Overview".
"""

from dataclasses import dataclass
from enum import Enum, auto

PACKET_SIZE = 0x4000  # longest packet that we take, told to the client in qSupported
ACK, NAK = b"+", b"-"
_START, _END, _ESCAPE, _REPEAT, _INTERRUPT = b"$#}*\x03"
_ESCAPE_BIT = 0x20
_REPEAT_BASE = 29  # a repeat count is written as a printable character: count + 29
_HEX = b"0123456789abcdefABCDEF"


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose checksum was right: escapes undone, runs expanded."""

    data: bytes


class Mark(Enum):
    """What else arrives."""

    ACK = auto()
    NAK = auto()
    INTERRUPT = auto()  # the byte 0x03 between packets: Ctrl-C
    BAD = auto()  # a packet that was damaged, malformed or too long


Arrival = Packet | Mark
_ALONE = {ACK[0]: Mark.ACK, NAK[0]: Mark.NAK, _INTERRUPT: Mark.INTERRUPT}


class Decoder:
    """`feed(bytes)` -> what has arrived completely, in order."""

    def __init__(self) -> None:
        self._body: bytearray | None = None  # of the packet that is arriving, as it came
        self._checksum: bytearray | None = None  # its two digits, once `#` was seen
        self._too_long = False

    def feed(self, data: bytes) -> list[Arrival]:
        arrived: list[Arrival] = []
        at = 0
        while at < len(data):
            if self._checksum is not None:
                at = self._take_checksum(data, at, arrived)
            elif self._body is not None:
                at = self._take_body(data, at)
            else:
                at = self._between(data, at, arrived)
        return arrived

    def _between(self, data: bytes, at: int, arrived: list[Arrival]) -> int:
        if data[at] == _START:
            self._body, self._too_long = bytearray(), False
        elif data[at] in _ALONE:
            arrived.append(_ALONE[data[at]])
        return at + 1

    def _take_body(self, data: bytes, at: int) -> int:
        """Up to the `#`, or to a `$`: that is always escaped inside a packet, so what came before it was cut off."""
        assert self._body is not None
        ends = [i for i in (data.find(b"#", at), data.find(b"$", at)) if i >= 0]
        end = min(ends, default=len(data))
        if len(self._body) + end - at > PACKET_SIZE:
            self._too_long = True
        if not self._too_long:
            self._body += data[at:end]
        if end == len(data):
            return end
        if data[end] == _END:
            self._checksum = bytearray()
        else:
            self._body, self._too_long = bytearray(), False
        return end + 1

    def _take_checksum(self, data: bytes, at: int, arrived: list[Arrival]) -> int:
        assert self._body is not None and self._checksum is not None
        if data[at] == _START:  # cut off inside the checksum, and the next one begins
            arrived.append(Mark.BAD)
            self._body, self._checksum, self._too_long = bytearray(), None, False
            return at + 1
        self._checksum.append(data[at])
        if len(self._checksum) == 2:
            arrived.append(self._finish(bytes(self._body), bytes(self._checksum)))
            self._body = self._checksum = None
        return at + 1

    def _finish(self, body: bytes, checksum: bytes) -> Arrival:
        if self._too_long or any(digit not in _HEX for digit in checksum) or int(checksum, 16) != sum(body) & 0xFF:
            return Mark.BAD
        data = _plain(body)
        return Mark.BAD if data is None else Packet(data)


def _plain(body: bytes) -> bytes | None:
    """Escapes undone and runs expanded; None if that cannot be done, or gives too much."""
    if b"}" not in body and b"*" not in body:
        return body
    out = bytearray()
    following = iter(body)
    for byte in following:
        if byte not in (_ESCAPE, _REPEAT):
            out.append(byte)
            continue
        argument = next(following, None)
        if argument is None:
            return None
        if byte == _ESCAPE:
            out.append(argument ^ _ESCAPE_BIT)
            continue
        count = argument - _REPEAT_BASE
        if not out or count < 3 or argument > 126 or len(out) + count > PACKET_SIZE:
            return None
        out += out[-1:] * count
    return bytes(out)


def escape(data: bytes) -> bytes:
    """Binary data as a packet may hold it. Clients undo the escapes only in replies that carry binary data."""
    out = bytearray()
    for byte in data:
        if byte in (_START, _END, _ESCAPE, _REPEAT):
            out += bytes((_ESCAPE, byte ^ _ESCAPE_BIT))
        else:
            out.append(byte)
    return bytes(out)


def frame(data: bytes) -> bytes:
    """A packet around `data`, which holds no bare `$` or `#`."""
    assert b"$" not in data and b"#" not in data, data
    return b"$%b#%02x" % (data, sum(data) & 0xFF)
