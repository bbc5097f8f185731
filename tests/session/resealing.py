"""Recordings that were changed by somebody who knows their hash chain: rows are edited, and the chain is made anew."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import planted
import pytest
import zstandard

from playhead.cli.recorded_machine import builder
from playhead.host.host import Host
from playhead.log.chain import BEGINNING, Mark, link_batch
from playhead.log.console import LEVEL
from playhead.log.digests import ROOT
from playhead.log.packets import together
from playhead.log.pages import HASH, RECORD, Packer, pack_parts, unpack_parts
from playhead.log.reader import MARK, Reader
from playhead.machine.machine import Machine
from playhead.session.replay import ReplayOptions, ReplaySession
from tests.shared import once

Edit = Callable[[sqlite3.Connection], None]


def resealed(source: Path, path: Path, *edits: Edit) -> Path:
    """A copy of a recording, edited."""
    path.write_bytes(source.read_bytes())
    db = sqlite3.connect(path)
    for edit in edits:
        edit(db)
    db.commit()
    with Reader(str(path)) as reader:
        hash, before, new = reader.beginning, BEGINNING, []
        for row in db.execute(f"SELECT id, {MARK} FROM batch WHERE id <> 0 ORDER BY id"):
            mark = Mark(*row[1:])
            hash = link_batch(hash, *_rows(reader, before, mark), mark)
            new.append((hash, row[0]))
            before = mark
    db.executemany("UPDATE batch SET hash = ? WHERE id = ?", new)
    db.commit()
    db.close()
    return path


def _rows(reader: Reader, before: Mark, mark: Mark) -> tuple[list[tuple], ...]:
    def rows(table: str, columns: str, first: int, last: int) -> list[tuple]:
        sql = f"SELECT {columns} FROM {table} WHERE id > {first} AND id <= {last} ORDER BY id"
        return list(reader.container._db.execute(sql))

    events = rows("event", "id, icount, seq, kind, cpu, args, payload", before.last_event, mark.last_event)
    if reader.packed:
        packets = rows("packet", "id, count, data", before.last_event, mark.last_event)
        events = together(events, packets, reader.container.damaged)
    digests = rows("digest", "id, icount, count, roots, checks", before.last_digest, mark.last_digest)
    kept = reader._checkpoints.rows(before.last_checkpoint, mark.last_checkpoint)
    contents = reader._contents.rows(before.last_content, mark.last_content)
    return events, digests, kept, contents, reader.console.rows(before.last_console, mark.last_console)


def digest(icount: int) -> Edit:
    """Another digest at this instruction."""

    def edit(db: sqlite3.Connection) -> None:
        period = int(db.execute("SELECT value FROM meta WHERE key = 'digest_period'").fetchone()[0])
        for id, first, count, roots in list(db.execute("SELECT id, icount, count, roots FROM digest")):
            n, rest = divmod(icount - first, period)
            if 0 <= n < count and not rest:
                changed = bytearray(roots)
                changed[n * ROOT] ^= 1
                db.execute("UPDATE digest SET roots = ? WHERE id = ?", (bytes(changed), id))
                return
        raise AssertionError(f"no digest of {icount}")

    return edit


def moved(kind: int, n: int, by: int) -> Edit:
    """The n-th event of a kind happens so many instructions later."""

    def edit(db: sqlite3.Connection) -> None:
        id = list(db.execute("SELECT id FROM event WHERE kind = ? ORDER BY id", (kind,)))[n][0]
        db.execute("UPDATE event SET icount = icount + ? WHERE id = ?", (by, id))

    return edit


def printed(at: int) -> Edit:
    """Another byte at this place of the first port's output in the index."""

    def edit(db: sqlite3.Connection) -> None:
        sql = "SELECT id, position, text FROM console WHERE port = 0 AND position <= ? ORDER BY id DESC LIMIT 1"
        id, position, data = db.execute(sql, (at,)).fetchone()
        text = bytearray(zstandard.ZstdDecompressor().decompress(data))
        text[at - position] ^= 1
        packed = zstandard.ZstdCompressor(level=LEVEL).compress(bytes(text))
        db.execute("UPDATE console SET text = ? WHERE id = ?", (packed, id))

    return edit


def state(icount: int, part: str = "cpu", byte: int = 8) -> Edit:
    """Another state of a part in the checkpoint of this instruction."""

    def edit(db: sqlite3.Connection) -> None:
        id, data = db.execute("SELECT id, parts FROM checkpoint WHERE icount = ?", (icount,)).fetchone()
        parts = unpack_parts(data)
        parts[part] = bytes(b ^ (n == byte) for n, b in enumerate(parts[part]))
        db.execute("UPDATE checkpoint SET parts = ? WHERE id = ?", (pack_parts(parts), id))

    return edit


def memory(icount: int) -> Edit:
    """The first two pages of a checkpoint have the content of each other."""

    def edit(db: sqlite3.Connection) -> None:
        id, data = db.execute("SELECT id, pages FROM checkpoint WHERE icount = ?", (icount,)).fetchone()
        (a, one), (b, other) = RECORD.unpack_from(data), RECORD.unpack_from(data, RECORD.size)
        assert one != other and len(one) == HASH
        changed = RECORD.pack(a, other) + RECORD.pack(b, one) + data[2 * RECORD.size :]
        db.execute("UPDATE checkpoint SET pages = ? WHERE id = ?", (changed, id))

    return edit


def without_checkpoints(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM checkpoint")
    db.execute("UPDATE batch SET last_checkpoint = 0")


class Dense(ReplaySession):
    """A replay that takes a checkpoint behind each digest. `kept`: moment, virtual time, last event, parts, pages."""

    def _begin(self) -> None:
        super()._begin()
        self.kept: list[tuple] = []
        assert isinstance(self.machine, Machine)
        self.machine.take_checkpoint()  # what a machine is made with, or a part begins with, is in the recording

    def _compare(self) -> None:
        super()._compare()
        m = self.machine
        if m.icount > self._first and (taken := m.take_checkpoint()) is not None:
            self.kept.append((m.icount, m.seq, m.now_ns(), self._script.last_event, *taken))


def dense(source: Path, path: Path) -> Path:
    """A copy of a recording with a checkpoint behind each digest."""
    with Reader(str(source)) as reader:
        build, serial = builder(reader)
        session = Dense(build, Host(["null"] * len(serial), reads=False), reader, ReplayOptions(progress=False))
        session.run()
    packer = Packer()

    def edit(db: sqlite3.Connection) -> None:
        columns = "icount, seq, virtual_ns, last_event, parts, pages"
        rows = list(db.execute(f"SELECT {columns} FROM checkpoint ORDER BY id"))
        for *place, parts, pages in session.kept:
            packed = packer.pack(pages)
            rows.append((*place, pack_parts(parts), packed.records))
            db.executemany("INSERT INTO pack (hashes, data) VALUES (?, ?)", packed.packs)
        rows.sort(key=lambda row: (row[0], row[1], row[3]))
        rows = [row for n, row in enumerate(rows) if not n or row[:2] + row[3:4] != rows[n - 1][:2] + rows[n - 1][3:4]]
        db.execute("DELETE FROM checkpoint")
        db.executemany(f"INSERT INTO checkpoint (id, {columns}) VALUES (?, ?, ?, ?, ?, ?, ?)",
                       [(n, *row) for n, row in enumerate(rows, 1)])  # fmt: skip
        for id, *moment in list(db.execute("SELECT id, icount, seq FROM batch WHERE id <> 0")):
            last = sum(list(row[:2]) <= moment for row in rows)
            db.execute("UPDATE batch SET last_checkpoint = ? WHERE id = ?", (last, id))

    return resealed(source, path, edit)


def dense_demo(factory: pytest.TempPathFactory) -> Path:
    """`planted.shared` with a checkpoint behind each digest, made once a run. It is only read."""

    def make(path: Path) -> None:
        dense(planted.shared(factory), path)

    return once(factory, "dense-demo.ph", make)
