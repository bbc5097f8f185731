"""The host's date, when a real-time chip asks for it."""

from playhead.log.events import ClockHost
from playhead.session.sources.source import Source


class HostClockSource(Source[ClockHost]):
    EVENTS = (ClockHost,)
    QUESTION = "read the host clock"

    def answer(self) -> ClockHost:
        return ClockHost(ns=self.session.host.clock_ns())
