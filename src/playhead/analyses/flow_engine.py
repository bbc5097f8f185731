"""Engines that carry shadows, and that write down what an instruction reads; and the flows within one instruction.

Both are the reference engine: the same order, the same faults, the same state. So a machine may be given to them at any
moment and taken back at any other (`on_engine`), and no digest changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from playhead.analyses.flow_code import LOG, REPLAY, SHADOW, FlowWorld, Handlers
from playhead.analyses.places import EIP, MEMORY, ZERO
from playhead.analyses.shadows import Maybe, Shadow, shifted, spread, union
from playhead.engine.core import Core
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import OFFSET_MASK, READ
from playhead.ir.builder import mask
from playhead.machine.machine import Machine
from playhead.x86 import state as S
from playhead.x86.isa import tables

SLICE = 1 << 10
REGS = range(S.offset("regs"), S.offset("regs") + 32)
FPR = range(S.offset("fpr"), S.offset("fpr") + 128)
FSW = range(S.offset("fsw"), S.offset("fsw") + 4)
FLAGS = range(S.offset("fl_res"), S.offset("fl_aux") + 4)
Pieces = list[tuple[int, int]]  # (place, bytes) of an access: of memory, or of the latch of an answer by a device
NOWHERE = -1


class _Seeing(ReferenceEngine):
    """Notes where the last access to guest memory went."""

    def __init__(self, core: Core):
        super().__init__(core)
        self._pieces: Pieces = []
        self._latch = S.offset("latch")

    def touched(self) -> Pieces:
        return self._pieces

    def guest_load(self, lin: int, size: int, mode: str) -> int:
        self._pieces = []
        return super().guest_load(lin, size, mode)

    def guest_store(self, lin: int, size: int, value: int, mode: str) -> None:
        self._pieces = []
        super().guest_store(lin, size, value, mode)

    def physical_load(self, pa: int, size: int) -> int:
        entry = 0 if pa >> 32 else self.page_map[pa >> 12]
        if entry & READ:
            self._pieces.append((MEMORY + (entry & OFFSET_MASK) + (pa & 0xFFF), size))
        else:
            self._pieces.append((NOWHERE if pa >> 32 else self._latch + 8 * self.c32[self._o["latch_i"]], size))
        return super().physical_load(pa, size)

    def physical_store(self, pa: int, size: int, value: int) -> None:
        entry = 0 if pa >> 32 else self.page_map[pa >> 12]
        readable = bool(entry & READ)
        self._pieces.append((MEMORY + (entry & OFFSET_MASK) + (pa & 0xFFF) if readable else NOWHERE, size))
        super().physical_store(pa, size, value)


def assembled(space: dict[int, Shadow], at: int, size: int) -> Maybe:
    """The shadow of some bytes as one value."""
    out: Shadow = {}
    for i in range(size):
        one = space.get(at + i)
        if one is not None:
            for bits, labels in one.items():
                out[bits << 8 * i] = labels
    return out or None


def part(shadow: Maybe, at: int, size: int) -> Maybe:
    """Of the bytes of a value from `at` on."""
    return shifted(shadow, -8 * at, mask(8 * size))


def dispersed(space: dict[int, Shadow], at: int, size: int, shadow: Maybe) -> None:
    """The inverse: each byte has its own part, or none."""
    for i in range(size):
        one = part(shadow, i, 1)
        if one is not None:
            space[at + i] = one
        else:
            space.pop(at + i, None)


class _Flow:
    """What code of the kinds SHADOW and REPLAY asks for. `state` and `memory` hold the shadows of bytes, by place."""

    def __init__(self) -> None:
        self.state: dict[int, Shadow] = {}
        self.memory: dict[int, Shadow] = {}
        self.reads: list[tuple[int, int, Shadow]] = []  # places and shadows that were loaded, and depend on something
        self.writes: list[tuple[int, int, Shadow]] = []
        self._stored: list[tuple[int, int]] = []  # all that was stored, for `whole`
        self._known: dict[tuple[int, int], Pieces] = {}  # by address: where an access of this instruction went
        self._within: list[Maybe] | None = None  # inside `whole`: what its result depends on

    def names(self) -> dict[str, Any]:
        return {
            "state": self.state, "memory": self.memory, "load_state": self.load_state, "store_state": self.store_state,
            "load_memory": self.load_memory, "store_memory": self.store_memory, "smear_state": self.smear_state,
            "smear_memory": self.smear_memory, "whole": self.whole, "jumps": self.jumps,
        }  # fmt: skip

    def begin(self) -> None:
        """A new instruction."""
        if self.reads:
            self.reads.clear()
        if self.writes:
            self.writes.clear()
        if self._known:
            self._known.clear()

    def load_state(self, at: int, size: int) -> Maybe:
        shadow = assembled(self.state, at, size)
        if shadow is not None:
            self.reads.append((at, size, shadow))
            if self._within is not None and (at in FPR or at in REGS):
                self._within.append(shadow)
        return shadow

    def store_state(self, at: int, size: int, shadow: Maybe) -> None:
        dispersed(self.state, at, size, shadow)
        if shadow is not None:
            self.writes.append((at, size, shadow))
        if self._within is not None:
            self._stored.append((at, size))

    def load_memory(self, linear: int, size: int, pieces: Pieces, pointer: Maybe = None) -> Maybe:
        self._known[linear, size] = pieces
        out: Shadow = {}
        done = 0
        for place, n in pieces:
            one = None if place == NOWHERE else assembled(self._space(place), place, n)
            if one is not None:
                self.reads.append((place, n, one))
                for bits, labels in one.items():
                    out[bits << 8 * done] = labels
            done += n
        if self._within is not None and out:
            self._within.append(out)
        return union(out or None, spread(pointer, mask(8 * size)))

    def _space(self, place: int) -> dict[int, Shadow]:
        return self.memory if place >= MEMORY else self.state

    def store_memory(self, size: int, pieces: Pieces, shadow: Maybe) -> None:
        done = 0
        for place, n in pieces:
            one = part(shadow, done, n)
            if place != NOWHERE:
                dispersed(self.memory, place, n, one)
                if self._within is not None:
                    self._stored.append((place, n))
            if one is not None:
                self.writes.append((place, n, one))
            done += n

    def smear_state(self, at: int, size: int, shadow: Shadow) -> None:
        self.store_state(at, size, union(assembled(self.state, at, size), spread(shadow, mask(8 * size))))

    def smear_memory(self, linear: int, size: int, shadow: Shadow) -> None:
        for place, n in self._known.get((linear, size), ()):
            if place != NOWHERE:
                both = union(assembled(self.memory, place, n), spread(shadow, mask(8 * n)))
                self.store_memory(n, [(place, n)], both)

    def whole(self, routine: Callable[..., tuple[int, Maybe]], *arguments: Any) -> tuple[int, Maybe]:
        """A routine all of whose results depend on all that it reads."""
        outer, self._within, self._stored = self._within, list(arguments[1::2]), []
        value, shadow = routine(*arguments)
        depends = shadow
        for one in self._within:
            depends = union(depends, one)
        stored, self._within = self._stored, outer
        if depends is not None:
            for at, n in stored:
                if at >= MEMORY or at in FPR or at in REGS or at in FSW or at in FLAGS:
                    space, all_ = self._space(at), spread(depends, mask(8 * n))
                    dispersed(space, at, n, all_)
                    assert all_ is not None
                    self.writes.append((at, n, all_))
        return value, spread(depends, mask(64))

    def jumps(self, shadow: Shadow) -> None:
        """Where the program goes on depends on something."""
        self.writes.append((EIP, 4, shadow))


class ShadowEngine(_Seeing):
    """Carries shadows along. `told` is called after each instruction or delivery that has moved any, with its EIP, its
    bytes, and the flow.
    """

    def __init__(self, core: Core, *, pointers: bool = False):
        super().__init__(core)
        self.flow = _Flow()
        self.told: Callable[[int, bytes, _Flow], None] = lambda eip, raw, flow: None
        self.before = 0, 0  # the moment before the last instruction or delivery
        self.idle = 0  # instructions since a shadow was last read or written
        self.enough = 0  # after so many of them `rested` is asked whether the run is to end; 0: never
        self.rested: Callable[[], bool] = lambda: False
        self.stepped = 0
        names = {**self.world, **self.flow.names(), "touched": self.touched}
        self._dual = FlowWorld(SHADOW, names, lambda name: self.world["r_" + name], pointers)
        self._by_number = Handlers(self._dual, self.table)
        self._raw, self._at = b"", 0

    def handler(self, number: int) -> Any:
        def run(decoded: Any, eip: int, next_eip: int) -> Any:
            self._raw, self._at = decoded.raw[: decoded.len], eip
            return self._by_number.of(number, decoded)(decoded, eip, next_eip)

        return run

    def routine(self, name: str) -> Any:
        return (lambda: self._dual["d_deliver"]()[0]) if name == "deliver" else super().routine(name)

    def step(self) -> None:
        self.flow.begin()
        before = self.before = self.icount(), self.c64[self._o["seq"]]
        super().step()
        self.stepped += 1
        self._after(self.icount() != before[0])

    def _deliver(self) -> bool:
        self.flow.begin()
        self.before = self.icount(), self.c64[self._o["seq"]]
        self._raw, self._at = b"", self.c32[self._o["eip"]]
        done = super()._deliver()
        self._after(True)
        return done

    def _after(self, happened: bool) -> None:
        flow = self.flow
        if not (flow.reads or flow.writes):
            self.idle += 1
            if self.enough and self.idle % self.enough == 0 and self.rested():
                self.c32[self._o["exit_reason"]] = self.c32[self._o["exit_reason"]] or S.EXIT_SYNC
            return
        if happened:
            for place in [p for p in flow.state if p >= S.ARCH_END]:  # an answer, a store: of this instruction alone
                del flow.state[place]
        self.idle = 0
        if happened:
            self.told(self._at, self._raw, flow)


class Step(NamedTuple):
    """One instruction or delivery of a log. `stored`: (place, bytes) of what it stored; `values`: what it loaded."""

    icount: int
    seq: int
    eip: int
    decoded: Any  # None: a delivery
    values: tuple[Any, ...]
    stored: Pieces


class LogEngine(_Seeing):
    """Writes down each instruction with what it loaded and where it stored."""

    def __init__(self, core: Core):
        super().__init__(core)
        self.steps: list[Step] = []
        self._values: list[Any] = []
        self._stores: Pieces = []
        names = {**self.world, "touched": self.touched, "note": lambda v: self._values.append(v),
                 "stored": lambda p: self._stores.append(p), "written": lambda p: self._stores.extend(p)}  # fmt: skip
        self._logged = FlowWorld(LOG, names, lambda name: self.world["r_" + name])
        self._by_number = Handlers(self._logged, self.table)
        self._decoded: Any = None

    def handler(self, number: int) -> Any:
        def run(decoded: Any, eip: int, next_eip: int) -> Any:
            self._decoded = decoded
            return self._by_number.of(number, decoded)(decoded, eip, next_eip)

        return run

    def routine(self, name: str) -> Any:
        return self._logged["d_deliver"] if name == "deliver" else super().routine(name)

    def _moment(self) -> tuple[int, int]:
        return self.icount(), self.c64[self._o["seq"]]

    def step(self) -> None:
        self._values, self._stores, self._decoded = [], [], None
        before, eip = self._moment(), self.c32[self._o["eip"]]
        super().step()
        if self.icount() != before[0]:
            self.steps.append(Step(*before, eip, self._decoded, tuple(self._values), self._stores))

    def _deliver(self) -> bool:
        self._values, self._stores = [], []
        before, eip = self._moment(), self.c32[self._o["eip"]]
        done = super()._deliver()
        if self._moment() != before:
            self.steps.append(Step(*before, eip, None, tuple(self._values), self._stores))
        return done


class _Within(_Flow):
    """The flow of one instruction out of a log: what it loads has a label for each bit. `bits` says of which place."""

    def __init__(self) -> None:
        super().__init__()
        self.bits: list[tuple[int, int]] = []  # by label: place, and number of the bit in it
        self.values: Iterator[Any] = iter(())

    def take(self) -> Any:
        return next(self.values)

    def fresh(self, space: dict[int, Shadow], at: int, size: int) -> None:
        for place in range(at, at + size):
            if place not in space and place != NOWHERE:
                first = len(self.bits)
                space[place] = {1 << bit: 1 << first + bit for bit in range(8)}
                self.bits += [(place, bit) for bit in range(8)]

    def load_state(self, at: int, size: int) -> Maybe:
        if at == ZERO:
            return None
        self.fresh(self.state, at, size)
        return super().load_state(at, size)

    def store_state(self, at: int, size: int, shadow: Maybe) -> None:
        super().store_state(at, size, shadow)
        self._blank(self.state, at, size)

    def load_memory(self, linear: int, size: int, pieces: Pieces, pointer: Maybe = None) -> Maybe:
        for place, n in pieces:
            if place != NOWHERE:
                self.fresh(self._space(place), place, n)
        return super().load_memory(linear, size, pieces, pointer)

    def store_memory(self, size: int, pieces: Pieces, shadow: Maybe) -> None:
        super().store_memory(size, pieces, shadow)
        for place, n in pieces:
            self._blank(self.memory, place, n)

    @staticmethod
    def _blank(space: dict[int, Shadow], at: int, size: int) -> None:
        """What was stored is not what was there, even if it depends on nothing."""
        for place in range(at, at + size):
            if place != NOWHERE:
                space.setdefault(place, {})

    def whole(self, routine: Callable[..., tuple[int, Maybe]], *arguments: Any) -> tuple[int, Maybe]:
        value, shadow = super().whole(routine, *arguments)
        return value, shadow


class OneInstruction:
    """`flow(step)`: for each byte that the instruction stored, the bits that it depends on: place -> shadow of 8 bits,
    whose labels stand for `bits[label]`, (place, bit) of what was there before.
    """

    def __init__(self, *, pointers: bool = False) -> None:
        self._flow = _Within()
        self._world = FlowWorld(REPLAY, {**self._flow.names(), "take": self._flow.take}, _no_routine, pointers)
        self._handlers = Handlers(self._world, tables()[0])

    def flow(self, step: Step) -> dict[int, Shadow]:
        flow = self._flow
        self.bits = flow.bits = []
        flow.begin()
        flow.state.clear()
        flow.memory.clear()
        flow.values = iter(step.values)
        if step.decoded is None:
            self._world["d_deliver"]()
        else:
            d = step.decoded
            self._handlers.of(d.handler, d)(d, step.eip, (step.eip + d.len) & 0xFFFFFFFF)
        left = next(flow.values, None)
        assert left is None, "an instruction was evaluated otherwise than it had run"
        out: dict[int, Shadow] = {}
        chosen = [(at, n) for at, n, _ in flow.writes if at != EIP]  # also what another value would have stored to
        for at, n in [*step.stored, *chosen]:
            for place in range(at, at + n):
                if place >= 0:
                    out[place] = flow._space(place).get(place, {})
        return out


def _no_routine(name: str) -> Any:
    raise AssertionError(f"{name} is of a machine")


@contextmanager
def on_engine(machine: Machine, engine: Any) -> Iterator[None]:
    """While this lasts, the machine runs on another engine, in short slices."""
    before, machine.engine = machine.engine, engine
    name, machine.engine_name = machine.engine_name, "reference"
    slice_, machine._slice = machine._slice, SLICE
    machine.core.stale = True
    try:
        yield
    finally:
        machine.engine, machine.engine_name, machine._slice = before, name, slice_
        machine.core.stale = True
