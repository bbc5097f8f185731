"""The machine: a board and a processor, run to exact moments.

`run` goes from boundary to boundary. At a boundary, in this order: alarms that are due, by (deadline, number); then
NMI; then an external interrupt, if the processor takes one. Between boundaries the engine runs exactly as many
instructions as fit before the next alarm; the native engine passes boundaries by itself where all that happens there is
declared (engine/llvm/boundaries.py). An instruction that touches a device ends the engine's run: a read asks first
and then completes, alone; a write happens after its instruction; either way a boundary follows, because a device may
have raised a line or armed an alarm.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from playhead.base.record import BytesLike
from playhead.boards import pc, pc_memory
from playhead.boards.config import PcConfig
from playhead.engine.core import Core
from playhead.hw.block import Drive
from playhead.hw.clock import NEVER, VirtualClock
from playhead.hw.device import Device
from playhead.hw.memory import PAGE, Memory
from playhead.hw.space import Space
from playhead.log.hot_blocks import MOST, HotBlock
from playhead.machine import checkpoint, storage, tracing
from playhead.machine.debug import Access, Debug, Delivery
from playhead.machine.device_table import DeviceTable
from playhead.machine.digest import PartDigests, hash_of
from playhead.machine.noted_digests import NotedDigests
from playhead.machine.page_counts import PageCounts
from playhead.machine.parts import M64, MachineState, Parts
from playhead.machine.probes import Probes
from playhead.x86 import reset as x86_reset
from playhead.x86 import state as S

SLICE = {"native": 1 << 21, "reference": 1 << 14}  # instructions between two checks of `kick`
SHORT = 1 << 14  # while a kick is expected soon
DELIVERIES = 1 << 14  # of exceptions, likewise
ENGINES = ("native", "reference")


class Stop(NamedTuple):
    """Why `run` returned: budget, halted (then `deadline_ns`), shutdown and reset (then `cause`, `status`), suspend,
    wakeup (then `cause` is the reason), kick, input (a device can take some again); and where `debug` is armed: break
    (a breakpoint's instruction is next), watch (then `accesses`), delivery (then `delivery`; a watch may have both).
    """

    kind: str
    deadline_ns: int = NEVER
    cause: str = "none"
    status: int = 0
    accesses: tuple[Access, ...] = ()
    delivery: Delivery | None = None


class _Requests:
    """Requests that devices make of the machine. Of several at one moment the one that goes furthest is met."""

    WEIGHT = ("suspend", "wakeup", "reset", "shutdown")

    def __init__(self) -> None:
        self.stop: Stop | None = None
        self.wakes: Callable[[str], bool] = lambda reason: False

    def _ask(self, stop: Stop) -> None:
        if self.stop is None or self.WEIGHT.index(self.stop.kind) < self.WEIGHT.index(stop.kind):
            self.stop = stop

    def reset(self, cause: str) -> None:
        self._ask(Stop("reset", cause=cause))

    def shutdown(self, cause: str, status: int = 0) -> None:
        self._ask(Stop("shutdown", cause=cause, status=status))

    def suspend(self) -> None:
        self._ask(Stop("suspend"))

    def wake_up(self, reason: str) -> None:
        if self.wakes(reason):
            self._ask(Stop("wakeup", cause=reason))


class _HostClock:
    """The host clock as chips see it: through the session's door, which records it."""

    def __init__(self, door) -> None:
        self._door = door

    def read_ns(self) -> int:
        return self._door.host_clock_ns()


class _Outputs:
    """What the board needs of the outside."""

    def __init__(self, door: Any, behind: storage.Storage | None):
        self.ends: Mapping[str, Any] = door.ends
        self.drives: Sequence[Drive] = list(behind.drives if behind else getattr(door, "drives", ()))


class Machine(Parts):
    """A PC made from `config`. `door` is where host clock reads come from and serial output goes, and what is after
    the storage (`disks`).

    `engine`: native or reference; it may be changed at any moment (`use_engine`), the machine is the same. `tier2`:
    whether the native one compiles hot code (engine/llvm/tier2/switch.py); by default as the environment says.
    """

    def __init__(self, config: PcConfig, door, engine: str = "native", shift: int = 3, tier2: str | None = None):
        self.config = config
        self.memory = Memory(pc_memory.area_size(config) + PAGE)  # fetches may read a little over the end
        self.core = Core(self.memory)
        self.clock = VirtualClock(self)
        self.requests = _Requests()
        self.state = MachineState()
        self.kicked = ""  # the kind of stop that was asked for
        self.on_delivery: Callable[[str, int | None], None] | None = None  # ("interrupt" or "exception", vector)
        self.tap: tracing.Tap | None = None
        self.on_alarms: Callable[[], None] | None = None  # called in front of alarms that ring
        self._i = {n: S.offset(n) // (f.bits // 8) for n, f in S.FIELDS.items()}
        self._c32, self._c64 = self.core.c32, self.core.c64
        self._c32[self._i["shift"]] = shift
        self.memory.a20_changed = self._a20
        self._engines: dict = {}
        self._tier2 = tier2
        self.probes = Probes(self.core)
        self.page_counts = PageCounts(self.core, self.memory)
        self.use_engine(engine)
        self.storage = storage.of(config.drives, door)
        outputs = _Outputs(door, self.storage)
        self.board = pc.Board(config, self.clock, self.memory, _HostClock(door), self.requests, outputs)
        if self.storage is not None:
            self.board.devices[self.storage.name] = self.storage  # the last one
            self.storage.connect(self.board)
        self._outlets = [device.outlet for device in self.board.devices.values() if device.outlet is not None]
        self._table = DeviceTable(self.core, self.board.io, self.memory.mmio, self.clock, self.board.lapic.interrupts)
        self.board.ask_ignne = self._ignne
        self.requests.wakes = self.board.wakes
        self._power_on()
        self.debug = Debug(self.core, self.memory)
        self._part_digests: PartDigests | None = None
        self._noted: NotedDigests | None = None

    def use_engine(self, name: str) -> None:
        self.engine_name = name
        if name not in self._engines:
            if name == "native":
                from playhead.engine.llvm.engine import NativeEngine

                self._engines[name] = NativeEngine(self.core, self._tier2)
            else:
                from playhead.engine.reference import ReferenceEngine

                self._engines[name] = ReferenceEngine(self.core)
        self.engine = self._engines[name]
        self.probes.use(self.engine)
        self._slice = SLICE[name]
        self.core.stale = True

    @property
    def hot_blocks(self) -> list[HotBlock]:
        """Where the guest spent its time, as far as that is known. What is assigned to it is compiled first."""
        tier2 = getattr(self._engines.get("native"), "tier2", None)
        if not tier2:
            return []
        tier2.poll()  # what native code has told of since
        return [HotBlock(*block) for block in tier2.hottest.blocks(MOST)]

    @hot_blocks.setter
    def hot_blocks(self, blocks: Sequence[HotBlock]) -> None:
        tier2 = getattr(self._engines.get("native"), "tier2", None)
        if tier2:
            tier2.hottest.expected = {(block.address, block.mode): block.entries for block in blocks}

    @property
    def devices(self) -> dict[str, Device[Any]]:
        """All that has state on the board, by name: input from outside goes to one of these."""
        return self.board.devices

    def kick(self) -> None:
        """From any thread: make `run` return soon (`kick`)."""
        self.kicked = "kick"
        self._c32[self._i["kick"]] = 1

    def take_input(self) -> None:
        """From a device, inside `run`: make it return right after the instruction under way (`input`)."""
        self.kicked = self.kicked or "input"
        self._c32[self._i["kick"]] = 1

    # reset

    def _power_on(self) -> None:
        x86_reset.reset(self.core, model=self.config.cpu)
        registers = self.board.start()
        if registers is not None:
            x86_reset.linux_entry(self.core, registers)

    def reset(self) -> None:
        """The reset line: every chip and the processor; RAM stays."""
        if self.tap is not None:
            self.tap.resetting()
        for alarm in self.clock.alarms:
            alarm.cancel()
        self.board.reset()
        self._power_on()
        self._goes_on()

    def _goes_on(self) -> None:
        """What was asked for has been done: a moment of its own."""
        self._c64[self._i["seq"]] += 1
        self.requests.stop = None

    # suspend to RAM

    @property
    def suspended(self) -> bool:
        return self.board.suspended

    def suspend(self) -> None:
        """The processor stops; whatever else has a clock goes on, and time does."""
        self.board.suspend()
        self._c32[self._i["halted"]] = 1
        self._goes_on()

    def wake_up(self, reason: str) -> None:
        """A reset of all but memory, from which firmware, or the board in its place, goes back to where the system
        wants to be continued.
        """
        for alarm in self.clock.alarms:
            alarm.cancel()
        self.board.power_back()
        vector = self.board.resume(reason)
        if vector is None:
            self._power_on()
        else:
            x86_reset.reset(self.core, model=self.config.cpu)
            x86_reset.real_mode_entry(self.core, vector)
        self._goes_on()

    def _a20(self, on: bool) -> None:
        self._c32[self._i["a20_mask"]] = 0xFFFFFFFF if on else 0xFFEFFFFF
        self.core.stale = True

    # running

    def run(self, until_icount: int, until_seq: int = 0) -> Stop:
        """Run until the moment is (until_icount, until_seq) or later, or stop earlier and say why.

        It stops before the boundary of its moment: what is due then belongs to the next call. Where it stops
        changes nothing.
        """
        c32, c64, i = self._c32, self._c64, self._i
        while True:
            if self.debug.armed and self.debug.met():
                accesses, delivery = tuple(self.debug.accesses()), self.debug.delivery()
                if accesses or delivery:
                    return Stop("watch" if accesses else "delivery", accesses=accesses, delivery=delivery)
            icount = c64[i["icount"]]
            if icount > until_icount or (icount == until_icount and c64[i["seq"]] >= until_seq):
                asked = self.requests.stop is not None  # an input has woken it: it sleeps no longer
                return (None if asked else self._asleep()) or Stop("budget")
            if self.requests.stop is not None:
                stop, self.requests.stop = self.requests.stop, None
                return stop
            if self.kicked:
                c32[i["kick"]] = 0
                kind, self.kicked = self.kicked, ""
                return Stop(kind)
            if self._boundary():
                continue
            asleep = self._asleep()
            if asleep is not None:
                return asleep
            traced = self.on_delivery is not None or (self.tap is not None and self.tap.deliveries)
            own_end = 0
            if icount < until_icount:
                most, deliveries = min(until_icount - icount, self._most()), DELIVERIES
                budget = min(most, self._to_next_alarm())
                if not traced and self.on_alarms is None:
                    own_end = icount + most
            else:
                budget, deliveries = 1, min(until_seq - c64[i["seq"]], DELIVERIES)
            c32[i["deliveries"]] = deliveries
            c32[i["intr_pending"]] = self._wanted()
            c64[i["own_end"]] = own_end
            if traced:
                self._traced_run(budget)
            else:
                self._engine_run(budget)
            if c32[i["exit_reason"]] == S.EXIT_BREAK:
                self.debug.skip_here()
                if self.debug.is_breakpoint(self.pc()):
                    return Stop("break")

    def pc(self) -> int:
        """The linear address of the next instruction."""
        return (self._c32[self._i["eip"]] + self.core.seg("cs", "base")) & 0xFFFFFFFF

    def _asleep(self) -> Stop | None:
        """`halted` if the CPU is, and nothing that is pending now will wake it."""
        c32, i = self._c32, self._i
        suspended = c32[i["halted"]] and self.board.suspended
        awake = not c32[i["halted"]] or c32[i["fault_pending"]] or self._nmi()
        if not suspended and (awake or (self.board.intr.level and c32[i["eflags"]] & S.IF)):
            return None
        now, deadline = self.now_ns(), self.clock.next_deadline_ns()
        if deadline <= now and (self.icount, now) == (self.state.rung_icount, self.state.rung_ns):
            deadline = now + 1  # re-armed in the past: it rings again as soon as time has moved at all
        return Stop("halted", deadline_ns=deadline) if deadline > now else None

    def _nmi(self) -> bool:
        """Whether an NMI is pending that the processor does not block."""
        return self.board.nmi_pending() and not self._c32[self._i["nmi_blocked"]]

    def _wanted(self) -> int:
        """What the engine is to end its run for as soon as the processor takes it."""
        intr = S.PENDING_INTR if self.board.intr.level else 0
        return intr | (S.PENDING_NMI if self.board.nmi_pending() else 0)

    def _most(self) -> int:
        """Instructions between two checks of `kicked`: few while the end of a request to a drive is expected."""
        return SHORT if self.storage is not None and self.storage.backing.busy else self._slice

    def _to_next_alarm(self) -> int:
        """Instructions until the next alarm is due, at least one."""
        left_ns = self.clock.next_deadline_ns() - self.now_ns()
        shift = self._c32[self._i["shift"]]
        return max((left_ns + (1 << shift) - 1) >> shift, 1)

    def _boundary(self) -> bool:
        """Ring what is due and inject what is pending; True if the moment moved on, so that everything is checked
        again."""
        c32, c64, i, state = self._c32, self._c64, self._i, self.state
        icount, now = c64[i["icount"]], self.now_ns()
        if (icount, now) != (state.rung_icount, state.rung_ns):
            if self.clock.next_deadline_ns() <= now:
                state.rung_icount, state.rung_ns = icount, now
                if self.on_alarms is not None:
                    self.on_alarms()
                self.clock.ring(now)
                c64[i["seq"]] += 1
                return True
        if c32[i["fault_pending"]] or (c32[i["halted"]] and self.board.suspended):
            return False
        if self._nmi() and c64[i["inhibit_icount"]] != icount:
            self.board.take_nmi()
            c32[i["nmi_blocked"]] = 1
            self._inject(S.NMI_VECTOR)
            return False
        if self.board.intr.level and c32[i["eflags"]] & S.IF and c64[i["inhibit_icount"]] != icount:
            self._inject(self.board.acknowledge())
        return False

    def _inject(self, vector: int) -> None:
        c32, i = self._c32, self._i
        c32[i["halted"]] = 0
        c32[i["fault_vector"]], c32[i["fault_error"]], c32[i["fault_soft"]], c32[i["fault_nest"]] = vector, 0, 2, 0
        c32[i["fault_pending"]] = 1

    def _traced_run(self, budget: int) -> None:
        """Like `_engine_run`, but it ends after the first delivery and reports it. (An interrupt whose delivery
        faults is not delivered; what is then pending is an exception. A task switch moves `seq` on too; it is neither.)
        """
        c32, c64, i = self._c32, self._c64, self._i
        interrupt, pending = c32[i["fault_soft"]] == 2, c32[i["fault_pending"]]
        vector: int | None = c32[i["fault_vector"]]
        before = c64[i["icount"]], c64[i["seq"]]
        c32[i["deliveries"]] = 1
        self._engine_run(budget)
        delivered = c32[i["exit_reason"]] != S.EXIT_FROZEN and c64[i["seq"]] != 0
        if delivered and (c64[i["icount"]], c64[i["seq"]]) != before:
            if not pending:  # it was raised in this run; the trap of a task's T bit has taken its place since
                vector = None if c32[i["fault_pending"]] else c32[i["fault_vector"]]
            if vector is None or vector < 256:
                for told in (self.on_delivery, self.tap.delivered if self.tap is not None else None):
                    if told is not None:
                        told("interrupt" if pending and interrupt else "exception", vector)

    def _engine_run(self, budget: int) -> None:
        """Run the engine and serve what it asks for; an instruction that waits for a device is completed before this
        returns."""
        c32, c64, i = self._c32, self._c64, self._i
        end = c64[i["icount"]] + budget
        if self.engine_name == "native":  # the other engine asks the devices themselves
            self._table.update()
            c64[i["rung_icount"]], c64[i["rung_ns"]] = self.state.rung_icount & M64, self.state.rung_ns & M64
        while True:
            before = c64[i["icount"]]
            self.engine.run(budget)
            if c32[i["moved_on"]]:
                end = c64[i["icount_end"]]
                self._moved_on()
            for outlet in self._outlets:
                outlet.drain()
            reason = c32[i["exit_reason"]]
            if reason in (S.EXIT_PORT_READ, S.EXIT_MMIO_READ):
                info = c64[i["exit_info"]]
                space = self.board.io if reason == S.EXIT_PORT_READ else self.memory.mmio
                n, deadline = c32[i["latch_n"]], self.clock.next_deadline_ns()
                c64[i["latch"] + n] = self._read(space, info & 0xFFFFFFFF, info >> 32)
                c32[i["latch_n"]] = n + 1
                if self._as_before(deadline):
                    most = self._most()
                    budget = min(end - c64[i["icount"]], most)
                    c64[i["own_end"]] = min(c64[i["own_end"]], c64[i["icount"]] + most)
                else:
                    budget, c64[i["own_end"]] = 1, 0
                if self.engine_name == "native":
                    self._table.update()
                continue
            if reason in (S.EXIT_PORT_WRITE, S.EXIT_MMIO_WRITE):
                self._write(self.board.io if reason == S.EXIT_PORT_WRITE else self.memory.mmio)
            elif reason == S.EXIT_TRIPLE:
                c32[i["fault_pending"]] = 0
                c64[i["seq"]] += 1  # a moment of its own: an end that is logged after it is not reached before it
                self.requests.reset("guest-reset")
            elif reason == S.EXIT_FROZEN:
                self._freeze()
            elif reason == S.EXIT_CPU_WRITE:
                self.board.cpu_write(c64[i["exit_info"]], self.core)
            elif reason == S.EXIT_NONE and c64[i["icount"]] - before < budget and not c32[i["fault_pending"]]:
                raise AssertionError("the engine stopped early without a reason")
            return

    def _moved_on(self) -> None:
        """The native engine has passed boundaries, or found one at which it came back: what it has done there."""
        c32, c64, i, state = self._c32, self._c64, self._i, self.state
        c32[i["moved_on"]] = 0
        state.rung_icount, state.rung_ns = _signed(c64[i["rung_icount"]]), _signed(c64[i["rung_ns"]])
        self.board.intr.restore(bool(c32[i["intr_pending"]] & S.PENDING_INTR))

    def _freeze(self) -> None:
        """The processor stops before an x87 instruction, as if it had halted there, and asserts FERR#. It is a
        moment of its own, and the end of a shadow: an interrupt is what it waits for."""
        c32, c64, i = self._c32, self._c64, self._i
        c32[i["halted"]] = 1
        c64[i["seq"]] += 1
        c64[i["inhibit_icount"]] = M64
        if not c32[i["ferr"]]:
            c32[i["ferr"]] = 1
            self.board.fpu_error()

    def _ignne(self) -> None:
        """The board asks for IGNNE#, which it can have while FERR# is asserted."""
        self._c32[self._i["ignne"]] = self._c32[self._i["ferr"]]

    def _as_before(self, deadline_ns: int) -> bool:
        """Whether a read has left all that a run is bounded by as it was: then the run may continue after it. (Such
        reads are what a guest does that polls a timer or a status.)"""
        return (
            self.clock.next_deadline_ns() == deadline_ns
            and self._wanted() == self._c32[self._i["intr_pending"]]
            and self.requests.stop is None
            and not (self.kicked or (self.debug.armed and self.debug.met()))
        )

    @staticmethod
    def _read(space: Space, address: int, size: int) -> int:
        if size in (1, 2, 4):
            return space.read(address, size)
        return sum(space.read((address + n) % space.size, 1) << 8 * n for n in range(size))

    def _write(self, space: Space) -> None:
        c32, c64, i = self._c32, self._c64, self._i
        n, c32[i["store_n"]] = c32[i["store_n"]], 0
        for k in range(n):
            where, value = c64[i["stores"] + 2 * k], c64[i["stores"] + 2 * k + 1]
            address, size = where & 0xFFFFFFFF, where >> 32
            if size in (1, 2, 4):
                space.write(address, size, value & ((1 << 8 * size) - 1))
            else:
                for b in range(size):
                    space.write((address + b) % space.size, 1, value >> 8 * b & 0xFF)

    def tap_into(self, tap: tracing.Tap | None) -> None:
        """Tell this one from now on of what it wants; call it again when that has changed."""
        self.tap = tap
        accesses = tracing.NOTHING if tap is None else tap.accesses
        self._table.ask_python(accesses)
        for space in (self.board.io, self.memory.mmio):
            tracing.unwatch(space)
            if tap is not None and accesses:
                tracing.watch(space, tap.accessed)

    def take_checkpoint(self) -> tuple[dict[str, bytes], dict[int, BytesLike]] | None:
        """The state of every part, and the pages written since the last call (`checkpoint.py`); None while a reset or
        an end that was asked for has not happened, which no part knows of."""
        if self.requests.stop is not None:
            return None
        taken = checkpoint.take(self)
        return taken.parts, taken.pages

    def unsaved_pages(self) -> int:
        """How many pages the next checkpoint would have, as far as the last digest saw."""
        return checkpoint.count_unsaved(self)

    # digests

    def digest_parts(self) -> dict[str, bytes]:
        """The digest of each part, 16 bytes, always the same names in the same order."""
        return self._digests().take()

    def _digests(self) -> PartDigests:
        if self._part_digests is None:
            self._part_digests = PartDigests(self)
        return self._part_digests

    def note_digest(self) -> None:
        """Keep what the digest of now is made from; `noted_digests` makes it."""
        if self._noted is None:
            self._noted = NotedDigests(self, self._digests())
        self._noted.note()

    def noted_digests(self) -> list[dict[str, bytes]]:
        """What `digest_parts` would have given at each `note_digest` since the last call, in order."""
        return [] if self._noted is None else self._noted.take()

    def digest(self) -> bytes:
        """One 16-byte root over all parts."""
        return hash_of(b"".join(self.digest_parts().values()))


def _signed(value: int) -> int:
    return value - (value >> 63 << 64)
