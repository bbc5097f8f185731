"""Expressions of @native functions (device_code.py): what is in memory, and the values that are made of it."""

import ast
import inspect
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from llvmlite import ir

from playhead.base.record import Array, Bool, Field, Nested, Number
from playhead.base.shared_record import COUNT, Bytes, Links, SharedRecord, Table
from playhead.hw import vram
from playhead.hw.memory import PAGE
from playhead.hw.vram import Vram

I1, I8, I64T, PTR = ir.IntType(1), ir.IntType(8), ir.IntType(64), ir.PointerType()
COMPARE = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor",
    ast.LShift: "shl", ast.RShift: "ashr",
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What is in memory: a number (`bits`, `signed`; a truth value has 1 bit, in a byte), a `record`, an array of
    `item`s, the bytes of a `Bytes` field, the address of another record (`link`, which is not there if it is 0), or
    video memory as items of `vram` bytes.
    """

    bits: int = 0
    signed: bool = False
    record: type[SharedRecord] | None = None
    item: "Kind | None" = None
    queue: bool = False
    count: int = 0  # of items, or the bytes that a queue has room for
    link: type[SharedRecord] | None = None
    vram: int = 0

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
VIDEO, CELLS = Kind(vram=1), Kind(vram=4)
STATES: TypeAlias = SharedRecord | Vram


def kind_of(field: Field[Any]) -> Kind:
    match field:
        case Bool():
            return Kind(1)
        case Number():
            return Kind(8 * struct.calcsize("<" + field.code), field.code.islower())
        case Table():
            return Kind(item=BYTE, count=field.length)
        case Bytes():
            return Kind(queue=True, count=field.capacity)
        case Nested():
            return Kind(record=field.cls)
        case Array():
            return Kind(item=kind_of(field.item), count=field.count)
        case Links():
            return Kind(item=Kind(link=field.cls), count=field.count)
    raise TypeError(f"native code has no {type(field).__name__}")


@dataclass(frozen=True)
class Place:
    """Something in memory, and where. Of an item of video memory: the page that a write is noted for, and the video
    memory that it is of.
    """

    kind: Kind
    pointer: ir.Value
    page: ir.Value | None = None
    of: ir.Value | None = None


def parameters(f: Callable) -> tuple[list[type[STATES]], list[str]]:
    """The classes of the records and video memories that a function takes, and the names of the numbers after them."""
    states: list[type[STATES]] = []
    numbers: list[str] = []
    for name, p in inspect.signature(f).parameters.items():
        if isinstance(p.annotation, type) and issubclass(p.annotation, STATES):
            assert not numbers, f"{f.__qualname__}: {name} comes after numbers"
            states.append(p.annotation)
        else:
            assert p.annotation in (int, bool), f"{f.__qualname__}: {name} needs a type"
            numbers.append(name)
    return states, numbers


def state_kind(cls: type[STATES]) -> Kind:
    """What is at the address of a state of this class."""
    return Kind(record=cls) if issubclass(cls, SharedRecord) else VIDEO


class Functions(Protocol):
    """The module that a function is part of."""

    def function(self, f: Callable) -> ir.Function: ...

    def table(self, values: tuple[int, ...]) -> ir.GlobalVariable: ...


class Values:
    """The expressions of one function. Values are i64, i1, or a `Place`."""

    def __init__(self, module: Functions, f: Callable, made: ir.Function):
        self.module, self.f, self.made = module, f, made
        self.names: dict[str, Any] = {}  # -> an alloca of i64, or a Place
        self.truths: set[str] = set()  # the names that hold truth values
        self.scope = {**vars(inspect.getmodule(f)), **inspect.getclosurevars(f).nonlocals}
        self.allocas = ir.IRBuilder(made.append_basic_block())
        self.b = ir.IRBuilder(made.append_basic_block())
        self.lines, self.first_line = inspect.getsourcelines(f)

    def refuse(self, node: ast.AST, what: str) -> Exception:
        path = inspect.getsourcefile(self.f)
        line = self.first_line + getattr(node, "lineno", 1) - 1
        return TypeError(f"{path}:{line}: a @native function cannot have {what}")

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
                self.assign_name(target.id, value)
            return
        place = self.place(target)
        if isinstance(value, Place) or not place.kind.bits:
            raise self.refuse(target, "an assignment of a whole record or array")
        if place.page is not None:
            self.note_written(place)
        wide = self.widened(value)
        if place.kind.bits == 1:
            wide = self.widened(self.as_truth(target, wide))
        self.b.store(wide if place.kind.bits == 64 else self.b.trunc(wide, place.kind.memory), place.pointer, align=1)

    def assign_name(self, name: str, value: ir.Value) -> None:
        """A name is a number, a truth value or a record, and stays that."""
        if name not in self.names:
            self.names[name] = self.alloca()
            if value.type == I1:
                self.truths.add(name)
        elif isinstance(self.names[name], Place) or (name in self.truths) != (value.type == I1):
            raise self.refuse(ast.Pass(), f"another kind of value in {name}")
        self.b.store(self.widened(value), self.names[name])

    def place(self, node: ast.expr) -> Place:
        """What a name, an attribute or an item of something in memory is."""
        if isinstance(node, ast.Name) and isinstance(self.names.get(node.id), Place):
            return self.names[node.id]
        if isinstance(node, ast.Attribute):
            outer = self.place(node.value)
            if outer.kind == VIDEO and node.attr == "cells":
                return Place(CELLS, outer.pointer)
            record = outer.kind.record
            if record is None or node.attr not in record.FIELDS:
                raise self.refuse(node, f"a field {node.attr}, which is not there")
            offset = ir.Constant(I64T, record.PLACES[node.attr].offset)
            return Place(kind_of(record.FIELDS[node.attr]), self.at(outer.pointer, offset))
        if isinstance(node, ast.Subscript):
            outer = self.place(node.value)
            if outer.kind.vram:
                return self.video_item(outer, self.number(node.slice))
            index = self.within(node, self.number(node.slice), outer.kind.count)
            if outer.kind.item is not None:
                scaled = self.b.mul(index, ir.Constant(I64T, outer.kind.item.size))
                return Place(outer.kind.item, self.at(outer.pointer, scaled))
            if outer.kind.queue:
                return Place(BYTE, self.at(outer.pointer, self.b.add(index, ir.Constant(I64T, COUNT))))
        raise self.refuse(node, f"'{ast.unparse(node)}' here")

    def video_item(self, video: Place, index: ir.Value) -> Place:
        """A byte or a cell of video memory; indices wrap at its end."""
        size = video.kind.vram
        offset = self.b.and_(self.b.mul(index, ir.Constant(I64T, size)), self.word(video.pointer, vram.MASK))
        pointer = self.at(self.b.inttoptr(self.word(video.pointer, vram.BASE), PTR), offset)
        page = self.b.lshr(offset, ir.Constant(I64T, PAGE.bit_length() - 1))
        return Place(Kind(8 * size), pointer, page, video.pointer)

    def word(self, pointer: ir.Value, at: int) -> ir.Value:
        return self.b.load(self.at(pointer, ir.Constant(I64T, at)), typ=I64T)

    def note_written(self, place: Place) -> None:
        """For digests and checkpoints, as `Memory.note_video` does. While something is watched, this is not asked."""
        for notes in (vram.DIRTY, vram.UNHASHED):
            table = self.b.inttoptr(self.word(place.of, notes), PTR)
            self.b.store(ir.Constant(I8, 1), self.at(table, place.page))

    def within(self, node: ast.expr, index: ir.Value, count: int) -> ir.Value:
        """An index that stays in bounds whatever a damaged state holds; where Python raises, it is the last one."""
        if isinstance(index, ir.Constant) and not 0 <= index.constant < count:
            raise self.refuse(node, f"'{ast.unparse(node)}', of which there are {count}")
        inside = self.b.icmp_unsigned("<", index, ir.Constant(I64T, count))
        return self.b.select(inside, index, ir.Constant(I64T, max(count - 1, 0)))

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
        if isinstance(node, ast.BoolOp):
            return self.all_or_any(node, of_numbers=True)
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
            number = self.b.load(known, typ=I64T)
            return self.as_truth(node, number) if node.id in self.truths else number
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
        scaled = self.b.mul(self.within(node, self.number(node.slice), len(values)), ir.Constant(I64T, 8))
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
        """Of truth values only: of numbers it would be one of them."""
        return self.all_or_any(node, of_numbers=False)

    def all_or_any(self, node: ast.BoolOp, *, of_numbers: bool) -> ir.Value:
        """The truth value of `and` or `or`."""
        result = self.alloca()
        end = self.made.append_basic_block()
        for n, one in enumerate(node.values):
            found = self.all_or_any(one, of_numbers=of_numbers) if isinstance(one, ast.BoolOp) else self.value(one)
            if not of_numbers and (isinstance(found, Place) or found.type != I1):
                raise self.refuse(node, f"'{ast.unparse(node)}' as a number")
            v = self.as_truth(one, found)
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
        if isinstance(op, ast.LShift | ast.RShift):
            b = self.b.and_(b, ir.Constant(I64T, 63))
        if type(op) in BINARY:
            return getattr(self.b, BINARY[type(op)])(a, b)
        if isinstance(op, ast.FloorDiv | ast.Mod):
            one = ir.Constant(I64T, 1)
            b = self.b.select(self.b.icmp_signed(">", b, one), b, one)  # whatever a damaged state holds
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
                if not (isinstance(v, Place) and v.kind == state_kind(states[n])):
                    raise self.refuse(argument, f"'{ast.unparse(argument)}' where {states[n].__name__} is wanted")
                values.append(v.pointer)
            else:
                values.append(self.widened(v))
        if len(values) != len(function.args):
            raise self.refuse(node, f"the call '{ast.unparse(node)}' with {len(values)} arguments")
        result = self.b.call(function, values)
        return self.as_truth(node, result) if inspect.signature(target).return_annotation is bool else result
