"""Hardware task switches (manual volume 3, chapter 7), 32- and 16-bit.

A switch has a point of no return: what fails before it is a fault of the old task, what fails after it (loading the new
task's segments) a fault of the new one, at its first EIP. An instruction of the old task cannot raise the latter. So it
ends after `begin_task` with the rest (`finish_task`) pending as if it were an exception; `deliver` does that in the
new task.
"""

from playhead.ir.ops import Value
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.interrupts import ERROR, EXT, FAULT, INSTRUCTION, TASK_REST
from playhead.x86.system.page_walk import pae_paging
from playhead.x86.system.segments import INFO_TS, dpl_of, high_of, low_of
from playhead.x86.system.stack import Frame
from playhead.x86.table import call, routine
from playhead.x86.system.transfers import CALL, EVENT, JUMP, RETURN, conforming

# Items of the state field `task`, in the order of a 32-bit TSS from offset 1Ch. A 16-bit one: IP to DS, then the LDT.
T_CR3, T_EIP, T_EFLAGS, T_REGS, T_SEGS, T_LDT, T_TRAP, T_COUNT = 0, 1, 2, 3, 11, 17, 18, 19
T16_LAST, T16_LDT = 15, 15
LOCAL_ENABLES = 0x155  # of DR7: L0-L3 and LE
WIDE = 0x800  # of the attributes: a 32-bit TSS


def _item(m: StateBuilder, base: Value, wide: Value, n: "Value | int") -> Value:
    """Linear address of item n of a TSS."""
    n = m.value(n, 32)
    return base + wide.select((n << 2) + 0x1C, (n << 1) + 0x0C)


@routine(32, 32)
def read_task(m: StateBuilder, base, wide32):
    """Read a TSS into `task`. A 16-bit one says nothing of the upper halves of the general registers, which become ones
    (as on processors; the manual leaves it open), of FS and GS, which become null, and of CR3."""
    wide = wide32.ne(0)
    n = m.var(32, wide.select(0, 1, 32))
    with m.loop():
        i = n.get()
        with m.if_(wide):
            m.st_at("task", i, m.load_sys(_item(m, base, wide, i), 32))
        with m.else_():
            general = (i - T_REGS).ult(8).select(0xFFFF0000, 0, 32)
            m.st_at("task", i, m.load_sys(_item(m, base, wide, i), 16).zext(32) | general)
        n.set(i + 1)
        with m.if_(i.eq(wide.select(T_COUNT - 1, T16_LAST, 32))):
            m.break_()
    with m.if_(~wide):
        m.st("task", m.ld("task", T16_LDT), T_LDT)
        m.st("task", 0, T_SEGS + 4)
        m.st("task", 0, T_SEGS + 5)
        m.st("task", 0, T_TRAP)
    m.ret()


@routine(32, 32, 32)
def store_task_item(m: StateBuilder, n, value, size):
    """Write an item of the old TSS; selectors are 16 bits in either kind."""
    wide = (m.seg("tr", "attr") & WIDE).ne(0)
    at = _item(m, m.seg("tr", "base"), wide, n)
    with m.if_(wide & size.eq(4)):
        m.store_sys(at, value)
    with m.else_():
        m.store_sys(at, value.trunc(16))
    m.ret()


@routine(32, 32)
def save_task(m: StateBuilder, eip, flags):
    """Write the processor's state into the old TSS."""
    call(m, "store_task_item", T_EIP, eip, 4)
    call(m, "store_task_item", T_EFLAGS, flags, 4)
    n = m.var(32, 0)
    with m.loop():
        i = n.get()
        call(m, "store_task_item", i + T_REGS, m.ld_at("regs", i), 4)
        n.set(i + 1)
        with m.if_(i.eq(7)):
            m.break_()
    n.set(0)
    last = (m.seg("tr", "attr") & WIDE).ne(0).select(5, 3, 32)
    with m.loop():
        i = n.get()
        call(m, "store_task_item", i + T_SEGS, G.part(m, i * G.STRIDE, "sel"), 2)
        n.set(i + 1)
        with m.if_(i.eq(last)):
            m.break_()
    m.ret()


def _writable(m: StateBuilder, linear: Value, bits: int) -> Value:
    """Read, with the right to write checked: the store that follows cannot fault."""
    return m.guest_load(linear, bits, "ws")


def _new_tables(m: StateBuilder, wide: Value) -> Value:
    """Whether the task that was read brings page tables whose PDPTE registers have to be loaded (volume 3, 4.4.1)."""
    return pae_paging(m, m.ld("cr0"), m.ld("cr4")) & wide & m.ld("task", T_CR3).ne(m.ld("cr3"))


@routine()
def run_alone(m: StateBuilder):
    """After this nothing may be begun anew. Engines that stop before an instruction at one of its stores replace this
    routine: it refuses until the instruction, or the delivery, runs alone."""
    m.ret()


@routine(32, 32, 32, 32)
def begin_task(m: StateBuilder, selector, how, eip, event):
    """Up to the point of no return and just over it: registers and selectors are the new task's, hidden parts are
    empty. `event`: EXT, and the RF bit if the old task is to have it. Returns the new EIP; bit 32: its T bit."""
    call(m, "run_alone")  # what comes after the point of no return stores too: descriptors, an error code
    ext = event & 1
    back = how.eq(RETURN)
    info = ext | (back.select(S.TS_VECTOR, S.GP, 32) << 16)
    G.refuse(m, (selector & 4).ne(0), info, selector)
    d = call(m, "descriptor", selector, info)
    low, high = low_of(d), high_of(d)
    G.refuse(m, (high & 0x1700).ne(back.select(0x300, 0x100, 32)), info, selector)
    G.refuse_absent(m, high, ext, selector)
    wide = (high & WIDE).ne(0)
    limit = G.limit_of(m, low, high)
    G.refuse(m, limit.ult(wide.select(103, 43, 32)), ext | INFO_TS, selector)
    base = (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF000000)
    call(m, "read_task", base, wide.zext(32))
    with m.if_(_new_tables(m, wide)):
        call(m, "check_pdptes", m.ld("task", T_CR3))
    nested = how.eq(CALL) | how.eq(EVENT)
    old_base = m.seg("tr", "base")
    old_wide = (m.seg("tr", "attr") & WIDE).ne(0)
    _writable(m, _item(m, old_base, old_wide, T_EIP), 16)
    _writable(m, _item(m, old_base, old_wide, old_wide.select(T_SEGS + 5, T_SEGS + 3, 32)), 16)
    with m.if_(nested):
        _writable(m, base, 16)
    old_access = m.ld("gdtr_base") + (m.seg("tr", "sel") & 0xFFF8) + 5
    new_access = m.ld("gdtr_base") + (selector & 0xFFF8) + 5
    access = _writable(m, old_access, 8)
    fresh = _writable(m, new_access, 8)
    flags = m.eflags() | (event & S.RF)
    call(m, "save_task", eip, flags & ~back.select(S.NT, 0, 32))
    with m.if_(back | how.eq(JUMP)):
        m.store_sys(old_access, access & 0xFD)
    with m.if_(~back):
        m.store_sys(new_access, fresh | 2)
    with m.if_(nested):
        m.store_sys(base, m.seg("tr", "sel").trunc(16))
    call(m, "set_segment", G.TR, selector, low, high | 0x200)
    call(m, "adopt_task", nested.select(S.NT, 0, 32), wide.zext(32))
    m.ret(m.ld("task", T_EIP).zext(64) | ((m.ld("task", T_TRAP) & 1).zext(64) << 32))


@routine(32, 32, faults=False)
def adopt_task(m: StateBuilder, extra, wide):
    """Registers, flags, selectors, CR3 and CR0.TS of the task that was read."""
    m.st("cr0", m.ld("cr0") | 8)
    with m.if_(_new_tables(m, wide.ne(0))):
        call(m, "load_pdptes", m.ld("task", T_CR3))
    with m.if_(m.ld("cr0").bit(31) & wide.ne(0)):
        m.st("cr3", m.ld("task", T_CR3))
        call(m, "flush_tlb", 0)
    n = m.var(32, 0)
    with m.loop():
        i = n.get()
        m.st_at("regs", i, m.ld_at("task", i + T_REGS))
        n.set(i + 1)
        with m.if_(i.eq(7)):
            m.break_()
    flags = m.ld("task", T_EFLAGS) | extra
    m.set_eflags(flags)
    for k, at in enumerate((G.ES, G.CS, G.SS, G.DS, G.FS, G.GS, G.LDTR)):
        call(m, "clear_segment", at, m.ld("task", T_SEGS + k))
    v86 = (flags & S.VM).ne(0)
    m.st("cpl", v86.select(3, m.ld("task", T_SEGS + 1) & 3))
    m.st("rf_loaded", 1)
    enabled = m.ld("dr", 7)
    m.st("dr", enabled & (0xFFFFFFFF ^ LOCAL_ENABLES), 7)
    with m.if_((enabled & LOCAL_ENABLES).ne(0)):
        call(m, "debug_changed")
    m.st("eip", m.ld("task", T_EIP))
    m.ret()


@routine(32)
def finish_task(m: StateBuilder, ext):
    """Load the hidden parts for the selectors of a new task. May be done again after a fault in it was mended."""
    info = ext | INFO_TS
    call(m, "load_ldt", m.seg("ldtr", "sel"), info)
    with m.if_(m.v86()):
        for at in (G.ES, G.CS, G.SS, G.DS, G.FS, G.GS):
            call(m, "set_v86", at, G.part(m, at, "sel"))
    with m.else_():
        call(m, "load_task_segments", info)
    call(m, "update_mode")
    with m.if_(m.seg("cs", "limit").ult(m.ld("eip"))):
        m.fault(S.GP, ext)
    m.ret()


@routine(32)
def load_task_segments(m: StateBuilder, info):
    """SS, CS and the data segments of a new task in protected mode."""
    cpl = m.ld("cpl")
    stack = m.seg("ss", "sel")
    d = call(m, "stack_descriptor", stack, cpl, info)
    call(m, "mark_accessed", stack, high_of(d))
    call(m, "set_segment", G.SS, stack, low_of(d), high_of(d))
    code = m.seg("cs", "sel")
    d = call(m, "code_descriptor", code, info)
    high = high_of(d)
    G.refuse(m, conforming(high).select(cpl.ult(dpl_of(high)), cpl.ne(dpl_of(high))), info, code)
    G.refuse_absent(m, high, info & 1, code)
    call(m, "mark_accessed", code, high)
    call(m, "set_segment", G.CS, code, low_of(d), high)
    for at in G.DATA_SEGMENTS:
        selector = G.part(m, at, "sel")
        with m.if_(~G.is_null(selector)):
            d = call(m, "data_descriptor", selector, cpl, info)
            call(m, "mark_accessed", selector, high_of(d))
            call(m, "set_segment", at, selector, low_of(d), high_of(d))
    m.ret()


@routine(32, 32, 32, 32)
def switch_by_instruction(m: StateBuilder, selector, how, eip, ext):
    """JMP, CALL, IRET, INT n and INT1 (`ext` 1) into a task: the rest is left pending. Returns the new task's EIP."""
    begun = call(m, "begin_task", selector, how, eip, ext)
    m.st("fault_pending", 1)
    m.st("fault_vector", TASK_REST)
    m.st("fault_error", high_of(begun) | (ext << 1))
    m.st("fault_soft", 0)
    m.st("fault_nest", 0)
    m.ret(begun & 0xFFFFFFFF)


@routine(32, 32, 32, 32)
def task_gate(m: StateBuilder, selector, error, flags, eip):
    """An interrupt or exception through a task gate; an error code goes onto the new task's stack."""
    ext = (flags & EXT).ne(0).select(1, 0, 32)
    with m.if_((flags & INSTRUCTION).ne(0)):
        m.ret(call(m, "switch_by_instruction", selector, EVENT, eip, ext))
    resume = (flags & FAULT).ne(0).select(S.RF, 0, 32)
    begun = call(m, "begin_task", selector, EVENT, eip, ext | resume)
    call(m, "finish_task", ext)
    with m.if_((flags & ERROR).ne(0)):
        wide = (m.seg("tr", "attr") & WIDE).ne(0).zext(32)
        frame = Frame(m, m.const(G.SS, 32), m.reg(4), wide | (ext << 16))
        frame.push(error)
        m.set_reg(4, frame.esp.get())
    m.ret(begun)
