"""Reads a recording. Everything in it is untrusted: whatever is not as `Writer` leaves it is a FormatError of one line.

A recording can be read while it is being written: what is there is complete batches. One that was killed is complete
but for its END event and what had not been flushed.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from playhead.base.errors import FormatError
from playhead.log.chain import genesis, link, link_batch
from playhead.log.container import Container
from playhead.log.digests import Digest, unpack_run
from playhead.log.events import MAX_PAYLOAD, End, Entry, from_row
from playhead.log.moment import START, Moment
from playhead.log.schema import MAX_BLOB, MAX_META

MAX_WINDOW = 8 << 20  # bytes; what the writer's compression level never exceeds
PIECE = 1 << 20
REFERENCES = ("kernel", "initrd", "bios")  # in the machine's description: hashes of blobs
MARK = "last_event, last_digest, icount, seq, virtual_ns, wall_ms"  # of a batch
Mark = tuple[int, int, int, int, int, int]
BEGINNING: Mark = (0, 0, 0, 0, 0, 0)


class Batch(NamedTuple):
    """What one flush wrote. `digests` are (icount, digest), in order; `moment`, `virtual_ns`, `wall_ms` are at the
    flush.
    """

    id: int
    entries: list[Entry]
    digests: list[tuple[int, Digest]]
    moment: Moment
    virtual_ns: int
    wall_ms: int


class Reader:
    """An open recording: `meta`, `blob(hash)`, and `batches()` or `entries()`."""

    def __init__(self, path: str):
        self.path = path
        self.container = Container(path)
        self._rows, self._bad = self.container.rows, self.container.damaged
        try:
            rows = self._rows("SELECT key, value FROM meta ORDER BY key", str, str, limit=4096)
            kinds = self._rows("SELECT tag, name, arguments FROM kind ORDER BY tag", int, str, str, limit=4096)
            self._check_beginning(genesis(rows, kinds))
            self.meta: dict[str, Any] = {key: self._json(key, value) for key, value in rows}
            self._check_meta()
        except BaseException:
            self.close()
            raise

    def _check_beginning(self, hash: bytes) -> None:
        rows = self._rows(f"SELECT {MARK}, hash FROM batch WHERE id = 0", *[int] * 6, bytes)
        if not rows:
            raise self._bad("it has no batch 0")
        self.beginning = link(hash, "batch", [rows[0][:6]])
        if rows[0][6] != self.beginning or any(rows[0][:6]):
            raise self._bad("batch 0 (its tables meta and kind) is not what its hash says")

    def _check_meta(self) -> None:
        for key in ("config", "session"):
            if not isinstance(self.meta.get(key), dict):
                raise self._bad(f"meta {key!r} is no object")
        parts, period = self.meta.get("parts"), self.meta.get("digest_period")
        if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
            raise self._bad("meta 'parts' is no list of names")
        if not isinstance(period, int) or period < 1:
            raise self._bad("meta 'digest_period' is no positive number")
        self.parts: list[str] = parts
        self.digest_period: int = period

    def _json(self, key: str, text: str) -> Any:
        if len(text) > MAX_META:
            raise self._bad(f"meta {key!r} is {len(text)} bytes long")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._bad(f"meta {key!r} is no JSON") from None

    # -- reading

    def blob(self, digest: str) -> bytes:
        """Content by its SHA-256 in hex, verified."""
        try:
            key = bytes.fromhex(digest)
        except (ValueError, TypeError):
            raise self._bad("a content hash that is no hash") from None
        rows = self._rows("SELECT size, codec, data FROM blob WHERE hash = ?", int, str, bytes, args=(key,))
        if not rows:
            raise self._bad(f"content {digest[:12]} is missing")
        size, codec, data = rows[0]
        return self._content(key, size, codec, data)

    def _content(self, key: bytes, size: int, codec: str, data: bytes) -> bytes:
        """One row of `blob`, unpacked and checked. It is hashed piece by piece first: no memory for what is not
        right.
        """
        if not 0 <= size <= MAX_BLOB:
            raise self._bad(f"content {key.hex()[:12]} claims {size} bytes")
        if self.content_hash(size, codec, data) != key:
            raise self._bad(f"content {key.hex()[:12]} is not what its hash says")
        return b"".join(_pieces(codec, data))

    def content_hash(self, size: int, codec: str, data: bytes) -> bytes:
        """The hash of what a row of `blob` unpacks to; empty if it does not, or to another size."""
        hash, found = sha256(), 0
        try:
            for piece in _pieces(codec, data):
                found += len(piece)
                if found > size:
                    return b""
                hash.update(piece)
        except ValueError:
            return b""
        return hash.digest() if found == size else b""

    def references(self) -> list[tuple[str, str]]:
        """(name, hash) of each blob that the machine is made of: every value in its description that is a hash."""
        config = self.meta["config"]
        return [(k, v) for k, v in config.items() if k in REFERENCES and isinstance(v, str)]

    def marks(self) -> list[tuple[int, Mark, bytes]]:
        """(number, mark, stored hash) of every batch that is there now, but for the beginning."""
        sql = f"SELECT id, {MARK}, hash FROM batch WHERE id <> 0 ORDER BY id"
        return [(row[0], row[1:7], row[7]) for row in self._rows(sql, *[int] * 7, bytes)]

    def check_order(self, position: int, number: int, mark: Mark, before: Mark) -> None:
        """Raise if a batch does not follow the one before."""
        if (
            number != position
            or any(a < b for a, b in zip(mark[:2], before[:2], strict=True))
            or mark[2:4] < before[2:4]
        ):
            raise self._bad(f"batch {position} is out of order")

    def batch(self, number: int, mark: Mark, before: Mark, hash: bytes, stored: bytes) -> Batch:
        """The batch that `mark` ends, checked against the chain; `before` and `hash` are the mark and hash in front."""
        events = self._rows(
            "SELECT id, icount, seq, kind, cpu, args, payload FROM event WHERE id > ? AND id <= ? ORDER BY id",
            int, int, int, int, int, bytes | None, bytes | None, args=(before[0], mark[0]),
        )  # fmt: skip
        runs = self._rows(
            "SELECT id, icount, count, roots, checks FROM digest WHERE id > ? AND id <= ? ORDER BY id",
            int, int, int, bytes, bytes, args=(before[1], mark[1]),
        )  # fmt: skip
        if link_batch(hash, events, runs, mark) != stored:
            where = f"after instruction {before[2]}, up to {mark[2]}"
            raise self._bad(f"batch {number} is not what its hash says ({where})")
        entries = self._entries(events, Moment(*before[2:4]))
        return Batch(number, entries, self._digests(runs), Moment(*mark[2:4]), mark[4], mark[5])

    def batches(self) -> Iterator[Batch]:
        """Every batch that is there now, in order, each verified against the chain before it is handed on."""
        hash, before = self.beginning, BEGINNING
        for i, (number, mark, stored) in enumerate(self.marks()):
            self.check_order(i + 1, number, mark, before)
            yield self.batch(number, mark, before, hash, stored)
            hash, before = stored, mark

    def _entries(self, rows: list[tuple], moment: Moment) -> list[Entry]:
        """The events of a batch; `moment` is the end of the batch before."""
        entries = []
        for number, icount, seq, tag, cpu, args, payload in rows:
            before, moment = moment, Moment(icount, seq)
            if moment < before or min(icount, seq, cpu) < 0:
                raise self._bad(f"event {number} is before the one before it")
            if payload and len(payload) > MAX_PAYLOAD:
                raise self._bad(f"event {number} carries {len(payload)} bytes")
            try:
                entries.append(Entry(number, moment, cpu, from_row(tag, args, payload)))
            except FormatError as e:
                raise self._bad(f"event {number}: {e}") from None
        return entries

    def _digests(self, runs: list[tuple]) -> list[tuple[int, Digest]]:
        out: list[tuple[int, Digest]] = []
        for _number, first, count, roots, checks in runs:
            try:
                run = unpack_run(count, len(self.parts), roots, checks)
            except FormatError as e:
                raise self._bad(str(e)) from None
            out += [(first + i * self.digest_period, d) for i, d in enumerate(run)]
        return out

    def entries(self) -> Iterator[Entry]:
        """Every event, in order."""
        for batch in self.batches():
            yield from batch.entries

    def last_mark(self) -> tuple[Moment, int, int]:
        """(moment, virtual_ns, wall_ms) of the last flush; not verified against the chain: for showing."""
        last = "SELECT icount, seq, virtual_ns, wall_ms FROM batch ORDER BY id DESC LIMIT 1"
        rows = self._rows(last, int, int, int, int)
        return (Moment(*rows[0][:2]), rows[0][2], rows[0][3]) if rows else (START, 0, 0)

    def count_events(self) -> dict[int, int]:
        """How many events of each tag are there; not verified: for showing."""
        return dict(self._rows("SELECT kind, count(*) FROM event GROUP BY kind ORDER BY kind", int, int, limit=1000))

    def sizes(self) -> dict[str, int]:
        """Bytes of content by what it is: kernel and other blobs, events, digests (columns, without SQLite's own)."""
        one = "SELECT coalesce(sum({}), 0) FROM {}"
        columns = {
            "blob": "length(data)",
            "event": "8 + coalesce(length(args), 0) + coalesce(length(payload), 0)",
            "digest": "8 + length(roots) + length(checks)",
            "batch": "40",
        }
        return {t: self._rows(one.format(c, t), int)[0][0] for t, c in columns.items()}

    def ended(self) -> bool:
        """Whether the last event is END: the recording was closed properly."""
        rows = self._rows("SELECT kind FROM event ORDER BY id DESC LIMIT 1", int)
        return bool(rows) and rows[0][0] == End.KIND.tag

    def close(self) -> None:
        self.container.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _pieces(codec: str, data: bytes) -> Iterator[bytes]:
    """A blob's content, piece by piece; ValueError if it does not unpack."""
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
