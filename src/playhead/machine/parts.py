"""What a machine is made of, its moment and its virtual time: all that a checkpoint takes and puts back."""

from typing import TYPE_CHECKING, Any, Protocol

from playhead.base.record import I64, Queue, Record
from playhead.boards.pc import Board
from playhead.engine.core import Core
from playhead.hw.clock import VirtualClock
from playhead.hw.memory import Memory
from playhead.machine.debug import Debug
from playhead.machine.storage import Storage

if TYPE_CHECKING:
    from playhead.engine.executed import Consumer, Counts

M64 = (1 << 64) - 1


class MachineState(Record):
    """What belongs to no chip: when alarms last rang, and their deadlines."""

    rung_icount = I64(-1)
    rung_ns = I64(-1)
    deadlines = Queue(I64())


class Taker(Protocol):
    """Who counts and traces what an engine executes."""

    def counts(self) -> "Counts": ...

    def take_counts(self) -> "Counts":
        """The same, and from here on it is counted from 0 again."""
        ...

    def flush(self) -> None:
        """Hand out what a trace holds."""
        ...

    def moved(self) -> None:
        """The machine was put to another moment."""
        ...


class Engine(Protocol):
    """What runs the core. Addresses and pages are those of the memory's backing area."""

    def run(self, budget: int) -> None:
        """Retire `budget` instructions, or fewer: then `exit_reason` says why."""
        ...

    def collect_written(self, pages: int) -> None:
        """Note what was written to the first so many pages in `core.dirty`."""
        ...

    def ram_digest(self, pages: int) -> int: ...

    def tlb_digest(self) -> int: ...

    def probe(self, counting: bool, consumer: "Consumer | None") -> "Taker":
        """Count, and trace to a consumer, what is executed from now on (`machine/probes.py`)."""
        ...

    def probe_no_more(self) -> None: ...


class Parts:
    """The base of `Machine`, which makes the parts and runs them."""

    board: Board
    clock: VirtualClock
    core: Core
    debug: Debug
    engine: Engine
    memory: Memory
    requests: Any
    state: MachineState
    storage: Storage | None
    _c32: memoryview
    _c64: memoryview
    _i: dict[str, int]  # where the processor's fields are in those

    @property
    def icount(self) -> int:
        return self._c64[self._i["icount"]]

    @property
    def seq(self) -> int:
        return self._c64[self._i["seq"]]

    @property
    def shift(self) -> int:
        """An instruction takes 2**shift ns of virtual time."""
        return self._c32[self._i["shift"]]

    def now_ns(self) -> int:
        return (self._c64[self._i["vbias"]] + (self._c64[self._i["icount"]] << self._c32[self._i["shift"]])) & M64

    def warp(self, to_ns: int) -> None:
        """Move a halted CPU's virtual time forward."""
        now = self.now_ns()
        assert to_ns >= now, f"virtual time cannot go back from {now} to {to_ns}"
        self._set_bias(to_ns)

    def set_shift(self, shift: int) -> None:
        now = self.now_ns()
        self._c32[self._i["shift"]] = shift
        self._set_bias(now)

    def _set_bias(self, now_ns: int) -> None:
        """Virtual time is `now_ns`. The bias may be negative as a number: it is kept modulo 2**64."""
        self._c64[self._i["vbias"]] = (now_ns - (self.icount << self.shift)) & M64

    def count_from(self, icount: int, seq: int) -> None:
        """Say that the moment is this one, whatever it was; virtual time stays. What the guest's state says in counted
        instructions is moved along, so it cannot tell (`checkpoint.restore_here`).
        """
        now, moved = self.now_ns(), icount - self.icount
        for name, value in (("icount", icount), ("seq", seq)):
            self._c64[self._i[name]] = value
        self._set_bias(now)
        for name in ("inhibit_icount", "nodebug_icount"):
            if self._c64[self._i[name]] != M64:  # that is none
                self._c64[self._i[name]] = (self._c64[self._i[name]] + moved) & M64
        if self.state.rung_icount >= 0:
            self.state.rung_icount += moved
        self.debug.tell_nothing_here()
