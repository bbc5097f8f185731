"""The text of one block inside of a compiled function.

    body<b>      where the block begins: the state that goes around in the function, and the budget, are phis
    main path    the steps in order; values are written where they are first needed, state stays in values
    X<b>_<k>     in front of uop k: what has changed is stored, and tier 1's handler of that uop goes on. The budget was
                 paid for the whole block, and `rem` in the uops counts what is left, so nothing has to be settled
    J<n>         a jump: to a block of the function, by the link record of its uop, or by the jump cache; if the budget
                 does not suffice, as X

The block that a link names may be void: its length is then one that no budget suffices for.
"""

from __future__ import annotations

from playhead.engine.llvm import jump_cache
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.tier2.steps import Cells, Exit, Jump, Load, Probe, Step, Store, Walk
from playhead.engine.llvm.tier2.text import CODE, GUEST, LIKELY, PROBE, STATE, TABLE, UNLIKELY, FunctionText, Scope
from playhead.engine.llvm.tier2.unit import COUNT, END, Uop
from playhead.engine.llvm.tier2.values import DIVISIONS, Node
from playhead.engine.llvm.tier2.windows import Window, split, windows
from playhead.x86 import state as S

_JUMP_CACHE = S.offset("ptr", S.REGIONS["jump_cache"])
_UOPS = -1  # in a scope's names: the address of the block's first uop


class BlockText:
    """Block `n` of a function, whose instructions `walk` has executed."""

    def __init__(self, function: FunctionText, n: int, walk: Walk):
        self.function, self.n, self.walk = function, n, walk
        self.t, self.label, self.pointer = function.t, function.label, function.pointer
        self.load, self.store, self.tail, self.tails = function.load, function.store, function.tail, function.tails
        self.eip, self.budget = walk.graph.eip, f"%budget{n}"
        self.windows = windows(walk.steps)
        self.known: dict[int, tuple[str, int]] = {self.eip.n: (function.eip(n), 0)}  # of the main path: name, when
        self.main = Scope([], {}, None)
        self.exits: dict[int, tuple[Step, int]] = {}  # place of the uop -> why, when
        self.open: dict[Window, str] = {}  # name of its host address

    def write_all(self) -> None:
        """The main path, and what leaves it."""
        out = self.main.out
        for place, bits in self.function.around.items():
            cell = self.walk.graph.leaf("cell", bits, place)
            self.known[cell.n] = f"%c{self.n}_{place}", 0
        for n, step in enumerate(self.walk.steps):
            if isinstance(step, Load):
                v = self.t()
                p = self.access(n, step)
                out.append(f"{v} = load i{step.bits}, ptr {p}, align 1, {GUEST}")
                self.known[step.result.n] = v, self.function.temp
            elif isinstance(step, Store):
                value = self.ref(step.value, self.main)
                p = self.access(n, step)
                out.append(f"store i{step.bits} {value}, ptr {p}, align 1, {GUEST}")
            elif isinstance(step, Exit):
                self.exit_step(step)
            elif isinstance(step, Probe):
                self.count(step) if step.uop.handler == COUNT else self.trace(step)
            else:
                self.jump_step(step)
        for step, limit in list(self.exits.values()):
            self.write_exit(step, limit)

    def uops(self, scope: Scope) -> str:
        """The address of the block's first uop."""
        if self.n == 0:
            return "%uop"
        if _UOPS not in scope.names:
            record = self.load(scope, "ptr", "%uop", L.B_REGION - L.HEADER, CODE)
            block = self.load(scope, "ptr", record, 8 * self.n, CODE)
            scope.names[_UOPS] = self.pointer(scope, block, L.HEADER)
        return scope.names[_UOPS]

    def cell(self, node: Node, scope: Scope) -> str:
        """A field of the state block that nothing in the function changes: read once, if it may be read often."""
        if self.function.inner and scope in (self.main, self.function.entry):
            return self.function.shared(node)
        return self.load(scope, f"i{node.bits}", "%cpu", node.attr, STATE)

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
                self.known[node.n] = name, self.function.temp
            else:
                scope.names[node.n] = name
        return name

    def write(self, node: Node, scope: Scope) -> str:
        kind = node.kind
        if kind == "cell":
            return self.cell(node, scope)
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

    # exits

    def leave_at(self, step: Step) -> str:
        """The label of the exit in front of a step's uop."""
        self.exits.setdefault(step.uop.at, (step, self.function.temp))
        return self.exit_label(step)

    def exit_label(self, step: Step) -> str:
        return f"X{self.n}_{step.uop.at}"

    def changed(self, cells: Cells) -> list[tuple[int, Node]]:
        """What must be stored so that the state block has the state."""
        around, graph = self.function.around, self.walk.graph
        found = [(p, v) for p, v in cells.items() if v.kind != "cell" or v.attr != p or p in around]
        return found + [(p, graph.leaf("cell", bits, p)) for p, bits in around.items() if p not in cells]

    def spill(self, cells: Cells, scope: Scope) -> None:
        changed = self.changed(cells)
        names = [self.ref(value, scope) for _, value in changed]  # all before the first store
        for (place, value), name in zip(changed, names, strict=True):
            self.store(scope, f"i{value.bits}", name, "%cpu", place)

    def write_exit(self, step: Step, limit: int) -> None:
        scope = Scope([f"{self.exit_label(step)}:"], {}, limit)
        self.spill(step.cells, scope)
        self.to_tier1(step.uop, scope)
        self.tails += scope.out

    def to_tier1(self, uop: Uop, scope: Scope) -> None:
        p = self.pointer(scope, self.uops(scope), uop.at)
        h = self.load(scope, "ptr", p, 0, CODE)
        self.tail(scope, h, p, self.ref(self.eip, scope), self.budget)

    def exit_step(self, step: Exit) -> None:
        out = self.main.out
        if step.condition is None:
            out.append(f"br label %{self.leave_at(step)}")
            return
        c = self.ref(step.condition, self.main)
        on = self.label()
        out.append(f"br i1 {c}, label %{self.leave_at(step)}, label %{on}, {UNLIKELY}")
        out.append(f"{on}:")

    # probes

    def count(self, step: Probe) -> None:
        """Count in the uop."""
        p, old, new = self.pointer(self.main, self.uops(self.main), step.uop.at + L.PROBE_COUNTER), self.t(), self.t()
        self.main.out += [
            f"{old} = load i64, ptr {p}, {PROBE}",
            f"{new} = add i64 {old}, 1",
            f"store i64 {new}, ptr {p}, {PROBE}",
        ]

    def trace(self, step: Probe) -> None:
        """Append an entry, as the stub `trace` does it, which is also where one goes that finds no room."""
        out = self.main.out
        place = self.pointer(self.main, "%cpu", S.offset("trace_top"))
        end = self.load(self.main, "i64", "%cpu", S.offset("trace_end"), STATE)
        until = self.load(self.main, "i64", "%cpu", S.offset("icount_end"), STATE)
        uop = self.pointer(self.main, self.uops(self.main), step.uop.at)
        top, full, address, low, wide, paid, icount, high, entry, to, then = (self.t() for _ in range(11))
        on = self.label()
        out += [
            f"{top} = load i64, ptr {place}, {STATE}",
            f"{full} = icmp eq i64 {top}, {end}",
            f"br i1 {full}, label %{self.leave_at(step)}, label %{on}, {UNLIKELY}",
            f"{on}:",
            f"{address} = ptrtoint ptr {uop} to i64",
            f"{low} = trunc i64 {address} to i32",
            f"{wide} = zext i32 {low} to i64",
            f"{paid} = add i64 {self.budget}, {step.uop.rem}",
            f"{icount} = sub i64 {until}, {paid}",
            f"{high} = shl i64 {icount}, 32",
            f"{entry} = or i64 {wide}, {high}",
            f"{to} = inttoptr i64 {top} to ptr",
            f"store i64 {entry}, ptr {to}, {PROBE}",
            f"{then} = add i64 {top}, 8",
            f"store i64 {then}, ptr {place}, {STATE}",
        ]

    # guest memory

    def access(self, n: int, step: Load | Store) -> str:
        """The host pointer of an access; the first of a window looks into the host table."""
        window = self.windows[n]
        if window not in self.open:
            self.open[window] = self.probe(window, step)
        base = self.open[window]
        _, offset = split(step.address)
        out, p = self.main.out, self.t()
        if offset != window.low:
            a = self.t()
            out.append(f"{a} = add i64 {base}, {offset - window.low}")
            base = a
        out.append(f"{p} = inttoptr i64 {base} to ptr")
        return p

    def probe(self, window: Window, step: Load | Store) -> str:
        """Look whether a window is there; the host address of its first byte. A window that stays where it is while the
        function goes around is looked for once, at the entry: nothing in a function changes the host table."""
        once = self.n == 0 and bool(self.function.inner) and self.stays(window.base)
        scope = self.function.entry if once else self.main
        out, graph = scope.out, self.walk.graph
        start = graph.binary("add", window.base, graph.const(window.low, window.base.bits))
        linear = self.ref(start, scope)
        wide, page, slot, entry, rights, allowed = (self.t() for _ in range(6))
        table = self.load(scope, "ptr", "%cpu", S.offset("tbl_sup"), STATE) if window.system else "%tbl"
        out += [
            f"{wide} = zext i{start.bits} {linear} to i64",
            f"{page} = lshr i64 {wide}, 12",
            f"{slot} = getelementptr i64, ptr {table}, i64 {page}",
            f"{entry} = load i64, ptr {slot}, {TABLE}",
            f"{rights} = and i64 {entry}, {L.WRITE_OK if window.writes else L.READ_OK}",
            f"{allowed} = icmp ne i64 {rights}, 0",
        ]
        on, slow = self.label(), self.function.leave_at_entry() if once else self.leave_at(step)
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
        out += [f"br i1 {both}, label %{on}, label %{slow}, {LIKELY}", f"{on}:"]
        if once:
            self.function.entered = on
        bare, host = self.t(), self.t()
        out += [f"{bare} = and i64 {entry}, -4096", f"{host} = add i64 {bare}, {wide}"]
        return host

    def stays(self, node: Node) -> bool:
        """Whether a value is the same in each turn of the function, and may be made at its entry: a division may not,
        as its check is further down."""
        if node.kind == "cell":
            return node.attr not in self.function.around
        return node.kind != "memory" and node.kind not in DIVISIONS and all(map(self.stays, node.args))

    def two_pages(self, window: Window, slow: str, on: str, known: tuple[str, str, str, str]) -> str:
        """A window on two pages, which the host may have side by side (and none behind the last address)."""
        table, wide, entry, allowed = known
        label = self.label("W")
        last, inside, page, slot, second, same, both, wrapped, sure = (self.t() for _ in range(9))
        self.tails += [
            f"{label}:",
            f"{last} = add i64 {wide}, {window.size - 1}",
            f"{inside} = and i64 {last}, {(1 << window.base.bits) - 1}",  # LLVM may look there before it compares
            f"{page} = lshr i64 {inside}, 12",
            f"{wrapped} = icmp eq i64 {last}, {inside}",
            f"{sure} = and i1 {wrapped}, {allowed}",
            f"{slot} = getelementptr i64, ptr {table}, i64 {page}",
            f"{second} = load i64, ptr {slot}, {TABLE}",
            f"{same} = icmp eq i64 {entry}, {second}",
            f"{both} = and i1 {same}, {sure}",
            f"br i1 {both}, label %{on}, label %{slow}, {LIKELY}",
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
        scope = Scope([f"{here}:"], {}, self.function.temp)
        if step.linked:
            self.by_link(step, scope)
        else:
            self.by_cache(step, scope)
        self.tails += scope.out

    def by_link(self, step: Jump, scope: Scope) -> None:
        uop = step.uop
        back = 0 if uop.handler == END else uop.rem - 1  # of the block's budget, what was not executed
        for target in self.function.inner.get((self.n, uop.at), ()):
            own = f"%own{uop.at}" if self.function.alone else ""
            self.go_inside(step, scope, (back, target, own))
            if not own:  # the link leads there, so it can only be the budget that does not suffice
                scope.out.append(f"br label %{self.leave_at(step)}")
                return
        block = self.load(scope, "ptr", self.uops(scope), uop.at + L.UOP_SIZE, CODE)
        budget = self.budget
        if back:
            budget = self.t()
            scope.out.append(f"{budget} = add i64 {self.budget}, {back}")
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
            f"br i1 {low}, label %{slow}, label %{on}, {UNLIKELY}",
            f"{on}:",
        ]
        return left

    def on_to(self, step: Jump, block: str, budget: str, scope: Scope) -> None:
        target = self.ref(step.target, scope)
        self.spill(step.after, scope)
        first = self.pointer(scope, block, L.HEADER)
        entry = self.load(scope, "ptr", block, L.B_ENTRY, CODE)
        self.tail(scope, entry, first, target, budget)

    def go_inside(self, step: Jump, scope: Scope, how: tuple[int, int, str]) -> None:
        """A jump to a block of the function, if the budget suffices and a condition holds. `how`: instructions of this
        block that were not executed, number of the block, name of the condition if there is one."""
        back, target, condition = how
        left, enough = self.t(), self.t()
        label, on = self.label("B"), self.label()
        scope.out += [
            f"{left} = add i64 {self.budget}, {back - self.function.length(target)}",
            f"{enough} = icmp sge i64 {left}, 0",
        ]
        if condition:
            both = self.t()
            scope.out.append(f"{both} = and i1 {enough}, {condition}")
            enough = both
        scope.out.append(f"br i1 {enough}, label %{label}, label %{on}, {LIKELY}")
        turn = Scope([f"{label}:"], dict(scope.names), scope.limit)
        graph = self.walk.graph
        values = {
            place: self.ref(step.after.get(place) or graph.leaf("cell", bits, place), turn)
            for place, bits in self.function.around.items()
        }
        turn.out.append(f"br label %body{target}")
        self.function.into[target].append((label, values, left))
        self.tails += turn.out
        scope.out.append(f"{on}:")

    def by_cache(self, step: Jump, scope: Scope) -> None:
        """A computed jump, as the stub `go` does it."""
        target = self.ref(step.target, scope)
        for inside in self.function.inner.get((self.n, step.uop.at), ()):
            same = self.t()
            scope.out.append(f"{same} = icmp eq i32 {target}, {self.function.eip(inside)}")
            self.go_inside(step, scope, (0, inside, same))
        key = self.load(scope, "i64", "%cpu", S.offset("jump_key"), STATE)
        cache = self.load(scope, "ptr", "%cpu", _JUMP_CACHE, STATE)
        names = [self.t() for _ in range(10)]
        slot, _, hit = names[-3:]
        on, slow = self.label(), self.leave_at(step) if step.redo else self.out_to_run_loop(step, target, scope)
        scope.out += jump_cache.look(target, key, cache, names, CODE)
        scope.out += [
            f"br i1 {hit}, label %{on}, label %{slow}, {LIKELY}",
            f"{on}:",
        ]
        block = self.load(scope, "ptr", slot, 8, CODE)
        left = self.enter(block, self.budget, slow, scope)
        self.on_to(step, block, left, scope)

    def out_to_run_loop(self, step: Jump, target: str, scope: Scope) -> str:
        """The label of an exit behind an instruction that may not be done again, as the stub `go_slow` does it."""
        label = self.label("S")
        out = Scope([f"{label}:"], dict(scope.names), scope.limit)
        self.spill(step.after, out)
        self.store(out, "i32", target, "%cpu", S.offset("eip"))
        self.store(out, "i64", self.budget, "%cpu", S.offset("budget"))
        self.store(out, "i64", "0", "%cpu", S.offset("link_slot"))
        out.out.append("ret void")
        self.tails += out.out
        return label
