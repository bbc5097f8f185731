"""What all QMP clients of one machine share: the target, the jobs, what follows an answer, and how events go out.

`Surroundings` is what only the program knows that attends to the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from playhead.base.errors import HostError
from playhead.monitor.commands import Say
from playhead.qmp import objects
from playhead.qmp.jobs import Jobs
from playhead.session.drives import Medium
from playhead.timeline.control import Happening
from playhead.timeline.debuggee import Debuggee
from playhead.timeline.outside import NO_UUID

VERSION = {"micro": 0, "minor": 2, "major": 7}  # the version of QEMU whose protocol this is


def version() -> dict[str, Any]:
    """Of the protocol, in QEMU's members, and of the program."""
    from playhead.version import __version__

    return {"qemu": VERSION, "package": f"Playhead {__version__}"}


def _nothing(line: str, say: Say) -> None:
    say("there is no monitor here")


@dataclass
class Surroundings:
    """`chardevs`: (label, where it leads in QEMU's words, whether something is at the other end); `execute`: a line at
    the human monitor; `options`: those of the command line, with what each takes in QEMU's words.
    """

    execute: Callable[[str, Say], None] = _nothing
    name: str = ""
    uuid: str = NO_UUID
    chardevs: Callable[[], Sequence[tuple[str, str, bool]]] = tuple
    options: Callable[[], Mapping[str, Sequence[Mapping[str, Any]]]] = dict
    clock_ns: Callable[[], int] = time.time_ns


class Qmp:
    """One for a machine. `listeners` are the clients: each gets every event, as an object that can be written."""

    def __init__(self, target: Debuggee, surroundings: Surroundings | None = None):
        self.target = target
        self.around = surroundings or Surroundings()
        self.listeners: list[Callable[[dict[str, Any]], None]] = []
        self.jobs = Jobs(self.tell, self.later, self.failed)
        self.laid_out: dict[str, Medium | None] = {}  # by drive: what lies in a tray that was only opened
        self.dump_size: int | None = None  # bytes of the last one
        self._later: list[Callable[[], None]] = []
        target.listen(self._happened)

    def _happened(self, one: Happening) -> None:
        data = one.data
        if one.name == "DEVICE_TRAY_MOVED":
            data = {**data, "id": objects.qdev(self.target.machine.config, data["id"])}
        self.tell(one.name, data)

    def tell(self, name: str, data: Mapping[str, Any]) -> None:
        """Send an event to everybody."""
        seconds, ns = divmod(self.around.clock_ns(), 1_000_000_000)
        event: dict[str, Any] = {"timestamp": {"seconds": seconds, "microseconds": ns // 1000}, "event": name}
        if data:
            event["data"] = dict(data)
        for listener in list(self.listeners):
            listener(event)

    def dumped(self, path: str) -> int:
        """A dump is there: its size."""
        self.dump_size = os.stat(path).st_size
        return self.dump_size

    def later(self, what: Callable[[], None]) -> None:
        """Have this done when the command under way has been answered."""
        self._later.append(what)

    def answered(self) -> None:
        while self._later:
            self._later.pop(0)()

    def failed(self, error: HostError) -> None:
        """The host refuses something that the session cannot do without: that is the session's end."""
        if hasattr(self.target, "failure"):
            self.target.failure = error
