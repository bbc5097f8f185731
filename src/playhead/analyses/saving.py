"""Rows of an analysis as files that other programs read: JSON, SQLite, Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from playhead.base.errors import HostError, UsageError

Column = Sequence[Any]
Tables = Mapping[str, Mapping[str, Column]]  # table -> column -> values
PARQUET = "--parquet needs pyarrow: pip install 'playhead[parquet]'"


class Record(Protocol):
    """A row of any kind."""

    def as_dict(self) -> dict[str, Any]: ...


def columns(rows: Iterable[Record], names: Iterable[str] = ()) -> dict[str, list[Any]]:
    """Rows as columns of plain values. `names`: of columns that are there without any row, too."""
    out: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        for name, value in row.as_dict().items():
            out.setdefault(name, []).append(value)
    return out


def write_json(path: str, value: Any) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, separators=(",", ":"))
        file.write("\n")


def write_sqlite(path: str, tables: Tables) -> None:
    """A new SQLite file. Numbers of 64 bits that SQLite cannot hold become text."""
    import sqlite3

    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("BEGIN")
        for name, data in tables.items():
            names = ", ".join(f'"{column}"' for column in data)
            db.execute(f'CREATE TABLE "{name}" ({names})')
            marks = ", ".join("?" * len(data))
            rows = zip(*(map(_plain, column) for column in data.values()), strict=True)
            db.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
        db.execute("COMMIT")
    except sqlite3.Error as e:
        raise HostError(f"cannot write {path}: {e}") from None
    finally:
        db.close()


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):  # numpy's
        value = value.item()
    if isinstance(value, (list, dict)):
        return json.dumps(value)
    return str(value) if isinstance(value, int) and value >= 1 << 63 else value


def parquet() -> Any:
    """pyarrow's module. Raises UsageError if it is not there."""
    try:
        import pyarrow.parquet
    except ImportError:
        raise UsageError(PARQUET) from None
    return pyarrow.parquet


def write_rows(rows: Iterable[Record], name: str, names: Iterable[str], path: str, kind: str) -> None:
    """Rows as one table, which SQLite knows by `name`. `kind`: sqlite or parquet."""
    data = columns(rows, names)
    if kind == "sqlite":
        write_sqlite(path, {name: data})
    else:
        write_parquet(path, data)


def write_parquet(path: str, data: Mapping[str, Column]) -> None:
    """One table."""
    module = parquet()
    import pyarrow

    module.write_table(pyarrow.table(dict(data)), path)
