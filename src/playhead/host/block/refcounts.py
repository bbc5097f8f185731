"""Refcounts of a qcow2 image: how often each cluster of the file is in use, and which are free.

Two rules keep an image whole if we are killed between any two writes, or power fails between any two syncs. A count
that goes up is written before anything that points to the cluster. A count goes down only when nothing on the disk
points to the cluster any more: `release` remembers the cluster, `apply_releases` frees all of these once the tables are
on stable storage. So the worst outcome is an unused cluster that is not free.
"""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator

from playhead.base.errors import FormatError, UnsupportedError
from playhead.host.block import layout
from playhead.host.block.container import Container
from playhead.host.block.refcount_block import RefcountBlock

CACHE_BYTES = 8 << 20
TABLE, BLOCK = "the refcount table", "a refcount block"


class Refcounts:
    def __init__(self, container: Container):
        header = container.header
        self.container, self.width = container, 1 << header.refcount_order
        self.per_block = container.cluster_size * 8 >> header.refcount_order
        self.maximum = (1 << self.width) - 1
        self.releases: list[int] = []
        self.hint = 0  # no cluster below is free, as far as we know
        self._blocks: OrderedDict[int, RefcountBlock] = OrderedDict()  # by place in the table, oldest use first
        self._most_blocks = max(4, CACHE_BYTES >> container.bits)
        self._table_dirty = False
        self.table = self._read_table()

    def _read_table(self) -> array:
        container, header = self.container, self.container.header
        entries = header.refcount_table_clusters << container.bits >> 3
        table = container.read_table(header.refcount_table_offset, entries, TABLE)
        container.claim(header.refcount_table_offset, entries * 8, TABLE)
        for entry in table:
            if entry:
                if entry & layout.REFCOUNT_RESERVED:
                    raise container.fail(f"entry {entry:#x} of the refcount table has reserved bits set")
                container.check_place(entry, container.cluster_size, BLOCK)
                container.claim_one(entry >> container.bits, BLOCK)
        return table

    # counts

    def get(self, cluster: int) -> int:
        block = self._block(cluster // self.per_block)
        return block.get(cluster % self.per_block) if block else 0

    def used(self) -> Iterator[int]:
        """The clusters whose count is not zero."""
        for number, entry in enumerate(self.table):
            block = self._block(number) if entry else None
            if block is not None and block.data.count(0) < len(block.data):
                yield from (number * self.per_block + n for n in range(self.per_block) if block.get(n))

    def add(self, counts: Counter[int], sign: int) -> None:
        """Add (or, with sign -1, take off) so much for each cluster; all or nothing."""
        for cluster, count in counts.items():
            now = self.get(cluster)
            value = now + sign * count
            if value > self.maximum:
                raise UnsupportedError(f"{self.container.file.path}: refcounts of {self.width} bits have no room "
                                       f"for {value} users of a cluster")  # fmt: skip
            if value < 0 or now == 0:
                raise self._miscounted(cluster, now)
        for cluster, count in counts.items():
            self.set(cluster, self.get(cluster) + sign * count)

    def set(self, cluster: int, value: int) -> None:
        """For a cluster whose range has a block."""
        block = self._block(cluster // self.per_block)
        assert block is not None, f"no refcount block for cluster {cluster}"
        block.set(cluster % self.per_block, value)
        if value == 0:
            self.hint = min(self.hint, cluster)
            self.container.unclaim(cluster)

    def _miscounted(self, cluster: int, count: int) -> FormatError:
        at = cluster << self.container.bits
        return self.container.corrupt(f"the cluster at {at:#x} has more users than its refcount of {count} says")

    def release(self, clusters: Iterable[int]) -> None:
        """One user less of each, from the next `apply_releases` on."""
        self.releases.extend(clusters)

    def apply_releases(self) -> None:
        """Only when what no longer points to these clusters is on stable storage."""
        while self.releases:
            cluster = self.releases.pop()
            count = self.get(cluster)
            if count == 0:
                raise self._miscounted(cluster, count)
            self.set(cluster, count - 1)

    # allocation

    def allocate(self, wanted: int, exactly: bool = False) -> tuple[int, int]:
        """(first, count): free clusters in a row, now with a refcount of one; fewer than wanted unless `exactly`."""
        first = self._next_free(self.hint)
        lowest, count = first, 1
        while count < wanted:
            if self._is_free(first + count):
                count += 1
            elif exactly:
                first, count = self._next_free(first + count), 1
            else:
                break
        self.container.check_free(first, count, "a free cluster")
        for cluster in range(first, first + count):
            self.set(cluster, 1)
        if first == lowest:
            self.hint = first + count
        return first, count

    def _is_free(self, cluster: int) -> bool:
        """With a block for it: making one may take this very cluster."""
        block = self._block(cluster // self.per_block) or self._make_block(cluster)
        return block.get(cluster % self.per_block) == 0

    def _next_free(self, cluster: int) -> int:
        while True:
            number, index = divmod(cluster, self.per_block)
            block = self._block(number) or self._make_block(cluster)
            found = block.find_free(index)
            if found is not None:
                return number * self.per_block + found
            cluster = (number + 1) * self.per_block

    # blocks

    def _block(self, number: int) -> RefcountBlock | None:
        if (block := self._blocks.get(number)) is not None:
            self._blocks.move_to_end(number)
            return block
        if number >= len(self.table) or not self.table[number]:
            return None
        container = self.container
        data = container.file.read(self.table[number], container.cluster_size)
        return self._cache(number, RefcountBlock(self.table[number], bytearray(data), self.width))

    def _cache(self, number: int, block: RefcountBlock) -> RefcountBlock:
        self._blocks[number] = block
        while len(self._blocks) > self._most_blocks:
            _, old = self._blocks.popitem(last=False)
            self._write_block(old)  # at any time: counts that have gone down are of clusters that nothing points to
        return block

    def _make_block(self, cluster: int) -> RefcountBlock:
        """A block for a range that has none, kept in a free cluster of that very range, of which it is the first user.
        Nothing is lost if we are killed: until the table is written the range counts as free, as before."""
        number = cluster // self.per_block
        if number >= len(self.table):
            self._grow_table(cluster)
            return self._block(number) or self._make_block(cluster)
        self._place_block(number, cluster)
        self.set(cluster, 1)
        block = self._block(number)
        assert block is not None
        return block

    def cover(self, cluster: int) -> None:
        """See that a cluster that is in use has a block for its count; for repairs."""
        number = cluster // self.per_block
        if self._block(number) is None:
            place, _ = self.allocate(1)
            if self._block(number) is None:  # the allocation may have made it
                self._place_block(number, place)

    def _place_block(self, number: int, cluster: int) -> None:
        container = self.container
        container.check_free(cluster, 1, "a new refcount block")
        if cluster << container.bits >= layout.MAX_HOST_OFFSET:
            raise UnsupportedError(f"{container.file.path}: the image has become too long for its format")
        block = RefcountBlock(cluster << container.bits, bytearray(container.cluster_size), self.width)
        block.dirty = True
        self.table[number] = block.offset
        self._table_dirty = True
        container.claim_one(cluster, BLOCK)
        self._cache(number, block)

    def _grow_table(self, start: int) -> None:
        """A longer table at cluster `start`, which no block covers yet, with the blocks for its own range after it."""
        container, header = self.container, self.container.header
        per_cluster = container.cluster_size >> 3
        old_offset, old = header.refcount_table_offset, header.refcount_table_clusters
        first_block = start // self.per_block
        clusters, blocks = old + (old + 1) // 2, 1
        while True:
            last_block = (start + clusters + blocks - 1) // self.per_block
            if blocks < last_block - first_block + 1:
                blocks = last_block - first_block + 1
            elif last_block >= clusters * per_cluster:
                clusters += 1
            else:
                break
        if clusters << container.bits > layout.MAX_REFCOUNT_TABLE_BYTES:
            raise UnsupportedError(f"{container.file.path}: the image is too long for refcounts of {self.width} bits "
                                   f"in clusters of {container.cluster_size} bytes")  # fmt: skip
        container.check_free(start, clusters + blocks, "a new refcount table")
        self.table.extend([0] * (clusters * per_cluster - len(self.table)))
        for n in range(blocks):
            self._place_block(first_block + n, start + clusters + n)
        for cluster in range(start, start + clusters + blocks):
            self.set(cluster, 1)
        container.claim(start << container.bits, clusters << container.bits, TABLE)
        header.refcount_table_offset, header.refcount_table_clusters = start << container.bits, clusters
        self.write_back(whole=True)
        container.file.sync()
        container.patch(layout.AT_REFCOUNT_TABLE, ">QI", header.refcount_table_offset, clusters)
        container.file.sync()
        self.release(range(old_offset >> container.bits, (old_offset >> container.bits) + old))

    # writing

    def write_back(self, whole: bool = False) -> None:
        """Blocks, then the table that points to them."""
        container = self.container
        for block in self._blocks.values():
            self._write_block(block)
        if self._table_dirty or whole:
            container.file.sync()
            container.file.write(container.header.refcount_table_offset, layout.from_table(self.table))
            self._table_dirty = False

    def _write_block(self, block: RefcountBlock) -> None:
        if block.dirty:
            self.container.file.write(block.offset, block.data)
            block.dirty = False
