"""The rate of virtual time, which `shift=auto` steps towards what the host takes for an instruction."""

from collections.abc import Iterator

from playhead.log.events import ClockRate
from playhead.session.pacing import AutoRate
from playhead.session.sources.source import Session, Source


class ClockRateSource(Source[ClockRate]):
    EVENTS = (ClockRate,)

    def __init__(self, session: Session):
        super().__init__(session)
        self._auto: AutoRate | None = None
        self._wanted: int | None = None  # the next shift

    def follow_host(self, shift: int) -> None:
        """`shift=auto`, beginning with this one."""
        self._auto = AutoRate(shift)

    def ran(self, host_ns: int, instructions: int) -> None:
        if self._auto is not None:
            shift = self._auto.ran(host_ns, instructions)
            self._wanted = self._wanted if shift is None else shift

    def restored(self) -> None:
        self._wanted = None
        if self._auto is not None:
            self._auto = AutoRate(self.session.machine.shift)

    @property
    def pending(self) -> bool:
        return self._wanted is not None

    def take(self) -> Iterator[ClockRate]:
        if self._wanted is not None:
            shift, self._wanted = self._wanted, None
            yield ClockRate(shift=shift)

    def apply(self, event: ClockRate) -> None:
        self.session.machine.set_shift(event.shift)
