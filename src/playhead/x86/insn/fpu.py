"""x87 arithmetic (manual volume 2: FADD ... FDIVR, FCOM, FUCOM, FCOMI, FTST, FXAM, FSQRT, FRNDINT, FPREM, FSCALE,
FXTRACT, transcendentals).

The work is done by routines (softfloat*.py), so that a handler is a check, a call and the note of where it was.

An unmasked exception is pending until the next waiting instruction, which raises #MF before it does anything. That is
so with CR0.NE set. With NE clear the processor stops before that instruction and asserts FERR# (volume 1, 8.7.2
and appendix D; the deferred method, for every exception), until an interrupt comes: a PC answers with IRQ 13. While
IGNNE# is asserted, which the board does until the exception is cleared, waiting instructions continue.
"""

from playhead.ir.ops import Value
from playhead.x86 import state as S
from playhead.x86.build import InsnBuilder, StateBuilder
from playhead.x86.notation import Operand
from playhead.x86.softfloat.core import (
    ADD,
    COM,
    COMP,
    DIV,
    DIVR,
    MUL,
    SIGN,
    SUB,
    SUBR,
    call,
    empty,
    physical,
    pop,
    read,
    refuse_if,
    write,
)
from playhead.x86.softfloat.convert import F32, F64, I16, I32
from playhead.x86.softfloat.more import QUIET_NAN, TO_EFLAGS
from playhead.x86.table import insn, routine

CR0_MP, CR0_EM, CR0_TS, CR0_NE = 2, 4, 8, 0x20
GROUP = {"add": ADD, "mul": MUL, "com": COM, "comp": COMP, "sub": SUB, "subr": SUBR, "div": DIV, "divr": DIVR}


def refuse_pending(m: StateBuilder) -> None:
    """What a pending unmasked exception does to a waiting instruction."""
    with m.if_((m.ld("cr0") & CR0_NE).ne(0)):
        m.fault(S.MF)
    with m.if_(m.ld("ignne").eq(0)):
        m.undone(S.EXIT_FROZEN)


@routine()
def fp_blocked(m: StateBuilder):
    """An x87 instruction may not start: #NM if the unit is emulated or belongs to another task, else #MF is pending."""
    with m.if_((m.ld("cr0") & (CR0_EM | CR0_TS)).ne(0)):
        m.fault(S.NM)
    refuse_pending(m)


def begin(m: InsnBuilder) -> None:
    """What a waiting instruction does first."""
    blocked = (m.ld("cr0") & (CR0_EM | CR0_TS)) | (m.ld("fsw") & 0x80)
    with m.if_(blocked.ne(0)):
        call(m, "fp_blocked")


def begin_no_wait(m: InsnBuilder) -> None:
    with m.if_((m.ld("cr0") & (CR0_EM | CR0_TS)).ne(0)):
        m.fault(S.NM)


def note(m: InsnBuilder, op: Operand | None = None) -> None:
    """Remember this instruction as the last one: FIP, FCS, FOP, and FDP, FDS if it has an operand in memory."""
    e = m.encoding
    m.st("fip", m.here())
    m.st("fcs", m.seg("cs", "sel"))
    fop = m.const((e.opcode & 7) << 8 | (e.second if e.second is not None else (e.digit or 0) << 3), 32)
    if op is not None:
        # the decoder leaves ModRM in `imm` where there is no immediate
        fop = fop | (m.field("imm") & 0xC0) | m.field("b")
        m.st("fdp", m.ea(op))
        m.st("fds", m.load_at((m.field("seg") << 3) + S.seg_offset(0, "sel"), 32))
    elif e.plus_i:
        fop = fop | m.field("b")
    m.st("fop", fop)


def _group(name: str, digit: int) -> None:
    comp = digit == COMP

    @insn(f"d8 /{digit} Md", f"dc /{digit} Mq", name="f" + name)
    def memory(m, src):
        """ST(0) and a real in memory."""
        begin(m)
        kind = F32 if src.size == "d" else F64
        call(m, "fp_group_mem", m.linear(src, m.bits(src) // 8, False), digit | kind << 4)
        note(m, src)

    @insn(f"da /{digit} Md", f"de /{digit} Mw", name="fi" + name)
    def integer(m, src):
        """ST(0) and an integer in memory."""
        begin(m)
        kind = I32 if src.size == "d" else I16
        call(m, "fp_group_mem", m.linear(src, m.bits(src) // 8, False), digit | kind << 4)
        note(m, src)

    if digit in (COM, COMP):
        forms = [f"d8 {0xC0 + digit * 8:02x}+i Fi", f"dc {0xC0 + digit * 8:02x}+i Fi"]
        if comp:
            forms.append("de d0+i Fi")
    else:
        forms = [f"d8 {0xC0 + digit * 8:02x}+i F0,Fi"]
        other = {SUB: "subr", SUBR: "sub", DIV: "divr", DIVR: "div"}.get(digit, name)

        @insn(f"dc {0xC0 + digit * 8:02x}+i Fi,F0", name="f" + other)
        def reverse(m, dst, src):
            """ST(i) and ST(0), into ST(i)."""
            begin(m)
            call(m, "fp_group_st", (m.field("b") << 4) | (digit | 1 << 8))
            note(m)

        @insn(f"de {0xC0 + digit * 8:02x}+i Fi,F0", name=f"f{other}p")
        def popping(m, dst, src):
            """ST(i) and ST(0), into ST(i); pop."""
            begin(m)
            call(m, "fp_group_st", (m.field("b") << 4) | (digit | 3 << 8))
            note(m)

    @insn(*forms, name="f" + name)
    def registers(m, *operands):
        """ST(0) and ST(i)."""
        begin(m)
        call(m, "fp_group_st", (m.field("b") << 4) | (digit | (1 << 9 if comp else 0)))
        note(m)


for _name, _digit in GROUP.items():
    _group(_name, _digit)


@insn("de d9")
def fcompp(m):
    """Compare ST(0) with ST(1), pop both."""
    begin(m)
    call(m, "fp_group_st", 1 << 4 | COMP | 3 << 9)
    note(m)


@routine(32, faults=False)
def fp_compare_pop(m: StateBuilder, code):
    """Compare as `fp_compare_st`, then pop: bits 9-10 of `code` say once or twice."""
    refuse_if(m, call(m, "fp_compare_st", code))
    with m.if_(code.bit(9)):
        pop(m)
    with m.if_(code.bit(10)):
        pop(m)


def _compare(name: str, encoding: str, mode: int, pops: int) -> None:
    to_eflags = mode & TO_EFLAGS  # these came with CMOV

    @insn(encoding, name=name, writes="OSZAPC" if to_eflags else "", feature="cmov" if to_eflags else "")
    def compare(m, *operands):
        """Compare ST(0) with ST(i) (FUCOM: quiet NaNs are no error; FCOMI: into ZF PF CF)."""
        begin(m)
        i = m.const(1, 32) if pops == 2 else m.field("b")
        call(m, "fp_compare_pop", (i << 4) | (mode | (0, 1 << 9, 3 << 9)[pops]))
        note(m)


_compare("fucom", "dd e0+i Fi", QUIET_NAN, 0)
_compare("fucomp", "dd e8+i Fi", QUIET_NAN, 1)
_compare("fucompp", "da e9", QUIET_NAN, 2)
_compare("fcomi", "db f0+i F0,Fi", TO_EFLAGS, 0)
_compare("fcomip", "df f0+i F0,Fi", TO_EFLAGS, 1)
_compare("fucomi", "db e8+i F0,Fi", TO_EFLAGS | QUIET_NAN, 0)
_compare("fucomip", "df e8+i F0,Fi", TO_EFLAGS | QUIET_NAN, 1)


@routine(32, faults=False)
def fp_sign(m: StateBuilder, code):
    """FCHS (0) and FABS (1): any register that is not empty, whatever it holds."""
    dst = physical(m)
    with m.if_(empty(m, dst)):
        m.ret(call(m, "fp_invalid", dst, 0x41))
    x = read(m, dst)
    call(m, "fp_flags", 0)
    write(m, dst, code.bit(0).select(x.exp, x.se ^ SIGN), x.m)


def _stack(name: str, encoding: str, doc: str, routine_name: str, *args: "int | Value") -> None:
    def operation(m):
        begin(m)
        call(m, routine_name, *args)
        note(m)

    operation.__doc__ = doc
    insn(encoding, name=name)(operation)


for _row in (
    ("fchs", "d9 e0", "Change the sign of ST(0).", "fp_sign", 0),
    ("fabs", "d9 e1", "Clear the sign of ST(0).", "fp_sign", 1),
    ("ftst", "d9 e4", "Compare ST(0) with 0.", "fp_test"),
    ("fxam", "d9 e5", "Class of ST(0) into C3 C2 C0, sign into C1.", "fp_examine"),
    ("f2xm1", "d9 f0", "ST(0) = 2 ** ST(0) - 1.", "fp_2xm1"),
    ("fyl2x", "d9 f1", "ST(1) = ST(1) * log2(ST(0)), pop.", "fp_yl2x", 0),
    ("fptan", "d9 f2", "ST(0) = its tangent, push 1.", "fp_trig", 2),
    ("fpatan", "d9 f3", "ST(1) = the angle of (ST(0), ST(1)), pop.", "fp_patan"),
    ("fxtract", "d9 f4", "ST(0) = its exponent, push its mantissa.", "fp_extract"),
    ("fprem1", "d9 f5", "ST(0) = its IEEE remainder by ST(1).", "fp_remainder", 1),
    ("fprem", "d9 f8", "ST(0) = its remainder by ST(1), quotient cut.", "fp_remainder", 0),
    ("fyl2xp1", "d9 f9", "ST(1) = ST(1) * log2(ST(0) + 1), pop.", "fp_yl2x", 1),
    ("fsqrt", "d9 fa", "ST(0) = its square root.", "fp_sqrt"),
    ("fsincos", "d9 fb", "ST(0) = its sine, push its cosine.", "fp_trig", 3),
    ("frndint", "d9 fc", "ST(0) = ST(0) rounded to an integer.", "fp_round"),
    ("fscale", "d9 fd", "ST(0) = ST(0) * 2 ** ST(1), the exponent cut.", "fp_scale"),
    ("fsin", "d9 fe", "ST(0) = its sine.", "fp_trig", 0),
    ("fcos", "d9 ff", "ST(0) = its cosine.", "fp_trig", 1),
):
    _stack(*_row)  # type: ignore[arg-type]
