"""The table of internal snapshots in a qcow2 image: entries of varying length, read with distrust, written back whole.

Extra data that we do not know is kept. QEMU's icount, the instruction count at which the snapshot was taken (which is
what makes record/replay start from one), is the third field of the extra data; all ones, or its absence, says that
there is none.
"""

import datetime
import struct
from dataclasses import dataclass

from playhead.base.errors import UsageError
from playhead.host.block import layout
from playhead.host.block.container import Container

ENTRY = struct.Struct(">QIHHIIQII")
EXTRA = struct.Struct(">QQQ")  # size of the machine's state, size of the disk, icount
NO_ICOUNT = (1 << 64) - 1
MIN_EXTRA_V3 = 16


@dataclass(frozen=True)
class SnapshotInfo:
    """What a snapshot says of itself. `icount` is None where it was not counted."""

    id: str
    name: str
    date_ns: int  # since 1970, of the host's clock
    vm_clock_ns: int
    vm_state_size: int  # bytes
    icount: int | None
    disk_size: int

    @property
    def date(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self.date_ns // 10**9, datetime.UTC)


@dataclass(frozen=True)
class Snapshot:
    """A snapshot in the image's table."""

    info: SnapshotInfo
    l1_offset: int
    l1_size: int
    further: bytes = b""  # extra data after what we know

    def encode(self) -> bytes:
        info = self.info
        id, name = (text.encode("utf-8", "surrogateescape") for text in (info.id, info.name))
        icount = NO_ICOUNT if info.icount is None else info.icount
        extra = EXTRA.pack(info.vm_state_size, info.disk_size, icount) + self.further
        small = info.vm_state_size if info.vm_state_size < 1 << 32 else 0
        entry = ENTRY.pack(self.l1_offset, self.l1_size, len(id), len(name), info.date_ns // 10**9,
                           info.date_ns % 10**9, info.vm_clock_ns, small, len(extra))  # fmt: skip
        entry += extra + id + name
        return entry + bytes(-len(entry) % 8)


def check(info: SnapshotInfo) -> None:
    """That the table has room for it."""
    for what, text in (("id", info.id), ("name", info.name)):
        if len(text.encode("utf-8", "surrogateescape")) > 0xFFFF or "\0" in text:
            raise UsageError(f"the snapshot's {what} does not fit into a qcow2 image")
    if not info.id:
        raise UsageError("a snapshot needs an id")
    for what, number, bits in (("date", info.date_ns // 10**9, 32), ("clock", info.vm_clock_ns, 64),
                               ("icount", (info.icount or 0) + 1, 64)):  # fmt: skip
        if not 0 <= number < 1 << bits:
            raise UsageError(f"the snapshot's {what} does not fit into a qcow2 image")


class SnapshotTableReader:
    """Reads the table that the header points to."""

    def __init__(self, container: Container):
        self.container = container
        self._offset = container.header.snapshots_offset
        self._at = 0

    def read(self) -> tuple[list[Snapshot], int]:
        """The snapshots, and the bytes that their table takes."""
        container, count = self.container, self.container.header.snapshot_count
        if not count:
            return [], 0
        container.check_place(self._offset, count * ENTRY.size, "the snapshot table")
        return [self._entry() for _ in range(count)], self._at

    def _take(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > layout.MAX_SNAPSHOT_TABLE_BYTES:
            raise self.container.fail("the snapshot table is longer than 64 MiB")
        data = self.container.file.read_some(self._offset + start, length)
        if len(data) < length:
            raise self.container.fail("the file ends inside the snapshot table")
        return data

    def _entry(self) -> Snapshot:
        (l1_offset, l1_size, id_length, name_length, seconds, nanoseconds, vm_clock_ns, vm_state_size,
         extra_length) = ENTRY.unpack(self._take(ENTRY.size))  # fmt: skip
        if extra_length > layout.MAX_SNAPSHOT_EXTRA_BYTES:
            raise self.container.fail(f"a snapshot with {extra_length} bytes of extra data")
        if l1_size * 8 > layout.MAX_L1_BYTES:
            raise self.container.fail(f"a snapshot with an L1 table of {l1_size} entries")
        if self.container.header.version > 2 and extra_length < MIN_EXTRA_V3:
            raise self.container.fail("a snapshot without the extra data that version 3 asks for")
        extra = self._take(extra_length)
        id, name = self._take(id_length), self._take(name_length)
        self._at += -self._at % 8
        size, disk_size, icount = vm_state_size, self.container.header.size, NO_ICOUNT
        if extra_length >= 8:
            size = int.from_bytes(extra[:8], "big")
        if extra_length >= 16:
            disk_size = int.from_bytes(extra[8:16], "big")
        if extra_length >= 24:
            icount = int.from_bytes(extra[16:24], "big")
        date_ns = seconds * 10**9 + min(nanoseconds, 10**9 - 1)  # else it could not be written back
        info = SnapshotInfo(
            id.decode("utf-8", "surrogateescape"), name.decode("utf-8", "surrogateescape"), date_ns, vm_clock_ns, size,
            None if icount == NO_ICOUNT else icount, disk_size,
        )  # fmt: skip
        return Snapshot(info, l1_offset, l1_size, extra[24:])
