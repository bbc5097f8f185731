"""A replay with callbacks: functions that are called where something happens, each with one object that says what.

Callbacks change nothing: the machine repeats its recording with any set of them. What none of them asks for runs at
full speed, because the replay stops only at what they ask for (`walk.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from playhead.api.calls import Returns, called, check_convention
from playhead.api.counters import BlockCall, InstructionCounts, MemoryCounts, PageCounting, Probing
from playhead.api.happenings import Delivered, Executed, Happened, Returned, Touched
from playhead.api.machine_view import MachineView
from playhead.api.source import Code, Source, Watched
from playhead.api.system_calls import SystemCalls, numbers_of
from playhead.api.walk import Walk
from playhead.base.errors import UsageError
from playhead.log.events import KINDS, Entry
from playhead.log.moment import Moment
from playhead.machine import look
from playhead.machine.debug import ALL_VECTORS, WRITE, Access, Watch
from playhead.session.target import StopLike

C = TypeVar("C", bound=Callable[..., Any])
AtCode = Callable[[int, MachineView], None]


def kinds_of(names: Iterable[str]) -> set[str]:
    """Kinds of events by name; without any, all. Raises UsageError."""
    known = {kind.name for kind in KINDS.values()}
    for name in names:
        if name not in known:
            raise UsageError(f"there are no events of kind {name!r}, but {', '.join(sorted(known))}")
    return set(names) or known


def vectors_of(numbers: Iterable[int]) -> set[int]:
    """Of interrupts and exceptions; without any, all. Raises UsageError."""
    for number in numbers:
        if number not in ALL_VECTORS:
            raise UsageError(f"an interrupt's vector is a number from 0 to 255, not {number!r}")
    return set(numbers) or set(ALL_VECTORS)


class Replay:
    """Decorators tell of callbacks; `run()` replays from `start` to `end` and calls them. What happens at the same
    moment is told in this order: what was delivered, what was accessed, what enters, what is executed next; and of one
    kind, in the order of the decorators.
    """

    def __init__(self, recording: Source, start: Moment, end: Moment):
        self.recording, self.start, self.end = recording, start, end
        self._at: dict[int, list[AtCode]] = {}
        self._watched: list[tuple[Watch, Callable[[Touched], Any]]] = []
        self._entering: list[tuple[set[str], Callable[[Happened], Any]]] = []
        self._delivered: list[tuple[set[int], Callable[[Delivered], Any]]] = []
        self._stopped = False
        self._walk: Walk | None = None
        self._fresh: list[Callable[[Walk], None]] = []  # called when a run begins
        self._returns: list[Returns] = []
        self._linux: SystemCalls | None = None
        self._blocks: list[BlockCall] = []
        self._counts: list[InstructionCounts] = []
        self._memory_counts: list[MemoryCounts] = []

    # what is asked for

    def on_instruction(self, *where: Code) -> Callable[[C], C]:
        """Before each instruction at one of these linear addresses, symbols or ranges of addresses (`Executed`)."""
        self._check_resting()
        addresses = self.recording.addresses(where)

        def add(call: C) -> C:
            self._at_code(addresses, lambda address, view: call(Executed(view.moment, view.virtual_ns, address, view)))
            return call

        return add

    def on_memory(self, where: Watched, kinds: str = "rw", *, physical: bool = False) -> Callable[[C], C]:
        """After each access to some bytes (`Touched`): an address (of a byte), a symbol (four bytes) or a range of
        addresses, linear or physical. `kinds` is r, w or rw.
        """
        self._check_resting()
        watch = self.recording.watch(where, kinds, physical)

        def add(call: C) -> C:
            self._watched.append((watch, call))
            return call

        return add

    def on_call(self, *where: Code, convention: str = "auto") -> Callable[[C], C]:
        """When a function is about to begin (`Called`), by its address or symbol. `convention`: where its arguments
        are: cdecl (on the stack), regparm (the first three in EAX, EDX, ECX), or auto: regparm in a kernel whose
        symbols are known, else cdecl.
        """
        self._check_resting()
        addresses = self.recording.addresses(where)
        check_convention(convention)

        def add(call: C) -> C:
            self._at_code(addresses, lambda address, view: call(called(self.recording, view, address, convention)))
            return call

        return add

    def on_return(self, *where: Code, convention: str = "auto") -> Callable[[C], C]:
        """When a function has returned (`Returned`, with its call), by its address or symbol. Calls from before `start`
        are not known.
        """
        self._check_resting()
        addresses = self.recording.addresses(where)
        check_convention(convention)

        def add(call: Callable[[Returned], Any]) -> Any:
            running: list[Returns] = []

            def begin(walk: Walk) -> None:
                running[:] = [Returns(walk, call)]
                self._returns.append(running[0])

            self._fresh.append(begin)
            self._at_code(addresses, lambda address, view: running[0].begin(
                called(self.recording, view, address, convention)))  # fmt: skip
            return call

        return add

    def on_interrupt(self, *vectors: Any) -> Any:
        """After each delivery of an interrupt, exception or INT n (`Delivered`): of these vectors, or of any."""
        self._check_resting()
        return _decorator(vectors, vectors_of, self._delivered)

    def on_block(self, *where: Any) -> Any:
        """For each block that is executed, in batches (`Blocks`): arrays, or rows to iterate over. A block begins where
        control comes from elsewhere: by a jump, a call, a delivery. `where`: a range of linear addresses, else all.

        There is no machine to look at, as it has run on when a batch comes; all blocks in front of a moment come before
        the other callbacks of that moment.
        """
        self._check_resting()
        return _decorator(where, _one_range, self._blocks)

    def count_instructions(self) -> InstructionCounts:
        """Have native code count how often each instruction is executed; `run()` fills it. Counts of blocks, and what
        is covered, follow from it.
        """
        self._check_resting()
        self._counts.append(InstructionCounts(self.recording))
        return self._counts[-1]

    def count_memory(self) -> MemoryCounts:
        """Have native code count reads and writes by page of RAM; `run()` fills it. Bus masters are not counted."""
        self._check_resting()
        self._memory_counts.append(MemoryCounts())
        return self._memory_counts[-1]

    def on_event(self, *kinds: Any) -> Any:
        """Before each event of the recording enters (`Happened`): of these kinds, by the names that `playhead log`
        shows, or of any.
        """
        self._check_resting()
        return _decorator(kinds, kinds_of, self._entering)

    def on_syscall(self, *names: Any) -> Any:
        """When a process of a Linux guest makes a system call (`SystemCall`): one of these, by name or number, or any.
        Raises UnknownKernel where the guest's kernel is not understood.
        """
        self._check_resting()
        return _decorator(names, numbers_of, self._system_calls().entering)

    def on_syscall_return(self, *names: Any) -> Any:
        """When a system call goes back to its process (`SystemReturn`, with the call). Calls from before `start` are
        not known.
        """
        self._check_resting()
        return _decorator(names, numbers_of, self._system_calls().returning)

    def _system_calls(self) -> SystemCalls:
        if self._linux is None:
            linux = self._linux = SystemCalls(self.recording)
            self._at_code(linux.addresses, linux.at)
            self._fresh.append(lambda walk: linux.begin())
        return self._linux

    def _check_resting(self) -> None:
        if self._walk is not None:
            raise UsageError("this replay is running: say what it is to tell before run()")

    def _at_code(self, addresses: Iterable[int], call: AtCode) -> None:
        for address in addresses:
            self._at.setdefault(address, []).append(call)

    # running

    def stop(self) -> None:
        """From a callback: end the replay when the callbacks of this moment have been called; from one of `on_block`:
        soon.
        """
        self._stopped = True
        if self._walk is not None:
            self._walk.stop()

    def run(self, *, compare: bool = False) -> Replay:
        """Replay from `start` to `end`. What a callback raises ends it, and comes out of here; the recording stays
        usable, and this can be run again. `compare`: compare all digests and all output on the way with the
        recording's, as `playhead replay` does; raises DivergenceError. Ctrl-C ends it with KeyboardInterrupt.
        """
        if self._walk is not None:
            raise UsageError("this replay is running already")
        self._stopped, self._returns = False, []
        walk = self._walk = Walk(self.recording, self.start, self.end)
        walk.breakpoints, walk.watches = set(self._at), [watch for watch, _ in self._watched]
        walk.compare = compare
        if self._delivered:
            walk.vectors = {vector for vectors, _ in self._delivered for vector in vectors}
        if self._entering:
            wanted = {name for names, _ in self._entering for name in names}
            walk.events = (one for one in self.recording.reader.entries() if one.event.KIND.name in wanted)
        if self._blocks or self._counts:
            calls = [(where, walk.guarded(call)) for where, call in self._blocks]
            walk.taps.append(Probing(self._counts, calls))
        if self._memory_counts:
            walk.taps.append(PageCounting(self._memory_counts))
        for begin in self._fresh:
            begin(walk)
        stops = iter(walk)
        try:
            for stop in stops:
                self._tell(stop, walk)
                if self._stopped:
                    break
        finally:
            stops.close()  # type: ignore[attr-defined]
            self._walk = None
        return self

    def _tell(self, stop: StopLike | Entry, walk: Walk) -> None:
        view = walk.view()
        if isinstance(stop, Entry):
            self._enters(stop, view)
            return
        if stop.delivery is not None:
            self._was_delivered(stop.delivery, view)
        for access in stop.accesses:
            self._was_accessed(access, view)
        if stop.kind == "break":
            address = view.pc
            for returns in self._returns:
                if address in returns:
                    returns.at(address, view)
            for call in tuple(self._at.get(address, ())):
                call(address, view)

    def _enters(self, entry: Entry, view: MachineView) -> None:
        kind = entry.event.KIND.name
        for kinds, call in self._entering:
            if kind in kinds:
                call(Happened(entry.moment, view.virtual_ns, kind, entry.event, view))

    def _was_delivered(self, delivery: Any, view: MachineView) -> None:
        for vectors, call in self._delivered:
            if delivery.vector in vectors:
                call(Delivered(view.moment, view.virtual_ns, delivery.vector, delivery.kind, delivery.error, view.pc,
                               view))  # fmt: skip

    def _was_accessed(self, access: Access, view: MachineView) -> None:
        value: bytes | None = None
        for watch, call in self._watched:
            if access.touches(watch):
                if value is None:
                    value = look.seen(view._machine, access.address, access.size, access.physical)
                write = bool(access.kind & WRITE)
                call(Touched(view.moment, view.virtual_ns, access.address, access.size, write, value, access.by,
                             access.physical, view))  # fmt: skip


def _one_range(where: tuple[Any, ...]) -> range | None:
    if len(where) > 1 or not all(isinstance(one, range) and one.step == 1 for one in where):
        raise UsageError("blocks are told of everywhere, or in one range of addresses")
    return where[0] if where else None


def _decorator(given: tuple[Any, ...], meant: Callable[[Any], Any], calls: list[Any]) -> Any:
    """For decorators that may be written with or without arguments: `@r.on_event`, `@r.on_event("ASYNC_NET")`."""
    bare = len(given) == 1 and callable(given[0])
    which = meant(() if bare else given)

    def decorate(call: C) -> C:
        calls.append((which, call))
        return call

    return decorate(given[0]) if bare else decorate
