"""The machine at a moment of a recording, which can be moved in place, forwards and backwards."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playhead.api.interrupts import moving
from playhead.api.machine_view import MachineView
from playhead.api.rows import Row, html_table
from playhead.api.source import Code, Place, Source, Watched
from playhead.base.errors import PlayheadError, UsageError
from playhead.log.moment import Moment as Instant
from playhead.machine.debug import READ, WRITE, Access
from playhead.machine.machine import Machine
from playhead.session.track import Stopped
from playhead.timeline.frames import Moves
from playhead.timeline.timeline import Found, Timeline

CONTEXT = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")


@dataclass(frozen=True)
class Accessed(Row):
    """An access to memory that was watched. `kinds`: r, w or rw. `by`: cpu, page walk, or a bus master's name."""

    address: int
    size: int
    kinds: str
    by: str
    physical: bool

    @classmethod
    def of(cls, access: Access) -> Accessed:
        kinds = ("r" if access.kind & READ else "") + ("w" if access.kind & WRITE else "")
        return cls(access.address, access.size, kinds, access.by, access.physical)


@dataclass(frozen=True)
class Arrival(Row):
    """How a movement has ended. `reason`: break, watch (then `accesses`), step (done), goal (the limit), start or end
    (of the recording). `address`: linear, of the next instruction.
    """

    reason: str
    moment: Instant
    virtual_ns: int
    address: int
    accesses: tuple[Accessed, ...] = ()


@dataclass(frozen=True)
class Facts(Row):
    """What a notebook shows of a moment."""

    moment: Instant
    virtual_ns: int
    mode: str
    address: int
    instruction: str
    registers: str


class Moment(MachineView):
    """A `MachineView` that moves. Each has a machine of its own (some 60 MB and the memory that the guest has written),
    so several may be compared; `close` it, or use `with`, to give the machine to the next one.

    All movements raise UsageError when it or its recording was closed. Ctrl-C ends one at a proper moment, with
    KeyboardInterrupt; the moment can be used and moved further.
    """

    def __init__(self, recording: Source, line: Timeline):
        super().__init__()
        self.recording = recording
        self._line: Timeline | None = line
        self._end = weakref.finalize(self, recording.give_back, line)
        self._end.atexit = False

    @property
    def _machine(self) -> Machine:
        return self._timeline.machine

    @property
    def _timeline(self) -> Timeline:
        if self._line is None:
            raise UsageError("this moment has been closed")
        return self._line

    @contextmanager
    def _moving(self, what: str = "looking") -> Iterator[Timeline]:
        line = self._timeline
        self.recording.check_open()
        with moving(line, what):
            yield line

    # moving

    def step(self, count: int = 1) -> Moment:
        """Over so many instructions; the delivery of an interrupt or exception before one is a step of its own, which
        leads to its handler. Ends at the end of the recording.
        """
        with self._moving() as line:
            line.steps(_positive(count))
        return self

    def back(self, count: int = 1) -> Moment:
        """So many steps backwards, to the start at most."""
        with self._moving() as line:
            line.steps_back(_positive(count))
        return self

    def run_to(self, where: Place) -> Moment:
        """To another moment, before or behind this one. Raises NoSuchMoment, and UsageError for what is no moment."""
        goal = self.recording.where(where)
        with self._moving() as line:
            line.find(goal)
        return self

    def continue_(self, *breakpoints: Code, watch: Watched | Iterable[Watched] = (), reverse: bool = False,
                  limit: Place | None = None,
                  condition: Callable[[MachineView], bool] | None = None) -> Arrival:  # fmt: skip
        """To the next breakpoint or watched access, to `limit` (a moment), or to the end; `reverse`: backwards.

        A breakpoint is a linear address, a symbol or a range of addresses; it counts if `condition` says so of this
        moment; what that raises comes out of here, with the moment where it was. What is watched is an address (of a
        byte), a symbol (four bytes) or a range, alone (reads and writes) or with kinds: `watch=(range(a, a + 4), "w")`;
        a list has several. Forwards a watch ends behind the access, backwards before it.
        """
        addresses = self.recording.addresses(breakpoints) if breakpoints else []
        watches = self.recording.watches(watch) if watch != () else []  # type: ignore[arg-type]
        goal = None if limit is None else self.recording.instant(limit)
        if goal is not None and (goal > self.moment if reverse else goal < self.moment):
            raise UsageError(f"the limit {goal} is {'behind' if reverse else 'before'} {self.moment}")
        with self._moving("searching" if reverse else "running") as line, self._condition(line, condition):
            line.watch(addresses, watches)
            try:
                return self._arrival(line.reverse_cont(goal) if reverse else line.cont(goal))
            finally:
                line.watch((), ())

    @contextmanager
    def _condition(self, line: Timeline, condition: Callable[[MachineView], bool] | None) -> Iterator[None]:
        if condition is None:
            yield
            return
        before, here = (line.break_when, line.conditional), line.moment
        line.break_when, line.conditional = lambda address: bool(condition(self)), lambda: True
        try:
            yield
        except (Stopped, PlayheadError):
            raise
        except Exception:  # the condition's: it was asked in the middle of a search
            line.player.met = None
            line.seek(here)
            raise
        finally:
            line.break_when, line.conditional = before

    def next(self, count: int = 1, *, reverse: bool = False) -> Arrival:
        """Steps that take a CALL, an INT or a repeated string instruction as one, and an interrupt as none."""
        with self._moving() as line:
            moves = Moves(line)
            return self._arrival(moves.next_back(_positive(count)) if reverse else moves.next(_positive(count)))

    def finish(self) -> Arrival:
        """To behind the RET or IRET of the function that the processor is in; "step" when that was reached."""
        with self._moving() as line:
            return self._arrival(Moves(line).finish())

    def up(self) -> Arrival:
        """Backwards to the CALL that called this function, or before the interrupt whose handler this is. Raises
        UsageError if the function does not return before the recording ends.
        """
        with self._moving() as line:
            return self._arrival(Moves(line).reverse_finish())

    def _arrival(self, found: Found) -> Arrival:
        accesses = tuple(map(Accessed.of, found.accesses))
        return Arrival(found.reason, self.moment, self.virtual_ns, self.pc, accesses)

    # its life

    @property
    def closed(self) -> bool:
        return self._line is None

    def close(self) -> None:
        """Give its machine back. What has been read of it stays."""
        self._line = None
        self._end()

    def __enter__(self) -> Moment:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return "<Moment, closed>" if self.closed else super().__repr__()

    def _repr_html_(self) -> str:
        if self.closed:
            return "<p>a moment that was closed</p>"
        instruction = next(iter(self.disassemble()), None)
        registers = " ".join(f"{name}={self.regs[name]:08x}" for name in CONTEXT)
        shown = Facts(self.moment, self.virtual_ns, self.mode, self.pc, str(instruction or "(no memory)"), registers)
        return html_table([shown])


def _positive(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise UsageError(f"a number of steps is 0 or more, not {count!r}")
    return count
