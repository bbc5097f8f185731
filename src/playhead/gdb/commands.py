"""What a packet family is made of: declared commands, their dispatch, and the parsing that all of them need.

Each `commands_*.py` holds the handlers of one family and, at its end, the table that names them. A handler gets the
context and what follows the command's name, and returns the reply; None means that nothing is to be said now. An empty
reply says "no such packet" in this protocol.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from playhead.base.errors import PlayheadError
from playhead.gdb.context import Context

Handler = Callable[[Context, bytes], bytes | None]

OK, UNKNOWN = b"OK", b""
# Error replies are read by users and by QEMU's tests: errno in decimal digits, as QEMU writes them.
REFUSED, NOTHING_THERE, INVALID = b"E01", b"E14", b"E22"
THREAD = 1  # the one processor


class Fault(PlayheadError):
    """A packet that cannot be served; `reply` is what its sender gets."""

    def __init__(self, reply: bytes = INVALID):
        super().__init__(reply.decode())
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Command:
    """`follows`: the characters that may follow the name, if anything does; None: any."""

    name: bytes
    handler: Handler
    follows: bytes | None = b""

    def takes(self, packet: bytes) -> bool:
        if not packet.startswith(self.name):
            return False
        rest = packet[len(self.name) :]
        return self.follows is None or not rest or rest[0] in self.follows


class Dispatcher:
    """Finds the command of a packet; the longest name wins."""

    def __init__(self, commands: Iterable[Command]):
        self._by_first: dict[int, list[Command]] = {}
        for command in sorted(commands, key=lambda c: -len(c.name)):
            self._by_first.setdefault(command.name[0], []).append(command)

    def reply(self, context: Context, packet: bytes) -> bytes | None:
        for command in self._by_first.get(packet[0], ()) if packet else ():
            if command.takes(packet):
                try:
                    return command.handler(context, packet[len(command.name) :])
                except Fault as fault:
                    return fault.reply
                except PlayheadError as refusal:
                    return context.refused(refusal, REFUSED)
        return UNKNOWN


def number(text: bytes) -> int:
    """Hexadecimal digits, and nothing that Python would read besides them."""
    if not re.fullmatch(rb"[0-9a-fA-F]{1,16}", text):
        raise Fault
    return int(text, 16)


def numbers(text: bytes, count: int) -> list[int]:
    """So many numbers with commas between."""
    parts = text.split(b",")
    if len(parts) != count:
        raise Fault
    return [number(part) for part in parts]


def hex_bytes(text: bytes) -> bytes:
    if len(text) % 2 or not re.fullmatch(rb"[0-9a-fA-F]*", text):
        raise Fault
    return bytes.fromhex(text.decode())


def thread(text: bytes) -> int:
    """A thread's number, 0 for any and -1 for all; with or without a process, which is 1 too."""
    found = re.fullmatch(rb"(?:p(?:-1|0*[01])\.)?(-1|0*[01])", text) or re.fullmatch(rb"p(-1|0*1)", text)
    if found is None:
        raise Fault
    return int(found[1])
