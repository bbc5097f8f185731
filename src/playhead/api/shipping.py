"""A recording in pieces that go to another machine: all but the contents of pages first, then packs of pages by number.

What arrives is trusted no more than any other file: the first piece is a recording whose hash chain is checked as ever,
and a page is compared with its SHA-256 when it is used.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import zstandard

from playhead.api.recording import Recording

RECORDING = -1  # the number of what is not a pack
PIECE = 4 << 20  # bytes that are sent at a time
LEVEL = 3
ORDER = {"table": 0, "index": 1, "view": 2, "trigger": 3}


class Piece(NamedTuple):
    """A piece of an item: a pack by its number, or RECORDING; the `part`-th of so many."""

    item: int
    part: int
    parts: int
    data: bytes


class Shipment:
    """What of a recording can be sent."""

    def __init__(self, rec: Recording):
        self._rec = rec

    def pieces(self, items: Iterable[int]) -> Iterator[list[Piece]]:
        """All of some items, in portions."""
        portion: list[Piece] = []
        size = 0
        for piece in self._each(items):
            if portion and size + len(piece.data) > PIECE:
                yield portion
                portion, size = [], 0
            portion.append(piece)
            size += len(piece.data)
        if portion:
            yield portion

    def _each(self, items: Iterable[int]) -> Iterator[Piece]:
        for item in items:
            if item == RECORDING:
                count = -(-len(self._without_pages) // PIECE)
                for n in range(count):
                    yield Piece(item, n, count, self._without_pages[n * PIECE : (n + 1) * PIECE])
            else:
                yield Piece(item, 0, 1, self._rec.reader.pack(item))

    @cached_property
    def _without_pages(self) -> bytes:
        with tempfile.TemporaryDirectory(prefix="playhead-") as folder:
            path = os.path.join(folder, "recording")
            self._copy(path)
            with open(path, "rb") as file:
                return zstandard.ZstdCompressor(level=LEVEL).compress(file.read())

    def _copy(self, path: str) -> None:
        container = self._rec.reader.container
        db = sqlite3.connect(path, isolation_level=None)
        try:
            for pragma in ("application_id", "user_version", "page_size"):
                ((value,),) = container.rows(f"PRAGMA {pragma}", int)
                db.execute(f"PRAGMA {pragma} = {value}")
            db.execute("BEGIN")
            objects = container.objects().items()
            for (kind, name, _), sql in sorted(objects, key=lambda one: ORDER[one[0][0]]):
                if sql is None or name.startswith("sqlite_"):
                    continue
                db.execute(sql)
                if kind == "table":
                    self._copy_rows(db, name)
            db.execute("COMMIT")
        finally:
            db.close()

    def _copy_rows(self, db: sqlite3.Connection, table: str) -> None:
        columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
        chosen = ["x''" if (table, name) == ("pack", "data") else f'"{name}"' for name in columns]
        types: list[Any] = [object] * len(columns)
        rows = self._rec.reader.container.rows(f'SELECT {", ".join(chosen)} FROM "{table}"', *types)
        db.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(columns))})', rows)
