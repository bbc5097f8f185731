"""Snapshots: named moments of a recording (`savevm`).

They are not part of the execution, so they are not part of the chain of batches: names can be added and removed long
after the recording was closed. Each row has its own hash, chained to the recording's beginning, so that a row that was
damaged, or that comes from another recording, is noticed.
"""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from playhead.base.errors import HostError, UsageError
from playhead.log import beside
from playhead.log.chain import link
from playhead.log.moment import Moment
from playhead.log.snapshot_names import MAX_NAME, MOST, check_name

if TYPE_CHECKING:
    from playhead.log.reader import Reader

COLUMNS = "name, icount, seq, virtual_ns, created, root"
INSERT = f"INSERT INTO snapshot ({COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"


class Snapshot(NamedTuple):
    """A named moment. `created` is a date in UTC, `root` the machine's digest at that moment, before anything happens
    there.
    """

    name: str
    moment: Moment
    virtual_ns: int
    created: str
    root: bytes


def row_of(snapshot: Snapshot, genesis: bytes) -> tuple:
    """The columns, with the hash."""
    row = (snapshot.name, *snapshot.moment, *snapshot[2:])
    return (*row, link(genesis, "snapshot", [row]))


def names(reader: Reader) -> list[Snapshot]:
    """All snapshots, in the order of their moments, each verified."""
    sql = f"SELECT {COLUMNS}, hash FROM snapshot ORDER BY icount, seq, id"
    rows = reader.container.rows(sql, str, int, int, int, str, bytes, bytes, limit=MOST)
    out = []
    for row in rows:
        if len(row[0]) > MAX_NAME or link(reader.genesis, "snapshot", [row[:6]]) != row[6]:
            raise reader.container.damaged(f"snapshot {row[0][:MAX_NAME]!r} is not what its hash says")
        out.append(Snapshot(row[0], Moment(*row[1:3]), *row[3:6]))
    return out


def add(path: str, snapshot: Snapshot, genesis: bytes = b"") -> None:
    """Give a name to a moment of a finished recording. A name that exists moves. `genesis`: that of the recording whose
    moment it is; the file may have been replaced by another recording meanwhile.
    """
    from playhead.log.reader import Reader  # here: a recorder, which needs the rest of this file, reads nothing

    check_name(snapshot.name)
    with Reader(path) as reader:
        _check_same(reader, genesis)
        row, there = row_of(snapshot, reader.genesis), names(reader)
    if len([s for s in there if s.name != snapshot.name]) >= MOST:
        raise UsageError(f"{path} has {len(there)} snapshots, which is the most")
    _change(path, [("DELETE FROM snapshot WHERE name = ?", (snapshot.name,)), (INSERT, row)])


def _check_same(reader: Reader, genesis: bytes) -> None:
    if genesis and reader.genesis != genesis:
        raise HostError(f"cannot change {reader.path}: it is another recording than the one that was opened")


def remove(path: str, name: str, genesis: bytes = b"") -> None:
    """Take a name away; `genesis` as for `add`."""
    from playhead.log.reader import Reader

    with Reader(path) as reader:
        _check_same(reader, genesis)
        there = [s.name for s in names(reader)]
    if name not in there:
        raise UsageError(f"{path} has no snapshot {name!r}; it has {', '.join(map(repr, there)) or 'none'}")
    _change(path, [("DELETE FROM snapshot WHERE name = ?", (name,))])


def _change(path: str, statements: list[tuple[str, tuple]]) -> None:
    """One transaction on a file that no other process is writing."""
    if not (os.access(path, os.W_OK) and os.access(os.path.dirname(os.path.realpath(path)), os.W_OK)):
        raise HostError(f"cannot change {path}: it, or its folder, is read-only")
    real = os.path.realpath(path)
    fd = os.open(real, os.O_RDONLY | os.O_CLOEXEC)  # open as long as SQLite has locks: see `Container`
    try:
        with beside.alone(fd):
            if os.pread(fd, 1, 18) == b"\2":  # `Reader` folds a log that was left: this one is in use
                raise HostError(f"cannot change {path}: it is being written, or being read after it was cut off")
            beside.clear(real, fd, beside.look(real, fd))
            _execute(real, statements)
    except (OSError, sqlite3.Error) as e:
        raise HostError(f"cannot change {path}: {e}") from None
    finally:
        os.close(fd)


def _execute(path: str, statements: list[tuple[str, tuple]]) -> None:
    db = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        db.execute("BEGIN IMMEDIATE")
        for sql, values in statements:
            db.execute(sql, values)
        db.execute("COMMIT")
    finally:
        db.close()
