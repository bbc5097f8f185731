"""The sinks of a session: the counterpart of its sources (`session/sources`). A new one is a class and a line here."""

from collections.abc import Mapping
from typing import Any, TypeVar

from playhead.session.sink import Shown, Sink
from playhead.session.viewing import Viewing

SINKS: tuple[type[Sink], ...] = (Viewing,)
S = TypeVar("S", bound=Sink)


class Sinks:
    """Those of one session. Until `connect`, and without anything to do, they cost a test of an empty list."""

    def __init__(self, session: Shown, *, live: bool):
        self._session = session
        self._all = [kind(session, live) for kind in SINKS]
        self._used: list[Sink] = []

    def __getitem__(self, kind: type[S]) -> S:
        return next(sink for sink in self._all if isinstance(sink, kind))

    def connect(self, ends: Mapping[str, Any]) -> None:
        """The machine has been built."""
        self._used = [sink for sink in self._all if sink.connect(ends)]

    def between(self) -> None:
        """Between two runs of the machine."""
        if self._used:
            now_ns = self._session.host.realtime_ns()
            for sink in self._used:
                sink.between(now_ns)

    def wait_ns(self, most_ns: int) -> int:
        """How long the session may wait for something to arrive."""
        return min((ns for sink in self._used if (ns := sink.wait_ns()) is not None), default=most_ns)
