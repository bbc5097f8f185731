"""The numbers of the qcow2 format (QEMU's docs/interop/qcow2.txt), and how far we believe an image.

All numbers in an image are big-endian; tables are arrays of 64-bit entries. The bounds at the end are QEMU's own, so
that no image of QEMU's is refused, and none makes us allocate what it likes.
"""

import sys
from array import array

MAGIC = b"QFI\xfb"

# L1 and L2 entries
COPIED = 1 << 63  # what it points to has a refcount of one: it may be written in place
COMPRESSED = 1 << 62
ZERO = 1  # reads as zeros, whether it has a host cluster or not (version 3)
OFFSET_MASK = 0x00FF_FFFF_FFFF_FE00
L1_RESERVED = ~(COPIED | OFFSET_MASK) & (1 << 64) - 1
L2_RESERVED = ~(COPIED | COMPRESSED | OFFSET_MASK | ZERO) & (1 << 64) - 1
REFCOUNT_RESERVED = 0x1FF  # in entries of the refcount table
SECTOR = 512  # the unit in which compressed lengths are counted

# feature bits
DIRTY, CORRUPT, EXTERNAL_DATA, COMPRESSION_TYPE, EXTENDED_L2 = (1 << n for n in range(5))  # incompatible
LAZY_REFCOUNTS = 1  # compatible
BITMAPS, RAW_EXTERNAL = 1, 2  # autoclear

# places in the header that are rewritten while the image is in use; each group lies in one sector
AT_L1 = 36  # u32 entries, u64 offset
AT_REFCOUNT_TABLE = 48  # u64 offset, u32 clusters
AT_SNAPSHOTS = 60  # u32 count, u64 offset
AT_INCOMPATIBLE = 72  # u64
AT_AUTOCLEAR = 88  # u64

# header extensions
EXTENSION_END = 0
EXTENSION_BACKING_FORMAT = 0xE2792ACA
EXTENSION_FEATURE_NAMES = 0x6803F857
EXTENSION_BITMAPS = 0x23852875
EXTENSION_ENCRYPTION = 0x0537BE77
EXTENSION_DATA_FILE = 0x44415441

FEATURE_NAMES = {
    (0, 0): "dirty bit",
    (0, 1): "corrupt bit",
    (0, 2): "external data file",
    (0, 3): "compression type",
    (0, 4): "extended L2 entries",
    (1, 0): "lazy refcounts",
    (2, 0): "bitmaps",
    (2, 1): "raw external data",
}  # (which set of bits, bit) -> name

COMPRESSION_TYPES = ("zlib", "zstd")  # by number

# bounds
CLUSTER_BITS = range(9, 22)
MAX_L1_BYTES = 32 << 20
MAX_REFCOUNT_TABLE_BYTES = 8 << 20
MAX_SNAPSHOTS = 65536
MAX_SNAPSHOT_TABLE_BYTES = 64 << 20
MAX_SNAPSHOT_EXTRA_BYTES = 1024
MAX_BACKING_NAME = 1023
MAX_BACKING_FORMAT = 15
MAX_HOST_OFFSET = 1 << 56

_SWAP = sys.byteorder == "little"


def to_table(data: bytes | bytearray) -> array:
    """Big-endian 64-bit numbers as an array."""
    table = array("Q", data)
    if _SWAP:
        table.byteswap()
    return table


def from_table(table: array) -> bytes:
    if not _SWAP:
        return table.tobytes()
    copy = array("Q", table)
    copy.byteswap()
    return copy.tobytes()


def clusters_for(size: int, cluster_bits: int) -> int:
    """How many clusters hold `size` bytes."""
    return (size + (1 << cluster_bits) - 1) >> cluster_bits


def l1_entries_for(size: int, cluster_bits: int) -> int:
    """How many L1 entries a disk of `size` bytes needs; the machine's state in a snapshot begins with the next one."""
    span = 2 * cluster_bits - 3  # an L2 table is a cluster of 8-byte entries
    return (size + (1 << span) - 1) >> span
