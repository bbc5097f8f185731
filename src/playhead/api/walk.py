"""A replay from stop to stop: what callbacks and queries are made of.

A walk begins in the nearest checkpoint, lays no points and goes forwards only. It meets what happens in [start, end):
instructions, events and deliveries from `start` on and before `end`, and accesses behind `start`, up to and including
`end`. So the walks of two stretches that follow each other meet each thing once.

Ctrl-C ends it between two runs of the machine (`interrupts.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Protocol

from playhead.api.interrupts import Bar, interruptible
from playhead.api.machine_view import PassingView
from playhead.api.source import Source
from playhead.log.events import Entry
from playhead.log.moment import Moment
from playhead.machine.debug import Watch
from playhead.machine.machine import Machine
from playhead.session.target import StopLike
from playhead.session.track import Stopped
from playhead.timeline.timeline import Timeline


class Tap(Protocol):
    """Something that native code takes while the machine runs. It may call back inside of a run (`Walk.guarded`)."""

    def begin(self, machine: Machine) -> None: ...

    def told(self, machine: Machine) -> None:
        """Before a stop is handed out."""

    def end(self, machine: Machine, whole: bool) -> None:
        """`whole`: the walk has come to its end, or was told to end here."""


class Walk:
    """Iterate over it once: each stop is a `StopLike` (break, watch, delivery) or an event's `Entry`, and the machine
    stands there meanwhile. The machine is given back when the iteration ends, or when it is closed.
    """

    def __init__(self, recording: Source, start: Moment, end: Moment, what: str = "replaying"):
        self.recording, self.start, self.end, self._what = recording, start, end, what
        self.line: Timeline = recording.timeline()
        self.breakpoints: set[int] = set()
        self.watches: list[Watch] = []
        self.places: Mapping[Watch, int] | None = None  # of those on video memory (`Debug.set_watches`)
        self.search: bytes | None = None  # whose coming to stand in memory is met (`Debug.set_search`)
        self.vectors: set[int] | None = None  # whose deliveries are met
        self.events: Iterator[Entry] = iter(())
        self.compare = False  # digests and output with the recording's
        self.began: Callable[[], None] = lambda: None  # called at the start
        self.taps: list[Tap] = []
        self.failure: BaseException | None = None  # what a tap's callback has raised, inside of a run
        self.stopped = False
        self._turn = 0

    # what a stop is

    @property
    def moment(self) -> Moment:
        return self.line.moment

    def view(self) -> PassingView:
        """The machine as it is at this stop."""
        turn = self._turn
        return PassingView(self.line.machine, lambda: self._turn == turn)

    def guarded(self, call: Callable[[Any], Any]) -> Callable[[Any], None]:
        """For a callback that is called inside of a run of the machine: what it raises ends the walk soon."""

        def guarded(it: Any) -> None:
            if self.stopped or self.failure is not None:
                return
            try:
                call(it)
            except BaseException as e:
                self.failure = e
                self.line.kick()

        return guarded

    def stop(self) -> None:
        """End soon."""
        self.stopped = True
        self.line.kick()

    # what to stop at

    def break_at(self, addresses: Iterable[int]) -> None:
        """At these too, from now on."""
        new = set(addresses) - self.breakpoints
        if new:
            self.breakpoints |= new
            self.line.machine.debug.set_breakpoints(self.breakpoints)
            self.line.machine.debug.arm(True)

    def _arm(self) -> None:
        debug = self.line.machine.debug
        debug.set_breakpoints(self.breakpoints)
        debug.set_watches(self.watches, self.places)
        if self.vectors is not None:
            debug.set_deliveries(self.vectors)
        debug.set_search(self.search)
        debug.arm(True)

    # going

    def __iter__(self) -> Iterator[StopLike | Entry]:
        line, bar = self.line, Bar(self._what, self.start.icount, self.end.icount)
        line.tell = lambda text: bar.at(line.moment.icount)
        begun: list[Tap] = []
        try:
            with interruptible(line):
                line.enter(self.start)
            if self.compare:
                line.player.compare_from_here()
            self._arm()
            self.began()
            for tap in self.taps:
                tap.begin(line.machine)
                begun.append(tap)
            yield from self._stops()
            self._end(begun, True)
            if self.compare and not self.stopped:
                line.player.compared_to_here()
        finally:
            self._turn += 1
            self._end(begun, self.stopped)
            bar.close()
            if self.vectors is not None:
                line.machine.debug.set_deliveries(None)
            line.machine.debug.set_search(None)
            self.recording.give_back(line)

    def _end(self, taps: list[Tap], whole: bool) -> None:
        while taps:
            taps.pop().end(self.line.machine, whole)
        self._check()

    def _check(self) -> None:
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def _stops(self) -> Iterator[StopLike | Entry]:
        line = self.line
        event = self._next_event()
        while True:
            goal = self.end if event is None else event.moment
            if line.moment >= goal:
                if event is None:
                    return
                yield event
                self._turn += 1
                event = self._next_event()
                continue
            stop = self._go(goal)
            if self.stopped:
                return
            if stop is not None and line.moment <= self.end:
                yield stop
                self._turn += 1
                if stop.kind == "break":
                    line.machine.debug.skip_here()

    def _go(self, goal: Moment) -> StopLike | None:
        player = self.line.player
        with suppress(Stopped), interruptible(self.line, lambda: self.stopped or self.failure is not None):
            player.to(goal)
        stop, player.met = player.met, None
        for tap in self.taps:
            tap.told(self.line.machine)
        self._check()
        return stop

    def _next_event(self) -> Entry | None:
        """The next one that is wanted in this stretch."""
        for entry in self.events:
            if entry.moment >= self.end:
                return None
            if entry.moment >= self.start:
                return entry
        return None
