"""Counts and traces of what a machine executes, taken by native code while it runs.

`counts` are exact for each instruction at any boundary; a trace hands each executed piece of code, in order, to a
consumer in batches (engine/executed.py has both). Which of the two is on changes nothing that a guest sees, no moment,
event or digest: blocks are decoded anew with probes in them (engine/llvm/probe_code.py). A machine may be put into a
checkpoint meanwhile: it goes on counting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playhead.engine.core import Core
from playhead.machine.parts import Engine, Taker

if TYPE_CHECKING:
    from playhead.engine.executed import Consumer, Counts


class Probes:
    """Of one machine. To be used between two runs; only `flush` and `counts` may also be called by a consumer."""

    def __init__(self, core: Core):
        self._core = core
        self._engine: Engine | None = None
        self._taker: Taker | None = None
        self._counting, self._consumer = False, None  # type: tuple[bool, Consumer | None]
        self._done: Counts | None = None  # of engines that were used before
        core.leaving = self._leave

    @property
    def on(self) -> bool:
        return self._taker is not None

    def start(self, *, counts: bool = False, trace: Consumer | None = None) -> None:
        """Begin to count, or to trace: from this moment on `trace` gets batches, during runs and from `flush`. What was
        on before ends. All decoded code is forgotten, which costs a few milliseconds."""
        self.stop()
        self._counting, self._consumer = counts, trace
        self._begin()

    def stop(self) -> None:
        """Hand out what is left of a trace, and end; counts are gone."""
        self._end()
        self._counting, self._consumer, self._done = False, None, None

    def counts(self) -> Counts:
        """How often each instruction has retired since `start`. Raises AssertionError if nothing is counted."""
        assert self._taker is not None and self._counting, "nothing is counted: start(counts=True) does that"
        counts = self._taker.counts()
        return counts if self._done is None else self._done + counts

    def take_counts(self) -> Counts:
        """The same, and from here on it is counted from 0 again, which costs far less than to `start` once more."""
        assert self._taker is not None and self._counting, "nothing is counted: start(counts=True) does that"
        counts, done = self._taker.take_counts(), self._done
        self._done = None
        return counts if done is None else done + counts

    def flush(self) -> None:
        """Hand out what a trace holds now, so that the consumer knows all that was executed up to here."""
        if self._taker is not None:
            self._taker.flush()

    def use(self, engine: Engine) -> None:
        """The machine goes on with this engine."""
        if self._taker is not None and self._counting:
            self._done = self.counts()
        self._end()
        self._engine = engine
        self._begin()

    def _begin(self) -> None:
        if self._engine is not None and (self._counting or self._consumer is not None):
            self._taker = self._engine.probe(self._counting, self._consumer)

    def _end(self) -> None:
        if self._taker is not None and self._engine is not None:
            self._taker.flush()
            self._engine.probe_no_more()
            self._taker = None

    def _leave(self) -> None:
        """The machine is about to be put to another moment."""
        if self._taker is not None:
            self._taker.flush()
            self._taker.moved()
