"""The real-time clock's registers, as functions over its state: native code is made of them.

Declined is what sets the calendar or the divider chain, moves the alarm, or asks the host for its time.

Sources: as of mc146818_rtc.py.
"""

from playhead.base.record import I64, U8, Bool
from playhead.base.shared_record import SharedRecord, Table
from playhead.devices.timer.rtc_calendar import (
    CENTURY, HOURS_ALARM, MINUTES_ALARM, SECONDS_ALARM, TIME_REGISTERS, register,
)  # fmt: skip
from playhead.hw.clock import ticks_at
from playhead.hw.native import DECLINED, native

INDEX, DATA, INDEX2, DATA2 = range(4)  # ports 70h-73h
HZ, HZ_BITS = 32_768, 15
SECOND_NS = 1_000_000_000
UIP_TICKS = 73  # 244 us of warning and 1984 us of update cycle
REG_A, REG_B, REG_C, REG_D = 0x0A, 0x0B, 0x0C, 0x0D
PS2_CENTURY = 0x37  # where the PS/2 has it
ALARM_REGISTERS = (SECONDS_ALARM, MINUTES_ALARM, HOURS_ALARM)
A_UIP, A_DIVIDER, A_RESET, A_RATE = 0x80, 0x70, 0x60, 0x0F
B_SET, B_PIE, B_AIE, B_UIE, B_SQWE, B_DM, B_24 = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
C_IRQF, C_PF, C_AF, C_UF = 0x80, 0x40, 0x20, 0x10  # the flags stand where register B has their enable bits
D_VRT = 0x80


class RtcState(SharedRecord):
    index = U8()
    index2 = U8()
    nmi_masked = Bool()
    nvram = Table(128)  # its time registers hold only while the clock is stopped
    nvram2 = Table(128)
    a = U8(0x26)
    b = U8(B_24)
    c = U8()
    phase_ns = I64()  # when the divider chain was at 0
    flags_at = I64()  # the tick of the chain up to which register C is right
    anchored = Bool()  # the calendar has been set from its clock at all
    anchor_second = I64()  # at this second of the chain ...
    anchor_s = I64()  # ... the calendar showed this time, in seconds since 1970
    offset_s = I64()  # what the guest has set, less the host's clock
    weekday_shift = U8()


class RtcModel(SharedRecord):
    """What the machine's description fixes."""

    host = Bool()  # the calendar follows the host's clock, which has to be asked for it once a second


@native
def chain(s: RtcState, now_ns: int) -> int:
    """Ticks of the divider chain."""
    return ticks_at(now_ns - s.phase_ns, HZ)


@native
def divider_reset(s: RtcState) -> bool:
    return s.a & A_RESET == A_RESET


@native
def stopped(s: RtcState) -> bool:
    return bool(s.b & B_SET) or divider_reset(s)


@native
def period(s: RtcState) -> int:
    """Ticks between periodic interrupts; 0 for none. Rates 1 and 2 are those of 8 and 9."""
    rate = s.a & A_RATE
    if rate == 0 or divider_reset(s):
        return 0
    return 1 << (rate + 7 if rate < 3 else rate) - 1


@native
def asserted(s: RtcState) -> bool:
    return bool(s.c & s.b & (C_PF | C_AF | C_UF))


@native
def selected(s: RtcState) -> int:
    index = s.index & 0x7F
    return CENTURY if index == PS2_CENTURY else index


@native
def calendar(s: RtcState, second: int) -> int:
    """What the calendar shows at a second of the chain, in seconds since 1970."""
    return s.anchor_s + second - s.anchor_second


@native
def follows(s: RtcState, model: RtcModel, second: int) -> bool:
    """Is the calendar as its clock has it in this second?"""
    return not model.host or (s.anchored and second == s.anchor_second)


@native
def read_time(s: RtcState, model: RtcModel, index: int, now_ns: int) -> int:
    if stopped(s):
        return s.nvram[index]
    second = chain(s, now_ns) >> HZ_BITS
    if not follows(s, model, second):
        return DECLINED
    return register(index, calendar(s, second), s.weekday_shift, bool(s.b & B_DM), bool(s.b & B_24))


@native
def count_periods(s: RtcState, now: int) -> None:
    """Set the flag of periodic interrupts up to tick `now`."""
    ticks = period(s)
    if ticks and now // ticks > s.flags_at // ticks:
        s.c |= C_PF


@native
def take_flags(s: RtcState) -> int:
    """Register C, which reading clears."""
    value = s.c | (C_IRQF if asserted(s) else 0)
    s.c = 0
    return value


@native
def read_flags(s: RtcState, now: int) -> int:
    """Register C while no interrupt is enabled, and no second has ended since the flags were looked at."""
    if s.b & (B_PIE | B_AIE | B_UIE) or now >> HZ_BITS > s.flags_at >> HZ_BITS:
        return DECLINED
    count_periods(s, now)
    s.flags_at = now
    return take_flags(s)


@native
def read_rtc(s: RtcState, model: RtcModel, offset: int, now_ns: int) -> int:
    if offset == DATA2:
        return s.nvram2[s.index2 & 0x7F]
    if offset != DATA:
        return 0xFF  # the indices are write-only
    index = selected(s)
    if index in TIME_REGISTERS:
        return read_time(s, model, index, now_ns)
    if index == REG_A:
        updating = not stopped(s) and chain(s, now_ns) % HZ >= HZ - UIP_TICKS
        return s.a | (A_UIP if updating else 0)
    if index == REG_B:
        return s.b
    if index == REG_C:
        return read_flags(s, chain(s, now_ns))
    return D_VRT if index == REG_D else s.nvram[index]


@native
def write_data(s: RtcState, index: int, value: int) -> int:
    if index in (REG_A, REG_B) or index in ALARM_REGISTERS:
        return DECLINED
    if index in TIME_REGISTERS and not stopped(s):
        return DECLINED
    if index not in (REG_C, REG_D):
        s.nvram[index] = value
    return 0


@native
def write_rtc(s: RtcState, model: RtcModel, offset: int, value: int) -> int:
    if offset == DATA:
        return write_data(s, selected(s), value & 0xFF)
    if offset == INDEX:
        s.index, s.nmi_masked = value & 0x7F, bool(value & 0x80)
    elif offset == INDEX2:
        s.index2 = value & 0x7F
    else:
        s.nvram2[s.index2 & 0x7F] = value & 0xFF
    return 0
