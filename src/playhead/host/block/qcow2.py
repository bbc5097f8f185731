"""A qcow2 image: puts the parts together, and keeps the order of writes.

The order of a flush, each step on stable storage before the next: data and refcounts; L2 tables; L1 entries; and only
then are clusters given up that nothing points to any more. A kill or a loss of power between any two steps leaves an
image that is whole, with leaked clusters at worst.
"""

import time

from playhead.base.errors import FormatError, UsageError
from playhead.host.block import layout, references
from playhead.host.block.container import Container
from playhead.host.block.header import HeaderReader
from playhead.host.block.hostfile import HostFile
from playhead.host.block.image import Extent, Image
from playhead.host.block.mapping import Mapping
from playhead.host.block.reading import Reader
from playhead.host.block.refcounts import Refcounts
from playhead.host.block.snapshot_table import SnapshotInfo
from playhead.host.block.snapshots import Snapshots, SnapshotWriter
from playhead.host.block.writing import Writer


class Qcow2Image(Image):
    """`file` is owned by the image from here on; `backing` likewise."""

    format = "qcow2"

    def __init__(self, file: HostFile, container: Container, backing: Image | None):
        super().__init__(file.name, container.header.size, file.read_only, backing)
        self._file, self._container = file, container
        self._refcounts: Refcounts | None = None
        if not self.read_only:
            self._refuse_corrupt("it cannot be opened for writing")
            container.claim(0, container.cluster_size, "the header")
            self._refcounts = Refcounts(container)
        self._mapping = Mapping(container, self._refcounts, self._write_metadata)
        self._reader = Reader(container, self._mapping, backing)
        self._snapshot_list = Snapshots(container, self._mapping, self._reader)
        if self._refcounts is not None:
            self._open_for_writing(self._refcounts)
            container.marks_damage = True

    def _open_for_writing(self, refcounts: Refcounts) -> None:
        container, mapping, snapshots = self._container, self._mapping, self._snapshot_list
        references.claim_snapshots(mapping, snapshots.entries, snapshots.table_bytes)
        self._writer = Writer(container, refcounts, mapping, self._reader)
        self._snapshot_writer = SnapshotWriter(snapshots, refcounts, self._writer, self._write_metadata)
        if container.header.incompatible & layout.DIRTY:
            references.repair(mapping, self._reader, refcounts, snapshots.entries, snapshots.table_bytes)
            self._write_metadata()
            references.mark_copied(mapping, self._reader, refcounts)
            self._write_metadata()
            container.set_incompatible(layout.DIRTY, False)
            self._file.sync()

    @property
    def cluster_size(self) -> int:
        return self._container.cluster_size

    # data

    def _read(self, offset: int, length: int) -> bytes:
        return self._reader.read(offset, length)

    def _block_status(self, offset: int, length: int) -> Extent:
        return self._reader.extent(offset, length)[0]

    def _write(self, offset: int, view: memoryview) -> None:
        self._before_change()
        self._writer.write(offset, view)

    def _write_zeroes(self, offset: int, length: int, unmap: bool) -> None:
        self._before_change()
        self._writer.zero(offset, length, unmap)

    def _discard(self, offset: int, length: int) -> None:
        self._before_change()
        self._writer.discard(offset, length)

    def write_compressed(self, offset: int, data: bytes) -> None:
        """Write one whole cluster (the disk's last one may be shorter) in compressed form; for making images."""
        with self.lock:
            self._check_writable(offset, len(data))
            size = self.cluster_size
            if offset % size or len(data) != min(size, self.size - offset):
                raise UsageError(f"{self.path}: compressed data is written by whole clusters of {size} bytes")
            self._before_change()
            self._writer.write_compressed(offset, data.ljust(size, b"\0"))

    def preallocate(self) -> None:
        """Give every cluster of a new image its place."""
        with self.lock:
            self._writer.preallocate(self.size)

    # order

    def _before_change(self) -> None:
        """The first change takes away the flags of what we do not keep up to date: dirty bitmaps above all."""
        self._refuse_corrupt("it is not written to")
        header = self._container.header
        if header.autoclear:
            header.autoclear = 0
            self._container.patch(layout.AT_AUTOCLEAR, ">Q", 0)
            self._file.sync()

    def _refuse_corrupt(self, so: str) -> None:
        if self._container.corrupted:
            raise FormatError(f"{self.path}: the image is marked as corrupt, so {so} (qemu-img check -r all may help)")

    def _flush(self) -> None:
        self._refuse_corrupt("nothing can be flushed")
        self._write_metadata()

    def _write_metadata(self) -> None:
        refcounts = self._refcounts
        assert refcounts is not None
        refcounts.write_back()
        self._file.sync()
        if self._mapping.dirty:
            self._mapping.write_back()
            self._file.sync()
        if refcounts.releases:
            refcounts.apply_releases()
            self._writer.forget()

    def _close(self) -> None:
        try:
            if not self.read_only and not self._container.corrupted:
                self._write_metadata()
                self._write_metadata()  # what the first one gave up
        finally:
            self._file.close()

    # snapshots

    def _snapshots(self) -> list[SnapshotInfo]:
        return [snapshot.info for snapshot in self._snapshot_list.entries]

    def _create_snapshot(
        self, name: str, vm_state: bytes, id: str | None, date_ns: int | None, vm_clock_ns: int, icount: int | None
    ) -> SnapshotInfo:
        self._before_change()
        date_ns = time.time_ns() if date_ns is None else date_ns
        info = SnapshotInfo(id or "", name, date_ns, vm_clock_ns, len(vm_state), icount, self.size)
        return self._snapshot_writer.create(info, vm_state)

    def _apply_snapshot(self, key: str) -> None:
        self._before_change()
        self._snapshot_writer.apply(key)

    def _delete_snapshot(self, key: str) -> None:
        self._before_change()
        self._snapshot_writer.delete(key)

    def _read_vm_state(self, key: str, offset: int, length: int | None) -> bytes:
        return self._snapshot_list.read_vm_state(key, offset, length)


def read_container(file: HostFile) -> Container:
    """The header of a qcow2 file, with which its backing file can be found before the rest is read."""
    return Container(file, HeaderReader(file).read())
