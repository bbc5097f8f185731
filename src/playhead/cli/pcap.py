"""`playhead pcap`: the network traffic of a recording, for Wireshark and its relatives, by a silent replay."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playhead.cli.drive_options import IMAGES
from playhead.cli.options import FILE, Option, help_text, one_of, parse_arguments
from playhead.cli.replaying_options import ENGINE, QUIET

SINCE = "0.5.0"
STDOUT = "-"
OPTIONS = (
    Option("-o", "the file to write, in the format pcapng; - is standard output", parse=FILE, key="output",
           since=SINCE),
    Option("--from", "packets from this moment on: 1500000, 1.5M, 50%, -1000 (before the end), @12.5s, serial:\"text\"",
           "MOMENT", key="begin", since=SINCE),
    Option("--to", "and up to that one", "MOMENT", key="end", since=SINCE),
    Option("--time", "what a packet's time is: the date of the start plus virtual time (default), which is exact; or "
           "the host's, which is exact for packets that came in and estimated for others", "virtual|host",
           one_of("virtual", "host"), default="virtual", since=SINCE),
    Option("--force", "replace a pcapng file that exists", since=SINCE),
    IMAGES,
    ENGINE._replace(since=SINCE),
    QUIET._replace(since=SINCE),
)  # fmt: skip
OPERANDS = ("FILE",)


def help() -> str:
    usage = "playhead pcap FILE -o FILE [--from MOMENT] [--to MOMENT] [options]"
    what = (
        "Writes the packets of a recording, in both directions, as a capture file that Wireshark, tshark and others\n"
        "read: an interface for each netdev, and as each packet's comment the moment at which it passed, where\n"
        "`playhead debug --at` goes, and its other time. What the guest sent is not in the recording: it is found\n"
        "by a replay, which sends nothing. Exit status 1: the replay diverged."
    )
    return help_text("pcap", usage, what, OPTIONS)


def main(words: list[str]) -> int:
    values = parse_arguments("pcap", OPTIONS, words, OPERANDS)
    from playhead.base.errors import UsageError
    from playhead.cli.claims import of_recording
    from playhead.log.reader import Reader

    output = values["output"]
    if output is None:
        raise UsageError("packets need a file: -o FILE.pcapng, or -o - for standard output")
    claims = of_recording(values["file"], images=values["images"])
    if output != STDOUT:
        claims.writes("-o", output)
        claims.check()
    _check_output(output, values["force"])
    with Reader(values["file"]) as reader:
        claims.recorded_images(reader)
        claims.check()
        return _write(reader, values)


def _check_output(path: str, force: bool) -> None:
    """Only a file of the same kind is ever replaced, or nothing."""
    from playhead.base.errors import UsageError
    from playhead.cli import new_file
    from playhead.log.pcapng import MAGIC

    if path == STDOUT:
        if sys.stdout.isatty():
            raise UsageError("-o -: packets are no text: send standard output into a file or a program")
        return
    new_file.check(path, "pcapng file", lambda head: head.startswith(MAGIC), force=force, streams=True)


def _write(reader: Any, values: dict[str, Any]) -> int:
    from playhead.base.errors import UsageError
    from playhead.cli.capture import interfaces
    from playhead.cli.recorded_config import config_of
    from playhead.cli.recorded_machine import replay_to, stretch, timeline
    from playhead.session.track import Stopped

    found = interfaces(config_of(reader))
    if not found:
        raise UsageError(f"{reader.path} has no packets: no network card of its machine has a netdev")
    begin, end = stretch(reader, values)
    with (
        _output(values["output"]) as write,
        timeline(reader, values["engine"], images=values["images"]) as (line, host),
    ):
        capture = _capture(reader, write, found, lambda: host.request_quit("-o"), by_host=values["time"] == "host")
        if values["quiet"]:
            line.tell = lambda text: None
        try:
            line.seek(begin)
            line.player.traffic.append(capture)
            line.player.hear({})  # nothing is printed, all is compared
            note = replay_to(line.player, None if values["end"] is None else end)
        except Stopped:
            raise capture.failure or KeyboardInterrupt from None
        if capture.failure is not None:
            raise capture.failure
    if not values["quiet"]:
        host.message(*([note] if note else []), capture.summary(values["output"]))
    return host.exit_status(0)


def _capture(reader: Any, write: Callable[[bytes], object], found: list[Any], stop: Callable[[], None], *,
             by_host: bool) -> Any:  # fmt: skip
    """What the replay tells of its packets, with the beginning of the file written. `found`: its interfaces."""
    from playhead.version import __version__
    from playhead.cli.capture import Capture, start_ns
    from playhead.cli.recorded_config import config_of
    from playhead.log.host_times import HostTimes
    from playhead.log.pcapng import PcapngWriter

    created = str(reader.meta.get("created", ""))
    times = HostTimes((mark for _, mark, _ in reader.marks()), start_ns(None, created))
    about = f"{reader.path}; times are the {'host' if by_host else 'machine'}'s"
    file = PcapngWriter(write, found, f"playhead {__version__}", about)
    return Capture(file, start_ns(config_of(reader), created), times, stop, by_host=by_host)


@contextmanager
def _output(path: str) -> Iterator[Callable[[bytes], object]]:
    """What writes bytes there: a regular file gets its name when it is complete."""
    from playhead.base.errors import HostError
    from playhead.cli import new_file

    if path == STDOUT:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    if not os.path.exists(path) or os.path.isfile(path):
        with new_file.complete(path) as name, open(name, "wb") as file:
            yield file.write
        return
    try:
        with open(path, "wb") as file:
            yield file.write
    except BrokenPipeError:
        raise
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror}") from None
