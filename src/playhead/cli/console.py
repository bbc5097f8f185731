"""`playhead console`: what the guest printed, out of the recording's index of it, without a replay."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from playhead.cli.options import Option, help_text, one_of, parse_arguments

PORTS = ("0", "1", "2", "3", "debugcon")
LOOK_S = 0.2  # between two looks at a recording that is being written
LOOKS = 20  # before it is opened anew, by which one learns whether somebody is still writing it
NEWLINE = 0x0A

OPTIONS = (
    Option("--port", "which one: 0 (default) is COM1, 3 is COM4; debugcon is the debug console", "|".join(PORTS),
           one_of(*PORTS), default="0"),
    Option("--from", "what is printed behind this moment: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, "
           "serial:\"text\"", "MOMENT", key="begin"),
    Option("--to", "and up to that one", "MOMENT", key="end"),
    Option("--moments", "each line behind the moment at which it was complete"),
    Option("--follow", "of a recording that is still being written: go on until it ends, or Ctrl-C"),
)  # fmt: skip


def help() -> str:
    usage = "playhead console FILE [options]"
    what = (
        "Prints what the guest printed on a serial port, byte for byte as a replay does, but at once: a recording\n"
        "keeps an index of it. (A replay compares what it prints with that.)"
    )
    return help_text("console", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("console", OPTIONS, words, ["FILE"])
    from playhead.base.errors import UsageError
    from playhead.log.console import DEBUGCON
    from playhead.log.reader import Reader

    port = DEBUGCON if values["port"] == "debugcon" else int(values["port"])
    if values["follow"] and values["end"] is not None:
        raise UsageError("--follow goes on to the recording's end: leave out --to")
    with Reader(values["file"]) as reader:
        begin, end = _edges(reader, values)
        _check_port(reader, port)
        if not values["follow"]:
            _print((one for one in reader.console.each(begin, end) if one.port == port), values["moments"])
            return 0
    return _follow(values["file"], port, begin, values["moments"])


def _edges(reader: Any, values: dict[str, Any]) -> tuple[Any, Any]:
    from playhead.base.errors import UsageError
    from playhead.cli.recorded_machine import moment_of

    begin, end = (None if values[key] is None else moment_of(reader, values[key]) for key in ("begin", "end"))
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"--from {begin} is behind --to {end}")
    return begin, end


def _check_port(reader: Any, port: int) -> None:
    from playhead.base.errors import UsageError
    from playhead.log.console import DEBUGCON

    ports = len(reader.meta["config"].get("serial") or ())
    if port != DEBUGCON and port >= ports:
        raise UsageError(f"the recorded machine has {ports} serial ports: there is no --port {port}")


def _print(printed: Iterable[Any], moments: bool) -> None:
    """Bytes as they are; or lines, each behind the moment at which its end was printed."""
    out, line = sys.stdout.buffer, bytearray()
    at: Any = None
    for one in printed:
        if not moments:
            out.write(one.text)
            continue
        for byte, at in zip(one.text, one.moments, strict=True):
            line.append(byte)
            if byte == NEWLINE:
                out.write(_line(line, at))
                line.clear()
    if line:
        out.write(_line(line + b"\n", at))
    out.flush()


def _line(text: bytearray, at: Any) -> bytes:
    return f"{at!s:>14}  ".encode() + text


def _follow(path: str, port: int, begin: Any, moments: bool) -> int:
    """What is there, then what is added, until the recording has its end or nobody writes it any more."""
    from playhead.log.reader import Reader

    while True:
        with Reader(path) as reader:
            begin, over = _more(reader, port, begin, moments)
            for _ in range(LOOKS if not over else 0):
                time.sleep(LOOK_S)
                reader.look_again()
                before = begin
                begin, over = _more(reader, port, begin, moments)
                if over or begin == before:
                    break
            written = reader.container.written
        if over:
            return 0
        if not written:
            print(f"playhead: {path} ends here: its recorder was killed", file=sys.stderr)
            return 0


def _more(reader: Any, port: int, begin: Any, moments: bool) -> tuple[Any, bool]:
    """Print what is behind a moment; where that ends, and whether it is the end."""
    over, end = reader.ended(), reader.last().moment
    if begin is None or end > begin:
        _print((one for one in reader.console.each(begin, end) if one.port == port), moments)
    return end, over
