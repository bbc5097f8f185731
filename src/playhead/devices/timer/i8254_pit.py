"""Intel 8254: the PC's three counters. Counter 0 is the timer interrupt, counter 2 the speaker, counter 1 nobody's.

A count of 1 in modes 2 and 3, which the data sheet calls illegal, is taken as 2.

As in QEMU, and not as the data sheet has it, nothing waits for the gate: a count that is written is counted down at
once, in modes 1 and 5 too, and a low gate stops nothing; its rising edge starts counting anew in all modes but 0 and 4.
Systems that time themselves with counter 2 and forget port 61h would wait for ever otherwise.

Source: Intel 82C54 data sheet (231244).
"""

from typing import Any, Self
from collections.abc import Callable, Mapping
from playhead.hw.surroundings import Surroundings
from playhead.hw.declared import Declared, Span
from playhead.base.record import I64, Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.devices.timer.i8254_counter import Counter, CounterState, latch_count, latch_status, out, read
from playhead.hw.clock import NEVER, VirtualClock, ticks_at, ticks_to_ns
from playhead.hw.device import Device, Differs
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Registers, native
from playhead.hw.space import Space, never

HZ = 1_193_182
BASE = 0x40
READ_BACK = 3
RB_NO_COUNT, RB_NO_STATUS = 0x20, 0x10


class PitState(SharedRecord):
    counters = Array(CounterState, 3)
    edge = I64(NEVER)  # the tick at which OUT of counter 0 changes next
    out0 = Bool()  # OUT of counter 0, as the interrupt controllers know it


@native
def read_pit(s: PitState, offset: int, now_ns: int) -> int:
    return 0xFF if offset == 3 else read(s.counters[offset], ticks_at(now_ns, HZ))  # the control word cannot be read


@native
def write_pit(s: PitState, offset: int, value: int, now_ns: int) -> int:
    """Control words that only latch."""
    t = ticks_at(now_ns, HZ)
    if offset != 3 or s.edge <= t:  # the edge came before the write
        return DECLINED
    if value >> 6 == READ_BACK:
        for n in range(3):
            if value >> n & 2:
                if not value & RB_NO_COUNT:
                    latch_count(s.counters[n], t)
                if not value & RB_NO_STATUS:
                    latch_status(s.counters[n], t)
        return 0
    if value >> 4 & 3:
        return DECLINED
    latch_count(s.counters[value >> 6], t)
    return 0


class I8254(Device[PitState]):
    """`irq` is OUT 0. `set_gate2` is for port 61h, which reads counter 2's state itself; the
    gates of counters 0 and 1 are tied high.
    """

    State = PitState
    part = "i8254_pit"
    QEMU = Declared("isa-pit", "ISA", "interval timer", wires=("irq0",), ports=(Span(BASE, 4),))
    DIFFERS = (
        Differs("power-on", "undefined until programmed", "all counters run in mode 3 with the longest period", False),
        Differs("modes 0 and 4 with a low gate", "counting stops", "counting goes on", True),
        Differs("modes 1 and 5", "a rising gate starts the counting", "the count that is written starts it too", True),
        Differs("modes 2 and 3 with a low gate", "counting stops, OUT is high", "counting goes on", True),
        Differs("modes 2 and 3, a new count", "taken over when the (half) period ends", "taken over at once", False),
        Differs("null count in the status byte", "1 until a count is loaded", "always 0", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        pit = cls(name, at.clock, at.irq(0, name))
        pit.attach(at.io)
        return pit

    def __init__(self, name: str, clock: VirtualClock, irq: Line):
        super().__init__(name)
        self._clock, self._irq = clock, irq
        self._counters = [Counter(state) for state in self.state.counters]
        self._alarm = clock.alarm(f"{name}.out0", self._ring)
        self.state.counters[2].gate = False
        self.before_change: Callable[[], None] = lambda: None  # of counter 2; for whoever listens to it
        self.loaded()

    def attach(self, io: Space) -> None:
        registers = Registers(self.state, read=read_pit, write=write_pit, clock=self._clock)
        io.map(BASE, 4, never, self.write_port, name=self.name, registers=registers)

    def reset(self) -> None:
        """The chip has no reset input and is undefined until programmed; here it is as at power-on, all OUTs low."""
        self.before_change()
        self.state.reset()
        self.state.counters[2].gate = False
        self._changed(self._now())

    def loaded(self) -> None:
        for state in self.state.counters:
            for x in (state.now, state.next):
                x.n = max(x.n, 1)  # no period is 0, whatever a damaged state says
        self._irq.restore(self.state.out0)

    def _now(self) -> int:
        return self._clock.ticks(HZ)

    # -- the timer interrupt

    def _ring(self) -> None:
        """OUT 0 has changed. If it changed more than once since, the interrupt controller still sees an edge."""
        now = self._now()
        self._drive(out(self.state.counters[0], self.state.edge))
        self._changed(now)

    def _drive(self, level: bool) -> None:
        self.state.out0 = level
        self._irq.set(level)

    def _changed(self, now: int) -> None:
        """Drive OUT 0 as it is at tick `now`, and wait for its next change."""
        counter = self._counters[0]
        self._drive(out(counter.state, now))
        at = counter.next_change(now)
        self.state.edge = at
        if at == NEVER:
            self._alarm.cancel()
        else:
            self._alarm.arm(ticks_to_ns(at, HZ))

    # -- ports

    def set_gate2(self, on: bool) -> None:
        self.before_change()
        self._counters[2].set_gate(on, self._now())

    def write_port(self, address: int, size: int, value: int) -> None:
        n, now = address & 3, self._now()
        if self.state.edge <= now:
            self._ring()  # the alarm is due at this instruction's end; what it tells came before the write
        if 2 in (n, value >> 6):
            self.before_change()
        if n < 3:
            self._counters[n].write(value & 0xFF, now)
        elif value >> 6 == READ_BACK or value >> 4 & 3 == 0:
            latched = write_pit(self.state, n, value, self._clock.now_ns())
            assert latched != DECLINED
        else:
            n = value >> 6
            self._counters[n].control(value & 0xFF, now)
        if n == 0:
            self._changed(now)
