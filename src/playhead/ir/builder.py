"""Builds functions: folds constants as it goes, so that one semantic function specialises to each operand form."""

from contextlib import contextmanager

from playhead.ir.ops import ENDS, Function, Op, Value, Var


def mask(bits: int) -> int:
    return (1 << bits) - 1


def signed(n: int, bits: int) -> int:
    return n - (1 << bits) if n >> (bits - 1) & 1 else n


FOLD = {
    "add": lambda a, b, w: a + b,
    "sub": lambda a, b, w: a - b,
    "mul": lambda a, b, w: a * b,
    "and": lambda a, b, w: a & b,
    "or": lambda a, b, w: a | b,
    "xor": lambda a, b, w: a ^ b,
    "shl": lambda a, b, w: a << b,
    "lshr": lambda a, b, w: a >> b,
    "ashr": lambda a, b, w: signed(a, w) >> b,
    "eq": lambda a, b, w: a == b,
    "ne": lambda a, b, w: a != b,
    "ult": lambda a, b, w: a < b,
    "ule": lambda a, b, w: a <= b,
    "slt": lambda a, b, w: signed(a, w) < signed(b, w),
    "sle": lambda a, b, w: signed(a, w) <= signed(b, w),
}
COMPARE = frozenset(["eq", "ne", "ult", "ule", "slt", "sle"])


class Builder:
    """Appends operations to a function. Python ints are taken as constants of the width they meet."""

    def __init__(self, name: str, params: tuple[int, ...] = (), routine: bool = False):
        self.f = Function(name, [], routine)
        self.f.params = [self._new(bits) for bits in params]
        self.region = self.f.body

    # values

    def _new(self, bits: int) -> Value:
        self.f.count += 1
        return Value(self, bits, self.f.count)

    def const(self, n: int, bits: int) -> Value:
        return Value(self, bits, 0, n & mask(bits))

    def value(self, x: "Value | int", bits: int) -> Value:
        if isinstance(x, int):
            return self.const(int(x), bits)
        assert isinstance(x, Value), f"not a value: {x!r}"
        assert x.bits == bits, f"{self.f.name}: {x} where {bits} bits are wanted"
        return x

    @property
    def ended(self) -> bool:
        return bool(self.region) and self.region[-1].kind in ENDS

    def emit(self, kind: str, args: tuple, bits: int, attr=None) -> Value:
        assert not self.ended, f"{self.f.name}: {kind} after the end of a region"
        res = self._new(bits) if bits else None
        self.region.append(Op(kind, res, args, attr))
        return res  # type: ignore[return-value]

    def binary(self, kind: str, a: Value, b: Value) -> Value:
        assert a.bits == b.bits, f"{self.f.name}: {kind} of {a} and {b}"
        w = a.bits
        bits = 1 if kind in COMPARE else w
        if a.const is not None and b.const is not None and kind in FOLD:
            return self.const(int(FOLD[kind](a.const, b.const, w)), bits)
        if b.const is not None:
            if b.const == 0 and kind in ("add", "sub", "or", "xor", "shl", "lshr", "ashr"):
                return a
            if b.const == 0 and kind in ("and", "mul"):
                return b
            if b.const == mask(w) and kind == "and":
                return a
        if a.const is not None and a.const == 0:
            if kind in ("add", "or", "xor"):
                return b
            if kind in ("and", "mul"):
                return a
        return self.emit(kind, (a, b), bits)

    def unary(self, kind: str, a: Value) -> Value:
        return self.emit(kind, (a,), a.bits)

    def resize(self, kind: str, a: Value, bits: int) -> Value:
        if a.bits == bits:
            return a
        assert (bits < a.bits) == (kind == "trunc"), f"{self.f.name}: {kind} {a} to {bits}"
        if a.const is not None:
            return self.const(signed(a.const, a.bits) if kind == "sext" else a.const, bits)
        return self.emit(kind, (a,), bits, bits)

    def select(self, c: Value, a, b, bits: int = 0) -> Value:
        bits = bits or (a.bits if isinstance(a, Value) else b.bits)
        a, b = self.value(a, bits), self.value(b, bits)
        if c.const is not None:
            return a if c.const else b
        return self.emit("select", (c, a, b), bits)

    def var(self, bits: int, init: "Value | int | None" = None) -> Var:
        v = Var(self, bits, len(self.f.vars))
        self.f.vars.append(v)
        if init is not None:
            v.set(init)
        return v

    # control

    @contextmanager
    def _within(self, region: list):
        outer, self.region = self.region, region
        yield
        self.region = outer

    @contextmanager
    def if_(self, cond: Value):
        """Operations inside happen only if cond is set. `with m.else_():` may follow at once, also as
        `with m.else_(), m.if_(other):`, as often as there are cases."""
        assert cond.bits == 1
        op = Op("if", None, (cond,), ([], []))
        self.region.append(op)
        with self._within(op.attr[0]):
            yield

    @contextmanager
    def else_(self):
        op = self.region[-1] if self.region else None
        while op is not None and op.kind == "if" and op.attr[1]:
            op = op.attr[1][-1]
        assert op is not None and op.kind == "if", "else_ must follow its if_"
        with self._within(op.attr[1]):
            yield

    @contextmanager
    def loop(self):
        op = Op("loop", None, (), [])
        self.region.append(op)
        with self._within(op.attr):
            yield

    def break_(self) -> None:
        self.emit("break", (), 0)

    def continue_(self) -> None:
        self.emit("continue", (), 0)

    # state of the CPU

    def load_state(self, offset: int, bits: int) -> Value:
        return self.emit("ldc", (), bits, (offset, bits))

    def store_state(self, offset: int, bits: int, value) -> None:
        self.emit("stc", (self.value(value, bits),), 0, (offset, bits))

    def load_at(self, offset: Value, bits: int) -> Value:
        return self.emit("ldx", (self.value(offset, 32),), bits, bits)

    def store_at(self, offset: Value, bits: int, value) -> None:
        self.emit("stx", (self.value(offset, 32), self.value(value, bits)), 0, bits)

    # guest memory by linear address, engine arrays; modes: "w" will be written, "s" as supervisor, "p" part of an image
    # that is aligned as a whole (no #AC)

    def guest_load(self, linear: Value, bits: int, mode: str = "") -> Value:
        return self.emit("gld", (self.value(linear, 32),), bits, (bits, mode))

    def guest_store(self, linear: Value, value: Value, mode: str = "") -> None:
        self.emit("gst", (self.value(linear, 32), value), 0, (value.bits, mode))

    def item(self, region: str, index: Value, bits: int) -> Value:
        return self.emit("rld", (self.value(index, 64),), bits, (region, bits))

    def set_item(self, region: str, index: Value, bits: int, value) -> None:
        self.emit("rst", (self.value(index, 64), self.value(value, bits)), 0, (region, bits))

    def call(self, name: str, *args: Value, faults: bool = True) -> Value:
        return self.emit("call", args, 64, (name, faults))

    def ret(self, value: "Value | int" = 0) -> None:
        self.emit("ret", (self.value(value, 64),), 0)

    def fault(self, vector: "Value | int", error: "Value | int" = 0) -> None:
        self.emit("fault", (self.value(vector, 32), self.value(error, 32)), 0)

    def leave(self, reason: int, info: "Value | int" = 0, eip: Value | None = None) -> None:
        """Done; the run loop checks everything, then continues at `eip`, or after this instruction."""
        self.emit("leave", (self.const(reason, 32), self.value(info, 64)) + ((eip,) if eip is not None else ()), 0)

    def undone(self, reason: int, info: "Value | int" = 0) -> None:
        self.emit("undone", (self.const(reason, 32), self.value(info, 64)), 0)
