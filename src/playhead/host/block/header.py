"""The header of a qcow2 image: read with distrust, and never rewritten as a whole.

What changes while an image is in use is patched in place (`layout.AT_...`), so extensions and fields that we do not
know stay as they are.
"""

import struct
from dataclasses import dataclass, field

from playhead.base.errors import FormatError, PlayheadError, UnsupportedError
from playhead.host.block import layout
from playhead.host.block.hostfile import HostFile

V2 = struct.Struct(">4sIQIIQIIQQIIQ")
V3 = struct.Struct(">QQQII")
LENGTHS = {2: V2.size, 3: V2.size + V3.size}
EXTENSION = struct.Struct(">II")
KNOWN_INCOMPATIBLE = layout.DIRTY | layout.CORRUPT | layout.COMPRESSION_TYPE


@dataclass
class Header:
    """The fields by the specification's names, where they are not spelt out."""

    version: int
    cluster_bits: int
    size: int
    l1_size: int  # entries
    l1_offset: int
    refcount_table_offset: int
    refcount_table_clusters: int
    snapshot_count: int = 0
    snapshots_offset: int = 0
    crypt_method: int = 0
    incompatible: int = 0
    compatible: int = 0
    autoclear: int = 0
    refcount_order: int = 4
    compression_type: int = 0
    backing_name: str | None = None
    backing_format: str | None = None
    feature_names: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def cluster_size(self) -> int:
        return 1 << self.cluster_bits


class HeaderReader:
    """Reads the header of one file; everything wrong is an error that names it."""

    def __init__(self, file: HostFile):
        self.file = file

    def fail(self, what: str) -> FormatError:
        return FormatError(f"{self.file.path}: {what}")

    def refuse(self, what: str) -> PlayheadError:
        return UnsupportedError(f"{self.file.path}: {what}")

    def read(self) -> Header:
        start = self.file.read_some(0, LENGTHS[3] + 8)
        if len(start) < V2.size or start[:4] != layout.MAGIC:
            raise self.fail("this is no qcow2 image")
        header, backing = self._version_2(start)
        length = LENGTHS[2]
        if header.version == 3:
            length = self._version_3(header, start)
        first = self.file.read(0, header.cluster_size)
        self._backing_name(header, first, length, *backing)
        self._extensions(header, first, length, backing)
        self._features(header)
        self._tables(header)
        return header

    def _version_2(self, start: bytes) -> tuple[Header, tuple[int, int]]:
        (_, version, backing_offset, backing_length, bits, size, crypt, l1_size, l1_offset, refcount_offset,
         refcount_clusters, snapshots, snapshots_offset) = V2.unpack_from(start)  # fmt: skip
        if version not in LENGTHS:
            raise self.refuse(f"qcow2 version {version}; we know 2 and 3")
        if bits not in layout.CLUSTER_BITS:
            raise self.fail(f"clusters of 2^{bits} bytes; 512 bytes to 2 MiB are possible")
        header = Header(version, bits, size, l1_size, l1_offset, refcount_offset, refcount_clusters, snapshots,
                        snapshots_offset, crypt)  # fmt: skip
        return header, (backing_offset, backing_length)

    def _version_3(self, header: Header, start: bytes) -> int:
        """Fills in the further fields; returns the header's length."""
        if len(start) < LENGTHS[3]:
            raise self.fail("the file ends inside the header")
        further = V3.unpack_from(start, V2.size)
        header.incompatible, header.compatible, header.autoclear, header.refcount_order, length = further
        if not LENGTHS[3] <= length <= header.cluster_size or length % 8:
            raise self.fail(f"a header of {length} bytes")
        if header.refcount_order > 6:
            raise self.fail(f"refcounts of 2^{header.refcount_order} bits; 64 is the most")
        if length > LENGTHS[3]:
            header.compression_type = start[LENGTHS[3]] if len(start) > LENGTHS[3] else 0
        return length

    def _extensions(self, header: Header, first: bytes, at: int, backing: tuple[int, int]) -> None:
        end = backing[0] if 0 < backing[0] <= len(first) else len(first)
        while at + EXTENSION.size <= end:
            kind, length = EXTENSION.unpack_from(first, at)
            at += EXTENSION.size
            if kind == layout.EXTENSION_END:
                return
            if length > end - at:
                raise self.fail(f"header extension {kind:#x} of {length} bytes does not fit into the first cluster")
            self._extension(header, kind, first[at : at + length])
            at += (length + 7) & ~7

    def _extension(self, header: Header, kind: int, data: bytes) -> None:
        if kind == layout.EXTENSION_BACKING_FORMAT:
            if len(data) > layout.MAX_BACKING_FORMAT:
                raise self.fail(f"a backing format's name of {len(data)} bytes")
            header.backing_format = self._text(data, "backing format") or None
        elif kind == layout.EXTENSION_FEATURE_NAMES:
            for at in range(0, len(data) - 47, 48):
                name = data[at + 2 : at + 48].rstrip(b"\0")
                header.feature_names[data[at], data[at + 1]] = printable(name)

    def _backing_name(self, header: Header, first: bytes, start: int, offset: int, length: int) -> None:
        if offset == 0:
            return
        if not 0 < length <= layout.MAX_BACKING_NAME:
            raise self.fail(f"a backing file name of {length} bytes; 1 to {layout.MAX_BACKING_NAME} are possible")
        if offset < start or offset + length > len(first):
            raise self.fail(f"the backing file's name, at byte {offset}, is not after the header in the first cluster")
        header.backing_name = self._text(first[offset : offset + length], "backing file")

    def _text(self, data: bytes, what: str) -> str:
        text = data.decode("utf-8", "surrogateescape")
        if "\0" in text:
            raise self.fail(f"the name of the {what} has a zero byte in it")
        return text

    def _features(self, header: Header) -> None:
        if header.crypt_method:
            raise self.refuse("the image is encrypted, which we cannot read")
        if header.incompatible & layout.EXTERNAL_DATA:
            raise self.refuse("the image keeps its data in another file (external data file), which we cannot read")
        if header.incompatible & layout.EXTENDED_L2:
            raise self.refuse("the image has subclusters (extended L2 entries), which we cannot read")
        unknown = header.incompatible & ~KNOWN_INCOMPATIBLE
        if unknown:
            bits = [bit for bit in range(64) if unknown >> bit & 1]
            names = [header.feature_names.get((0, bit)) or f"unknown feature {bit}" for bit in bits]
            shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
            raise self.refuse(f"the image needs features that we do not have: {shown}")
        if bool(header.incompatible & layout.COMPRESSION_TYPE) != bool(header.compression_type):
            raise self.fail(f"compression type {header.compression_type} contradicts the feature bits")
        if header.compression_type >= len(layout.COMPRESSION_TYPES):
            raise self.refuse(f"compression type {header.compression_type}; we know "
                              f"{', '.join(layout.COMPRESSION_TYPES)}")  # fmt: skip

    def _tables(self, header: Header) -> None:
        """What can be said of the tables without reading them."""
        if header.size >= 1 << 63:
            raise self.fail(f"a disk of {header.size} bytes")
        if header.l1_size * 8 > layout.MAX_L1_BYTES:
            raise self.fail(f"an L1 table of {header.l1_size} entries")
        needed = layout.l1_entries_for(header.size, header.cluster_bits)
        if header.l1_size < needed:
            raise self.fail(f"an L1 table of {header.l1_size} entries; a disk of {header.size} bytes needs {needed}")
        if header.refcount_table_clusters << header.cluster_bits > layout.MAX_REFCOUNT_TABLE_BYTES:
            raise self.fail(f"a refcount table of {header.refcount_table_clusters} clusters")
        if not header.refcount_table_clusters or not header.refcount_table_offset:
            raise self.fail("there is no refcount table")
        if header.snapshot_count > layout.MAX_SNAPSHOTS:
            raise self.fail(f"{header.snapshot_count} snapshots; {layout.MAX_SNAPSHOTS} are possible")


def printable(name: bytes) -> str:
    """A name of the image in one of our lines."""
    return name.decode("utf-8", "replace").translate({c: "?" for c in (*range(32), 127)})


def encode(header: Header) -> bytes:
    """The bytes of a new image's header, its extensions and its backing file's name."""
    name = (header.backing_name or "").encode("utf-8", "surrogateescape")
    extensions = b""
    if header.backing_format:
        extensions += _encode_extension(layout.EXTENSION_BACKING_FORMAT, header.backing_format.encode())
    end = _encode_extension(layout.EXTENSION_END, b"")
    length = LENGTHS[2] if header.version == 2 else LENGTHS[3] + 8
    table = b"".join(struct.pack(">BB46s", *key, text.encode()) for key, text in layout.FEATURE_NAMES.items())
    names = _encode_extension(layout.EXTENSION_FEATURE_NAMES, table)
    if header.version > 2 and length + len(extensions + names + end + name) <= header.cluster_size:
        extensions += names  # the names are a courtesy; in clusters of 512 bytes they do not fit
    extensions += end
    backing_offset = length + len(extensions) if name else 0
    start = V2.pack(layout.MAGIC, header.version, backing_offset, len(name), header.cluster_bits, header.size,
                    header.crypt_method, header.l1_size, header.l1_offset, header.refcount_table_offset,
                    header.refcount_table_clusters, header.snapshot_count, header.snapshots_offset)  # fmt: skip
    if header.version > 2:
        start += V3.pack(header.incompatible, header.compatible, header.autoclear, header.refcount_order, length)
        start += bytes([header.compression_type]).ljust(8, b"\0")
    return start + extensions + name


def _encode_extension(kind: int, data: bytes) -> bytes:
    return EXTENSION.pack(kind, len(data)) + data + bytes(-len(data) % 8)
