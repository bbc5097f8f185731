"""The sources of input, in the order in which what is pending at one moment enters.

The order is part of what a recording means: new sources are added where their place is, and those that are here keep
theirs to each other. The buttons are behind all that devices receive, and the reset, which undoes what they did, behind
them: so a key or a packet of the moment at which somebody wakes the machine, too, meets the machine that slept.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from playhead.base.units import NEVER
from playhead.log.events import Event
from playhead.replay.checkpoints import Checkpoint, Checkpoints
from playhead.replay.queue import AsyncQueue
from playhead.session.sources.audio import AudioSource
from playhead.session.sources.block import BlockSource
from playhead.session.sources.clock_rate import ClockRateSource
from playhead.session.sources.host_clock import HostClockSource
from playhead.session.sources.input import InputSource
from playhead.session.sources.media import MediaSource
from playhead.session.sources.net import NetSource
from playhead.session.sources.nmi import NmiSource
from playhead.session.sources.power_button import PowerButtonSource
from playhead.session.sources.quit import QuitSource
from playhead.session.sources.reset import ResetSource
from playhead.session.sources.serial import SerialSource
from playhead.session.sources.source import Refused as Refused
from playhead.session.sources.source import Session, Source
from playhead.session.sources.wake_up import WakeUpSource

if TYPE_CHECKING:
    from playhead.log.reader import Reader

SOURCES: tuple[type[Source[Any]], ...] = (
    HostClockSource,
    ClockRateSource,
    InputSource,
    SerialSource,
    NetSource,
    AudioSource,
    BlockSource,
    MediaSource,
    NmiSource,
    PowerButtonSource,
    WakeUpSource,
    ResetSource,
    QuitSource,
)
S = TypeVar("S", bound=Source[Any])


class Sources:
    """Those of one session, live or a replay. `queue` is where their events enter."""

    def __init__(self, session: Session, queue: AsyncQueue):
        self._queue = queue
        self._all = [kind(session) for kind in SOURCES]
        self._of: dict[type[Event], Source[Any]] = {}
        for source in self._all:
            for event in source.EVENTS:
                assert event not in self._of, f"{event.__name__} belongs to two sources"
                self._of[event] = source
                queue.handler(event, source.apply)
        self._pending = [source for source in self._all if type(source).pending is not Source.pending]
        self._limits, self._dues = self._overriding("limit"), self._overriding("due_ns")
        self.ran, self.passed = self._each("ran"), self._each("passed")
        self.built = self._each("built")
        self.connect, self.restored = self._each("connect"), self._each("restored")
        self.put_off, self.look_after = self._each("put_off"), self._each("look_after")
        self.keep_originals = self._each("keep_originals")

    def _overriding(self, method: str) -> list[Callable[..., Any]]:
        return [getattr(one, method) for one in self._all if getattr(type(one), method) is not getattr(Source, method)]

    def _each(self, method: str) -> Callable[..., None]:
        """A call of that method of all sources that have one of their own."""
        calls = self._overriding(method)

        def call(*arguments: Any) -> None:
            for one in calls:
                one(*arguments)

        return call

    def __getitem__(self, kind: type[S]) -> S:
        return next(source for source in self._all if isinstance(source, kind))

    # a live session

    @property
    def pending(self) -> bool:
        """Whether anything is pending that the machine can take now."""
        for source in self._pending:
            if source.pending:
                return True
        return False

    @property
    def busy(self) -> bool:
        return any(source.busy for source in self._all)

    def limit(self) -> int | None:
        """The fewest instructions that a source wants the machine to run before it is asked again."""
        least = None
        for limit in self._limits:
            one = limit()
            if one is not None and (least is None or one < least):
                least = one
        return least

    def due_ns(self) -> int:
        """The virtual time at which something will be pending that waits for just that; NEVER if nothing does."""
        return min((due() for due in self._dues), default=NEVER)

    def deliver(self, checkpoints: Checkpoints) -> None:
        """All that is pending enters now, in the order of the list."""
        for source in self._pending:
            if source.pending:
                for event in source.take():
                    self._queue.add_input(event)
                    checkpoints.reached(source.CHECKPOINT)

    # both

    def checkpoint(self, kind: type[Event]) -> Checkpoint:
        """Where an event of this kind enters."""
        source = self._of.get(kind)
        return Source.CHECKPOINT if source is None else source.CHECKPOINT

    def answer(self, kind: type[Event]) -> Event:
        """A live session's answer to a device's question."""
        return self._of[kind].answer()

    # a replay

    def question(self, kind: type[Event]) -> str:
        """What a device did that asked for an event of this kind."""
        return self._of[kind].QUESTION

    def recorded_ends(self, reader: "Reader") -> Mapping[str, Any]:
        ends: dict[str, Any] = {}
        for source in self._all:
            ends.update(source.recorded_ends(reader))
        return ends

    @property
    def lacking(self) -> str:
        return next((source.lacking for source in self._all if source.lacking), "")
