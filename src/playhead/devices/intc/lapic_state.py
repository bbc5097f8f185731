"""The local APIC's register map and state.

Register numbers are the address's bits 4 to 11: registers are 32 bits wide, 16 bytes apart.

Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, chapter "Advanced Programmable Interrupt
Controller (APIC)"; version and number of LVT entries as QEMU's `pc` has them.
"""

from playhead.base.record import U8, U32, Array, Bool, Nested
from playhead.base.shared_record import SharedRecord
from playhead.devices.intc.lapic_timer import TimerState

DEFAULT_BASE, LENGTH = 0xFEE00000, 0x1000
BASE_BSP, BASE_ENABLE = 0x100, 0x800
VERSION = 0x14

ID, VERSION_REG, TPR, APR, PPR, EOI, RRD, LDR, DFR, SVR, ISR, TMR, IRR, ESR, ICR_LOW, ICR_HIGH = (
    0x02, 0x03, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x18, 0x20, 0x28, 0x30, 0x31,
)  # fmt: skip
LVT, LVT_COUNT, TIMER_INITIAL, TIMER_COUNT, TIMER_DIVIDE = 0x32, 6, 0x38, 0x39, 0x3E
TIMER, THERMAL, PERF, LINT0, LINT1, ERROR = range(LVT_COUNT)

SVR_ENABLE, SVR_BITS = 0x100, 0x3FF  # and focus checking, bit 9
LVT_MASKED, LVT_LEVEL, LVT_REMOTE_IRR, LVT_ACTIVE_LOW, LVT_PERIODIC = 0x10000, 0x8000, 0x4000, 0x2000, 0x20000
LVT_BITS = (0x300FF, 0x107FF, 0x107FF, 0x1A7FF, 0x1A7FF, 0x100FF)
FIXED, LOWEST, SMI, NMI, INIT, SIPI, EXTINT = 0, 1, 2, 4, 5, 6, 7
ESR_SEND_ILLEGAL, ESR_RECEIVED_ILLEGAL, ESR_ILLEGAL_REGISTER = 0x20, 0x40, 0x80
ICR_LOGICAL, ICR_BITS, ICR_SELF, ICR_ALL, ICR_OTHERS = 0x800, 0xCCFFF, 1, 2, 3
BROADCAST = 0xFF


class LapicState(SharedRecord):
    base = U32(DEFAULT_BASE | BASE_BSP | BASE_ENABLE)  # the IA32_APIC_BASE MSR
    id = U8()
    tpr = U8()
    ldr = U8()  # bits 24-31 of the register
    dfr = U8(0xF)  # bits 28-31 of the register
    svr = U32(0xFF)
    isr = Array(U32(), 8)
    tmr = Array(U32(), 8)
    irr = Array(U32(), 8)
    lvt = Array(U32(LVT_MASKED), LVT_COUNT)
    icr_low = U32()
    icr_high = U8()  # bits 24-31 of the register
    esr = U8()
    errors = U8()  # what the next write to ESR puts there
    lint0 = Bool()  # the levels of the pins
    lint1 = Bool()
    extint = Bool()  # an ExtINT message from the I/O APIC has not been acknowledged
    timer = Nested(TimerState)
