"""What the handlers of packets share: the target, what the client said about itself, and what it asked for.

Text for the user (`say`): gdb accepts the console packet `O` only while the target runs or a monitor command is
executed. Text at another time is kept until then.
"""

import re
from dataclasses import dataclass, field

from playhead.base.errors import PlayheadError
from playhead.gdb.packets import PACKET_SIZE, frame
from playhead.gdb.target import Kind, Target

_CONSOLE_BYTES = (PACKET_SIZE - 16) // 2  # of text in one packet, in which each takes two digits
_KEPT = 100  # lines that wait for gdb to listen


@dataclass(frozen=True, slots=True)
class Resume:
    """The client wants the target to go."""

    kind: Kind


@dataclass
class Context:
    target: Target
    features: set[str] = field(default_factory=set)  # what the client announced in qSupported
    acknowledging: bool = True  # until QStartNoAckMode
    described: bool = False  # the client has read the target description
    physical: bool = False  # memory packets mean physical addresses (Qqemu.PhyMemMode)
    inserted: dict[tuple[int, int, int], None] = field(default_factory=dict)  # (kind, address, length), in order
    wanted: Resume | None = None  # not None: the target runs
    ended: str | None = None  # "detach" or "kill"
    extended: bool = False  # the client said `!`: a killed or detached recording can be run again
    halt_once: bool = False  # `vRun` named a moment: gdb's next command, to continue, must not leave it
    exit_reply: bytes = b""  # the machine is gone, and this is what was said about it
    output: bytearray = field(default_factory=bytearray)
    last_packet: bytes = b""  # that the client may ask for again
    _listening: bool = False  # gdb shows console output
    _kept: list[str] = field(default_factory=list)

    @property
    def is_gdb(self) -> bool:
        """gdb announces the one set of registers that it was built for; lldb lists several, old clients none."""
        return "xmlRegisters=i386" in self.features

    @property
    def is_lldb(self) -> bool:
        return any(feature.startswith("xmlRegisters=i386,") for feature in self.features)

    def emit(self, packet: bytes) -> None:
        """Send a packet."""
        self.last_packet = frame(packet)
        self.output += self.last_packet

    def say(self, text: str) -> None:
        """Show the user lines of text, as soon as gdb listens."""
        if not self._listening:
            if text not in self._kept and len(self._kept) < _KEPT:
                self._kept.append(text)
            return
        data = (text if text.endswith("\n") else text + "\n").encode(errors="replace")
        for at in range(0, len(data), _CONSOLE_BYTES):
            self.emit(b"O" + data[at : at + _CONSOLE_BYTES].hex().encode())

    def listen(self, listening: bool) -> None:
        """gdb begins or ceases to show console output."""
        self._listening = listening
        if listening:
            kept, self._kept = self._kept, []
            for text in kept:
                self.say(text)

    def take_kept(self) -> str:
        """What has been said while gdb did not listen; it is not said again."""
        kept, self._kept = self._kept, []
        return "\n".join(kept)

    def resume(self, kind: Kind) -> None:
        self.wanted = Resume(kind)
        self.listen(True)

    def refused(self, refusal: PlayheadError, code: bytes, shown: bool = False) -> bytes:
        """The error reply for what the target refused, with the reason in it if the client shows that: lldb does,
        because it finds the reply odd; gdb from version 16 on does, and says so; older ones at some packets only
        (`shown`). Else the reason is kept: gdb asks for it when it runs our file (`inside_gdb.py`), and listens when it
        next resumes or executes a monitor command."""
        if shown or "error-message+" in self.features or self.is_lldb:
            return b"E." + _inline(str(refusal))
        self.say(str(refusal))
        return code

    def remove_all(self) -> None:
        """Take every breakpoint and watchpoint out of the target."""
        while self.inserted:
            key, _ = self.inserted.popitem()
            self.target.remove(*key)


def _inline(text: str) -> bytes:
    """Text as a packet may hold it: printable, without the characters that framing uses."""
    return re.sub(r"[^ -~]|[$#}*]", "?", text).encode()
