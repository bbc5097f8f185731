"""Values, operations and functions of the intermediate representation.

A function is a tree: a region is a list of operations; `if` and `loop` hold regions. Values are assigned once; what
must change across regions is a variable (`var`), which LLVM turns back into registers. All integers are unsigned bit
patterns of 1 to 128 bits; signedness is a property of an operation.

Operations (args -> result; `attr` in brackets):

    pure       add sub mul and or xor shl lshr ashr udiv urem sdiv srem  (a, b) -> same width
               eq ne ult ule slt sle (a, b) -> 1 bit;  zext sext trunc (a) [bits];  select (c, a, b)
               ctpop ctlz cttz bswap (a) -> same width.  Shift counts must be below the width; division by zero and
               quotients that do not fit are errors of the author, not of the guest.
    variables  getvar [var] -> value;  setvar (value) [var]
    control    if (cond) [then, else];  loop [body];  break;  continue
    cpu state  ldc [offset, bits];  stc (value) [offset, bits]: at a constant offset of the state block
               ldx (offset) [bits];  stx (offset, value) [bits]: at a computed byte offset of the state block
    operands   field [name] -> 32 bits: of the decoded instruction;  here, next -> 32 bits: EIP of this and the next one
    guest      gld (linear) [bits, mode];  gst (linear, value) [bits, mode]. mode: "" at the current privilege, "s" as
               supervisor; with "w" a load also demands the right to write, so that a later store cannot fault
    regions    rld (index) [region, bits];  rst (index, value) [region, bits]: arrays that the engine owns, in items
    routines   call (args) [name, faults] -> 64 bits; a routine that faults ends its caller, precisely, unless faults is
               "catch": then the result is 1 if it did
    ends       fault (vector, error): the instruction did nothing and raises;  goto (eip): next instruction there;
               jump (relative) [taken]: a direct jump, may be linked;  leave (reason, info[, eip]): done, and the run
               loop looks;
               again: this instruction resumes later (REP out of budget);  undone (reason, info): leave before doing
               anything;
               ret (value): of a routine
    budget     icount -> 64 bits: instructions retired before this one;  spend -> 1 bit: retire one iteration, false if
    none left
"""

from typing import Any


class Value:
    """A value that exists once an operation ran; `n` numbers it within its function, `const` is set for literals."""

    __slots__ = ("b", "bits", "const", "n")

    def __init__(self, b: Any, bits: int, n: int, const: int | None = None):
        self.b, self.bits, self.n, self.const = b, bits, n, const

    def _with(self, kind: str, other: "Value | int", swap: bool = False) -> "Value":
        other = self.b.value(other, self.bits)
        return self.b.binary(kind, other, self) if swap else self.b.binary(kind, self, other)

    def __add__(self, o):
        return self._with("add", o)

    __radd__ = __add__

    def __sub__(self, o):
        return self._with("sub", o)

    def __rsub__(self, o):
        return self._with("sub", o, swap=True)

    def __mul__(self, o):
        return self._with("mul", o)

    def __and__(self, o):
        return self._with("and", o)

    __rand__ = __and__

    def __or__(self, o):
        return self._with("or", o)

    __ror__ = __or__

    def __xor__(self, o):
        return self._with("xor", o)

    __rxor__ = __xor__

    def __invert__(self):
        return self._with("xor", (1 << self.bits) - 1)

    def __neg__(self):
        return self._with("sub", 0, swap=True)

    def __lshift__(self, o):
        return self._with("shl", o)

    def __rshift__(self, o):
        return self._with("lshr", o)

    def sar(self, o):
        return self._with("ashr", o)

    def udiv(self, o):
        return self._with("udiv", o)

    def urem(self, o):
        return self._with("urem", o)

    def sdiv(self, o):
        return self._with("sdiv", o)

    def srem(self, o):
        return self._with("srem", o)

    def eq(self, o):
        return self._with("eq", o)

    def ne(self, o):
        return self._with("ne", o)

    def ult(self, o):
        return self._with("ult", o)

    def ule(self, o):
        return self._with("ule", o)

    def ugt(self, o):
        return self._with("ult", o, swap=True)

    def uge(self, o):
        return self._with("ule", o, swap=True)

    def slt(self, o):
        return self._with("slt", o)

    def sle(self, o):
        return self._with("sle", o)

    def sgt(self, o):
        return self._with("slt", o, swap=True)

    def sge(self, o):
        return self._with("sle", o, swap=True)

    def zext(self, bits: int) -> "Value":
        return self.b.resize("zext", self, bits)

    def sext(self, bits: int) -> "Value":
        return self.b.resize("sext", self, bits)

    def trunc(self, bits: int) -> "Value":
        return self.b.resize("trunc", self, bits)

    def bit(self, n: int) -> "Value":
        """Bit n as a 1-bit value."""
        return (self >> n).trunc(1)

    def msb(self) -> "Value":
        return self.bit(self.bits - 1)

    def field(self, low: int, width: int) -> "Value":
        """Bits [low, low + width) at this value's width."""
        return (self >> low) & ((1 << width) - 1)

    def select(self, a: "Value | int", b: "Value | int", bits: int = 0) -> "Value":
        """a if this 1-bit value is set, else b."""
        return self.b.select(self, a, b, bits)

    def ctpop(self):
        return self.b.unary("ctpop", self)

    def ctlz(self):
        return self.b.unary("ctlz", self)

    def cttz(self):
        return self.b.unary("cttz", self)

    def bswap(self):
        return self.b.unary("bswap", self)

    def __bool__(self):
        raise TypeError("a guest value has no truth at build time; use if_ or select")

    def __repr__(self):
        return f"{self.const:#x}:{self.bits}" if self.const is not None else f"v{self.n}:{self.bits}"


class Var:
    """A variable of a function: assigned any number of times."""

    __slots__ = ("b", "bits", "n")

    def __init__(self, b: Any, bits: int, n: int):
        self.b, self.bits, self.n = b, bits, n

    def get(self) -> Value:
        return self.b.emit("getvar", (), self.bits, self)

    def set(self, value: "Value | int") -> None:
        self.b.emit("setvar", (self.b.value(value, self.bits),), 0, self)


class Op:
    __slots__ = ("args", "attr", "kind", "res")

    def __init__(self, kind: str, res: Value | None, args: tuple, attr: Any = None):
        self.kind, self.res, self.args, self.attr = kind, res, args, attr

    def __repr__(self):
        left = f"{self.res} = " if self.res is not None else ""
        return (
            f"{left}{self.kind} {', '.join(map(repr, self.args))}{f' [{self.attr}]' if self.attr is not None else ''}"
        )


class Function:
    """One function: a handler of an instruction form, or a routine with parameters that handlers call."""

    __slots__ = ("body", "count", "name", "params", "routine", "vars")

    def __init__(self, name: str, params: list[Value], routine: bool):
        self.name, self.params, self.routine = name, params, routine
        self.body: list[Op] = []
        self.vars: list[Var] = []
        self.count = 0

    def text(self) -> str:
        """Readable listing, for debugging and for tests that expect generated code."""
        lines = [f"{'routine' if self.routine else 'handler'} {self.name}({', '.join(map(repr, self.params))})"]

        def walk(region: list[Op], depth: int) -> None:
            pad = "    " * depth
            for op in region:
                if op.kind == "if":
                    lines.append(f"{pad}if {op.args[0]}")
                    walk(op.attr[0], depth + 1)
                    if op.attr[1]:
                        lines.append(f"{pad}else")
                        walk(op.attr[1], depth + 1)
                elif op.kind == "loop":
                    lines.append(f"{pad}loop")
                    walk(op.attr, depth + 1)
                else:
                    lines.append(
                        pad + repr(op)
                        if not isinstance(op.attr, Var)
                        else f"{pad}{op.kind} {op.res or op.args[0]} var{op.attr.n}"
                    )

        walk(self.body, 1)
        return "\n".join(lines)


ENDS = frozenset(["fault", "goto", "jump", "leave", "again", "undone", "ret", "break", "continue"])
