"""A recording for a verb that asks it through the Python interface: progress on the terminal, signals end the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from playhead.api.recording import Recording
from playhead.host.host import Host
from playhead.timeline.timeline import Timeline

SHOW_NS = 200_000_000  # between two looks at progress


class AskingHost(Host):
    """`tell(text)` shows progress; `lines` are the machines that a signal stops."""

    def __init__(self) -> None:
        super().__init__((), reads=False)
        self.lines: list[Timeline] = []
        self._next_ns = 0

    def tell(self, text: str) -> None:
        if self.status.enabled and self.realtime_ns() >= self._next_ns:
            self.status.show(text)
            self._next_ns = self.realtime_ns() + SHOW_NS

    def kick(self) -> None:
        for line in self.lines:
            line.kick()


class AskedRecording(Recording):
    """All of its machines raise `Stopped` soon after a signal."""

    def __init__(self, host: AskingHost, path: str, engine: str, images: Sequence[dict[str, Any]]):
        super().__init__(path, engine=engine, images=images)
        self._host = host

    def timeline(self) -> Timeline:
        line, host = super().timeline(), self._host
        line.interrupted = lambda: bool(host.quit_cause())
        if line not in host.lines:
            host.lines.append(line)
        return line


@contextmanager
def asking(values: Mapping[str, Any], *paths: str) -> Iterator[tuple[AskingHost, list[Recording]]]:
    """Recordings, opened as the options --engine and --image say."""
    host = AskingHost()
    with ExitStack() as stack:
        asked = (AskedRecording(host, path, values["engine"], values["images"]) for path in paths)
        recordings = [stack.enter_context(rec) for rec in asked]
        stack.enter_context(host)
        host.start(host.kick)
        try:
            yield host, recordings
        finally:
            host.status.clear()
