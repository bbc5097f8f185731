"""Cases that an oracle does not get, and its known differences: each named, with its reason, as narrow as can be.

`refused` is a property of an instruction: no case with it goes to that oracle. `difference` takes one case whose
results differ and names the known cause, if it explains the difference.
"""

from playhead.x86 import state as S
from playhead.x86.table import Form
from tools.fuzz.insn.cases import Generated, Piece
from tools.oracle import case as model
from tools.oracle import layout, x87
from tools.oracle.case import Result, Segment

REP = (0xF2, 0xF3)
UNICORN_LACKS = (
    "f6 /1 Eb,Ib",
    "f7 /1 Ev,Iz",
    "0f 18 /r Ev",
    "0f 1a /r Ev",  # it knows MPX
    "0f 1b /r Ev",
    "0f b9 /r Gv,Ev",
    "d6",
)
ALIASES = ("d9 d8+i Fi", "df d0+i Fi", "df d8+i Fi", "dd c8+i Fi", "df c8+i Fi")
VARIANTS = (0x66, 0xF2, 0xF3)


def refused(oracle: str, form: Form) -> str | None:
    """Why an oracle cannot judge a form, or None."""
    i = form.insn
    name = i.name
    if oracle == "host":
        if name in ("cpuid", "rdtsc", "rdpmc"):
            return "tells about the host"
        if name in ("sgdt", "sidt", "sldt", "str", "smsw"):
            return "emulated by the host's kernel (UMIP)"
        if name in ("fxsave", "fxrstor"):
            return "holds SSE state as well"
        if name == "int1":
            return "virtual hosts report its EIP differently"
        if name in ("sysenter", "sysexit", "syscall"):
            return "reaches the host's kernel"
    elif oracle == "unicorn":
        if i.privileged:
            return "#GP at level 3 without its error code"
        if name in ("cmpxchg8b", "loope", "loopne"):
            return "other flags are lost by Unicorn"
        if name == "enter":
            return "Unicorn does not check the new top of the stack"
        if form.encoding.text in UNICORN_LACKS:
            return "not known to Unicorn"
        if i.chapter not in ("arith", "data", "control", "string", "shift", "muldiv", "bcd"):
            return "not modelled closely enough by Unicorn"
    return None


C1_LEFT = "C1 after FCOMI and FUCOMI: cleared by Intel's, left by AMD's"


def compares_into_flags(g: Generated) -> frozenset[int]:
    """The addresses of instructions that leave C1 on some processors. A case that differs is run again as on those, so
    that every later use of C1 (FNSTSW, FNSTENV, FNSAVE and what is computed from what they store) is covered."""
    return frozenset(p.start for p in g.pieces if p.form is not None and p.form.insn.name in COMPARE_FLAGS)


def _opcode(piece: Piece) -> bytes:
    return bytes(piece.code[len(piece.prefixes) : len(piece.prefixes) + 2])


def unsuited(oracle: str, g: Generated) -> str | None:
    """Why an oracle cannot judge a case of instructions that it can judge, or None."""
    for piece in g.pieces:
        if piece.form is None:
            continue
        rep = any(p in REP for p in piece.prefixes)
        if piece.form.insn.chapter == "io" and piece.form.rep:
            if g.pieces[0] is not piece or g.case.regs[1] & 0xFFFF == 0:
                return "REP INS, REP OUTS with a count of zero: whether the port is checked"
        if 0xF0 in piece.prefixes and _opcode(piece) in (b"\x0f\x20", b"\x0f\x22", b"\x0f\x00"):
            return "LOCK before MOV CR0 (CR8 on AMD's) and before VERR, VERW (not refused there)"
        if oracle == "host" and piece.prefixes and _opcode(piece) == b"\xcd\x80":
            return "INT 80h after prefixes: the host's kernel answers"
        if rep and _opcode(piece) in (b"\x0f\xbc", b"\x0f\xbd", b"\x0f\xb8"):
            return "REP BSF, REP BSR: TZCNT and LZCNT on today's processors"
        if piece.form.insn.chapter == "mmx" and any(p in VARIANTS for p in piece.prefixes):
            return "66, F2, F3 before an MMX opcode: SSE on today's processors"
        if piece.form.encoding.text in ALIASES:
            return "undocumented forms of FSTP: an empty register is not an error for all"
        if _opcode(piece) == b"\x0f\xae" and any(p in VARIANTS for p in piece.prefixes):
            return "66, F2, F3 before 0F AE"
        if rep and _opcode(piece)[0] in (0xE0, 0xE1):
            return "REP LOOPE, REP LOOPNE: the prefix replaces the condition on some processors"
        if oracle == "unicorn" and 0xF0 in piece.prefixes:
            return "Unicorn does not refuse LOCK, and LOCK NEG has other flags"
        if oracle == "unicorn" and _opcode(piece)[0] == 0xC2 and piece.code[-1] & 0x80:
            return "Unicorn takes the count of RET as signed"
        if oracle == "unicorn" and 0x2E in piece.prefixes:
            return "Unicorn does not refuse to write through CS"
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


def difference(oracle: str, g: Generated, ours: Result, theirs: Result, before, wandered, unaligned) -> str | None:
    """The known cause of a difference, or None. `before(piece)` gives the registers that the instruction started with,
    `wandered()` whether code ran that the case did not mean to run, `unaligned()` our result with CR0.AM clear."""
    if oracle == "unicorn" and any(
        p.form and p.form.insn.name in ("shld", "shrd") and _by_more_than_16(g, p, before) for p in g.pieces
    ):
        return "SHLD and SHRD of a word by more than 16"
    same_but_flags = (ours.regs, ours.eip, ours.data, ours.trap) == (theirs.regs, theirs.eip, theirs.data, theirs.trap)
    if same_but_flags and (ours.eflags ^ theirs.eflags) & g.mask(ours.eip) == S.CF:
        for piece in g.pieces:
            if (
                piece.form is not None
                and piece.form.insn.name in ("shld", "shrd")
                and _by_more_than_16(g, piece, before)
            ):
                return "CF of SHLD and SHRD of a word by more than 16"
    looked = [p for p in g.pieces if p.form is not None and p.form.insn.name in ("lar", "lsl", "verr", "verw")]
    if oracle == "host" and looked and ours.trap == theirs.trap and ours.eip == theirs.eip:
        return "LAR, LSL, VERR, VERW of the host's GDT"
    if (
        oracle == "host"
        and ours.trap
        and ours.trap[0] in (S.NP, S.SS, S.GP)
        and ours.trap[1] & 4 == 0
        and ours.trap[1] > 3
    ):
        if any(p.form is not None and p.form.insn.chapter in ("segment", "interrupt") for p in g.pieces):
            return "a selector of the host's GDT"
    if (reason := _of_x87(g, ours, theirs)) is not None:
        return reason
    if (reason := _of_transcendentals(g, ours, theirs)) is not None:
        return reason
    if (reason := _of_faults(g, ours, theirs)) is not None:
        return reason
    if ours.trap and theirs.trap and ours.eip == theirs.eip and ours.regs == theirs.regs:
        accessed = unaligned() if ours.trap[0] == S.ACV else ours
        fault = accessed.trap if accessed.eip == ours.eip else None
        top = fault is not None and fault[0] == S.PFV and (fault[2] + 64 & 0xFFFF_FFFF) < 128
        if top and theirs.trap[:2] in ((S.GP, 0), (S.SS, 0)):
            return "an access that wraps at 4 GiB: #GP is up to the processor (manual volume 3, 5.3)"
    if any(_overwritten(g, p, ours) and _overwritten(g, p, theirs) for p in g.pieces):
        return "REP over its own bytes: whether an iteration is fetched anew (by ours and QEMU, each is an instruction)"
    if wandered():
        return "a computed jump led back into the case, or to bytes that are no instruction of it"
    if oracle == "unicorn" and ours.trap and theirs.trap and ours.trap[0] == theirs.trap[0]:
        return "Unicorn: state and error code after a fault"
    return None


ORDER = {
    "jmp": "far pointer in memory: which part is read first",
    "lds": "far pointer in memory: which part is read first",
    "call": "CALL: whether a bad target or the page of the stack faults first",
    "cmps": "CMPS: which of two bad operands faults first",
    "ret": "RETF: which word of the frame is read first",
    "retf": "RETF: which word of the frame is read first",
    "iret": "IRET: which word of the frame is read first",
}


ENTER_FAULTED = "ENTER: what is below the stack when it faults"
SEVERAL_PARTS = frozenset("fld fstp fbld fbstp fldenv fnstenv frstor fnsave fxsave fxrstor".split())
MEMORY_FAULTS = (S.SS, S.GP, S.PFV, S.ACV)
STORES = frozenset("fst fstp fist fistp fbstp".split())
COMPARE_FLAGS = frozenset("fcomi fcomip fucomi fucomip".split())
TRANSCENDENTAL = frozenset("fsin fcos fsincos fptan fpatan f2xm1 fyl2x fyl2xp1".split())


def _of_x87(g: Generated, ours: Result, theirs: Result) -> str | None:
    pieces = [p for p in g.pieces if p.form is not None]
    if (
        any(p.form and p.form.insn.name == "fyl2xp1" for p in pieces)
        and ours.fx
        and theirs.fx
        and ours.fx[32:] != theirs.fx[32:]
    ):
        return "FYL2XP1 outside its domain"
    at = next((p for p in pieces if p.start == theirs.eip), None)
    if at is not None and at.form and at.form.insn.name in STORES and theirs.trap and theirs.trap[0] in MEMORY_FAULTS:
        unmasked = any(fx and fx[0] & 0x3F != 0x3F for fx in (g.case.fx, theirs.fx))
        if unmasked and ours.eip != theirs.eip:
            return "x87 store suppressed by an exception: whether its page is checked"
    return None


def _of_transcendentals(g: Generated, ours: Result, theirs: Result) -> str | None:
    """Results within a few units of the last place; rounding up (C1) and inexactness may then differ too."""
    used = {p.form.insn.name for p in g.pieces if p.form is not None} & TRANSCENDENTAL
    if not used:
        return None
    if (
        ours.fx is None
        or theirs.fx is None
        or (ours.regs, ours.eip, ours.trap) != (theirs.regs, theirs.eip, theirs.trap)
    ):
        return None
    if not x87.last_bits(ours.fx, theirs.fx, 64):
        return None
    return "transcendentals: the last bits"


def of_intel(g: Generated, ours: Result, theirs: Result, before) -> str | None:
    """What Intel's processors do otherwise than AMD's, and `insn/intel.py` does not do after them."""
    shifts = [p for p in g.pieces if p.form is not None and p.form.insn.name in ("shld", "shrd")]
    if any(_by_more_than_16(g, p, before) for p in shifts):
        return "Intel's: SHLD and SHRD of a word by more than 16 (undefined)"
    at = next((p for p in g.pieces if p.start == ours.eip and p.form is not None), None)
    if at is None or at.form is None or not ours.trap:
        return None
    wraps = theirs.trap is not None and theirs.trap[0] == S.PFV and (theirs.trap[2] + 64 & 0xFFFF_FFFF) < 128
    if wraps and ours.trap[:2] in ((S.GP, 0), (S.SS, 0)) and (ours.eip, ours.regs) == (theirs.eip, theirs.regs):
        return "Intel's: an access that wraps at 4 GiB: #PF before #GP"
    unmasked = theirs.fx is not None and theirs.fx[2] & 0x80
    if at.form.insn.name in STORES and ours.trap[0] in MEMORY_FAULTS and unmasked and theirs.eip != ours.eip:
        return "Intel's: x87 store suppressed by an exception: its operand is not checked"
    if at.form.encoding.text in SEGMENT_STACK and _upper_half_alone(g, at, ours):
        return "Intel's: PUSH and POP of a segment register: the upper 16 bits are not checked"
    if at.form.insn.name == "bound" and theirs.trap == (5, 0, 0) and ours.trap[0] == S.PFV and ours.eip == theirs.eip:
        return "Intel's: BOUND: the lower bound is compared before the upper one is read"
    if (ours.trap, ours.regs, ours.eip) == (theirs.trap, theirs.regs, theirs.eip) and ours.trap[0] == S.PFV:
        below = {ours.trap[2] - address for address, _ in set(ours.data) ^ set(theirs.data)}
        if at.form.encoding.text in ("db /7 Mt", "df /6 Mt") and below <= {8, 16}:
            return "Intel's: an 80-bit store whose second page faults: its first part"
    high = any((r + 64 & 0xFFFF_FFFF) < 128 for r in ours.regs)
    aligned = (g.case.eflags | ours.eflags) & model.AC and theirs.trap == (S.ACV, 0, 0) and ours.eip == theirs.eip
    if high and aligned and ours.trap[:2] in ((S.GP, 0), (S.SS, 0)):
        return "Intel's: an access that wraps at 4 GiB: #AC before #GP"
    return None


SEGMENT_STACK = frozenset("06 es,0e cs,16 ss,1e ds,0f a0 fs,0f a8 gs,07 es,17 ss,1f ds,0f a1 fs,0f a9 gs".split(","))


def _upper_half_alone(g: Generated, piece: Piece, ours: Result) -> bool:
    """Whether what we refuse of PUSH or POP of a segment register is alignment, or the upper half of its 32 bits."""
    assert ours.trap is not None and piece.form is not None
    if ours.trap[0] == S.ACV:
        return True
    segment = (g.case.segments or {}).get("ss")
    pushes = piece.form.insn.name == "push"
    start = ours.regs[4] + (segment.base if segment else 0) - (4 if pushes else 0)
    return ours.trap[0] == S.PFV and ours.trap[2] & 0xFFF == 0 and ours.trap[2] - start & 0xFFFF_FFFF in (2, 3)


def _of_faults(g: Generated, ours: Result, theirs: Result) -> str | None:
    """Both raise an exception at the same instruction, but not quite the same."""
    at = next((p for p in g.pieces if p.start == ours.eip and p.form is not None), None)
    if at is None or at.form is None or not ours.trap or not theirs.trap or ours.eip != theirs.eip:
        return None
    name = at.form.insn.name
    faults = {ours.trap[0], theirs.trap[0]} <= set(MEMORY_FAULTS)
    if name == "call" and ours.trap == theirs.trap and ours.regs == theirs.regs:
        return "CALL: what is below the stack when it faults"
    if ours.data != theirs.data:
        below = name == "enter" and ours.trap == theirs.trap and ours.regs == theirs.regs
        return ENTER_FAULTED if below and _frames_below(g, ours, theirs) else None
    distance = ours.trap[2] - theirs.trap[2] & 0xFFFF_FFFF
    if (
        name in SEVERAL_PARTS
        and faults
        and ours.trap != theirs.trap
        and (ours.trap[0] != theirs.trap[0] or min(distance, 0x1_0000_0000 - distance) < 512)
    ):
        return "x87 state and 80-bit operands: which part faults first"
    if (
        name == "iret"
        and (g.case.eflags | ours.eflags) & model.NT
        and (ours.trap[0], theirs.trap[0]) == (S.TS_VECTOR, S.GP)
    ):
        return "IRET with NT set: the host's CPU, in long mode, has no nested tasks"
    if name in ORDER and ours.regs == theirs.regs and ours.trap != theirs.trap and faults:
        return ORDER[name]
    if (
        at.form.encoding.text == "0f b9 /r Gv,Ev"
        and ours.regs == theirs.regs
        and {ours.trap[0], theirs.trap[0]} == {S.GP, S.UD}
    ):
        return "UD1: whether its operand counts towards 15 bytes"
    if name == "popa" and ours.trap == theirs.trap:
        return "POPA: registers are loaded before a later word faults"
    return None


def _frames_below(g: Generated, ours: Result, theirs: Result) -> bool:
    """Whether all that differs of memory is where ENTER stores frame pointers: up to 32, below the top of the stack."""
    segment = (g.case.segments or {}).get("ss") or Segment(0, 0xFFFF_FFFF)
    mask = 0xFFFF_FFFF if segment.big else 0xFFFF
    differing = {address for address, _ in set(ours.data) ^ set(theirs.data)}
    depths = (ours.regs[4] + segment.base - address & mask for address in differing)
    return all(0 < depth <= 32 * 4 + 8 for depth in depths)


def _overwritten(g: Generated, piece: Piece, result: Result) -> bool:
    """Whether the bytes of an instruction that repeats and stores are not what they were when the case ends."""
    if piece.form is None or not piece.form.rep or piece.form.insn.name not in ("movs", "stos"):
        return False
    words, start = dict(result.data), layout.CODE_BASE + g.case.origin + piece.start
    for at, byte in enumerate(piece.code, start):
        word = words.get(at & ~7)
        if word is not None and word >> 8 * (at & 7) & 0xFF != byte:
            return True
    return False


def _by_more_than_16(g: Generated, piece: Piece, before) -> bool:
    word = (0x66 in piece.prefixes) == (
        g.case.segments is None or "cs" not in g.case.segments or g.case.segments["cs"].big
    )
    if not word:
        return False
    immediate = piece.form is not None and piece.form.encoding.opcode in (0xA4, 0xAC)
    count = piece.code[-1] if immediate else before(piece)[1]
    return count & 31 > 16
