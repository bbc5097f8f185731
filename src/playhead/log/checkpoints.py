"""The checkpoints of a recording: which there are, and the machine's state and memory at each, verified.

The list is cheap and only for choosing: a row's contents are compared with the hash of the batch that holds it when
they are asked for. Contents of pages carry their own names, their SHA-256, so where they are found does not matter.
"""

from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import NamedTuple, TypeVar

from playhead.base.errors import FormatError
from playhead.log.chain import Mark
from playhead.log.container import Container
from playhead.log.moment import Moment
from playhead.log.pages import (
    HASH, MAX_PAGES, MAX_PARTS, NOTHING, PACK, RECORD, unpack_pages, unpack_parts, unpack_records,
)  # fmt: skip

T = TypeVar("T")
COLUMNS = "id, icount, seq, virtual_ns, last_event, parts, pages"
MAX_PACK = 300_000  # bytes of a pack as it is stored
MAX_BATCH = 256 << 20  # bytes of all checkpoints of one batch, without contents of pages
AT_ONCE = 100  # packs in one query


class Checkpoint(NamedTuple):
    """A stored state. `last_event` is the id of the last event before it (0: none). (A requested one may come after
    events of its own moment.)
    """

    id: int
    moment: Moment
    virtual_ns: int
    last_event: int

    @property
    def place(self) -> tuple[Moment, int]:
        """What orders checkpoints."""
        return self.moment, self.last_event


class Checkpoints:
    """The reader's part for checkpoints and their pages.

    `last()` is the mark of the last batch; `verified_rows(id)`: the rows of the batch that holds this checkpoint.
    """

    def __init__(self, container: Container, last: Callable[[], Mark], verified_rows: Callable[[int], list[tuple]]):
        self._rows, self._bad = container.rows, container.damaged
        self._last, self._verified_rows = last, verified_rows
        self._where: dict[bytes, int] | None = None  # content -> pack
        self.elsewhere: Callable[[int], bytes] | None = None  # what gives packs that the recording lists but has not

    def all(self) -> list[Checkpoint]:
        """Those that belong to batches, in order."""
        sql = "SELECT id, icount, seq, virtual_ns, last_event FROM checkpoint WHERE id > 0 AND id <= ? ORDER BY id"
        rows = self._rows(sql, *[int] * 5, args=(self._last().last_checkpoint,))
        return [_checkpoint(row) for row in rows]

    def rows(self, after: int, last: int) -> list[tuple]:
        """The rows of a batch, not verified; their sizes are checked first."""
        sql = "SELECT length(parts), length(pages) FROM checkpoint WHERE id > ? AND id <= ?"
        total = 0
        for parts, pages in self._rows(sql, int, int, args=(after, last)):
            total += parts + pages
            if parts > MAX_PARTS or pages > MAX_PAGES * RECORD.size or total > MAX_BATCH:
                raise self._bad(f"a checkpoint of {parts} + {pages} bytes")
        sql = f"SELECT {COLUMNS} FROM checkpoint WHERE id > ? AND id <= ? ORDER BY id"
        return self._rows(sql, *[int] * 5, bytes, bytes, args=(after, last))

    def check(self, rows: list[tuple], mark: Mark) -> list[Checkpoint]:
        """The checkpoints of a batch that is what its hash says: whether they can be what they say."""
        out, before = [], (Moment(0, -1), 0)
        for row in rows:
            found = _checkpoint(row)
            if not before < found.place or found.moment > mark.moment or not 0 <= found.last_event <= mark.last_event:
                raise self._bad(f"checkpoint {found.id} is out of order")
            before = found.place
            out.append(found)
        return out

    def parts(self, checkpoint: Checkpoint) -> dict[str, bytes]:
        """The state of each part of the machine, by name."""
        return self._unpack(checkpoint, self._row(checkpoint)[5], unpack_parts)

    def pages(self, checkpoint: Checkpoint) -> dict[int, bytes]:
        """Page of the backing area -> SHA-256 of its content, of pages written since the checkpoint before."""
        return self._unpack(checkpoint, self._row(checkpoint)[6], unpack_records)

    def _row(self, checkpoint: Checkpoint) -> tuple:
        for row in self._verified_rows(checkpoint.id):
            if _checkpoint(row) == checkpoint:
                return row
        raise self._bad(f"checkpoint {checkpoint.id} is not where it was")

    def _unpack(self, checkpoint: Checkpoint, data: bytes, how: Callable[[bytes], T]) -> T:
        try:
            return how(data)
        except FormatError as e:
            raise self._bad(f"checkpoint {checkpoint.id}: {e}") from None

    # -- contents of pages

    def contents(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The 4096 bytes of each hash, verified; none for the hash NOTHING."""
        wanted = set(hashes)
        where = self._index(wanted)
        packs = sorted({where[hash] for hash in wanted if hash in where})
        found: dict[bytes, bytes] = {NOTHING: b""} if NOTHING in wanted else {}
        for at in range(0, len(packs), AT_ONCE):
            for id, names, data in self._packs(packs[at : at + AT_ONCE]):
                self._take(id, names, data, wanted, found)
        for hash in wanted:
            if hash not in found:
                raise self._bad(f"page {hash.hex()[:12]} is missing")
        return found

    def _take(self, id: int, hashes: bytes, data: bytes, wanted: set[bytes], found: dict[bytes, bytes]) -> None:
        try:
            contents = list(unpack_pages(hashes, data))
        except FormatError as e:
            raise self._bad(f"pack {id}: {e}") from None
        for hash, content in contents:
            if hash in wanted:
                if sha256(content).digest() != hash:
                    raise self._bad(f"page {hash.hex()[:12]} in pack {id} is not what its hash says")
                found[hash] = content

    def _packs(self, ids: list[int]) -> list[tuple]:
        marks = ", ".join("?" * len(ids))
        sql = f"SELECT id, hashes, data FROM pack WHERE id IN ({marks}) AND length(data) <= {MAX_PACK} ORDER BY id"
        rows = self._rows(sql, int, bytes, bytes, args=tuple(ids))
        if self.elsewhere is not None:
            rows = [(id, hashes, data or self.elsewhere(id)) for id, hashes, data in rows]
        return rows

    def packs_of(self, hashes: Iterable[bytes]) -> set[int]:
        """The numbers of the packs that contents are in."""
        wanted = set(hashes)
        where = self._index(wanted)
        return {where[hash] for hash in wanted if hash in where}

    def pack(self, id: int) -> bytes:
        """A pack as it is stored."""
        return bytes(self._packs([id])[0][2])

    def _index(self, wanted: set[bytes]) -> dict[bytes, int]:
        """Where contents are; looked for again if some are not known, because the recording may have grown."""
        if self._where is None or not wanted - {NOTHING} <= self._where.keys():
            self._where = {}
            sql = f"SELECT id, hashes FROM pack WHERE length(hashes) <= {PACK * HASH} ORDER BY id"
            for id, hashes in self._rows(sql, int, bytes):
                for at in range(0, len(hashes), HASH):
                    self._where[hashes[at : at + HASH]] = id
        return self._where


def _checkpoint(row: tuple) -> Checkpoint:
    return Checkpoint(row[0], Moment(*row[1:3]), row[3], row[4])
