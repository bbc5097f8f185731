"""The tables by which native code finds what is declared for it (`hw/native.py`): who answers each port, and each page
of the register space; what rings which alarm; the clock and the interrupt controller.

They are derived from the two spaces, the clock and the board, and made again when a range has moved.
"""

import struct
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from playhead.engine.core import (
    ACKNOWLEDGE, ALARM, ALARM_SIZE, ARMS, FIRST_RANGE, INTERRUPT_PENDING, LIKE_MEMORY, MOST_RANGES, NEAREST, NOBODY,
    ONLY_DUE, PYTHON, RANGE, RANGE_SIZE, SHOWS, Core,
)  # fmt: skip
from playhead.hw.clock import Deadlines, VirtualClock, nearest, only_due
from playhead.hw.memory import PAGE
from playhead.hw.native import MOST_STATES, Interrupts, Registers, symbol
from playhead.hw.space import Range, Space
from playhead.hw.vram import Vram
from playhead.machine.tracing import EVERYTHING, NOTHING


class DeviceTable:
    """Over the tables of `core`. `update` before native code runs; it is quick when nothing has moved."""

    def __init__(self, core: Core, io: Space, mmio: Space, clock: VirtualClock, interrupts: Interrupts):
        self._core, self._io, self._mmio, self._clock, self._interrupts = core, io, mmio, clock, interrupts
        self._stale = True
        self._asks = NOTHING
        io.changed = mmio.changed = self._changed

    def ask_python(self, accesses: int) -> None:
        """Leave these accesses to Python, which tells of them: `tracing.UNANSWERED` or EVERYTHING."""
        self._asks, self._stale = accesses, True

    def _changed(self) -> None:
        self._stale = True

    def update(self) -> None:
        if not self._stale:
            return
        from playhead.engine.llvm.device_build import addresses

        self._stale = False
        ranges = [r for space in (self._io, self._mmio) for r in space.ranges()]
        declared = [(r, r.registers) for r in ranges if r.registers is not None]
        ringing = self._ringing()
        functions = [f for _, registers in declared for f in (registers.read, registers.write) if f is not None]
        functions += [function for function, _ in ringing.values()]
        known = addresses(functions)
        assert len(declared) <= MOST_RANGES
        numbers: dict[int, int] = {}
        for n, (r, registers) in enumerate(declared):
            entries = [known[symbol(f)] if f is not None else 0 for f in (registers.read, registers.write)]
            struct.pack_into(RANGE, self._core.device_ranges, n * RANGE_SIZE, *entries, r.base, r.base + r.length - 1,
                             r.min_size, r.max_size, _flags(registers), *_states(registers.states))  # fmt: skip
            numbers[id(r)] = FIRST_RANGE + n
        for n, (function, states) in ringing.items():
            struct.pack_into(ALARM, self._core.alarms, n * ALARM_SIZE, known[symbol(function)], *_states(states))
        self._fill(self._core.io_map, self._io, numbers, 1)
        self._fill(self._core.mmio_map, self._mmio, numbers, PAGE)

    def _ringing(self) -> dict[int, tuple[Callable[..., int], Sequence[Any]]]:
        """The functions and states of `core.alarms`, by number."""
        clock, interrupts = self._clock, self._interrupts
        return {
            **{a.number: (a.ringing.function, a.ringing.states) for a in clock.alarms if a.ringing is not None},
            NEAREST: (nearest, (clock.shared,)),
            ONLY_DUE: (only_due, (clock.shared,)),
            INTERRUPT_PENDING: (interrupts.pending, (interrupts.state,)),
            ACKNOWLEDGE: (interrupts.acknowledge, (interrupts.state,)),
        }

    def _fill(self, table, space: Space, numbers: dict[int, int], unit: int) -> None:
        """Set each entry of a table: a unit of addresses that several ranges share is Python's. Where one range is less
        than its unit, native code sees by the range's bounds that the rest is not its.
        """
        nobody = NOBODY if self._asks == NOTHING else PYTHON
        if self._asks == EVERYTHING:
            numbers = {}
        view = memoryview(table).cast("H")
        size = space.size // unit
        pieces: list[tuple[int, Range | None]] = [*space.pieces(), (space.size, None)]
        if unit > 1:
            view[:size] = memoryview(struct.pack("<H", nobody) * size).cast("H")
        for (start, owner), (end, _) in pairwise(pieces):
            number = nobody if owner is None else numbers.get(id(owner), PYTHON)
            if unit == 1:
                view[start:end] = memoryview(struct.pack("<H", number) * (end - start)).cast("H")
            elif owner is not None:
                for page in range(start // unit, -(-end // unit)):
                    view[page] = number if view[page] in (nobody, number) else PYTHON


def _states(states: Sequence[Any]) -> list[int]:
    addresses = [state.address() for state in states]
    return addresses + [0] * (MOST_STATES - len(addresses))


def _flags(registers: Registers) -> int:
    flags = LIKE_MEMORY if registers.like_memory else 0
    for state in registers.states:
        flags |= (ARMS if isinstance(state, Deadlines) else 0) | (SHOWS if isinstance(state, Vram) else 0)
    return flags
