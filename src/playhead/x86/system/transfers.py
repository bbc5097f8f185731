"""Far transfers: JMP, CALL, RET and IRET between segments, privileges and modes (manual volume 3, 5.8, and volume 2).

Each is a routine that returns the new EIP. Everything that can fault is done first, stores to stacks included; then the
new CS, SS, ESP and flags are committed. `kind` bit 0: 32-bit operands.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from playhead.ir.ops import Value
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.segments import INFO_GP, NEWSS, dpl_of, high_of, limit_of, low_of
from playhead.x86.system.stack import DWORD, SUPERVISOR, Frame, load, move_esp, set_esp, stack_mask
from playhead.x86.table import call, routine
from playhead.x86.system.virtual_interrupts import virtual_in_v86

JUMP, CALL, RETURN, EVENT = range(4)  # how a task is entered
FLAGS_ALL = 0x7FD5 | S.RF | S.AC | S.ID


# Code segments


@routine(32, 32, 32, 32)
def enter_code(m: StateBuilder, selector, low, high, eip):
    """The last checks of a transfer that keeps the privilege, and the commit."""
    check_entry(m, selector, low, high, eip)
    call(m, "set_code", selector, m.ld("cpl"), low, high)
    m.ret(eip.zext(64))


def check_entry(m: StateBuilder, selector: Value, low: Value, high: Value, eip: Value) -> None:
    """Presence and limit of a code segment whose privilege was checked; marks it accessed."""
    G.refuse_absent(m, high, 0, selector)
    with m.if_(limit_of(m, low, high).ult(eip)):
        m.fault(S.GP, 0)
    call(m, "mark_accessed", selector, high)


def conforming(high: Value) -> Value:
    return (high & G.CONFORMING).ne(0)


def check_direct(m: StateBuilder, selector: Value, high: Value) -> None:
    """May JMP or CALL name this descriptor? It must be code that runs at the current privilege."""
    cpl, dpl = m.ld("cpl"), dpl_of(high)
    bad = conforming(high).select(cpl.ult(dpl), cpl.ult(selector & 3) | dpl.ne(cpl))
    G.refuse(m, bad | (high & G.CODE).eq(0), INFO_GP, selector)


def check_gate(m: StateBuilder, selector: Value, high: Value) -> None:
    dpl = dpl_of(high)
    G.refuse(m, dpl.ult(m.ld("cpl")) | dpl.ult(selector & 3), INFO_GP, selector)


def gate_entry(m: StateBuilder, low: Value, high: Value) -> Value:
    """The offset in a call, interrupt or trap gate."""
    return (low & 0xFFFF) | (high & 0x800).ne(0).select(high & 0xFFFF0000, 0)


def gate_code(m: StateBuilder, low: Value) -> tuple[Value, Value]:
    """The code segment that a call gate names: selector and descriptor."""
    target = low >> 16
    d = call(m, "code_descriptor", target, INFO_GP)
    G.refuse(m, m.ld("cpl").ult(dpl_of(high_of(d))), INFO_GP, target)
    return target, d


@routine(32, 32, faults=True)
def enter_8086(m: StateBuilder, selector, eip):
    """A far transfer in real or virtual-8086 mode."""
    with m.if_(m.seg("cs", "limit").ult(eip)):
        m.fault(S.GP, 0)
    call(m, "set_8086", G.CS, selector)
    call(m, "update_mode")
    m.ret(eip.zext(64))


@routine(32, 32, 32)
def far_jump(m: StateBuilder, selector, eip, next_):
    """JMP far."""
    with m.if_(G.in_8086(m)):
        m.ret(call(m, "enter_8086", selector, eip))
    G.refuse(m, G.is_null(selector), INFO_GP, selector & 0)
    d = call(m, "descriptor", selector, INFO_GP)
    low, high = low_of(d), high_of(d)
    with m.if_((high & G.SYSTEM_NOT).ne(0)):
        check_direct(m, selector, high)
        m.ret(call(m, "enter_code", selector, low, high, eip))
    check_gate(m, selector, high)
    kind = (high >> 8) & 0xF
    with m.if_((kind & 7).eq(4)):
        G.refuse_absent(m, high, 0, selector)
        target, code = gate_code(m, low)
        outer = ~conforming(high_of(code)) & dpl_of(high_of(code)).ne(m.ld("cpl"))
        G.refuse(m, outer, INFO_GP, target)
        m.ret(call(m, "enter_code", target, low_of(code), high_of(code), gate_entry(m, low, high)))
    m.ret(call(m, "far_to_task", selector, low, high, next_, JUMP))


@routine(32, 32, 32, 32, 32)
def far_to_task(m: StateBuilder, selector, low, high, next_, how):
    """JMP or CALL to a task gate or TSS; anything else is refused."""
    kind = (high >> 8) & 0xF
    with m.if_(kind.eq(5)):
        G.refuse_absent(m, high, 0, selector)
        m.ret(call(m, "switch_by_instruction", low >> 16, how, next_, 0))
    with m.if_((kind & 5).eq(1)):
        m.ret(call(m, "switch_by_instruction", selector, how, next_, 0))
    G.refuse(m, m.const(1, 1), INFO_GP, selector)
    m.ret()


@routine(32, 32, 32, 32)
def far_call(m: StateBuilder, selector, eip, next_, kind):
    """CALL far."""
    with m.if_(G.in_8086(m)):
        with m.if_(m.seg("cs", "limit").ult(eip)):
            m.fault(S.GP, 0)
        esp = push_return(m, next_, kind)
        call(m, "enter_8086", selector, eip)
        m.set_reg(4, esp)
        m.ret(eip.zext(64))
    G.refuse(m, G.is_null(selector), INFO_GP, selector & 0)
    d = call(m, "descriptor", selector, INFO_GP)
    low, high = low_of(d), high_of(d)
    with m.if_((high & G.SYSTEM_NOT).ne(0)):
        check_direct(m, selector, high)
        m.ret(call(m, "call_code", selector, low, high, eip, next_, kind))
    check_gate(m, selector, high)
    with m.if_(((high >> 8) & 7).eq(4)):
        G.refuse_absent(m, high, 0, selector)
        target, code = gate_code(m, low)
        entry, wide = gate_entry(m, low, high), (high >> 11) & 1
        inner = ~conforming(high_of(code)) & dpl_of(high_of(code)).ult(m.ld("cpl"))
        with m.if_(inner):
            m.ret(call(m, "call_inner", target, low_of(code), high_of(code), entry, next_, wide | ((high & 0x1F) << 8)))
        m.ret(call(m, "call_code", target, low_of(code), high_of(code), entry, next_, wide))
    m.ret(call(m, "far_to_task", selector, low, high, next_, CALL))


def push_return(m: StateBuilder, next_: Value, kind: Value) -> Value:
    """Store CS and EIP on the current stack; returns the ESP to commit."""
    frame = Frame(m, m.const(G.SS, 32), m.reg(4), kind & DWORD)
    frame.push(m.seg("cs", "sel"))
    frame.push(next_)
    return frame.esp.get()


@routine(32, 32, 32, 32, 32, 32)
def call_code(m: StateBuilder, selector, low, high, eip, next_, kind):
    """CALL to code at the same privilege."""
    check_entry(m, selector, low, high, eip)
    esp = push_return(m, next_, kind)
    call(m, "set_code", selector, m.ld("cpl"), low, high)
    m.set_reg(4, esp)
    m.ret(eip.zext(64))


@routine(32, 32, 32, 32, 32, 32)
def call_inner(m: StateBuilder, selector, low, high, eip, next_, kind):
    """CALL through a gate to more privilege: the stack of the TSS, parameters copied. `kind` bits 8-12: how many.

    The stacks may overlap. So all parameters are loaded and all of the frame is probed before anything is stored: a
    CALL that is begun anew after half of its stores (a fault, decoded code below) would copy what it has written
    itself. Parameters are copied one after the other, so one that overlaps what was pushed before it is loaded again.
    """
    level = dpl_of(high)
    found = call(m, "prepare_inner_stack", level, 0)
    check_entry(m, selector, low, high, eip)
    fault = (high_of(found) & 0xFFFC) << 16
    wide = kind & DWORD
    frame = Frame(m, m.const(NEWSS, 32), low_of(found), wide | fault | SUPERVISOR)
    count, left = (kind >> 8) & 0x1F, m.var(32, 0)

    @contextmanager
    def each_parameter() -> Iterator[Value]:
        left.set(count)
        with m.loop():
            with m.if_(left.get().eq(0)):
                m.break_()
            left.set(left.get() - 1)
            yield left.get()

    frame.probe()
    frame.probe()
    with each_parameter() as n:
        m.st_at("outer", n, load(m, n * frame.size, wide))
        frame.probe()
    frame.probe()
    frame.probe()
    frame.esp.set(low_of(found))
    frame.push(m.seg("ss", "sel"))
    frame.push(m.reg(4))
    with each_parameter() as n:
        value = m.var(32, m.ld_at("outer", n))
        source = m.seg("ss", "base") + ((m.reg(4) + n * frame.size) & stack_mask(m, G.SS))
        below = (low_of(found) - (source - G.part(m, NEWSS, "base"))) & frame.mask
        pushed = (count + 1 - n) * frame.size  # bytes: SS, ESP, the parameters above this one
        with m.if_((below - 1).ult(pushed + frame.size - 1)):
            value.set(load(m, n * frame.size, wide))
        frame.push(value.get())
    frame.push(m.seg("cs", "sel"))
    frame.push(next_)
    G.copy_segment(m, G.SS, NEWSS)
    m.set_reg(4, frame.esp.get())
    call(m, "set_code", selector, level, low, high)
    m.ret(eip.zext(64))


# Returning


@routine(32)
def far_return(m: StateBuilder, kind):
    """RET far; `kind` bits 16-31: bytes of parameters to release."""
    size = (kind & DWORD).ne(0).select(4, 2, 32)
    eip, selector = load(m, 0, kind), load(m, size, kind) & 0xFFFF
    with m.if_(G.in_8086(m)):
        call(m, "enter_8086", selector, eip)
        move_esp(m, size * 2 + (kind >> 16))
        m.ret(eip.zext(64))
    m.ret(call(m, "return_far", selector, eip, size * 2, kind))


@routine(32, 32, 32, 32)
def return_far(m: StateBuilder, selector, eip, depth, kind):
    """To a popped CS:EIP in protected mode; `depth` bytes were popped so far, `kind` as `far_return`."""
    cpl, rpl = m.ld("cpl"), selector & 3
    drop = kind >> 16
    G.refuse(m, ~G.is_null(selector) & rpl.ult(cpl), INFO_GP, selector)
    d = call(m, "code_descriptor", selector, INFO_GP)
    low, high = low_of(d), high_of(d)
    dpl = dpl_of(high)
    G.refuse(m, conforming(high).select(rpl.ult(dpl), rpl.ne(dpl)), INFO_GP, selector)
    check_entry(m, selector, low, high, eip)
    with m.if_(rpl.eq(cpl)):
        move_esp(m, depth + drop)
        call(m, "set_code", selector, cpl, low, high)
        m.ret(eip.zext(64))
    size = (kind & DWORD).ne(0).select(4, 2, 32)
    esp = load(m, depth + drop, kind)
    stack = load(m, depth + drop + size, kind) & 0xFFFF
    ss = call(m, "stack_descriptor", stack, rpl, INFO_GP)
    call(m, "mark_accessed", stack, high_of(ss))
    call(m, "set_segment", G.SS, stack, low_of(ss), high_of(ss))
    set_esp(m, esp + drop)
    call(m, "drop_inner_segments", rpl)
    call(m, "set_code", selector, rpl, low, high)
    m.ret(eip.zext(64))


def changeable(m: StateBuilder, dword: Value) -> Value:
    """The flags that POPF and IRET may set at the current privilege, without VM, VIF and VIP."""
    cpl = m.ld("cpl")
    mask = dword.select(FLAGS_ALL, 0x7FD5, 32)
    mask = mask & ~cpl.eq(0).select(0, S.IOPL, 32)
    return mask & ~m.iopl().ult(cpl).select(S.IF, 0, 32)


def merge_flags(m: StateBuilder, new: Value, mask: Value) -> None:
    m.set_eflags((m.eflags() & ~mask) | (new & mask))


@routine(32, 32)
def iret(m: StateBuilder, kind, next_):
    """IRET in every mode; the flags are committed here too."""
    dword = (kind & DWORD).ne(0)
    size = dword.select(4, 2, 32)
    plain = G.in_8086(m)
    with m.if_(~plain & (m.ld("eflags") & S.NT).ne(0)):
        link = m.load_sys(m.seg("tr", "base"), 16).zext(32)
        m.ret(call(m, "switch_by_instruction", link, RETURN, next_, 0))
    virtual = virtual_in_v86(m)
    with m.if_(virtual & dword):
        m.fault(S.GP, 0)
    eip, selector, new = load(m, 0, kind), load(m, size, kind) & 0xFFFF, load(m, size * 2, kind)
    with m.if_(virtual):
        call(m, "may_take_flags", new)
        call(m, "enter_8086", selector, eip)
        move_esp(m, size * 3)
        call(m, "take_flags", new)
        m.ret(eip.zext(64))
    mask = changeable(m, dword)
    with m.if_(plain):
        call(m, "enter_8086", selector, eip)
        move_esp(m, size * 3)
        merge_flags(m, new, mask)
        m.ret(eip.zext(64))
    ring0 = m.ld("cpl").eq(0)
    with m.if_(dword & ring0 & (new & S.VM).ne(0)):
        m.ret(call(m, "return_to_v86", eip, selector, new))
    mask = mask | (dword & ring0).select(S.VIF | S.VIP, 0, 32)
    call(m, "return_far", selector, eip, size * 3, kind & DWORD)
    merge_flags(m, new, mask)
    m.ret(eip.zext(64))


@routine(32, 32, 32)
def return_to_v86(m: StateBuilder, eip, selector, new):
    """IRET from ring 0 into virtual-8086 mode: six more items are on the stack."""
    one = m.const(DWORD, 32)
    items = [load(m, depth, one) for depth in (12, 16, 20, 24, 28, 32)]
    with m.if_(m.const(0xFFFF, 32).ult(eip)):
        m.fault(S.GP, 0)
    for at, value in zip((G.SS, G.ES, G.DS, G.FS, G.GS), items[1:], strict=True):
        call(m, "set_v86", at, value)
    call(m, "set_v86", G.CS, selector)
    m.set_reg(4, items[0])
    m.set_eflags(new)
    m.st("cpl", 3)
    call(m, "update_mode")
    m.ret(eip.zext(64))
