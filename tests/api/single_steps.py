"""A machine in single steps on the reference engine, with an eye on all that writes to physical memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

import playhead
from playhead.api.recording import Recording
from playhead.engine.reference import ReferenceEngine
from playhead.hw.memory import Memory
from playhead.log.moment import Moment


class Step(NamedTuple):
    """`moment`: before it; `next`: behind it; `pc`: where the instruction was; `stores`: (physical address, size) of
    all writes, bus masters' first, page walks' included.
    """

    moment: Moment
    next: Moment
    pc: int
    stores: list[tuple[int, int]]


class Noting(ReferenceEngine):
    """The reference engine, which notes stores to physical memory."""

    stores: list[tuple[int, int]]

    def physical_store(self, pa: int, size: int, value: int) -> None:
        self.stores.append((pa, size))
        super().physical_store(pa, size, value)


@contextmanager
def stepping(rec: Recording, low: Moment) -> Iterator[tuple[playhead.Moment, Callable[[], Step]]]:
    """A machine of its own at a moment, and what makes a step of it."""
    masters: list[tuple[int, int]] = []
    whole = Memory.write

    def write(self: Memory, address: int, data: bytes, by: str = "a bus master") -> None:
        masters.append((address, len(data)))
        whole(self, address, data, by)

    with pytest.MonkeyPatch.context() as patch, playhead.open(rec.path) as own:
        patch.setattr(Memory, "write", write)  # before the machine is made
        m = own.at(low)
        machine = m._machine
        engine = Noting(machine.core)
        engine.stores = []
        machine.engine, machine._slice, machine.core.stale = engine, 1 << 14, True

        def step() -> Step:
            before, pc = m.moment, m.pc
            engine.stores.clear()
            masters.clear()
            m._timeline._micro_step()
            return Step(before, m.moment, pc, [*masters, *engine.stores])

        yield m, step
