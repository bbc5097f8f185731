"""Writes a qcow2 image: in place where a cluster is ours alone, otherwise into new clusters (copy on write).

Data goes to the file at once, what points to it stays in memory until a flush; so a kill in between loses what was not
flushed and nothing else. New clusters are taken in rows, and a row is written at once.
"""

from playhead.host.block import compression, layout
from playhead.host.block.container import Container
from playhead.host.block.hostfile import CHUNK
from playhead.host.block.mapping import L2Table, Mapping
from playhead.host.block.reading import Reader
from playhead.host.block.refcounts import Refcounts

MOST_RELEASES = 1 << 16  # clusters that wait for a flush to be given up


class Writer:
    def __init__(self, container: Container, refcounts: Refcounts, mapping: Mapping, reader: Reader):
        self.container, self.refcounts, self.mapping, self.reader = container, refcounts, mapping, reader
        self._packed_end = 0  # where the last compressed cluster ends; the next one goes there

    def forget(self) -> None:
        """What is remembered of the file's clusters may not hold any more."""
        self.reader.forget()
        self._packed_end = 0

    # data

    def write(self, offset: int, view: memoryview) -> None:
        self.forget()
        done = 0
        while done < len(view):
            done += self._write_some(offset + done, view[done:])
            self._limit_releases()

    def _write_some(self, offset: int, view: memoryview) -> int:
        """Write as much as goes in one way; return how much that was."""
        bits, within = self.container.bits, offset & (self.container.cluster_size - 1)
        table, index, last = self._locate(offset, len(view))
        entry = table.entries[index]
        if self._is_ours(entry):
            if entry & layout.ZERO:
                return self._refill(table, index, offset, view)
            count = self._row_in_place(table, index, last)
            view = view[: (count << bits) - within]
            host = entry & layout.OFFSET_MASK
            self._check_target(host, count)
            self.container.file.write(host + within, view)
            return len(view)
        count = 1
        while index + count <= last and not self._is_ours(table.entries[index + count]):
            count += 1
        return self._write_new(table, index, count, offset, view)

    def _limit_releases(self) -> None:
        if len(self.refcounts.releases) > MOST_RELEASES:
            self.mapping.flush()

    def _locate(self, offset: int, length: int) -> tuple[L2Table, int, int]:
        """The table of a range, and the places of its first and its last cluster in it."""
        mapping, bits = self.mapping, self.container.bits
        index = offset >> bits & (1 << mapping.l2_bits) - 1
        last = index + ((offset & (1 << bits) - 1) + length - 1 >> bits)
        table = mapping.table_for_writing(offset >> mapping.span_bits)
        return table, index, min(last, (1 << mapping.l2_bits) - 1)

    def _is_ours(self, entry: int) -> bool:
        """Whether the entry has a cluster that no snapshot shares. The flag alone is not trusted: it protects the data
        of snapshots."""
        if not entry & layout.COPIED or entry & layout.COMPRESSED:
            return False
        cluster = self.reader.host_cluster(entry) >> self.container.bits
        count = self.refcounts.get(cluster)
        if count == 0:
            raise self.container.corrupt(f"the data cluster at {cluster << self.container.bits:#x} has a refcount of 0")
        return count == 1

    def _row_in_place(self, table: L2Table, index: int, last: int) -> int:
        entry, count = table.entries[index], 1
        while index + count <= last and table.entries[index + count] == entry + (count << self.container.bits):
            if not self._is_ours(table.entries[index + count]):
                break
            count += 1
        return count

    def _check_target(self, host: int, count: int) -> None:
        self.container.check_free(host >> self.container.bits, count, "guest data")
        if host + (count - 1 << self.container.bits) >= self.container.file.length:
            raise self.container.corrupt(f"the data cluster at {host:#x} lies outside the file")

    def _refill(self, table: L2Table, index: int, offset: int, view: memoryview) -> int:
        """Write into a cluster that is there but reads as zeros: all of it, then the entry."""
        size, entry = self.container.cluster_size, table.entries[index]
        within, host = offset & (size - 1), entry & layout.OFFSET_MASK
        view = view[: size - within]
        self._check_target(host, 1)
        self.container.file.write(host, bytes(within) + view + bytes(size - within - len(view)))
        self.mapping.set(table, index, entry & ~layout.ZERO)
        return len(view)

    def _write_new(self, table: L2Table, index: int, count: int, offset: int, view: memoryview) -> int:
        bits = self.container.bits
        first, count = self.refcounts.allocate(count)
        try:
            within = offset & (1 << bits) - 1
            view = view[: (count << bits) - within]
            self._fill(first << bits, offset, within, view)
        except BaseException:
            self.refcounts.release(range(first, first + count))
            raise
        for n in range(count):
            self._replace(table, index + n, (first + n << bits) | layout.COPIED)
        return len(view)

    def _fill(self, host: int, offset: int, within: int, view: memoryview) -> None:
        """Write new clusters, with what is around the new data as it was."""
        tail = -(within + len(view)) % self.container.cluster_size
        before = self.reader.read(offset - within, within)
        behind = self.reader.read(offset + len(view), tail)
        if host >= self.container.file.length:  # the file has zeros there already
            if before.count(0) == within:
                host, before = host + within, b""
            if behind.count(0) == tail:
                behind = b""
        self.container.file.write(host, b"".join((before, view, behind)) if before or behind else view)

    def _replace(self, table: L2Table, index: int, entry: int) -> None:
        """Set an entry, and release the cluster of the old one."""
        old = table.entries[index]
        if old == entry:
            return
        if old & layout.COMPRESSED:
            self.refcounts.release(compression.host_clusters(old, self.container.bits))
        elif (offset := self.reader.host_cluster(old)) and offset != entry & layout.OFFSET_MASK:
            self.refcounts.release([offset >> self.container.bits])
        self.mapping.set(table, index, entry)

    # zeros

    def zero(self, offset: int, length: int, unmap: bool) -> None:
        """Parts of clusters are written; whole ones become zero by their entry where the version allows it."""
        self.forget()
        if self.container.header.version == 2 and self.reader.backing_size:
            return self._write_zeros(offset, length)  # version 2 cannot hide the backing image otherwise
        start, end = self._whole(offset, offset + length)
        if start >= end:
            return self._write_zeros(offset, length)
        self._write_zeros(offset, start - offset)
        self._write_zeros(end, offset + length - end)
        self._each_cluster(start, end, unmap)

    def discard(self, offset: int, length: int) -> None:
        """Whole clusters only. What version 2 could only drop down to the backing image's data, stays."""
        self.forget()
        if self.container.header.version == 2 and self.reader.backing_size:
            return
        self._each_cluster(*self._whole(offset, offset + length), True)

    def drop(self, offset: int, end: int) -> None:
        """Release whole clusters, whatever is read there then; for what lies after the disk."""
        self.forget()
        self._each_cluster(offset, end, True, drop=True)

    def _whole(self, offset: int, end: int) -> tuple[int, int]:
        """The whole clusters in a range; the disk's last one is whole where the disk ends."""
        size = self.container.cluster_size
        start = -(-offset // size) * size
        return start, end if end == self.container.header.size else end // size * size

    def _write_zeros(self, offset: int, length: int) -> None:
        for at in range(offset, offset + length, CHUNK):
            self.write(at, memoryview(bytes(min(CHUNK, offset + length - at))))

    def _each_cluster(self, start: int, end: int, unmap: bool, drop: bool = False) -> None:
        span = 1 << self.mapping.span_bits
        hidden = not drop and self.container.header.version > 2
        while start < end:
            stop = min(end, (start | span - 1) + 1)
            shows = hidden and start < self.reader.backing_size
            if shows or self.mapping.table(start >> self.mapping.span_bits) is not None:
                table, index, last = self._locate(start, stop - start)
                for n in range(index, last + 1):
                    self._zero_cluster(table, n, unmap, shows, hidden)
                self._limit_releases()
            start = stop

    def _zero_cluster(self, table: L2Table, index: int, unmap: bool, shows: bool, hidden: bool) -> None:
        entry = table.entries[index]
        if entry == 0 and not shows:
            return
        if not unmap and hidden and self._is_ours(entry):
            return self._replace(table, index, entry | layout.ZERO)
        if not unmap and entry & layout.ZERO and not entry & layout.COMPRESSED:
            return
        # Without a backing image after it, no entry is as good as a zero one, and older than version 3.
        self._replace(table, index, layout.ZERO if shows else 0)

    # compressed clusters, and preallocation

    def write_compressed(self, offset: int, data: bytes) -> None:
        """Write one whole cluster compressed, or plainly if that is not shorter."""
        container, bits = self.container, self.container.bits
        packed = compression.pack(data, container.header.compression_type)
        if len(packed) >= container.cluster_size:
            return self.write(offset, memoryview(data))
        self.reader.forget()
        at = self._place_packed(len(packed))
        container.file.write(at, packed)
        table, index, _ = self._locate(offset, len(data))
        self._replace(table, index, compression.entry_for(at, len(packed), bits))

    def _place_packed(self, length: int) -> int:
        """Room after the last compressed cluster if there is some in its host cluster, otherwise in a new one."""
        bits, refcounts = self.container.bits, self.refcounts
        at, host = self._packed_end, self._packed_end >> bits
        room = -at % self.container.cluster_size
        if room >= length and 0 < refcounts.get(host) < refcounts.maximum:
            refcounts.set(host, refcounts.get(host) + 1)
        else:
            host, _ = refcounts.allocate(1)
            at = host << bits
        self._packed_end = at + length
        return at

    def preallocate(self, size: int) -> None:
        """Give every cluster of the disk a place in the file, in rows; nothing is written there."""
        bits, offset = self.container.bits, 0
        while offset < size:
            table, index, last = self._locate(offset, size - offset)
            first, count = self.refcounts.allocate(last + 1 - index)
            for n in range(count):
                self.mapping.set(table, index + n, (first + n << bits) | layout.COPIED)
            offset += count << bits
            self.container.file.truncate(max(self.container.file.length, first + count << bits))
