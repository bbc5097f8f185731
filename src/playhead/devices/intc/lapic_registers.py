"""The local APIC's priorities and plain registers, as functions over its state: native code is made of them.

Declined is what changes whether the core has an interrupt to take (but for the timer's expiry, and an acknowledge),
what the timer's alarm depends on (but for a new count), what goes to the I/O APIC, and what counts as an error.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter "Advanced Programmable Interrupt
Controller (APIC)".
"""

from playhead.base.record import U32
from playhead.base.shared_record import SharedRecord
from playhead.devices.intc.lapic_state import (
    APR, BASE_ENABLE, DFR, EOI, ESR, EXTINT, ICR_HIGH, ICR_LOW, ID, IRR, ISR, LDR, LINT0, LINT1, LVT, LVT_ACTIVE_LOW,
    LVT_COUNT, LVT_MASKED, PPR, RRD, SVR, SVR_ENABLE, TIMER, TIMER_COUNT, TIMER_DIVIDE, TIMER_INITIAL, TMR, TPR,
    VERSION_REG, LapicState,
)  # fmt: skip
from playhead.devices.intc.lapic_timer import count, expiry
from playhead.hw.clock import Deadlines, arm
from playhead.hw.native import DECLINED, native


class LapicModel(SharedRecord):
    """What the board fixes."""

    version = U32()  # the version register
    timer = U32()  # the number of the timer's alarm


@native
def requested(s: LapicState) -> int:
    """The highest vector in IRR; -1 if there is none."""
    for i in range(7, -1, -1):
        if s.irr[i]:
            return 32 * i + s.irr[i].bit_length() - 1
    return -1


@native
def in_service(s: LapicState) -> int:
    """The highest vector in ISR; -1 if there is none."""
    for i in range(7, -1, -1):
        if s.isr[i]:
            return 32 * i + s.isr[i].bit_length() - 1
    return -1


@native
def processor_priority(s: LapicState) -> int:
    serving = max(in_service(s), 0) & 0xF0
    return s.tpr if s.tpr & 0xF0 >= serving else serving


@native
def arbitration_priority(s: LapicState) -> int:
    tpr, request, serving = s.tpr & 0xF0, max(requested(s), 0) & 0xF0, max(in_service(s), 0) & 0xF0
    return s.tpr if tpr >= request and tpr > serving else max(tpr & serving, request)


@native
def on(s: LapicState) -> bool:
    return bool(s.base & BASE_ENABLE)


@native
def software_on(s: LapicState) -> bool:
    return bool(s.svr & SVR_ENABLE)


@native
def own_request(s: LapicState) -> int:
    """The vector that the APIC itself has for the core; -1 if none."""
    if not (on(s) and software_on(s)):
        return -1
    vector = requested(s)
    return vector if vector >= 0 and vector & 0xF0 > processor_priority(s) & 0xF0 else -1


@native
def asserted(s: LapicState, n: int) -> bool:
    """Is LINT0 or LINT1 asserted, in the polarity that its entry gives?"""
    level = s.lint0 if n == LINT0 else s.lint1
    return level != bool(s.lvt[n] & LVT_ACTIVE_LOW)


@native
def passed_on(s: LapicState, n: int) -> bool:
    return asserted(s, n) and s.lvt[n] & (LVT_MASKED | 0x700) == EXTINT << 8


@native
def external(s: LapicState) -> bool:
    """Is an 8259's request passed on to the core?"""
    if not on(s):
        return s.lint0
    return s.extint or passed_on(s, LINT0) or passed_on(s, LINT1)


@native
def pending(s: LapicState) -> bool:
    """Has the core an interrupt to take (if it allows any)?"""
    return own_request(s) >= 0 or external(s)


@native
def read_lapic(s: LapicState, model: LapicModel, alarms: Deadlines, offset: int, now_ns: int) -> int:
    r = offset >> 4
    if offset & 0xF:
        return 0
    if ISR <= r < TMR:
        return s.isr[r - ISR]
    if TMR <= r < IRR:
        return s.tmr[r - TMR]
    if IRR <= r < ESR:
        return s.irr[r - IRR]
    if LVT <= r < LVT + LVT_COUNT:
        return s.lvt[r - LVT]
    if r == TIMER_COUNT:
        return count(s.timer, now_ns)
    return read_plain(s, model, r)


@native
def read_plain(s: LapicState, model: LapicModel, r: int) -> int:
    """The registers that there is one of."""
    if r == ID:
        return s.id << 24
    if r == VERSION_REG:
        return model.version
    if r == TPR:
        return s.tpr
    if r == APR:
        return arbitration_priority(s)
    if r == PPR:
        return processor_priority(s)
    if r == LDR:
        return s.ldr << 24
    if r == DFR:
        return s.dfr << 28 | 0x0FFFFFFF
    if r == SVR:
        return s.svr
    if r == ESR:
        return s.esr
    if r == ICR_LOW:
        return s.icr_low
    if r == ICR_HIGH:
        return s.icr_high << 24
    if r == TIMER_INITIAL:
        return s.timer.initial
    if r == TIMER_DIVIDE:
        return s.timer.divide
    return 0 if r in (EOI, RRD) else DECLINED


@native
def serve(s: LapicState, vector: int) -> None:
    s.isr[vector >> 5] |= 1 << (vector & 31)


@native
def end_service(s: LapicState, vector: int) -> None:
    s.isr[vector >> 5] &= ~(1 << (vector & 31))


@native
def level_triggered(s: LapicState, vector: int) -> bool:
    return bool(s.tmr[vector >> 5] >> (vector & 31) & 1)


@native
def store(s: LapicState, r: int, value: int) -> int:
    """What writing register `r` does where nothing else has to follow than that INTR is driven anew."""
    if r == TPR:
        s.tpr = value & 0xFF
    elif r == EOI:
        vector = in_service(s)
        if vector >= 0:
            if level_triggered(s, vector):
                return DECLINED
            end_service(s, vector)
    elif r == ID:
        s.id = value >> 24
    elif r == LDR:
        s.ldr = value >> 24
    elif r == DFR:
        s.dfr = value >> 28
    elif r == ESR:
        s.esr, s.errors = s.errors, 0
    elif r == ICR_HIGH:
        s.icr_high = value >> 24
    elif not (r in (VERSION_REG, APR, PPR, RRD, TIMER_COUNT) or ISR <= r < ESR):
        return DECLINED
    return 0


@native
def write_lapic(s: LapicState, model: LapicModel, alarms: Deadlines, offset: int, value: int, now_ns: int) -> int:
    r = offset >> 4
    if offset & 0xF:
        return 0
    if r == TIMER_INITIAL:
        s.timer.initial, s.timer.start_ns, s.timer.expired = value, now_ns, False
        arm(alarms, model.timer, expiry(s.timer, now_ns))
        return 0
    if r not in (TPR, EOI):
        return store(s, r, value)
    before, tpr, vector = pending(s), s.tpr, in_service(s)
    if store(s, r, value) == DECLINED:
        return DECLINED
    if pending(s) != before:
        s.tpr = tpr
        if vector >= 0:
            serve(s, vector)
        return DECLINED
    return 0


@native
def accept(s: LapicState, vector: int, level: bool) -> None:
    """Put an interrupt into IRR."""
    bit = 1 << (vector & 31)
    s.irr[vector >> 5] |= bit
    if level:
        s.tmr[vector >> 5] |= bit
    else:
        s.tmr[vector >> 5] &= ~bit


@native
def ring_timer(s: LapicState, alarms: Deadlines, value: int, now_ns: int) -> int:
    """The timer has expired."""
    entry = s.lvt[TIMER]
    if not entry & LVT_MASKED and entry & 0xFF < 16:
        return DECLINED  # an error
    if not s.timer.periodic:
        s.timer.expired = True
    arm(alarms, value, expiry(s.timer, now_ns))
    if not entry & LVT_MASKED:
        accept(s, entry & 0xFF, False)
    return 0


@native
def acknowledge(s: LapicState) -> int:
    """The core takes an interrupt of the APIC's own: its vector."""
    vector = own_request(s)
    if vector < 0:
        return DECLINED
    s.irr[vector >> 5] &= ~(1 << (vector & 31))
    serve(s, vector)
    return vector
