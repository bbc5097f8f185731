"""The monitor that shares a character device with a serial port (-nographic, `mon:`): made when Ctrl-A c first leads
keys to it.

Until then nothing of what a monitor needs is imported, and the session runs its own loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.host.host import Host

if TYPE_CHECKING:
    from playhead.cli.live import Attendance
    from playhead.session.run import RunSession


class MonitorAtHand:
    """`with` it around `session.run()`."""

    def __init__(self, session: RunSession, host: Host, values: dict[str, Any], recording: str):
        self._session = session
        self._what = (session, host, recording)
        self._values = values
        self._made: Attendance | None = None
        session.drive = self._turn

    def _turn(self) -> None:
        if any(port.connections for port in self._what[1].shared_monitors):
            from playhead.cli.live import Attendance, live_target

            target, commands = live_target(*self._what)  # which has the session's loop from here on
            self._made = Attendance(target, commands, self._what[1], self._values)
            self._session.drive()
        else:
            self._session.turn()

    def __enter__(self) -> MonitorAtHand:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._made is not None:
            self._made.close()
