"""LLVM's text of a unit: one function with the signature of a handler (emit.py), which knows no address.

    entry      the links of jumps to the unit's own start are looked at once; then `body`, where a loop comes back to
    main path  the steps in order; values are written where they are first needed, state stays in values
    X<k>       in front of uop k: what has changed is stored, and tier 1's handler of that uop goes on. The budget was
               paid for the whole block, and `rem` in the uops counts what is left, so nothing has to be settled
    J<n>       a jump: by the link record of its uop, or the jump cache; if the budget does not suffice, as X<k>

The block that a link names may be void: its length is then one that no budget suffices for.
"""

from __future__ import annotations

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.emit import SIGNATURE
from playhead.engine.llvm.tier2.steps import Cells, Exit, Jump, Load, NotCompilable, Store, Walk
from playhead.engine.llvm.tier2.unit import END, Unit, Uop
from playhead.engine.llvm.tier2.values import Node
from playhead.engine.llvm.tier2.windows import Window, split, windows
from playhead.x86 import state as S

# What a load or store is of; LLVM may move accesses of one kind over those of another.
STATE, TABLE, GUEST, CODE = "!tbaa !11", "!tbaa !12", "!tbaa !13", "!tbaa !14"
FOOTER = """
attributes #0 = { nounwind "frame-pointer"="none" "no-stack-arg-probe" }
!0 = !{}
!1 = !{!"branch_weights", i32 4000, i32 1}
!2 = !{!"branch_weights", i32 1, i32 4000}
!10 = !{!"playhead"}
!11 = !{!21, !21, i64 0}
!12 = !{!22, !22, i64 0}
!13 = !{!23, !23, i64 0}
!14 = !{!24, !24, i64 0}
!21 = !{!"state", !10, i64 0}
!22 = !{!"table", !10, i64 0}
!23 = !{!"guest", !10, i64 0}
!24 = !{!"code", !10, i64 0}
declare i8 @llvm.ctpop.i8(i8)
declare i16 @llvm.ctpop.i16(i16)
declare i32 @llvm.ctpop.i32(i32)
declare i64 @llvm.ctpop.i64(i64)
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
declare i64 @llvm.bswap.i64(i64)
declare i16 @llvm.ctlz.i16(i16, i1)
declare i32 @llvm.ctlz.i32(i32, i1)
declare i64 @llvm.ctlz.i64(i64, i1)
declare i16 @llvm.cttz.i16(i16, i1)
declare i32 @llvm.cttz.i32(i32, i1)
declare i64 @llvm.cttz.i64(i64, i1)
"""
_LIKELY, _UNLIKELY = "!prof !1", "!prof !2"
_JUMP_CACHE = S.offset("ptr", S.REGIONS["jump_cache"])


class Scope:
    """Where text goes: the main path, or a place that is left for good. There, what the main path had when it was
    left is known."""

    def __init__(self, out: list[str], names: dict[int, str], limit: int | None):
        self.out, self.names, self.limit = out, names, limit


class Translation:
    """The text of one unit."""

    def __init__(self, unit: Unit, name: str):
        self.unit, self.name = unit, name
        self.walk = Walk(unit)
        self.eip = self.walk.graph.eip
        self.windows = windows(self.walk.steps)
        self.temp = 0
        self.known: dict[int, tuple[str, int]] = {self.eip.n: ("%eip", 0)}  # of the main path: name, when
        self.main = Scope([], {}, None)
        self.first = Scope(["entry:"], {}, 0)  # what comes in front of a loop
        self.exits: dict[int, tuple[Exit | Load | Store | Jump, int]] = {}  # place of the uop -> why, when
        self.tails: list[str] = []  # what comes behind the main path
        self.open: dict[Window, tuple[str, str]] = {}  # name of its host address, of the linear address as i64
        self.length = unit.uops[0].rem
        self._find_loop()

    def _find_loop(self) -> None:
        """Jumps to the unit's own start, and the state that goes around."""
        jumps = [s for s in self.walk.steps if isinstance(s, Jump) and s.linked and s.target is self.eip]
        self.loops = {jump.uop.at: jump for jump in jumps}
        self.around: dict[int, int] = {}
        for jump in jumps:
            self.around.update((place, value.bits) for place, value in jump.after.items())
        self.back: list[tuple[str, dict[int, str], str]] = []  # label, values by place, budget

    # small things

    def t(self) -> str:
        self.temp += 1
        return f"%t{self.temp}"

    def label(self, prefix: str = "L") -> str:
        self.temp += 1
        return f"{prefix}{self.temp}"

    def pointer(self, scope: Scope, base: str, offset: int) -> str:
        if offset == 0:
            return base
        p = self.t()
        scope.out.append(f"{p} = getelementptr i8, ptr {base}, i64 {offset}")
        return p

    def load(self, scope: Scope, kind: str, base: str, offset: int, of: str) -> str:
        p, v = self.pointer(scope, base, offset), self.t()
        scope.out.append(f"{v} = load {kind}, ptr {p}, {of}")
        return v

    def store(self, scope: Scope, kind: str, value: str, base: str, offset: int) -> None:
        p = self.pointer(scope, base, offset)
        scope.out.append(f"store {kind} {value}, ptr {p}, {STATE}")

    # values

    def ref(self, node: Node, scope: Scope) -> str:
        """The name of a value; it is written if it is not known there."""
        if node.const is not None:
            return str(node.const) if node.bits > 1 else ("true" if node.const else "false")
        found = self.known.get(node.n)
        if found and (scope.limit is None or found[1] <= scope.limit):
            return found[0]
        name = scope.names.get(node.n)
        if name is None:
            name = self.write(node, scope)
            if scope is self.main:
                self.known[node.n] = name, self.temp
            else:
                scope.names[node.n] = name
        return name

    def write(self, node: Node, scope: Scope) -> str:
        kind = node.kind
        if kind == "cell":  # once, and not in each turn of a loop
            return self.load(self.first if self.loops and scope is self.main else scope,
                             f"i{node.bits}", "%cpu", node.attr, STATE)  # fmt: skip
        assert kind != "memory", "a loaded value is known from its load on"
        args = [self.ref(a, scope) for a in node.args]
        a, width = args[0], node.args[0].bits
        v = self.t()
        if kind in ("zext", "sext", "trunc"):
            line = f"{kind} i{width} {a} to i{node.bits}"
        elif kind in ("eq", "ne", "ult", "ule", "slt", "sle"):
            line = f"icmp {kind} i{width} {a}, {args[1]}"
        elif kind == "select":
            line = f"select i1 {a}, i{node.bits} {args[1]}, i{node.bits} {args[2]}"
        elif kind in ("ctpop", "bswap"):
            line = f"call i{width} @llvm.{kind}.i{width}(i{width} {a})"
        elif kind in ("ctlz", "cttz"):
            line = f"call i{width} @llvm.{kind}.i{width}(i{width} {a}, i1 false)"
        elif kind == "bit":
            line = self.bit(a, width, node.attr, scope)
        else:
            line = f"{kind} i{width} {a}, {args[1]}"
        scope.out.append(f"{v} = {line}")
        return v

    def bit(self, a: str, width: int, n: int, scope: Scope) -> str:
        if n == width - 1:
            return f"icmp slt i{width} {a}, 0"
        if n == 0:
            return f"trunc i{width} {a} to i1"
        s = self.t()
        scope.out.append(f"{s} = lshr i{width} {a}, {n}")
        return f"trunc i{width} {s} to i1"

    # steps

    def text(self) -> str:
        out = self.main.out
        for place, bits in self.around.items():
            cell = self.walk.graph.leaf("cell", bits, place)
            self.known[cell.n] = f"%c{place}", 0
        for n, step in enumerate(self.walk.steps):
            if isinstance(step, Load):
                v = self.t()
                p = self.access(n, step)
                out.append(f"{v} = load i{step.bits}, ptr {p}, align 1, {GUEST}")
                self.known[step.result.n] = v, self.temp
            elif isinstance(step, Store):
                value = self.ref(step.value, self.main)
                p = self.access(n, step)
                out.append(f"store i{step.bits} {value}, ptr {p}, align 1, {GUEST}")
            elif isinstance(step, Exit):
                self.exit_step(step)
            else:
                self.jump_step(step)
        for step, limit in list(self.exits.values()):
            self.write_exit(step, limit)
        lines = "\n".join(line if line.endswith(":") else "  " + line for line in [*self.head(), *out, *self.tails])
        parameters = SIGNATURE.replace("%budget", "%paid")
        return f'define preserve_nonecc void @{self.name}({parameters}) #0 section ".{self.name}" {{\n{lines}\n}}\n'

    def head(self) -> list[str]:
        """The entry, and where the loop comes back to."""
        scope = self.first
        if not self.loops:
            scope.out += ["br label %body", "body:", "%budget = phi i64 [ %paid, %entry ]"]
            return scope.out
        own = self.pointer(scope, "%uop", -L.HEADER)
        for at in self.loops:
            link = self.load(scope, "ptr", "%uop", at + L.UOP_SIZE, CODE)
            scope.out.append(f"%own{at} = icmp eq ptr {link}, {own}")
        first = {place: self.load(scope, f"i{bits}", "%cpu", place, STATE) for place, bits in self.around.items()}
        scope.out += ["br label %body", "body:"]
        budgets = "".join(f", [ {budget}, %{label} ]" for label, _, budget in self.back)
        scope.out.append(f"%budget = phi i64 [ %paid, %entry ]{budgets}")
        for place, bits in self.around.items():
            values = "".join(f", [ {values[place]}, %{label} ]" for label, values, _ in self.back)
            scope.out.append(f"%c{place} = phi i{bits} [ {first[place]}, %entry ]{values}")
        return scope.out

    def leave_at(self, step: Exit | Load | Store | Jump) -> str:
        """The label of the exit in front of a step's uop."""
        self.exits.setdefault(step.uop.at, (step, self.temp))
        return f"X{step.uop.at}"

    def changed(self, cells: Cells) -> list[tuple[int, Node]]:
        """What must be stored so that the state block has the state."""
        graph = self.walk.graph
        found = [(p, v) for p, v in cells.items() if v.kind != "cell" or v.attr != p or p in self.around]
        return found + [(p, graph.leaf("cell", bits, p)) for p, bits in self.around.items() if p not in cells]

    def spill(self, cells: Cells, scope: Scope) -> None:
        changed = self.changed(cells)
        names = [self.ref(value, scope) for _, value in changed]  # all before the first store
        for (place, value), name in zip(changed, names, strict=True):
            self.store(scope, f"i{value.bits}", name, "%cpu", place)

    def write_exit(self, step: Exit | Load | Store | Jump, limit: int) -> None:
        at = step.uop.at
        scope = Scope([f"X{at}:"], {}, limit)
        self.spill(step.cells, scope)
        self.to_tier1(step.uop, scope)
        self.tails += scope.out

    def to_tier1(self, uop: Uop, scope: Scope) -> None:
        p = self.pointer(scope, "%uop", uop.at)
        h = self.load(scope, "ptr", p, 0, CODE)
        self.tail(scope, h, p, "%eip", "%budget")

    def tail(self, scope: Scope, target: str, uop: str, eip: str, budget: str) -> None:
        scope.out.append(
            f"musttail call preserve_nonecc void {target}(ptr %cpu, ptr {uop}, i32 {eip}, i64 {budget}, ptr %tbl)"
        )
        scope.out.append("ret void")

    def exit_step(self, step: Exit) -> None:
        out = self.main.out
        if step.condition is None:
            out.append(f"br label %{self.leave_at(step)}")
            return
        c = self.ref(step.condition, self.main)
        on = self.label()
        out.append(f"br i1 {c}, label %{self.leave_at(step)}, label %{on}, {_UNLIKELY}")
        out.append(f"{on}:")

    # guest memory

    def access(self, n: int, step: Load | Store) -> str:
        """The host pointer of an access; the first of a window looks into the host table."""
        window = self.windows[n]
        if window not in self.open:
            self.open[window] = self.probe(window, step)
        base = self.open[window][0]
        _, offset = split(step.address)
        out, p = self.main.out, self.t()
        if offset != window.low:
            a = self.t()
            out.append(f"{a} = add i64 {base}, {offset - window.low}")
            base = a
        out.append(f"{p} = inttoptr i64 {base} to ptr")
        return p

    def probe(self, window: Window, step: Load | Store) -> tuple[str, str]:
        out, graph = self.main.out, self.walk.graph
        start = graph.binary("add", window.base, graph.const(window.low, window.base.bits))
        linear = self.ref(start, self.main)
        wide, page, slot, entry, rights, allowed = (self.t() for _ in range(6))
        table = self.load(self.main, "ptr", "%cpu", S.offset("tbl_sup"), STATE) if window.system else "%tbl"
        out += [
            f"{wide} = zext i{start.bits} {linear} to i64",
            f"{page} = lshr i64 {wide}, 12",
            f"{slot} = getelementptr i64, ptr {table}, i64 {page}",
            f"{entry} = load i64, ptr {slot}, {TABLE}",
            f"{rights} = and i64 {entry}, {L.WRITE_OK if window.writes else L.READ_OK}",
            f"{allowed} = icmp ne i64 {rights}, 0",
        ]
        on, slow = self.label(), self.leave_at(step)
        both = allowed
        if window.size > 1:
            low, fits, both = self.t(), self.t(), self.t()
            out += [
                f"{low} = and i64 {wide}, 4095",
                f"{fits} = icmp ule i64 {low}, {4096 - window.size}",
                f"{both} = and i1 {allowed}, {fits}",
            ]
            if not window.single:
                slow = self.two_pages(window, slow, on, (table, wide, entry, allowed))
        out += [f"br i1 {both}, label %{on}, label %{slow}, {_LIKELY}", f"{on}:"]
        bare, host = self.t(), self.t()
        out += [f"{bare} = and i64 {entry}, -4096", f"{host} = add i64 {bare}, {wide}"]
        return host, wide

    def two_pages(self, window: Window, slow: str, on: str, known: tuple[str, str, str, str]) -> str:
        """A window on two pages, which the host may have side by side (and none behind the last address)."""
        table, wide, entry, allowed = known
        label = self.label("W")
        last, page, slot, second, same, both, wrapped, sure = (self.t() for _ in range(8))
        self.tails += [
            f"{label}:",
            f"{last} = add i64 {wide}, {window.size - 1}",
            f"{page} = lshr i64 {last}, 12",
            f"{wrapped} = icmp ult i64 {last}, {1 << window.base.bits}",
            f"{sure} = and i1 {wrapped}, {allowed}",
            f"{slot} = getelementptr i64, ptr {table}, i64 {page}",
            f"{second} = load i64, ptr {slot}, {TABLE}",
            f"{same} = icmp eq i64 {entry}, {second}",
            f"{both} = and i1 {same}, {sure}",
            f"br i1 {both}, label %{on}, label %{slow}, {_LIKELY}",
        ]
        return label

    # jumps

    def jump_step(self, step: Jump) -> None:
        out = self.main.out
        here = self.label("J")
        if step.condition is None:
            out.append(f"br label %{here}")
        else:
            c, on = self.ref(step.condition, self.main), self.label()
            out += [f"br i1 {c}, label %{here}, label %{on}", f"{on}:"]
        scope = Scope([f"{here}:"], {}, self.temp)
        if step.linked:
            self.by_link(step, scope)
        else:
            self.by_cache(step, scope)
        self.tails += scope.out

    def by_link(self, step: Jump, scope: Scope) -> None:
        uop = step.uop
        back = 0 if uop.handler == END else uop.rem - 1  # of the block's budget, what was not executed
        if uop.at in self.loops and step.target is self.eip:
            self.around_again(step, scope, back)
        block = self.load(scope, "ptr", "%uop", uop.at + L.UOP_SIZE, CODE)
        budget = "%budget"
        if back:
            budget = self.t()
            scope.out.append(f"{budget} = add i64 %budget, {back}")
        left = self.enter(block, budget, self.leave_at(step), scope)
        self.on_to(step, block, left, scope)

    def enter(self, block: str, budget: str, slow: str, scope: Scope) -> str:
        """The budget in the block to enter, or on to `slow` if it does not suffice."""
        n = self.load(scope, "i32", block, L.B_N, CODE)
        wide, left, low, on = self.t(), self.t(), self.t(), self.label()
        scope.out += [
            f"{wide} = zext i32 {n} to i64",
            f"{left} = sub i64 {budget}, {wide}",
            f"{low} = icmp slt i64 {left}, 0",
            f"br i1 {low}, label %{slow}, label %{on}, {_UNLIKELY}",
            f"{on}:",
        ]
        return left

    def on_to(self, step: Jump, block: str, budget: str, scope: Scope) -> None:
        target = self.ref(step.target, scope)
        self.spill(step.after, scope)
        first = self.pointer(scope, block, L.HEADER)
        entry = self.load(scope, "ptr", block, L.B_ENTRY, CODE)
        self.tail(scope, entry, first, target, budget)

    def around_again(self, step: Jump, scope: Scope, back: int) -> None:
        """A jump to the unit's own start: a loop, while the link says so and the budget suffices."""
        left, enough, both = self.t(), self.t(), self.t()
        label, on = self.label("B"), self.label()
        scope.out += [
            f"{left} = add i64 %budget, {back - self.length}",
            f"{enough} = icmp sge i64 {left}, 0",
            f"{both} = and i1 {enough}, %own{step.uop.at}",
            f"br i1 {both}, label %{label}, label %{on}, {_LIKELY}",
        ]
        turn = Scope([f"{label}:"], {}, scope.limit)
        graph = self.walk.graph
        values = {
            place: self.ref(step.after.get(place) or graph.leaf("cell", bits, place), turn)
            for place, bits in self.around.items()
        }
        turn.out.append("br label %body")
        self.back.append((label, values, left))
        self.tails += turn.out
        scope.out.append(f"{on}:")

    def by_cache(self, step: Jump, scope: Scope) -> None:
        """A computed jump, as the stub `go` does it."""
        target = self.ref(step.target, scope)
        key = self.load(scope, "i64", "%cpu", S.offset("jump_key"), STATE)
        cache = self.load(scope, "ptr", "%cpu", _JUMP_CACHE, STATE)
        wide, want, high, low, mixed, n, index, slot, have, hit = (self.t() for _ in range(10))
        on, slow = self.label(), self.leave_at(step) if step.redo else self.out_to_run_loop(step, target, scope)
        scope.out += [
            f"{wide} = zext i32 {target} to i64",
            f"{want} = or i64 {key}, {wide}",
            f"{high} = lshr i32 {target}, {12 - L.PAGE_JUMP_BITS}",
            f"{low} = and i32 {target}, {L.PAGE_JUMPS - 1}",
            f"{mixed} = xor i32 {high}, {low}",
            f"{n} = and i32 {mixed}, {(1 << L.JUMP_BITS) - 1}",
            f"{index} = zext i32 {n} to i64",
            f"{slot} = getelementptr [16 x i8], ptr {cache}, i64 {index}",
            f"{have} = load i64, ptr {slot}, {CODE}",
            f"{hit} = icmp eq i64 {have}, {want}",
            f"br i1 {hit}, label %{on}, label %{slow}, {_LIKELY}",
            f"{on}:",
        ]
        block = self.load(scope, "ptr", slot, 8, CODE)
        left = self.enter(block, "%budget", slow, scope)
        self.on_to(step, block, left, scope)

    def out_to_run_loop(self, step: Jump, target: str, scope: Scope) -> str:
        """The label of an exit behind an instruction that may not be done again, as the stub `go_slow` does it."""
        label = self.label("S")
        out = Scope([f"{label}:"], dict(scope.names), scope.limit)
        self.spill(step.after, out)
        self.store(out, "i32", target, "%cpu", S.offset("eip"))
        self.store(out, "i64", "%budget", "%cpu", S.offset("budget"))
        self.store(out, "i64", "0", "%cpu", S.offset("link_slot"))
        out.out.append("ret void")
        self.tails += out.out
        return label


def translate(unit: Unit, name: str) -> str:
    """The text of a function that does what a unit's handlers do. Raises NotCompilable if its first instruction is
    left to tier 1."""
    if unit.uops[0].handler == END:
        raise NotCompilable
    return Translation(unit, name).text()
