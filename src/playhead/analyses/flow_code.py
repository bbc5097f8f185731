"""Turns a function of the IR into a Python function that also says what flows where.

The same declarations from which the engines are made are evaluated here beside their values: `v3` is a value, `t3` its
shadow (`shadows.py`). Nothing is known of any instruction by name. Three kinds of code are made of a function:

- `SHADOW` runs the machine, and carries shadows along: its loads and stores also read and write those of the state
  block and of memory;
- `LOG` runs the machine, and writes down what was loaded, and where it stored: quick, for windows of instructions;
- `REPLAY` evaluates one instruction again out of such a log, with a label for each bit of what it loaded, and
  touches no machine.

A condition inside an instruction that chooses values (BSF's "no bit is set", a shift's "the count is not 0") counts as
an input of all that is stored under it. One that decides what is executed next (a jump, a fault, the end of a REP) does
not: such dependencies are of the program's control, and are not followed.

An instruction that names one register twice gets code of its own, in which the two loads are known to give the same: so
`xor eax, eax` and `sbb eax, eax` depend on nothing but what they depend on.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from playhead.analyses import shadows
from playhead.ir.builder import FOLD, mask
from playhead.ir.evaluator import AGAIN, HELPERS, VIEW, PythonWriter
from playhead.ir.ops import Function, Op, Value
from playhead.x86.table import ROUTINES

SHADOW, LOG, REPLAY = "shadow", "log", "replay"
CONTROL = frozenset(["fault", "goto", "jump", "leave", "again", "undone", "ret", "break", "continue", "loop"])
UNARY = frozenset(["zext", "sext", "trunc", "ctpop", "ctlz", "cttz", "bswap"])
PLAIN = frozenset(["field", "here", "next"])  # what depends on nothing
FLOATING = ("playhead.x86.softfloat", "playhead.x86.insn.fpu")
RULES: dict[str, Any] = {f"k_{name}": rule for name, rule in shadows.BINARY.items()} | HELPERS | {
    "k_trunc": shadows.trunc, "k_sext": shadows.sext, "k_bswap": shadows.bswap, "k_count": shadows.count,
    "k_select": shadows.select, "k_union": shadows.union, "k_spread": shadows.spread,
}  # fmt: skip


def operations(region: list[Op]) -> Iterator[Op]:
    """All of a region and of those in it."""
    for op in region:
        yield op
        if op.kind == "if":
            yield from operations(op.attr[0])
            yield from operations(op.attr[1])
        elif op.kind == "loop":
            yield from operations(op.attr)


@cache
def is_opaque(name: str) -> bool:
    """Routines over the engine's own arrays (translations, decoded code): nothing of the guest's data flows there."""
    return any(op.kind in ("rld", "rst") for op in operations(ROUTINES[name].function().body))


@cache
def is_floating(name: str) -> bool:
    """Routines of the x87, whose results are taken as a whole: they depend on all that was read."""
    return ROUTINES[name].build.__module__.startswith(FLOATING)


def names_twice(f: Function) -> bool:
    """Whether a handler may be given one register for two operands."""
    fields = {op.attr for op in operations(f.body) if op.kind == "field"}
    return {"a", "b"} <= fields


class _Numbers:
    """Which values are known to be equal, or constant, within one function."""

    def __init__(self, same_register: bool):
        self._known: dict[int, Any] = {}
        self._same, self._epoch = same_register, 0

    def changed(self) -> None:
        """Something was stored, so that loads may give something else."""
        self._epoch += 1

    def of(self, v: Value) -> Any:
        return ("const", v.const) if v.const is not None else self._known.get(v.n, ("value", v.n))

    def note(self, op: Op) -> bool:
        """Number the result of an operation; True if it is a constant."""
        assert op.res is not None
        number = self._number(op)
        self._known[op.res.n] = number
        return bool(number[0] == "const")

    def _number(self, op: Op) -> Any:
        assert op.res is not None
        args, w = [self.of(a) for a in op.args], op.res.bits
        if op.kind == "field":
            return ("field", "a" if self._same and op.attr == "b" else op.attr)
        if op.kind in ("ldc", "ldx"):
            return (op.kind, op.attr, *args, self._epoch)
        if op.kind in shadows.BINARY:
            return self._binary(op.kind, args[0], args[1], op.args[0].bits) or (op.kind, w, *args)
        if op.kind in UNARY:
            if args[0] == ("const", 0) and op.kind in ("zext", "sext", "trunc"):
                return args[0]
            return (op.kind, w, *args)
        return ("value", op.res.n)

    @staticmethod
    def _binary(kind: str, a: Any, b: Any, w: int) -> Any:
        """What is simpler than the operation, if anything."""
        zero, ones = ("const", 0), ("const", mask(w))
        if a[0] == b[0] == "const" and kind in FOLD:
            return ("const", int(FOLD[kind](a[1], b[1], w)) & mask(w))
        if a == b:
            if kind in ("xor", "sub", "ne", "ult", "slt"):
                return zero
            if kind in ("and", "or"):
                return a
            if kind in ("eq", "ule", "sle"):
                return ("const", 1)
        if kind == "and" and (zero in (a, b) or ("xor", w, b, ones) == a or ("xor", w, a, ones) == b):
            return zero
        if kind in ("or", "xor", "add") and zero in (a, b):
            return b if a == zero else a
        if kind in ("shl", "lshr", "ashr", "sub") and zero in (b, a if kind != "sub" else None):
            return a
        return None


class _Writer(PythonWriter):
    """Writes one function in one of the three kinds."""

    def __init__(self, f: Function, kind: str, same_register: bool, pointers: bool):
        super().__init__(f)
        self.kind, self.pointers = kind, pointers
        self._always = f.routine and is_floating(f.name[2:])  # `whole` wants to know of all that is stored
        self._numbers = _Numbers(same_register)
        self._clean: set[int] = set()  # values that depend on nothing, whatever happens
        self._inline: dict[int, str] = {}  # for addresses inside a region, as seen from outside of it

    # names

    def ref(self, v: Value) -> str:
        return self._inline.get(v.n) or super().ref(v) if v.const is None else super().ref(v)

    def shadow(self, v: Value) -> str:
        return "None" if self.kind == LOG or v.const is not None or v.n in self._clean else f"t{v.n}"

    def say(self, pad: str, text: str) -> None:
        self.lines.append(pad + text)

    def function(self, name: str) -> str:
        f = self.f
        both = self.kind != LOG
        params = [p for v in f.params for p in ([f"v{v.n}", f"t{v.n}"] if both else [f"v{v.n}"])]
        self.say("", f"def {name}({', '.join(params) if f.routine else 'u, pc, nx'}):")
        if both:
            for var in f.vars:
                self.say(" ", f"y{var.n} = None")
        self.region(f.body, " ")
        self.say(" ", ("return 0, None" if both else "return 0") if f.routine else "return nx")
        return "\n".join(self.lines) + "\n"

    # operations

    def op(self, op: Op, pad: str) -> None:
        kind = op.kind
        if kind == "if":
            self._if(op, pad)
        elif kind == "loop":
            self._numbers.changed()
            self.say(pad, "while True:")
            self.region(op.attr, pad + " ")
            self._numbers.changed()
        elif kind in shadows.BINARY or kind in UNARY or kind == "select" or kind in PLAIN:
            self._pure(op, pad)
        else:
            getattr(self, "_op_" + kind)(op, pad, [self.ref(a) for a in op.args])
            if kind in ("stc", "stx", "call", "setvar"):
                self._numbers.changed()

    def _pure(self, op: Op, pad: str) -> None:
        assert op.res is not None
        n = op.res.n
        self.say(pad, f"v{n} = {self.expression(op)}")
        constant = self._numbers.note(op)
        named = [t for a in op.args if (t := self.shadow(a)) != "None"]
        if constant or not named or op.kind in PLAIN:
            self._clean.add(n)
            return
        none = " and ".join(f"{t} is None" for t in dict.fromkeys(named))
        self.say(pad, f"t{n} = None if {none} else {self._rule(op)}")

    def _rule(self, op: Op) -> str:
        assert op.res is not None
        pairs = ", ".join(f"{self.ref(a)}, {self.shadow(a)}" for a in op.args)
        w = op.args[0].bits
        if op.kind == "zext":
            return self.shadow(op.args[0])
        if op.kind in ("trunc", "sext"):
            return f"k_{op.kind}({self.shadow(op.args[0])}, {w}, {op.res.bits})"
        if op.kind in UNARY:
            return f"k_{'bswap' if op.kind == 'bswap' else 'count'}({self.shadow(op.args[0])}, {w})"
        return f"k_{op.kind}({pairs}, {op.res.bits if op.kind == 'select' else w})"

    def _if(self, op: Op, pad: str) -> None:
        self.say(pad, f"if {self.ref(op.args[0])}:")
        self._numbers.changed()
        self.region(op.attr[0], pad + " ")
        if op.attr[1]:
            self._numbers.changed()
            self.say(pad, "else:")
            self.region(op.attr[1], pad + " ")
        self._numbers.changed()
        inside = [*operations(op.attr[0]), *operations(op.attr[1])]
        condition = self.shadow(op.args[0])
        if condition != "None" and not any(o.kind in CONTROL for o in inside):
            self._chosen(inside, condition, pad)

    def _chosen(self, inside: list[Op], condition: str, pad: str) -> None:
        """What is stored in one of the arms depends on the condition, whichever was taken."""
        lines: list[str] = []
        for op in inside:
            if op.kind == "setvar":
                lines.append(f"y{op.attr.n} = k_union(y{op.attr.n}, k_spread({condition}, {mask(op.attr.bits)}))")
            elif op.kind == "stc":
                lines.append(f"smear_state({op.attr[0]}, {op.attr[1] // 8}, {condition})")
            elif op.kind == "stx" and self._outside(op.args[0]):
                lines.append(f"smear_state({self.ref(op.args[0])}, {op.args[1].bits // 8}, {condition})")
            elif op.kind == "gst" and self._outside(op.args[0]):
                lines.append(f"smear_memory({self.ref(op.args[0])}, {op.attr[0] // 8}, {condition})")
            elif op.res is not None:
                known = op.kind in shadows.BINARY or op.kind in UNARY or op.kind in PLAIN or op.kind == "select"
                usable = known and all(self._outside(a) for a in op.args)
                self._inline[op.res.n] = f"({self.expression(op)})" if usable else ""
        self._inline.clear()
        for line in dict.fromkeys(lines):
            self.say(pad, f"if {condition} is not None: {line}")

    def _outside(self, v: Value) -> bool:
        """Whether a value can be named outside of the region it is made in."""
        return v.const is not None or self._inline.get(v.n, "here") != ""

    # variables and state

    def _op_getvar(self, op: Op, pad: str, a: list[str]) -> None:
        self._result(op, pad, f"x{op.attr.n}", f"y{op.attr.n}")

    def _op_setvar(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, f"x{op.attr.n} = {a[0]}")
        if self.kind != LOG:
            self.say(pad, f"y{op.attr.n} = {self.shadow(op.args[0])}")

    def _result(self, op: Op, pad: str, value: str, shadow: str) -> None:
        assert op.res is not None
        self.say(pad, f"v{op.res.n} = {value}")
        if self.kind != LOG:
            self.say(pad, f"t{op.res.n} = {shadow}")

    def _loaded(self, op: Op, pad: str, at: str, bits: int) -> None:
        assert op.res is not None
        self._numbers.note(op)
        view, shift = VIEW[bits]
        if self.kind == REPLAY:
            self._result(op, pad, "take()", f"load_state({at}, {bits // 8})")
            return
        self._result(op, pad, f"{view}[{at} >> {shift}]", f"load_state({at}, {bits // 8}) if state else None")
        if self.kind == LOG:
            self.say(pad, f"note(v{op.res.n})")

    def _stored(self, value: Value, pad: str, at: str, bits: int) -> None:
        view, shift = VIEW[bits]
        if self.kind != REPLAY:
            self.say(pad, f"{view}[{at} >> {shift}] = {self.ref(value)}")
        if self.kind == LOG:
            self.say(pad, f"stored(({at}, {bits // 8}))")
            return
        t = self.shadow(value)
        when = "if state: " if t == "None" else f"if state or {t} is not None: "
        when = "" if self.kind == REPLAY or self._always else when
        self.say(pad, f"{when}store_state({at}, {bits // 8}, {t})")

    def _op_ldc(self, op: Op, pad: str, a: list[str]) -> None:
        self._loaded(op, pad, str(op.attr[0]), op.attr[1])

    def _op_stc(self, op: Op, pad: str, a: list[str]) -> None:
        self._stored(op.args[0], pad, str(op.attr[0]), op.attr[1])

    def _op_ldx(self, op: Op, pad: str, a: list[str]) -> None:
        self._loaded(op, pad, a[0], op.attr)

    def _op_stx(self, op: Op, pad: str, a: list[str]) -> None:
        self._stored(op.args[1], pad, a[0], op.attr)

    # guest memory

    def _op_gld(self, op: Op, pad: str, a: list[str]) -> None:
        assert op.res is not None
        (bits, mode), n = op.attr, op.res.n
        load = f"guest_load({a[0]}, {bits // 8}, {mode!r})"
        if self.kind == LOG:
            self.say(pad, f"v{n} = {load}")
            self.say(pad, f"note((v{n}, touched()))")
            return
        pointer = f", {self.shadow(op.args[0])}" if self.pointers else ""
        if self.kind == REPLAY:
            self.say(pad, f"v{n}, p = take()")
            self.say(pad, f"t{n} = load_memory({a[0]}, {bits // 8}, p{pointer})")
            return
        always = self.pointers and self.shadow(op.args[0]) != "None"
        self.say(pad, f"v{n} = {load}")
        read = f"load_memory({a[0]}, {bits // 8}, touched(){pointer})"
        self.say(pad, f"t{n} = {read}" + ("" if always else " if memory or state else None"))

    def _op_gst(self, op: Op, pad: str, a: list[str]) -> None:
        bits, mode = op.attr
        store = f"guest_store({a[0]}, {bits // 8}, {a[1]}, {mode!r})"
        t = self.shadow(op.args[1])
        if self.pointers and self.kind != LOG and (p := self.shadow(op.args[0])) != "None":
            self.say(pad, f"p = k_union({t}, k_spread({p}, {mask(bits)}))")
            t = "p"
        if self.kind == REPLAY:
            self.say(pad, f"store_memory({bits // 8}, take(), {t})")
            return
        self.say(pad, store)
        if self.kind == LOG:
            self.say(pad, "p = touched()")
            self.say(pad, "note(p)")
            self.say(pad, "written(p)")
            return
        when = "if memory: " if t == "None" else f"if memory or {t} is not None: "
        when = "" if self._always else when
        self.say(pad, f"{when}store_memory({bits // 8}, touched(), {t})")

    # routines and ends

    def _op_call(self, op: Op, pad: str, a: list[str]) -> None:
        assert op.res is not None
        name = op.attr[0][2:]
        if is_opaque(name):
            self._plain(op, pad, f"r_{name}({', '.join(a)})")
            return
        if self.kind == LOG:
            self.say(pad, f"v{op.res.n} = d_{name}({', '.join(a)})")
            return
        pairs = ", ".join(f"{x}, {self.shadow(v)}" for x, v in zip(a, op.args, strict=True))
        floating = not self.f.name.startswith("r_") and is_floating(name)
        call = f"whole(d_{name}, {pairs})" if floating else f"d_{name}({pairs})"
        self.say(pad, f"v{op.res.n}, t{op.res.n} = {call}")

    def _plain(self, op: Op, pad: str, value: str) -> None:
        """A value that depends on nothing, and comes from outside of the function."""
        assert op.res is not None
        self.say(pad, f"v{op.res.n} = {'take()' if self.kind == REPLAY else value}")
        self._clean.add(op.res.n)
        if self.kind == LOG:
            self.say(pad, f"note(v{op.res.n})")

    def _op_icount(self, op: Op, pad: str, a: list[str]) -> None:
        self._plain(op, pad, "icount()")

    def _op_spend(self, op: Op, pad: str, a: list[str]) -> None:
        assert op.res is not None
        self.say(pad, f"v{op.res.n} = 0")  # each iteration of a REP is an instruction of its own here
        self._clean.add(op.res.n)

    def _op_ret(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, f"return {a[0]}" + (f", {self.shadow(op.args[0])}" if self.kind != LOG else ""))

    def _op_fault(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, f"raise GuestFault({a[0]}, {a[1]})")

    def _op_undone(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, f"raise Undone({a[0]}, {a[1]})")

    def _op_goto(self, op: Op, pad: str, a: list[str]) -> None:
        if (t := self.shadow(op.args[-1])) != "None":
            self.say(pad, f"if {t} is not None: jumps({t})")
        self.say(pad, f"return {a[-1]}")

    _op_jump = _op_goto

    def _op_leave(self, op: Op, pad: str, a: list[str]) -> None:
        if self.kind != REPLAY:
            self.say(pad, f"leave({a[0]}, {a[1]}, 0)")
        if len(a) > 2:
            self._op_goto(op, pad, a)
        else:
            self.say(pad, "return nx")

    def _op_again(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, f"return {AGAIN}")

    def _op_break(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, "break")

    def _op_continue(self, op: Op, pad: str, a: list[str]) -> None:
        self.say(pad, "continue")


@cache
def _code(kind: str, f: Function, name: str, same_register: bool, pointers: bool) -> Any:
    return compile(_Writer(f, kind, same_register, pointers).function(name), f"<{kind} {f.name}>", "exec")


@cache
def _routine(name: str) -> Function:
    return ROUTINES[name].function()


class FlowWorld(dict[str, Any]):
    """The names that such code sees; functions are compiled when they are first called for. `plain` gives the routine
    of this name that a machine's engine has.
    """

    def __init__(self, kind: str, names: dict[str, Any], plain: Callable[[str], Any], pointers: bool = False):
        super().__init__(RULES)
        self.update(names)
        self.kind, self.pointers, self._plain = kind, pointers, plain

    def __missing__(self, name: str) -> Any:
        if name.startswith("d_") and name[2:] in ROUTINES:
            return self.made(_routine(name[2:]), name, False)
        if name.startswith("r_"):
            made = self[name] = self._plain(name[2:])
            return made
        raise KeyError(name)

    def made(self, f: Function, name: str, same_register: bool) -> Any:
        """A function of the IR as a Python function of this world."""
        exec(_code(self.kind, f, name, same_register, self.pointers), self)
        return self[name]


class Handlers:
    """The handlers of a table in a world: `handlers[number](decoded, eip, next eip)`."""

    def __init__(self, world: FlowWorld, table: Any):
        self._world, self._table = world, table
        self._made: dict[tuple[int, bool], Any] = {}
        self._twice: dict[int, bool] = {}

    def of(self, number: int, decoded: Any) -> Any:
        f = self._table.handlers[number].function
        if number not in self._twice:
            self._twice[number] = self._world.kind != LOG and names_twice(f)
        same = self._twice[number] and decoded.a == decoded.b
        if (number, same) not in self._made:
            self._made[number, same] = self._world.made(f, f"f_{number}_{int(same)}", same)
        return self._made[number, same]
