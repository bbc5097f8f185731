"""What a verb that asks a recording through the Python interface shows and heeds: progress, and signals."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playhead.api.source import Source
from playhead.host.host import Host
from playhead.timeline.timeline import Timeline

SHOW_NS = 200_000_000


class AskingHost(Host):
    """`tell(text)` shows progress on a terminal."""

    def __init__(self) -> None:
        super().__init__((), reads=False)
        self._next_ns = 0
        self.lines: list[Timeline] = []

    def tell(self, text: str) -> None:
        if self.status.enabled and self.realtime_ns() >= self._next_ns:
            self.status.show(text)
            self._next_ns = self.realtime_ns() + SHOW_NS

    def kick(self) -> None:
        for line in self.lines:
            line.kick()


@contextmanager
def asking(*recordings: Source) -> Iterator[AskingHost]:
    """While this lasts, signals stop all machines on these recordings (`Stopped`)."""
    host = AskingHost()
    for rec in recordings:
        rec.opened.append(lambda line: _join(host, line))
    with host:
        host.start(host.kick)
        try:
            yield host
        finally:
            host.status.clear()


def _join(host: AskingHost, line: Timeline) -> None:
    host.lines.append(line)
    line.interrupted = lambda: bool(host.quit_cause())
