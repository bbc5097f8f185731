"""Software interrupts, IRET, and what guards or shows the flags (manual volume 2: INT, IRET, CLI, STI, PUSHF, POPF)."""

from playhead.x86 import flags
from playhead.x86.system import transfers
from playhead.x86 import state as S
from playhead.x86.insn.segment import DWORD_OF
from playhead.x86.system.interrupts import EXT, INSTRUCTION, SOFT
from playhead.x86.table import call, insn
from playhead.x86.system.virtual_interrupts import (
    REDIRECTED,
    need_iopl3_in_v86,
    set_vif,
    shown_flags,
    virtual_flag,
    virtual_in_v86,
)


def enter(m, vector, event: int) -> None:
    """Go to a handler; the single step of the instruction itself, if any, happens after the handler's return."""
    eip = call(m, "interrupt", vector, 0, event | INSTRUCTION, m.next()).trunc(32)
    m.st("nodebug_icount", m.icount() + 1)
    m.leave(S.EXIT_NONE, 0, eip)


@insn("cd Ib", name="int")
def int_(m, vector):
    """Software interrupt."""
    number = m.get(vector).zext(32)
    with m.if_(m.v86()):
        done = call(m, "redirect", number, m.next())
        with m.if_(done.bit(REDIRECTED)):
            with m.if_((m.ld("debug") & S.DEBUG_DELIVERIES).ne(0)):
                call(m, "tell_delivery", number, 0, SOFT | INSTRUCTION)
            m.st("nodebug_icount", m.icount() + 1)
            m.leave(S.EXIT_NONE, 0, done.trunc(32))
    enter(m, number, SOFT)


@insn("cc")
def int3(m):
    """Breakpoint."""
    enter(m, S.BP, SOFT)


@insn("ce")
def into(m):
    """Interrupt 4 if OF is set."""
    with m.if_(flags.of(m)):
        enter(m, S.OF_VECTOR, SOFT)


@insn("f1")
def int1(m):
    """Interrupt 1, open to every privilege (ICEBP); for an error code it is an event from outside (volume 3, 6.13)."""
    enter(m, S.DB, EXT)


@insn("cf", writes="OSZAPC")
def iret(m):
    """Return from a handler: same or less privilege, virtual-8086 mode, or the task that was interrupted."""
    m.st("nmi_blocked", 0)  # also if it faults (volume 3, "Handling Multiple NMIs")
    eip = call(m, "iret", DWORD_OF[m.osize], m.next()).trunc(32)
    if m.osize == 32:
        m.st("rf_loaded", 1)
    m.leave(S.EXIT_NONE, 0, eip)


@insn("fa")
def cli(m):
    """IF = 0, or VIF = 0 where that is the program's."""
    flag = virtual_flag(m).select(S.VIF, S.IF, 32)
    m.st("eflags", m.ld("eflags") & ~flag)


@insn("fb")
def sti(m):
    """IF = 1; if it was off, interrupts wait for one more instruction. Or VIF = 1 where that is the program's."""
    virtual = virtual_flag(m)
    old = m.ld("eflags")
    with m.if_(virtual):
        set_vif(m, True)
    with m.else_(), m.if_((old & S.IF).eq(0)):
        m.st("eflags", old | S.IF)
        m.st("inhibit_icount", m.icount() + 1)
        m.sync()


@insn("9c")
def pushf(m):
    """Push the flags, without VM and RF."""
    if m.osize == 32:
        need_iopl3_in_v86(m)
        m.push(m.eflags() & 0x00FCFFFF)
    else:
        m.push(virtual_in_v86(m).select(shown_flags(m), m.eflags()).trunc(16))


@insn("9d", writes="OSZAPC")
def popf(m):
    """Pop the flags that the privilege allows to change; RF is cleared."""
    if m.osize == 32:
        need_iopl3_in_v86(m)
    else:
        with m.if_(virtual_in_v86(m)):
            call(m, "take_flags", m.peek(16).zext(32))
            m.drop(2)
            m.leave(S.EXIT_NONE)
    new = m.peek(m.osize).zext(32)
    mask = transfers.changeable(m, m.const(m.osize == 32, 1))
    old = m.ld("eflags")
    m.drop(m.osize // 8)
    transfers.merge_flags(m, new & (0xFFFFFFFF ^ S.RF), mask)
    with m.if_(((old ^ m.ld("eflags")) & (S.IF | S.TF | S.AC)).ne(0)):
        m.sync()
