"""Ways to damage a recording, for `fuzz recording`: as a file of bytes, as tables, as values, and with hashes made to
fit.

`mutate` changes a file in place and returns (what was done, whether the hash chain was computed anew over it). A
chain that fits can only be made on purpose: no accident looks like that, and no verifier can know, but nothing may
break or replay wrongly for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import zstandard

from playhead.base.errors import FormatError
from playhead.log.chain import BEGINNING, Mark, genesis, link, link_batch
from playhead.log.checkpoints import COLUMNS as CHECKPOINT
from playhead.log.console import COLUMNS as CONSOLE
from playhead.log.events import LinkChanged, NetPacket
from playhead.log.packets import ARGS, KIND, PAYLOAD, apart, together
from playhead.log.reader import MARK
from playhead.log.schema import TABLES
from playhead.log.snapshots import COLUMNS as SNAPSHOT

COLUMNS = {
    "meta": ("key", "value"), "blob": ("id", "hash", "size", "codec", "data"), "kind": ("tag", "name", "arguments"),
    "event": ("id", "icount", "seq", "kind", "cpu", "args", "payload"),
    "digest": ("id", "icount", "count", "roots", "checks"),
    "checkpoint": ("id", "icount", "seq", "virtual_ns", "last_event", "parts", "pages"),
    "pack": ("id", "hashes", "data"), "content": ("id", "records"),
    "console": ("id", "port", "position", "icount", "seq", "size", "text", "moments"),
    "snapshot": ("id", "name", "icount", "seq", "virtual_ns", "created", "root", "hash"),
    "batch": ("id", "last_event", "last_digest", "last_checkpoint", "last_content", "last_console", "icount",
              "seq", "virtual_ns", "wall_ms", "hash"),
}  # fmt: skip
EVENT = ", ".join(COLUMNS["event"])
INTERESTING = (0, 1, -1, 2, 7, 255, 256, 65535, 65536, 1 << 31, -(1 << 31), (1 << 32) - 1, 1 << 40, (1 << 63) - 1,
               -(1 << 63))  # fmt: skip


def fast_folder() -> str | None:
    """Where files need no disk, if there is such a place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def mutate(rng: random.Random, path: Path) -> tuple[str, bool]:
    """Damage the file in one of all ways."""
    what = rng.choice(MUTATIONS)
    try:
        detail = what(rng, path)
    except sqlite3.Error as error:  # SQLite itself refuses to continue in what was done so far
        detail = str(error)
    return f"{what.__name__}: {detail}", what.__name__.startswith(("fitted", "page_bomb"))


# -- bytes


def bit(rng: random.Random, path: Path) -> str:
    data = bytearray(path.read_bytes())
    at = [rng.randrange(len(data)) for _ in range(rng.choice((1, 1, 1, 2, 30)))]
    for where in at:
        data[where] ^= 1 << rng.randrange(8)
    path.write_bytes(data)
    return str(at[:4])


def header(rng: random.Random, path: Path) -> str:
    data = bytearray(path.read_bytes())
    at = rng.randrange(100)
    data[at] = rng.choice((0, 1, 2, 255, rng.randrange(256)))
    path.write_bytes(data)
    return f"byte {at} = {data[at]}"


def truncated(rng: random.Random, path: Path) -> str:
    size = path.stat().st_size
    left = rng.choice((rng.randrange(size), size // 4096 * rng.randrange(1, 4096) // 4096 * 4096, size - 1))
    os.truncate(path, left)
    return str(left)


def page(rng: random.Random, path: Path) -> str:
    """A page zeroed, repeated in another place, exchanged with another, or noise."""
    data = bytearray(path.read_bytes())
    a, b = (rng.randrange(len(data) // 4096) * 4096 for _ in range(2))
    one, two = data[a : a + 4096], data[b : b + 4096]
    how = rng.choice(("zero", "repeat", "exchange", "noise"))
    data[a : a + 4096] = {"zero": bytes(4096), "noise": rng.randbytes(4096)}.get(how, two)
    if how == "exchange":
        data[b : b + 4096] = one
    path.write_bytes(data)
    return f"{how} {a // 4096} {b // 4096}"


def appended(rng: random.Random, path: Path) -> str:
    """Something after the end, also what looks like the copy of a log."""
    from playhead.log import wal_copy

    with open(path, "r+b") as f:
        at = f.seek(0, os.SEEK_END) + rng.choice((0, 1, 4096, 1 << 20))
        f.seek(at)
        f.write(wal_copy.header(at) if rng.random() < 0.7 else b"")
        f.write(b"\x37\x7f\x06\x82" + rng.randbytes(rng.randrange(9000)))
        if rng.random() < 0.7:
            f.seek(18)
            f.write(b"\x02\x02")
    return str(at)


def second_log(rng: random.Random, path: Path) -> str:
    """A log beside it that is not its own."""
    path.with_name(path.name + rng.choice(("-wal", "-journal"))).write_bytes(rng.randbytes(rng.randrange(20_000)))
    with open(path, "r+b") as f:
        f.seek(18)
        f.write(rng.choice((b"\x01\x01", b"\x02\x02")))
    return "random"


def foreign_log(rng: random.Random, path: Path) -> str:
    """A log beside it that SQLite finds right in every way: that of another state of the same file."""
    other = path.with_name("other")
    shutil.copyfile(path, other)
    db = _open(other)
    try:
        db.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; UPDATE event SET icount = icount + "
            f"{rng.randrange(1, 100)}; DELETE FROM batch WHERE id > 1"
        )
        shutil.copyfile(f"{other}-wal", f"{path}-wal")
    finally:
        db.close()
        other.unlink()
    if rng.random() < 0.5:
        with open(path, "r+b") as f:
            f.seek(18)
            f.write(b"\2\2")
    return "of another state"


# -- tables


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def _rowid(db: sqlite3.Connection, rng: random.Random, table: str) -> int:
    rows = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
    return rng.choice(rows) if rows else 0


def row(rng: random.Random, path: Path) -> str:
    """Rows deleted, repeated, exchanged."""
    db, table = _open(path), rng.choice(TABLES)
    one, two = _rowid(db, rng, table), _rowid(db, rng, table)
    columns = ", ".join(c for c in COLUMNS[table] if c != "id")
    how = rng.choice(("delete", "from", "repeat", "exchange"))
    try:
        if how == "delete":
            db.execute(f"DELETE FROM {table} WHERE rowid = ?", (one,))
        elif how == "from":
            db.execute(f"DELETE FROM {table} WHERE rowid >= ?", (one,))
        elif how == "repeat":
            at = rng.choice((two + 1, 100_000))
            db.execute(f"INSERT OR REPLACE INTO {table} (rowid, {columns}) SELECT ?, {columns} FROM {table} "
                       "WHERE rowid = ?", (at, one))  # fmt: skip
        else:
            for source, target in ((one, -5), (two, one), (-5, two)):
                db.execute(f"UPDATE {table} SET rowid = ? WHERE rowid = ?", (target, source))
    finally:
        db.close()
    return f"{how} {table} {one} {two}"


def _value(rng: random.Random, old: Any) -> Any:
    """Another value: of the same type or not, and absurd."""
    if isinstance(old, int) and rng.random() < 0.5:
        return max(min(old + rng.choice((1, -1, 1000, -1000)), (1 << 63) - 1), -(1 << 63))
    if isinstance(old, bytes) and old and rng.random() < 0.6:
        data = bytearray(old)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        return bytes(data)
    return rng.choice((*INTERESTING, None, 1.5, float("inf"), "", "text", "\x1b[31m\0", "x" * 200_000, b"", b"\0" * 16,
                       rng.randbytes(300_000), rng.randbytes(32)))  # fmt: skip


def value(rng: random.Random, path: Path) -> str:
    """One value changed, in type, size or content."""
    db, table = _open(path), rng.choice(TABLES)
    column, one = rng.choice(COLUMNS[table]), _rowid(db, rng, table)
    db.execute("PRAGMA ignore_check_constraints = ON")
    old = (db.execute(f"SELECT {column} FROM {table} WHERE rowid = ?", (one,)).fetchone() or (0,))[0]
    new = _value(rng, old)
    try:
        db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, one))
    finally:
        db.close()
    return f"{table}.{column} row {one} = {new!r:.40}"


FREE = "PRAGMA writable_schema = ON;"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i, i, i, i, i, i, i FROM n"


def schema(rng: random.Random, path: Path) -> str:
    """Tables dropped or replaced, triggers, views and indices added."""
    db, table = _open(path), rng.choice(TABLES)
    columns = ", ".join(f"{c} AS x{i}" for i, c in enumerate(COLUMNS[table]))
    statement = rng.choice((
        f"DROP TABLE {table}",
        f"DROP TABLE {table}; CREATE VIEW {table} AS {ENDLESS}",
        f"ALTER TABLE {table} RENAME TO other; CREATE VIEW {table} AS SELECT * FROM other",
        f"ALTER TABLE {table} RENAME TO other",
        f"ALTER TABLE {table} ADD COLUMN more DEFAULT 1",
        f"ALTER TABLE {table} DROP COLUMN {rng.choice(COLUMNS[table])}",
        f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END",
        f"CREATE INDEX i ON {table} ({rng.choice(COLUMNS[table])})",
        f"CREATE VIEW v AS {ENDLESS}",
        "DROP VIEW events",
        f"DROP VIEW events; CREATE VIEW events AS {ENDLESS}",
        "CREATE TABLE more (a, b); INSERT INTO more VALUES (1, 2)",
        f"CREATE TABLE copy AS SELECT {columns} FROM {table}",
        f"PRAGMA user_version = {rng.choice(INTERESTING[:8])}",
        f"PRAGMA application_id = {rng.choice(INTERESTING[:8])}",
        "PRAGMA page_size = 512; VACUUM", "PRAGMA auto_vacuum = 1; VACUUM", "PRAGMA journal_mode = WAL", "ANALYZE",
        f"{FREE} UPDATE sqlite_master SET rootpage = {rng.randrange(20)} WHERE name = '{table}'",
        f"{FREE} UPDATE sqlite_master SET sql = 'CREATE TABLE {table} (a)' WHERE name = '{table}'",
        f"{FREE} UPDATE sqlite_master SET sql = NULL",
        f"{FREE} DELETE FROM sqlite_master WHERE type = 'index'",
    ))  # fmt: skip
    try:
        db.executescript(statement)
    finally:
        db.close()
    return statement[:80]


# -- what is in a value


def bomb(rng: random.Random, path: Path) -> str:
    """Content that unpacks to very much, or says so."""
    size = rng.choice((1 << 20, 1 << 28, (1 << 30) - 1))
    pieces = zstandard.ZstdCompressor(level=1).compressobj(size=size if rng.random() < 0.5 else -1)
    zeros = bytes(1 << 20)
    data = b"".join([*(pieces.compress(zeros) for _ in range(size >> 20)), pieces.compress(zeros[: size % (1 << 20)]),
                     pieces.flush()])  # fmt: skip
    claimed = rng.choice((size, size, 65536, 1 << 40, 0))
    db = _open(path)
    db.execute("UPDATE blob SET data = ?, size = ?, codec = ?", (data, claimed, rng.choice(("zstd", "zstd", "raw"))))
    db.close()
    return f"{len(data)} bytes of {size}, said to be {claimed}"


def _other(rng: random.Random, plain: Any) -> Any:
    """JSON with something in it changed."""
    if isinstance(plain, dict) and plain and rng.random() < 0.9:
        key = rng.choice(sorted(plain))
        how = rng.random()
        if how < 0.1:
            return {k: v for k, v in plain.items() if k != key}
        if how < 0.15:
            return {**plain, "unknown": 1}
        return {**plain, key: _other(rng, plain[key])}
    if isinstance(plain, list) and plain and rng.random() < 0.7:
        at = rng.randrange(len(plain))
        return [*plain[:at], _other(rng, plain[at]), *plain[at + rng.choice((0, 1)) :]]
    if isinstance(plain, int) and rng.random() < 0.6:
        return plain + rng.choice((1, -1, 4096, 1 << 20, -4096)) if not isinstance(plain, bool) else not plain
    if isinstance(plain, str) and plain and rng.random() < 0.6:
        at = rng.randrange(len(plain))
        return plain[:at] + rng.choice("0aZ\u00e9\n\x1b") + plain[at + 1 :]
    return rng.choice((None, True, "", "x", [], {}, [[]], 1.5, 1e300, *INTERESTING, "y" * 100_000, ["a"] * 5000,
                       {"a": {}}, 3 << 30, 0xE0000000))  # fmt: skip


def _change_meta(rng: random.Random, db: sqlite3.Connection) -> str:
    key, text = rng.choice(db.execute("SELECT key, value FROM meta ORDER BY key").fetchall())
    if key not in ("config", "session", "shift", "parts", "digest_period") and rng.random() < 0.8:
        key, text = db.execute("SELECT key, value FROM meta WHERE key = 'config'").fetchone()
    new = json.dumps(_other(rng, json.loads(text)), sort_keys=True)
    if rng.random() < 0.1:
        new = rng.choice(("", "[" * 100_000, "{", "NaN", "1" * 5000, new[: len(new) // 2], '"\\ud800"'))
    db.execute("UPDATE meta SET value = ? WHERE key = ?", (new, key))
    return f"{key} = {new:.60}"


def configuration(rng: random.Random, path: Path) -> str:
    db = _open(path)
    try:
        return _change_meta(rng, db)
    finally:
        db.close()


# -- with hashes that fit


def _is_packed(db: sqlite3.Connection) -> bool:
    """Whether packets are in a table of their own."""
    return bool(db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'packet'").fetchall())


def _events(db: sqlite3.Connection, first: int, last: int) -> list[tuple[Any, ...]]:
    """A batch's events, with the packets where they belong, if they do."""
    between = (first, last)
    events = db.execute(f"SELECT {EVENT} FROM event WHERE id > ? AND id <= ? ORDER BY id", between).fetchall()
    if _is_packed(db):
        packets = db.execute("SELECT * FROM packet WHERE id > ? AND id <= ? ORDER BY id", between).fetchall()
        with contextlib.suppress(FormatError, TypeError):
            return together(events, packets, FormatError)
    return events


def fit(db: sqlite3.Connection) -> None:
    """Compute the chain anew over what is there."""
    meta = db.execute("SELECT key, value FROM meta ORDER BY key").fetchall()
    kinds = db.execute("SELECT tag, name, arguments FROM kind ORDER BY tag").fetchall()
    first = hash = genesis(meta, kinds)
    before = BEGINNING
    for number, *values in db.execute(f"SELECT id, {MARK} FROM batch ORDER BY id").fetchall():
        mark = Mark(*values)
        digests, checkpoints, contents, printed = [
            db.execute(f"SELECT {columns} FROM {table} WHERE id > ? AND id <= ? ORDER BY id", between).fetchall()
            for table, columns, between in (
                ("digest", "id, icount, count, roots, checks", (before.last_digest, mark.last_digest)),
                ("checkpoint", CHECKPOINT, (before.last_checkpoint, mark.last_checkpoint)),
                ("content", "id, records", (before.last_content, mark.last_content)),
                ("console", CONSOLE, (before.last_console, mark.last_console)),
            )
        ]
        events = _events(db, before.last_event, mark.last_event)
        if number:
            hash = link_batch(hash, events, digests, checkpoints, contents, printed, mark)
        else:
            hash = link(hash, "batch", [mark])
        db.execute("UPDATE batch SET hash = ? WHERE id = ?", (hash, number))
        before = mark
    for number, *row in db.execute(f"SELECT id, {SNAPSHOT} FROM snapshot ORDER BY id").fetchall():
        db.execute("UPDATE snapshot SET hash = ? WHERE id = ?", (link(first, "snapshot", [tuple(row)]), number))


def fitted_configuration(rng: random.Random, path: Path) -> str:
    db = _open(path)
    try:
        done = _change_meta(rng, db)
        fit(db)
        return done
    finally:
        db.close()


def fitted_value(rng: random.Random, path: Path) -> str:
    """An event, digest, checkpoint, snapshot, batch or what was printed changed, and the hashes too."""
    tables = ("event", "event", "event", "digest", "checkpoint", "checkpoint", "snapshot", "batch", "console")
    db, table = _open(path), rng.choice(tables)
    column, one = rng.choice(COLUMNS[table][1:]), _rowid(db, rng, table)
    try:
        old = (db.execute(f"SELECT {column} FROM {table} WHERE id = ?", (one,)).fetchone() or (0,))[0]
        new = _value(rng, old)
        if isinstance(new, float):
            new = 3
        db.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (new, one))
        fit(db)
    finally:
        db.close()
    return f"{table}.{column} row {one} = {new!r:.40}"


def fitted_network(rng: random.Random, path: Path) -> str:
    """A packet or a cable that is not the recorded one; in a recording without any, any event."""
    db = _open(path)
    try:
        last = [row[0] for row in db.execute("SELECT last_event FROM batch ORDER BY id")]
        batches = [_events(db, *between) for between in pairwise((0, *last))]
        events = [list(event) for batch in batches for event in batch]
        tags = (NetPacket.KIND.tag, LinkChanged.KIND.tag)
        places = [n for n, event in enumerate(events) if event[KIND] in tags] or list(range(len(events)))
        n, what = rng.choice(places), rng.choice(("args", "length", "bytes", "moment", "lost", "doubled", "exchanged"))
        event = events[n]
        args, payload = event[ARGS] or b"", event[PAYLOAD] or b""
        at = rng.randrange(len(payload) + 1)
        if what == "args" and args:
            at = rng.randrange(len(args))
            event[ARGS] = args[:at] + bytes((rng.choice((0, 1, 2, 255)),)) + args[at + 1 :]
        elif what == "length":
            event[PAYLOAD] = rng.choice((payload[:at], payload + bytes(at), payload * 100)) or None
        elif what == "bytes" and payload:
            event[PAYLOAD] = payload[: at - 1] + bytes((payload[at - 1] ^ 1 << rng.randrange(8),)) + payload[at:]
        elif what == "moment":
            event[1] += rng.choice((-1, 1, 7, 40))
        elif what == "exchanged":
            other = events[rng.choice(places)]
            event[KIND:], other[KIND:] = other[KIND:], event[KIND:]
        else:
            events[n : n + 1] = [] if what == "lost" else [event, list(event)]
        by = {"lost": -1, "doubled": 1}.get(what, 0)
        _replace(db, events, [one + by * (one > n) for one in last])
        for table in ("batch", "checkpoint"):
            db.execute(f"UPDATE {table} SET last_event = last_event + ? WHERE last_event > ?", (by, n))
        fit(db)
    finally:
        db.close()
    return f"{what} of event {n + 1}"


def _replace(db: sqlite3.Connection, events: list[list[Any]], last: list[int]) -> None:
    """Other events, numbered anew, in batches that end with these."""
    db.execute("DELETE FROM event")
    if _is_packed(db):
        db.execute("DELETE FROM packet")
    for first, end in pairwise((0, *last)):
        rows = [(n, *event[1:]) for n, event in enumerate(events[first:end], first + 1)]
        packets: list[tuple[Any, ...]] = []
        if _is_packed(db):
            rows, packets = apart(rows)
            db.executemany("INSERT INTO packet VALUES (?, ?, ?)", packets)
        db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def fitted_state(rng: random.Random, path: Path) -> str:
    """Another state in a checkpoint: bytes of a part, the names of parts, or which page has which content."""
    db, one = _open(path), 0
    try:
        one = _rowid(db, rng, "checkpoint") if rng.random() < 0.5 else 1
        parts, pages = db.execute("SELECT parts, pages FROM checkpoint WHERE id = ?", (one,)).fetchone() or (b"", b"")
        if not parts:
            return "there is none"
        if rng.random() < 0.6:
            plain = bytearray(bytes(zstandard.ZstdDecompressor().decompress(parts)))
            for _ in range(rng.choice((1, 1, 20))):
                plain[rng.randrange(len(plain))] = rng.choice((0, 1, 255, rng.randrange(256)))
            parts = zstandard.compress(bytes(plain[: rng.choice((len(plain), len(plain), rng.randrange(len(plain))))]))
        elif pages:
            records: list[bytearray] = [bytearray(pages[at : at + 40]) for at in range(0, len(pages), 40)]
            odd = rng.choice(records)
            how = rng.choice(("page", "content", "lost"))
            if how == "page":
                numbers = (odd[0] + 1, 0xFFFFFFFF, 1 << 20, rng.randrange(1 << 16), 1 << 40, 7 << 40 | 5, (1 << 64) - 1)
                odd[:8] = rng.choice(numbers).to_bytes(8, "little")
            elif how == "content":
                odd[8:] = rng.choice((rng.choice(records)[8:], bytes(32)))
            else:
                records.remove(odd)
            kept = sorted((record[:8][::-1], bytes(record)) for record in records)
            pages = b"".join(record for _, record in kept)
        db.execute("UPDATE checkpoint SET parts = ?, pages = ? WHERE id = ?", (parts, pages, one))
        fit(db)
    finally:
        db.close()
    return f"checkpoint {one}"


def page_bomb(rng: random.Random, path: Path) -> str:
    """A pack, a checkpoint's parts, or console output that unpack to very much."""
    size = rng.choice((1 << 20, 1 << 28, 1 << 30))
    pieces = zstandard.ZstdCompressor(level=1).compressobj(size=size if rng.random() < 0.5 else -1)
    zeros = bytes(1 << 20)
    data = b"".join([*(pieces.compress(zeros) for _ in range(size >> 20)), pieces.flush()])
    db = _open(path)
    try:
        if rng.random() < 0.3:
            db.execute("UPDATE console SET text = ?, moments = ?, size = ?", (data, data, rng.choice((5, 65536, size))))
            fit(db)
        elif rng.random() < 0.5:
            hashes = rng.choice((bytes(32), bytes(2048), bytes(32 * (size // 4096))))
            one = _rowid(db, rng, "pack")
            db.execute("UPDATE pack SET data = ?, hashes = coalesce(?, hashes) WHERE id = ?",
                       (data, rng.choice((None, hashes)), one))  # fmt: skip
        else:
            one = _rowid(db, rng, "checkpoint")
            db.execute(f"UPDATE checkpoint SET {rng.choice(('parts', 'pages'))} = ? WHERE id = ?",
                       (rng.choice((data, bytes(1 << 27))), one))  # fmt: skip
            fit(db)
    finally:
        db.close()
    return f"{len(data)} bytes of {size}"


def fitted_content(rng: random.Random, path: Path) -> str:
    """Another firmware under a name that fits it."""
    db = _open(path)
    try:
        (data,) = db.execute("SELECT data FROM blob").fetchone()
        content = bytearray(zstandard.ZstdDecompressor().decompress(data))
        at = rng.randrange(len(content))
        content[at] ^= 1 << rng.randrange(8)
        old, new = (sha256(zstandard.ZstdDecompressor().decompress(data)).hexdigest(), sha256(content).hexdigest())
        db.execute("UPDATE blob SET hash = ?, size = ?, data = ?",
                   (bytes.fromhex(new), len(content), zstandard.compress(bytes(content))))  # fmt: skip
        db.execute("UPDATE meta SET value = replace(value, ?, ?)", (old, new))
        fit(db)
    finally:
        db.close()
    return f"bit in byte {at}"


MUTATIONS: tuple[Callable[[random.Random, Path], str], ...] = (
    bit, bit, bit, header, truncated, page, page, appended, second_log, foreign_log, row, row, row, value, value, value,
    schema, schema, configuration, fitted_configuration, fitted_configuration, fitted_value, fitted_value,
    fitted_content, fitted_state, fitted_state, fitted_network, fitted_network,
) * 10 + (bomb, page_bomb, page_bomb)  # fmt: skip
