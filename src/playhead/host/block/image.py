"""What every disk image can do, whatever its format: the face that the block devices see.

The public methods check their arguments, take the image's lock and call the format's own method of the same name with
an underscore, so that a format is written without a thought of threads or bounds.
"""

import threading
from collections.abc import Iterator
from dataclasses import dataclass

from playhead.base.errors import UnsupportedError, UsageError
from playhead.base.messages import shown
from playhead.host.block import layout
from playhead.host.block.snapshot_table import SnapshotInfo


FORMATS = ("raw", "qcow2")


@dataclass(frozen=True)
class Extent:
    """A range of an image that is stored in one way."""

    length: int  # bytes, from the offset that was asked about
    allocated: bool  # in this image; if not, it reads from the backing image, or as zeros
    zero: bool = False  # known to read as zeros
    compressed: bool = False
    host_offset: int | None = None  # where in the file, for plain data


class Image:
    """An open disk image of `size` bytes. Offsets and lengths are in bytes, of any alignment."""

    format = ""

    def __init__(self, name: str, size: int, read_only: bool, backing: "Image | None" = None):
        self.name, self.path = name, shown(name)  # the file's name; and the same for messages
        self.size, self.read_only, self.backing = size, read_only, backing
        self.lock = threading.RLock()
        self.closed = False

    @property
    def sectors(self) -> int:
        """Of 512 bytes; the last one may be incomplete."""
        return -(-self.size // layout.SECTOR)

    def below(self) -> "Iterator[Image]":
        """Its backing images, the nearest one first."""
        image = self.backing
        while image is not None:
            yield image
            image = image.backing

    def __enter__(self) -> "Image":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # data

    def read(self, offset: int, length: int) -> bytes:
        with self.lock:
            self._check(offset, length)
            return self._read(offset, length) if length else b""

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """After a `flush` the data is on stable storage; before it, any part of it may be lost."""
        view = memoryview(data).cast("B")
        with self.lock:
            self._check_writable(offset, len(view))
            if len(view):
                self._write(offset, view)

    def write_zeroes(self, offset: int, length: int, unmap: bool = False) -> None:
        """Like writing zeros; takes no space where it need not. `unmap` also gives up space that it has."""
        with self.lock:
            self._check_writable(offset, length)
            if length:
                self._write_zeroes(offset, length, unmap)

    def discard(self, offset: int, length: int) -> None:
        """The guest no longer needs this. What the format can drop (qcow2: whole clusters) reads as zeros, the rest
        stays as it was: which is which depends on the image alone, not on the host."""
        with self.lock:
            self._check_writable(offset, length)
            if length:
                self._discard(offset, length)

    def flush(self) -> None:
        """Returns when everything that was written is on stable storage, and survives a kill or a loss of power."""
        with self.lock:
            self._check(0, 0)
            if not self.read_only:
                self._flush()

    def block_status(self, offset: int, length: int) -> Extent:
        """How the bytes from `offset` on are stored in this image (not in its backing images)."""
        with self.lock:
            self._check(offset, length)
            if length <= 0:
                raise UsageError(f"{self.path}: status of nothing")
            return self._block_status(offset, length)

    def close(self) -> None:
        """Flush, and close the backing images too. Closing twice does nothing."""
        with self.lock:
            if not self.closed:
                self.closed = True
                try:
                    self._close()
                finally:
                    if self.backing is not None:
                        self.backing.close()

    # internal snapshots, for formats that have them

    def snapshots(self) -> list[SnapshotInfo]:
        """In the order of the image."""
        with self.lock:
            self._check(0, 0)
            return self._snapshots()

    def create_snapshot(
        self, name: str, vm_state: bytes = b"", *, id: str | None = None, date_ns: int | None = None,
        vm_clock_ns: int = 0, icount: int | None = None,
    ) -> SnapshotInfo:  # fmt: skip
        """The disk as it is now, and the machine's state. The id is the next free number unless given; the date, now.
        Everything is on stable storage afterwards."""
        with self.lock:
            self._check_writable(0, 0)
            return self._create_snapshot(name, vm_state, id, date_ns, vm_clock_ns, icount)

    def apply_snapshot(self, key: str) -> None:
        """The disk becomes what it was. `key` is an id, or else a name."""
        with self.lock:
            self._check_writable(0, 0)
            self._apply_snapshot(key)

    def delete_snapshot(self, key: str) -> None:
        with self.lock:
            self._check_writable(0, 0)
            self._delete_snapshot(key)

    def read_vm_state(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """The machine's state that the snapshot holds, or a part of it."""
        with self.lock:
            self._check(0, 0)
            return self._read_vm_state(key, offset, length)

    # for the formats

    def _read(self, offset: int, length: int) -> bytes:
        raise NotImplementedError

    def _write(self, offset: int, view: memoryview) -> None:
        raise NotImplementedError

    def _write_zeroes(self, offset: int, length: int, unmap: bool) -> None:
        raise NotImplementedError

    def _discard(self, offset: int, length: int) -> None:
        raise NotImplementedError

    def _flush(self) -> None:
        raise NotImplementedError

    def _block_status(self, offset: int, length: int) -> Extent:
        raise NotImplementedError

    def _close(self) -> None:
        raise NotImplementedError

    def _snapshots(self) -> list[SnapshotInfo]:
        return []

    def _create_snapshot(
        self, name: str, vm_state: bytes, id: str | None, date_ns: int | None, vm_clock_ns: int, icount: int | None
    ) -> SnapshotInfo:
        raise self._no_snapshots()

    def _apply_snapshot(self, key: str) -> None:
        raise self._no_snapshots()

    def _delete_snapshot(self, key: str) -> None:
        raise self._no_snapshots()

    def _read_vm_state(self, key: str, offset: int, length: int | None) -> bytes:
        raise self._no_snapshots()

    def _no_snapshots(self) -> UnsupportedError:
        return UnsupportedError(f"{self.path}: a {self.format} image has no snapshots; qcow2 has")

    def _check(self, offset: int, length: int) -> None:
        if self.closed:
            raise UsageError(f"{self.path}: the image is closed")
        if offset < 0 or length < 0 or offset + length > self.size:
            raise UsageError(f"{self.path}: bytes {offset} to {offset + length} of an image of {self.size}")

    def _check_writable(self, offset: int, length: int) -> None:
        self._check(offset, length)
        if self.read_only:
            raise UsageError(f"{self.path}: the image is open for reading only")
