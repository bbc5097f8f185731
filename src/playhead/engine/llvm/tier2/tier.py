"""The second tier of one native engine: hears which blocks are hot, asks for their code, has it called.

Native code tells of blocks (heat.py), and Python looks at that between two native runs. A block's uops, with the
numbers of handlers in place of their addresses, are the *unit* that is compiled (unit.py). Whether there is code for
it is looked up by all of its bytes: the guest chooses them, so no hash would do. Code is put in place by one store into
the block's header. If the block is void by then, nobody reads that any more; and when the arena is used anew, all that
was noted of blocks in it is forgotten first. So nothing of this can change what a guest does, only when it is done.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable
from functools import cache
from hashlib import blake2b
from typing import Protocol

from playhead.engine.core import Core
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.library import library
from playhead.engine.llvm.tier2.code_memory import CodeMemory
from playhead.engine.llvm.tier2.handler_numbers import handler_numbers
from playhead.engine.llvm.tier2.regions import HEAT as REGION_HEAT
from playhead.engine.llvm.tier2.regions import Regions
from playhead.engine.llvm.tier2.hottest import Hottest
from playhead.engine.llvm.tier2.service import Service
from playhead.engine.llvm.tier2.switch import FORCE, FORCED_SLICE, SLICE
from playhead.engine.llvm.tier2.synchronous import SynchronousBackend
from playhead.x86 import state as S

FIRST = 256  # entries after which a block is told of; sooner costs more, for blocks that never get hot
MOST_CODE = 96 << 20  # bytes
MOST_WAITING = 1 << 15  # units; a block of another one is told of again when it is hotter
KEEPS = 0  # in place of an address: the unit's blocks keep their handlers


class Backend(Protocol):
    """Makes code of units. Nothing here blocks, or raises for what a guest can do."""

    def ask(self, key: int, unit: bytes, heat: int) -> None:
        """Ask for the code of a unit whose block was entered so often. Asking again with more heat moves it forward."""

    def ready(self) -> Iterable[tuple[int, bytes, bytes]]:
        """(key, unit, code) of what was asked for and has come; no code: there can be none."""


def key_of(unit: bytes) -> int:
    """A number that stands for a unit where nobody trusts it: the same in each process."""
    return int.from_bytes(blake2b(unit, digest_size=8).digest(), "little")


class Compiled:
    """The code that a process has, for all of its engines."""

    def __init__(self) -> None:
        self.address: dict[bytes, int] = {}  # unit -> its code, or KEEPS
        self.arrived: list[bytes] = []  # units, in the order in which they got an address
        self.memory = CodeMemory(MOST_CODE)

    def take(self, news: Iterable[tuple[int, bytes, bytes]]) -> None:
        fresh = {unit: code for _, unit, code in news if unit not in self.address}
        coded = [unit for unit, code in fresh.items() if code]
        addresses = self.memory.add([fresh[unit] for unit in coded])
        for unit in fresh:
            self.address[unit] = KEEPS
        self.address.update(zip(coded, addresses, strict=False))  # no addresses: the memory is full
        self.arrived += fresh


def backend_for(setting: str) -> Backend:
    """Compiles in this process if code is to be there at once (which takes LLVM), else in the helper process."""
    if setting == FORCE:
        from playhead.engine.llvm.tier2.compile import compile_units

        return SynchronousBackend(compile_units)
    return Service()


@cache
def compiled() -> Compiled:
    return Compiled()


class Tier2:
    """`arena`: where the engine's blocks are, and at which address. `poll` is to be called at the instruction count
    `stop` at the latest, and once there is more than `patience` bytes of news."""

    def __init__(self, core: Core, arena: memoryview, base: int, hash: memoryview, ring: memoryview, setting: str,
                 backend: Backend, code: Compiled):  # fmt: skip
        self.backend, self.code = backend, code
        self.stop, self.patience = 0, 0 if setting == FORCE else L.HEAT_RING // 4
        self.slice = FORCED_SLICE if setting == FORCE else SLICE  # instructions between two looks
        self.hottest = Hottest()
        self.told = self.installed = 0  # of blocks
        self.seconds = 0.0  # spent here
        self.clock: Callable[[], float] = lambda: 0.0  # of a profile
        self._core, self._base, self._ring = core, base, ring
        self._words, self._halves = arena.cast("Q"), arena.cast("I")
        self._waiting: dict[bytes, list[int]] = {}  # unit -> blocks
        self._seen = len(code.arrived)
        self._numbers = handler_numbers(library())
        self.regions = Regions(core, arena, base, hash, self._numbers)
        self._icount, self._top = S.offset("icount") // 8, S.offset("heat_top") // 4
        core.set("heat_first", L.HEAT_ALL if setting == FORCE else FIRST)

    def poll(self) -> int:
        """Look at what native code tells of, and at code that has come; returns how many instructions may run until
        the next look."""
        began, icount = self.clock(), self._core.c64[self._icount]
        if self._core.c32[self._top]:
            self._hear()
        if not 0 < self.stop - icount <= self.slice:
            self.stop = icount - icount % self.slice + self.slice  # so each run of a guest has the same samples
            self._sample()
        self.regions.check()
        self.code.take(self.backend.ready())
        self._put_in_place()
        self.seconds += self.clock() - began
        return self.stop - icount

    def has_code(self, block: int) -> bool:
        """Whether entering a block leads to code that was compiled for it."""
        at = block - self._base
        tier1 = self._words[(at + L.HEADER) // 8], self._core.get("work", L.COUNT_WORK)
        return self._words[(at + L.B_ENTRY) // 8] not in tier1

    def forget(self) -> None:
        """The arena is used anew."""
        self._core.c32[self._top] = 0
        self._core.set("work", 0, L.CUT_WORK)
        self._waiting.clear()
        self.regions.forget()

    def _place(self, block: int) -> tuple[int, int]:
        """Physical address and mode of a block."""
        at = block - self._base
        return self._halves[(at + L.B_PA) // 4], self._halves[(at + L.B_MODE) // 4]

    def _sample(self) -> None:
        """A run of a certain length has ended: in which block?"""
        block = self._core.get("work", L.CUT_WORK)
        if block:
            count = self._halves[(block - self._base + L.B_N) // 4]
            self.hottest.sampled(self._place(block), self.slice // max(count, 1))
            self._core.set("work", 0, L.CUT_WORK)
            self._ask_for_region(block)

    def _ask_for_region(self, block: int) -> None:
        packed = self.regions.sampled(block)
        if packed is None:
            return
        address = self.code.address.get(packed)
        if address is None:
            self.backend.ask(key_of(packed), packed, REGION_HEAT)
        else:
            self.regions.arrived(packed, address)

    def _hear(self) -> None:
        """What native code tells of."""
        at, end = 0, self._core.c32[self._top]
        self._core.c32[self._top] = 0
        while at < end:
            words = array("Q", bytes(self._ring[at : at + L.HEAT_RECORD]))
            block, heat, count = words[0], words[1], words[2] >> 32
            uops = at + L.HEAT_RECORD
            at = uops + count * L.UOP_SIZE
            unit = array("Q", bytes(self._ring[uops - 8 : at]))
            unit[1::4] = array("Q", map(self._numbers.__getitem__, unit[1::4]))
            self._meet(block, heat, unit.tobytes())

    def _meet(self, block: int, heat: int, unit: bytes) -> None:
        """A block is hot."""
        self.told += 1
        place = self._place(block)
        self.hottest.counted(place, heat)
        address = self.code.address.get(unit)
        if address is not None:
            self._install(block, address)
            return
        blocks = self._waiting.get(unit)
        if blocks is None:
            if len(self._waiting) == MOST_WAITING:
                return
            blocks = self._waiting[unit] = []
        if block not in blocks[-1:]:
            blocks.append(block)
        self.backend.ask(key_of(unit), unit, max(heat, self.hottest.expected.get(place, 0)))

    def _put_in_place(self) -> None:
        """Code that has come since the last look, whoever asked for it."""
        arrived = self.code.arrived
        for unit in arrived[self._seen :]:
            for block in self._waiting.pop(unit, ()):
                self._install(block, self.code.address[unit])
            self.regions.arrived(unit, self.code.address[unit])
        self._seen = len(arrived)

    def _install(self, block: int, address: int) -> None:
        at = block - self._base
        if address == KEEPS:
            address = self._words[(at + L.HEADER) // 8]  # not even counting
        else:
            self.installed += 1
        self._words[(at + (L.B_PLAIN if block in self.regions.placed else L.B_ENTRY)) // 8] = address
