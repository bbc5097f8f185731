"""Where the time of a run goes: a profile, taken beside the machine without its knowing.

Three sources. What native code counts anyhow (`S.COUNTS`). A clock around each stretch of native code, each digest and
each checkpoint; what is left of the thread's time is Python's. And samples of where the guest is: runs are cut at
random distances in instructions, which changes nothing (a run may end anywhere), so that two profiles of one recording
have the same samples. They weigh instructions, not time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from playhead.engine.llvm.layout import CUT_WORK
from playhead.machine.machine import Machine
from playhead.x86 import state as S

if TYPE_CHECKING:
    from playhead.engine.llvm.tier2.tier import Tier2

DISTANCE = 1 << 19  # instructions between two samples, on average
MULTIPLIER, INCREMENT, MASK = 6364136223846793005, 1442695040888963407, (1 << 64) - 1  # Knuth's generator

EXITS = {
    S.EXIT_NONE: "budget (an alarm, a digest, a sample)", S.EXIT_HALT: "HLT", S.EXIT_PORT_READ: "port read",
    S.EXIT_PORT_WRITE: "port write", S.EXIT_MMIO_READ: "register read", S.EXIT_MMIO_WRITE: "register write",
    S.EXIT_INTR_WINDOW: "interrupt window", S.EXIT_TRIPLE: "triple fault", S.EXIT_REFERENCE: "reference evaluator",
    S.EXIT_DELIVERIES: "many exceptions", S.EXIT_CPU_WRITE: "processor's own register",
    S.EXIT_SYNC: "kick, or an alarm for Python",
    S.EXIT_ARENA: "code area full", S.EXIT_BREAK: "breakpoint", S.EXIT_WATCH: "watchpoint",
    S.EXIT_FROZEN: "x87 exception", S.EXIT_REARM: "debug registers", S.EXIT_HEAT: "code to be compiled",
    S.EXIT_TRACE: "trace full", S.EXIT_TOLD: "a delivery that is told of",
}  # fmt: skip
ACCESSES = {S.EXIT_PORT_READ, S.EXIT_PORT_WRITE, S.EXIT_MMIO_READ, S.EXIT_MMIO_WRITE}
READS = {S.EXIT_PORT_READ: "port", S.EXIT_MMIO_READ: "memory"}
WRITES = {S.EXIT_PORT_WRITE: "port", S.EXIT_MMIO_WRITE: "memory"}


class Access(NamedTuple):
    """An access to a device that Python was asked for. `space`: port or memory."""

    space: str
    write: bool
    address: int


class Place(NamedTuple):
    """Where a sample was: a linear address, in user mode or not."""

    user: bool
    linear: int


class Profile:
    """Profiles the machine that `attach` is given, until `stop`. `clock_ns` reads the thread's processor time."""

    def __init__(self, clock_ns: Callable[[], int], distance: int = DISTANCE):
        self._clock_ns, self._distance = clock_ns, distance
        self._random = 1
        self.attached = False
        self.tier2: Tier2 | None = None
        self.native_ns = self.digest_ns = self.checkpoint_ns = self.total_ns = 0
        self.tier2_ns = self.instructions = 0
        self.compiled = self.interpreted = 0  # samples of which that is known
        self.exits: Counter[int] = Counter()
        self.accesses: Counter[Access] = Counter()
        self.samples: Counter[Place] = Counter()
        self.counts: dict[str, int] = {}

    def attach(self, machine: Machine) -> Machine:
        """Begin. To be called before the machine has run."""
        self.machine, core = machine, machine.core
        self._core, self._c32, self._c64 = core, core.c32, core.c64
        self._i = {n: S.offset(n) // (f.bits // 8) for n, f in S.FIELDS.items()}
        self._before = self._counted()
        self._next = core.get("icount") + self._ahead()
        engine: Any = machine.engine
        if machine.engine_name == "native":
            engine.around_native(self._timed_native)
            self.tier2 = engine.tier2
            if self.tier2 is not None:
                self.tier2.clock = lambda: self._clock_ns() / 1e9
        else:
            engine.run = self._timed("native_ns", engine.run)
        engine.run = self._sampled(engine.run)
        timed: Any = machine  # its methods are replaced, in this machine alone
        timed.digest_parts = self._timed("digest_ns", machine.digest_parts)
        timed.take_checkpoint = self._timed("checkpoint_ns", machine.take_checkpoint)
        self.attached, self._began_ns = True, self._clock_ns()
        return machine

    def stop(self) -> None:
        """The end: from here on the figures are there."""
        self.total_ns = self._clock_ns() - self._began_ns
        self.counts = {name: n - self._before[name] for name, n in self._counted().items()}
        if self.tier2 is not None:
            self.tier2_ns = int(self.tier2.seconds * 1e9)

    def _counted(self) -> dict[str, int]:
        """What native code has counted until now."""
        found = {name: self._core.get("counts", n) for n, name in enumerate(S.COUNTS)}
        return found | {name: self._core.get(name) for name in ("blocks_decoded", "blocks_voided")}

    @property
    def python_ns(self) -> int:
        return self.total_ns - self.native_ns - self.digest_ns - self.checkpoint_ns - self.tier2_ns

    # what is put around what

    def _timed(self, name: str, inner: Callable[..., Any]) -> Callable[..., Any]:
        clock_ns = self._clock_ns

        def around(*arguments: Any) -> Any:
            began_ns = clock_ns()
            try:
                return inner(*arguments)
            finally:
                setattr(self, name, getattr(self, name) + clock_ns() - began_ns)

        return around

    def _timed_native(self, inner: Callable[..., None]) -> Callable[..., None]:
        """Each stretch of native code, and why it ended."""
        clock_ns, c32, reason, exits = self._clock_ns, self._c32, self._i["exit_reason"], self.exits

        def around(*arguments: Any) -> None:
            began_ns = clock_ns()
            inner(*arguments)
            self.native_ns += clock_ns() - began_ns
            exits[c32[reason]] += 1

        return around

    def _sampled(self, inner: Callable[[int], None]) -> Callable[[int], None]:
        """`engine.run`, cut where a sample is due; which device it ended for is noted."""
        c32, c64, icount, reason = self._c32, self._c64, self._i["icount"], self._i["exit_reason"]
        most, cut = 2 * self._distance, self._i["work"] + CUT_WORK
        moved_on, own_end = self._i["moved_on"], self._i["own_end"]

        def around(budget: int) -> None:
            begin, own = c64[icount], c64[own_end]
            end = begin + budget
            while True:
                target, next_ = end, self._next
                if next_ - begin > most:  # the machine was put into an earlier state
                    next_ = self._next = begin + self._ahead()
                sample = max(next_, begin + 1)
                if sample <= max(target, own):
                    c64[cut] = 0
                target, c64[own_end] = min(target, sample), min(own, sample)
                inner(target - begin)
                now, why = c64[icount], c32[reason]
                self.instructions += now - begin
                if now >= next_:
                    self._sample()
                if why in ACCESSES:
                    self._accessed(why)
                if c32[moved_on]:  # past alarms: only the machine knows how far it may go on
                    c32[reason] = why or S.EXIT_SYNC
                    return
                if why or now < target or target == end:
                    return
                begin = now

        return around

    def _sample(self) -> None:
        linear = (self._c32[self._i["eip"]] + self._core.seg("cs", "base")) & 0xFFFFFFFF
        self.samples[Place(self._c32[self._i["cpl"]] == 3, linear)] += 1
        block = self._core.get("work", CUT_WORK) if self.tier2 is not None else 0
        if self.tier2 is not None and block:  # the sample is in it, not at its beginning
            compiled = self.tier2.has_code(block)
            self.compiled += compiled
            self.interpreted += not compiled
        self._next = self._c64[self._i["icount"]] + self._ahead()

    def _ahead(self) -> int:
        """Instructions to the next sample: random, so that no period of the guest's can hide from them."""
        self._random = (self._random * MULTIPLIER + INCREMENT) & MASK
        return 1 + (self._random >> 33) % (2 * self._distance)

    def _accessed(self, reason: int) -> None:
        c32, c64, i = self._c32, self._c64, self._i
        if reason in READS:
            self._note(READS[reason], False, c64[i["exit_info"]] & 0xFFFFFFFF)
        for n in range(c32[i["store_n"]] if reason in WRITES else 0):
            self._note(WRITES[reason], True, c64[i["stores"] + 2 * n] & 0xFFFFFFFF)

    def _note(self, kind: str, write: bool, address: int) -> None:
        self.accesses[Access(kind, write, address)] += 1

    def device(self, access: Access) -> str:
        """Who answers there now; nothing if nobody does."""
        space = self.machine.board.io if access.space == "port" else self.machine.memory.mmio
        found = space.find(access.address)
        return found.name if found is not None else ""
