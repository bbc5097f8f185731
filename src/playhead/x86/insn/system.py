"""Control, debug and model-specific registers, descriptor tables (manual volume 2; volume 3 chapters 2 and 5.8.7)."""

from playhead.x86.system import cpuid, msr_map
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.insn.segment import refuse_8086
from playhead.x86.system.interrupts import BD
from playhead.x86.system.page_walk import pae_paging
from playhead.x86.system.segments import part, set_part
from playhead.x86.table import call, insn, routine

CR0_PE, CR0_ET, CR0_WP, CR0_NW, CR0_CD, CR0_PG = 1, 0x10, 1 << 16, 1 << 29, 1 << 30, 1 << 31
CR0_MASK = 0xE005003F
CR4_TSD, CR4_DE, CR4_PSE, CR4_PAE, CR4_PGE = 4, 8, 0x10, 0x20, 0x80
CR4_PAGING = CR4_PSE | CR4_PAE | CR4_PGE
DR6_ONES, DR6_WRITABLE, DR7_WRITABLE, DR7_GD = 0xFFFF0FF0, 0xE00F, 0xFFFF23FF, 0x2000
RING3 = 3


# Control registers


@routine(32)
def write_cr0(m: StateBuilder, value):
    """MOV to CR0 and LMSW. Segments keep their hidden parts when PE changes."""
    new = (value & CR0_MASK) | CR0_ET
    old = m.ld("cr0")
    pe, pg = (new & CR0_PE).ne(0), (new & CR0_PG).ne(0)
    with m.if_((pg & ~pe) | (new & (CR0_NW | CR0_CD)).eq(CR0_NW)):
        m.fault(S.GP, 0)
    with m.if_(pae_paging(m, new, m.ld("cr4")) & ((old ^ new) & (CR0_PG | CR0_CD | CR0_NW)).ne(0)):
        call(m, "check_pdptes", m.ld("cr3"))
        call(m, "load_pdptes", m.ld("cr3"))
    m.st("cr0", new)
    with m.if_(((old ^ new) & CR0_PG).ne(0)):
        call(m, "flush_tlb", 1)
    with m.else_(), m.if_(((old ^ new) & CR0_WP).ne(0)):
        call(m, "host_flush")
    m.ret()


@routine(32)
def write_cr4(m: StateBuilder, value):
    """MOV to CR4: a change of page sizes or global pages voids every translation."""
    with m.if_((value & ~m.ld("cr4_mask")).ne(0)):
        m.fault(S.GP, 0)
    old = m.ld("cr4")
    with m.if_(pae_paging(m, m.ld("cr0"), value) & ((old ^ value) & CR4_PAGING).ne(0)):
        call(m, "check_pdptes", m.ld("cr3"))
        call(m, "load_pdptes", m.ld("cr3"))
    m.st("cr4", value)
    with m.if_(((old ^ value) & CR4_PAGING).ne(0)):
        call(m, "flush_tlb", 1)
    m.ret()


def _known(m, number) -> None:
    with m.if_(number.ugt(4) | number.eq(1)):
        m.ud()


@insn("0f 22 /r Cd,Rd", name="mov", privileged=True)
def mov_to_cr(m, dst, src):
    """Write a control register."""
    number, value = m.field("a"), m.get(src)
    _known(m, number)
    m.need_cpl0()
    with m.if_(number.eq(0)):
        call(m, "write_cr0", value)
    with m.else_(), m.if_(number.eq(2)):
        m.st("cr2", value)
    with m.else_(), m.if_(number.eq(3)):
        with m.if_(pae_paging(m, m.ld("cr0"), m.ld("cr4"))):
            call(m, "check_pdptes", value)
            call(m, "load_pdptes", value)
        m.st("cr3", value)
        call(m, "flush_tlb", 0)
    with m.else_():
        call(m, "write_cr4", value)
    m.sync()


@insn("0f 20 /r Rd,Cd", name="mov", privileged=True)
def mov_from_cr(m, dst, src):
    """Read a control register."""
    number = m.field("a")
    _known(m, number)
    m.need_cpl0()
    low = number.eq(0).select(m.ld("cr0"), m.ld("cr2"))
    m.set(dst, number.ult(3).select(low, number.eq(3).select(m.ld("cr3"), m.ld("cr4"))))


@insn("0f 06", privileged=True)
def clts(m):
    """CR0.TS = 0."""
    m.need_cpl0()
    m.st("cr0", m.ld("cr0") & 0xFFFFFFF7)
    m.sync()


@insn("0f 01 /6 Ew", privileged=True)
def lmsw(m, src):
    """Load the low four bits of CR0; PE cannot be cleared so."""
    m.need_cpl0()
    old = m.ld("cr0")
    call(m, "write_cr0", (old & 0xFFFFFFF1) | (m.get(src).zext(32) & 0xF))
    m.sync()


def store_word(m, dst, value) -> None:
    """16 bits to memory, the operand size to a register."""
    if m.is_memory(dst):
        m.guest_store(m.linear(dst, 2, True), value.trunc(16))
    else:
        m.set(dst, value if m.osize == 32 else value.trunc(16))


@insn("0f 01 /4 Ev")
def smsw(m, dst):
    """Read CR0: its low half to memory."""
    m.osize  # noqa: B018
    store_word(m, dst, m.ld("cr0"))


# Debug registers


@insn("0f 21 /r Rd,Dd", "0f 23 /r Dd,Rd", name="mov", privileged=True)
def mov_dr(m, dst, src):
    """Read or write a debug register; 4 and 5 are other names of 6 and 7 unless CR4.DE forbids it."""
    number = m.field("a")
    alias = (number & 6).eq(4)
    with m.if_(alias & (m.ld("cr4") & CR4_DE).ne(0)):
        m.ud()
    m.need_cpl0()
    with m.if_((m.ld("dr", 7) & DR7_GD).ne(0)):
        m.st("dr", m.ld("dr", 6) | BD, 6)
        m.fault(S.DB, 0)
    real = alias.select(number + 2, number)
    if m.encoding.opcode == 0x21:
        m.set(dst, m.ld_at("dr", real))
        return
    value = m.get(src)
    status = (value & DR6_WRITABLE) | DR6_ONES
    control = (value & DR7_WRITABLE) | 0x400
    new = real.eq(6).select(status, real.eq(7).select(control, value))
    changes = real.ne(6) & m.ld_at("dr", real).ne(new)
    m.st_at("dr", real, new)
    with m.if_(changes):
        call(m, "debug_changed")
    m.sync()


# Descriptor tables


@insn("0f 01 /0 Ma", "0f 01 /1 Ma", name="sgdt")
def store_table(m, dst):
    """Store the register of the GDT or IDT (SGDT, SIDT): all 32 bits of the base in either operand size."""
    name = "gdtr" if m.encoding.digit == 0 else "idtr"
    linear = m.linear(dst, 6, True)
    m.guest_load(linear + 2, 32, "w")  # the second store must not fault after the first
    m.guest_store(linear, m.ld(name + "_limit").trunc(16))
    m.guest_store(linear + 2, m.ld(name + "_base"))


@insn("0f 01 /2 Ma", "0f 01 /3 Ma", name="lgdt", privileged=True)
def load_table(m, src):
    """Load the register of the GDT or IDT (LGDT, LIDT): 24 bits of base with 16-bit operands."""
    name = "gdtr" if m.encoding.digit == 2 else "idtr"
    m.need_cpl0()
    linear = m.linear(src, 6, False)
    limit, base = m.load(linear, 16).zext(32), m.load(linear + 2, 32)
    m.st(name + "_limit", limit)
    m.st(name + "_base", base & (0xFFFFFFFF if m.osize == 32 else 0xFFFFFF))


@insn("0f 00 /0 Ev", "0f 00 /1 Ev", name="sldt")
def store_selector(m, dst):
    """Store the selector of the LDT or of the task (SLDT, STR)."""
    m.osize  # noqa: B018
    refuse_8086(m)
    store_word(m, dst, m.seg("ldtr" if m.encoding.digit == 0 else "tr", "sel"))


@insn("0f 00 /2 Ew", privileged=True)
def lldt(m, src):
    """Load the register of the LDT."""
    refuse_8086(m)
    m.need_cpl0()
    call(m, "load_ldt", m.get(src).zext(32), G.INFO_GP)


@insn("0f 00 /3 Ew", privileged=True)
def ltr(m, src):
    """Load the task register."""
    refuse_8086(m)
    m.need_cpl0()
    call(m, "load_tr", m.get(src).zext(32))


@insn("0f 01 /7 Mb", privileged=True)
def invlpg(m, src):
    """Drop the translation of an address."""
    m.need_cpl0()
    offset = m.ea(src)
    linear = offset if m.flat else offset + part(m, m.field("seg") << 3, "base")
    call(m, "invalidate", linear)
    m.sync()


@insn("0f 08", "0f 09", name="wbinvd", privileged=True)
def wbinvd(m):
    """Write back and empty the caches (INVD, WBINVD): there are none."""
    m.need_cpl0()


# Identification, time, model-specific registers


@insn("0f a2", name="cpuid")
def cpuid_(m):
    """What the processor is; a leaf that is not there answers as the highest basic one."""
    leaf, last = m.reg(0), m.ld("cpuid", 0)
    extended = (leaf - cpuid.EXTENDED[0]).ult(len(cpuid.EXTENDED))
    row = extended.select(leaf - cpuid.EXTENDED[0] + len(cpuid.BASIC), last.ult(leaf).select(last, leaf))
    at = row << 2
    a, b, c, d = (m.ld_at("cpuid", at + i) for i in range(4))
    apic_off = leaf.eq(1) & (m.ld("apic_base") & 0x800).eq(0)
    d = d & ~apic_off.select(cpuid.FEATURES["apic"], 0, 32)
    top = leaf.eq(0x80000000)
    m.set_reg(0, top.select(cpuid.EXTENDED[-1], a))
    for n, value in ((3, b), (1, c), (2, d)):
        m.set_reg(n, top.select(0, value))


@insn("0f 31", feature="tsc")
def rdtsc(m):
    """The time-stamp counter: virtual nanoseconds."""
    m.gp0_if((m.ld("cr4") & CR4_TSD).ne(0) & m.ld("cpl").ne(0))
    now = call(m, "time_stamp", m.icount())
    m.set_reg(0, now.trunc(32))
    m.set_reg(2, (now >> 32).trunc(32))


@insn("0f 32", privileged=True, feature="msr")
def rdmsr(m):
    """Read a model-specific register."""
    m.need_cpl0()
    value = call(m, "read_msr", m.reg(1), m.icount())
    m.set_reg(0, value.trunc(32))
    m.set_reg(2, (value >> 32).trunc(32))


@insn("0f 30", privileged=True, feature="msr")
def wrmsr(m):
    """Write a model-specific register; the machine moves the local APIC."""
    m.need_cpl0()
    number = m.reg(1)
    call(m, "write_msr", number, m.reg(0).zext(64) | (m.reg(2).zext(64) << 32), m.icount())
    with m.if_(number.eq(msr_map.APIC_BASE)):
        m.leave(S.EXIT_CPU_WRITE, msr_map.APIC_BASE)
    m.sync()


@insn("0f 33")
def rdpmc(m):
    """There are no performance counters."""
    m.gp0_if(m.const(1, 1))


@insn("0f aa")
def rsm(m):
    """There is no system-management mode."""
    m.ud()


# Fast system calls


@routine(32, 32, faults=False)
def set_flat(m: StateBuilder, selector, cpl):
    """CS and SS of SYSENTER and SYSEXIT: 4 GiB segments that no descriptor was read for."""
    dpl = cpl << 13
    for at, sel, rights in ((G.CS, selector, 0xC09B00), (G.SS, selector + 8, 0xC09300)):
        set_part(m, at, "sel", (sel & 0xFFFC) | cpl)
        set_part(m, at, "base", 0)
        set_part(m, at, "limit", 0xFFFFFFFF)
        set_part(m, at, "attr", dpl | rights)
        set_part(m, at, "lo", 0)
        set_part(m, at, "rend", 1 << 32)
        set_part(m, at, "wend", 1 << 32 if at == G.SS else 0)
    m.st("cpl", cpl)
    call(m, "update_mode")
    m.ret()


def _need_sysenter(m) -> None:
    m.gp0_if(~m.protected() | G.is_null(m.ld("sysenter_cs")))


@insn("0f 34", feature="sep")
def sysenter(m):
    """Fast call to ring 0."""
    _need_sysenter(m)
    m.st("eflags", m.ld("eflags") & (0xFFFFFFFF ^ (S.VM | S.IF | S.RF)))
    call(m, "set_flat", m.ld("sysenter_cs") & 0xFFFC, 0)
    m.set_reg(4, m.ld("sysenter_esp"))
    m.leave(S.EXIT_NONE, 0, m.ld("sysenter_eip"))


@insn("0f 35", privileged=True, feature="sep")
def sysexit(m):
    """Fast return to ring 3: to EDX with the stack at ECX."""
    _need_sysenter(m)
    m.need_cpl0()
    call(m, "set_flat", (m.ld("sysenter_cs") & 0xFFFC) + 16, RING3)
    m.set_reg(4, m.reg(1))
    m.leave(S.EXIT_NONE, 0, m.reg(2))
