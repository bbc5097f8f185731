"""Rows of answers: small records, and tables of them that are made as they are read.

A `Table` asks its query for as many rows as somebody looks at. It keeps them, so it can be read again; in a notebook it
shows its beginning. `table.as_dicts()` is what pandas, a CSV writer or JSON take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields
from html import escape
from typing import Any, ClassVar, Generic, TypeVar, overload

from playhead.log.moment import Moment

SHOWN = 20  # rows that a notebook shows
LONGEST = 32  # bytes of a value that are shown


class Row:
    """What rows have in common; each kind is a frozen dataclass. `HEX`: columns that are shown in hexadecimal."""

    HEX: ClassVar[frozenset[str]] = frozenset(("address", "ip", "caller", "stack", "value", "result", "start"))
    HIDDEN: ClassVar[frozenset[str]] = frozenset(("machine",))

    def _columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in self.HIDDEN}  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, Any]:
        """Plain values: a moment as `icount` and `seq`, bytes in hexadecimal, rows in rows as dictionaries."""
        plain: dict[str, Any] = {}
        for name, value in self._columns().items():
            if isinstance(value, Moment):
                prefix = "" if name == "moment" else f"{name}_"
                plain[f"{prefix}icount"], plain[f"{prefix}seq"] = value
            else:
                plain[name] = _plain(value)
        return plain

    def _cells(self) -> dict[str, str]:
        """What people are shown, by column."""
        return {name: self._shown(name, value) for name, value in self._columns().items()}

    def _shown(self, name: str, value: Any) -> str:
        if value is None:
            return ""
        if isinstance(value, (bytes, bytearray)):
            return value[:LONGEST].hex(" ") + (" ..." if len(value) > LONGEST else "")
        if isinstance(value, Moment) or type(value) is bool:
            return str(value)
        if isinstance(value, int) and name in self.HEX:
            return f"{value:#010x}"
        if isinstance(value, int) and name.endswith("_ns"):
            return f"{value / 1e9:.9f} s"
        if isinstance(value, Row):
            return " ".join(filter(None, value._cells().values()))
        if isinstance(value, tuple):
            return ", ".join(self._shown(name, one) for one in value)
        return str(value)

    def _repr_html_(self) -> str:
        return html_table([self])


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, Row):
        return value.as_dict()
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


R = TypeVar("R", bound=Row)


class Table(Sequence[R], Generic[R]):
    """Rows of one kind, in order. Reading it runs its query as far as needed, so the first rows come early; `len()` and
    whatever else needs all rows run it to its end.
    """

    def __init__(self, rows: Iterable[R], title: str = ""):
        self._rest: Iterator[R] | None = iter(rows)
        self._rows: list[R] = []
        self.title = title

    def _upto(self, count: int | None) -> None:
        """Have so many rows, or all (None), or as many as there are."""
        while self._rest is not None and (count is None or len(self._rows) < count):
            row = next(self._rest, None)
            if row is None:
                self._rest = None
            else:
                self._rows.append(row)

    @property
    def complete(self) -> bool:
        """Whether the query is known to have no more rows than those that were read."""
        return self._rest is None

    def __iter__(self) -> Iterator[R]:
        n = 0
        while True:
            self._upto(n + 1)
            if n >= len(self._rows):
                return
            yield self._rows[n]
            n += 1

    @overload
    def __getitem__(self, n: int) -> R: ...
    @overload
    def __getitem__(self, n: slice) -> list[R]: ...
    def __getitem__(self, n: int | slice) -> R | list[R]:
        if isinstance(n, int):
            self._upto(n + 1 if n >= 0 else None)
            return self._rows[n]
        stop = n.stop
        forwards = (n.step is None or n.step > 0) and (n.start is None or n.start >= 0)
        self._upto(stop if forwards and stop is not None and stop >= 0 else None)
        return self._rows[n]

    def __len__(self) -> int:
        self._upto(None)
        return len(self._rows)

    def __bool__(self) -> bool:
        self._upto(1)
        return bool(self._rows)

    def first(self) -> R | None:
        """The first row, or None."""
        return next(iter(self), None)

    def where(self, holds: Callable[[R], bool]) -> Table[R]:
        """The rows for which a function says so, as lazily."""
        return Table((row for row in self if holds(row)), self.title)

    def as_dicts(self) -> list[dict[str, Any]]:
        """All rows as plain values: `pandas.DataFrame(table.as_dicts())`."""
        return [row.as_dict() for row in self]

    def __repr__(self) -> str:
        count = f"{len(self._rows)} rows" if self.complete else f"{len(self._rows)} rows so far"
        return f"<Table {self.title}: {count}>" if self.title else f"<Table: {count}>"

    def __str__(self) -> str:
        self._upto(SHOWN + 1)
        return text_table(self._rows[:SHOWN], self._more())

    def _repr_html_(self) -> str:
        self._upto(SHOWN + 1)
        title = f"<caption>{escape(self.title)}</caption>" if self.title else ""
        return html_table(self._rows[:SHOWN], title, self._more())

    def _more(self) -> str:
        if len(self._rows) <= SHOWN:
            return "" if self._rows else "no rows"
        return f"... {len(self._rows) - SHOWN} more" if self.complete else "... and more"


def html_table(rows: Sequence[Row], title: str = "", more: str = "") -> str:
    """As notebooks show them."""
    cells = [row._cells() for row in rows]
    names = list(cells[0]) if cells else []
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row.values()) + "</tr>" for row in cells)
    foot = f"<p>{escape(more)}</p>" if more else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{foot}"


def text_table(rows: Sequence[Row], more: str = "") -> str:
    """The same for terminals."""
    cells = [row._cells() for row in rows]
    lines = [list(cells[0])] if cells else []
    lines += [list(row.values()) for row in cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ["  ".join(f"{text:<{n}}" for text, n in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*shown, *([more] if more else [])])
