"""A qcow2 file as a container of clusters: its header, bounded reads of its tables, and whose cluster is whose.

Every cluster of metadata is claimed by what it is part of. Whatever is about to be allocated or written as data is
looked up first: an image whose refcounts lie would otherwise have its tables overwritten. As QEMU does, such an image
is marked as corrupt and not written to any more.
"""

import struct
from array import array

from playhead.base.errors import FormatError
from playhead.host.block import layout
from playhead.host.block.header import Header
from playhead.host.block.hostfile import HostFile


class Container:
    def __init__(self, file: HostFile, header: Header):
        self.file, self.header = file, header
        self.bits = header.cluster_bits
        self.cluster_size = 1 << self.bits
        self.marks_damage = False  # once open for writing: opening alone changes nothing
        self.corrupted = bool(header.incompatible & layout.CORRUPT)
        self._claims: dict[int, str] = {}  # number of a cluster -> what it is part of

    # errors

    def fail(self, what: str) -> FormatError:
        return FormatError(f"{self.file.path}: {what}")

    def corrupt(self, what: str) -> FormatError:
        """The error for damage that was met while writing, after which nothing more is written."""
        if self.marks_damage and not self.corrupted and self.header.version > 2:
            self.set_incompatible(layout.CORRUPT, True)
        self.corrupted = True
        return self.fail(f"{what}; the image is corrupt and will not be written to")

    # the header

    def patch(self, at: int, form: str, *values: int) -> None:
        self.file.write(at, struct.pack(form, *values))

    def set_incompatible(self, bit: int, on: bool) -> None:
        header = self.header
        header.incompatible = header.incompatible | bit if on else header.incompatible & ~bit
        self.patch(layout.AT_INCOMPATIBLE, ">Q", header.incompatible)

    # tables

    def check_place(self, offset: int, length: int, what: str) -> None:
        """That something starts at a cluster's start and lies inside the file, as far as clusters go."""
        if offset & (self.cluster_size - 1) or not offset:
            raise self.fail(f"{what} at {offset:#x}, which is no cluster's start")
        end = layout.clusters_for(self.file.length, self.bits) << self.bits
        if offset + length > end:
            raise self.fail(f"{what} at {offset:#x}, {length} bytes, lies outside the file of {self.file.length} bytes")

    def read_table(self, offset: int, entries: int, what: str) -> array:
        """A table of 64-bit entries; the caller has bounded `entries`."""
        if not entries:
            return array("Q")
        self.check_place(offset, entries * 8, what)
        return layout.to_table(self.file.read(offset, entries * 8))

    # claims

    def claim(self, offset: int, length: int, what: str) -> None:
        for cluster in range(offset >> self.bits, layout.clusters_for(offset + length, self.bits)):
            other = self._claims.setdefault(cluster, what)
            if other is not what:
                raise self.corrupt(f"{what} and {other} are in the same cluster, at {cluster << self.bits:#x}")

    def claim_one(self, cluster: int, what: str) -> None:
        """Claim a cluster that nothing else may share, not even its like."""
        if cluster in self._claims:
            raise self.corrupt(f"{what} and {self._claims[cluster]} are in the same cluster, "
                               f"at {cluster << self.bits:#x}")  # fmt: skip
        self._claims[cluster] = what

    def unclaim(self, cluster: int) -> None:
        self._claims.pop(cluster, None)

    def check_free(self, first: int, count: int, use: str) -> None:
        """That these clusters hold no metadata."""
        claims = self._claims
        for cluster in range(first, first + count):
            if cluster in claims:
                raise self.corrupt(f"{use} at {cluster << self.bits:#x}, where {claims[cluster]} is")
