"""What a recording keeps of disks: which content each block has that the guest read, verified.

A disk's base never changes, so a block has one content. Its hash is in the batch in which the guest first read it; the
content itself is in a pack, as those of checkpoints' pages are, or (`record --no-embed`) only in the image. Either way
it is compared with the hash before it is used.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from playhead.base.errors import FormatError
from playhead.log.chain import Mark
from playhead.log.container import Container
from playhead.log.pages import MAX_PAGES, NOTHING, PAGE, RECORD, is_block, place_of, unpack_records

MAX_RECORDS = MAX_PAGES * RECORD.size
Elsewhere = Callable[[Sequence[int]], list[bytes]]  # blocks by key, from an image


class Contents:
    """The reader's part for the blocks of disks.

    `last()` is the mark of the last batch; `verified_rows(id)`: the rows of the batch that holds this row of `content`;
    `pages(hashes)`: contents by hash.
    """

    def __init__(self, container: Container, last: Callable[[], Mark], verified_rows: Callable[[int], list[tuple]],
                 pages: Callable[[Iterable[bytes]], dict[bytes, bytes]]):  # fmt: skip
        self._path, self._rows, self._bad = container.path, container.rows, container.damaged
        self._last, self._verified_rows, self._pages = last, verified_rows, pages
        self._where: dict[int, int] = {}  # key -> row
        self._indexed = 0  # rows that `_where` knows
        self._verified: dict[int, dict[int, bytes]] = {}  # row -> what it says
        self.elsewhere: Elsewhere | None = None  # where contents are that the recording does not hold

    def rows(self, after: int, last: int) -> list[tuple]:
        """The rows of a batch, not verified; their sizes are checked first."""
        sql = "SELECT coalesce(sum(length(records)), 0) FROM content WHERE id > ? AND id <= ?"
        ((total,),) = self._rows(sql, int, args=(after, last))
        if total > MAX_RECORDS:
            raise self._bad(f"{total} bytes of hashes of blocks in one batch")
        sql = "SELECT id, records FROM content WHERE id > ? AND id <= ? ORDER BY id"
        return self._rows(sql, int, bytes, args=(after, last))

    def each(self, after: int, last: int) -> Iterator[tuple[int, dict[int, bytes]]]:
        """(row, key -> hash) of many rows, one at a time; not verified."""
        for id in range(after + 1, last + 1):
            for found, records in self.rows(id - 1, id):
                yield found, self._unpack(found, records)

    def check(self, rows: list[tuple]) -> dict[int, bytes]:
        """Key -> hash, of the rows of a batch that is what its hash says."""
        out: dict[int, bytes] = {}
        for id, records in rows:
            for key, hash in self._unpack(id, records).items():
                if key in out:
                    raise self._bad(f"content {id}: block {key:#x} for the second time")
                out[key] = hash
        return out

    def _unpack(self, id: int, records: bytes) -> dict[int, bytes]:
        try:
            found = unpack_records(records)
            if NOTHING in found.values() or not all(map(is_block, found)):
                raise FormatError("what is no block of a disk")
            return found
        except FormatError as e:
            raise self._bad(f"content {id}: {e}") from None

    def hashes(self, keys: Iterable[int]) -> dict[int, bytes]:
        """Of those blocks that the recording knows."""
        out = {}
        for key in keys:
            row = self._row_of(key)
            if row:
                out[key] = self._row(row)[key]
        return out

    def _row_of(self, key: int) -> int:
        if key not in self._where and self._last().last_content > self._indexed:
            last = self._last().last_content
            for id, known in self.each(self._indexed, last):
                for one in known:
                    self._where.setdefault(one, id)
            self._indexed = last
        return self._where.get(key, 0)

    def _row(self, id: int) -> dict[int, bytes]:
        """A row, verified with its batch."""
        if id not in self._verified:
            for found, records in self._verified_rows(id):
                self._verified[found] = self._unpack(found, records)
        if id not in self._verified:
            raise self._bad(f"content {id} is not where it was")
        return self._verified[id]

    def blocks(self, keys: Sequence[int]) -> dict[int, bytes]:
        """Key -> content, verified, of those blocks that the recording knows."""
        hashes = self.hashes(keys)
        if self.elsewhere is None:
            contents = self._pages(hashes.values())
            return {key: contents[hash] for key, hash in hashes.items()}
        known = list(hashes)
        found = dict(zip(known, self.elsewhere(known), strict=True))
        for key, content in found.items():
            if sha256(content).digest() != hashes[key]:
                drive, block = place_of(key)
                raise FormatError(f"the image of drive {drive} is not the one that {self._path} was recorded "
                                  f"with: it differs at byte {block * PAGE}")  # fmt: skip
        return found

    def read_bytes(self) -> dict[int, int]:
        """By drive, how many bytes of it are known; not verified: for display."""
        out: dict[int, int] = {}
        for _, known in self.each(0, self._last().last_content):
            for key in known:
                drive, _ = place_of(key)
                out[drive] = out.get(drive, 0) + PAGE
        return out
