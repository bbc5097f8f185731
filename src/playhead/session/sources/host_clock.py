"""The host's date, when a real-time chip asks for it."""

from typing import Any

from playhead.log.events import ClockHost
from playhead.session.sources.source import Source


class HostClockSource(Source):
    EVENTS = (ClockHost,)
    QUESTION = "read the host clock"

    def answer(self) -> Any:
        return ClockHost(ns=self.session.host.clock_ns())
