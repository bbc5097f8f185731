"""Model-specific registers (manual volume 4, P6 family): where each lives, and the routines of RDMSR and WRMSR.

MTRRs are only stored: memory types mean nothing to a processor without a cache.
"""

from playhead.x86 import cpuid
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.table import call, routine

TSC, PLATFORM_ID, APIC_BASE, MICROCODE, MTRR_CAP, DEBUG_CONTROL = 0x10, 0x17, 0x1B, 0x8B, 0xFE, 0x1D9
SYSENTER = {0x174: "sysenter_cs", 0x175: "sysenter_esp", 0x176: "sysenter_eip"}
# MSRs that are only stored: first number, how many, first index in the state field `msrs`.
STORED = ((0x200, 16, 0), (0x250, 1, 16), (0x258, 2, 17), (0x268, 8, 19), (0x2FF, 1, 27))
MTRR_CAP_VALUE = 0x508  # eight variable ranges, fixed ranges, write-combining
APIC_BASE_WRITABLE = 0xFFFFF800  # base and enable; bit 8 says "boot processor"


def has(m: StateBuilder, feature: str):
    return (m.ld("cpuid", 7) & cpuid.FEATURES[feature]).ne(0)


@routine(64, faults=False)
def time_stamp(m: StateBuilder, icount):
    """The TSC after so many instructions: virtual nanoseconds, shifted by what the guest wrote."""
    m.ret(m.ld("tsc_offset") + m.ld("vbias") + (icount << (m.ld("shift") & 63).zext(64)))


@routine(32, faults=False)
def stored_msr(m: StateBuilder, number):
    """Index in `msrs`, or all ones."""
    for first, count, index in STORED:
        with m.if_((number - first).ult(count) & has(m, "mtrr")):
            m.ret((number - (first - index)).zext(64))
    m.ret(0xFFFFFFFF)


@routine(32, 64)
def read_msr(m: StateBuilder, number, icount):
    """The value of an MSR; #GP(0) if there is none."""
    with m.if_(number.eq(TSC)):
        m.ret(call(m, "time_stamp", icount))
    with m.if_(number.eq(APIC_BASE)):
        m.ret(m.ld("apic_base"))
    with m.if_(number.eq(PLATFORM_ID) | number.eq(MICROCODE) | number.eq(DEBUG_CONTROL)):
        m.ret(0)
    with m.if_(number.eq(MTRR_CAP) & has(m, "mtrr")):
        m.ret(MTRR_CAP_VALUE)
    for n, name in SYSENTER.items():
        with m.if_(number.eq(n) & has(m, "sep")):
            m.ret(m.ld(name).zext(64))
    index = call(m, "stored_msr", number).trunc(32)
    with m.if_(index.eq(0xFFFFFFFF)):
        m.fault(S.GP, 0)
    m.ret(m.ld_at("msrs", index))


@routine(32, 64, 64)
def write_msr(m: StateBuilder, number, value, icount):
    """Write an MSR; #GP(0) if there is none, or if reserved bits are set."""
    with m.if_(number.eq(TSC)):
        now = call(m, "time_stamp", icount)
        m.st("tsc_offset", m.ld("tsc_offset") + value - now)
        m.ret()
    with m.if_(number.eq(APIC_BASE)):
        with m.if_((value & ((1 << 64) - 1 - APIC_BASE_WRITABLE - 0x100)).ne(0)):
            m.fault(S.GP, 0)
        m.st("apic_base", (value & APIC_BASE_WRITABLE) | (m.ld("apic_base") & 0x100))
        m.ret()
    with m.if_(number.eq(MICROCODE) | number.eq(DEBUG_CONTROL)):
        m.ret()
    for n, name in SYSENTER.items():
        with m.if_(number.eq(n) & has(m, "sep")):
            m.st(name, value.trunc(32))
            m.ret()
    index = call(m, "stored_msr", number).trunc(32)
    with m.if_(index.eq(0xFFFFFFFF)):
        m.fault(S.GP, 0)
    m.st_at("msrs", index, value)
    m.ret()
