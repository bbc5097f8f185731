"""Digests of which what they are made from is kept, until there is time to make many.

A recorder interrupts the guest for each digest. By then Python's code and objects are out of the processor's caches,
so that making a digest takes ten times what it takes in a loop (measured: 110 us, without RAM's). So only memory is
copied then, natively: the processor's state and each device's, with the sums over RAM and TLB. The hashing is done in a
loop over many.

What no native code changes, and is not in memory as it is encoded, is encoded at once: it seldom has a length.
"""

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from playhead.base.shared_record import SharedRecord
from playhead.engine.core import canonical
from playhead.hw.memory import host_array
from playhead.machine.digest import PartDigests
from playhead.machine.parts import MachineState, Parts
from playhead.x86 import state as S

NOTES = 128  # that are kept before digests are made of them
SUMS = struct.Struct("<QQ")  # over RAM and TLB
PIECE = struct.Struct("<QQ")  # address, bytes


class NotedDigests:
    """`note` keeps a moment, `take` gives the digests of all parts at all moments since."""

    def __init__(self, machine: Parts, digests: PartDigests):
        self._machine, self._digests = machine, digests
        shared, alarms = machine.clock.shared, len(machine.clock.alarms)
        self._regions: dict[str, slice] = {}  # by what is there, in a note
        self._list = bytearray()  # of pieces, for native code
        self._size = SUMS.size
        self._piece("cpu", _address(machine.core.block), S.ARCH_END)
        self._piece("deadlines", shared.address(), 8 * alarms)
        self._deadlines = struct.Struct(f"<{alarms}q")
        self._copied: list[tuple[str, type[SharedRecord], slice]] = []
        self._asked: dict[str, Callable[[], bytes]] = {}  # the others, whose image is their encoding
        for name, image, state in digests.parts:
            if isinstance(state, SharedRecord) and state.compact:
                self._piece(name, state.address(), state.SIZE)
                self._copied.append((name, type(state), self._regions[name]))
            elif state is not machine.state:
                self._asked[name] = image
        self._list += PIECE.pack(0, 0)
        self._pieces = _address(self._list)
        self._memory = host_array(NOTES * self._size)
        self._at = _address(self._memory)
        self._besides: list[tuple[int, int, list[bytes]]] = []  # for each note: when alarms rang, what was asked for
        self._made: list[dict[str, bytes]] = []
        self._clock = MachineState()

    def _piece(self, name: str, address: int, size: int) -> None:
        if size:
            self._list += PIECE.pack(address, size)
        self._regions[name] = slice(self._size, self._size + size)
        self._size += (size + 7) & ~7

    def note(self) -> None:
        machine, state = self._machine, self._machine.state
        note_state = getattr(machine.engine, "note_state", None)
        if note_state is None or len(self._besides) == NOTES:
            self._make()
        if note_state is None:
            self._made.append(self._digests.take())
            return
        note_state(self._pieces, self._at + len(self._besides) * self._size, self._digests.pages)
        self._besides.append((state.rung_icount, state.rung_ns, [image() for image in self._asked.values()]))

    def take(self) -> list[dict[str, bytes]]:
        self._make()
        made, self._made = self._made, []
        return made

    def _make(self) -> None:
        """Digests of all that is noted."""
        for n, besides in enumerate(self._besides):
            self._made.append(self._digest(self._memory[n * self._size : (n + 1) * self._size], *besides))
        self._besides.clear()

    def _digest(self, note: bytes, rung_icount: int, rung_ns: int, asked: list[bytes]) -> dict[str, bytes]:
        digests, clock, regions = self._digests, self._clock, self._regions
        images = digests.images
        clock.rung_icount, clock.rung_ns = rung_icount, rung_ns
        clock.deadlines = list(self._deadlines.unpack(note[regions["deadlines"]]))
        now = {"clock": clock.encode(), **dict(zip(self._asked, asked, strict=True))}
        for name, image in now.items():
            if image != images[name]:
                digests.changed(name, image, image)
        for name, cls, region in self._copied:
            image = note[region]
            if image != images[name]:
                digests.changed(name, image, cls.encoding_of(memoryview(image)))
        ram, tlb = SUMS.unpack_from(note)
        return digests.all(canonical(bytearray(note[regions["cpu"]])), tlb, ram)


def _address(buffer: Any) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
