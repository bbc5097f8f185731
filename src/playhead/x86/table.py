"""The registry of declared instructions, and the forms that it makes.

`@insn` registers a semantic function for some encodings. A *form* is one encoding (of one REP prefix, for string
instructions); a form has up to eight handlers: 16/32-bit operands, register/memory operand, segmented/flat. Equal
handlers are made once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from playhead.ir.builder import Builder
from playhead.ir.ops import ENDS, Function, Op
from playhead.x86.build import InsnBuilder, StateBuilder
from playhead.x86.notation import Encoding, parse

INSTRUCTIONS: list["Insn"] = []
ROUTINES: dict[str, "Routine"] = {}


@dataclass(slots=True)
class Insn:
    """One declared instruction. `writes` and `undef` name status flags (O S Z A P C); undefined ones are masked when
    compared with other processors. `lock`: the LOCK prefix is allowed with a memory destination. `rep`: "rep" or "repz"
    (string instructions that repeat, or repeat on ZF). `native` False: run by the reference evaluator only (rare
    ones). `feature`: of CPUID (x86/system/cpuid.py); on a processor that lacks it the opcode is undefined."""

    name: str
    build: Callable
    encodings: list[Encoding]
    writes: str
    undef: str
    lock: bool
    rep: str
    native: bool
    privileged: bool
    feature: str
    chapter: str
    doc: str


@dataclass(slots=True)
class Routine:
    name: str
    params: tuple[int, ...]
    build: Callable
    native_only: bool
    faults: bool

    def function(self) -> Function:
        b = StateBuilder("r_" + self.name, self.params, routine=True)
        self.build(b, *b.f.params)
        return b.f


def insn(*encodings: str, name: str = "", writes: str = "", undef: str = "", lock: bool = False, rep: str = "",
         native: bool = True, privileged: bool = False, feature: str = ""):  # fmt: skip
    """Declare an instruction: encodings in the manual's notation above one semantic function `f(m, *operands)`."""

    def register(f: Callable) -> Callable:
        chapter = f.__module__.rsplit(".", 1)[1]
        INSTRUCTIONS.append(
            Insn(name or f.__name__.rstrip("_"), f, [parse(e) for e in encodings], writes, undef, lock, rep, native,
                 privileged, feature, chapter, (f.__doc__ or "").strip())
        )  # fmt: skip
        return f

    return register


def routine(*params: int, native_only: bool = False, faults: bool = True):
    """Declare a routine `f(m, *params)`; call it with `m.call("r_" + name, ...)`. Widths of the parameters in bits."""

    def register(f: Callable) -> Callable:
        ROUTINES[f.__name__] = Routine(f.__name__, params, f, native_only, faults)
        return f

    return register


def call(m: Builder, name: str, *args):
    """Call a declared routine; ints become constants of the parameter's width. Returns its 64-bit result."""
    r = ROUTINES[name]
    values = [m.value(a, bits) for a, bits in zip(args, r.params, strict=True)]
    return m.call("r_" + name, *values, faults=r.faults)


@dataclass(slots=True)
class Handler:
    """One generated handler. `ends`: no instruction follows it in a block; `links`: a link record follows it."""

    number: int
    function: Function
    ends: bool
    links: bool
    linkable: bool
    native: bool


@dataclass(slots=True)
class Form:
    """One encoding (with one REP kind) and its handlers, indexed [osize 32?][memory?][flat?], -1 where invalid."""

    number: int
    insn: Insn
    encoding: Encoding
    rep: str
    handlers: list[int] = field(default_factory=list)


def _kinds(region: list[Op]) -> set[str]:
    found = set()
    for op in region:
        found.add(op.kind)
        if op.kind == "if":
            found |= _kinds(op.attr[0]) | _kinds(op.attr[1])
        elif op.kind == "loop":
            found |= _kinds(op.attr)
    return found


class Table:
    """All forms and handlers, in the order of declaration; made once, cached by the engines."""

    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.handlers: list[Handler] = []
        for i in INSTRUCTIONS:
            for e in i.encodings:
                for rep in ("", "rep", "repne") if i.rep == "repz" else ("", "rep") if i.rep else ("",):
                    self._form(i, e, rep)

    def _form(self, i: Insn, e: Encoding, rep: str) -> None:
        form = Form(len(self.forms), i, e, rep)
        self.forms.append(form)
        made: dict[tuple, int] = {}
        rm = any(o.kind in ("E", "Q") for o in e.operands)
        for index in range(8):
            osize, memory, flat = (32 if index & 4 else 16), bool(index & 2), bool(index & 1)
            if (memory and not (rm or e.memory_only)) or (not memory and e.memory_only):
                form.handlers.append(-1)
                continue
            known = next((n for key, n in made.items() if self._matches(key, osize, memory, flat)), None)
            if known is not None:
                form.handlers.append(known)
                continue
            tag = re.sub(r"\W", "_", f"{i.name}_{form.number}_{index}" + (f"_{rep}" if rep else ""))
            m = InsnBuilder("h_" + tag, e, osize, memory, flat, rep)
            i.build(m, *e.operands)
            made[(osize if "osize" in m.asked else None, memory, flat if "flat" in m.asked else None)] = len(
                self.handlers
            )
            form.handlers.append(len(self.handlers))
            self._add(m, i, flat)

    @staticmethod
    def _matches(key: tuple, osize: int, memory: bool, flat: bool) -> bool:
        return key[0] in (None, osize) and key[1] == memory and key[2] in (None, flat)

    def _add(self, m: InsnBuilder, i: Insn, flat: bool) -> None:
        kinds = _kinds(m.f.body)
        last = m.f.body[-1].kind if m.f.body else ""
        ends = bool(kinds & {"goto", "leave", "again", "spend"}) or last in ENDS
        self.handlers.append(Handler(len(self.handlers), m.f, ends, "jump" in kinds, flat, i.native))
