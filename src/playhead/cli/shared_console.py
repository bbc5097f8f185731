"""The monitor that shares the terminal with a serial port (-nographic): made when Ctrl-A c first leads keys to it.

Until then nothing of what a monitor needs is imported, and the session runs its own loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playhead.host.chardev import Stdio
from playhead.host.host import Host
from playhead.host.mux import MuxPort

if TYPE_CHECKING:
    from playhead.cli.live import Attendance
    from playhead.session.run import RunSession


def shared_console(host: Host, values: dict[str, Any]) -> Stdio | None:
    """The terminal that the monitor shares with a serial port: QEMU's default with -nographic."""
    if values["monitor"] is None:
        return next((d for d in host.serial if isinstance(d, Stdio) and d.mux), None)
    return None


class MonitorAtHand:
    """`with` it around `session.run()`."""

    def __init__(self, session: RunSession, host: Host, values: dict[str, Any], recording: str, console: Stdio):
        self._session, self._port = session, MuxPort(console)
        self._what = (session, host, recording)
        self._values = values
        self._made: Attendance | None = None
        session.drive = self._turn

    def _turn(self) -> None:
        if self._port.connections:
            from playhead.cli.live import Attendance, live_target

            target, commands = live_target(*self._what)  # which has the session's loop from here on
            self._made = Attendance(target, commands, self._what[1], self._values, self._port)
            self._session.drive()
        else:
            self._session.turn()

    def __enter__(self) -> MonitorAtHand:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._made is not None:
            self._made.close()
