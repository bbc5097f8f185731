"""Compiles the @native functions of devices (hw/native.py) to LLVM, by way of their syntax trees.

Numbers are i64, truth values i1 until they are stored in a name or a field. Each function becomes an internal one with
its own parameters; each that a range is mapped with gets an entry besides, with one signature for all:

    i64 entry(ptr states, i64 offset, i64 size, i64 value, i64 now_ns, i64 icount)

where `states` is an array of the addresses of the states. What the subset does not have is refused with file and line.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable

from llvmlite import ir

from playhead.engine.llvm.device_values import I1, I8, I64T, PTR, Place, Values, parameters, state_kind
from playhead.hw.native import NUMBERS, symbol


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


class Body(Values):
    """The statements of one function."""

    def __init__(self, module: "Module", f: Callable, made: ir.Function):
        super().__init__(module, f, made)
        self.loops: list[tuple[ir.Block, ir.Block]] = []  # where `continue` and `break` go

    def compile(self) -> None:
        tree = ast.parse(textwrap.dedent("".join(self.lines))).body[0]
        assert isinstance(tree, ast.FunctionDef)
        begin = self.b.block
        states, _ = parameters(self.f)
        names = list(inspect.signature(self.f).parameters)
        for n, (name, value) in enumerate(zip(names, self.made.args, strict=True)):
            if n < len(states):
                self.names[name] = Place(state_kind(states[n]), value)
            else:
                truth = inspect.signature(self.f).parameters[name].annotation is bool
                self.assign_name(name, self.b.trunc(value, I1) if truth else value)
        self.statements(tree.body)
        if not self.b.block.is_terminated:
            self.b.ret(ir.Constant(I64T, 0))
        self.allocas.branch(begin)

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
            values = [self.value(v) for v in node.value.elts]
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
