"""Software interrupts, IRET, and what guards or shows the flags (manual volume 2: INT, IRET, CLI, STI, PUSHF, POPF)."""

from playhead.x86 import flags, transfers
from playhead.x86 import state as S
from playhead.x86.insn_segment import DWORD_OF
from playhead.x86.interrupts import INSTRUCTION, SOFT
from playhead.x86.table import call, insn


def enter(m, vector, event: int) -> None:
    """Go to a handler; the single step of the instruction itself, if any, happens behind the handler's return."""
    eip = call(m, "interrupt", vector, 0, event | INSTRUCTION, m.next()).trunc(32)
    m.st("nodebug_icount", m.icount() + 1)
    m.leave(S.EXIT_NONE, 0, eip)


def need_iopl3_in_v86(m) -> None:
    m.gp0_if(m.v86() & m.iopl().ne(3))


@insn("cd Ib", name="int")
def int_(m, vector):
    """Software interrupt."""
    need_iopl3_in_v86(m)
    enter(m, m.get(vector).zext(32), SOFT)


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
    """Interrupt 1, open to every privilege (ICEBP)."""
    enter(m, S.DB, 0)


@insn("cf", writes="OSZAPC")
def iret(m):
    """Return from a handler: same or less privilege, virtual-8086 mode, or the task that was interrupted."""
    m.st("nmi_blocked", 0)  # also if it faults (volume 3, "Handling Multiple NMIs")
    eip = call(m, "iret", DWORD_OF[m.osize], m.next()).trunc(32)
    m.leave(S.EXIT_NONE, 0, eip)


def need_io_privilege(m) -> None:
    m.gp0_if(m.iopl().ult(m.ld("cpl")))


@insn("fa")
def cli(m):
    """IF = 0."""
    need_io_privilege(m)
    m.st("eflags", m.ld("eflags") & (0xFFFFFFFF ^ S.IF))


@insn("fb")
def sti(m):
    """IF = 1; if it was off, interrupts wait for one more instruction."""
    need_io_privilege(m)
    old = m.ld("eflags")
    with m.if_((old & S.IF).eq(0)):
        m.st("eflags", old | S.IF)
        m.st("inhibit_icount", m.icount() + 1)
        m.sync()


@insn("9c")
def pushf(m):
    """Push the flags, without VM and RF."""
    need_iopl3_in_v86(m)
    image = m.eflags() & 0x00FCFFFF
    m.push(image if m.osize == 32 else image.trunc(16))


@insn("9d", writes="OSZAPC")
def popf(m):
    """Pop the flags that the privilege allows to change; RF is cleared."""
    need_iopl3_in_v86(m)
    new = m.peek(m.osize).zext(32)
    mask = transfers.changeable(m, m.const(m.osize == 32, 1))
    old = m.ld("eflags")
    m.drop(m.osize // 8)
    transfers.merge_flags(m, new & (0xFFFFFFFF ^ S.RF), mask)
    with m.if_(((old ^ m.ld("eflags")) & (S.IF | S.TF | S.AC)).ne(0)):
        m.sync()
