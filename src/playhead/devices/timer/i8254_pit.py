"""Intel 8254: the PC's three counters. Counter 0 is the timer interrupt, counter 2 the speaker, counter 1 nobody's.

A counter is not counted down. What it shows is worked out from the oscillator tick at which it was loaded, so it is
exact however long it runs, and reading it changes nothing. Only what the guest does (a control word, a count, a gate)
starts a new stretch of counting; `Stretch` is one. A count that the chip takes over later (at its next clock, or when
the period ends) waits as the next stretch with the tick at which it begins.

A count of 1 in modes 2 and 3, which the data sheet calls illegal, is taken as 2.

As in QEMU, and not as the data sheet has it, nothing waits for the gate: a count that is written is counted down at
once, in modes 1 and 5 too, and a low gate stops nothing; its rising edge starts counting anew in all modes but 0 and 4.
Systems that time themselves with counter 2 and forget port 61h would wait for ever otherwise.

Source: Intel 82C54 data sheet (231244): modes, gate, read-back and the moments at which counts are loaded.
"""

from collections.abc import Mapping
from typing import Any, Self

from playhead.base.record import I64, U8, U16, U32, Array, Bool, Nested
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import NEVER, VirtualClock, ticks_to_ns
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device, Differs
from playhead.hw.line import Line
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

HZ = 1_193_182
BASE = 0x40
LSB, MSB, BOTH = 1, 2, 3  # access (RW1, RW0)
READ_BACK = 3
RB_NO_COUNT, RB_NO_STATUS = 0x20, 0x10
STATUS_OUT, STATUS_NULL = 0x80, 0x40


class Stretch(SharedRecord):
    """Counting from `n`: `elapsed` ticks at tick `since`, and on from there."""

    n = U32(1)
    since = I64()
    elapsed = I64()


class CounterState(SharedRecord):
    mode = U8()
    bcd = Bool()
    access = U8(BOTH)
    gate = Bool(True)
    count = U32(0x10000)  # CR, the count register, as a number of ticks
    low = U8()  # the first byte of a count that is being written
    second_write = Bool()
    second_read = Bool()
    null = Bool(True)  # CR has not reached the counting element
    loaded = Bool()  # the counting element has a count of this mode
    residue = U16()  # what it shows until then
    now = Nested(Stretch)
    waits = Bool()  # `next` takes over at next.since
    next = Nested(Stretch)
    latched = U8()  # bytes of a latched count still to read
    latch = U16()
    status_latched = Bool()
    status = U8()


class Counter:
    """One counter over its state. Every method takes the oscillator tick `t` at which it happens."""

    def __init__(self, state: CounterState):
        self.state = state

    # -- what it shows, changing nothing

    def stretch(self, t: int) -> Stretch | None:
        """The stretch that counts at tick t; None before the first."""
        s = self.state
        if s.waits and t >= s.next.since:
            return s.next
        return s.now if s.loaded else None

    @staticmethod
    def elapsed(x: Stretch, t: int) -> int:
        return x.elapsed + t - x.since

    def out(self, t: int) -> bool:
        s = self.state
        x = self.stretch(t)
        if x is None:
            return s.mode != 0
        e = self.elapsed(x, t)
        if s.mode in (0, 1):
            return e >= x.n
        if s.mode in (4, 5):
            return e != x.n
        return e % x.n != x.n - 1 if s.mode == 2 else e % x.n < (x.n + 1) // 2

    def next_change(self, t: int) -> int:
        """The first tick after t at which OUT may change; NEVER if only the guest can change it."""
        s = self.state
        takeover = s.next.since if s.waits and s.next.since > t else NEVER
        x = self.stretch(t)
        if x is None:
            return takeover
        e = self.elapsed(x, t)
        marks = {0: (x.n,), 1: (x.n,), 4: (x.n, x.n + 1), 5: (x.n, x.n + 1)}.get(s.mode)
        if marks is None:
            p = e % x.n
            middle = x.n - 1 if s.mode == 2 else (x.n + 1) // 2
            ahead = (middle if p < middle else x.n) - p
        else:
            ahead = next((mark - e for mark in marks if mark > e), NEVER)
        return min(takeover, t + ahead)

    def value(self, t: int) -> int:
        """The counting element as the guest reads it: 16 bits, or four decimal digits."""
        s = self.state
        x = self.stretch(t)
        if x is None:
            return s.residue
        e = self.elapsed(x, t)
        if s.mode == 2:
            v = x.n - e % x.n
        elif s.mode == 3:  # counts by two, twice in a period; an odd count is loaded less one
            p, half = e % x.n, (x.n + 1) // 2
            v = x.n - x.n % 2 - 2 * (p if p < half else p - half)
        else:
            v = x.n - e
        if not s.bcd:
            return v & 0xFFFF
        return int(str(v % 10_000), 16)

    def status(self, t: int) -> int:
        s = self.state
        null = s.null and not (s.waits and t >= s.next.since)
        return (
            (STATUS_OUT if self.out(t) else 0) | (STATUS_NULL if null else 0)
            | s.access << 4 | s.mode << 1 | s.bcd
        )  # fmt: skip

    # -- what the guest does

    def _settle(self, t: int) -> None:
        """Let a stretch that has begun take the place of the one before."""
        s = self.state
        if s.waits and t >= s.next.since:
            s.now.assign(s.next)
            s.next.reset()
            s.waits, s.null, s.loaded = False, False, True

    def _then(self, n: int, since: int, elapsed: int = 0) -> None:
        x = self.state.next
        x.n, x.since, x.elapsed = n, since, elapsed
        self.state.waits = True

    def _unload(self, t: int) -> None:
        """Stop counting and keep what is there to be read."""
        s = self.state
        s.residue = self.value(t)
        s.loaded = s.waits = False
        s.null = True

    def control(self, value: int, t: int) -> None:
        s = self.state
        self._unload(t)
        mode = value >> 1 & 7
        s.mode = mode if mode < 6 else mode - 4  # the data sheet's "don't care" bit
        s.access = value >> 4 & 3
        s.bcd = bool(value & 1)
        s.second_write = s.second_read = s.status_latched = False
        s.latched = 0

    def latch_count(self, t: int) -> None:
        s = self.state
        if not s.latched:
            s.latch = self.value(t)
            s.latched = 2 if s.access == BOTH else 1

    def latch_status(self, t: int) -> None:
        if not self.state.status_latched:
            self.state.status, self.state.status_latched = self.status(t), True

    def read(self, t: int) -> int:
        s = self.state
        if s.status_latched:
            s.status_latched = False
            return s.status
        value = s.latch if s.latched else self.value(t)
        high = s.access == MSB or (s.access == BOTH and s.second_read)
        if s.access == BOTH:
            s.second_read = not s.second_read
        if s.latched:
            s.latched -= 1
        return value >> 8 if high else value & 0xFF

    def write(self, value: int, t: int) -> None:
        s = self.state
        if s.access == BOTH and not s.second_write:
            s.low, s.second_write = value, True
            if s.mode == 0:  # the first byte stops the counting and sets OUT low
                self._unload(t)
            return
        s.second_write = False
        raw = value if s.access == LSB else value << 8 | (s.low if s.access == BOTH else 0)
        if s.bcd:
            raw = sum((raw >> 4 * i & 15) * 10**i for i in range(4)) % 10_000
        s.count = max(raw or (10_000 if s.bcd else 0x10000), 2 if s.mode in (2, 3) else 1)
        self._load(t)

    def _load(self, t: int) -> None:
        """A count has been written: when does counting from it begin?"""
        s = self.state
        self._settle(t)
        s.null = True
        if s.mode in (2, 3) and s.loaded:
            self._at_the_end(t)
        else:
            self._then(s.count, t + 1)

    def _at_the_end(self, t: int) -> None:
        """Modes 2 and 3 take a new count over when the period, or the half period, ends."""
        s = self.state
        x = s.now
        p = self.elapsed(x, t) % x.n
        half = (x.n + 1) // 2
        if s.mode == 3 and p < half:  # OUT is high: the next half is low
            self._then(s.count, t + half - p, elapsed=(s.count + 1) // 2)
        else:
            self._then(s.count, t + x.n - p)

    def set_gate(self, on: bool, t: int) -> None:
        s = self.state
        if on == s.gate:
            return
        self._settle(t)
        s.gate = on
        if on and s.mode not in (0, 4) and (s.loaded or s.waits):
            self._then(s.count, t + 1)


class PitState(SharedRecord):
    counters = Array(CounterState, 3)
    edge = I64(NEVER)  # the tick at which OUT of counter 0 changes next
    out0 = Bool()  # OUT of counter 0, as the interrupt controllers know it


class I8254(Device[PitState]):
    """`irq` is OUT 0. `set_gate2` and `out2` are for port 61h; the gates of counters 0 and 1 are tied high."""

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
        self.loaded()

    def attach(self, io: Space) -> None:
        io.map(BASE, 4, self.read_port, self.write_port, name=self.name)

    def reset(self) -> None:
        """The chip has no reset input and is undefined until programmed; here it is as at power-on, all OUTs low."""
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
        self._drive(self._counters[0].out(self.state.edge))
        self._changed(now)

    def _drive(self, level: bool) -> None:
        self.state.out0 = level
        self._irq.set(level)

    def _changed(self, now: int) -> None:
        """Drive OUT 0 as it is at tick `now`, and wait for its next change."""
        counter = self._counters[0]
        self._drive(counter.out(now))
        at = counter.next_change(now)
        self.state.edge = at
        if at == NEVER:
            self._alarm.cancel()
        else:
            self._alarm.arm(ticks_to_ns(at, HZ))

    # -- ports

    def set_gate2(self, on: bool) -> None:
        self._counters[2].set_gate(on, self._now())

    @property
    def gate2(self) -> bool:
        return self.state.counters[2].gate

    @property
    def out2(self) -> bool:
        return self._counters[2].out(self._now())

    def read_port(self, address: int, size: int) -> int:
        n = address & 3
        return 0xFF if n == 3 else self._counters[n].read(self._now())  # the control word cannot be read

    def write_port(self, address: int, size: int, value: int) -> None:
        n, now = address & 3, self._now()
        if self.state.edge <= now:
            self._ring()  # the alarm is due at this instruction's end; what it tells came before the write
        if n < 3:
            self._counters[n].write(value & 0xFF, now)
        elif value >> 6 == READ_BACK:
            self._read_back(value, now)
        elif value >> 4 & 3 == 0:
            self._counters[value >> 6].latch_count(now)
        else:
            self._counters[value >> 6].control(value & 0xFF, now)
        if n == 0 or (n == 3 and value >> 6 == 0 and value >> 4 & 3):
            self._changed(now)

    def _read_back(self, value: int, now: int) -> None:
        for n, counter in enumerate(self._counters):
            if value >> n & 2:
                if not value & RB_NO_COUNT:
                    counter.latch_count(now)
                if not value & RB_NO_STATUS:
                    counter.latch_status(now)
