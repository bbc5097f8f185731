"""A live session that is logged: every event at its moment, and a digest of the machine every so many instructions."""

from typing import Any

from playhead.host.host import Host
from playhead.log.causes import cause_number
from playhead.log.digests import Digest, digest_of
from playhead.log.events import TRACED, ClockHost, End
from playhead.log.writer import Writer
from playhead.session.outcome import Options
from playhead.session.run import HOUSEKEEPING_NS, MS, Build, RunSession

FLUSH_NS = 250 * MS  # with the watcher's 100 ms and one look, nothing stays unsafe for half a second


class RecordSession(RunSession):
    """Like `RunSession`; the recording is whole when `run()` returns, and valid as far as it got if it raises."""

    def __init__(self, build: Build, host: Host, options: Options, writer: Writer):
        super().__init__(build, host, options)
        self.writer = writer
        self._boundary = 0  # where the next digest is due
        self._flush_at = 0
        self._parts: list[str] = []
        self._events = self._digests = 0

    def _start(self) -> None:
        self._parts = list(self.machine.digest_parts())
        period = self.options.digest_period
        session = {"no_reboot": self.options.no_reboot, "sleep": self.options.sleep}
        if self.options.trace_events:
            session["trace_events"] = True
            self.machine.on_delivery = lambda kind, vector: self._log(TRACED[kind](vector=vector))
        meta = {"parts": self._parts, "digest_period": period, "session": session, **self.options.meta}
        self.writer.begin(meta, self.options.blobs)
        self._arrived()
        self._flush()

    def _limit(self) -> int:
        return min(super()._limit(), self._boundary)

    def _arrived(self) -> None:
        if self.machine.icount == self._boundary:
            self.writer.digest(self._boundary, self._digest())
            self._boundary += self.options.digest_period
            self._digests += 1
        assert self.machine.icount < self._boundary, "the machine ran further than it was asked to"

    def _digest(self) -> Digest:
        parts = self.machine.digest_parts()
        assert list(parts) == self._parts, "the parts of a machine do not change"
        return digest_of(parts)

    def _log(self, event: Any) -> None:
        self.writer.event(self._moment(), event)
        self._events += 1

    def _host_clock(self) -> int:
        ns = self.host.clock_ns()
        self._log(ClockHost(ns=ns))
        return ns

    def _housekeep(self, now_ns: int) -> None:
        super()._housekeep(now_ns)
        if now_ns >= self._flush_at:
            self._flush()
            self._flush_at = now_ns + FLUSH_NS - HOUSEKEEPING_NS

    def _flush(self) -> None:
        wall_ms = (self.host.realtime_ns() - self._began_ns) // MS
        self.writer.flush(self._moment(), self.machine.now_ns(), wall_ms)

    def _end(self, cause: str, status: int, note: str = "") -> None:
        digest = self._digest()
        self._log(End(
            cause=cause_number(cause), status=status & 0xFFFFFFFF, root=bytearray(digest.root),
            checks=bytearray(digest.checks),
        ))  # fmt: skip
        self._digests += 1
        self._flush()
        super()._end(cause, status, note)
        assert self._outcome is not None
        self._outcome.events, self._outcome.digests = self._events, self._digests
