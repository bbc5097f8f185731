"""A recording's machine, checked: what every verb that runs one starts from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playhead.base.errors import FormatError, UnsupportedError
from playhead.boards.config import PcConfig
from playhead.cli.assemble import make_build
from playhead.host.host import Host
from playhead.log.reader import Reader
from playhead.session.run import Build
from playhead.timeline.timeline import Timeline
from playhead.x86.cpuid import MODELS

SHOW_NS = 200_000_000  # between two looks at progress


def description(reader: Reader) -> tuple[PcConfig, int]:
    """What the machine is, and its first shift."""
    config = PcConfig.from_json(reader.meta["config"], reader.blob)
    if config.cpu not in MODELS:
        raise UnsupportedError(f"{reader.path} needs a processor that is not known here: {config.cpu!r}")
    shift: Any = reader.meta.get("shift")
    if type(shift) is not int or not 0 <= shift <= 10:
        raise FormatError(f"{reader.path} is damaged: its shift is {shift!r}")
    return config, shift


def builder(reader: Reader, engine: str = "native") -> tuple[Build, int]:
    """What makes the machine, and how many serial ports it has."""
    config, shift = description(reader)
    return make_build(config, engine, shift), len(config.serial)


@contextmanager
def timeline(reader: Reader, engine: str = "native") -> Iterator[tuple[Timeline, Host]]:
    """A recording to move about in, for a verb without a session: progress on the terminal, signals interrupt it."""
    build, ports = builder(reader, engine)
    host = Host()
    line = Timeline(build, host, reader, ports)
    next_ns = 0

    def tell(text: str) -> None:
        nonlocal next_ns
        if host.status.enabled and host.realtime_ns() >= next_ns:
            host.status.show(text)
            next_ns = host.realtime_ns() + SHOW_NS

    line.tell = tell
    with host:
        host.start(line.kick)
        try:
            line.begin()
            with line.interruptible(lambda: bool(host.quit_cause())):
                yield line, host
        finally:
            host.status.clear()
