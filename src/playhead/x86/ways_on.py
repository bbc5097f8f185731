"""Where control goes behind an instruction, by its kind: what tells the pieces of code apart that run straight on."""

from playhead.x86.table import Table

NONE, REPEATED, BRANCH, JUMP, CALL, RETURN, INTERRUPT, INTERRUPT_RETURN, SYSENTER, SYSEXIT, HALT = range(11)
NAMES = ("none", "repeated", "branch", "jump", "call", "return", "interrupt", "interrupt-return", "sysenter", "sysexit",
         "halt")  # fmt: skip
_KINDS = {
    "jmp": JUMP, "call": CALL, "ret": RETURN, "retf": RETURN, "int": INTERRUPT, "int3": INTERRUPT, "into": INTERRUPT,
    "int1": INTERRUPT, "iret": INTERRUPT_RETURN, "rsm": INTERRUPT_RETURN, "sysenter": SYSENTER, "sysexit": SYSEXIT,
    "hlt": HALT,
    **dict.fromkeys("jo jno jb jae je jne jbe ja js jns jp jnp jl jge jle jg loop loope loopne jecxz".split(), BRANCH),
}  # fmt: skip


def kinds(table: Table) -> bytes:
    """The kind of each form's instruction, by the form's number. REPEATED: it has a REP prefix, and goes on behind
    itself; BRANCH: it jumps, or goes on."""
    return bytes(REPEATED if form.rep else _KINDS.get(form.insn.name, NONE) for form in table.forms)
