"""`i` and `o`: the I/O ports, read and written by hand.

A read has side effects on many devices (it acknowledges an interrupt, takes a character), so both change the machine:
they are for a machine that is not recorded. A recording has no event for them, and its replay could not do the same.
"""

from playhead.base.errors import UsageError
from playhead.monitor.commands import RECORDING, REPLAY, Command, Say, refused
from playhead.monitor.memory import Format, expressions
from playhead.timeline.debuggee import Debuggee

LETTERS = {1: "b", 2: "w", 4: "l"}
WHY = {
    **refused("a read of a port can change the device, which would not be in the recording; playhead run has no such "
              "limit", RECORDING),
    **refused("a read of a port can change the device, and a replay cannot be changed", REPLAY),
}  # fmt: skip


def commands(target: Debuggee, form: Format) -> tuple[Command, ...]:
    ports = Ports(target, form)
    return (
        Command(("i",), "[/fmt] addr...", "I/O port read", ports.read, refused=WHY),
        Command(("o",), "[/fmt] addr value...", "I/O port write", ports.write, refused=WHY),
    )


class Ports:
    """What a device asks of the outside meanwhile is answered as if the guest had made the access."""

    def __init__(self, target: Debuggee, form: Format):
        self._target, self._form = target, form

    def _taken(self, words: list[str]) -> tuple[int, list[str]]:
        form, rest = self._form.take(words)
        if form.size not in LETTERS:
            raise UsageError("a port has 1, 2 or 4 bytes: /b, /h or /w")
        return form.size, rest

    def read(self, words: list[str], say: Say) -> None:
        size, rest = self._taken(words)
        (port,) = expressions(self._target, rest, 1, "i")
        value = self._target.machine.board.io.read(port.number & 0xFFFF, size)
        say(f"port{LETTERS[size]}[{port.number & 0xFFFF:#06x}] = {value:#0{2 + 2 * size}x}")

    def write(self, words: list[str], say: Say) -> None:
        size, rest = self._taken(words)
        port, value = expressions(self._target, rest, 2, "o")
        self._target.machine.board.io.write(port.number & 0xFFFF, size, value.number & ((1 << 8 * size) - 1))
