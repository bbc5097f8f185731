"""What a checkpoint holds, as bytes: the state of each part by name; pages of memory, blocks of disks, by content.

Each content of a page is kept once in a recording, under its SHA-256, however many pages and checkpoints have it. Up
to 64 of them are packed together, in the order of their first pages (measured on the Debian boot, 17,720 contents: 35
MB as packs; 37 MB page by page, which takes 52 MB in SQLite, because two such rows seldom fit into one of its pages.
And 20,000 rows take 0.1 s to read, 300 take 0.02 s).
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from playhead.base.errors import FormatError
from playhead.base.record import BytesLike

PAGE = 4096
HASH = 32  # bytes of a SHA-256
PACK = 64  # pages in one pack, at most
LEVEL = 1  # zstd's, for pages: 25 us each
PARTS_LEVEL = 3
KNOWN = 1 << 19  # contents that a packer remembers, about 50 MB
MAX_PAGES = 1 << 21  # in one checkpoint: 8 GiB
MAX_PARTS = 64 << 20  # bytes of all parts of one checkpoint
RECORD = struct.Struct("<Q32s")  # page of the backing area or key of a disk's block, SHA-256 of its content
FIRST_BLOCK = 1 << 32  # numbers from here on are keys of blocks of disks (`key_of`), of `PAGE` bytes too
BLOCK_BITS = 40  # of a block's number in its key
NOTHING = bytes(HASH)  # in place of a hash: the block is not there (any more)
LENGTHS = struct.Struct("<HI")  # of a part's name and state
MAX_WINDOW = 8 << 20  # bytes; what the writer's compression levels never exceed
PIECE = 1 << 20


def is_block(page: int) -> bool:
    """Whether this is the key of a disk's block, not a page of memory."""
    return page >= FIRST_BLOCK


def key_of(medium: int, block: int) -> int:
    """The name of a block among all pages and blocks of a machine. The first media have their drives' numbers."""
    return medium + 1 << BLOCK_BITS | block


def place_of(key: int) -> tuple[int, int]:
    """The inverse: (medium, block)."""
    return (key >> BLOCK_BITS) - 1, key & (1 << BLOCK_BITS) - 1


class Packed(NamedTuple):
    """Pages, ready to be stored: `records` says which page has which content; `packs` are (hashes, data) of contents
    that the recording does not have yet.
    """

    records: bytes
    packs: list[tuple[bytes, bytes]]

    @property
    def size(self) -> int:
        return len(self.records) + sum(len(hashes) + len(data) for hashes, data in self.packs)


class Packer:
    """Packs one checkpoint's pages after the other. (That a content is stored twice, when very many have been seen in
    between, costs room and nothing else.)
    """

    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._compress: Callable[[bytes], bytes] | None = None

    def pack(self, pages: Mapping[int, BytesLike], embed: bool = True) -> Packed:
        """`embed` False: hashes only."""
        order = sorted(pages)
        contents = [pages[page] for page in order]
        assert all(len(content) in (0, PAGE) for content in contents)
        hashes = [sha256(content).digest() if content else NOTHING for content in contents]
        records = b"".join(map(RECORD.pack, order, hashes))
        if not embed:
            return Packed(records, [])
        found = dict(zip(hashes, contents, strict=True))  # each once, in the order of their first pages
        found.pop(NOTHING, None)
        fresh = [hash for hash in found if hash not in self._known]
        self._known.update(fresh)
        packs = [self._pack(fresh[at : at + PACK], found) for at in range(0, len(fresh), PACK)]
        if len(self._known) > KNOWN:
            self._known.clear()
        return Packed(records, packs)

    def _pack(self, hashes: list[bytes], contents: Mapping[bytes, BytesLike]) -> tuple[bytes, bytes]:
        if self._compress is None:
            import zstandard  # takes 10 ms to import

            self._compress = zstandard.ZstdCompressor(level=LEVEL).compress
        return b"".join(hashes), self._compress(b"".join(map(contents.__getitem__, hashes)))


def joined(some: list[Packed]) -> Packed:
    """Several as one; none of them has a page of another."""
    records = sorted(record for one in some for record in RECORD.iter_unpack(one.records))
    return Packed(b"".join(RECORD.pack(*record) for record in records), [pack for one in some for pack in one.packs])


def unpack_pages(hashes: bytes, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(hash, content) of each page in a pack, not compared with each other yet; FormatError if it is none."""
    count = len(hashes) // HASH
    if not 0 < count <= PACK or len(hashes) % HASH:
        raise FormatError(f"{len(hashes)} bytes of hashes")
    content = _frame(data, count * PAGE)
    for i in range(count):
        yield hashes[i * HASH : (i + 1) * HASH], content[i * PAGE : (i + 1) * PAGE]


def _frame(data: bytes, size: int) -> bytes:
    """One zstd frame that says that it unpacks to `size` bytes, and does: quicker than piece by piece."""
    import zstandard

    try:
        if zstandard.frame_content_size(data) != size:
            raise FormatError(f"content that does not unpack to {size} bytes")
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompress(data)
    except zstandard.ZstdError:
        raise FormatError("content that does not unpack") from None


def unpack_records(records: bytes) -> dict[int, bytes]:
    """Page -> hash of its content."""
    if len(records) % RECORD.size or len(records) > MAX_PAGES * RECORD.size:
        raise FormatError(f"{len(records)} bytes of pages")
    pages, last = {}, -1
    for page, hash in RECORD.iter_unpack(records):
        if page <= last:
            raise FormatError(f"page {page} behind page {last}")
        if hash == NOTHING and not is_block(page):
            raise FormatError(f"page {page} without a content")
        pages[page] = hash
        last = page
    return pages


def pack_parts(parts: Mapping[str, bytes]) -> bytes:
    import zstandard

    out = bytearray()
    for name, state in parts.items():
        label = name.encode()
        out += LENGTHS.pack(len(label), len(state)) + label + state
    assert len(out) <= MAX_PARTS
    return zstandard.ZstdCompressor(level=PARTS_LEVEL).compress(out)


def unpack_parts(data: bytes) -> dict[str, bytes]:
    """The inverse of `pack_parts`, in the same order."""
    plain, at, parts = unpacked("zstd", data, MAX_PARTS), 0, {}
    while at < len(plain):
        if at + LENGTHS.size > len(plain):
            raise FormatError("states that end in the middle")
        name_size, size = LENGTHS.unpack_from(plain, at)
        at += LENGTHS.size
        if at + name_size + size > len(plain):
            raise FormatError("states that end in the middle")
        try:
            name = plain[at : at + name_size].decode()
        except UnicodeDecodeError:
            raise FormatError("a part whose name is no text") from None
        if name in parts:
            raise FormatError(f"two states of {name!r}")
        at += name_size + size
        parts[name] = plain[at - size : at]
    return parts


def pieces(codec: str, data: bytes) -> Iterator[bytes]:
    """What stored content unpacks to, piece by piece; ValueError if it does not."""
    if codec == "raw":
        yield data
        return
    if codec != "zstd":
        raise ValueError(codec)
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).stream_reader(data) as stream:
            while piece := stream.read(PIECE):
                yield piece
    except zstandard.ZstdError as e:
        raise ValueError(str(e)) from None


def unpacked(codec: str, data: bytes, most: int) -> bytes:
    """The same at once, for content of at most so many bytes."""
    out, found = [], 0
    try:
        for piece in pieces(codec, data):
            found += len(piece)
            if found > most:
                raise FormatError(f"content of more than {most} bytes")
            out.append(piece)
    except ValueError:
        raise FormatError("content that does not unpack") from None
    return b"".join(out)
