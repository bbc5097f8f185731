"""LLVM's text of a unit or a region: one function with the signature of a handler (emit.py), which knows no address.

The blocks of a region lead to each other inside of the function, with the state in registers. When it is put in place,
its links are as it says and its blocks are live; that this still holds is one comparison at the entry: a block of a
region that becomes void counts `regions_epoch` up (invalidation.py). A unit that jumps to its own start compares the
link instead.
"""

from __future__ import annotations

from playhead.engine.llvm import layout as L
from playhead.engine.llvm.emit import SIGNATURE
from playhead.engine.llvm.tier2.block_text import BlockText
from playhead.engine.llvm.tier2.steps import Jump, NotCompilable, Walk
from playhead.engine.llvm.tier2.text import CODE, LIKELY, STATE, FunctionText
from playhead.engine.llvm.tier2.unit import END, Edge, Region, Unit
from playhead.x86 import state as S


class Function(FunctionText):
    """The text of a region, or of a unit, which is then `alone`."""

    def __init__(self, made_of: Unit | Region, name: str):
        units = (made_of,) if isinstance(made_of, Unit) else made_of.units
        super().__init__([unit.uops[0].rem for unit in units], isinstance(made_of, Unit))
        self.name = name
        walks = [_walk(unit) for unit in units]
        if walks[0] is None:
            raise NotCompilable
        edges = [Edge(0, at, 0) for at in _loops(walks[0])] if isinstance(made_of, Unit) else made_of.edges
        for source, at, target in edges:
            if walks[source] and walks[target]:
                self.inner.setdefault((source, at), []).append(target)
        self.around = self._around(walks)
        self._begin((0,) if isinstance(made_of, Unit) else made_of.places)
        self.blocks = [BlockText(self, n, walk) for n, walk in enumerate(walks) if walk]

    def _around(self, walks: list[Walk | None]) -> dict[int, int]:
        """The state that blocks of the function hand on to each other: place -> width."""
        found: dict[int, int] = {}
        for source, walk in enumerate(walks):
            for step in walk.steps if walk else ():
                if isinstance(step, Jump) and (source, step.uop.at) in self.inner:
                    found.update((place, value.bits) for place, value in step.after.items())
        return found

    def _begin(self, places: tuple[int, ...]) -> None:
        out = self.entry.out
        if self.alone:
            own = self.pointer(self.entry, "%uop", -L.HEADER) if self.inner else ""
            for _, at in self.inner:
                link = self.load(self.entry, "ptr", "%uop", at + L.UOP_SIZE, CODE)
                out.append(f"%own{at} = icmp eq ptr {link}, {own}")
        else:
            self.entered = "entered"
            mine = self.load(self.entry, "i32", "%uop", L.B_EPOCH - L.HEADER, CODE)
            now = self.load(self.entry, "i32", "%cpu", S.offset("regions_epoch"), STATE)
            out += [f"%valid = icmp eq i32 {mine}, {now}", f"br i1 %valid, label %entered, label %plain, {LIKELY}",
                    "plain:"]  # fmt: skip
            plain = self.load(self.entry, "ptr", "%uop", L.B_PLAIN - L.HEADER, CODE)
            self.tail(self.entry, plain, "%uop", "%eip", "%paid")
            out.append("entered:")
        out += [f"%eip{n} = add i32 %eip, {place}" for n, place in enumerate(places) if n]

    def text(self) -> str:
        into, out = self.into, self.entry.out
        written: list[BlockText] = []
        while todo := [b for b in self.blocks if b not in written and (into[b.n] or b.n == 0)]:
            todo[0].write_all()
            written.append(todo[0])
        first = {p: self.load(self.entry, f"i{bits}", "%cpu", p, STATE) for p, bits in self.around.items()}
        out.append("br label %body0")
        into[0].insert(0, (self.entered, first, "%paid"))
        lines = list(out)
        for block in written:
            lines += [*self._phis(block.n), *block.main.out]
        lines += self.tails
        parameters = SIGNATURE.replace("%budget", "%paid")
        body = "\n".join(line if line.endswith(":") else "  " + line for line in lines)
        return f'define preserve_nonecc void @{self.name}({parameters}) #0 section ".{self.name}" {{\n{body}\n}}\n'

    def _phis(self, n: int) -> list[str]:
        """The start of a block: where it is come from, and with what."""
        into = self.into[n]
        lines = [f"body{n}:", f"%budget{n} = phi i64 {_incoming((label, budget) for label, _, budget in into)}"]
        for place, bits in self.around.items():
            values = _incoming((label, values[place]) for label, values, _ in into)
            lines.append(f"%c{n}_{place} = phi i{bits} {values}")
        return lines


def _incoming(pairs) -> str:
    return ", ".join(f"[ {value}, %{label} ]" for label, value in pairs)


def _walk(unit: Unit) -> Walk | None:
    """A unit's steps; nothing if its first instruction is left to tier 1."""
    if unit.uops[0].handler == END:
        return None
    try:
        return Walk(unit)
    except NotCompilable:
        return None


def _loops(walk: Walk) -> list[int]:
    """The places of the jumps to a unit's own start."""
    jumps = [step for step in walk.steps if isinstance(step, Jump) and step.linked]
    return [jump.uop.at for jump in jumps if jump.target is walk.graph.eip]


def translate(made_of: Unit | Region, name: str) -> str:
    """The text of a function that does what the handlers of a unit, or of a region's blocks, do. Raises NotCompilable
    if its first instruction is left to tier 1."""
    return Function(made_of, name).text()
