"""One counter of an 8254: modes, gate, latches, and the moments at which counts are loaded.

A counter is not counted down. What it shows is worked out from the oscillator tick at which it was loaded, so it is
exact however long it runs, and reading it changes nothing. Only what the guest does (a control word, a count, a gate)
starts a new stretch of counting; `Stretch` is one. A count that the chip takes over later (at its next clock, or when
the period ends) waits as the next stretch with the tick at which it begins.

What is shown and what is latched are functions over the state, for native code to be made from.

Source: Intel 82C54 data sheet (231244): modes, gate, read-back and the moments at which counts are loaded.
"""

from playhead.base.record import I64, U8, U16, U32, Bool, Nested
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import NEVER
from playhead.hw.native import native

LSB, MSB, BOTH = 1, 2, 3  # access (RW1, RW0)
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


# What a counter shows at oscillator tick `t`.


@native
def begun(s: CounterState, t: int) -> bool:
    """Has the stretch that waits taken over?"""
    return s.waits and t >= s.next.since


@native
def elapsed(x: Stretch, t: int) -> int:
    return x.elapsed + t - x.since


@native
def level(x: Stretch, mode: int, t: int) -> bool:
    """OUT during a stretch."""
    e = elapsed(x, t)
    if mode in (0, 1):
        return e >= x.n
    if mode in (4, 5):
        return e != x.n
    return e % x.n != x.n - 1 if mode == 2 else e % x.n < (x.n + 1) // 2


@native
def out(s: CounterState, t: int) -> bool:
    if begun(s, t):
        return level(s.next, s.mode, t)
    return level(s.now, s.mode, t) if s.loaded else s.mode != 0


@native
def counting(x: Stretch, mode: int, bcd: bool, t: int) -> int:
    """The counting element during a stretch: 16 bits, or four decimal digits."""
    e = elapsed(x, t)
    if mode == 2:
        v = x.n - e % x.n
    elif mode == 3:  # counts by two, twice in a period; an odd count is loaded less one
        p, half = e % x.n, (x.n + 1) // 2
        v = x.n - x.n % 2 - 2 * (p if p < half else p - half)
    else:
        v = x.n - e
    if not bcd:
        return v & 0xFFFF
    v %= 10_000
    return v // 1000 << 12 | v // 100 % 10 << 8 | v // 10 % 10 << 4 | v % 10


@native
def value(s: CounterState, t: int) -> int:
    """The counting element as the guest reads it."""
    if begun(s, t):
        return counting(s.next, s.mode, s.bcd, t)
    return counting(s.now, s.mode, s.bcd, t) if s.loaded else s.residue


@native
def status(s: CounterState, t: int) -> int:
    null = s.null and not begun(s, t)
    return (
        (STATUS_OUT if out(s, t) else 0) | (STATUS_NULL if null else 0)
        | s.access << 4 | s.mode << 1 | s.bcd
    )  # fmt: skip


# What the guest does that stays in the counter.


@native
def latch_count(s: CounterState, t: int) -> None:
    if not s.latched:
        s.latch = value(s, t)
        s.latched = 2 if s.access == BOTH else 1


@native
def latch_status(s: CounterState, t: int) -> None:
    if not s.status_latched:
        s.status, s.status_latched = status(s, t), True


@native
def read(s: CounterState, t: int) -> int:
    """A byte of what is latched, or of the count."""
    if s.status_latched:
        s.status_latched = False
        return s.status
    count = s.latch if s.latched else value(s, t)
    high = s.access == MSB or (s.access == BOTH and s.second_read)
    if s.access == BOTH:
        s.second_read = not s.second_read
    if s.latched:
        s.latched -= 1
    return count >> 8 if high else count & 0xFF


class Counter:
    """One counter over its state. Every method takes the oscillator tick `t` at which it happens."""

    def __init__(self, state: CounterState):
        self.state = state

    def stretch(self, t: int) -> Stretch | None:
        """The stretch that counts at tick t; None before the first."""
        s = self.state
        if begun(s, t):
            return s.next
        return s.now if s.loaded else None

    def next_change(self, t: int) -> int:
        """The first tick after t at which OUT may change; NEVER if only the guest can change it."""
        s = self.state
        takeover = s.next.since if s.waits and s.next.since > t else NEVER
        x = self.stretch(t)
        if x is None:
            return takeover
        e = elapsed(x, t)
        marks = {0: (x.n,), 1: (x.n,), 4: (x.n, x.n + 1), 5: (x.n, x.n + 1)}.get(s.mode)
        if marks is None:
            p = e % x.n
            middle = x.n - 1 if s.mode == 2 else (x.n + 1) // 2
            ahead = (middle if p < middle else x.n) - p
        else:
            ahead = next((mark - e for mark in marks if mark > e), NEVER)
        return min(takeover, t + ahead)

    # -- what the guest does

    def _settle(self, t: int) -> None:
        """Let a stretch that has begun take the place of the one before."""
        s = self.state
        if begun(s, t):
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
        s.residue = value(s, t)
        s.loaded = s.waits = False
        s.null = True

    def control(self, word: int, t: int) -> None:
        s = self.state
        self._unload(t)
        mode = word >> 1 & 7
        s.mode = mode if mode < 6 else mode - 4  # the data sheet's "don't care" bit
        s.access = word >> 4 & 3
        s.bcd = bool(word & 1)
        s.second_write = s.second_read = s.status_latched = False
        s.latched = 0

    def write(self, byte: int, t: int) -> None:
        s = self.state
        if s.access == BOTH and not s.second_write:
            s.low, s.second_write = byte, True
            if s.mode == 0:  # the first byte stops the counting and sets OUT low
                self._unload(t)
            return
        s.second_write = False
        raw = byte if s.access == LSB else byte << 8 | (s.low if s.access == BOTH else 0)
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
        p = elapsed(x, t) % x.n
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
