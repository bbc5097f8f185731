"""Makes new qcow2 images, laid out as QEMU lays them out: header, refcount table, refcount blocks, L1 table."""

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from playhead.base.errors import UsageError
from playhead.host.block import header as headers
from playhead.host.block import layout
from playhead.host.block.header import Header
from playhead.host.block.hostfile import HostFile, create_file
from playhead.host.block.image import FORMATS
from playhead.host.block.qcow2 import Qcow2Image, read_container
from playhead.host.block.refcount_block import RefcountBlock

Refuse = Callable[[str], UsageError]
PREALLOCATIONS = ("off", "metadata")


@dataclass(frozen=True)
class Geometry:
    """How many clusters the metadata of an empty image takes."""

    table: int
    blocks: int
    l1: int

    @property
    def all(self) -> int:
        return 1 + self.table + self.blocks + self.l1


def create_qcow2(
    path: str, size: int, backing: str | None = None, backing_format: str | None = None, *, cluster_bits: int = 16,
    version: int = 3, refcount_bits: int = 16, lazy_refcounts: bool = False, preallocation: str = "off",
    compression_type: str = "zlib",
) -> None:  # fmt: skip
    """An empty image of `size` bytes, or an overlay of `backing` (the path that is written into the image: relative to
    the image's folder, unless absolute), whose format must be given. The size is rounded up to a whole number of
    sectors, as QEMU does: the guest would not see the rest of another."""

    def refuse(what: str) -> UsageError:
        return UsageError(f"cannot create {path}: {what}")

    if backing is None and backing_format is not None:
        raise refuse("a backing format without a backing file")
    if backing is not None and backing_format not in FORMATS:
        raise refuse(f"a backing file's format must be given: {' or '.join(FORMATS)}")
    if preallocation not in PREALLOCATIONS:
        raise refuse(f"preallocation {preallocation!r}; there is {', '.join(PREALLOCATIONS)}")
    if backing is not None and preallocation != "off":
        raise refuse("preallocation would hide the backing file")
    size += -size % layout.SECTOR
    header = _header(refuse, size, cluster_bits, version, refcount_bits, lazy_refcounts, compression_type)
    header.backing_name, header.backing_format = backing, backing_format
    data = _encoded(refuse, header)
    file = create_file(os.fspath(path))
    try:
        _lay_out(file, header, data)
        if preallocation == "off":
            file.sync()
            file.close()
        else:
            image = Qcow2Image(file, read_container(file), None)
            image.preallocate()
            image.close()
    finally:
        file.close()


def create_in(file: HostFile, size: int) -> None:
    """An empty image with the usual choices, in a file that is open already."""

    def refuse(what: str) -> UsageError:
        return UsageError(f"cannot create a temporary overlay: {what}")

    header = _header(refuse, size, 16, 3, 16, False, "zlib")
    _lay_out(file, header, _encoded(refuse, header))


def _header(refuse: Refuse, size: int, cluster_bits: int, version: int, refcount_bits: int, lazy_refcounts: bool,
            compression_type: str) -> Header:  # fmt: skip
    """Every choice checked; the tables' places computed."""
    if cluster_bits not in layout.CLUSTER_BITS:
        raise refuse(f"clusters of 2^{cluster_bits} bytes; 512 bytes to 2 MiB are possible")
    if version not in (2, 3):
        raise refuse(f"version {version}; there are 2 and 3")
    if refcount_bits not in (1, 2, 4, 8, 16, 32, 64):
        raise refuse(f"refcounts of {refcount_bits} bits; 1, 2, 4, 8, 16, 32 and 64 are possible")
    if compression_type not in layout.COMPRESSION_TYPES:
        raise refuse(f"compression type {compression_type!r}; there is {', '.join(layout.COMPRESSION_TYPES)}")
    if version == 2 and (refcount_bits != 16 or lazy_refcounts or compression_type != "zlib"):
        raise refuse("version 2 has refcounts of 16 bits, no lazy refcounts and only zlib")
    l1_size = layout.l1_entries_for(size, cluster_bits) if size >= 0 else -1
    if not 0 <= l1_size * 8 <= layout.MAX_L1_BYTES:
        raise refuse(f"a size of {size} bytes in clusters of {1 << cluster_bits}")
    order = refcount_bits.bit_length() - 1
    place = _geometry(l1_size, cluster_bits, order)
    number = layout.COMPRESSION_TYPES.index(compression_type)
    return Header(
        version, cluster_bits, size, l1_size, (1 + place.table + place.blocks) << cluster_bits if l1_size else 0,
        1 << cluster_bits, place.table, incompatible=layout.COMPRESSION_TYPE if number else 0,
        compatible=layout.LAZY_REFCOUNTS if lazy_refcounts else 0, refcount_order=order, compression_type=number,
    )  # fmt: skip


def _geometry(l1_size: int, bits: int, order: int) -> Geometry:
    per_block = 8 << bits >> order
    place = Geometry(1, 1, layout.clusters_for(l1_size * 8, bits))
    while True:
        blocks = -(-place.all // per_block)
        table = layout.clusters_for(blocks * 8, bits)
        if (blocks, table) == (place.blocks, place.table):
            return place
        place = Geometry(table, blocks, place.l1)


def _encoded(refuse: Refuse, header: Header) -> bytes:
    name = (header.backing_name or "").encode("utf-8", "surrogateescape")
    if b"\0" in name or len(name) > layout.MAX_BACKING_NAME:
        raise refuse("the backing file's name is no file name, or too long")
    data = headers.encode(header)
    if len(data) > header.cluster_size:
        raise refuse(f"the backing file's name does not fit into a cluster of {header.cluster_size} bytes")
    return data


def _lay_out(file: HostFile, header: Header, data: bytes) -> None:
    """The header comes last: without it this is no image."""
    bits, size = header.cluster_bits, header.cluster_size
    place = _geometry(header.l1_size, bits, header.refcount_order)
    per_block = 8 << bits >> header.refcount_order
    file.truncate(place.all << bits)
    first = 1 + place.table
    table = array("Q", (first + n << bits for n in range(place.blocks)))
    for n in range(place.blocks):
        block = RefcountBlock(0, bytearray(size), 1 << header.refcount_order)
        for cluster in range(min(per_block, place.all - n * per_block)):
            block.set(cluster, 1)
        file.write(first + n << bits, block.data)
    file.write(size, layout.from_table(table))
    file.sync()
    file.write(0, data)
