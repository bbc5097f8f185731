"""Intel's HPET: a counter of 64 bits at 100 MHz that never stops by itself, and three timers that compare with it.

A timer interrupts once, or periodically, through its own input of the I/O APIC, as a message to a local APIC (property
`msi`), or, for timers 0 and 1 in legacy replacement, in the place of the PIT (interrupt 0) and of the real-time clock
(interrupt 8), which then have no effect.

Virtual time is what the counter counts, so it is state only where a guest has set or halted it; each timer's next
interrupt is an alarm.

Sources: Intel, "IA-PC HPET (High Precision Event Timers) Specification" 1.0a. Of what it leaves to the chip, QEMU's:
the capabilities, the period, one interrupt route.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Self

from playhead.devices.intc.ioapic import TIMER_PIN, IoApic
from playhead.devices.intc.lapic import Lapic
from playhead.devices.timer.hpet_registers import (
    BASE, CONFIG, ENABLE, LEGACY, MOST, PAGE, STATUS, T_32, T_CAN_FSB, T_ENABLE, T_FSB, T_LEVEL, T_PERIODIC, T_ROUTE,
    T_SET, T_WRITABLE, TIMER_0, TIMER_LENGTH, TIMERS, TN_CMP_HIGH, TN_CONFIG, HpetModel, HpetState, TimerState, begin,
    elapsed, left, read_hpet, ring_timer, time_of, write_hpet,
)  # fmt: skip
from playhead.hw.clock import VirtualClock
from playhead.hw.declared import Declared, Property, Span
from playhead.hw.device import Device, Differs
from playhead.hw.line import Line, SoleLine
from playhead.hw.native import Registers, Ringing
from playhead.hw.space import Space, never
from playhead.hw.surroundings import Surroundings

PIT_IRQ, RTC_IRQ = 0, 8
ROUTE_SHIFT = 9
MESSAGES, MESSAGES_MASK = 0xFEE00000, 0xFFF00000  # where a write is a message to the local APICs

Message = Callable[[int, int, int, bool, bool], bool]


class Hpet(Device[HpetState]):
    """`legacy`: the lines of timers 0 and 1 in legacy replacement; `pin`: of the timers' own route."""

    State = HpetState
    part = "hpet"
    QEMU = Declared(
        "hpet", "System", "high precision event timers",
        (Property("msi", "bool", False, "Timers may interrupt by messages, too"),),
        wires=("irq0", "irq8"), memory=(Span(BASE, PAGE),), needs=("ioapic",),
    )  # fmt: skip
    DIFFERS = (
        Differs("routes that a timer does not have", "not stored", "stored", True),
        Differs("the counter of an HPET that is enabled", "undefined when written", "keeps its value", True),
        Differs("a disabled timer's status bit", "set by a match of a level-triggered one", "stays clear", True),
        Differs("a periodic timer whose match is met exactly", "interrupts once", "again one tick later", False),
        Differs("registers behind the last timer", "0", "a fourth timer's can be written", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        legacy = at.sole_irq(PIT_IRQ, name), at.sole_irq(RTC_IRQ, name)
        hpet = cls(name, at.clock, legacy, at.find(Lapic).deliver, p["msi"])
        at.find(IoApic).connect(hpet.pin, TIMER_PIN)  # which follows whichever of the pin's drivers changed last
        hpet.attach(at.memory.mmio)
        return hpet

    def __init__(self, name: str, clock: VirtualClock, legacy: tuple[SoleLine, SoleLine], message: Message, msi: bool):
        super().__init__(name)
        self._clock, self._legacy, self._message, self._msi = clock, legacy, message, msi
        self.pin = Line(f"{name}.pin")
        self._alarms = [clock.alarm(f"{name}.{n}", partial(self._ring, n)) for n in range(TIMERS)]
        self._states = self.state, HpetModel(alarm=self._alarms[0].number), clock.shared
        for alarm in self._alarms:
            alarm.declare(Ringing(ring_timer, *self._states, clock=clock))
        self._capable()

    def attach(self, mmio: Space) -> None:
        registers = Registers(*self._states, read=read_hpet, write=write_hpet, clock=self._clock)
        mmio.map(BASE, PAGE, never, self._write, min_size=4, max_size=4, name=self.name, registers=registers)

    def reset(self) -> None:
        self.state.reset()
        self._capable()
        for alarm in self._alarms:
            alarm.cancel()
        self._drive()

    def _capable(self) -> None:
        if self._msi:
            for timer in self.state.timers:
                timer.config |= T_CAN_FSB

    def loaded(self) -> None:
        for n, sole in enumerate(self._legacy):
            sole.restore(self._asserted(n), self._replacing)
        self.pin.restore(self._pin_level())

    # -- interrupts

    @property
    def _replacing(self) -> bool:
        return bool(self.state.config & LEGACY)

    def _asserted(self, n: int) -> bool:
        """The level of legacy line `n`."""
        return self._replacing and self._high(n)

    def _pin_level(self) -> bool:
        return any(self._high(n) and self._at_pin(n) for n in range(TIMERS))

    def _high(self, n: int) -> bool:
        return bool((self.state.isr | self.state.edges) >> n & 1)

    def _at_pin(self, n: int) -> bool:
        replaced = self._replacing and n < len(self._legacy)
        return not replaced and self.state.timers[n].config & T_ROUTE == TIMER_PIN << ROUTE_SHIFT

    def _drive(self) -> None:
        """All lines as the state has them."""
        for n, sole in enumerate(self._legacy):
            sole.line.set(self._asserted(n))
            sole.take(self._replacing)
        self.pin.set(self._pin_level())

    def _interrupt(self, n: int) -> None:
        """Timer `n` has matched."""
        s, config = self.state, self.state.timers[n].config
        if not config & T_ENABLE:
            return
        if config & T_FSB:
            self._send(s.timers[n].fsb)
        elif config & T_LEVEL:
            s.isr |= 1 << n
            self._drive()
        else:
            s.edges &= ~(1 << n)
            self._drive()
            s.edges |= 1 << n
            self._drive()

    def _send(self, fsb: int) -> None:
        address, data = fsb >> 32, fsb & 0xFFFFFFFF
        if address & MESSAGES_MASK == MESSAGES:
            self._message(data & 0xFF, data >> 8 & 7, address >> 12 & 0xFF, bool(address & 4), bool(data & 0x8000))

    # -- time

    def _count(self) -> int:
        s = self.state
        return s.counter + elapsed(s, self._clock.now_ns()) & MOST

    def _begin(self, n: int) -> None:
        begin(*self._states, n, self._clock.now_ns())

    def _arm_left(self, n: int) -> None:
        """Ring at timer `n`'s next match."""
        s, now_ns = self.state, self._clock.now_ns()
        self._alarms[n].arm(time_of(s, left(s, n, now_ns), now_ns))

    def _ring(self, n: int) -> None:
        timer = self.state.timers[n]
        if timer.config & T_PERIODIC and timer.period:
            self._next_period(timer)
            self._arm_left(n)
        elif timer.wraps:
            timer.wraps = False
            self._arm_left(n)
        self._interrupt(n)

    def _next_period(self, timer: TimerState) -> None:
        """The first match that is still to come."""
        bits = 32 if timer.config & T_32 else 64
        mask = (1 << bits) - 1
        behind = self._count() - timer.cmp & mask
        if behind < 1 << bits - 1:
            timer.cmp = timer.cmp + (behind // timer.period + 1) * timer.period & mask

    # -- registers: what is not declared

    def _write(self, address: int, size: int, value: int) -> None:
        offset = address - BASE
        if offset == CONFIG:
            self._configure(value)
        elif offset == STATUS:
            self.state.isr &= ~value
            self._drive()
        else:
            n, register = (offset - TIMER_0) // TIMER_LENGTH, offset % TIMER_LENGTH
            if register == TN_CONFIG:
                self._configure_timer(n, value)
            else:
                self._compare(n, value, 32 if register == TN_CMP_HIGH else 0)

    def _configure(self, value: int) -> None:
        s = self.state
        was, now = s.config, value & (ENABLE | LEGACY)
        if was & ENABLE and not now & ENABLE:
            s.counter = self._count()
            for alarm in self._alarms:
                alarm.cancel()
        s.config = now
        if was & ~now or (now & ~was) & LEGACY:
            s.edges = 0
        if now & ENABLE and not was & ENABLE:
            s.since_ns = self._clock.now_ns()
            for n, timer in enumerate(s.timers):
                if timer.cmp != MOST:
                    self._begin(n)
        self._drive()

    def _configure_timer(self, n: int, value: int) -> None:
        timer = self.state.timers[n]
        was = timer.config
        timer.config = was & ~T_WRITABLE | value & T_WRITABLE
        if value & T_32:
            timer.cmp, timer.period = timer.cmp & 0xFFFFFFFF, timer.period & 0xFFFFFFFF
        if timer.config & T_FSB and not was & T_FSB:
            self.state.isr &= ~(1 << n)
        if timer.config & ~was & T_ENABLE and self.state.config & ENABLE:
            self._begin(n)
        elif was & ~timer.config & T_ENABLE:
            self._alarms[n].cancel()
            self.state.edges &= ~(1 << n)
        self._drive()

    def _compare(self, n: int, value: int, shift: int) -> None:
        """Write half the comparator of a periodic timer: the period, and with the set bit the next match too."""
        timer = self.state.timers[n]
        other = 0xFFFFFFFF << 32 - shift
        if timer.config & T_SET:
            timer.cmp = timer.cmp & other | value << shift
        timer.period = (timer.period & other | value << shift) & ~_sign(timer)
        timer.config &= ~T_SET
        if self.state.config & ENABLE:
            self._begin(n)


def _sign(timer: TimerState) -> int:
    """The highest bit of a timer's numbers; no period is as long as that, or what is behind could not be told."""
    return 1 << 31 if timer.config & T_32 else 1 << 63
