"""The routines of RDMSR and WRMSR; which registers there are, and where each lives, is in msr_map.py.

MTRRs and PAT are only stored: memory types mean nothing to a processor without a cache; likewise the machine-check
registers, as no machine check ever happens. The set of registers and their reset values are those of QEMU's models of
the same names; those that QEMU reads as 0 because it lacks them raise #GP here.
"""

from playhead.x86.system import cpuid
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.page_walk import EFER_NXE
from playhead.x86.system.msr_map import (
    APIC_BASE, APIC_BASE_WRITABLE, CONSTANT, DEBUG_CONTROL, EFER, MC_BANK_0, MC_BANKS, MCG_CAP, MCG_CAP_VALUE, MCG_CTL,
    MICROCODE, MICROCODE_UPDATE, MTRR_CAP, MTRR_CAP_VALUE, ONES, P5_MC_TYPE, PAT, STORED, SYSENTER, TSC,
)  # fmt: skip
from playhead.x86.table import call, routine


def has(m: StateBuilder, feature: str):
    if feature in cpuid.EXTENDED_FEATURES:
        return (m.ld("cpuid", cpuid.EXTENDED_WORD) & cpuid.EXTENDED_FEATURES[feature]).ne(0)
    return (m.ld("cpuid", cpuid.FEATURE_WORD) & cpuid.FEATURES[feature]).ne(0)


@routine(64, faults=False)
def time_stamp(m: StateBuilder, icount):
    """The TSC after so many instructions: virtual nanoseconds, shifted by what the guest wrote."""
    m.ret(m.ld("tsc_offset") + m.ld("vbias") + (icount << (m.ld("shift") & 63).zext(64)))


@routine(32, faults=False)
def stored_msr(m: StateBuilder, number):
    """Index in `msrs`, or all ones."""
    for first, count, index, feature in STORED:
        with m.if_((number - first).ult(count) & has(m, feature)):
            m.ret((number - (first - index)).zext(64))
    m.ret(0xFFFFFFFF)


@routine(32, 64)
def read_msr(m: StateBuilder, number, icount):
    """The value of an MSR; #GP(0) if there is none."""
    with m.if_(number.eq(TSC)):
        m.ret(call(m, "time_stamp", icount))
    with m.if_(number.eq(APIC_BASE)):
        m.ret(m.ld("apic_base"))
    for n, value in CONSTANT.items():
        with m.if_(number.eq(n)):
            m.ret(value)
    with m.if_(number.ule(P5_MC_TYPE) & has(m, "mce")):
        m.ret(0)
    with m.if_(number.eq(MCG_CAP) & has(m, "mca")):
        m.ret(MCG_CAP_VALUE)
    with m.if_(number.eq(EFER) & has(m, "nx")):
        m.ret(m.ld("efer").zext(64))
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
    with m.if_(number.eq(MICROCODE) | number.eq(DEBUG_CONTROL) | number.eq(MICROCODE_UPDATE)):
        m.ret()  # not stored: there is no microcode to update, no branch is traced
    for n, name in SYSENTER.items():
        with m.if_(number.eq(n) & has(m, "sep")):
            m.st(name, value.trunc(32))
            m.ret()
    with m.if_(number.ule(P5_MC_TYPE) & has(m, "mce")):
        m.ret()
    with m.if_(number.eq(EFER) & has(m, "nx")):
        with m.if_((value & ~EFER_NXE).ne(0)):
            m.fault(S.GP, 0)
        with m.if_(m.ld("efer").ne(value.trunc(32))):
            m.st("efer", value.trunc(32))
            call(m, "flush_tlb", 1)
        m.ret()
    index = call(m, "stored_msr", number).trunc(32)
    bank = (number - MC_BANK_0).ult(4 * MC_BANKS)
    report = bank & (number & 3).ne(0)  # status, address, miscellany: software may only clear them (volume 3, 15.3.2)
    bad = (number.eq(PAT) & ~known_types(m, value)) | (report & value.ne(0))
    with m.if_(index.eq(0xFFFFFFFF) | bad):
        m.fault(S.GP, 0)
    control = number.eq(MCG_CTL) | (bank & ~report)
    with m.if_(~control | value.eq(0) | value.eq(ONES)):  # a P6 takes nothing else for a control
        m.st_at("msrs", index, value)
    m.ret()


def known_types(m: StateBuilder, pat):
    """Whether each byte is a memory type: 0, 1, 4 to 7 (volume 3, 11.12.2)."""
    each = 0x0101010101010101
    return (pat & (0xF8 * each)).eq(0) & ((pat >> 1) & ~(pat >> 2) & each).eq(0)
