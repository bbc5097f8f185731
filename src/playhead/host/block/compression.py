"""Compressed clusters: where one lies, and its bytes in and out.

What comes out must be a cluster exactly; nothing is unpacked beyond that, and a zstd frame may not ask for a larger
window than a cluster could need. QEMU's deflate streams have no header and a window of 4 KiB.
"""

import zlib

import zstandard

from playhead.host.block import layout
from playhead.host.block.container import Container

MAX_WINDOW = 8 << 20
DEFLATE_BITS = -12


def place(entry: int, bits: int) -> tuple[int, int]:
    """(offset, most bytes) of the compressed data that an L2 entry points to."""
    offset_bits = 62 - (bits - 8)
    offset = entry & (1 << offset_bits) - 1
    sectors = (entry >> offset_bits & (1 << bits - 8) - 1) + 1
    return offset, sectors * layout.SECTOR - offset % layout.SECTOR


def entry_for(offset: int, length: int, bits: int) -> int:
    """The L2 entry for compressed data."""
    offset_bits = 62 - (bits - 8)
    sectors = (offset + length - 1) // layout.SECTOR - offset // layout.SECTOR
    assert offset >> min(offset_bits, 56) == 0 and sectors < 1 << bits - 8
    return layout.COMPRESSED | sectors << offset_bits | offset


def host_clusters(entry: int, bits: int) -> range:
    """The clusters of the file that hold a part of the compressed data; it is counted in their refcounts."""
    offset, length = place(entry, bits)
    return range(offset >> bits, (offset + length - 1 >> bits) + 1)


def unpack(container: Container, entry: int) -> bytes:
    """A cluster."""
    offset, length = place(entry, container.bits)
    if offset >= min(container.file.length, layout.MAX_HOST_OFFSET):
        raise container.fail(f"compressed data at {offset:#x} lies outside the file of {container.file.length} bytes")
    packed = container.file.read_some(offset, length)
    try:
        data = _UNPACK[container.header.compression_type](packed, container.cluster_size)
    except (zlib.error, zstandard.ZstdError):
        raise container.fail(f"the compressed data at {offset:#x} is damaged") from None
    if len(data) != container.cluster_size:
        raise container.fail(f"the compressed data at {offset:#x} is {len(data)} bytes and not a cluster")
    return data


def pack(data: bytes, compression_type: int) -> bytes:
    return _PACK[compression_type](data)


def _inflate(packed: bytes, size: int) -> bytes:
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size)


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=DEFLATE_BITS)
    return compressor.compress(data) + compressor.flush()


def _unpack_zstd(packed: bytes, size: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(packed, read_across_frames=True)
    return reader.read(size)


def _pack_zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(data)


_UNPACK = (_inflate, _unpack_zstd)
_PACK = (_deflate, _pack_zstd)
