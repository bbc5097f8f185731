"""The two-level table from guest clusters to host clusters: the active L1 table, and a cache of L2 tables.

Changes stay in memory until `write_back`: L2 tables first, then the L1 entries that point to new ones. When the cache
is full of changed tables, everything is written in the right order (`flush`, given by the image) before one is dropped.
"""

from array import array
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from playhead.host.block import layout
from playhead.host.block.container import Container
from playhead.host.block.refcounts import Refcounts

CACHE_BYTES = 32 << 20  # of L2 tables: 256 GiB of disk in clusters of 64 KiB
L1, L2 = "the L1 table", "an L2 table"


@dataclass(eq=False)
class L2Table:
    offset: int
    entries: array
    first_dirty: int = 1 << 32
    last_dirty: int = -1


class Mapping:
    def __init__(self, container: Container, refcounts: Refcounts | None, flush: Callable[[], None],
                 l1: array | None = None):  # fmt: skip
        """Without refcounts it can only be read; `l1` is another table than the active one."""
        header = container.header
        self.container, self._refcounts, self.flush = container, refcounts, flush
        self.l2_bits = container.bits - 3
        self.span_bits = container.bits + self.l2_bits  # of the guest's bytes under one L2 table
        self._tables: OrderedDict[int, L2Table] = OrderedDict()  # by offset, least recently used first
        self._most_tables = max(8, CACHE_BYTES >> container.bits)
        self._dirty: set[int] = set()  # changed L1 entries
        self.l1 = self.read_l1(header.l1_offset, header.l1_size, L1) if l1 is None else l1
        if refcounts is not None:
            container.claim(header.l1_offset, header.l1_size * 8, L1)
            for entry in self.l1:
                if entry:
                    offset = self.check_l1_entry(entry)
                    container.check_place(offset, container.cluster_size, L2)
                    container.claim_one(offset >> container.bits, L2)

    def read_l1(self, offset: int, entries: int, what: str) -> array:
        return self.container.read_table(offset, entries, what)

    def of_l1(self, l1: array) -> "Mapping":
        """For reading by another L1 table of the same image."""
        return Mapping(self.container, None, self.flush, l1)

    def check_l1_entry(self, entry: int) -> int:
        """The offset of the L2 table; it may lie after the file's end, which reading it will show."""
        offset = entry & layout.OFFSET_MASK
        if entry & layout.L1_RESERVED or not offset or offset & (self.container.cluster_size - 1):
            raise self.container.fail(f"entry {entry:#x} of an L1 table makes no sense")
        return offset

    # reading

    def table(self, number: int) -> L2Table | None:
        """The L2 table of that L1 entry, if there is one."""
        if number >= len(self.l1) or not self.l1[number]:
            return None
        return self.load(self.check_l1_entry(self.l1[number]))

    def load(self, offset: int) -> L2Table:
        if (table := self._tables.get(offset)) is not None:
            self._tables.move_to_end(offset)
            return table
        return self._cache(L2Table(offset, self.peek(offset)))

    def peek(self, offset: int) -> array:
        """The entries of any L2 table, without a place in the cache for it."""
        if (table := self._tables.get(offset)) is not None:
            return table.entries
        return self.container.read_table(offset, 1 << self.l2_bits, L2)

    def _cache(self, table: L2Table) -> L2Table:
        while len(self._tables) >= self._most_tables:
            if next(iter(self._tables.values())).last_dirty >= 0:
                self.flush()
            self._tables.popitem(last=False)
        self._tables[table.offset] = table
        return table

    # changing

    def table_for_writing(self, number: int) -> L2Table:
        """The L2 table, made, or copied if a snapshot shares it."""
        assert self._refcounts is not None
        bits, entry = self.container.bits, self.l1[number]
        if entry:
            offset = self.check_l1_entry(entry)
            if entry & layout.COPIED and self._refcounts.get(offset >> bits) == 1:
                return self.load(offset)
            entries = array("Q", self.peek(offset))
        else:
            entries = array("Q", bytes(self.container.cluster_size))
        cluster, _ = self._refcounts.allocate(1)
        if entry:
            self._refcounts.release([offset >> bits])
        self.container.claim(cluster << bits, 1, L2)
        table = L2Table(cluster << bits, entries, 0, len(entries) - 1)
        self._tables.pop(table.offset, None)  # of a table that was there once
        self._cache(table)
        self.set_l1(number, table.offset | layout.COPIED)
        return table

    def set(self, table: L2Table, index: int, entry: int) -> None:
        assert self._tables.get(table.offset) is table, "a table that is no longer in the cache"
        table.entries[index] = entry
        table.first_dirty = min(table.first_dirty, index)
        table.last_dirty = max(table.last_dirty, index)

    def set_l1(self, number: int, entry: int) -> None:
        self.l1[number] = entry
        self._dirty.add(number)

    def switch_l1(self, l1: array, offset: int) -> None:
        """Another L1 table, which is on the disk at `offset` already, becomes the active one."""
        container, header = self.container, self.container.header
        assert not self.dirty
        container.file.sync()
        header.l1_offset, header.l1_size = offset, len(l1)
        container.patch(layout.AT_L1, ">IQ", len(l1), offset)
        container.file.sync()
        container.claim(offset, len(l1) * 8, L1)
        for entry in l1:
            if entry:
                container.claim(self.check_l1_entry(entry), 1, L2)
        self.l1 = l1
        self._tables.clear()

    @property
    def dirty(self) -> bool:
        return bool(self._dirty) or any(table.last_dirty >= 0 for table in self._tables.values())

    def write_back(self) -> None:
        """Only when the data and the refcounts after all this are on stable storage."""
        for table in self._tables.values():
            if table.last_dirty >= 0:
                first, last = table.first_dirty & ~63, table.last_dirty | 63  # whole sectors
                part = layout.from_table(table.entries[first : last + 1])
                self.container.file.write(table.offset + first * 8, part)
                table.first_dirty, table.last_dirty = 1 << 32, -1
        if self._dirty:
            self.container.file.sync()
            self._write_l1()

    def _write_l1(self) -> None:
        """The changed entries, in runs."""
        numbers = sorted(self._dirty)
        while numbers:
            first, count = numbers[0], 1
            while count < len(numbers) and numbers[count] == first + count:
                count += 1
            part = layout.from_table(self.l1[first : first + count])
            self.container.file.write(self.container.header.l1_offset + first * 8, part)
            del numbers[:count]
        self._dirty.clear()
