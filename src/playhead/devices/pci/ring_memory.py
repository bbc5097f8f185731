"""Guest memory as a PCI card's DMA sees it: RAM and ROM, by addresses of 64 bits.

A card has no business in the registers of other devices, so what is not memory is a master abort: it reads as ones, and
a write goes nowhere. An access is one copy where it lies in memory as a whole, as nearly all do.
"""

from playhead.base.record import BytesLike
from playhead.hw.memory import PAGE, PAGES, READ, Memory


class RingMemory:
    """`name` is the master's, for whoever asks who wrote to memory."""

    def __init__(self, memory: Memory, name: str):
        self._memory, self._name = memory, name
        self._map = memory.page_map

    def read(self, address: int, length: int) -> bytes:
        if self._whole(address, length):
            return self._memory.read(address, length)
        out = bytearray()
        for at, n in _by_page(address, length):
            out += self._memory.read(at, n) if self._is_memory(at) else b"\xff" * n
        return bytes(out)

    def write(self, address: int, data: BytesLike) -> None:
        if self._whole(address, len(data)):
            self._memory.write(address, bytes(data), self._name)
            return
        for at, n in _by_page(address, len(data)):
            if self._is_memory(at):
                self._memory.write(at, bytes(data[at - address : at - address + n]), self._name)

    def _whole(self, address: int, length: int) -> bool:
        first, last = address // PAGE, (address + length - 1) // PAGE
        if last >= PAGES:
            return False
        if first == last:
            return bool(self._map[first] & READ)
        return all(entry & READ for entry in self._map[first : last + 1])

    def _is_memory(self, address: int) -> bool:
        return address // PAGE < PAGES and bool(self._map[address // PAGE] & READ)


def _by_page(address: int, length: int) -> list[tuple[int, int]]:
    """(address, length) of each page's part."""
    pieces = []
    end = address + length
    while address < end:
        n = min(end - address, PAGE - address % PAGE)
        pieces.append((address, n))
        address += n
    return pieces
