"""Motorola MC146818: the PC's real-time clock, with 256 bytes of battery-backed memory (CMOS).

Two times are at work. Everything that happens (update cycles, UIP, interrupts, alarms) happens in virtual time, on a
32768 Hz divider chain. What the time registers show comes from the host's clock (clock=host) or from virtual time
(clock=vm), plus what the guest has set.

As on the chip, the registers change once a second, in the update cycle: with clock=host the first time register read
after an update reads the host's clock (one recorded read), and all others until the next update show that same
second, so that a guest never sees half of one. Between such reads the calendar runs on in virtual time, which is how
alarms are found; an alarm that a new reading of the host's clock steps over rings then. So the number of host reads
depends on what the guest does and when, on nothing else.

Sources: Motorola MC146818 data sheet: registers A to D, update cycle, divider reset, alarm "don't care" codes; Intel
82371AB (PIIX4) data sheet: ports 72h and 73h; ACPI specification, FADT CENTURY: the century's place (32h).
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from playhead.devices.timer.rtc_calendar import (
    CENTURY, DAY_S, TIME_REGISTERS, Format, next_alarm, registers, seconds_of,
)  # fmt: skip
from playhead.devices.timer.rtc_registers import (
    A_RESET, A_UIP, ALARM_REGISTERS, B_24, B_AIE, B_DM, B_PIE, B_SET, B_SQWE, B_UIE, C_AF, C_UF, HZ, HZ_BITS,
    PS2_CENTURY, REG_A, REG_B, REG_D, SECOND_NS, RtcModel, RtcState, asserted, calendar, chain, count_periods,
    divider_reset, follows, period, read_rtc, selected, stopped, take_flags, write_rtc,
)  # fmt: skip
from playhead.hw.clock import VirtualClock, ticks_to_ns
from playhead.hw.declared import Declared, Span
from playhead.hw.device import Device
from playhead.hw.door import HostClock
from playhead.hw.line import Line
from playhead.hw.native import Registers
from playhead.hw.space import Space
from playhead.hw.surroundings import Surroundings

BASE = 0x70
SHUTDOWN, RESUME = 0x0F, 0xFE  # a byte of the CMOS memory, and its value when the machine wakes up from S3


class Mc146818(Device[RtcState]):
    """`irq` is ISA interrupt 8. `epoch_ns` is added to the host's clock (with `host`), or to virtual time (without):
    0 or the time since 1970 at power-on, respectively."""

    State = RtcState
    part = "mc146818_rtc"
    QEMU = Declared("mc146818rtc", "ISA", "real-time clock", wires=("irq8",), ports=(Span(BASE, 4),))

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        host, start_s = (at.host_clock, 0) if at.rtc_start_s is None else (None, at.rtc_start_s)
        rtc = cls(name, at.clock, at.irq(8, name), host, start_s * SECOND_NS)
        rtc.on_alarm = partial(at.requests.wake_up, "rtc")
        rtc.fill(dict(at.cmos))
        rtc.attach(at.io)
        return rtc

    def __init__(self, name: str, clock: VirtualClock, irq: Line, host: HostClock | None = None, epoch_ns: int = 0):
        super().__init__(name)
        self._clock, self._irq, self._host, self._epoch_ns = clock, irq, host, epoch_ns
        self._model = RtcModel(host=host is not None)
        self._alarm = clock.alarm(f"{name}.tick", self._ring)
        self.on_alarm: Callable[[], None] = lambda: None  # called with each alarm that is enabled
        if host is None:
            self.state.anchored, self.state.anchor_s = True, epoch_ns // SECOND_NS

    def attach(self, io: Space) -> None:
        registers = Registers(self.state, self._model, read=read_rtc, write=write_rtc, clock=self._clock)
        io.map(BASE, 4, self.read_port, self.write_port, name=self.name, registers=registers)

    def fill(self, values: dict[int, int]) -> None:
        """Put bytes into the CMOS memory, as the firmware's set-up left them (see `pc_nvram`)."""
        for index in sorted(values):
            assert index > REG_D and index not in (CENTURY, PS2_CENTURY), f"CMOS {index:#x} belongs to the clock"
            self.state.nvram[index] = values[index]

    def shutdown_status(self, value: int) -> None:
        """The byte by which firmware tells one kind of reset from another."""
        self.state.nvram[SHUTDOWN] = value

    def reset(self) -> None:
        """The reset pin stops interrupts; the battery keeps the rest."""
        s = self.state
        self._catch_up()
        s.b &= ~(B_PIE | B_AIE | B_UIE | B_SQWE)
        s.c = s.index = s.index2 = 0
        s.nmi_masked = False
        self._update()

    def loaded(self) -> None:
        self._irq.restore(asserted(self.state))

    @property
    def nmi_masked(self) -> bool:
        return self.state.nmi_masked

    # -- the divider chain

    def _chain(self) -> int:
        return chain(self.state, self._clock.now_ns())

    @property
    def _format(self) -> Format:
        return Format(bool(self.state.b & B_DM), bool(self.state.b & B_24))

    # -- the calendar

    def _source_s(self) -> int:
        """The clock that the calendar follows, before what the guest has set."""
        assert self._host is not None
        return (self._host.read_ns() + self._epoch_ns) // SECOND_NS

    def _follow(self) -> None:
        """Set the calendar by the host's clock, once in an update cycle."""
        s, second = self.state, self._chain() >> HZ_BITS
        if follows(s, self._model, second):
            return
        self._catch_up()
        time_s = self._source_s() + s.offset_s
        if s.anchored and 0 < time_s - calendar(s, second) <= DAY_S:
            alarm = self._next_alarm(calendar(s, second))
            if alarm is not None and alarm <= time_s:
                s.c |= C_AF
        s.anchored, s.anchor_second, s.anchor_s = True, second, time_s
        self._update()

    def _set_calendar(self, time_s: int) -> None:
        s = self.state
        if self._host is not None:
            s.offset_s = time_s - self._source_s()
        s.anchored, s.anchor_second, s.anchor_s = True, self._chain() >> HZ_BITS, time_s

    def _time_registers(self) -> dict[int, int]:
        s = self.state
        if stopped(s):
            return self._kept_registers()
        self._follow()
        return registers(calendar(s, self._chain() >> HZ_BITS), s.weekday_shift, self._format)

    def _kept_registers(self) -> dict[int, int]:
        return {index: self.state.nvram[index] for index in TIME_REGISTERS}

    def _write_time(self, index: int, value: int) -> None:
        s = self.state
        shown = self._time_registers()
        shown[index] = value
        self._catch_up()
        time_s, s.weekday_shift = seconds_of(shown, self._format)
        self._set_calendar(time_s)
        self._update()

    def _next_alarm(self, after_s: int) -> int | None:
        second, minute, hour = (self.state.nvram[i] for i in ALARM_REGISTERS)
        return next_alarm(after_s, (second, minute, hour), self._format)

    # -- flags and interrupts

    def _catch_up(self) -> None:
        """Set the flags of what has happened since they were last looked at."""
        s, now = self.state, self._chain()
        count_periods(s, now)
        first, last = s.flags_at >> HZ_BITS, now >> HZ_BITS
        if last > first and not stopped(s):
            s.c |= C_UF
            if s.anchored:
                alarm = self._next_alarm(calendar(s, first))
                if alarm is not None and alarm <= calendar(s, last):
                    s.c |= C_AF
        s.flags_at = now

    def _update(self) -> None:
        """Drive the interrupt line, and wait for what may raise it next."""
        self._irq.set(asserted(self.state))
        tick = self._next_event()
        if tick is None:
            self._alarm.cancel()
        else:
            self._alarm.arm(self.state.phase_ns + ticks_to_ns(tick, HZ))

    def _next_event(self) -> int | None:
        """The next tick at which an enabled flag will be set that is not set yet."""
        s, ticks = self.state, []
        wanted = s.b & ~s.c
        if wanted & B_PIE and (apart := period(s)):
            ticks.append((s.flags_at // apart + 1) * apart)
        if not stopped(s):
            second = s.flags_at >> HZ_BITS
            if wanted & B_UIE:
                ticks.append(second + 1 << HZ_BITS)
            if wanted & B_AIE and s.anchored and (alarm := self._next_alarm(calendar(s, second))) is not None:
                ticks.append(second + alarm - calendar(s, second) << HZ_BITS)
        return min(ticks, default=None)

    def _ring(self) -> None:
        before = self.state.c
        self._catch_up()
        self._update()
        if self.state.c & ~before & self.state.b & C_AF:
            self.on_alarm()

    # -- registers: what is not declared

    def _read_flags(self) -> int:
        self._catch_up()
        value = take_flags(self.state)
        self._update()
        return value

    def _write_alarm(self, index: int, value: int) -> None:
        self._catch_up()
        self.state.nvram[index] = value
        if not stopped(self.state):
            self._follow()
        self._update()

    def _control(self, index: int, value: int) -> None:
        """Write register A or B, which may stop the clock or start it."""
        s = self.state
        self._catch_up()
        was_stopped, was_reset = stopped(s), divider_reset(s)
        if index == REG_B:
            stops = was_reset or bool(value & B_SET)
        else:
            stops = bool(s.b & B_SET) or value & A_RESET == A_RESET
        if stops and not was_stopped:
            for i, register in self._time_registers().items():
                s.nvram[i] = register
        if index == REG_A:
            s.a = value & ~A_UIP
        else:
            s.b = value & ~B_UIE if value & B_SET else value
        if was_reset and not divider_reset(s):
            s.phase_ns = self._clock.now_ns() - SECOND_NS // 2  # the first update comes half a second later
            s.flags_at = self._chain()
        if was_stopped and not stopped(s):
            time_s, s.weekday_shift = seconds_of(self._kept_registers(), self._format)
            self._set_calendar(time_s)
        elif index == REG_B and value & B_AIE and not stopped(s):
            self._follow()
        self._update()

    # -- ports: what is not declared

    def read_port(self, address: int, size: int) -> int:
        index = selected(self.state)
        return self._time_registers()[index] if index in TIME_REGISTERS else self._read_flags()

    def write_port(self, address: int, size: int, value: int) -> None:
        index = selected(self.state)
        if index in TIME_REGISTERS:
            self._write_time(index, value & 0xFF)
        elif index in ALARM_REGISTERS:
            self._write_alarm(index, value & 0xFF)
        else:
            self._control(index, value & 0xFF)


def pc_nvram(ram_below_4g: int, ram_above_4g: int = 0, *, floppies: tuple[int, int] = (0, 0), boot: str = "cad",
             boot_check: bool = True) -> dict[int, int]:  # fmt: skip
    """What the firmware of QEMU's `pc` expects in CMOS. Sizes in bytes; `floppies` are CMOS drive types; `boot` is
    QEMU's `-boot order` (a floppy, c disk, d CD-ROM, n network)."""
    kib, above_16m = ram_below_4g >> 10, max(ram_below_4g - (16 << 20), 0) >> 16
    extended = min(max(kib - 1024, 0), 0xFFFF)
    count = sum(1 for drive in floppies if drive)
    values = {
        0x10: floppies[0] << 4 | floppies[1],
        0x14: 0x06 | (count - 1 << 6 | 1 if count else 0),  # equipment: FPU, mouse, floppies
        0x5F: 0,  # processors, less one
    }
    words = {0x15: min(kib, 640), 0x17: extended, 0x30: extended, 0x34: min(above_16m, 0xFFFF)}
    for index, word in words.items():
        values[index], values[index + 1] = word & 0xFF, word >> 8
    for i in range(3):
        values[0x5B + i] = ram_above_4g >> (16 + 8 * i) & 0xFF
    return values | boot_devices(boot, boot_check)


def boot_devices(boot: str, check: bool = True) -> dict[int, int]:
    """The bytes that say what firmware is to start from. `check`: a floppy disk has to have the boot signature."""
    order = [{"a": 1, "c": 2, "d": 3, "n": 4}[letter] for letter in boot[:3]] + [0, 0, 0]
    return {0x38: order[2] << 4 | (0 if check else 1), 0x3D: order[1] << 4 | order[0]}
