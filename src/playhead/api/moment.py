"""The machine at a moment of a recording, which can be moved in place, forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from playhead.api.machine_view import MachineView
from playhead.api.source import Place, Source
from playhead.machine.debug import Watch
from playhead.machine.machine import Machine
from playhead.timeline.timeline import Found, Timeline


class Moment(MachineView):
    """A `MachineView` that moves. Each has a machine of its own, so several may be compared."""

    def __init__(self, recording: Source, line: Timeline):
        super().__init__()
        self.recording, self._line = recording, line

    @property
    def _machine(self) -> Machine:
        return self._line.machine

    def step(self, count: int = 1) -> Moment:
        """Over so many instructions, or to the handler of what is delivered before one."""
        for _ in range(count):
            self._line.step()
        return self

    def back(self, count: int = 1) -> Moment:
        """So many steps backwards."""
        self._line.steps_back(count)
        return self

    def run_to(self, where: Place) -> Moment:
        """To another moment, before or behind this one."""
        self._line.find(self.recording.where(where))
        return self

    def continue_(self, breakpoints: Iterable[int] = (), watches: Iterable[Watch] = (), *, reverse: bool = False,
                  limit: Any = None) -> Found:  # fmt: skip
        """To the next breakpoint or watchpoint, to `limit`, or to the end; `reverse`: backwards."""
        goal = None if limit is None else self.recording.instant(limit)
        self._line.watch(breakpoints, watches)
        try:
            return self._line.reverse_cont(goal) if reverse else self._line.cont(goal)
        finally:
            self._line.watch([], [])

    def __enter__(self) -> Moment:
        return self

    def __exit__(self, *exc: object) -> None:
        pass
