"""The real-time clock: calendar, update cycle, interrupts, setting, and how often it asks the host."""

import calendar
import random
import time

import pytest

from playhead.devices.timer.mc146818_rtc import Mc146818, pc_nvram
from playhead.devices.timer.rtc_calendar import Format, next_alarm, registers, seconds_of
from playhead.hw.line import Line

START = calendar.timegm((2024, 2, 28, 23, 59, 50))
S = 10**9


class Host:
    def __init__(self, world, ns):
        self.world, self.ns, self.reads = world, ns, 0

    def read_ns(self):
        self.reads += 1
        return self.ns + self.world.time_ns


def make(world, host=None, epoch_ns=START * S):
    world.line = Line("irq8")
    world.rings = []
    world.line.connect(lambda level: level and world.rings.append(world.time_ns))
    chip = Mc146818("rtc", world.clock, world.line, host, epoch_ns)
    chip.attach(world.io)
    return chip


@pytest.fixture
def rtc(world):
    return make(world)


def get(world, index):
    world.outb(0x70, index)
    return world.inb(0x71)


def put(world, index, value):
    world.outb(0x70, index)
    world.outb(0x71, value)


def now(world):
    return tuple(f"{get(world, i):02x}" for i in (0x32, 9, 8, 7, 4, 2, 0, 6))


def test_calendar_runs(world, rtc):
    assert now(world) == ("20", "24", "02", "28", "23", "59", "50", "04")
    world.advance(10 * S - 1)
    assert now(world)[6] == "59"
    world.advance(1)
    assert now(world) == ("20", "24", "02", "29", "00", "00", "00", "05")
    assert get(world, 0x37) == 0x20


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("hours_24", [False, True])
def test_formats_are_the_inverse_of_themselves(binary, hours_24):
    form, chance = Format(binary, hours_24), random.Random(1)
    for _ in range(2000):
        second, shift = chance.randrange(-2_000_000_000, 200_000_000_000), chance.randrange(7)
        shown = registers(second, shift, form)
        assert seconds_of(shown, form) == (second, shift)
        t = time.gmtime(second)
        assert [form.get(shown[i]) for i in (9, 8, 7, 2, 0)] == [t.tm_year % 100, *t[1:3], *t[4:6]]
        assert form.get_hour(shown[4]) == t.tm_hour
        assert form.get(shown[6]) == ((t.tm_wday + 1) % 7 + shift) % 7 + 1


def test_next_alarm_is_the_first_match():
    chance = random.Random(2)
    for _ in range(300):
        form = Format(chance.random() < 0.5, chance.random() < 0.5)
        start = START + chance.randrange(10**6)
        target = registers(start + chance.randrange(1, 2000), 0, form)
        alarm = tuple(target[i] if chance.random() < 0.6 else 0xC0 | chance.randrange(64) for i in (0, 2, 4))

        def matches(s, alarm=alarm, form=form):
            shown = registers(s, 0, form)
            return all(a >= 0xC0 or a == shown[i] for a, i in zip(alarm, (0, 2, 4), strict=True))

        expected = next(s for s in range(start + 1, start + 100_000) if matches(s))
        assert next_alarm(start, alarm, form) == expected
    assert next_alarm(START, (0x99, 0, 0), Format(False, True)) is None


def test_update_in_progress(world, rtc):
    world.advance(S - 2_300_000)
    assert get(world, 0x0A) == 0x26
    world.advance(100_000)
    assert get(world, 0x0A) == 0xA6
    assert now(world)[6] == "50"
    world.advance(2_200_000)
    assert get(world, 0x0A) == 0x26 and now(world)[6] == "51"
    put(world, 0x0B, 0x82)
    world.advance(S - 1_000_000)
    assert get(world, 0x0A) == 0x26


def test_update_ended_interrupt(world, rtc):
    put(world, 0x0B, 0x12)
    world.advance(3 * S + 5)
    assert world.rings == [S]  # until register C is read
    assert get(world, 0x0C) == 0x90 | 0x40  # the periodic flag too, though it does not interrupt
    assert not world.line.level
    world.advance(S)
    assert world.rings == [S, 4 * S]


@pytest.mark.parametrize("rate,hz", [(1, 256), (2, 128), (3, 8192), (6, 1024), (15, 2)])
def test_periodic_interrupt(world, rtc, rate, hz):
    put(world, 0x0A, 0x20 | rate)
    put(world, 0x0B, 0x42)
    end = 2 * S
    while (deadline := world.clock.next_deadline_ns()) <= end:
        world.advance(deadline - world.time_ns)
        assert get(world, 0x0C) & 0xC0 == 0xC0
    assert world.rings == [-(-k * S // hz) for k in range(1, 2 * hz + 1)]


def test_alarm(world, rtc):
    for index, value in ((1, 0x02), (3, 0xFF), (5, 0xC0), (0x0B, 0x22)):
        put(world, index, value)
    world.advance(200 * S)
    assert world.rings == [12 * S]
    assert get(world, 0x0C) & 0xA0 == 0xA0
    world.advance(100 * S)
    assert world.rings == [12 * S, 252 * S]


def test_setting_the_time(world, rtc):
    put(world, 0x0B, 0x92)
    assert get(world, 0x0B) == 0x82  # SET clears UIE
    for index, value in ((0, 0x58), (2, 0x59), (4, 0x23), (6, 0x01), (7, 0x31), (8, 0x12), (9, 0x99), (0x32, 0x19)):
        put(world, index, value)
    world.advance(100 * S)
    assert now(world) == ("19", "99", "12", "31", "23", "59", "58", "01")
    put(world, 0x0B, 0x02)
    world.advance(2 * S)
    assert now(world) == ("20", "00", "01", "01", "00", "00", "00", "02")


def test_twelve_hours_and_binary(world, rtc):
    put(world, 0x0B, 0x00)
    assert get(world, 4) == 0x91
    put(world, 0x0B, 0x06)
    assert (get(world, 4), get(world, 2)) == (23, 59)


def test_divider_reset_starts_half_a_second_before_the_update(world, rtc):
    put(world, 0x0A, 0x76)
    world.advance(10 * S + 123)
    shown = now(world)
    put(world, 0x0A, 0x26)
    world.advance(S // 2 - 1)
    assert now(world) == shown
    world.advance(1)
    assert now(world)[6] == "51"


def test_the_host_is_asked_once_in_an_update_cycle(world):
    host = Host(world, START * S + 700_000_000)
    make(world, host, 0)
    assert host.reads == 0
    for _ in range(3):
        for _ in range(5):
            now(world)
            for index in (0x0A, 0x0B, 0x0C, 0x0D, 0x10):
                get(world, index)
        world.advance(S)
    assert host.reads == 3
    host.ns += 3600 * S
    assert now(world)[4:7] == ("00", "59", "53")


def test_the_guest_sets_an_offset_to_the_host(world):
    host = Host(world, START * S)
    chip = make(world, host, 0)
    put(world, 4, 0x11)
    world.advance(5 * S)
    host.ns += 60 * S
    assert now(world) == ("20", "24", "02", "28", "12", "00", "55", "04")
    saved = chip.save()
    put(world, 9, 0x77)
    chip.load(saved)
    assert now(world)[1] == "24"


def test_an_alarm_that_the_host_steps_over_rings(world):
    host = Host(world, START * S)
    make(world, host, 0)
    for index, value in ((1, 0x30), (3, 0x05), (5, 0x00), (0x0B, 0x22)):
        put(world, index, value)
    world.advance(2 * S)
    host.ns += 7200 * S
    assert world.rings == []
    now(world)
    assert world.rings == [2 * S]


def test_absurd_settings_are_defined(world, rtc):
    chance = random.Random(3)
    for _ in range(3000):
        put(world, chance.choice((0, 2, 4, 6, 7, 8, 9, 0x32, 0x0A, 0x0B, 1, 3, 5)), chance.randrange(256))
        if chance.random() < 0.1:
            world.time_ns += chance.randrange(3 * S)
            world.clock.ring(world.time_ns)
        assert len(now(world)) == 8
        rtc.save()


def test_reset_keeps_time_and_memory(world, rtc):
    put(world, 0x0B, 0x72)
    put(world, 0x40, 0xA5)
    world.outb(0x72, 0x7F)
    world.outb(0x73, 0x11)
    world.advance(S)
    assert world.line.level
    rtc.reset()
    assert not world.line.level and get(world, 0x0B) == 2 and get(world, 0x40) == 0xA5
    world.outb(0x72, 0x7F)
    assert world.inb(0x73) == 0x11 and now(world)[6] == "51"
    assert get(world, 0x0D) == 0x80


def test_nmi_mask(world, rtc):
    world.outb(0x70, 0x8F)
    assert rtc.nmi_masked and world.inb(0x70) == 0xFF
    world.outb(0x70, 0x0F)
    assert not rtc.nmi_masked


def test_cmos_of_a_pc(world, rtc):
    rtc.fill(pc_nvram(128 << 20))
    word = [get(world, i) | get(world, i + 1) << 8 for i in (0x15, 0x17, 0x30, 0x34)]
    assert word == [640, 0xFFFF, 0xFFFF, 112 << 4]
    assert (get(world, 0x14), get(world, 0x3D), get(world, 0x38)) == (0x06, 0x12, 0x30)
    assert pc_nvram(2 << 20)[0x17] == 0 and pc_nvram(2 << 20)[0x18] == 4
    assert [pc_nvram(1 << 30, 5 << 30)[i] for i in (0x5B, 0x5C, 0x5D)] == [0, 0x40, 1]
