"""Translates functions of the IR into LLVM's text form.

Handlers are `preserve_none` functions that end in a `musttail` call of the next one, so the interpreter is threaded
code and the hot state stays in argument registers:

    cpu     the state block            uop     the decoded instruction
    eip     EIP of the block's start   budget  instructions that may still retire after this block
    tbl     the host table of the current privilege

A handler that accesses guest memory is made twice. The fast one calls nothing, so it needs no stack frame and keeps
everything in registers; where an address is not in the host table it starts over as the slow one. It may, because up to
any access that can fault an instruction has changed nothing (a REP: nothing but whole iterations). A handler that calls
routines has no twin: it needs a frame anyway, and a routine may have taken something that is there once (a latch).

Routines are ordinary functions that return {1 if the caller has to bail out, value}.
"""

from dataclasses import dataclass, field

from playhead.ir.ops import ENDS, Function, Op, Value
from playhead.ir.verify import verify

SIGNATURE = "ptr %cpu, ptr %uop, i32 %eip, i64 %budget, ptr %tbl"
TYPES = "ptr, ptr, i32, i64, ptr"
FN = f"void ({TYPES})"
REPEATS = {"spend", "again"}  # operations of instructions that may retire several times, or go on with themselves


@dataclass
class Layout:
    """Where things are: filled in from the declarations by the engine, so that this file knows no register."""

    state: dict[str, int]  # offsets in the state block: eip, budget, icount_end, exit_reason, exit_info, link_slot, ...
    uop: dict[str, tuple[int, int]]  # field -> (offset, bits)
    regions: dict[str, int]  # region -> offset of its base pointer in the state block
    uop_size: int
    block_header: int
    block_entry: int  # in a block's header: what to call
    declared: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def slow_suffix(f: Function) -> str:
        """The suffix of the name of a handler's slow twin; empty if the handler has none."""
        kinds = kinds_of(f.body)
        return "_slow" if kinds & {"gld", "gst"} and "call" not in kinds else ""


def kinds_of(region: list[Op]) -> set[str]:
    """The kinds of operations in a region, inner ones included."""
    found = {op.kind for op in region}
    for op in region:
        for inner in op.attr if op.kind == "if" else (op.attr,) if op.kind == "loop" else ():
            found |= kinds_of(inner)
    return found


def copy_suffix(fixed: dict[str, int]) -> str:
    """The suffix of the name of a handler's copy for some values of the uop's fields."""
    return "".join(f"_{name}{value}" for name, value in fixed.items())


class Emitter:
    """Emits one function. Labels and temporaries are numbered within it."""

    def __init__(self, f: Function, layout: Layout, *, links: bool, linkable: bool, fast: bool = False,
                 fixed: dict[str, int] | None = None):  # fmt: skip
        self.f, self.layout, self.fast = f, layout, fast
        self.fixed = fixed or {}  # fields of the uop whose values this copy of the handler is made for
        self.known: dict[int, int] = {}  # values that are such fields
        self.checked: list[dict[tuple[int, int], str]] = [{}]  # by region: what `gld` with "w" may be stored to as well
        self.links = links  # direct jumps of this handler have a link slot after the uop
        self.linkable = linkable
        self.out: list[str] = []
        self.temp = 0
        self.calls: dict[str, int] = {}
        self.loops: list[str] = []  # (end label, head label)
        self.heads: list[str] = []

    # small things

    def t(self) -> str:
        self.temp += 1
        return f"%t{self.temp}"

    def label(self) -> str:
        self.temp += 1
        return f"L{self.temp}"

    def line(self, s: str) -> None:
        self.out.append("  " + s)

    def mark(self, label: str) -> None:
        self.out.append(f"{label}:")

    def ref(self, v: Value) -> str:
        if v.const is not None:
            return str(v.const) if v.bits > 1 else ("true" if v.const else "false")
        return f"%v{v.n}"

    def gep(self, base: str, offset: int) -> str:
        if offset == 0:
            return base
        p = self.t()
        self.line(f"{p} = getelementptr i8, ptr {base}, i64 {offset}")
        return p

    def load(self, ty: str, base: str, offset: int, invariant: bool = False) -> str:
        p = self.gep(base, offset)
        v = self.t()
        self.line(f"{v} = load {ty}, ptr {p}, align 1{', !invariant.load !0' if invariant else ''}")
        return v

    def store(self, ty: str, value: str, base: str, offset: int) -> None:
        p = self.gep(base, offset)
        self.line(f"store {ty} {value}, ptr {p}, align 1")

    def state(self, name: str) -> int:
        return self.layout.state[name]

    def uop_field(self, name: str) -> str:
        """A field of the uop as i32."""
        offset, bits = self.layout.uop[name]
        v = self.load(f"i{bits}", "%uop", offset, invariant=True)
        if bits == 32:
            return v
        z = self.t()
        self.line(f"{z} = zext i{bits} {v} to i32")
        return z

    def here(self) -> str:
        r = self.t()
        off = self.uop_field("off")
        self.line(f"{r} = add i32 %eip, {off}")
        return r

    def next_eip(self) -> str:
        a, r = self.here(), self.t()
        length = self.uop_field("len")
        self.line(f"{r} = add i32 {a}, {length}")
        return r

    def budget_plus(self, extra: int) -> str:
        """The budget with the instructions of this block that have not happened given back; `extra` is 0 or -1."""
        rem = self.uop_field("rem")
        z, b = self.t(), self.t()
        self.line(f"{z} = zext i32 {rem} to i64")
        self.line(f"{b} = add i64 {self.budget_value()}, {z}")
        if extra:
            c = self.t()
            self.line(f"{c} = add i64 {b}, {extra}")
            return c
        return b

    # functions

    def emit(self) -> str:
        f = self.f
        verify(f)
        if f.routine:
            params = "".join(f", i{p.bits} %v{p.n}" for p in f.params)
            head = f"define hidden {{i32, i64}} @{f.name}(ptr %cpu{params}) #0 {{"
        else:
            suffix = copy_suffix(self.fixed) if self.fast or self.fixed else self.layout.slow_suffix(f)
            head = f"define preserve_nonecc void @{f.name}{suffix}({SIGNATURE}) #0 {{"
        self.mark("entry")
        for v in f.vars:
            self.line(f"%x{v.n} = alloca i{v.bits}")
        if not f.routine:
            self.line("%budp = alloca i64")
            self.line("store i64 %budget, ptr %budp")
            if not self.fast and kinds_of(f.body) & {"gld", "gst", "call"}:  # whose accesses are counted from now on
                self.store("i32", "0", "%cpu", self.state("journal_n"))
                self.store("ptr", "%uop", "%cpu", self.state("journal_uop"))
                self.store("i64", "%budget", "%cpu", self.state("journal_budget"))
        self.region(f.body)
        if not (f.body and f.body[-1].kind in ENDS):
            self.default_end()
        return "\n".join([head, *self.out, "}"])

    def default_end(self) -> None:
        if self.f.routine:
            self.line("ret {i32, i64} {i32 0, i64 0}")
            return
        size = self.layout.uop_size * (2 if self.links else 1)
        n = self.gep("%uop", size)
        h = self.t()
        self.line(f"{h} = load ptr, ptr {n}, align 8")
        self.tail(h, n, "%eip", "%bud")

    def tail(self, target: str, uop: str, eip: str, budget: str, tbl: str = "%tbl") -> None:
        budget = self.budget_value() if budget == "%bud" else budget
        self.line(
            f"musttail call preserve_nonecc void {target}(ptr %cpu, ptr {uop}, i32 {eip}, i64 {budget}, ptr {tbl})"
        )
        self.line("ret void")

    def budget_value(self) -> str:
        b = self.t()
        self.line(f"{b} = load i64, ptr %budp")
        return b

    def bail(self) -> None:
        if self.f.routine:
            self.line("ret {i32, i64} {i32 1, i64 0}")
        else:
            self.tail("@bail", "%uop", "%eip", "%bud")

    def region(self, ops: list[Op]) -> None:
        for op in ops:
            if op.kind == "if":
                self.branch(op)
            elif op.kind == "loop":
                self.loop(op)
            else:
                getattr(self, "op_" + op.kind, self.op_pure)(op)

    def branch(self, op: Op) -> None:
        then, other, end = self.label(), self.label(), self.label()
        self.line(f"br i1 {self.ref(op.args[0])}, label %{then}, label %{other if op.attr[1] else end}")
        for label, region in ((then, op.attr[0]), (other, op.attr[1])):
            if label == other and not region:
                continue
            self.mark(label)
            self.checked.append({})
            self.region(region)
            self.checked.pop()
            if not (region and region[-1].kind in ENDS):
                self.line(f"br label %{end}")
        self.mark(end)
        if all(r and r[-1].kind in ENDS for r in op.attr):
            pass  # both arms ended: what follows is unreachable, and LLVM removes it

    def loop(self, op: Op) -> None:
        head, end = self.label(), self.label()
        self.line(f"br label %{head}")
        self.mark(head)
        self.loops.append(end)
        self.heads.append(head)
        depth, self.checked = len(self.checked), [{}]
        self.region(op.attr)
        self.checked = [{} for _ in range(depth)]
        if not (op.attr and op.attr[-1].kind in ENDS):
            self.line(f"br label %{head}")
        self.loops.pop()
        self.heads.pop()
        self.mark(end)

    # pure operations

    def op_pure(self, op: Op) -> None:
        kind, args = op.kind, op.args
        assert op.res is not None
        r, w = f"%v{op.res.n}", args[0].bits
        a = [self.ref(x) for x in args]
        if kind in ("add", "sub", "mul", "and", "or", "xor", "shl", "lshr", "ashr", "udiv", "urem", "sdiv", "srem"):
            self.line(f"{r} = {kind} i{w} {a[0]}, {a[1]}")
        elif kind in ("eq", "ne", "ult", "ule", "slt", "sle"):
            self.line(f"{r} = icmp {kind} i{w} {a[0]}, {a[1]}")
        elif kind in ("zext", "sext", "trunc"):
            self.line(f"{r} = {kind} i{w} {a[0]} to i{op.attr}")
        elif kind == "select":
            b = args[1].bits
            self.line(f"{r} = select i1 {a[0]}, i{b} {a[1]}, i{b} {a[2]}")
        elif kind in ("ctpop", "bswap"):
            self.line(f"{r} = call i{w} @llvm.{kind}.i{w}(i{w} {a[0]})")
        elif kind in ("ctlz", "cttz"):
            self.line(f"{r} = call i{w} @llvm.{kind}.i{w}(i{w} {a[0]}, i1 false)")
        else:
            raise AssertionError(f"no translation of {op}")

    # variables and state

    def op_getvar(self, op: Op) -> None:
        assert op.res is not None
        self.line(f"%v{op.res.n} = load i{op.attr.bits}, ptr %x{op.attr.n}")

    def op_setvar(self, op: Op) -> None:
        self.line(f"store i{op.attr.bits} {self.ref(op.args[0])}, ptr %x{op.attr.n}")

    def op_break(self, op: Op) -> None:
        self.line(f"br label %{self.loops[-1]}")

    def op_continue(self, op: Op) -> None:
        self.line(f"br label %{self.heads[-1]}")

    def op_ldc(self, op: Op) -> None:
        offset, bits = op.attr
        p = self.gep("%cpu", offset)
        self.line(f"%v{op.res.n} = load i{bits}, ptr {p}")  # type: ignore[union-attr]

    def op_stc(self, op: Op) -> None:
        offset, bits = op.attr
        self.line(f"store i{bits} {self.ref(op.args[0])}, ptr {self.gep('%cpu', offset)}")

    def computed(self, v: Value) -> str:
        z, p = self.t(), self.t()
        self.line(f"{z} = zext i32 {self.ref(v)} to i64")
        self.line(f"{p} = getelementptr i8, ptr %cpu, i64 {z}")
        return p

    def op_ldx(self, op: Op) -> None:
        assert op.res is not None
        if op.args[0].const is None and self.known.get(op.args[0].n) == self.state("zero"):
            self.line(f"%v{op.res.n} = add i{op.attr} 0, 0")
            return
        self.line(f"%v{op.res.n} = load i{op.attr}, ptr {self.computed(op.args[0])}, align 1")

    def op_stx(self, op: Op) -> None:
        self.line(f"store i{op.attr} {self.ref(op.args[1])}, ptr {self.computed(op.args[0])}, align 1")

    def alias(self, op: Op, value: str) -> None:
        """Name an already computed i32 as the operation's result."""
        assert op.res is not None
        self.line(f"%v{op.res.n} = add i32 {value}, 0")

    def op_field(self, op: Op) -> None:
        if op.attr in self.fixed:
            assert op.res is not None
            self.known[op.res.n] = self.fixed[op.attr]
            self.alias(op, str(self.fixed[op.attr]))
            return
        self.alias(op, self.uop_field(op.attr))

    def op_here(self, op: Op) -> None:
        self.alias(op, self.here())

    def op_next(self, op: Op) -> None:
        self.alias(op, self.next_eip())

    # guest memory

    def table(self, mode: str) -> str:
        if "s" in mode or self.f.routine:
            return self.load("ptr", "%cpu", self.state("tbl_sup" if "s" in mode else "tbl"))
        return "%tbl"

    def access(self, linear: str, bits: int, mode: str, write: bool, value: str = "0") -> str:
        """Emit the address check; returns the host pointer."""
        size = bits // 8
        need = 2 if write or "w" in mode else 1
        wide, page, ep, e, f, ok = (self.t() for _ in range(6))
        self.line(f"{wide} = zext i32 {linear} to i64")  # here and not where it is used last: it costs nothing here
        self.line(f"{page} = lshr i64 {wide}, 12")
        self.line(f"{ep} = getelementptr i64, ptr {self.table(mode)}, i64 {page}")
        self.line(f"{e} = load i64, ptr {ep}")
        self.line(f"{f} = and i64 {e}, {need}")
        self.line(f"{ok} = icmp ne i64 {f}, 0")
        if size > 1:
            o, c, both = self.t(), self.t(), self.t()
            self.line(f"{o} = and i32 {linear}, 4095")
            self.line(f"{c} = icmp ule i32 {o}, {4096 - size}")
            self.line(f"{both} = and i1 {ok}, {c}")
            ok = both
        fast, slow, done, fine, dead = (self.label() for _ in range(5))
        self.line(f"br i1 {ok}, label %{fast}, label %{slow}, !prof !1")
        self.mark(slow)
        if self.fast:  # again from the start, by the twin that copes with everything: nothing has changed yet
            self.tail(f"@{self.f.name}_slow", "%uop", "%eip", "%bud")
            self.mark(fast)
            return self.host_pointer(e, wide)
        kind = size | (0x100 if write else 0x200 if "w" in mode else 0) | (0x400 if "s" in mode else 0)
        kind |= 0x1000 if "p" in mode else 0
        sp, bad = self.t(), self.t()
        v = value
        if write and bits < 64:
            v = self.t()
            self.line(f"{v} = zext i{bits} {value} to i64")
        self.line(f"{sp} = call ptr @slow_access(ptr %cpu, i32 {linear}, i32 {kind}, i64 {v})")
        self.line(f"{bad} = icmp eq ptr {sp}, null")
        self.line(f"br i1 {bad}, label %{dead}, label %{fine}, !prof !2")
        self.mark(dead)
        self.bail()
        self.mark(fine)
        self.line(f"br label %{done}")
        self.mark(fast)
        fp = self.host_pointer(e, wide)
        self.line(f"br label %{done}")
        self.mark(done)
        p = self.t()
        self.line(f"{p} = phi ptr [ {fp}, %{fast} ], [ {sp}, %{fine} ]")
        self.calls["slow_access"] = 1
        return p

    def host_pointer(self, entry: str, linear: str) -> str:
        b, i, p = (self.t() for _ in range(3))
        self.line(f"{b} = and i64 {entry}, -4096")
        self.line(f"{i} = add i64 {b}, {linear}")
        self.line(f"{p} = inttoptr i64 {i} to ptr")
        return p

    def op_gld(self, op: Op) -> None:
        bits, mode = op.attr
        p = self.access(self.ref(op.args[0]), bits, mode, False)
        if self.fast and "w" in mode and op.args[0].const is None:
            self.checked[-1][op.args[0].n, bits] = p
        self.line(f"%v{op.res.n} = load i{bits}, ptr {p}, align 1")  # type: ignore[union-attr]

    def op_gst(self, op: Op) -> None:
        bits, mode = op.attr
        value = self.ref(op.args[1])
        p = ""
        for region in self.checked:
            p = region.get((op.args[0].n, bits), p) if op.args[0].const is None else ""
        p = p or self.access(self.ref(op.args[0]), bits, mode, True, value)
        self.line(f"store i{bits} {value}, ptr {p}, align 1")

    # regions and routines

    def item(self, op: Op) -> tuple[str, int]:
        region, bits = op.attr
        p = self.t()
        if region == "host":  # the index is an address (native-only routines)
            self.line(f"{p} = inttoptr i64 {self.ref(op.args[0])} to ptr")
            return p, bits
        base = self.load("ptr", "%cpu", self.layout.regions[region], invariant=True)
        self.line(f"{p} = getelementptr i{bits}, ptr {base}, i64 {self.ref(op.args[0])}")
        return p, bits

    def op_rld(self, op: Op) -> None:
        p, bits = self.item(op)
        self.line(f"%v{op.res.n} = load i{bits}, ptr {p}, align 1")  # type: ignore[union-attr]

    def op_rst(self, op: Op) -> None:
        p, bits = self.item(op)
        self.line(f"store i{bits} {self.ref(op.args[1])}, ptr {p}, align 1")

    def op_call(self, op: Op) -> None:
        name, faults = op.attr
        self.checked = [{} for _ in self.checked]
        self.calls[name] = len(op.args)
        self.layout.declared[name] = "".join(f", i{a.bits}" for a in op.args)
        r, ok, bad = self.t(), self.label(), self.label()
        args = "".join(f", i{a.bits} {self.ref(a)}" for a in op.args)
        self.line(f"{r} = call {{i32, i64}} @{name}(ptr %cpu{args})")
        if faults == "catch":  # the caller checks the status itself
            s = self.t()
            self.line(f"{s} = extractvalue {{i32, i64}} {r}, 0")
            self.line(f"%v{op.res.n} = zext i32 {s} to i64")  # type: ignore[union-attr]
            return
        if faults:
            s, c = self.t(), self.t()
            self.line(f"{s} = extractvalue {{i32, i64}} {r}, 0")
            self.line(f"{c} = icmp ne i32 {s}, 0")
            self.line(f"br i1 {c}, label %{bad}, label %{ok}, !prof !2")
            self.mark(bad)
            self.bail()
            self.mark(ok)
        self.line(f"%v{op.res.n} = extractvalue {{i32, i64}} {r}, 1")  # type: ignore[union-attr]

    # ends

    def op_fault(self, op: Op) -> None:
        self.store("i32", self.ref(op.args[0]), "%cpu", self.state("fault_vector"))
        self.store("i32", self.ref(op.args[1]), "%cpu", self.state("fault_error"))
        self.store("i32", "1", "%cpu", self.state("fault_pending"))
        self.bail()

    def op_ret(self, op: Op) -> None:
        r = self.t()
        self.line(f"{r} = insertvalue {{i32, i64}} {{i32 0, i64 poison}}, i64 {self.ref(op.args[0])}, 1")
        self.line(f"ret {{i32, i64}} {r}")

    def op_goto(self, op: Op) -> None:
        self.calls["go"] = 0
        target = "@go" if self.linkable else "@go_slow"
        self.tail(target, "%uop", self.ref(op.args[0]), "%bud")

    def op_jump(self, op: Op) -> None:
        """A direct jump: through the link slot after the uop if the budget allows, else out to the run loop."""
        target = self.ref(op.args[0])
        rem = self.uop_field("rem")
        z, b0, b1 = self.t(), self.t(), self.t()
        self.line(f"{z} = zext i32 {rem} to i64")
        self.line(f"{b0} = add i64 {self.budget_value()}, {z}")
        self.line(f"{b1} = add i64 {b0}, -1")
        slot = self.gep("%uop", self.layout.uop_size)
        block, n, n64, b2, low = (self.t() for _ in range(5))
        self.line(f"{block} = load ptr, ptr {slot}, align 8")
        self.line(f"{n} = load i32, ptr {block}, align 4")
        self.line(f"{n64} = zext i32 {n} to i64")
        self.line(f"{b2} = sub i64 {b1}, {n64}")
        self.line(f"{low} = icmp slt i64 {b2}, 0")
        slow, fast = self.label(), self.label()
        self.line(f"br i1 {low}, label %{slow}, label %{fast}, !prof !2")
        self.mark(slow)
        self.store("i32", "%eip", "%cpu", self.state("link_from"))
        self.tail("@unlinked", slot, target, b1)
        self.mark(fast)
        u, entry = self.gep(block, self.layout.block_header), self.gep(block, self.layout.block_entry)
        h = self.t()
        self.line(f"{h} = load ptr, ptr {entry}, align 8")
        self.tail(h, u, target, b2)

    def op_leave(self, op: Op) -> None:
        self.store("i32", self.ref(op.args[0]), "%cpu", self.state("exit_reason"))
        self.store("i64", self.ref(op.args[1]), "%cpu", self.state("exit_info"))
        repeats = not kinds_of(self.f.body).isdisjoint(REPEATS)
        target = self.ref(op.args[2]) if len(op.args) > 2 else self.next_eip()
        self.tail("@repeated" if repeats else "@go_slow", "%uop", target, "%bud")

    def op_undone(self, op: Op) -> None:
        self.store("i32", self.ref(op.args[0]), "%cpu", self.state("exit_reason"))
        self.store("i64", self.ref(op.args[1]), "%cpu", self.state("exit_info"))
        self.bail()

    def op_again(self, op: Op) -> None:
        self.store("i32", "1", "%cpu", self.state("again"))
        self.tail("@repeated", "%uop", self.here(), "%bud")

    def op_enter(self, op: Op) -> None:
        """Run decoded instructions from a host address on (native run loop only): (what to call, uop, eip, budget)."""
        h, uop, f = self.t(), self.t(), self.load("ptr", "%cpu", self.state("tbl"))
        self.line(f"{h} = inttoptr i64 {self.ref(op.args[0])} to ptr")
        self.line(f"{uop} = inttoptr i64 {self.ref(op.args[1])} to ptr")
        self.line(f"call preserve_nonecc void {h}(ptr %cpu, ptr {uop}, i32 {self.ref(op.args[2])}, "
                  f"i64 {self.ref(op.args[3])}, ptr {f})")  # fmt: skip

    # budget

    def op_icount(self, op: Op) -> None:
        end = self.load("i64", "%cpu", self.state("icount_end"))
        rem = self.uop_field("rem")
        z, s = self.t(), self.t()
        self.line(f"{z} = zext i32 {rem} to i64")
        self.line(f"{s} = add i64 {self.budget_value()}, {z}")
        self.line(f"%v{op.res.n} = sub i64 {end}, {s}")  # type: ignore[union-attr]

    def op_spend(self, op: Op) -> None:
        # an instruction that has to run alone ends after each iteration: it may have changed itself
        b, left, alone, some, d, n = (self.t() for _ in range(6))
        single = self.load("i32", "%cpu", self.state("single"))
        self.line(f"{b} = load i64, ptr %budp")
        self.line(f"{left} = icmp ne i64 {b}, 0")
        self.line(f"{alone} = icmp eq i32 {single}, 0")
        self.line(f"{some} = and i1 {left}, {alone}")
        self.line(f"{d} = zext i1 {some} to i64")
        self.line(f"{n} = sub i64 {b}, {d}")
        self.line(f"store i64 {n}, ptr %budp")
        if not self.fast:
            self.store("i32", "0", "%cpu", self.state("journal_n"))
            self.store("i64", n, "%cpu", self.state("journal_budget"))
        self.line(f"%v{op.res.n} = add i1 {some}, 0")  # type: ignore[union-attr]
