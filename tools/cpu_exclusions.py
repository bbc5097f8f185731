"""What an oracle is not asked, and where it is known to differ: each with its name and its reason, as narrow as it can be.

`refused` is a property of an instruction: no case with it goes to that oracle. `difference` looks at one case whose results
differ and names the known cause, if it explains the difference.
"""

from playhead.x86 import state as S
from playhead.x86.table import Form
from tools.cpu_cases import Generated, Piece
from tools.oracle import case as model
from tools.oracle.case import Result

REP = (0xF2, 0xF3)


def refused(oracle: str, form: Form) -> str | None:
    """Why an oracle cannot judge a form, or None."""
    i = form.insn
    name = i.name
    if oracle == "host":
        if name in ("cpuid", "rdtsc", "rdpmc"):
            return "tells about the host"
        if name in ("sgdt", "sidt", "sldt", "str", "smsw"):
            return "emulated by the host's kernel (UMIP)"
        if name == "int1":
            return "its EIP is told differently by virtual hosts"
        if name in ("sysenter", "sysexit", "syscall"):
            return "reaches the host's kernel"
    elif oracle == "unicorn":
        if i.privileged:
            return "#GP at level 3 without its error code"
        if i.chapter in ("insn_fpu", "insn_mmx", "insn_system", "insn_segment", "insn_interrupt", "insn_io"):
            return "not modelled closely enough by Unicorn"
    return None


def _opcode(piece: Piece) -> bytes:
    return bytes(piece.code[len(piece.prefixes) : len(piece.prefixes) + 2])


def unsuited(oracle: str, g: Generated) -> str | None:
    """Why an oracle cannot judge a case of instructions that it can judge, or None."""
    for piece in g.pieces:
        if piece.form is None:
            continue
        rep = any(p in REP for p in piece.prefixes)
        if rep and _opcode(piece) in (b"\x0f\xbc", b"\x0f\xbd", b"\x0f\xb8"):
            return "REP BSF, REP BSR: TZCNT and LZCNT on today's processors"
        if rep and _opcode(piece)[0] in (0xE0, 0xE1):
            return "REP LOOPE, REP LOOPNE: the prefix replaces the condition on some processors"
        if oracle == "unicorn" and rep and not piece.form.rep:
            return "Unicorn gives REP before other opcodes a meaning"
    if oracle == "unicorn":
        if g.case.segments:
            return "Unicorn does not check segments"
        if g.case.eflags & (model.TF | model.NT | model.AC):
            return "Unicorn and the flags TF, NT"
        if g.case.origin + len(g.case.code) > 4000:
            return "Unicorn looks ahead beyond pages"
    return None


def difference(oracle: str, g: Generated, ours: Result, theirs: Result, before, wandered) -> str | None:
    """The known cause of a difference, or None. `before(piece)` gives the registers that the instruction started with,
    `wandered()` whether code ran that the case did not mean to run."""
    same_but_flags = (ours.regs, ours.eip, ours.data, ours.trap, ours.fx, ours.selectors) == (
        theirs.regs, theirs.eip, theirs.data, theirs.trap, theirs.fx, theirs.selectors)  # fmt: skip
    if same_but_flags and (ours.eflags ^ theirs.eflags) & g.mask(ours.eip) == S.CF:
        for piece in g.pieces:
            if piece.form is not None and piece.form.insn.name in ("shld", "shrd") and _by_more_than_16(g, piece, before):
                return "CF of SHLD and SHRD of a word by more than 16"
    if (reason := _of_faults(g, ours, theirs)) is not None:
        return reason
    if ours.trap and theirs.trap and ours.eip == theirs.eip and ours.regs == theirs.regs:
        top = ours.trap[0] == S.PFV and (ours.trap[2] + 64 & 0xFFFF_FFFF) < 128
        if top and theirs.trap[:2] in ((S.GP, 0), (S.SS, 0)):
            return "an access that wraps at 4 GiB: #GP is up to the processor (manual volume 3, 5.3)"
    if wandered():
        return "a jump led to bytes that are no instruction of the case"
    if oracle == "unicorn" and ours.trap and theirs.trap and ours.trap[0] == theirs.trap[0]:
        return "Unicorn: state and error code after a fault"
    return None


ORDER = {
    "cmps": "CMPS: which of two bad operands faults first",
    "ret": "RETF: which word of the frame is read first",
    "retf": "RETF: which word of the frame is read first",
    "iret": "IRET: which word of the frame is read first",
}


def _of_faults(g: Generated, ours: Result, theirs: Result) -> str | None:
    """Both raise an exception at the same instruction, but not quite the same."""
    at = next((p for p in g.pieces if p.start == ours.eip and p.form is not None), None)
    if at is None or at.form is None or not ours.trap or not theirs.trap or ours.eip != theirs.eip or ours.data != theirs.data:
        return None
    name = at.form.insn.name
    if name in ORDER and ours.regs == theirs.regs and ours.trap != theirs.trap and {ours.trap[0], theirs.trap[0]} <= {12, 13, 14}:
        return ORDER[name]
    if at.form.encoding.text == "0f b9 /r Gv,Ev" and ours.regs == theirs.regs and {ours.trap[0], theirs.trap[0]} == {S.GP, S.UD}:
        return "UD1: whether its operand counts towards 15 bytes"
    if name == "popa" and ours.trap == theirs.trap:
        return "POPA: registers are loaded before a later word faults"
    return None


def _by_more_than_16(g: Generated, piece: Piece, before) -> bool:
    word = (0x66 in piece.prefixes) == (g.case.segments is None or "cs" not in g.case.segments or g.case.segments["cs"].big)
    if not word:
        return False
    immediate = piece.form is not None and piece.form.encoding.opcode in (0xA4, 0xAC)
    count = piece.code[-1] if immediate else before(piece)[1]
    return count & 31 > 16
