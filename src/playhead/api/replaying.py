"""A replay with callbacks: functions that are called where something happens, each with one object that says what.

Callbacks change nothing: the machine repeats its recording with any set of them. What none of them asks for runs at
full speed, because the replay stops only at breakpoints and watchpoints of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from playhead.api.machine_view import MachineView
from playhead.api.source import Source
from playhead.base.errors import UsageError
from playhead.log.moment import Moment
from playhead.machine.debug import READ, WRITE, Access, Watch
from playhead.timeline.timeline import Timeline

C = TypeVar("C", bound=Callable[[Any], None])
KINDS = {"r": READ, "w": WRITE, "rw": READ | WRITE, "wr": READ | WRITE}


@dataclass(frozen=True)
class Executed:
    """An instruction is next, at a linear address."""

    moment: Moment
    address: int
    machine: MachineView


@dataclass(frozen=True)
class Touched:
    """Memory was read or written, right before `moment`. `by`: cpu, page walk, or a bus master's name."""

    moment: Moment
    address: int
    size: int
    write: bool
    by: str
    machine: MachineView

    @property
    def value(self) -> bytes:
        """What stands there now: of a write, what was written."""
        return self.machine.memory.read(self.address, self.size)


class Replay:
    """Callbacks are told of by the decorators; `run()` replays and calls them."""

    def __init__(self, recording: Source, start: Moment, end: Moment):
        self.recording, self.start, self.end = recording, start, end
        self._at: dict[int, list[Callable[[Executed], None]]] = {}
        self._watched: list[tuple[Watch, Callable[[Touched], None]]] = []
        self._stopped = False

    # what is asked for

    def on_instruction(self, *where: int | range) -> Callable[[C], C]:
        """Before an instruction at one of these linear addresses."""
        addresses = [a for one in where for a in (one if isinstance(one, range) else (one,))]

        def add(call: C) -> C:
            for address in addresses:
                self._at.setdefault(address, []).append(call)
            return call

        return add

    def on_memory(self, where: int | range, kinds: str = "rw", *, physical: bool = False) -> Callable[[C], C]:
        """After each access to some bytes: `kinds` is r, w or rw."""
        if kinds not in KINDS:
            raise UsageError(f"kinds of accesses are r, w or rw, not {kinds!r}")
        start, length = (where.start, len(where)) if isinstance(where, range) else (where, 1)

        def add(call: C) -> C:
            self._watched.append((Watch(start, length, KINDS[kinds], physical), call))
            return call

        return add

    # running

    def stop(self) -> None:
        """From a callback: end the replay after it."""
        self._stopped = True

    def run(self) -> Replay:
        """Replay from `start` to `end`. What a callback raises ends it, and comes out of here."""
        line = self.recording.timeline()
        line.seek(self.start)
        line.watch(self._at, (watch for watch, _ in self._watched))
        self._stopped = False
        debug, view = line.machine.debug, MachineView(line.machine)
        debug.arm(True)
        try:
            while not self._stopped and line.moment < self.end:
                self._go(line, view)
        finally:
            debug.arm(False)
        return self

    def _go(self, line: Timeline, view: MachineView) -> None:
        line.player.to(self.end)
        stop, line.player.met = line.player.met, None
        if stop is None:
            return
        for access in stop.accesses:
            self._accessed(access, line.moment, view)
        if not stop.accesses:
            address = line.machine.pc()
            for call in self._at.get(address, ()):
                call(Executed(line.moment, address, view))
            line.machine.debug.skip_here()

    def _accessed(self, access: Access, moment: Moment, view: MachineView) -> None:
        for watch, call in self._watched:
            if access.touches(watch):
                write = bool(access.kind & WRITE)
                call(Touched(moment, access.address, access.size, write, access.by, view))
