"""Exceptions and interrupts (manual volume 3, chapter 6): delivery by vector table or IDT, double and triple faults.

An exception of an instruction, a trap after it and an external interrupt are all noted in the `fault_*` fields; the
engine then calls `deliver`. INT n and its like are instructions that call `interrupt` themselves. During a delivery
`fault_nest` is what is being delivered, so that `escalate` judges a second exception inside it.
"""

from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.segments import dpl_of, high_of, limit_of, low_of
from playhead.x86.system.stack import SUPERVISOR, Frame
from playhead.x86.table import call, routine
from playhead.x86.system.transfers import conforming, gate_entry

SOFT, ERROR, EXT, FAULT, INSTRUCTION = 1, 2, 4, 8, 16  # flags of `interrupt`
HAVE_ERROR = sum(1 << v for v in (8, 10, 11, 12, 13, 14, 17))
SET_RF = sum(1 << v for v in (0, 5, 6, 7, 10, 11, 12, 13, 14, 16, 17))  # faults: not traps, not #DB
CONTRIBUTORY = sum(1 << v for v in (0, 10, 11, 12, 13))
TASK_REST = 0x100  # not a vector: a task was switched to by an instruction, its segments are still to be loaded
NEST_DOUBLE = 0x100
NEST_BENIGN = 3
BS, BT, BD = 0x4000, 0x8000, 0x2000  # of DR6
CR4_DE = 8
ENABLES = 0xFF  # of DR7
NO_SHADOW = (1 << 64) - 1


@routine()
def deliver(m: StateBuilder):
    """Deliver what is pending. A fault in here leaves everything as it was but memory below the stack."""
    vector, soft = m.ld("fault_vector"), m.ld("fault_soft")
    with m.if_(vector.eq(TASK_REST)):
        m.st("fault_nest", 0)
        noted = m.ld("fault_error")  # bit 0: the new task's T bit, bit 1: EXT of the event that led to it
        call(m, "finish_task", noted >> 1)
        call(m, "delivered", noted & 1)
        m.ret()
    exception = soft.eq(0)
    low = vector & 31
    nest = exception.select(vector.eq(S.DF_VECTOR).select(NEST_DOUBLE, vector + 1), NEST_BENIGN)
    m.st("fault_nest", nest)

    def among(vectors: int, flag: int):
        return (exception & (m.const(vectors, 32) >> low).trunc(1)).select(flag, 0, 32)

    flags = among(HAVE_ERROR, ERROR) | among(SET_RF, FAULT) | soft.eq(1).select(SOFT, EXT, 32)
    done = call(m, "interrupt", vector, m.ld("fault_error"), flags, m.ld("eip"))
    m.st("eip", done.trunc(32))
    with m.if_(exception & vector.eq(S.DB)):
        m.st("dr", m.ld("dr", 7) & 0xFFFFDFFF, 7)  # GD
    call(m, "delivered", high_of(done))
    m.ret()


@routine(32, faults=False)
def delivered(m: StateBuilder, trap):
    """A delivery is complete; `trap`: the new task has its T bit set."""
    m.st("seq", m.ld("seq") + 1)
    for name in ("fault_nest", "fault_soft", "latch_n", "halted"):
        m.st(name, 0)
    m.st("inhibit_icount", NO_SHADOW)
    m.st("fault_pending", trap & 1)
    with m.if_(trap.ne(0)):
        m.st("fault_vector", S.DB)
        m.st("dr", m.ld("dr", 6) | BT, 6)
    m.ret()


@routine(faults=False)
def escalate(m: StateBuilder):
    """A delivery raised an exception. Returns 1 if that is a triple fault; else what is pending is right again."""
    first, second = m.ld("fault_nest"), m.ld("fault_vector")
    m.st("fault_soft", 0)
    m.st("fault_pending", 1)

    def contributory(vector):
        return vector.ult(32) & (m.const(CONTRIBUTORY, 32) >> (vector & 31)).trunc(1)

    serious = contributory(second) | second.eq(S.PFV)
    with m.if_(first.eq(NEST_DOUBLE) & serious):
        m.ret(1)
    page = first.eq(S.PFV + 1)
    inside = first.ne(0) & contributory(first - 1)
    with m.if_((page & serious) | (inside & contributory(second))):
        m.st("fault_vector", S.DF_VECTOR)
        m.st("fault_error", 0)
    m.ret()


@routine(32, faults=False)
def debug_trap(m: StateBuilder, bits):
    """Note a #DB trap; a single step is left out after MOV SS, POP SS and INT n."""
    with m.if_(bits.eq(BS) & m.ld("nodebug_icount").eq(m.ld("icount"))):
        m.ret()
    m.st("dr", m.ld("dr", 6) | bits, 6)
    m.st("fault_vector", S.DB)
    m.st("fault_error", 0)
    m.st("fault_soft", 0)
    m.st("fault_nest", 0)
    m.st("fault_pending", 1)
    m.ret()


def behind_mov_ss(m: StateBuilder):
    """STI casts the one shadow, INT n the other, a load of SS both (1 bit)."""
    return m.ld("inhibit_icount").eq(m.ld("icount")) & m.ld("nodebug_icount").eq(m.ld("icount"))


@routine(32, faults=False)
def debug_traps(m: StateBuilder, trap):
    """Note the #DB after an instruction that has retired: accesses that debug registers watch, then the single step
    (`trap`: TF was set before the instruction). After MOV SS and POP SS the former wait for the end of the next
    instruction (volume 3, 6.8.3)."""
    hits = m.ld("dr_hits") | m.ld("dr6_pending")
    shadow = behind_mov_ss(m)
    m.st("dr6_pending", shadow.select(hits, 0))
    with m.if_(hits.ne(0) & ~shadow):
        call(m, "debug_trap", hits)
    with m.if_(trap.ne(0)):
        call(m, "debug_trap", BS)
    m.ret()


@routine(32)
def debug_hit(m: StateBuilder, bits):
    """An access of this instruction meets data breakpoints (bits of DR6); if it retires, a trap follows. Engines that
    run many instructions at a time replace this routine; it may refuse until the instruction runs alone."""
    m.st("dr_hits", m.ld("dr_hits") | bits)
    m.ret()


@routine(faults=False)
def debug_changed(m: StateBuilder):
    """The debug registers have changed. Engines that derive anything from them replace this routine."""
    m.ret()


@routine(32, faults=False)
def instruction_breakpoint(m: StateBuilder, lin):
    """The bits of DR6 that an instruction at this linear address sets."""
    dr7 = m.ld("dr", 7)
    bits = m.const(0, 32)
    for i in range(4):
        armed = (dr7 & (3 << 2 * i)).ne(0) & ((dr7 >> (16 + 4 * i)) & 3).eq(0)
        bits = bits | (armed & m.ld("dr", i).eq(lin)).select(1 << i, 0, 32)
    m.ret(bits.zext(64))


@routine(32, 32, 32, faults=False)
def data_breakpoint(m: StateBuilder, lin, size, write):
    """The bits of DR6 that an access sets; `write` is 0 or 1, or 2 for a port."""
    ports = (m.ld("cr4") & CR4_DE).ne(0)
    dr7 = m.ld("dr", 7)
    bits = m.const(0, 32)
    for i in range(4):
        access = dr7 >> (16 + 4 * i)
        length = (access >> 2) & 3
        extra = length.eq(2).select(7, length)  # bytes after the first: 0, 1, 3; 2 stands for eight bytes
        start = m.ld("dr", i) & ~extra
        kind = access & 3
        suits = (kind.eq(3) & write.ne(2)) | (kind.eq(1) & write.eq(1)) | (kind.eq(2) & write.eq(2) & ports)
        armed = (dr7 & (3 << 2 * i)).ne(0) & suits
        first, end = start.zext(64), lin.zext(64) + size.zext(64)
        hit = armed & first.ult(end) & lin.zext(64).ule(first + extra.zext(64))
        bits = bits | hit.select(1 << i, 0, 32)
    m.ret(bits.zext(64))


# The common way of interrupts, exceptions and INT n


@routine(32, 32, 32, 32)
def interrupt(m: StateBuilder, vector, error, flags, eip):
    """Enter the handler of a vector, `eip` to return to. Returns the handler's EIP; bit 32: a trap of the new task."""
    done = m.var(64, 0)
    with m.if_(m.protected()):
        done.set(call(m, "interrupt_protected", vector, error, flags, eip))
    with m.else_():
        done.set(call(m, "interrupt_real", vector, eip))
    with m.if_((m.ld("debug") & S.DEBUG_DELIVERIES).ne(0)):
        call(m, "tell_delivery", vector, error, flags)
    m.ret(done.get())


@routine(32, 32, 32, faults=False)
def tell_delivery(m: StateBuilder, vector, error, flags):
    """A handler was entered: note it, if a debugger wants runs to end after it (`told` in the state)."""
    wanted = m.ld_at("told_vectors", (vector >> 5) & 7) >> (vector & 31)
    with m.if_(wanted.trunc(1)):
        hardware = m.ld("fault_soft").eq(2).select(S.TOLD_INTERRUPT, S.TOLD_EXCEPTION, 32)
        how = (flags & INSTRUCTION).ne(0).select(S.TOLD_SOFTWARE, hardware)
        with_error = (flags & ERROR).ne(0)
        note = vector | (how << 8) | with_error.select(S.TOLD_ERROR | S.TOLD, S.TOLD, 32)
        m.st("told", note.zext(64) | (with_error.select(error, 0, 32).zext(64) << 32))
    m.ret()


@routine(32, 32)
def interrupt_real(m: StateBuilder, vector, eip):
    """Through the vector table of real mode (volume 3, 20.1.4)."""
    with m.if_(m.ld("idtr_limit").ult(vector * 4 + 3)):
        m.fault(S.GP, 0)
    entry = m.load_sys(m.ld("idtr_base") + vector * 4, 32)
    target = entry & 0xFFFF
    with m.if_(m.seg("cs", "limit").ult(target)):
        m.fault(S.GP, 0)
    frame = Frame(m, m.const(G.SS, 32), m.reg(4), m.const(0, 32))
    frame.push(m.eflags())
    frame.push(m.seg("cs", "sel"))
    frame.push(eip)
    m.set_reg(4, frame.esp.get())
    call(m, "set_real", G.CS, entry >> 16)
    m.st("eflags", m.ld("eflags") & (0xFFFFFFFF ^ (S.IF | S.TF | S.RF | S.AC)))
    call(m, "update_mode")
    m.ret(target.zext(64))


@routine(32, 32, 32, 32)
def interrupt_protected(m: StateBuilder, vector, error, flags, eip):
    """Through the IDT (volume 3, 6.12)."""
    ext = (flags & EXT).ne(0).select(1, 0, 32)
    about = vector * 8 + 2 + ext
    with m.if_(m.ld("idtr_limit").ult(vector * 8 + 7)):
        m.fault(S.GP, about)
    gate = m.load_sys(m.ld("idtr_base") + vector * 8, 64)
    low, high = low_of(gate), high_of(gate)
    kind = (high >> 8) & 0x1F
    plain = (kind & 0x16).eq(6)  # interrupt and trap gates of both sizes
    soft = (flags & SOFT).ne(0)
    with m.if_((~plain & kind.ne(5)) | (soft & dpl_of(high).ult(m.ld("cpl")))):
        m.fault(S.GP, about)
    with m.if_(G.absent(high)):
        m.fault(S.NP, about)
    with m.if_(plain):
        m.ret(call(m, "interrupt_gate", low, high, error, flags, eip))
    m.ret(call(m, "task_gate", low >> 16, error, flags, eip))


@routine(32, 32, 32, 32, 32)
def interrupt_gate(m: StateBuilder, low, high, error, flags, eip):
    """Through an interrupt or trap gate, to the same privilege or to more, also out of virtual-8086 mode."""
    ext = (flags & EXT).ne(0).select(1, 0, 32)
    info = ext | G.INFO_GP
    selector, target, wide = low >> 16, gate_entry(m, low, high), (high >> 11) & 1
    code = call(m, "code_descriptor", selector, info)
    c_low, c_high = low_of(code), high_of(code)
    cpl, dpl, v86 = m.ld("cpl"), dpl_of(c_high), m.v86()
    inner = ~conforming(c_high) & dpl.ult(cpl)
    G.refuse(m, cpl.ult(dpl) | (v86 & (~inner | dpl.ne(0))), info, selector)
    G.refuse_absent(m, c_high, ext, selector)
    at, esp, about = m.var(32, G.SS), m.var(32, m.reg(4)), m.var(32, ext)
    level = inner.select(dpl, cpl)
    with m.if_(inner):
        found = call(m, "prepare_inner_stack", dpl, ext)
        at.set(G.NEWSS)
        esp.set(low_of(found))
        about.set((high_of(found) & 0xFFFC) | ext)
    with m.if_(limit_of(m, c_low, c_high).ult(target)):
        m.fault(S.GP, ext)
    call(m, "mark_accessed", selector, c_high)
    mode = wide | level.eq(3).select(0, SUPERVISOR, 32) | (about.get() << 16)
    frame = Frame(m, at.get(), esp.get(), mode)
    with m.if_(v86):
        for name in ("gs", "fs", "ds", "es"):
            frame.push(m.seg(name, "sel"))
    with m.if_(inner):
        frame.push(m.seg("ss", "sel"))
        frame.push(m.reg(4))
    frame.push(m.eflags() | (flags & FAULT).ne(0).select(S.RF, 0, 32))
    frame.push(m.seg("cs", "sel"))
    frame.push(eip)
    with m.if_((flags & ERROR).ne(0)):
        frame.push(error)
    with m.if_(inner):
        G.copy_segment(m, G.SS, G.NEWSS)
    m.set_reg(4, frame.esp.get())
    with m.if_(v86):
        for segment in G.DATA_SEGMENTS:
            call(m, "clear_segment", segment, 0)
    trap_gate = (high & 0x100).ne(0)
    kept = m.ld("eflags") & (0xFFFFFFFF ^ (S.TF | S.NT | S.RF | S.VM))
    m.st("eflags", kept & trap_gate.select(0xFFFFFFFF, 0xFFFFFFFF ^ S.IF, 32))
    call(m, "set_code", selector, level, c_low, c_high)
    m.ret(target.zext(64))
