"""Reads a recording. Everything in it is untrusted: whatever is not as `Writer` leaves it is a FormatError of one line.

A recording can be read while it is being written: what is there is complete batches. One that was killed is complete
but for its END event and what had not been flushed. Opening folds a left-over WAL into the file when nobody is
writing.
"""

import contextlib
import json
import os
import sqlite3
import struct
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote

from playhead.base.errors import FormatError, HostError
from playhead.log.chain import link
from playhead.log.digests import Digest, unpack_run
from playhead.log.events import MAX_PAYLOAD, End, Entry, from_row
from playhead.log.moment import START, Moment
from playhead.log.schema import APPLICATION_ID, FORMAT, MAX_BLOB, MAX_META, TABLES

MAX_INT = (1 << 63) - 1
REFUSALS = (sqlite3.Error, UnicodeError, OverflowError)  # Unicode: SQLite quotes a damaged file in its messages


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
        self._check_header()
        self._db = self._open()
        try:
            self._check_tables()
            rows = self._rows("SELECT key, value FROM meta ORDER BY key", str, str, limit=4096)
            self.meta: dict[str, Any] = {key: self._json(key, value) for key, value in rows}
            self._genesis = link(b"", "meta", rows)
            self._check_meta()
        except BaseException:
            self.close()
            raise

    # -- opening

    def _bad(self, why: str) -> FormatError:
        return FormatError(f"{self.path} is damaged: {why}")

    def _check_header(self) -> None:
        """Tell from the first 100 bytes whether this is ours and not too new, before SQLite sees the file."""
        try:
            with open(self.path, "rb") as f:
                head = f.read(100)
        except OSError as e:
            raise HostError(f"cannot read {self.path}: {e.strerror}") from None
        if len(head) < 100 or head[:16] != b"SQLite format 3\0":
            raise FormatError(f"{self.path} is not a recording")
        version, application = struct.unpack_from(">I", head, 60)[0], struct.unpack_from(">I", head, 68)[0]
        if application != APPLICATION_ID:
            raise FormatError(f"{self.path} is an SQLite file, but not a recording")
        if version > FORMAT:
            raise FormatError(
                f"{self.path} was made by a newer Playhead (format {version}; this one reads up to {FORMAT})"
            )
        if version == 0:
            raise self._bad("it has no format number")
        self._wal_mode = head[18] == 2

    def _open(self) -> sqlite3.Connection:
        absolute = os.path.abspath(self.path)
        writable = os.access(absolute, os.W_OK) and os.access(os.path.dirname(absolute), os.W_OK)
        mode = "mode=rw" if writable else "mode=ro"
        if not writable and self._wal_mode and not os.path.exists(absolute + "-wal"):
            mode = "immutable=1"  # WAL mode wants to make side files, which cannot be made here and are not needed
        try:
            db = sqlite3.connect(f"file:{quote(absolute)}?{mode}", uri=True, isolation_level=None, timeout=0,
                                 check_same_thread=False)  # fmt: skip
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, min(MAX_BLOB + (1 << 20), 0x7FFFFFFF))
            db.execute("PRAGMA trusted_schema = OFF")
            db.execute("PRAGMA cell_size_check = ON")
            if self._wal_mode and writable:
                with contextlib.suppress(sqlite3.OperationalError):  # "locked": it is being written, so leave it
                    db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA busy_timeout = 5000")
            db.execute("PRAGMA query_only = ON")
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except REFUSALS as e:
            raise self._sqlite(e) from None
        return db

    def _sqlite(self, e: Exception) -> Exception:
        if getattr(e, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_BUSY")):
            return HostError(f"cannot read {self.path}: {e}")
        return self._bad("SQLite says: " + "".join(c for c in str(e) if c.isprintable()))

    def _check_tables(self) -> None:
        """Our names must be plain tables: a view in their place could compute for ever."""
        found = self._rows("SELECT type, name FROM sqlite_master", str, str, limit=1000)
        for name in TABLES:
            if ("table", name) not in found:
                raise self._bad(f"it has no table {name!r}")

    def _check_meta(self) -> None:
        if "config" not in self.meta:
            raise FormatError(f"{self.path} holds no machine: its recording was cut off before it began")
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

    def _rows(self, sql: str, *types: Any, args: tuple = (), limit: int = MAX_INT) -> list[tuple]:
        """All rows of a query, each column of its type (SQLite does not insist on types: we do)."""
        out: list[tuple] = []
        try:
            for row in self._db.execute(sql, args):
                if len(out) >= limit:
                    raise self._bad(f"more than {limit} rows where there are few")
                for value, kind in zip(row, types, strict=True):
                    if not isinstance(value, kind):
                        raise self._bad(f"a {type(value).__name__} in place of a {getattr(kind, '__name__', kind)}")
                out.append(row)
        except REFUSALS as e:
            raise self._sqlite(e) from None
        return out

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
        if not 0 <= size <= MAX_BLOB:
            raise self._bad(f"content {digest[:12]} claims {size} bytes")
        content = self._inflate(data, size) if codec == "zstd" else data
        if len(content) != size or sha256(content).digest() != key:
            raise self._bad(f"content {digest[:12]} is not what its hash says")
        return content

    def _inflate(self, data: bytes, size: int) -> bytes:
        import zstandard

        try:
            if zstandard.frame_content_size(data) not in (size, -1):  # the library would trust the frame's own figure
                return b""
            return zstandard.ZstdDecompressor().decompress(data, max_output_size=max(size, 1))
        except zstandard.ZstdError:
            return b""

    def batches(self) -> Iterator[Batch]:
        """Every batch that is there now, in order, each verified against the chain before it is handed on."""
        marks = self._rows(
            "SELECT id, last_event, last_digest, icount, seq, virtual_ns, wall_ms, hash FROM batch ORDER BY id",
            int, int, int, int, int, int, int, bytes,
        )  # fmt: skip
        chain, event, digest, moment = self._genesis, 0, 0, START
        for i, (number, last_event, last_digest, icount, seq, virtual_ns, wall_ms, stored) in enumerate(marks):
            if number != i + 1 or last_event < event or last_digest < digest or Moment(icount, seq) < moment:
                raise self._bad(f"batch {i + 1} is out of order")
            events = self._rows(
                "SELECT id, icount, seq, kind, cpu, args, payload FROM event WHERE id > ? AND id <= ? ORDER BY id",
                int, int, int, int, int, bytes | None, bytes | None, args=(event, last_event),
            )  # fmt: skip
            runs = self._rows(
                "SELECT id, icount, count, roots, checks FROM digest WHERE id > ? AND id <= ? ORDER BY id",
                int, int, int, bytes, bytes, args=(digest, last_digest),
            )  # fmt: skip
            mark = (last_event, last_digest, icount, seq, virtual_ns, wall_ms)
            chain = link(link(link(chain, "event", events), "digest", runs), "batch", [mark])
            if chain != stored:
                where = f"after instruction {moment.icount}, up to {icount}"
                raise self._bad(f"batch {number} is not what its hash says ({where})")
            entries = self._entries(events, moment)
            yield Batch(number, entries, self._digests(runs), Moment(icount, seq), virtual_ns, wall_ms)
            event, digest, moment = last_event, last_digest, Moment(icount, seq)

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
        self._db.close()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
