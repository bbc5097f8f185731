"""The values of a unit while it is translated: a graph of pure operations, each kept once, constants folded.

A value becomes text only where something needs it, so what nobody reads (most flags) costs nothing. Two things are
simplified here because LLVM cannot see them: sums of a base and constants (addresses that share a probe), and
conditions that are read off the carries of a subtraction (x86/flags.py), which are comparisons.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Fold = Callable[[int, int, int], int]


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value


_FOLDS: dict[str, Fold] = {
    "add": lambda a, b, w: a + b, "sub": lambda a, b, w: a - b, "mul": lambda a, b, w: a * b,
    "and": lambda a, b, w: a & b, "or": lambda a, b, w: a | b, "xor": lambda a, b, w: a ^ b,
    "shl": lambda a, b, w: a << b, "lshr": lambda a, b, w: a >> b, "ashr": lambda a, b, w: _signed(a, w) >> b,
}  # fmt: skip
_COMPARES: dict[str, Fold] = {
    "eq": lambda a, b, w: a == b, "ne": lambda a, b, w: a != b, "ult": lambda a, b, w: a < b,
    "ule": lambda a, b, w: a <= b, "slt": lambda a, b, w: _signed(a, w) < _signed(b, w),
    "sle": lambda a, b, w: _signed(a, w) <= _signed(b, w),
}  # fmt: skip
_SHIFTS = frozenset(("shl", "lshr", "ashr"))
_COMMUTE = frozenset(("add", "mul", "and", "or", "xor", "eq", "ne"))
DIVISIONS = frozenset(("udiv", "urem", "sdiv", "srem"))


class Node:
    """A value. `kind`: an operation of the IR, `const`, `bit` (bit `attr` of its argument), or a leaf: `cell` (a field
    of the state block at the unit's start, `attr` its place), `memory` (what step `attr` has loaded), `eip`."""

    __slots__ = ("args", "attr", "bits", "const", "kind", "n")

    def __init__(self, n: int, kind: str, bits: int, args: tuple[Node, ...], attr: Any, const: int | None):
        self.n, self.kind, self.bits, self.args, self.attr, self.const = n, kind, bits, args, attr, const


class Graph:
    """All values of one unit."""

    def __init__(self) -> None:
        self._nodes: dict[tuple, Node] = {}
        self._bits: dict[tuple[int, int], Node] = {}
        self.eip = self.leaf("eip", 32, 0)

    def leaf(self, kind: str, bits: int, attr: int) -> Node:
        return self._node(kind, bits, (), attr)

    def const(self, value: int, bits: int) -> Node:
        value &= (1 << bits) - 1
        key = ("const", bits, value)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Node(len(self._nodes), "const", bits, (), None, value)
        return found

    def _node(self, kind: str, bits: int, args: tuple[Node, ...], attr: Any = None) -> Node:
        key = (kind, bits, attr, *[a.n for a in args])
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Node(len(self._nodes), kind, bits, args, attr, None)
        return found

    # operations

    def binary(self, kind: str, a: Node, b: Node) -> Node:
        """An operation of two values of one width; a comparison gives one bit."""
        bits = a.bits
        if a.const is not None:
            if b.const is not None:
                if kind in _SHIFTS and b.const >= bits:
                    return self.const(0, bits)  # in an arm that is not taken: such a count means nothing
                if kind in _FOLDS:
                    return self.const(_FOLDS[kind](a.const, b.const, bits), bits)
                if kind in _COMPARES:
                    return self.const(int(_COMPARES[kind](a.const, b.const, bits)), 1)
            if kind in _COMMUTE:
                a, b = b, a
        if kind == "sub" and b.const is not None:
            kind, b = "add", self.const(-b.const, bits)
        simplified = getattr(self, "_" + kind, None)
        if simplified is not None:
            found = simplified(a, b)
            if found is not None:
                return found
        return self._node(kind, 1 if kind in _COMPARES else bits, (a, b))

    def _add(self, a: Node, b: Node) -> Node | None:
        if b.const is None:
            return self._sum(a, b)
        if b.const == 0:
            return a
        if a.kind == "add" and a.args[1].const is not None:
            return self.binary("add", a.args[0], self.const(a.args[1].const + b.const, a.bits))
        return None

    def _sum(self, a: Node, b: Node) -> Node | None:
        """Constants go to the outside of a sum."""
        for x, y in ((a, b), (b, a)):
            if x.kind == "add" and x.args[1].const is not None:
                return self.binary("add", self.binary("add", x.args[0], y), x.args[1])
        return None

    def _sub(self, a: Node, b: Node) -> Node | None:
        return self.const(0, a.bits) if a is b else None

    def _and(self, a: Node, b: Node) -> Node | None:
        if a is b:
            return a
        if b.const is None:
            return self.const(0, a.bits) if self.inverse(a) is b else None
        if b.const == 0:
            return b
        if b.const == (1 << a.bits) - 1:
            return a
        if a.kind == "and" and a.args[1].const is not None:
            return self.binary("and", a.args[0], self.const(a.args[1].const & b.const, a.bits))
        if a.kind == "zext" and not ~b.const & ((1 << a.args[0].bits) - 1):
            return a
        return None

    def _or(self, a: Node, b: Node) -> Node | None:
        if a is b or b.const == 0:
            return a
        return b if b.const == (1 << a.bits) - 1 else None

    def _xor(self, a: Node, b: Node) -> Node | None:
        if a is b:
            return self.const(0, a.bits)
        if b.const == 0:
            return a
        if b.const is not None and a.kind == "xor" and a.args[1].const is not None:
            return self.binary("xor", a.args[0], self.const(a.args[1].const ^ b.const, a.bits))
        return self._less(a, b) if a.bits == 1 and b.const is None else None

    def _shl(self, a: Node, b: Node) -> Node | None:
        return a if b.const == 0 else None

    _lshr = _ashr = _shl

    def _mul(self, a: Node, b: Node) -> Node | None:
        return a if b.const == 1 else None

    def inverse(self, a: Node) -> Node:
        return self.binary("xor", a, self.const(-1, a.bits))

    def resize(self, kind: str, a: Node, bits: int) -> Node:
        """zext, sext or trunc."""
        if bits == a.bits:
            return a
        if a.const is not None:
            return self.const(_signed(a.const, a.bits) if kind == "sext" else a.const, bits)
        if kind == "trunc":
            if bits == 1:
                return self.bit(a, 0)
            if a.kind in ("zext", "sext"):
                inner = a.args[0]
                return inner if inner.bits == bits else self.resize(
                    "trunc" if inner.bits > bits else a.kind, inner, bits)  # fmt: skip
            if a.kind == "trunc":
                return self.resize("trunc", a.args[0], bits)
        elif a.kind == kind or (a.kind == "zext" and kind == "sext"):
            return self._node(a.kind, bits, (a.args[0],))
        return self._node(kind, bits, (a,))

    def select(self, c: Node, a: Node, b: Node) -> Node:
        if c.const is not None:
            return a if c.const else b
        if a is b:
            return a
        if a.const == 1 and b.const == 0 and a.bits == 1:
            return c
        return self._node("select", a.bits, (c, a, b))

    def unary(self, kind: str, a: Node) -> Node:
        """ctpop, ctlz, cttz, bswap."""
        return self._node(kind, a.bits, (a,))

    # single bits, and comparisons

    def bit(self, a: Node, n: int) -> Node:
        """Bit n of a value, as one bit."""
        if a.bits == 1:
            return a
        key = a.n, n
        found = self._bits.get(key)
        if found is None:
            found = self._bits[key] = self._find_bit(a, n)
        return found

    def _find_bit(self, a: Node, n: int) -> Node:
        kind, args = a.kind, a.args
        zero = self.const(0, 1)
        if a.const is not None:
            return self.const(a.const >> n, 1)
        if kind in ("shl", "lshr") and args[1].const is not None:
            at = n - args[1].const if kind == "shl" else n + args[1].const
            return self.bit(args[0], at) if 0 <= at < a.bits else zero
        if kind == "zext":
            return self.bit(args[0], n) if n < args[0].bits else zero
        if kind == "sext":
            return self.bit(args[0], min(n, args[0].bits - 1))
        if kind == "trunc":
            return self.bit(args[0], n)
        if kind in ("and", "or", "xor"):
            pair = self.borrow(a) if n >= a.bits - 2 else None
            if pair and n == a.bits - 2:
                return self._node("bit", 1, (a,), n)  # `_less` looks for it
            pair = pair or (self._carry(a) if n == a.bits - 1 else None)
            if pair:
                return self.binary("ult", *pair)
            left, right = self.bit(args[0], n), self.bit(args[1], n)
            if left.const is not None or right.const is not None:
                return self.binary(kind, left, right)
        return self._node("bit", 1, (a,), n)

    def _pairs(self, word: Node):
        """The operands of the first half of a word of carries, in both orders."""
        if word.kind == "or":
            for half in word.args:
                if half.kind == "and":
                    yield half.args
                    yield half.args[::-1]

    def borrow(self, word: Node) -> tuple[Node, Node] | None:
        """(a, b) if a word is the borrows of a - b, as flags.set_sub makes it."""
        for u, b in self._pairs(word):
            a = self.inverse(u)
            r = self.binary("sub", a, b)
            second = self.binary("and", self.inverse(self.binary("xor", a, b)), r)
            if self.binary("or", self.binary("and", u, b), second) is word:
                return a, b
        return None

    def _carry(self, word: Node) -> tuple[Node, Node] | None:
        """(a + b, a) if a word is the carries of a + b, as flags.set_add makes it."""
        for a, b in self._pairs(word):
            r = self.binary("add", a, b)
            second = self.binary("and", self.binary("or", a, b), self.inverse(r))
            if self.binary("or", self.binary("and", a, b), second) is word:
                return r, a
        return None

    def _less(self, x: Node, y: Node) -> Node | None:
        """The signed comparison that SF xor OF of a subtraction is."""
        for sign, overflow in ((x, y), (y, x)):
            if overflow.kind != "xor":
                continue
            for below, second in (overflow.args, overflow.args[::-1]):
                if below.kind != "ult" or second.kind != "bit" or second.attr != second.args[0].bits - 2:
                    continue
                pair = self.borrow(second.args[0])
                if pair and pair == below.args:
                    a, b = pair
                    if self.bit(self.binary("sub", a, b), a.bits - 1) is sign:
                        return self.binary("slt", a, b)
        return None
