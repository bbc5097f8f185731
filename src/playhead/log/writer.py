"""Writes a recording: first what the machine is, then batch after batch of events, digests and checkpoints.

A batch is one transaction in WAL mode, and a copy of it after the end of the file itself (`wal_copy.py`): a process
that is killed loses at most what it had not flushed yet, the file alone holds everything else, and it can be read while
it is written. The log is folded into the file whenever it has about 256 KB, and at the end. Only folding waits for the
disk: doing so at each batch would stall the guest (4 ms, measured), and only a power cut needs it.

The writer reads no clock: its caller decides when to flush, and passes the times to store.
"""

import contextlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from playhead.base.errors import HostError, UsageError
from playhead.base.record import BytesLike
from playhead.log import beside, hot_blocks
from playhead.log.beside import BEGUN, HEAD, MAGIC, SIDE_FILES
from playhead.log.chain import Mark, genesis, link, link_batch
from playhead.log.console import Collected
from playhead.log.digests import MAX_RUN, Digest, pack_run
from playhead.log.events import KINDS, Event, to_row
from playhead.log.hot_blocks import HotBlock
from playhead.log.moment import START, Moment
from playhead.log.packets import apart, has_network
from playhead.log.packing import AtOnce, Helper, Packing, PackingHelper
from playhead.log.schema import WITHOUT_NETWORK, APPLICATION_ID, FORMAT, MAX_BLOB, PACKET, SCHEMA
from playhead.log.snapshots import INSERT, Snapshot, row_of
from playhead.log.wal_copy import PAGE, WalCopy

FOLD = 256 << 10  # bytes of log
MUCH = 4 << 20  # and so many more within so short a time after the last fold: it waits for the disk
SOON_MS = 2000
BLOB_LEVEL, LARGE_BLOB, LARGE_BLOB_LEVEL = 3, 1 << 20, 1  # zstd's; a kernel is compressed already
ROW = 64  # bytes that a row may take besides its content
MOVED = 1_000_000  # instructions without anything to log that are worth a batch
CROWD = 32 << 20  # bytes of disks' blocks that are not safe yet
BUSY_MS = 5000  # for a commit; a fold does not wait for readers
BATCH = f"INSERT INTO batch VALUES ({', '.join('?' * (2 + len(Mark._fields)))})"
NOT_YET: Any = None
T = TypeVar("T")


def check_output(path: str, force: bool) -> None:
    """Refuse early, with one line, what `Writer` would refuse late. Only a recording is ever replaced, or nothing."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        parent = os.path.dirname(os.path.abspath(path))
        if not os.path.isdir(parent):
            raise HostError(f"cannot write {path}: there is no directory {parent}") from None
        return
    except OSError as e:
        raise HostError(f"cannot write {path}: {e.strerror}") from None
    if stat.S_ISDIR(mode):
        raise UsageError(f"cannot write {path}: it is a directory")
    if not stat.S_ISREG(mode):
        raise UsageError(f"cannot write {path}: it is not a regular file")
    if not force:
        raise UsageError(f"{path} exists; give --force to replace it, or another name with -o")
    _check_replaced(path)


def _check_replaced(path: str) -> None:
    try:
        with open(path, "rb") as f:
            head = f.read(HEAD)
            written = beside.is_recording(head) and head[18] == 2 and beside.busy(f.fileno())
    except OSError as e:
        raise HostError(f"cannot replace {path}: {e.strerror}") from None
    if head and not beside.is_recording(head):
        raise UsageError(f"{path} exists and is no recording, so it is not replaced; give another name")
    if written:
        raise UsageError(f"{path} is being written; it can be replaced when that has ended")


class Writer:
    """One recording being written. There is no file before `begin`; then `event`, `digest`, `checkpoint`, `flush`, and
    `close`. `helper` packs the checkpoints, `keeper` stores the batches: one after the other, and nothing else is done
    with the file meanwhile. What goes wrong there is raised by the next call that stores something.
    """

    def __init__(self, path: str, force: bool = False, helper: PackingHelper | None = None,
                 keeper: Helper[None] | None = None):  # fmt: skip
        check_output(path, force)
        self.path, self._force = path, force
        self._packing = Packing(helper or AtOnce())
        self._keeper: Helper[None] = keeper or AtOnce()
        self.flushed = START  # the recording is valid up to here
        self._events: list[tuple] = []
        self._digests: list[tuple[int, Digest]] = []
        self._console = Collected()
        self._mark = Mark()
        self._hash = self._genesis = b""
        self._failed = self._lost = False
        self._db: sqlite3.Connection = NOT_YET
        self._copy: WalCopy = NOT_YET
        self._fold_at, self._fold_ms = FOLD, 0
        self._size = 0
        self._packets = False  # they have a table of their own
        self.has_name = True  # when it is closed: it was neither moved nor removed meanwhile

    def begin(self, meta: dict[str, Any], blobs: Iterable[bytes] = ()) -> None:
        """Make the file and store what the machine is: `meta` (values are JSON) is fixed from here on.

        All this is written under another name, and renamed when it is complete: there is no partial beginning.
        """
        beginning = self.path + BEGUN
        self._host(lambda: self._drop_old(beginning))
        self._packets = has_network(meta)
        rows = sorted((key, json.dumps(value, sort_keys=True)) for key, value in meta.items())
        kinds = [(k.tag, k.name, " ".join(k.cls.FIELDS)) for k in KINDS.values()]
        self._genesis = genesis(rows, sorted(kinds))
        chain = link(self._genesis, "batch", [Mark()])
        self._db = self._host(lambda: self._create(beginning))
        for blob in blobs:
            self.put_blob(blob)
        self._host(lambda: self._db.executemany("INSERT INTO meta VALUES (?, ?)", rows))
        self._host(lambda: self._db.executemany("INSERT INTO kind VALUES (?, ?, ?)", kinds))
        self._host(lambda: self._db.execute(BATCH, (0, *Mark(), chain)))
        self._host(lambda: self._db.execute("COMMIT"))
        self._host(lambda: self._open(beginning))
        self._hash = chain

    def _create(self, path: str) -> sqlite3.Connection:
        """An empty recording, in a transaction. No reader sees it before it is complete, so it needs no journal. Its
        number, in page 1, tells its log from that of another recording.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        db = sqlite3.connect(os.path.abspath(path), isolation_level=None)
        format, schema = (FORMAT, SCHEMA + PACKET) if self._packets else (WITHOUT_NETWORK, SCHEMA)
        settings = "PRAGMA journal_mode = OFF; PRAGMA synchronous = NORMAL"
        made = os.stat(path)
        number = link(self._genesis, "number", [(made.st_dev, made.st_ino, made.st_ctime_ns)])[:4]
        db.executescript(
            f"{settings}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {format}; BEGIN; {schema}; "
            f"PRAGMA schema_version = {int.from_bytes(number, 'big') >> 1}"
        )
        return db

    def _open(self, beginning: str) -> None:
        """The beginning is whole: it gets its name, and from here on batches are added. It is in WAL mode before: to
        change that would take a rollback journal.
        """
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.close()
        check_output(self.path, self._force)
        beside.replaced(self.path)
        os.rename(beginning, self.path)
        self._copy = WalCopy(self.path)
        self._db = sqlite3.connect(
            os.path.abspath(self.path), isolation_level=None, timeout=BUSY_MS / 1000, check_same_thread=False
        )
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0;")
        self._db.execute("SELECT 1 FROM meta").fetchone()  # from here on a reader sees that the file is being written
        self._begin_log()

    def _begin_log(self) -> None:
        """See that the log has a beginning, and the file a copy of that, which says whose log it is. Page 1 is written
        again as it is.
        """
        self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        self._copy.follow()

    def _drop_old(self, beginning: str) -> None:
        """What a recorder left that was killed at this point."""
        if os.path.lexists(beginning):
            with open(beginning, "rb") as f:
                if f.read(HEAD)[:16] not in (b"", MAGIC):
                    raise HostError(f"cannot write {self.path}: {beginning} is needed for that, and exists")
        for name in (beginning, *(beginning + s for s in SIDE_FILES)):
            beside.remove(name)

    def _host(self, action: Callable[[], T]) -> T:
        """Run something that the host may refuse; a refusal is one clear line."""
        try:
            if self._copy is not NOT_YET and not self._copy.still_there():
                self._failed = self._lost = True
                raise HostError(
                    f"{self.path} has been overwritten while it was recorded: the recording ends at instruction "
                    f"{self.flushed.icount}, and is lost; nothing more is written there"
                )
            return action()
        except OSError as e:
            self._failed = True
            raise HostError(self._refusal(e.strerror or str(e))) from None
        except sqlite3.Error as e:
            self._failed = True
            full = getattr(e, "sqlite_errorname", "") == "SQLITE_FULL"
            raise HostError(self._refusal("the disk is full" if full else f"the host cannot write it ({e})")) from None

    def _refusal(self, what: str) -> str:
        if self._hash:
            return f"{self.path}: {what}; the recording is valid up to instruction {self.flushed.icount}"
        return f"cannot write {self.path}: {what}"

    def put_blob(self, data: bytes) -> str:
        """Store content under its SHA-256, once; returns that in hex."""
        import zstandard  # takes 10 ms to import, and only recording needs it

        assert len(data) <= MAX_BLOB
        digest = sha256(data).digest()
        level = BLOB_LEVEL if len(data) < LARGE_BLOB else LARGE_BLOB_LEVEL
        packed, codec = zstandard.ZstdCompressor(level=level).compress(data), "zstd"
        if len(packed) >= len(data):
            packed, codec = bytes(data), "raw"
        if self._hash:
            self._settle()
            self._host(lambda: self._copy.make_room(len(packed) + len(packed) // 8 + ROW * PAGE))
        self._host(lambda: self._db.execute(
            "INSERT INTO blob (hash, size, codec, data) VALUES (?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
            (digest, len(data), codec, packed),
        ))  # fmt: skip
        return digest.hex()

    def hot_blocks(self, blocks: Sequence[HotBlock]) -> None:
        """Name the blocks that a replay should compile first; once, when all else is safe: they may be missing."""
        if blocks and not self._failed:
            with contextlib.suppress(HostError):
                self.put_blob(hot_blocks.pack(blocks))
                self._host(self._copy.follow)

    def event(self, moment: Moment, value: Event, cpu: int = 0) -> None:
        """Log one event; it is safe after the next `flush`."""
        self._events.append((moment.icount, moment.seq, cpu, *to_row(value)))

    def digest(self, icount: int, digest: Digest) -> None:
        """Log the digest at `icount`; digests come at regular distances."""
        self._digests.append((icount, digest))

    def printed(self, port: int, text: bytes, moments: list[Moment]) -> None:
        """The guest has printed something: where, and the moment of each byte. It belongs to the next flush's batch."""
        self._console.add(port, text, moments)

    def checkpoint(self, moment: Moment, virtual_ns: int, parts: Mapping[str, bytes],
                   pages: Mapping[int, BytesLike]) -> None:  # fmt: skip
        """Keep the machine's state at a moment, which is now: nothing that happens there has been logged yet. `pages`
        are those that were written since the checkpoint before (the first: since the machine was made). It is stored
        by a `flush` that finds it packed.
        """
        self._packing.add(moment, virtual_ns, self._mark.last_event + len(self._events), parts, pages)

    def embed(self, wanted: bool) -> None:
        """Whether the contents of disks are kept, or only their hashes."""
        self._packing.embed = wanted

    def block(self, key: int, content: bytes) -> None:
        """The guest has met a block of a disk, for the first time: it belongs to the batch of the next flush."""
        self._packing.add_block(key, content)

    def block_hash(self, key: int, hash: bytes) -> None:
        """The same for one whose content is not kept."""
        self._packing.add_hash(key, hash)

    @property
    def last_content(self) -> int:
        """How many rows say which blocks of disks there are."""
        return self._mark.last_content

    @property
    def crowded(self) -> bool:
        """So many blocks wait that a flush is due."""
        return self._packing.blocks_wait > CROWD

    @property
    def busy(self) -> bool:
        """Checkpoints come faster than they are packed: take none now."""
        return self._packing.busy

    def snapshot(self, snapshot: Snapshot) -> None:
        """Give a moment a name, at once. A name that is there already moves."""

        def store() -> None:
            self._copy.make_room(ROW * PAGE)
            self._db.execute("BEGIN")
            self._db.execute("DELETE FROM snapshot WHERE name = ?", (snapshot.name,))
            self._db.execute(INSERT, row_of(snapshot, self._genesis))
            self._db.execute("COMMIT")
            self._copy.follow()

        self._settle()
        self._host(store)

    def forget_snapshot(self, name: str) -> None:
        """Take a name away, at once."""

        def remove() -> None:
            self._copy.make_room(ROW * PAGE)
            self._db.execute("DELETE FROM snapshot WHERE name = ?", (name,))
            self._copy.follow()

        self._settle()
        self._host(remove)

    @property
    def pending(self) -> bool:
        packing = self._packing
        return bool(self._events or self._digests or self._console or packing.waits or packing.has_blocks)

    def flush(self, moment: Moment, virtual_ns: int, wall_ms: int, wait: bool = False) -> int:
        """Make everything logged so far safe, as one batch. `moment` is now; if nothing was logged, but much has
        happened, it is that which is stored. Checkpoints that are not packed yet are left for the next batch, unless it
        is to `wait` for them; returns how many are stored. With `wait` that has been done, else it may be under way.
        """
        assert self._hash, "begin() comes first"
        self._settle()
        moved = moment.icount - self.flushed.icount >= MOVED
        if self._failed or not (moved or self.pending):
            return 0
        ready, blocks = self._packing.ready(wait)
        events, digests, before = self._event_rows(), self._digest_rows(), self._mark
        checkpoints = [
            (before.last_checkpoint + 1 + i, *r.moment, r.virtual_ns, r.last_event, r.parts, r.pages.records)
            for i, r in enumerate(ready)
        ]
        contents = [(before.last_content + 1, blocks.records)] if blocks.records else []
        printed = self._console.rows(before.last_console + 1)
        if not (moved or events or digests or checkpoints or contents or printed):
            return 0
        rows = {"event": events, "digest": digests, "checkpoint": checkpoints, "content": contents, "console": printed}
        last = [n + len(some) for n, some in zip(before.rows, rows.values(), strict=True)]
        mark = Mark._make((*last, *moment, virtual_ns, wall_ms))
        chain = link_batch(self._hash, events, digests, checkpoints, contents, printed, mark)
        if self._packets:
            rows["event"], rows["packet"] = apart(events)
        packs = [pack for one in (*(r.pages for r in ready), blocks) for pack in one.packs]
        self._mark, self._hash = mark, chain
        self._events, self._digests = [], []
        self._keeper.submit(lambda: self._keep(rows, packs, mark, chain))
        if wait:
            self._settle()
        return len(ready)

    def _settle(self) -> None:
        """Wait until the last batch is stored; raises what has prevented that."""
        self._keeper.finished(wait=True)

    def _keep(self, rows: dict[str, list[tuple]], packs: list[tuple[bytes, bytes]], mark: Mark, chain: bytes) -> None:
        """Store a batch, and fold the log if it is time."""
        self._host(lambda: self._store(rows, packs, mark, chain))
        self.flushed = mark.moment
        if self._copy.wal_bytes >= self._fold_at + (MUCH if mark.wall_ms < self._fold_ms else 0):
            self._host(self._fold)
            self._fold_ms = mark.wall_ms + SOON_MS
            if not self._copy.wal_bytes:
                self._host(self._begin_log)

    def _event_rows(self) -> list[tuple]:
        first = self._mark.last_event + 1
        return [
            (first + i, icount, seq, tag, cpu, args, payload)
            for i, (icount, seq, cpu, tag, args, payload) in enumerate(self._events)
        ]

    def _digest_rows(self) -> list[tuple]:
        rows: list[tuple] = []
        for at in range(0, len(self._digests), MAX_RUN):
            run = self._digests[at : at + MAX_RUN]
            roots, checks = pack_run([d for _, d in run])
            rows.append((self._mark.last_digest + 1 + len(rows), run[0][0], len(run), roots, checks))
        return rows

    def _store(self, rows: dict[str, list[tuple]], packs: list[tuple[bytes, bytes]], mark: Mark, chain: bytes) -> None:
        """One batch, as one transaction."""
        blobs = (value for some in rows.values() for row in some for value in row if isinstance(value, bytes))
        size = sum(len(some) * ROW for some in rows.values()) + sum(len(blob) for blob in blobs)
        size += sum(PAGE + len(hashes) + len(data) for hashes, data in packs)
        self._copy.make_room(size + size // 4 + ROW * PAGE)
        self._db.execute("BEGIN")
        for table, some in rows.items():
            if some:
                self._db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(some[0]))})", some)
        self._db.executemany("INSERT INTO pack (hashes, data) VALUES (?, ?)", packs)
        self._db.execute(BATCH, (None, *mark, chain))
        self._db.execute("COMMIT")
        self._copy.follow()

    def _fold(self) -> None:
        """Fold the log into the file, as far as those who read let it."""
        self._db.execute("PRAGMA busy_timeout = 0")
        busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        self._db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        self._copy.follow()
        self._fold_at = self._copy.wal_bytes + FOLD if busy else FOLD

    def close(self) -> None:
        """Fold the log in, so that the recording is one file. What was not flushed is dropped, and what never began."""
        self._packing.close()
        with contextlib.suppress(HostError):  # it has been said, or whoever closes this has another reason
            self._settle()
        self._keeper.close()
        if self._db is NOT_YET:
            self._drop_beginning()
            return
        with contextlib.suppress(sqlite3.Error):
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        if self._copy is not NOT_YET:
            self._end()
        with contextlib.suppress(sqlite3.Error):
            self._db.close()
        if self._copy is not NOT_YET:
            self._size = self._copy.size()
            self._copy.close()
        self._drop_beginning()

    @property
    def size(self) -> int:
        """Bytes of the file, when it is closed; it may have another name by now."""
        return self._size

    def _end(self) -> None:
        """Fold the log into the file, if that is still ours."""
        self.has_name = self._copy.has_name()
        if self._lost or not self._copy.still_there():
            self._copy.abandon()
            return
        with contextlib.suppress(sqlite3.Error):
            self._fold()
            self._db.execute("PRAGMA journal_mode = DELETE")  # refused while it is being read; the next opener folds

    def _drop_beginning(self) -> None:
        for suffix in ("", *SIDE_FILES):
            with contextlib.suppress(OSError):
                os.unlink(self.path + BEGUN + suffix)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
