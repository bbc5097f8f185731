"""The real-time clock's ten date registers, and the seconds since 1970 that they stand for.

Any register values stand for some second: what is out of range carries over, as a day 31 in a month of 30 days does.
Nothing here knows what time it is.
"""

from collections.abc import Callable
from typing import NamedTuple

from playhead.hw.native import native

SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY = 0x00, 0x02, 0x04, 0x06, 0x07, 0x08, 0x09, 0x32
TIME_REGISTERS = (SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY)
SECONDS_ALARM, MINUTES_ALARM, HOURS_ALARM = 0x01, 0x03, 0x05
PM = 0x80
DAY_S = 86_400


@native
def put(value: int, binary: bool) -> int:
    """A number as a register has it."""
    return value & 0xFF if binary else value // 10 % 10 << 4 | value % 10


@native
def put_hour(hour: int, binary: bool, hours_24: bool) -> int:
    if hours_24:
        return put(hour, binary)
    return put((hour + 11) % 12 + 1, binary) | (PM if hour >= 12 else 0)


class Format(NamedTuple):
    """How registers are written: register B's DM and 24/12 bits."""

    binary: bool
    hours_24: bool

    def put(self, value: int) -> int:
        return put(value, self.binary)

    def get(self, register: int) -> int:
        return register if self.binary else (register >> 4) * 10 + (register & 15)

    def put_hour(self, hour: int) -> int:
        return put_hour(hour, self.binary, self.hours_24)

    def get_hour(self, register: int) -> int:
        if self.hours_24:
            return self.get(register)
        return self.get(register & ~PM) % 12 + (12 if register & PM else 0)


def days_from_date(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar; `month` 1 to 12, any `day`."""
    year -= month <= 2  # years begin in March, so that the leap day comes last
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719_468


@native
def date(days: int) -> int:
    """The inverse, in one number: year * 512 + month * 32 + day."""
    days += 719_468
    era, day_of_era = days // 146_097, days % 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    m = (5 * day_of_year + 2) // 153
    month = m + 3 if m < 10 else m - 9
    year = era * 400 + year_of_era + (month <= 2)
    return year * 512 + month * 32 + day_of_year - (153 * m + 2) // 5 + 1


def date_from_days(days: int) -> tuple[int, int, int]:
    """(year, month, day)."""
    packed = date(days)
    return packed >> 9, packed >> 5 & 15, packed & 31


@native
def weekday(seconds: int) -> int:
    """0 for Sunday to 6."""
    return (seconds // DAY_S + 4) % 7


@native
def register(index: int, seconds: int, weekday_shift: int, binary: bool, hours_24: bool) -> int:
    """What a time register shows at `seconds` since 1970."""
    second = seconds % DAY_S
    if index == SECONDS:
        return put(second % 60, binary)
    if index == MINUTES:
        return put(second // 60 % 60, binary)
    if index == HOURS:
        return put_hour(second // 3600, binary, hours_24)
    if index == WEEKDAY:
        return put((weekday(seconds) + weekday_shift) % 7 + 1, binary)
    packed = date(seconds // DAY_S)
    if index == DAY:
        return put(packed & 31, binary)
    if index == MONTH:
        return put(packed >> 5 & 15, binary)
    year = packed >> 9
    return put(year % 100 if index == YEAR else year // 100 % 100, binary)


def registers(seconds: int, weekday_shift: int, form: Format) -> dict[int, int]:
    """What all of them show."""
    return {i: register(i, seconds, weekday_shift, form.binary, form.hours_24) for i in TIME_REGISTERS}


def seconds_of(registers: dict[int, int], form: Format) -> tuple[int, int]:
    """The inverse: (seconds since 1970, weekday shift), of any register values."""
    get = form.get
    year = get(registers[CENTURY]) * 100 + get(registers[YEAR])
    carry, month = divmod(get(registers[MONTH]) - 1, 12)
    days = days_from_date(year + carry, month + 1, get(registers[DAY]))
    seconds = days * DAY_S + form.get_hour(registers[HOURS]) * 3600
    seconds += get(registers[MINUTES]) * 60 + get(registers[SECONDS])
    return seconds, (get(registers[WEEKDAY]) - 1 - weekday(seconds)) % 7


def next_alarm(seconds: int, alarm: tuple[int, int, int], form: Format) -> int | None:
    """The first second after `seconds` that matches the alarm registers (seconds, minutes, hours), if any does."""

    def matching(register: int, limit: int, put: Callable[[int], int]) -> list[int]:
        return [v for v in range(limit) if register >= 0xC0 or put(v) == register]  # C0h and up: any

    second, minute, hour = (
        matching(register, limit, put)
        for register, limit, put in zip(alarm, (60, 60, 24), (form.put, form.put, form.put_hour), strict=True)
    )
    if not (second and minute and hour):
        return None
    day, now = divmod(seconds + 1, DAY_S)
    h, m, s = now // 3600, now // 60 % 60, now % 60
    times = [DAY_S + hour[0] * 3600 + minute[0] * 60 + second[0]]
    times += [v * 3600 + minute[0] * 60 + second[0] for v in hour if v > h]
    if h in hour:
        times += [h * 3600 + v * 60 + second[0] for v in minute if v > m]
        if m in minute:
            times += [h * 3600 + m * 60 + v for v in second if v >= s]
    return day * DAY_S + min(times)
