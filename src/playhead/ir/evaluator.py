"""The reference evaluator: turns a function of the IR into a Python function. It is the definition of the IR.

A handler becomes `f(u, pc, nx) -> next EIP`, where `u` is the decoded instruction, `pc` its EIP and `nx` the EIP after
it. A routine becomes `f(*params) -> int`. What the functions work on is the `World` that the engine supplies by name.
"""

from collections.abc import Mapping

from playhead.ir.builder import mask
from playhead.ir.ops import Function, Op, Value


class GuestFault(Exception):
    """The instruction raised an exception of the guest; it did nothing else."""

    def __init__(self, vector: int, error: int):
        self.vector, self.error = vector, error


class Undone(Exception):
    """The instruction needs something from outside before it can happen (port input, a register of a device)."""

    def __init__(self, reason: int, info: int):
        self.reason, self.info = reason, info


AGAIN = -1  # returned by a handler that retired an iteration and resumes at its own EIP

_SIMPLE = {"and": "&", "or": "|", "xor": "^", "lshr": ">>", "udiv": "//", "urem": "%"}
_MASKED = {"add": "+", "sub": "-", "mul": "*", "shl": "<<"}
_COMPARE = {"eq": "==", "ne": "!=", "ult": "<", "ule": "<="}
VIEW = {8: ("c8", 0), 16: ("c16", 1), 32: ("c32", 2), 64: ("c64", 3)}


def _sdiv(a: int, b: int) -> int:
    q = abs(a) // abs(b)
    return -q if (a < 0) != (b < 0) else q


HELPERS = {
    "_sdiv": _sdiv, "_srem": lambda a, b: a - b * _sdiv(a, b), "GuestFault": GuestFault, "Undone": Undone,
}  # fmt: skip


class PythonWriter:
    def __init__(self, f: Function):
        self.lines: list[str] = []
        self.f = f

    def ref(self, v: Value) -> str:
        return str(v.const) if v.const is not None else f"v{v.n}"

    def signed(self, v: Value) -> str:
        half = 1 << (v.bits - 1)
        return f"(({self.ref(v)} ^ {half}) - {half})"

    def region(self, ops: list[Op], pad: str) -> None:
        if not ops:
            self.lines.append(pad + "pass")
        for op in ops:
            self.op(op, pad)

    def op(self, op: Op, pad: str) -> None:
        kind, a = op.kind, op.args
        if kind == "if":
            self.lines.append(f"{pad}if {self.ref(a[0])}:")
            self.region(op.attr[0], pad + " ")
            if op.attr[1]:
                self.lines.append(f"{pad}else:")
                self.region(op.attr[1], pad + " ")
            return
        if kind == "loop":
            self.lines.append(f"{pad}while True:")
            self.region(op.attr, pad + " ")
            return
        text = self.expression(op)
        self.lines.append(f"{pad}v{op.res.n} = {text}" if op.res is not None else pad + text)

    def expression(self, op: Op) -> str:
        kind, args = op.kind, op.args
        a = [self.ref(x) for x in args]
        w = args[0].bits if args else 0
        m = mask(w) if w else 0
        if kind in _SIMPLE:
            return f"{a[0]} {_SIMPLE[kind]} {a[1]}"
        if kind in _MASKED:
            return f"({a[0]} {_MASKED[kind]} {a[1]}) & {m}"
        if kind in _COMPARE:
            return f"1 if {a[0]} {_COMPARE[kind]} {a[1]} else 0"
        if kind in ("slt", "sle"):
            half = 1 << (w - 1)
            return f"1 if ({a[0]} ^ {half}) {'<' if kind == 'slt' else '<='} ({a[1]} ^ {half}) else 0"
        if kind == "ashr":
            return f"({self.signed(args[0])} >> {a[1]}) & {m}"
        if kind in ("sdiv", "srem"):
            return f"_{kind}({self.signed(args[0])}, {self.signed(args[1])}) & {m}"
        if kind == "zext":
            return a[0]
        if kind == "trunc":
            return f"{a[0]} & {mask(op.attr)}"
        if kind == "sext":
            return f"{self.signed(args[0])} & {mask(op.attr)}"
        if kind == "select":
            return f"{a[1]} if {a[0]} else {a[2]}"
        return getattr(self, "_" + kind)(op, a, w)

    def _ctpop(self, op, a, w):
        return f"{a[0]}.bit_count()" if op.args[0].const is None else f"({a[0]}).bit_count()"

    def _ctlz(self, op, a, w):
        return f"{w} - ({a[0]}).bit_length()"

    def _cttz(self, op, a, w):
        return f"(({a[0]} & -{a[0]}).bit_length() - 1 if {a[0]} else {w})"

    def _bswap(self, op, a, w):
        return f"int.from_bytes(({a[0]}).to_bytes({w // 8}, 'little'), 'big')"

    def _getvar(self, op, a, w):
        return f"x{op.attr.n}"

    def _setvar(self, op, a, w):
        return f"x{op.attr.n} = {a[0]}"

    def _break(self, op, a, w):
        return "break"

    def _continue(self, op, a, w):
        return "continue"

    def _ldc(self, op, a, w):
        offset, bits = op.attr
        view, shift = VIEW[bits]
        return f"{view}[{offset >> shift}]"

    def _stc(self, op, a, w):
        offset, bits = op.attr
        view, shift = VIEW[bits]
        return f"{view}[{offset >> shift}] = {a[0]}"

    def _ldx(self, op, a, w):
        view, shift = VIEW[op.attr]
        return f"{view}[{a[0]} >> {shift}]"

    def _stx(self, op, a, w):
        view, shift = VIEW[op.attr]
        return f"{view}[{a[0]} >> {shift}] = {a[1]}"

    def _field(self, op, a, w):
        return f"u.{op.attr}"

    def _here(self, op, a, w):
        return "pc"

    def _next(self, op, a, w):
        return "nx"

    def _gld(self, op, a, w):
        bits, mode = op.attr
        return f"guest_load({a[0]}, {bits // 8}, {mode!r})"

    def _gst(self, op, a, w):
        bits, mode = op.attr
        return f"guest_store({a[0]}, {bits // 8}, {a[1]}, {mode!r})"

    def _rld(self, op, a, w):
        region, bits = op.attr
        return f"{region}{bits}[{a[0]}]"

    def _rst(self, op, a, w):
        region, bits = op.attr
        return f"{region}{bits}[{a[0]}] = {a[1]}"

    def _call(self, op, a, w):
        return f"{op.attr[0]}({', '.join(a)})"

    def _fault(self, op, a, w):
        return f"raise GuestFault({a[0]}, {a[1]})"

    def _goto(self, op, a, w):
        return f"return {a[0]}"

    _jump = _goto

    def _leave(self, op, a, w):
        return f"return leave({a[0]}, {a[1]}, {a[2] if len(a) > 2 else 'nx'})"

    def _undone(self, op, a, w):
        return f"raise Undone({a[0]}, {a[1]})"

    def _again(self, op, a, w):
        return f"return {AGAIN}"

    def _ret(self, op, a, w):
        return f"return {a[0]}"

    def _icount(self, op, a, w):
        return "icount()"

    def _spend(self, op, a, w):
        return "spend()"


def to_python(f: Function) -> str:
    """The Python source of a function."""
    w = PythonWriter(f)
    params = ", ".join(f"v{p.n}" for p in f.params) if f.routine else "u, pc, nx"
    w.lines.append(f"def {f.name}({params}):")
    w.region(f.body, " ")
    w.lines.append(" return 0" if f.routine else " return nx")
    return "\n".join(w.lines) + "\n"


def compile_function(f: Function, world: Mapping):
    """The Python function itself, bound to the names in `world` (a dict that may be filled further later)."""
    exec(compile(to_python(f), f"<ir {f.name}>", "exec"), world)  # type: ignore[arg-type]
    return world[f.name]
