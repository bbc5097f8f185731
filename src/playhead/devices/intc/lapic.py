"""The local APIC, as processors have it from the P6 family on: what stands between the interrupt sources and the core.

`intr` is high while the core has an interrupt to take: one of the APIC's own (in IRR, of a higher class than what is
being served), or an 8259's, passed on as ExtINT. `acknowledge` gives its vector. While the APIC is globally disabled,
the 8259's output and NMI go straight to the core.

There is one processor, so interprocessor interrupts only arrive here, or nowhere; INIT and SIPI to oneself do nothing.
After reset LINT0 passes the 8259 on ("virtual wire"), as firmware leaves it: a kernel may be started without any.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter "Advanced Programmable Interrupt
Controller (APIC)"; version and number of LVT entries as QEMU's `pc` has them.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

from playhead.hw.declared import Declared, Property, Span
from playhead.devices.intc.nmi_latch import NmiLatch
from playhead.devices.intc.i8259_pic import PicPair
from playhead.devices.intc.lapic_registers import (
    LapicModel, accept, acknowledge, asserted, end_service, external, in_service, on, pending, read_lapic, ring_timer,
    software_on, store, write_lapic,
)  # fmt: skip
from playhead.devices.intc.lapic_state import (
    BASE_BSP, BROADCAST, EOI, ERROR, ESR_ILLEGAL_REGISTER, ESR_RECEIVED_ILLEGAL, ESR_SEND_ILLEGAL, EXTINT, FIXED,
    ICR_ALL, ICR_BITS, ICR_LOGICAL, ICR_LOW, ICR_OTHERS, ICR_SELF, LENGTH, LINT0, LINT1, LOWEST, LVT, LVT_BITS,
    LVT_COUNT, LVT_LEVEL, LVT_MASKED, LVT_PERIODIC, LVT_REMOTE_IRR, NMI, SVR, SVR_BITS, SVR_ENABLE, TIMER,
    TIMER_DIVIDE, VERSION, LapicState,
)  # fmt: skip
from playhead.devices.intc.lapic_timer import LapicTimer
from playhead.hw.clock import VirtualClock
from playhead.hw.device import Device, Differs
from playhead.hw.inputs import NMI as NMI_INPUT
from playhead.hw.line import Line
from playhead.hw.native import DECLINED, Interrupts, Registers, Ringing
from playhead.hw.space import Range, Space
from playhead.hw.surroundings import Surroundings


class Lapic(Device[LapicState]):
    """`pic` acknowledges the 8259 and gives its vector; `nmi` asks the core for one. The board connects the 8259's
    output to `set_lint0` and sets `eoi_broadcast` to the I/O APIC's `eoi`."""

    State = LapicState
    part = "lapic"
    INPUT = NMI_INPUT
    QEMU = Declared(
        "apic", "System", "local APIC", (Property("version", "uint8", VERSION, "bits 7:0 of the version register"),),
        memory=(Span(0xFEE00000, 0x1000),), needs=("isa-i8259",), category="Controller/Bridge/Hub",
    )  # fmt: skip
    DIFFERS = (
        Differs("LVT entries", "four and the error entry in the first P6", "six, with version 14h", True),
        Differs("reserved bits of LVT, SVR and ICR", "0", "memory", False),
        Differs("ESR", "shows errors after it was written", "shows them at once, and cannot be cleared", False),
        Differs("accesses of 1 and 2 bytes", "undefined", "0", False),
    )  # fmt: skip

    @classmethod
    def build(cls, name: str, at: Surroundings, p: Mapping[str, Any]) -> Self:
        pic = at.find(PicPair)
        lapic = cls(name, at.clock, pic.acknowledge, lambda: at.find(NmiLatch).request(), version=p["version"])
        lapic.attach(at.memory.mmio)
        pic.intr.connect(lapic.set_lint0)
        return lapic

    def __init__(self, name: str, clock: VirtualClock, pic: Callable[[], int], nmi: Callable[[], None],
                 intr: Line | None = None, version: int = VERSION):  # fmt: skip
        super().__init__(name)
        model = LapicModel(version=(LVT_COUNT - 1) << 16 | version)
        states = self.state, model, clock.shared
        self._registers = Registers(*states, read=read_lapic, write=write_lapic, clock=clock)
        self.interrupts = Interrupts(self.state, pending, acknowledge)
        self._pic, self._nmi = pic, nmi
        self.intr = intr if intr is not None else Line(f"{name}.intr")
        self.eoi_broadcast: Callable[[int], None] = lambda vector: None
        self._mmio: Space | None = None
        self._range: Range | None = None
        self._timer = LapicTimer(f"{name}.timer", self.state.timer, clock, self._expire)
        model.timer = self._timer.alarm.number
        ringing = Ringing(ring_timer, self.state, clock.shared, clock=clock, after=self._update)
        self._timer.alarm.declare(ringing)
        self.state.lvt[LINT0] = EXTINT << 8

    def attach(self, mmio: Space) -> None:
        self._mmio = mmio
        self._map()

    def reset(self) -> None:
        self._fresh()
        self.state.lvt[LINT0] = EXTINT << 8
        self._map()
        self._timer.arm()
        self._update()

    def loaded(self) -> None:
        self._map()
        self.intr.restore(self.interrupt_pending())

    def _fresh(self) -> None:
        """All state as after power-on, but for what others drive."""
        s = self.state
        lint0, lint1 = s.lint0, s.lint1
        s.reset()
        s.lint0, s.lint1 = lint0, lint1

    # -- the base address and the switch

    @property
    def base(self) -> int:
        """The IA32_APIC_BASE MSR."""
        return self.state.base

    def set_base(self, value: int) -> bool:
        """Write the MSR; False (a general protection fault) if a reserved bit is set."""
        if value & ~0xFFFFF900:
            return False
        s, was_on = self.state, on(self.state)
        s.base = value & ~BASE_BSP | s.base & BASE_BSP
        if was_on and not on(s):  # what comes back when it is enabled again is an APIC after reset
            base = s.base
            self._fresh()
            s.base = base
            self._timer.arm()
        self._map()
        self._update()
        return True

    def _map(self) -> None:
        there, wanted = self._range, self.state.base & ~0xFFF
        if self._mmio is None or (there is not None and on(self.state) and there.base == wanted):
            return
        if there is not None:
            self._mmio.unmap(there)
            self._range = None
        if on(self.state):
            self._range = self._mmio.map(wanted, LENGTH, self.read_mem, self.write_mem, min_size=4, max_size=4,
                                         name=self.name, registers=self._registers, moves=True)  # fmt: skip

    # -- the core

    def interrupt_pending(self) -> bool:
        """Has the core an interrupt to take (if it allows any)?"""
        return pending(self.state)

    def acknowledge(self) -> int:
        """The core takes an interrupt: its vector, the spurious one if there is none any more."""
        s = self.state
        vector = acknowledge(s)
        if vector == DECLINED:
            if external(s) or not on(s):
                s.extint = False
                vector = self._pic() & 0xFF
            else:
                vector = s.svr & 0xFF
        self._update()
        return vector

    def _update(self) -> None:
        self.intr.set(self.interrupt_pending())

    # -- what arrives

    def _accept(self, vector: int, level: bool) -> None:
        """Put an interrupt into IRR."""
        if vector < 16:
            self._error(ESR_RECEIVED_ILLEGAL)
            return
        accept(self.state, vector, level)
        self._update()

    def _error(self, bit: int) -> None:
        s = self.state
        news = not s.errors & bit
        s.errors |= bit
        entry = s.lvt[ERROR]
        if news and not entry & LVT_MASKED and entry & 0xFF >= 16:  # an illegal error vector cannot report itself
            self._accept(entry & 0xFF, False)

    def deliver(self, vector: int, mode: int, dest: int, dest_mode: bool, trigger: bool) -> bool:
        """A message of the interrupt bus. `dest_mode`: logical; `trigger`: level. Returns whether it is taken."""
        s = self.state
        if not on(s) or not self._is_me(dest, dest_mode):
            return False
        if mode in (FIXED, LOWEST):
            if not software_on(s):
                return False
            if vector < 16:
                self._error(ESR_RECEIVED_ILLEGAL)
                return False
            self._accept(vector, trigger)
        elif mode == NMI:
            self._nmi()
        elif mode == EXTINT:
            s.extint = True
            self._update()
        return True

    def _is_me(self, dest: int, logical: bool) -> bool:
        s = self.state
        if not logical:
            return dest in (s.id, BROADCAST)
        if s.dfr == 0xF:
            return bool(dest & s.ldr)
        return dest == BROADCAST or (dest >> 4 == s.ldr >> 4 and bool(dest & s.ldr & 0xF))

    def set_lint0(self, level: bool) -> None:
        """The 8259's output."""
        was = asserted(self.state, LINT0)
        self.state.lint0 = level
        self._pin_changed(LINT0, was)

    def set_lint1(self, level: bool) -> None:
        """The NMI pin."""
        if not on(self.state):
            if level and not self.state.lint1:
                self._nmi()
            self.state.lint1 = level
            return
        was = asserted(self.state, LINT1)
        self.state.lint1 = level
        self._pin_changed(LINT1, was)

    def nmi_button(self) -> None:
        """A pulse on the NMI pin."""
        self.set_lint1(True)
        self.set_lint1(False)

    def _pin_changed(self, n: int, was: bool) -> None:
        entry = self.state.lvt[n]
        if on(self.state) and not entry & LVT_MASKED and asserted(self.state, n):
            mode = entry >> 8 & 7
            if mode == NMI and not was:
                self._nmi()
            elif mode == FIXED and entry & LVT_LEVEL:
                self._level_pin(n)
            elif mode == FIXED and not was:
                self._accept(entry & 0xFF, False)
        self._update()

    def _level_pin(self, n: int) -> None:
        """A level on LINT0 or LINT1 is sent once, and again when its handler has ended and it is still there."""
        entry = self.state.lvt[n]
        if not entry & (LVT_REMOTE_IRR | LVT_MASKED) and entry >> 8 & 7 == FIXED and asserted(self.state, n):
            if entry & 0xFF >= 16:
                self.state.lvt[n] |= LVT_REMOTE_IRR
            self._accept(entry & 0xFF, True)

    def _expire(self) -> None:
        entry = self.state.lvt[TIMER]
        if not entry & LVT_MASKED:
            self._accept(entry & 0xFF, False)

    # -- what the guest asks for

    def _end_level(self) -> None:
        """The end of a level-triggered interrupt."""
        s = self.state
        vector = in_service(s)
        end_service(s, vector)
        for n in (LINT0, LINT1):
            if s.lvt[n] & LVT_REMOTE_IRR and s.lvt[n] & 0xFF == vector:
                s.lvt[n] &= ~LVT_REMOTE_IRR
                self._level_pin(n)
        self.eoi_broadcast(vector)
        self._update()

    def _send(self, low: int) -> None:
        """The interrupt command register: to oneself, or to nobody."""
        s = self.state
        s.icr_low = low & ICR_BITS
        vector, mode, shorthand = low & 0xFF, low >> 8 & 7, low >> 18 & 3
        if shorthand == ICR_OTHERS:
            return
        if mode in (FIXED, LOWEST) and vector < 16:
            self._error(ESR_SEND_ILLEGAL)
            return
        if mode not in (FIXED, LOWEST, NMI, EXTINT):
            return  # SMI; INIT and SIPI to oneself
        if shorthand in (ICR_SELF, ICR_ALL):
            self.deliver(vector, mode, BROADCAST, False, False)
        else:
            self.deliver(vector, mode, s.icr_high, bool(low & ICR_LOGICAL), False)

    def _write_svr(self, value: int) -> None:
        s = self.state
        s.svr = value & SVR_BITS
        if not value & SVR_ENABLE:
            for n in range(LVT_COUNT):
                s.lvt[n] |= LVT_MASKED
            self._update_timer()

    def _write_lvt(self, n: int, value: int) -> None:
        s = self.state
        kept = s.lvt[n] & LVT_REMOTE_IRR if value & LVT_LEVEL else 0
        s.lvt[n] = value & LVT_BITS[n] | kept | (0 if software_on(s) else LVT_MASKED)
        if n == TIMER:
            self._update_timer()
        elif n in (LINT0, LINT1) and value & LVT_LEVEL:
            self._level_pin(n)

    def _update_timer(self) -> None:
        entry = self.state.lvt[TIMER]
        self._timer.set_mode(bool(entry & LVT_PERIODIC), not entry & LVT_MASKED)

    # -- registers: what is not declared

    def read_mem(self, address: int, size: int) -> int:
        self._error(ESR_ILLEGAL_REGISTER)
        return 0

    def write_mem(self, address: int, size: int, value: int) -> None:
        r = address >> 4 & 0xFF
        if store(self.state, r, value) == DECLINED:
            if r == EOI:
                self._end_level()
            elif r == SVR:
                self._write_svr(value)
            elif r == ICR_LOW:
                self._send(value)
            elif LVT <= r < LVT + LVT_COUNT:
                self._write_lvt(r - LVT, value)
            elif r == TIMER_DIVIDE:
                self._timer.set_divide(value)
            else:
                self._error(ESR_ILLEGAL_REGISTER)
        self._update()
