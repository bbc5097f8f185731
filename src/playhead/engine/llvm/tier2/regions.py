"""Regions: blocks of one page that lead to each other in a loop, compiled as one function.

Runs of a known length end in the blocks where the time goes (tier.py). From such a block its links are followed: the
blocks from which it is reached again are its region, with the places to which calls in it return. Code of a region
holds while its blocks are live, because a link changes only when its block is void; a block of a region that becomes
void counts `regions_epoch` up, whereupon no region is entered until each was looked at again.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from playhead.engine.core import Core
from playhead.engine.llvm import layout as L
from playhead.engine.llvm.tier2.unit import END, Edge, Region, Unit

SAMPLES = 8  # of a block, before its region is looked for: it takes as long to compile as 100 M instructions take
MOST_LOOKED_AT = 32  # blocks, from the one that was sampled on
MOST_BLOCKS = 12
MOST_UOPS = 160
MOST_RETURNS = 4
MOST_REGIONS = 2000
HEAT = 1 << 18  # of a request: behind blocks that have no code yet and are as hot as that
PAGE = 1 << 12


class Block(NamedTuple):
    """A decoded block, read: `links`: places of uops with a link, and the address that it leads to."""

    address: int
    place: int  # physical address
    mode: int
    end: int  # of its guest code
    unit: bytes
    links: tuple[tuple[int, int], ...]
    last: int  # place of the last uop
    calls: bool  # the last uop has a link, and nothing follows: a call, or another jump
    ends_alone: bool  # it has none: a computed jump, or tier 1 goes on


class Found(NamedTuple):
    """A region of certain blocks, the first of which is entered."""

    blocks: tuple[Block, ...]
    packed: bytes


class Regions:
    """The regions of one engine."""

    def __init__(self, core: Core, arena: memoryview, base: int, hash: memoryview, numbers: dict[int, int]):
        self._core, self._arena, self._base, self._numbers = core, arena, base, numbers
        self._hash = hash.cast("Q")
        self._words, self._halves = arena.cast("Q"), arena.cast("I")
        self._samples: dict[int, int] = {}
        self._waiting: dict[bytes, list[Found]] = {}
        self.placed: dict[int, tuple[Found, array[int]]] = {}  # address of the first block -> the region, its record
        self._epoch = core.get("regions_epoch")

    def forget(self) -> None:
        """The arena is used anew."""
        self._samples.clear()
        self._waiting.clear()
        self.placed.clear()

    def sampled(self, block: int) -> bytes | None:
        """A run has ended in a block. Returns a region to ask for."""
        count = self._samples[block] = self._samples.get(block, 0) + 1
        if count != SAMPLES or block in self.placed or len(self.placed) >= MOST_REGIONS:
            return None
        found = self._find(block)
        if found is None:
            return None
        self._waiting.setdefault(found.packed, []).append(found)
        return found.packed

    def arrived(self, packed: bytes, address: int) -> None:
        """Code of a region has come; 0: there is none."""
        for found in self._waiting.pop(packed, ()):
            if address and self._holds(found):
                self._put_in_place(found, address)

    def check(self) -> None:
        """Look at all regions again if a block of one has become void."""
        epoch = self._core.get("regions_epoch")
        if epoch == self._epoch:
            return
        self._epoch = epoch
        for address, (found, _) in list(self.placed.items()):
            at = address - self._base
            if self._holds(found):
                self._halves[(at + L.B_EPOCH) // 4] = epoch
            else:
                del self.placed[address]
                self._samples.pop(address, None)
                if self._alive(found.blocks[0]):
                    self._words[(at + L.B_ENTRY) // 8] = self._words[(at + L.B_PLAIN) // 8]

    def _put_in_place(self, found: Found, address: int) -> None:
        record = array("Q", [block.address for block in found.blocks])
        at = found.blocks[0].address - self._base
        for block in found.blocks:
            self._arena[block.address - self._base + L.B_MEMBER] = 1
        self._halves[(at + L.B_EPOCH) // 4] = self._epoch
        self._words[(at + L.B_REGION) // 8] = record.buffer_info()[0]
        self._words[(at + L.B_PLAIN) // 8] = self._words[(at + L.B_ENTRY) // 8]
        self._words[(at + L.B_ENTRY) // 8] = address
        self.placed[found.blocks[0].address] = found, record

    def _alive(self, block: Block) -> bool:
        at = block.address - self._base
        return self._halves[(at + L.B_N) // 4] != L.DEAD

    def _holds(self, found: Found) -> bool:
        """Whether the blocks are live, and linked to each other as they were."""
        members = {block.address for block in found.blocks}
        return all(
            self._alive(block)
            and all(self._words[(block.address - self._base + L.HEADER + at + L.UOP_SIZE) // 8] == target
                    for at, target in block.links if target in members)
            for block in found.blocks
        )  # fmt: skip

    # reading the arena

    def _read(self, address: int) -> Block | None:
        """A live block, if it lies in one page."""
        at = address - self._base
        if not L.SCRATCH <= at < L.ARENA or self._halves[(at + L.B_N) // 4] == L.DEAD:
            return None
        count, crosses = self._arena[at + L.B_UOPS], self._arena[at + L.B_CROSS]
        if crosses:
            return None
        place, length = self._halves[(at + L.B_PA) // 4], int.from_bytes(self._arena[at + L.B_BYTES :][:2], "little")
        mode = self._halves[(at + L.B_MODE) // 4]
        unit = array("I", [mode, count]).tobytes()
        links, first = [], at + L.HEADER
        uop, number = first, END
        for _ in range(count):
            last = uop
            number = self._numbers[self._words[uop // 8]]
            flags = self._arena[uop + L.UOP["flags"][0]]
            fields = bytes(self._arena[uop + 8 : uop + L.UOP_SIZE])
            unit += number.to_bytes(8, "little") + (bytes(16) + fields[16:] if flags & L.PROBE else fields)
            linked = flags & L.LINKED
            if linked:
                links.append((uop - first, self._words[(uop + L.UOP_SIZE) // 8]))
            uop += 2 * L.UOP_SIZE if linked else L.UOP_SIZE
        calls = bool(linked) and number != END
        return Block(address, place, mode, place + length, unit, tuple(links), last - first, calls, not linked)

    def _at(self, place: int, mode: int, linear: int) -> int | None:
        """The address of the live block at a physical address (blocks.py: `find_block`), if jumps may lead there. While
        there are probes, each linear address has its own."""
        if self._core.debug_offsets[place & (PAGE - 1)]:
            return None
        address = self._hash[(place * L.HASH_FACTOR & 0xFFFFFFFF) >> (32 - L.HASH_BITS)]
        while address:
            at = address - self._base
            here = not self._core.get("probes") or self._halves[(at + L.B_LINEAR) // 4] == linear
            if here and (self._halves[(at + L.B_PA) // 4], self._halves[(at + L.B_MODE) // 4]) == (place, mode):
                return address
            address = self._words[(at + L.B_NEXT) // 8]
        return None

    # finding a region

    def _find(self, head: int) -> Found | None:
        """The region of a block; nothing if it is not in a loop of several blocks."""
        known, returns = self._reached(head)
        leads = {a: [t for _, t in block.links] + (returns if block.ends_alone else []) for a, block in known.items()}
        back = _reaching(head, leads)
        chosen: list[Block] = []
        uops = 0
        for address, block in known.items():
            uops += self._arena[address - self._base + L.B_UOPS]
            if address in back and len(chosen) < MOST_BLOCKS and uops <= MOST_UOPS:
                chosen.append(block)
        return Found(tuple(chosen), _pack(chosen, returns)) if len(chosen) > 1 else None

    def _reached(self, head: int) -> tuple[dict[int, Block], list[int]]:
        """The blocks of the page that links lead to from a block, nearest first, and those of them to which calls
        may return."""
        known: dict[int, Block] = {}
        returns: list[int] = []
        order = [head]
        for address in order:
            block = self._read(address)
            if block is None or len(known) == MOST_LOOKED_AT:
                continue
            if known and (block.place // PAGE, block.mode) != (known[head].place // PAGE, known[head].mode):
                continue
            known[address] = block
            linear = self._halves[(address - self._base + L.B_LINEAR) // 4] + block.end - block.place
            after = self._at(block.end, block.mode, linear) if block.calls and block.end % PAGE else None
            returns += [after] if after else []
            order += [t for t in (*(t for _, t in block.links), *returns[-1:]) if t not in order]
        return known, [a for a in returns if a in known][:MOST_RETURNS]


def _reaching(head: int, leads: dict[int, list[int]]) -> set[int]:
    """The blocks from which a block is reached."""
    found = {head}
    while more := {a for a, targets in leads.items() if a not in found and not found.isdisjoint(targets)}:
        found |= more
    return found


def _pack(blocks: list[Block], returns: list[int]) -> bytes:
    number = {block.address: n for n, block in enumerate(blocks)}
    edges = []
    for n, block in enumerate(blocks):
        edges += [Edge(n, at, number[target]) for at, target in block.links if target in number]
        if block.ends_alone:
            edges += [Edge(n, block.last, number[target]) for target in returns if target in number]
    places = tuple(block.place - blocks[0].place for block in blocks)
    return Region(tuple(Unit.unpack(block.unit) for block in blocks), places, tuple(edges)).pack()
