"""Compiles the @native functions of devices (hw/native.py) to LLVM, by way of their syntax trees.

Numbers are i64, truth values i1 until they are stored in a name or a field. Each function becomes an internal one with
its own parameters; each that a range is mapped with gets an entry besides, with one signature for all:

    i64 entry(ptr states, i64 offset, i64 size, i64 value, i64 now_ns, i64 icount)

where `states` is an array of the addresses of the states. What the subset does not have is refused with file and line.
"""

import ast
import inspect
import struct
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from playhead.base.record import Array, Bool, Field, Nested, Number
from playhead.base.shared_record import COUNT, Bytes, Links, SharedRecord, Table
from playhead.hw.native import NUMBERS, symbol

I1, I8, I64T, PTR = ir.IntType(1), ir.IntType(8), ir.IntType(64), ir.PointerType()
COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor",
    ast.LShift: "shl", ast.RShift: "ashr",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What is in memory: a number (`bits`, `signed`; a truth value has 1 bit, in a byte), a `record`, an array of
    `item`s, the bytes of a `Bytes` field, or the address of another record (`link`, which is not there if it is 0).
    """

    bits: int = 0
    signed: bool = False
    record: type[SharedRecord] | None = None
    item: "Kind | None" = None
    queue: bool = False
    link: type[SharedRecord] | None = None

    @property
    def size(self) -> int:
        """Bytes of one."""
        if self.link is not None:
            return 8
        return self.record.SIZE if self.record is not None else -(-self.bits // 8)

    @property
    def memory(self) -> ir.IntType:
        return ir.IntType(8 * self.size)


BYTE = Kind(8)


def kind_of(field: Field[Any]) -> Kind:
    match field:
        case Bool():
            return Kind(1)
        case Number():
            return Kind(8 * struct.calcsize("<" + field.code), field.code.islower())
        case Table():
            return Kind(item=BYTE)
        case Bytes():
            return Kind(queue=True)
        case Nested():
            return Kind(record=field.cls)
        case Array():
            return Kind(item=kind_of(field.item))
        case Links():
            return Kind(item=Kind(link=field.cls))
    raise TypeError(f"native code has no {type(field).__name__}")


@dataclass(frozen=True)
class Place:
    """Something in memory, and where."""

    kind: Kind
    pointer: ir.Value


class Module:
    """One LLVM module of all given functions and what they call."""

    def __init__(self) -> None:
        self.module = ir.Module("devices")
        self.done: dict[Callable, ir.Function] = {}
        self.tables: dict[tuple[int, ...], ir.GlobalVariable] = {}

    def function(self, f: Callable) -> ir.Function:
        """The internal function of a @native one."""
        if f in self.done:
            return self.done[f]
        states, numbers = parameters(f)
        name = "i_" + symbol(f)
        made = ir.Function(self.module, ir.FunctionType(I64T, [PTR] * len(states) + [I64T] * len(numbers)), name)
        made.linkage = "internal"
        self.done[f] = made
        Body(self, f, made).compile()
        return made

    def entry(self, f: Callable) -> None:
        """The entry of a function that a range is mapped with."""
        states, numbers = parameters(f)
        made = ir.Function(self.module, ir.FunctionType(I64T, [PTR] + [I64T] * len(NUMBERS)), symbol(f))
        b = ir.IRBuilder(made.append_basic_block())
        values: list[ir.Value] = []
        for n in range(len(states)):
            slot = b.gep(made.args[0], [ir.Constant(I64T, 8 * n)], source_etype=I8)
            values.append(b.load(slot, typ=PTR))
        values += [made.args[1 + NUMBERS.index(name)] for name in numbers]
        b.ret(b.call(self.function(f), values))

    def table(self, values: tuple[int, ...]) -> ir.GlobalVariable:
        """A constant array."""
        if values not in self.tables:
            kind = ir.ArrayType(I64T, len(values))
            made = ir.GlobalVariable(self.module, kind, f"table{len(self.tables)}")
            made.linkage, made.global_constant = "internal", True
            made.initializer = ir.Constant(kind, list(values))
            self.tables[values] = made
        return self.tables[values]


def parameters(f: Callable) -> tuple[list[type], list[str]]:
    """The classes of the records that a function takes, and the names of the numbers after them."""
    states: list[type] = []
    numbers: list[str] = []
    for name, p in inspect.signature(f).parameters.items():
        if isinstance(p.annotation, type) and issubclass(p.annotation, SharedRecord):
            assert not numbers, f"{f.__qualname__}: {name} comes after numbers"
            states.append(p.annotation)
        else:
            assert p.annotation in (int, bool), f"{f.__qualname__}: {name} needs a type"
            numbers.append(name)
    return states, numbers


class Body:
    """Translates one function."""

    def __init__(self, module: Module, f: Callable, made: ir.Function):
        self.module, self.f, self.made = module, f, made
        self.names: dict[str, Any] = {}  # -> an alloca of i64, or a Place
        self.scope = {**vars(inspect.getmodule(f)), **inspect.getclosurevars(f).nonlocals}
        self.loops: list[tuple[ir.Block, ir.Block]] = []  # where `continue` and `break` go
        self.allocas = ir.IRBuilder(made.append_basic_block())
        self.b = ir.IRBuilder(made.append_basic_block())

    def compile(self) -> None:
        lines, self.first_line = inspect.getsourcelines(self.f)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        begin = self.b.block
        states, _ = parameters(self.f)
        names = list(inspect.signature(self.f).parameters)
        for n, (name, value) in enumerate(zip(names, self.made.args, strict=True)):
            if n < len(states):
                self.names[name] = Place(Kind(record=states[n]), value)
            else:
                self.assign_name(name, value)
        self.statements(tree.body)
        if not self.b.block.is_terminated:
            self.b.ret(ir.Constant(I64T, 0))
        self.allocas.branch(begin)

    def refuse(self, node: ast.AST, what: str) -> Exception:
        path = inspect.getsourcefile(self.f)
        line = self.first_line + getattr(node, "lineno", 1) - 1
        return TypeError(f"{path}:{line}: a @native function cannot have {what}")

    # statements

    def statements(self, body: list[ast.stmt]) -> None:
        for node in body:
            if self.b.block.is_terminated:
                return
            method = getattr(self, "s_" + type(node).__name__, None)
            if method is None:
                raise self.refuse(node, f"'{type(node).__name__.lower()}'")
            method(node)

    def s_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def s_Pass(self, node: ast.Pass) -> None:
        pass

    def s_Return(self, node: ast.Return) -> None:
        self.b.ret(self.number(node.value) if node.value is not None else ir.Constant(I64T, 0))

    def s_Assign(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if len(node.targets) != 1:
            raise self.refuse(node, "an assignment to several things")
        if isinstance(target, ast.Tuple):
            if not isinstance(node.value, ast.Tuple) or len(node.value.elts) != len(target.elts):
                raise self.refuse(node, "such an assignment of a tuple")
            values = [self.widened(self.value(v)) for v in node.value.elts]
            for one, value in zip(target.elts, values, strict=True):
                self.assign(one, value)
        else:
            self.assign(target, self.value(node.value))

    def s_AnnAssign(self, node: ast.AnnAssign) -> None:
        assert node.value is not None
        self.assign(node.target, self.value(node.value))

    def s_AugAssign(self, node: ast.AugAssign) -> None:
        old = self.value(ast.copy_location(_as_load(node.target), node))
        self.assign(node.target, self.binary(node, node.op, self.widened(old), self.number(node.value)))

    def s_If(self, node: ast.If) -> None:
        test = self.truth(node.test)
        if isinstance(test, ir.Constant):
            self.statements(node.body if test.constant else node.orelse)
            return
        then, other, end = (self.made.append_basic_block() for _ in range(3))
        self.b.cbranch(test, then, other)
        for block, body in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(block)
            self.statements(body)
            if not self.b.block.is_terminated:
                self.b.branch(end)
        self.b.position_at_end(end)
        if not end_is_reached(self.made, end):
            self.b.unreachable()

    def s_While(self, node: ast.While) -> None:
        head, body, end = (self.made.append_basic_block() for _ in range(3))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch(self.truth(node.test), body, end)
        self.b.position_at_end(body)
        self.loops.append((head, end))
        self.statements(node.body)
        self.loops.pop()
        if not self.b.block.is_terminated:
            self.b.branch(head)
        self.b.position_at_end(end)

    def s_For(self, node: ast.For) -> None:
        call = node.iter
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range"):
            raise self.refuse(node, "a loop over anything but range")
        bounds = [self.number(a) for a in call.args]
        step = bounds[2] if len(bounds) == 3 else ir.Constant(I64T, 1)
        if not isinstance(step, ir.Constant):
            raise self.refuse(node, "a step that is not a constant")
        start, stop = (ir.Constant(I64T, 0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        assert isinstance(node.target, ast.Name)
        at = self.alloca()
        self.b.store(start, at)
        head, body, following, end = (self.made.append_basic_block() for _ in range(4))
        self.b.branch(head)
        self.b.position_at_end(head)
        now = self.b.load(at, typ=I64T)
        self.b.cbranch(self.b.icmp_signed("<" if step.constant > 0 else ">", now, stop), body, end)
        self.b.position_at_end(body)
        self.assign_name(node.target.id, now)
        self.loops.append((following, end))
        self.statements(node.body)
        self.loops.pop()
        if not self.b.block.is_terminated:
            self.b.branch(following)
        self.b.position_at_end(following)
        self.b.store(self.b.add(self.b.load(at, typ=I64T), step), at)
        self.b.branch(head)
        self.b.position_at_end(end)

    def s_Break(self, node: ast.Break) -> None:
        self.b.branch(self.loops[-1][1])

    def s_Continue(self, node: ast.Continue) -> None:
        self.b.branch(self.loops[-1][0])

    # places

    def alloca(self) -> ir.Value:
        return self.allocas.alloca(I64T)

    def assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            if isinstance(value, Place):
                if target.id in self.names:
                    raise self.refuse(target, f"another meaning of {target.id}")
                self.names[target.id] = value
            else:
                self.assign_name(target.id, self.widened(value))
            return
        place = self.place(target)
        if isinstance(value, Place) or not place.kind.bits:
            raise self.refuse(target, "an assignment of a whole record or array")
        wide = self.widened(value)
        if place.kind.bits == 1:
            wide = self.widened(self.as_truth(target, wide))
        self.b.store(wide if place.kind.bits == 64 else self.b.trunc(wide, place.kind.memory), place.pointer, align=1)

    def assign_name(self, name: str, value: ir.Value) -> None:
        if isinstance(self.names.get(name), Place):
            raise self.refuse(ast.Pass(), f"a number in {name}, which is a record")
        if name not in self.names:
            self.names[name] = self.alloca()
        self.b.store(value, self.names[name])

    def place(self, node: ast.expr) -> Place:
        """What a name, an attribute or an item of something in memory is."""
        if isinstance(node, ast.Name) and isinstance(self.names.get(node.id), Place):
            return self.names[node.id]
        if isinstance(node, ast.Attribute):
            outer = self.place(node.value)
            record = outer.kind.record
            if record is None or node.attr not in record.FIELDS:
                raise self.refuse(node, f"a field {node.attr}, which is not there")
            offset = ir.Constant(I64T, record.PLACES[node.attr].offset)
            return Place(kind_of(record.FIELDS[node.attr]), self.at(outer.pointer, offset))
        if isinstance(node, ast.Subscript):
            outer = self.place(node.value)
            index = self.number(node.slice)
            if outer.kind.item is not None:
                scaled = self.b.mul(index, ir.Constant(I64T, outer.kind.item.size))
                return Place(outer.kind.item, self.at(outer.pointer, scaled))
            if outer.kind.queue:
                return Place(BYTE, self.at(outer.pointer, self.b.add(index, ir.Constant(I64T, COUNT))))
        raise self.refuse(node, f"'{ast.unparse(node)}' here")

    def at(self, pointer: ir.Value, offset: ir.Value) -> ir.Value:
        return self.b.gep(pointer, [offset], source_etype=I8)

    def loaded(self, place: Place) -> Any:
        """A leaf's number; anything else stays a place."""
        kind = place.kind
        if kind.link is not None:
            return Place(Kind(record=kind.link), self.b.load(place.pointer, typ=PTR, align=1))
        if not kind.bits:
            return place
        v = self.b.load(place.pointer, typ=kind.memory, align=1)
        if kind.bits == 1:
            return self.b.icmp_unsigned("!=", v, ir.Constant(I8, 0))
        if kind.bits == 64:
            return v
        return self.b.sext(v, I64T) if kind.signed else self.b.zext(v, I64T)

    # values: i64, i1, or a Place

    def widened(self, v: Any) -> Any:
        if isinstance(v, Place) or v.type == I64T:
            return v
        if isinstance(v, ir.Constant):
            return ir.Constant(I64T, int(v.constant))
        return self.b.zext(v, I64T)

    def number(self, node: ast.expr) -> ir.Value:
        v = self.widened(self.value(node))
        if isinstance(v, Place):
            raise self.refuse(node, f"'{ast.unparse(node)}' as a number")
        return v

    def truth(self, node: ast.expr) -> ir.Value:
        return self.as_truth(node, self.value(node))

    def as_truth(self, node: ast.expr, v: Any) -> ir.Value:
        if isinstance(v, Place):
            if v.kind.record is not None:
                return self.b.icmp_unsigned("!=", self.b.ptrtoint(v.pointer, I64T), ir.Constant(I64T, 0))
            if not v.kind.queue:
                raise self.refuse(node, f"'{ast.unparse(node)}' as a truth value")
            v = self.length(v)
        if v.type == I1:
            return v
        if isinstance(v, ir.Constant):
            return ir.Constant(I1, v.constant != 0)
        return self.b.icmp_unsigned("!=", v, ir.Constant(I64T, 0))

    def length(self, place: Place) -> ir.Value:
        return self.b.zext(self.b.load(place.pointer, typ=ir.IntType(32), align=1), I64T)

    def value(self, node: ast.expr) -> Any:
        method = getattr(self, "e_" + type(node).__name__, None)
        if method is None:
            raise self.refuse(node, f"'{ast.unparse(node)}'")
        return method(node)

    def e_Constant(self, node: ast.Constant) -> ir.Value:
        return self.constant(node, node.value)

    def constant(self, node: ast.expr, value: Any) -> ir.Value:
        if isinstance(value, bool):
            return ir.Constant(I1, value)
        if isinstance(value, int):
            return ir.Constant(I64T, value)
        raise self.refuse(node, f"{value!r}")

    def e_Name(self, node: ast.Name) -> Any:
        known = self.names.get(node.id)
        if isinstance(known, Place):
            return known
        if known is not None:
            return self.b.load(known, typ=I64T)
        return self.constant(node, self.scope.get(node.id))

    def e_Attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id not in self.names:  # module.CONSTANT, Enum.MEMBER
            value = getattr(self.scope.get(node.value.id), node.attr, None)
            return self.constant(node, value)
        return self.loaded(self.place(node))

    def e_Subscript(self, node: ast.Subscript) -> Any:
        values = self.tuple_of(node.value)
        if values is None:
            return self.loaded(self.place(node))
        table = self.module.table(values)
        scaled = self.b.mul(self.number(node.slice), ir.Constant(I64T, 8))
        return self.b.load(self.at(table, scaled), typ=I64T)

    def tuple_of(self, node: ast.expr) -> tuple[int, ...] | None:
        """A constant tuple of the module, or one that is written out in constants."""
        if isinstance(node, ast.Name) and node.id not in self.names:
            value = self.scope.get(node.id)
            return tuple(map(int, value)) if isinstance(value, tuple) else None
        return None

    def e_IfExp(self, node: ast.IfExp) -> Any:
        test = self.truth(node.test)
        result = self.alloca()
        then, other, end = (self.made.append_basic_block() for _ in range(3))
        self.b.cbranch(test, then, other)
        for block, expression in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(block)
            self.b.store(self.number(expression), result)
            self.b.branch(end)
        self.b.position_at_end(end)
        return self.b.load(result, typ=I64T)

    def e_BoolOp(self, node: ast.BoolOp) -> ir.Value:
        """As a truth value, however it is used: `a or b` of numbers is not refused, so do not write it."""
        result = self.alloca()
        end = self.made.append_basic_block()
        for n, one in enumerate(node.values):
            v = self.truth(one)
            self.b.store(self.widened(v), result)
            if n == len(node.values) - 1:
                self.b.branch(end)
                break
            following = self.made.append_basic_block()
            if isinstance(node.op, ast.And):
                self.b.cbranch(v, following, end)
            else:
                self.b.cbranch(v, end, following)
            self.b.position_at_end(following)
        self.b.position_at_end(end)
        return self.b.icmp_unsigned("!=", self.b.load(result, typ=I64T), ir.Constant(I64T, 0))

    def e_UnaryOp(self, node: ast.UnaryOp) -> ir.Value:
        if isinstance(node.op, ast.Not):
            return self.b.not_(self.truth(node.operand))
        v = self.number(node.operand)
        if isinstance(node.op, ast.USub):
            return self.b.neg(v) if not isinstance(v, ir.Constant) else ir.Constant(I64T, -v.constant)
        if isinstance(node.op, ast.Invert):
            return self.b.not_(v)
        raise self.refuse(node, f"'{ast.unparse(node)}'")

    def e_BinOp(self, node: ast.BinOp) -> ir.Value:
        return self.binary(node, node.op, self.number(node.left), self.number(node.right))

    def binary(self, node: ast.AST, op: ast.operator, a: ir.Value, b: ir.Value) -> ir.Value:
        if type(op) in BINARY:
            return getattr(self.b, BINARY[type(op)])(a, b)
        if isinstance(op, ast.FloorDiv | ast.Mod):
            q, r = self.b.sdiv(a, b), self.b.srem(a, b)
            below = self.b.icmp_signed("<", r, ir.Constant(I64T, 0))  # divisors are positive: round down
            if isinstance(op, ast.Mod):
                return self.b.select(below, self.b.add(r, b), r)
            return self.b.sub(q, self.b.zext(below, I64T))
        raise self.refuse(node, f"the operator {type(op).__name__}")

    def e_Compare(self, node: ast.Compare) -> ir.Value:
        if len(node.ops) == 1 and isinstance(node.ops[0], ast.In | ast.NotIn):
            return self.among(node)
        result: ir.Value | None = None
        left = self.number(node.left)
        for op, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.number(right_node)
            if type(op) not in COMPARE:
                raise self.refuse(node, f"'{ast.unparse(node)}'")
            one = self.b.icmp_signed(COMPARE[type(op)], left, right)
            result = one if result is None else self.b.and_(result, one)
            left = right
        assert result is not None
        return result

    def among(self, node: ast.Compare) -> ir.Value:
        options = node.comparators[0]
        v = self.number(node.left)
        known = self.tuple_of(options)
        if known is not None:
            values = [ir.Constant(I64T, n) for n in known]
        elif isinstance(options, ast.Tuple):
            values = [self.number(one) for one in options.elts]
        else:
            raise self.refuse(node, "'in' anything but a tuple")
        found: ir.Value = ir.Constant(I1, 0)
        for value in values:
            found = self.b.or_(found, self.b.icmp_unsigned("==", v, value))
        return self.b.not_(found) if isinstance(node.ops[0], ast.NotIn) else found

    def e_Call(self, node: ast.Call) -> Any:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "bit_length":
            v = self.number(node.func.value)
            return self.b.sub(ir.Constant(I64T, 64), self.b.ctlz(v, ir.Constant(I1, 0)))
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.refuse(node, f"the call '{ast.unparse(node)}'")
        name = node.func.id
        target = self.scope.get(name)
        if callable(target) and getattr(target, "__native__", False):
            return self.call(node, target)
        if name == "len" and isinstance(place := self.value(node.args[0]), Place) and place.kind.queue:
            return self.length(place)
        if name in ("int", "bool") and len(node.args) == 1:
            v = self.value(node.args[0])
            return self.widened(v) if name == "int" else self.as_truth(node.args[0], v)
        if name in ("min", "max") and len(node.args) > 1:
            values = [self.number(a) for a in node.args]
            best = values[0]
            for v in values[1:]:
                best = self.b.select(self.b.icmp_signed("<" if name == "min" else ">", v, best), v, best)
            return best
        raise self.refuse(node, f"the call '{ast.unparse(node)}'")

    def call(self, node: ast.Call, target: Callable) -> ir.Value:
        states, _ = parameters(target)
        function = self.module.function(target)
        values = []
        for n, argument in enumerate(node.args):
            v = self.value(argument)
            if n < len(states):
                if not (isinstance(v, Place) and v.kind.record is states[n]):
                    raise self.refuse(argument, f"'{ast.unparse(argument)}' where {states[n].__name__} is wanted")
                values.append(v.pointer)
            else:
                values.append(self.widened(v))
        if len(values) != len(function.args):
            raise self.refuse(node, f"the call '{ast.unparse(node)}' with {len(values)} arguments")
        return self.b.call(function, values)


def _as_load(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


def end_is_reached(function: ir.Function, block: ir.Block) -> bool:
    """Whether any branch goes to a block."""
    return any(block in getattr(i, "operands", ()) for b in function.blocks for i in b.instructions)


def module_text(functions: Iterable[Callable]) -> str:
    """LLVM text of a module with the entries of these functions."""
    m = Module()
    for f in sorted(set(functions), key=symbol):
        m.entry(f)
    return str(m.module)
