"""System calls of a recorded Linux guest's programs, found by replays of segments and put together in order.

A call may return in another segment than the one it was made in. So a segment's answer also tells of calls that have
not returned, and of the first return of each thread if its call was not seen, with what was in memory there. Only that
first return can belong to an earlier segment: any later one has its call here, or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from playhead.api.asking import asked
from playhead.api.recording import Recording
from playhead.api.rows import Row, Table
from playhead.api.segments import Query, Segment, Told
from playhead.api.source import Place
from playhead.api.walk import Walk
from playhead.linux import syscalls as linux
from playhead.linux.syscalls import Calls, Entries, Gate, Returned, Syscall, entry_points
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.machine import Machine


@dataclass(frozen=True)
class SystemCall(Row):
    """A call that was made at `moment`. `pid`: the process's number, `tid`: the thread's, -1 where processes cannot be
    named; `cr3`: physical address of its page tables. `arguments`: words, `shown`: what they mean; `result`: EAX, None
    if it has none; `result_shown`: it as strace shows it.
    """

    moment: Moment
    pid: int
    tid: int
    comm: str
    cr3: int
    number: int
    name: str
    arguments: tuple[int, ...]
    shown: tuple[str, ...]
    result: int | None
    result_shown: str
    failed: bool

    HEX = Row.HEX | {"cr3", "arguments"}
    HIDDEN = Row.HIDDEN | {"failed"}

    @classmethod
    def of(cls, moment: Moment, call: Syscall) -> SystemCall:
        task = call.task
        return cls(moment, task.tgid, task.pid, task.comm, task.cr3, call.number, call.name, call.args, call.shown,
                   call.result, call.result_text(), call.failed)  # fmt: skip

    def text(self) -> str:
        """`close(3) = 0`"""
        return f"{self.name}({', '.join(self.shown)}) = {self.result_shown}"


NAMES = ("icount", "seq", "pid", "tid", "comm", "cr3", "number", "name", "arguments", "shown", "result", "result_shown")


class Back(NamedTuple):
    """A return whose call was not seen. `memory`: by address and length, what was there."""

    moment: Moment
    back: Returned
    memory: dict[tuple[int, int], bytes]


class Part(NamedTuple):
    """Of a segment. `rows`: in the order of returns; `threads`: all that have made calls, or returned; `pending`: calls
    that have not returned, by thread.
    """

    rows: list[SystemCall | Back]
    threads: set[int]
    pending: dict[int, tuple[Moment, Syscall]]


class SystemCalls(Query[Part, list[Part]]):
    """Calls that are made and return."""

    piecemeal = True  # what a long recording has said is to be shown early

    def __init__(self, entries: Entries):
        self.entries = entries

    def start(self, rec: Recording) -> Callable[[Segment], Part]:
        return lambda segment: _Following(self.entries).part(rec, segment)

    def merge(self, parts: Iterator[Part]) -> list[Part]:
        return list(parts)


class _Following:
    """Of one segment."""

    def __init__(self, entries: Entries):
        self._calls, self._places = Calls(entries), entries.addresses()
        self._made: dict[int, Moment] = {}  # by thread
        self._rows: list[SystemCall | Back] = []

    def part(self, rec: Recording, segment: Segment) -> Part:
        walk = Walk(rec, *segment, "looking for system calls")
        walk.breakpoints = set(self._places)
        threads: set[int] = set()
        for _ in walk:
            view = walk.view()
            gate, is_entry = self._places[view.pc]
            machine = view._machine
            if is_entry:
                self._entry(machine, gate, view.moment)
            else:
                self._exit(machine, gate, view.moment, threads)
            threads.add(linux.thread_at(machine))
        return Part(self._rows, threads, {n: (self._made[n], call) for n, call in self._calls.pending.items()})

    def _entry(self, machine: Machine, gate: Gate, moment: Moment) -> None:
        call = self._calls.entry(machine, gate)
        self._made[call.thread] = moment
        if call.never_returns:
            self._rows.append(SystemCall.of(moment, call))

    def _exit(self, machine: Machine, gate: Gate, moment: Moment, known: set[int]) -> None:
        thread = linux.thread_at(machine)
        if thread in known:
            if (call := self._calls.exit(machine)) is not None:
                self._rows.append(SystemCall.of(self._made[thread], call))
            return
        back = linux.at_exit(machine, self._calls.entries)
        self._rows.append(Back(moment, back, linux.memory_at_exit(machine, gate, back)))


class _NotThere(Exception):
    """Memory that was not kept."""


class _Joining:
    """Matches, in order, calls and returns of different segments."""

    def __init__(self, rec: Recording, entries: Entries):
        self._rec, self._calls = rec, Calls(entries)
        self._made: dict[int, Moment] = {}

    def rows(self, part: Part) -> Iterator[SystemCall]:
        for one in part.rows:
            if isinstance(one, SystemCall):
                yield one
            elif (call := self._returned(one)) is not None:
                yield SystemCall.of(self._made[one.back.thread], call)
        for thread in part.threads:
            self._calls.pending.pop(thread, None)
        for thread, (moment, call) in part.pending.items():
            self._made[thread], self._calls.pending[thread] = moment, call

    def _returned(self, it: Back) -> Syscall | None:
        def kept(address: int, length: int) -> bytes:
            try:
                return it.memory[address, length]
            except KeyError:
                raise _NotThere from None

        call = self._calls.pending.get(it.back.thread)
        try:
            return self._calls.match(it.back, kept)
        except _NotThere:
            assert call is not None
        with self._rec.at(it.moment) as there:
            machine = there._machine
            return linux.finished(call, it.back, lambda address, length: look.read(machine, address, length))


def syscalls(rec: Recording, first: Place = "start", last: Place = "end", *, jobs: int | None = None,
             dask: Any = None, progress: Told | None = None) -> Table[SystemCall]:  # fmt: skip
    """The system calls that return between two moments, in the order in which they do; those that never return, where
    they were made. Calls from before `first` are not known. `jobs`, `dask`, `progress`: as `ask` takes them. Rows come
    as segments are answered, and at the latest when all of them are. Raises UnknownKernel.
    """
    entries = entry_points(rec.reader)
    parts = asked(rec, SystemCalls(entries), first, last, jobs=jobs, dask=dask, progress=progress)
    return Table(_joined(rec, entries, parts), "system calls")


def _joined(rec: Recording, entries: Entries, parts: Any) -> Iterator[SystemCall]:
    joining = _Joining(rec, entries)
    try:
        for part in parts:
            yield from joining.rows(part)
    finally:
        parts.close()
