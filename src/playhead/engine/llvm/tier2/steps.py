"""What a unit does, in order: its instructions executed on symbolic values, as a list of steps.

Registers and flags are values (values.py) until the unit is left; only accesses to guest memory, and the places where
the unit may be left, are steps. In front of each instruction a snapshot says what the state is there: an exit gives
the state back as of its instruction's start, and tier 1 begins that instruction anew. That is right because whatever
can fault comes before whatever changes state (ARCHITECTURE.md); what comes behind a store needs a look of its own.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cache
from typing import NamedTuple

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.tier2.unit import COUNT, END, REP_BEGIN, TRACE, Unit, Uop
from playhead.engine.llvm.tier2.values import DIVISIONS, Graph, Node
from playhead.ir.ops import ENDS, Op, Value
from playhead.x86 import state as S
from playhead.x86.isa import tables

Cells = dict[int, Node]  # state that differs from what it was at the unit's start: place -> value


class NotCompilable(Exception):
    """An instruction, or a whole unit, is left to tier 1."""


class Load(NamedTuple):
    """A load of `bits` into `result`; `writes`: with the right to write. `cells`: the snapshot."""

    uop: Uop
    cells: Cells
    address: Node
    bits: int
    mode: str
    result: Node


class Store(NamedTuple):
    uop: Uop
    cells: Cells
    address: Node
    bits: int
    mode: str
    value: Node


class Exit(NamedTuple):
    """Leave in front of an instruction, if a condition holds (always, if it is None)."""

    uop: Uop
    cells: Cells
    condition: Node | None


class Jump(NamedTuple):
    """Go on elsewhere, if a condition holds: by the uop's link record (`linked`), else through the jump cache.
    `cells`: the snapshot; `after`: the state there. `redo`: whether tier 1 may do the instruction again."""

    uop: Uop
    cells: Cells
    condition: Node | None
    target: Node
    after: Cells
    linked: bool
    redo: bool


class Probe(NamedTuple):
    """Count an execution of what follows, or append it to the trace (probe_code.py)."""

    uop: Uop
    cells: Cells


Step = Load | Store | Exit | Jump | Probe


@cache
def _places() -> tuple[list[int], list[tuple[int, int]]]:
    """The fields of the state block: their places, sorted, and (place, bits) of each."""
    found = []
    for name, field in S.FIELDS.items():
        if name == "segs":
            for n in range(len(S.SEGMENTS)):
                found += [(S.seg_offset(n, part), bits) for part, (_, bits) in S.SEG_FIELDS.items()]
        else:
            found += [(S.offset(name, n), field.bits) for n in range(field.count)]
    found.sort()
    return [place for place, _ in found], found


@cache
def cell_of(place: int, bits: int) -> tuple[int, int, int]:
    """The field that holds `bits` at a place: its place, its width, and where in it (in bits)."""
    starts, fields = _places()
    n = bisect_right(starts, place) - 1
    start, width = fields[n]
    shift = 8 * (place - start)
    if shift + bits > width:
        raise NotCompilable
    return start, width, shift


@cache
def _handlers() -> list:
    return tables()[0].handlers


class Walk:
    """The symbolic execution of one unit. `steps` is the result; `left`: whether the end was not reached."""

    def __init__(self, unit: Unit):
        self.unit, self.graph = unit, Graph()
        self.steps: list[Step] = []
        self.cells: Cells = {}
        self.whole = True  # nothing is left to tier 1
        first = next(uop for uop in unit.uops if uop.handler not in (COUNT, TRACE))
        for uop in unit.uops:
            self.uop, self.snapshot = uop, self.cells
            if uop.handler == END:
                self._end()
                return
            if uop.handler in (COUNT, TRACE):
                self.steps.append(Probe(uop, self.cells))
                continue
            self.cells = dict(self.cells)
            kept = len(self.steps)
            try:
                over = self._instruction(uop)
            except NotCompilable:
                del self.steps[kept:]
                self.whole = False
                self.steps.append(Exit(uop, self.snapshot, None))
                if uop is first:
                    raise
                return
            if over:
                return

    def _end(self) -> None:
        target = self.graph.binary("add", self.graph.eip, self.graph.const(self.uop.off, 32))
        self.steps.append(Jump(self.uop, self.cells, None, target, self.cells, linked=True, redo=True))

    def _instruction(self, uop: Uop) -> bool:
        """Execute an instruction; True if the unit ends with it."""
        if uop.handler == REP_BEGIN:
            raise NotCompilable
        handler = _handlers()[uop.handler]
        if not handler.native:
            raise NotCompilable
        self.handler = handler
        self.values: dict[int, Node] = {}
        self.vars: dict[int, Node] = {}
        self.rights: set[tuple[Node, int]] = set()  # addresses that may be stored to
        self.path: Node | None = None  # what holds in the arm of a condition, which is executed for its values only
        self.stored = self.loaded = False
        return self._region(handler.function.body)

    def _region(self, ops: list[Op]) -> bool:
        for op in ops:
            kind = op.kind
            if kind == "if":
                if self._branch(op):
                    return True
            elif kind in ENDS:
                self._leave(op, None)
                return True
            else:
                result = getattr(self, "_op_" + kind, self._pure)(op)
                if op.res is not None:
                    self.values[op.res.n] = result
        return False

    def value(self, v: Value) -> Node:
        return self.graph.const(v.const, v.bits) if v.const is not None else self.values[v.n]

    # control

    def _both(self, condition: Node) -> Node:
        """That the path and a condition hold. Where the path does not, what the condition is made of may mean nothing
        (a count of bits that is too large), and LLVM must not look at it."""
        return condition if self.path is None else self.graph.select(self.path, condition, self.graph.const(0, 1))

    def _exit(self, condition: Node | None) -> None:
        if self.stored:
            raise NotCompilable
        self.steps.append(Exit(self.uop, self.snapshot, condition))

    def _leave(self, op: Op, condition: Node | None) -> None:
        """The operation that ends an instruction, if a condition holds."""
        if op.kind not in ("jump", "goto"):
            self._exit(condition)
            return
        target = self.value(op.args[0])
        linked = op.kind == "jump"
        redo = not (self.stored and self.loaded)  # what it has loaded may be what it has stored
        if not linked and not self.handler.linkable:
            raise NotCompilable
        self.steps.append(Jump(self.uop, self.snapshot, condition, target, self.cells, linked, redo))

    def _branch(self, op: Op) -> bool:
        condition = self.value(op.args[0])
        then, other = op.attr
        if condition.const is not None:
            return self._region(then if condition.const else other)
        if then and then[-1].kind in ENDS:
            self._arm_that_ends(self._both(condition), then)
            return self._region(other)
        if other and other[-1].kind in ENDS:
            raise NotCompilable
        self._arms_that_meet(condition, then, other)
        return False

    def _arm_that_ends(self, condition: Node, arm: list[Op]) -> None:
        if arm[-1].kind in ("jump", "goto"):
            kept, path, self.path = self.cells, self.path, condition
            self.cells = dict(kept)
            if self._region(arm[:-1]):
                raise NotCompilable
            self._leave(arm[-1], condition)
            self.cells, self.path = kept, path
        else:
            self._exit(condition)

    def _arms_that_meet(self, condition: Node, then: list[Op], other: list[Op]) -> None:
        cells, variables, path = self.cells, self.vars, self.path
        results = []
        for arm, holds in ((then, condition), (other, self.graph.inverse(condition))):
            self.cells, self.vars = dict(cells), dict(variables)
            self.path = path
            self.path = self._both(holds)
            if self._region(arm):
                raise NotCompilable
            results.append((self.cells, self.vars))
        self.path = path
        (self.cells, self.vars), (cells_b, vars_b) = results
        for n in self.vars.keys() | vars_b.keys():
            a, b = self.vars.get(n), vars_b.get(n)
            if a is not None and b is not None:
                self.vars[n] = self.graph.select(condition, a, b)
        for place in self.cells.keys() | cells_b.keys():
            bits = (self.cells.get(place) or cells_b[place]).bits
            before = cells.get(place) or self.graph.leaf("cell", bits, place)
            a, b = self.cells.get(place, before), cells_b.get(place, before)
            self.cells[place] = self.graph.select(condition, a, b)

    # values

    def _pure(self, op: Op) -> Node:
        kind, g = op.kind, self.graph
        args = [self.value(a) for a in op.args]
        if kind in ("zext", "sext", "trunc"):
            return g.resize(kind, args[0], op.attr)
        if kind == "select":
            return g.select(*args)
        if kind in ("ctpop", "bswap", "ctlz", "cttz"):
            return g.unary(kind, args[0])
        if kind in DIVISIONS and (self.path is not None or args[0].bits > 64):
            raise NotCompilable  # it may not be done in vain; of 128 bits it is a routine
        if len(args) != 2:
            raise NotCompilable
        return g.binary(kind, *args)

    def _op_getvar(self, op: Op) -> Node:
        found = self.vars.get(op.attr.n)
        if found is None:
            raise NotCompilable
        return found

    def _op_setvar(self, op: Op) -> None:
        self.vars[op.attr.n] = self.value(op.args[0])

    def _op_ldc(self, op: Op) -> Node:
        return self._get(*op.attr)

    def _op_stc(self, op: Op) -> None:
        self._set(op.attr[0], self.value(op.args[0]))

    def _place(self, v: Value) -> int:
        place = self.value(v).const
        if place is None:
            raise NotCompilable
        return place

    def _op_ldx(self, op: Op) -> Node:
        place = self._place(op.args[0])
        return self.graph.const(0, op.attr) if place == S.offset("zero") else self._get(place, op.attr)

    def _op_stx(self, op: Op) -> None:
        self._set(self._place(op.args[0]), self.value(op.args[1]))

    def _get(self, place: int, bits: int) -> Node:
        start, width, shift = cell_of(place, bits)
        cell = self.cells.get(start) or self.graph.leaf("cell", width, start)
        if shift:
            cell = self.graph.binary("lshr", cell, self.graph.const(shift, width))
        return self.graph.resize("trunc", cell, bits)

    def _set(self, place: int, value: Node) -> None:
        start, width, _ = cell_of(place, value.bits)
        if value.bits != width:
            raise NotCompilable
        self.cells[start] = value

    def _op_field(self, op: Op) -> Node:
        name = "index_at" if op.attr == "index" else op.attr
        value = getattr(self.uop, name)
        return self.graph.const(value & ~L.LINKED if name == "flags" else value, 32)

    def _op_here(self, op: Op) -> Node:
        return self.graph.binary("add", self.graph.eip, self.graph.const(self.uop.off, 32))

    def _op_next(self, op: Op) -> Node:
        return self.graph.binary("add", self.graph.eip, self.graph.const(self.uop.off + self.uop.len, 32))

    # guest memory

    def _op_gld(self, op: Op) -> Node:
        if self.path is not None or self.stored:
            raise NotCompilable
        bits, mode = op.attr
        address = self.value(op.args[0])
        result = self.graph.leaf("memory", bits, len(self.steps))
        self.steps.append(Load(self.uop, self.snapshot, address, bits, mode, result))
        if "w" in mode:
            self.rights.add((address, bits))
        self.loaded = True
        return result

    def _op_gst(self, op: Op) -> None:
        address, value = (self.value(a) for a in op.args)
        bits, mode = op.attr
        if self.path is not None or (self.stored and (address, bits) not in self.rights):
            raise NotCompilable
        self.steps.append(Store(self.uop, self.snapshot, address, bits, mode, value))
        self.stored = True

    def _unknown(self, op: Op) -> None:
        raise NotCompilable

    _op_call = _op_loop = _op_rld = _op_rst = _op_icount = _op_spend = _unknown
