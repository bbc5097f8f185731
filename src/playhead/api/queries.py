"""Questions to a whole recording: where something is executed, called, and when something holds for the first time.

The answers come from a replay, lazily: each row as soon as it is found. What a question does not concern runs at full
speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from playhead.api.calls import Returns, called
from playhead.api.happenings import Returned
from playhead.api.interrupts import interruptible
from playhead.api.machine_view import MachineView
from playhead.api.rows import Row
from playhead.api.source import Source
from playhead.api.walk import Walk
from playhead.log.moment import Moment
from playhead.machine.debug import Watch
from playhead.timeline.timeline import Timeline

Predicate = Callable[[MachineView], bool]


@dataclass(frozen=True)
class Execution(Row):
    """The instruction at a linear address is executed next; `name`: its symbol."""

    moment: Moment
    virtual_ns: int
    address: int
    name: str


@dataclass(frozen=True)
class Call(Row):
    """A call of a function. `caller`: the address to which it returns, `stack`: of the place that holds it; `args`: six
    words (`Called` says from where).
    `returned` and `result` (EAX), if they were asked for and it returns.
    """

    moment: Moment
    virtual_ns: int
    address: int
    name: str
    caller: int
    caller_name: str
    stack: int
    args: tuple[int, ...]
    returned: Moment | None = None
    result: int | None = None

    HEX = Row.HEX | {"args"}


def executions(source: Source, addresses: Sequence[int], low: Moment, high: Moment) -> Iterator[Execution]:
    walk = Walk(source, low, high, "looking for instructions")
    walk.breakpoints = set(addresses)
    for _ in walk:
        view = walk.view()
        yield Execution(view.moment, view.virtual_ns, view.pc, source.name_of(view.pc))


def calls(source: Source, addresses: Sequence[int], low: Moment, high: Moment, *, results: bool,
          convention: str) -> Iterator[Call]:  # fmt: skip
    """In the order of the calls. With results a row comes when its call, and all before it, have returned."""
    walk = Walk(source, low, high, "looking for calls")
    functions = frozenset(addresses)
    walk.breakpoints = set(functions)
    waiting: dict[Moment, Call | None] = {}  # in order; None: has not returned yet
    found: dict[Moment, Call] = {}

    def returned(it: Returned) -> None:
        row = found.pop(it.call.moment)
        waiting[it.call.moment] = replace(row, returned=it.moment, result=it.result)

    returns = Returns(walk, returned)
    for _ in walk:
        view = walk.view()
        address = view.pc
        if results:
            returns.at(address, view)
        if address in functions:
            it = called(source, view, address, convention)
            row = Call(it.moment, it.virtual_ns, address, it.name, it.caller, source.name_of(it.caller), it.stack,
                       it.args)  # fmt: skip
            if not results:
                yield row
                continue
            found[it.moment], waiting[it.moment] = row, None
            returns.begin(it)
        while waiting and (done := waiting[next(iter(waiting))]) is not None:
            del waiting[done.moment]
            yield done
    for moment, done in waiting.items():
        yield done or found[moment]


def first_step(source: Source, holds: Predicate, low: Moment, high: Moment, every: int) -> Moment | None:
    """By single steps, or (`every` > 1) at each so many instructions."""
    line = source.timeline()
    try:
        with interruptible(line):
            line.enter(low)
        view = MachineView(line.machine)
        while line.moment <= high:
            if holds(view):
                return line.moment
            if line.moment >= high:
                return None
            with interruptible(line):
                if every == 1:
                    line.step()
                else:
                    line.player.to(min(Moment((line.moment.icount // every + 1) * every), high))
        return None
    finally:
        source.give_back(line)


def first_stop(source: Source, holds: Predicate, low: Moment, high: Moment, addresses: Sequence[int],
               watches: Sequence[Watch]) -> Moment | None:  # fmt: skip
    """In front of certain instructions, or behind accesses. With accesses the beginning counts, too."""
    walk = Walk(source, low, high, "looking for a moment")
    walk.breakpoints, walk.watches = set(addresses), list(watches)
    begin: list[bool] = []
    walk.began = lambda: begin.append(bool(watches) and holds(walk.view()))
    stops = iter(walk)
    try:
        for _ in stops:
            if begin[0]:
                return low
            if holds(walk.view()):
                return walk.moment
        return low if begin[0] else None
    finally:
        stops.close()  # type: ignore[attr-defined]


def first_bisected(source: Source, holds: Predicate, low: Moment, high: Moment) -> Moment | None:
    """Of what holds from some moment on, by halving; what it may be at one instruction is stepped through."""
    line = source.timeline()

    def at(moment: Moment) -> bool:
        with interruptible(line):
            line.seek(moment)
        return holds(MachineView(line.machine))

    try:
        if at(low):
            return low
        if not at(high):
            return None
        while high.icount - low.icount > 1:
            middle = Moment((low.icount + high.icount) // 2)
            low, high = (low, middle) if at(middle) else (middle, high)
        return _stepped(line, holds, low, high)
    finally:
        source.give_back(line)


def _stepped(line: Timeline, holds: Predicate, low: Moment, high: Moment) -> Moment:
    with interruptible(line):
        line.seek(low)
    while line.moment < high:
        with interruptible(line):
            line.step()
        if holds(MachineView(line.machine)):
            break
    return line.moment
