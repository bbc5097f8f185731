"""Reads a qcow2 image: finds how a range is stored, in runs as long as may be, and fetches it.

A range of plain clusters that lie in a row in the file is one read, which is what makes sequential reads about as fast
as the file. An entry of a table is checked when it is used; what makes no sense is an error, never a guess.
"""

from array import array
from collections import OrderedDict

from playhead.host.block import compression, layout
from playhead.host.block.container import Container
from playhead.host.block.image import Extent, Image
from playhead.host.block.mapping import Mapping

UNPACKED_BYTES = 4 << 20  # of recently unpacked clusters: sectors are read one after the other


class Reader:
    def __init__(self, container: Container, mapping: Mapping, backing: Image | None):
        self.container, self.mapping, self.backing = container, mapping, backing
        shown = 0 if backing is None else min(backing.size, container.header.size)
        self.backing_size = shown  # bytes of the backing image that show through
        self._unpacked: OrderedDict[int, bytes] = OrderedDict()  # by L2 entry
        self._most_unpacked = max(1, UNPACKED_BYTES >> container.bits)

    def read(self, offset: int, length: int) -> bytes:
        pieces = []
        while length:
            extent, entry = self.extent(offset, length)
            pieces.append(self._fetch(offset, extent, entry))
            offset += extent.length
            length -= extent.length
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _fetch(self, offset: int, extent: Extent, entry: int) -> bytes:
        if extent.host_offset is not None:
            return self.container.file.read(extent.host_offset, extent.length)
        if extent.compressed:
            within = offset & (self.container.cluster_size - 1)
            return self._unpack(entry)[within : within + extent.length]
        if extent.allocated or offset >= self.backing_size:
            return bytes(extent.length)
        shown = min(extent.length, self.backing_size - offset)
        assert self.backing is not None
        data = self.backing.read(offset, shown)
        return data if shown == extent.length else data + bytes(extent.length - shown)

    def _unpack(self, entry: int) -> bytes:
        if (data := self._unpacked.get(entry)) is None:
            data = self._unpacked[entry] = compression.unpack(self.container, entry)
            if len(self._unpacked) > self._most_unpacked:
                self._unpacked.popitem(last=False)
        return data

    def forget(self) -> None:
        """Clusters of the file may hold something else from now on."""
        self._unpacked.clear()

    def extent(self, offset: int, length: int) -> tuple[Extent, int]:
        """How the range starts, as far as it continues like that, and the first L2 entry."""
        mapping, bits = self.mapping, self.container.bits
        length = min(length, (1 << mapping.span_bits) - (offset & (1 << mapping.span_bits) - 1))
        table = mapping.table(offset >> mapping.span_bits)
        if table is None:
            return Extent(length, allocated=False), 0
        within = offset & (1 << bits) - 1
        index = offset >> bits & (1 << mapping.l2_bits) - 1
        last = index + (within + length - 1 >> bits)
        entry = table.entries[index]
        host = self.host_offset(entry)
        run = self._run(table.entries, index, last)
        length = min(length, (run << bits) - within)
        if host is not None:
            self._check_inside(host + (run - 1 << bits))
        extent = Extent(
            length, allocated=entry != 0, zero=bool(entry & layout.ZERO) and not entry & layout.COMPRESSED,
            compressed=bool(entry & layout.COMPRESSED), host_offset=None if host is None else host + within,
        )  # fmt: skip
        return extent, entry

    def _run(self, entries: array, index: int, last: int) -> int:
        """How many entries from `index` to `last` say the same of clusters that lie in a row."""
        entry, n = entries[index], index + 1
        if entry & layout.COMPRESSED:
            return 1
        if entry & layout.ZERO:
            while n <= last and entries[n] & (layout.ZERO | layout.COMPRESSED) == layout.ZERO:
                n += 1
            return n - index
        step = self.container.cluster_size if entry else 0
        while n <= last and entries[n] == entry + step:
            entry += step
            n += 1
        return n - index

    def host_offset(self, entry: int) -> int | None:
        """Where the plain data of an entry is; the entry is checked."""
        if entry & layout.COMPRESSED or not self.host_cluster(entry) or entry & layout.ZERO:
            return None
        return entry & layout.OFFSET_MASK

    def host_cluster(self, entry: int) -> int:
        """The offset of the cluster that a standard entry has, also if it reads as zeros; 0 for none."""
        offset = entry & layout.OFFSET_MASK
        if entry & layout.L2_RESERVED:
            raise self.container.fail(f"entry {entry:#x} of an L2 table has reserved bits set")
        if entry & layout.ZERO and self.container.header.version < 3:
            raise self.container.fail(f"entry {entry:#x} of an L2 table has a bit that is not in version 2")
        if offset & (self.container.cluster_size - 1) or entry == layout.COPIED:
            raise self.container.fail(f"entry {entry:#x} of an L2 table does not point to a cluster's start")
        return offset

    def _check_inside(self, offset: int) -> None:
        if offset >= self.container.file.length:
            raise self.container.fail(f"the data cluster at {offset:#x} lies outside the file of "
                                      f"{self.container.file.length} bytes")  # fmt: skip
