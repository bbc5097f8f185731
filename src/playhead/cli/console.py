"""`playhead console`: what the guest printed, out of the recording's index of it, without a replay."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from playhead.base.messages import tell
from playhead.cli.options import Option, help_text, one_of, parse_arguments

PORTS = ("0", "1", "2", "3", "debugcon")
LOOK_S = 0.2  # between two checks of a recording that is being written
LOOKS = 20  # before it is opened anew, which shows whether it is still being written
NEWLINE = 0x0A

OPTIONS = (
    Option("--port", "which one: 0 (default) is COM1, 3 is COM4; debugcon is the debug console", "|".join(PORTS),
           one_of(*PORTS), default="0", since="0.2.0"),
    Option("--from", "what is printed after this moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, "
           "serial:\"text\"", "MOMENT", key="begin", since="0.2.0"),
    Option("--to", "and up to that one", "MOMENT", key="end", since="0.2.0"),
    Option("--moments", "print before each line the moment at which it was complete", since="0.2.0"),
    Option("--follow", "of a recording that is still being written: continue until it ends, or Ctrl-C", since="0.2.0"),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead console FILE [options]"
    what = (
        "Prints the guest's output on a serial port, byte for byte as a replay does, but at once: a recording keeps\n"
        "an index of it. (A replay compares its output with that.)"
    )
    return help_text("console", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("console", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.log.console import DEBUGCON
    from playhead.log.reader import Reader

    port = DEBUGCON if values["port"] == "debugcon" else int(values["port"])
    if values["follow"] and values["end"] is not None:
        raise UsageError("--follow continues to the recording's end: leave out --to")
    of_recording(values["file"])
    with Reader(values["file"]) as reader:
        begin, end = _edges(reader, values)
        _check_port(reader, port)
        out, note = _Out(values["moments"]), ""
        if not values["follow"]:
            out.write(one for one in reader.console.each(begin, end) if one.port == port)
    try:
        if values["follow"]:
            note = _Follower(values["file"], port, begin, out).run()
    finally:
        out.end()
    if note:
        tell(note)
    return 0


def _edges(reader: Any, values: dict[str, Any]) -> tuple[Any, Any]:
    from playhead.base.errors import UsageError
    from playhead.cli.recorded_machine import moment_of

    begin, end = (None if values[key] is None else moment_of(reader, values[key]) for key in ("begin", "end"))
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"--from {begin} comes after --to {end}")
    return begin, end


def _check_port(reader: Any, port: int) -> None:
    from playhead.base.errors import UsageError
    from playhead.cli.quantities import count
    from playhead.cli.recorded_words import serial_ports
    from playhead.log.console import DEBUGCON

    ports = serial_ports(reader.meta["config"])
    if port != DEBUGCON and port >= ports:
        raise UsageError(f"the recorded machine has {count(ports, 'serial port')}: there is no --port {port}")


class _Out:
    """Bytes as they are; or lines, each after the moment at which its end was printed."""

    def __init__(self, moments: bool):
        self._moments = moments
        self._line, self._at = bytearray(), ""

    def write(self, printed: Iterable[Any]) -> None:
        out = sys.stdout.buffer
        for one in printed:
            if self._moments:
                for byte, at in zip(one.text, one.moments, strict=True):
                    self._line.append(byte)
                    self._at = str(at)
                    if byte == NEWLINE:
                        self._end_line()
            else:
                out.write(one.text)
        out.flush()

    def _end_line(self) -> None:
        sys.stdout.buffer.write(f"{self._at:>14}  ".encode() + self._line)
        self._line.clear()

    def end(self) -> None:
        """A last line that has no end yet."""
        if self._line:
            self._line.append(NEWLINE)
            self._end_line()
            sys.stdout.buffer.flush()


class _Follower:
    """The output so far, then what is added, until the recording has its end or is not being written any more."""

    def __init__(self, path: str, port: int, begin: Any, out: _Out):
        self._path, self._port, self._upto, self._out = path, port, begin, out

    def run(self) -> str:
        """What there is to say in the end."""
        from playhead.log.reader import Reader

        while True:
            with Reader(self._path) as reader:
                for _ in range(LOOKS):
                    if self._more(reader):
                        return ""
                    time.sleep(LOOK_S)
                written = reader.container.written
            if not written:
                return f"{self._path} ends here: it was cut off"

    def _more(self, reader: Any) -> bool:
        """Print what is new; whether that is the end."""
        over = reader.ended()
        reader.look_again()
        end = reader.last().moment
        if self._upto is None or end > self._upto:
            self._out.write(one for one in reader.console.each(self._upto, end) if one.port == self._port)
        self._upto = end
        return bool(over)
