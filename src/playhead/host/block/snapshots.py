"""Internal snapshots of a qcow2 image: create, apply, delete, and the machine's state that one holds.

A snapshot is a copy of the active L1 table; what both reach is counted twice, so that a write copies it first. The
flags in the active tables say which clusters that is, and cannot be changed in one step with the counts: so the image
is marked dirty meanwhile (version 3), and repaired when it is opened after a kill. Nothing is lost in either version.
The machine's state is data after the end of the disk.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from playhead.base.errors import UnsupportedError, UsageError
from playhead.host.block import layout, references, snapshot_table
from playhead.host.block.container import Container
from playhead.host.block.mapping import L1, Mapping
from playhead.host.block.reading import Reader
from playhead.host.block.refcounts import Refcounts
from playhead.host.block.snapshot_table import Snapshot, SnapshotInfo
from playhead.host.block.writing import Writer

MAX_EMPTY_STATE = 256 << 20  # bytes of a machine's state that need not be in the file: clusters of zeros


class Snapshots:
    """The snapshots of one image; only `entries` and `read_vm_state` without a writer."""

    def __init__(self, container: Container, mapping: Mapping, reader: Reader):
        self.container, self.mapping, self.reader = container, mapping, reader
        self.entries, self.table_bytes = snapshot_table.SnapshotTableReader(container).read()
        needed = layout.l1_entries_for(container.header.size, container.bits)
        self.state_start = needed << mapping.span_bits

    def find(self, key: str) -> Snapshot:
        """By id, or else by name."""
        for of in (lambda info: info.id, lambda info: info.name):
            for snapshot in self.entries:
                if of(snapshot.info) == key:
                    return snapshot
        raise UsageError(f"{self.container.file.path}: there is no snapshot {key!r}")

    def read_vm_state(self, key: str, offset: int, length: int | None) -> bytes:
        snapshot = self.find(key)
        size = snapshot.info.vm_state_size
        if length is None:
            length = size - offset
        if offset < 0 or length < 0 or offset + length > size:
            raise UsageError(f"{self.container.file.path}: bytes {offset} to {offset + length} of a machine's state "
                             f"of {size}")  # fmt: skip
        if size > self.container.file.length + MAX_EMPTY_STATE:
            raise self.container.fail(f"snapshot {key!r} claims a machine's state of {size} bytes, more than the file")
        return self._reader_of(snapshot).read(self._start_of(snapshot) + offset, length)

    def _start_of(self, snapshot: Snapshot) -> int:
        """Where the state begins depends on how long the disk was."""
        return layout.l1_entries_for(snapshot.info.disk_size, self.container.bits) << self.mapping.span_bits

    def _reader_of(self, snapshot: Snapshot) -> Reader:
        mapping = self.mapping.of_l1(self.l1_of(snapshot))
        return Reader(self.container, mapping, None)

    def l1_of(self, snapshot: Snapshot) -> array:
        return self.mapping.read_l1(snapshot.l1_offset, snapshot.l1_size, references.SNAPSHOT_L1)


class SnapshotWriter:
    """Changes the snapshots of an image that is open for writing. `flush` writes everything in the right order."""

    def __init__(self, snapshots: Snapshots, refcounts: Refcounts, writer: Writer, flush: Callable[[], None]):
        self.snapshots, self.refcounts, self.writer, self._flush = snapshots, refcounts, writer, flush
        self.container, self.mapping, self.reader = snapshots.container, snapshots.mapping, snapshots.reader

    # the three operations

    def create(self, info: SnapshotInfo, vm_state: bytes) -> SnapshotInfo:
        """`info` may lack the id."""
        info = replace(info, id=info.id or self._next_id(), vm_state_size=len(vm_state))
        self._check_new(info)
        with self._operation():
            self._write_state(vm_state)
            self.refcounts.add(self._references(self.mapping.l1), +1)
            l1 = array("Q", (entry & ~layout.COPIED for entry in self.mapping.l1))
            snapshot = Snapshot(info, self._write_l1(l1, references.SNAPSHOT_L1), len(l1))
            self._write_table([*self.snapshots.entries, snapshot])
            self._drop_state()
        return info

    def apply(self, key: str) -> None:
        snapshot = self.snapshots.find(key)
        if snapshot.info.disk_size != self.container.header.size:
            raise UnsupportedError(f"{self.container.file.path}: snapshot {key!r} is of a disk of another size, "
                                   f"{snapshot.info.disk_size} bytes")  # fmt: skip
        with self._operation():
            l1 = array("Q", (entry & ~layout.COPIED for entry in self.snapshots.l1_of(snapshot)))
            new, old = self._references(l1), self._references(self.mapping.l1)
            needed = layout.l1_entries_for(self.container.header.size, self.container.bits)
            l1.extend([0] * (needed - len(l1)))
            self.refcounts.add(new, +1)
            self._switch_l1(l1)
            self.refcounts.add(old, -1)
            self._drop_state()

    def delete(self, key: str) -> None:
        snapshot = self.snapshots.find(key)
        with self._operation():
            counts = self._references(self.snapshots.l1_of(snapshot))
            counts.update(self._l1_clusters(snapshot.l1_offset, snapshot.l1_size))
            self._write_table([other for other in self.snapshots.entries if other is not snapshot])
            self.refcounts.add(counts, -1)

    # steps

    @contextmanager
    def _operation(self) -> Iterator[None]:
        """Around each of them. What is refused for want of room in the refcounts has changed nothing; any other error
        leaves the image dirty, and so to be repaired."""
        self._begin()
        try:
            yield
        except UnsupportedError:
            self._drop_state()
            self._end()
            raise
        self._end()

    def _begin(self) -> None:
        self._flush()
        if self.container.header.version > 2:
            self.container.set_incompatible(layout.DIRTY, True)
            self.container.file.sync()

    def _end(self) -> None:
        self.writer.forget()
        self._flush()
        references.mark_copied(self.mapping, self.reader, self.refcounts)
        self._flush()
        if self.container.header.version > 2:
            self.container.set_incompatible(layout.DIRTY, False)
            self.container.file.sync()

    def _references(self, l1: array) -> Counter[int]:
        return references.of_l1(self.mapping, self.reader, l1)

    def _check_new(self, info: SnapshotInfo) -> None:
        snapshot_table.check(info)
        path, entries = self.container.file.path, self.snapshots.entries
        if any(snapshot.info.id == info.id for snapshot in entries):
            raise UsageError(f"{path}: there is a snapshot with the id {info.id!r} already")
        if len(entries) >= layout.MAX_SNAPSHOTS:
            raise UsageError(f"{path}: there are {len(entries)} snapshots, as many as a qcow2 image can have")
        if self.refcounts.maximum == 1:
            raise UnsupportedError(f"{path}: refcounts of one bit cannot count snapshots")

    def _next_id(self) -> str:
        """QEMU's choice: one more than the highest number."""
        ids = [snapshot.info.id for snapshot in self.snapshots.entries]
        return str(1 + max((int(id) for id in ids if id.isascii() and id.isdigit() and len(id) < 20), default=0))

    def _write_state(self, vm_state: bytes) -> None:
        start = self.snapshots.state_start
        self._drop_state()
        if vm_state:
            needed = layout.l1_entries_for(start + len(vm_state), self.container.bits)
            if needed * 8 > layout.MAX_L1_BYTES:
                raise UnsupportedError(f"{self.container.file.path}: no room for {len(vm_state)} bytes of state")
            if needed > len(self.mapping.l1):
                l1 = array("Q", self.mapping.l1)
                l1.extend([0] * (needed - len(l1)))
                self._flush()
                self._switch_l1(l1)
            self.writer.write(start, memoryview(vm_state))
        self._flush()

    def _drop_state(self) -> None:
        """The active tables need no state; it would be copied on write, and be in the next snapshot too."""
        end = len(self.mapping.l1) << self.mapping.span_bits
        if self.snapshots.state_start < end:
            self.writer.drop(self.snapshots.state_start, end)

    def _switch_l1(self, l1: array) -> None:
        """Write an L1 table to a new place, make it the active one, and give up the old one's place."""
        header = self.container.header
        old = self._l1_clusters(header.l1_offset, header.l1_size)
        offset = self._write_l1(l1, L1)
        self._flush()
        self.mapping.switch_l1(l1, offset)
        self.refcounts.release(old)

    def _l1_clusters(self, offset: int, entries: int) -> range:
        first = offset >> self.container.bits
        return range(first, first + layout.clusters_for(entries * 8, self.container.bits))

    def _write_l1(self, l1: array, what: str) -> int:
        return self._write_new(layout.from_table(l1), what) if l1 else 0

    def _write_new(self, data: bytes, what: str) -> int:
        """Write to new clusters in a row."""
        bits = self.container.bits
        count = layout.clusters_for(len(data), bits)
        first, _ = self.refcounts.allocate(count, exactly=True)
        self.container.claim(first << bits, len(data), what)
        self.container.file.write(first << bits, data.ljust(count << bits, b"\0"))
        return first << bits

    def _write_table(self, entries: list[Snapshot]) -> None:
        """Another snapshot table, in another place; with one write to the header it is the one."""
        data = b"".join(entry.encode() for entry in entries)
        if len(data) > layout.MAX_SNAPSHOT_TABLE_BYTES:
            raise UsageError(f"{self.container.file.path}: there is no room for more snapshots")
        header, bits = self.container.header, self.container.bits
        first = header.snapshots_offset >> bits
        old = range(first, first + layout.clusters_for(self.snapshots.table_bytes, bits))
        offset = self._write_new(data, references.SNAPSHOT_TABLE) if data else 0
        self._flush()
        header.snapshot_count, header.snapshots_offset = len(entries), offset
        self.container.patch(layout.AT_SNAPSHOTS, ">IQ", len(entries), offset)
        self.container.file.sync()
        self.snapshots.entries, self.snapshots.table_bytes = entries, len(data)
        self.refcounts.release(old)
