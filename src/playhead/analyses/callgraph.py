"""Who called whom, and how many instructions that took: from the native trace of what is executed.

The trace says which piece of code followed which, and how each one ended (x86/ways_on.py): calls and returns keep the
shadow stacks (`shadow_stack.py`). Deliveries of interrupts and exceptions end a run, so that they stand between the
right two pieces. Stacks go from the beginning to the end, so this is a question for one processor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.analyses.coverage import symbols_of
from playhead.analyses.modules import Function, functions
from playhead.analyses.shadow_stack import ANY, Ended, Node, Stacks
from playhead.api.recording import Recording
from playhead.api.source import Place
from playhead.api.walk import Walk
from playhead.base.errors import UsageError
from playhead.engine.executed import Batch
from playhead.linux.symbol_table import SymbolTable
from playhead.log.events import Entry
from playhead.log.moment import Moment
from playhead.x86 import state as S
from playhead.x86.ways_on import CALL, INTERRUPT_RETURN, NONE, RETURN, SYSENTER, SYSEXIT

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

MOST_CALLS = 1_000_000  # in a list of single calls
UNKNOWN = 1 << 16  # bytes: code of which no function is known is told apart by stretches of so many
DELIVERED = -1  # how control came there: not by an instruction
ALL_VECTORS = range(256)
EXCEPTIONS = {0: "divide error", 1: "debug", 3: "breakpoint", 6: "invalid opcode", 7: "no FPU", 8: "double fault",
              13: "general protection", 14: "page fault"}  # fmt: skip


class Call(NamedTuple):
    """One that has ended: instruction counts where it began and where it returned."""

    stack: int
    name: str
    depth: int
    begin: int
    end: int


class CallGraph:
    """`tree`: chains of calls. `calls`: single ones, if they were asked for, by their ends."""

    def __init__(self, first: Moment, last: Moment, tree: Node, calls: list[Call]):
        self.first, self.last, self.tree, self.calls = first, last, tree, calls

    @property
    def instructions(self) -> int:
        return self.last.icount - self.first.icount

    def folded(self) -> list[tuple[str, int]]:
        """Each chain of calls as `outer;inner`, and the instructions that its last function executed itself."""
        found: list[tuple[str, int]] = []
        left: list[tuple[str, Node]] = [("", self.tree)]
        while left:
            path, node = left.pop()
            if node.instructions:
                found.append((path, node.instructions))
            left += [(f"{path};{name}" if path else name, one) for name, one in node.children.items()]
        return sorted(found)


class _Follower:
    """Feeds batches of the trace to the stacks."""

    def __init__(self, stacks: Stacks, known: list[Function]):
        import numpy

        self._numpy, self._stacks = numpy, stacks
        self._names = [one.name for one in known]
        self._starts = numpy.array([one.address for one in known], "u8")
        self._ends = numpy.array([one.address + one.size for one in known], "u8")
        self._of_row: Array = numpy.zeros(0, "i8")  # of the trace's table: function, or less than 0
        self._unknown: dict[int, str] = {}
        self._before: tuple[int, int] | None = None  # the last piece: kind, and the address behind it
        self._place = 0  # function of the last piece, as in `_of_row`
        self._delivered = False  # since the last piece

    def deliver(self, name: str, back: int, user: bool) -> None:
        """A delivery; the next piece is its handler's. `back`: the instruction in front of which it came."""
        if self._before is not None and self._before[0] != NONE and not self._delivered:
            place = int(self._places(self._numpy.array([back], "u8"), self._numpy.array([user]))[0])
            self._happened(self._before[0], back, place, self._before[1])
        self._stacks.call(name, back)
        self._delivered = True

    def take(self, batch: Batch) -> None:
        numpy, rows = self._numpy, batch.table.rows
        self._look_up(rows)
        block = batch.block
        place = self._of_row[block]
        whole = batch.executed >= rows.instructions[block]
        kind = numpy.where(whole, rows.kind[block], NONE)
        before = numpy.concatenate([[self._before[0] if self._before else 0], kind[:-1]])
        moved = numpy.concatenate([[place[0] != self._place], place[1:] != place[:-1]])
        special = (before == CALL) | (before == RETURN) | (before >= INTERRUPT_RETURN) & (before <= SYSEXIT)
        some = numpy.flatnonzero(special | moved)
        if self._delivered and (not len(some) or some[0]):
            some = numpy.concatenate([[0], some])
        linear = rows.linear[block[some]].tolist()
        ends = (rows.linear + rows.size)[block[some - 1]].tolist()
        if len(some) and not some[0] and self._before is not None:
            ends[0] = self._before[1]
        entries = zip(some.tolist(), batch.icount[some].tolist(), linear, place[some].tolist(), before[some].tolist(),
                      ends, strict=True)  # fmt: skip
        for n, icount, address, where, how, end in entries:
            self._stacks.went(icount)
            self._happened(how if n or not self._delivered else DELIVERED, address, where, end)
        self._stacks.went(batch.end)
        last = int(block[-1])
        self._before = int(kind[-1]), int(rows.linear[last]) + int(rows.size[last])
        self._place = int(place[-1])

    def _happened(self, how: int, address: int, where: int, end: int) -> None:
        stacks, name = self._stacks, self._name(where)
        if how == DELIVERED:  # the handler
            self._delivered = False
            stacks.call(name, ANY)
        elif how == CALL or how == SYSENTER:
            stacks.call(name, end)
        elif how in (RETURN, INTERRUPT_RETURN, SYSEXIT):
            stacks.come_back(address, name, where >= 0 and int(self._starts[where]) == address)
        else:
            stacks.jump(name)

    def _look_up(self, rows: Any) -> None:
        """Functions of the pieces that are new in the table."""
        numpy, done = self._numpy, len(self._of_row)
        if done == len(rows.linear):
            return
        found = self._places(rows.linear[done:], (rows.mode[done:] & S.MODE_USER) != 0)
        self._of_row = numpy.concatenate([self._of_row, found])

    def _places(self, linear: Array, user: Array) -> Array:
        """The function of each address; less than 0 where none is known: a stretch of addresses."""
        numpy = self._numpy
        unknown = -1 - (linear // UNKNOWN * 2 + user).astype("i8")
        if not self._names:
            return unknown
        found = numpy.searchsorted(self._starts, linear, "right").astype("i8") - 1
        return numpy.where((found < 0) | user | (linear >= self._ends[found]), unknown, found)

    def _name(self, where: int) -> str:
        if where >= 0:
            return self._names[where]
        found = self._unknown.get(where)
        if found is None:
            page, user = divmod(-1 - where, 2)
            found = self._unknown[where] = f"{'user' if user else 'system'}-{page * UNKNOWN:08x}"
        return found


def call_graph(rec: Recording, first: Place = "start", last: Place = "end", *, symbols: SymbolTable | None = None,
               least: int | None = None) -> CallGraph:  # fmt: skip
    """What called what between two moments. `symbols`: names of functions, by default the guest kernel's. `least`: with
    single calls, of at least so many instructions; raises UsageError if there are more than MOST_CALLS.
    """
    begin, end = rec.between((first, last))
    calls: list[Call] = []
    stacks = Stacks(begin.icount, _lister(calls, least) if least is not None else lambda stack, node, begin, end: None)
    follower = _Follower(stacks, functions(symbols if symbols is not None else symbols_of(rec)))
    walk = Walk(rec, begin, end, "tracing calls")
    walk.vectors = set(ALL_VECTORS)
    probes = walk.line.machine.probes
    walk.began = lambda: probes.start(trace=follower.take)
    try:
        for stop in walk:
            probes.flush()
            if not isinstance(stop, Entry) and stop.delivery is not None:
                follower.deliver(_named(stop.delivery), *_left_at(walk, stop.delivery))
        probes.flush()
    finally:
        probes.stop()
    stacks.went(end.icount)
    stacks.finish()
    return CallGraph(begin, end, stacks.tree, calls)


def _lister(calls: list[Call], least: int) -> Ended:
    def ended(stack: int, node: Node, begin: int, end: int) -> None:
        if end - begin < least:
            return
        if len(calls) >= MOST_CALLS:
            raise UsageError(f"more than {MOST_CALLS} calls: give --from and --to, or a larger --least")
        depth, above = 0, node.parent
        while above is not None and above.parent is not None:
            depth, above = depth + 1, above.parent
        calls.append(Call(stack, node.name, depth, begin, end))

    return ended


def _named(delivery: Any) -> str:
    if delivery.kind == "exception":
        return f"[{EXCEPTIONS.get(delivery.vector, f'exception {delivery.vector}')}]"
    return f"[{delivery.kind} {delivery.vector:#x}]"


def _left_at(walk: Walk, delivery: Any) -> tuple[int, bool]:
    """The linear address at which a delivery came, and whether a program ran there; from the handler's stack, where it
    lies behind the error code. (Segments begin at 0, or this is real or virtual-8086 mode.)
    """
    view = walk.view()
    wide = view.mode == "protected32"
    size = 4 if wide else 2
    at = view.regs.ss_base + (view.regs.esp if wide else view.regs.esp & 0xFFFF)
    at += size if delivery.error is not None else 0
    frame = view.memory.read(at & 0xFFFFFFFF, 2 * size)
    ip, cs = int.from_bytes(frame[:size], "little"), int.from_bytes(frame[size:], "little") & 0xFFFF
    return (ip, cs & 3 == 3) if view.mode != "real" else ((cs << 4) + ip, False)
