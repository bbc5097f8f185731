"""The HPET's registers, as functions over its state: native code is made of them.

Reads are declared whole, for a main counter is read very often. Of writes, those are that change no interrupt; of
alarms that ring, those that interrupt nobody (Linux measures how long it takes to set the comparator of such a timer).
Each 64-bit register is two of 32 bits, which is all that the chip takes.

Sources: as of hpet.py.
"""

from playhead.base.record import I64, U32, U64, Array, Bool
from playhead.base.shared_record import SharedRecord
from playhead.hw.clock import NEVER, Deadlines, arm
from playhead.hw.native import DECLINED, native

BASE, LENGTH = 0xFED00000, 0x400
PAGE = 0x1000  # it answers all of its page, as if nobody were behind its registers: native code knows whole pages
TICK_NS = 10
TIMERS = 3
CAPABILITY_LOW = 0x8086A001 | TIMERS - 1 << 8  # Intel's, 64 bits, can replace the PIT and the RTC, revision 1
CAPABILITY_HIGH = TICK_NS * 1_000_000  # the period in femtoseconds
CAPABILITY, PERIOD, CONFIG, STATUS, COUNTER, COUNTER_HIGH = 0x000, 0x004, 0x010, 0x020, 0x0F0, 0x0F4
TIMER_0, TIMER_LENGTH = 0x100, 0x20
TN_CONFIG, TN_ROUTES, TN_CMP, TN_CMP_HIGH, TN_FSB, TN_FSB_HIGH = 0x00, 0x04, 0x08, 0x0C, 0x10, 0x14
ENABLE, LEGACY = 1, 2
T_LEVEL, T_ENABLE, T_PERIODIC, T_CAN_PERIODIC, T_CAN_64, T_SET, T_32 = 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x100
T_ROUTE, T_FSB, T_CAN_FSB = 0x3E00, 0x4000, 0x8000
T_WRITABLE = T_LEVEL | T_ENABLE | T_PERIODIC | T_SET | T_32 | T_ROUTE | T_FSB
ROUTES = 1 << 2  # timers may have I/O APIC input 2
MOST = (1 << 64) - 1


class TimerState(SharedRecord):
    config = U32(T_CAN_PERIODIC | T_CAN_64)
    cmp = U64(MOST)
    period = U64()
    fsb = U64()
    wraps = Bool()  # the next alarm is the counter's 32 bits wrapping, the one after that the match


class HpetState(SharedRecord):
    config = U32()
    isr = U32()
    edges = U32()  # whose output an edge-triggered match has left high, until the next one
    counter = U64()  # as it was ...
    since_ns = I64()  # ... at this time; it has counted on since then if it is enabled
    timers = Array(TimerState, TIMERS)


class HpetModel(SharedRecord):
    """What the board fixes."""

    alarm = U32()  # the number of timer 0's alarm; those of the others follow it


@native
def elapsed(s: HpetState, now_ns: int) -> int:
    """Ticks since `counter` was right."""
    return (now_ns - s.since_ns) // TICK_NS if s.config & ENABLE else 0


@native
def read_counter(s: HpetState, high: bool, now_ns: int) -> int:
    low = (s.counter & 0xFFFFFFFF) + elapsed(s, now_ns)
    if high:
        return ((s.counter >> 32) + (low >> 32)) & 0xFFFFFFFF
    return low & 0xFFFFFFFF


@native
def read_timer(s: HpetState, n: int, register: int) -> int:
    if register == TN_CONFIG:
        return s.timers[n].config
    if register == TN_ROUTES:
        return ROUTES
    if register in (TN_CMP, TN_CMP_HIGH):
        return (s.timers[n].cmp >> (32 if register == TN_CMP_HIGH else 0)) & 0xFFFFFFFF
    if register in (TN_FSB, TN_FSB_HIGH):
        return (s.timers[n].fsb >> (32 if register == TN_FSB_HIGH else 0)) & 0xFFFFFFFF
    return 0


@native
def read_hpet(s: HpetState, model: HpetModel, alarms: Deadlines, offset: int, now_ns: int) -> int:
    if offset == COUNTER or offset == COUNTER_HIGH:
        return read_counter(s, offset == COUNTER_HIGH, now_ns)
    if offset >= LENGTH:
        return 0xFFFFFFFF
    if offset >= TIMER_0:
        n = (offset - TIMER_0) // TIMER_LENGTH
        return read_timer(s, n, offset & (TIMER_LENGTH - 1)) if n < TIMERS else 0
    if offset == CAPABILITY:
        return CAPABILITY_LOW
    if offset == PERIOD:
        return CAPABILITY_HIGH
    if offset == CONFIG:
        return s.config
    return s.isr if offset == STATUS else 0


@native
def write_hpet(s: HpetState, model: HpetModel, alarms: Deadlines, offset: int, value: int, now_ns: int) -> int:
    """What changes something that is seen elsewhere is declined."""
    if offset == STATUS:
        return DECLINED if s.isr & value else 0
    if offset == CONFIG:
        return DECLINED
    if (offset == COUNTER or offset == COUNTER_HIGH) and s.config & ENABLE:
        return 0  # a counter that counts keeps its value
    if offset == COUNTER:
        s.counter = (s.counter & ~0xFFFFFFFF) | value
    elif offset == COUNTER_HIGH:
        s.counter = (s.counter & 0xFFFFFFFF) | value << 32
    elif TIMER_0 <= offset < TIMER_0 + TIMERS * TIMER_LENGTH:
        n, register = (offset - TIMER_0) // TIMER_LENGTH, offset & (TIMER_LENGTH - 1)
        if register == TN_CMP or register == TN_CMP_HIGH:
            return compare(s, model, alarms, n, register == TN_CMP_HIGH, value, now_ns)
        return write_timer(s, n, register, value)
    return 0


@native
def write_timer(s: HpetState, n: int, register: int, value: int) -> int:
    if register == TN_FSB:
        s.timers[n].fsb = (s.timers[n].fsb & ~0xFFFFFFFF) | value
    elif register == TN_FSB_HIGH:
        s.timers[n].fsb = (s.timers[n].fsb & 0xFFFFFFFF) | value << 32
    elif register == TN_CONFIG:
        return DECLINED
    return 0


@native
def compare(s: HpetState, model: HpetModel, alarms: Deadlines, n: int, high: bool, value: int, now_ns: int) -> int:
    """Write half the comparator of a timer that is not periodic."""
    if s.timers[n].config & T_PERIODIC:
        return DECLINED
    if high:
        s.timers[n].cmp = (s.timers[n].cmp & 0xFFFFFFFF) | value << 32
    else:
        s.timers[n].cmp = (s.timers[n].cmp & ~0xFFFFFFFF) | value
    s.timers[n].config &= ~T_SET
    if s.config & ENABLE:
        begin(s, model, alarms, n, now_ns)
    return 0


@native
def begin(s: HpetState, model: HpetModel, alarms: Deadlines, n: int, now_ns: int) -> None:
    """Wait for timer `n`'s match. One of 32 bits that is not periodic also interrupts when the counter wraps."""
    ticks = left(s, n, now_ns)
    s.timers[n].wraps = False
    if s.timers[n].config & T_32 and not s.timers[n].config & T_PERIODIC:
        to_wrap = 0xFFFFFFFF - read_counter(s, False, now_ns)
        if to_wrap < ticks:
            ticks = to_wrap
            s.timers[n].wraps = True
    arm(alarms, model.alarm + n, time_of(s, ticks, now_ns))


@native
def left(s: HpetState, n: int, now_ns: int) -> int:
    """Ticks until the next match; one that has been passed by less than half the range is made up for at once."""
    low = (s.timers[n].cmp & 0xFFFFFFFF) - read_counter(s, False, now_ns)
    if s.timers[n].config & T_32:
        low &= 0xFFFFFFFF
        return low if 0 < low < 1 << 31 else 1
    high = (s.timers[n].cmp >> 32 & 0xFFFFFFFF) - read_counter(s, True, now_ns) + (low >> 32)
    if high & 1 << 31:
        return 1
    return max((high & 0xFFFFFFFF) << 32 | low & 0xFFFFFFFF, 1)


@native
def time_of(s: HpetState, ticks: int, now_ns: int) -> int:
    """When the counter has gone on so far."""
    passed = elapsed(s, now_ns)
    if ticks > (NEVER - s.since_ns) // TICK_NS - passed:
        return NEVER
    return s.since_ns + (passed + ticks) * TICK_NS


@native
def ring_timer(s: HpetState, model: HpetModel, alarms: Deadlines, value: int, now_ns: int) -> int:
    """A timer that interrupts nobody has matched, or the counter has wrapped for it."""
    n = value - model.alarm
    if s.timers[n].config & (T_ENABLE | T_PERIODIC):
        return DECLINED
    if s.timers[n].wraps:
        s.timers[n].wraps = False
        arm(alarms, value, time_of(s, left(s, n, now_ns), now_ns))
    else:
        arm(alarms, value, NEVER)
    return 0
