"""Virtual interrupts of virtual-8086 mode (CR4.VME) and of ring 3 (CR4.PVI): manual volume 3, 20.3 and 20.4.

With IOPL below 3 a program's interrupt flag is VIF, which it may change without trapping to the monitor: CLI, STI,
PUSHF, POPF and IRET work on it, INT n goes through the program's own vector table where the redirection map of the TSS
says so. What would enable a pending virtual interrupt (VIP) raises #GP(0), so that the monitor delivers it.
"""

from playhead.ir.ops import Value
from playhead.x86.system import segments as G
from playhead.x86 import state as S
from playhead.x86.build import StateBuilder
from playhead.x86.system.stack import Frame
from playhead.x86.table import call, routine

CR4_VME, CR4_PVI = 1, 2
WIDE_TSS, MAP_BASE, MAP_BYTES = 0x800, 0x66, 32
POPPED = 0x7FD5 & ~(S.IOPL | S.IF)  # what POPF and IRET take of a program whose interrupt flag is VIF
REDIRECTED = 32  # bit of what `redirect` returns


def need_iopl3_in_v86(m: StateBuilder) -> None:
    with m.if_(m.v86() & m.iopl().ne(3)):
        m.fault(S.GP, 0)


def virtual_in_v86(m: StateBuilder) -> Value:
    """Whether this is a virtual-8086 program that has VIF for its interrupt flag; without VME one must not get here."""
    lower = m.v86() & m.iopl().ne(3)
    with m.if_(lower & (m.ld("cr4") & CR4_VME).eq(0)):
        m.fault(S.GP, 0)
    return lower


def virtual_flag(m: StateBuilder) -> Value:
    """The same for CLI and STI, which PVI gives to ring 3 as well; #GP(0) where neither IF nor VIF is the program's."""
    lower = m.iopl().ult(m.ld("cpl"))
    has = m.v86().select(CR4_VME, CR4_PVI, 32)
    with m.if_(lower & (m.ld("cpl").ne(3) | (m.ld("cr4") & has).eq(0))):
        m.fault(S.GP, 0)
    return lower


def set_vif(m: StateBuilder, on: "Value | bool") -> None:
    """Change VIF; #GP(0) if that lets a pending interrupt in."""
    old = m.ld("eflags")
    value = m.const(int(on), 1) if isinstance(on, bool) else on
    with m.if_(value & (old & S.VIP).ne(0)):
        m.fault(S.GP, 0)
    m.st("eflags", (old & (0xFFFFFFFF ^ S.VIF)) | value.select(S.VIF, 0, 32))


def shown_flags(m: StateBuilder) -> Value:
    """FLAGS as such a program sees them: VIF in the place of IF, and IOPL 3."""
    flags = m.eflags()
    interrupts = (flags & S.VIF).ne(0).select(S.IF, 0, 32)
    return (flags & (0xFFFFFFFF ^ S.IF)) | interrupts | S.IOPL


@routine(32)
def take_flags(m: StateBuilder, new):
    """FLAGS that such a program pops: IF goes to VIF. #GP(0) for TF, which is the monitor's."""
    with m.if_((new & S.TF).ne(0)):
        m.fault(S.GP, 0)
    set_vif(m, (new & S.IF).ne(0))
    m.set_eflags((m.eflags() & (0xFFFFFFFF ^ POPPED)) | (new & POPPED))
    m.ret()


@routine(32)
def may_take_flags(m: StateBuilder, new):
    """Raise what `take_flags` would, before anything else changes."""
    pending = (m.ld("eflags") & S.VIP).ne(0) & (new & S.IF).ne(0)
    with m.if_(pending | (new & S.TF).ne(0)):
        m.fault(S.GP, 0)
    m.ret()


@routine(32, 32)
def redirect(m: StateBuilder, vector, next_):
    """INT n in virtual-8086 mode. Bit 32 of what is returned: it went through the program's own vector table, and the
    rest is the new IP. Otherwise it is the monitor's: #GP(0) if IOPL is below 3."""
    with m.if_(call(m, "redirected", vector).ne(0)):
        entry = m.load_sys(vector << 2, 32)
        frame = Frame(m, m.const(G.SS, 32), m.reg(4), m.const(0, 32))
        lower = m.iopl().ne(3)
        frame.push(lower.select(shown_flags(m), m.eflags()))
        frame.push(m.seg("cs", "sel"))
        frame.push(next_)
        m.set_reg(4, frame.esp.get())
        call(m, "set_v86", G.CS, entry >> 16)
        off = S.TF | S.RF | lower.select(S.VIF, S.IF, 32)
        m.st("eflags", m.ld("eflags") & ~off)
        m.ret((entry & 0xFFFF).zext(64) | (1 << REDIRECTED))
    need_iopl3_in_v86(m)
    m.ret()


@routine(32)
def redirected(m: StateBuilder, vector):
    """Whether the redirection map, the 32 bytes before the I/O permission map, leaves a vector to the program. A
    vector whose bit is not within the TSS is the monitor's."""
    with m.if_((m.ld("cr4") & CR4_VME).eq(0)):
        m.ret(0)
    limit, base = m.seg("tr", "limit"), m.seg("tr", "base")
    with m.if_((m.seg("tr", "attr") & WIDE_TSS).eq(0) | limit.ult(103)):
        m.ret(0)
    at = m.load_sys(base + MAP_BASE, 16).zext(32) - MAP_BYTES + (vector >> 3)
    with m.if_(limit.ult(at)):
        m.ret(0)
    byte = m.load_sys(base + at, 8).zext(32)
    m.ret(((byte >> (vector & 7)) & 1).eq(0).zext(64))
