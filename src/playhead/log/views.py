"""SQL that shows a recording's events with their arguments decoded: one view for each kind, made from the declarations.

The views are not part of a recording, which must not change when the declaration of an event does: they are temporary
views of the connection that asks for them. Arguments are stored one after another, little-endian (`base.record`);
SQLite has no function that reads numbers from a blob, so each byte is looked up in its hexadecimal form.
"""

from collections.abc import Iterator

from playhead.base.record import I32, I64, U8, U16, U32, U64, Blob, Bool, Field
from playhead.log.event_fields import Choice, HostTime, Named8, Named32, Text, Vector
from playhead.log.events import KINDS, Kind, NetPacket

PREFIX = "event_"
OWN = ("id", "icount", "seq", "cpu")  # columns of every event
SIZES = {U8: 1, Bool: 1, U16: 2, Vector: 2, U32: 4, I32: 4, U64: 8, I64: 8, HostTime: 8}


def script() -> str:
    """For `sqlite3 -init FILE` or `executescript`."""
    views = [_view(kind) for tag, kind in sorted(KINDS.items()) if kind.how != "foreign"]
    return "-- Made by `playhead log sql`: temporary views of the events of a recording.\n" + "\n".join(views)


def _view(kind: Kind) -> str:
    columns = [f"{expression} AS {'argument_' * (name in OWN)}{name}" for name, expression in _columns(kind)]
    listed = ",\n         ".join([*OWN, *columns])
    return (f"CREATE TEMP VIEW {PREFIX}{kind.name.lower()} AS\n"
            f"  SELECT {listed}\n"
            f"  FROM (SELECT *, hex(args) AS digits FROM event WHERE kind = {kind.tag});")  # fmt: skip


def _columns(kind: Kind) -> Iterator[tuple[str, str]]:
    at = "0"
    for name, field in kind.arguments().items():
        if isinstance(field, Choice):
            yield from _choice(name, field, at)
            return  # nothing is declared after one
        expression, at = _decoded(field, at)
        yield name, expression
    if kind.payload is not None and kind.cls is not NetPacket:  # of which many are compressed together
        text = isinstance(kind.cls.FIELDS[kind.payload], Text)
        yield kind.payload, "CAST(coalesce(payload, '') AS TEXT)" if text else "coalesce(payload, x'')"


def _choice(name: str, field: Choice, at: str) -> Iterator[tuple[str, str]]:
    """Which one it is, and the fields of all of them: NULL where another one was chosen."""
    which = _unsigned(at, 1)
    names = " ".join(f"WHEN {n} THEN {_quoted(v.name)}" for n, v in enumerate(field.variants))
    yield name, f"CASE {which} {names} END"
    parts: dict[str, list[str]] = {}
    for n, variant in enumerate(field.variants):
        place = _plus(at, "1")
        for part, inner in variant.cls.FIELDS.items():
            expression, place = _decoded(inner, place)
            parts.setdefault(part, []).append(f"WHEN {n} THEN {expression}")
    for part, cases in parts.items():
        yield part, f"CASE {which} {' '.join(cases)} END"


def _decoded(field: Field, at: str) -> tuple[str, str]:
    """The value of a field that begins at a byte (both are SQL), and where the next one begins."""
    if isinstance(field, Blob):
        length, start = (str(field.length), at) if field.length is not None else (_unsigned(at, 4), _plus(at, "4"))
        return f"lower(substr(digits, 2 * ({start}) + 1, 2 * {length}))", _plus(start, length)
    size = next((size for cls, size in SIZES.items() if isinstance(field, cls)), 0)
    if not size:  # a list: the rest, as it is
        return f"lower(substr(digits, 2 * ({at}) + 1))", at
    value = _unsigned(at, size)
    if isinstance(field, I32):
        value = f"({value} << 32 >> 32)"
    elif isinstance(field, (HostTime, Vector)):
        value = f"nullif({value}, {field.UNKNOWN})"
    elif isinstance(field, (Named8, Named32)):
        words = dict(enumerate(field.names)) | dict(getattr(field, "more", {}))
        cases = " ".join(f"WHEN {n} THEN {_quoted(word)}" for n, word in words.items())
        value = f"CASE {value} {cases} ELSE {_quoted(field.what + '-')} || {value} END"
    return value, _plus(at, str(size))


def _unsigned(at: str, size: int) -> str:
    """Digit by digit; of each byte the upper one comes first."""
    places = ((_plus(f"2 * ({at})", str(n + 1)), 4 * (n ^ 1)) for n in range(2 * size))
    digits = (f"(instr('0123456789ABCDEF', substr(digits, {place}, 1)) - 1 << {shift})" for place, shift in places)
    return f"({' | '.join(digits)})"


def _plus(a: str, b: str) -> str:
    return str(int(a) + int(b)) if a.isdigit() and b.isdigit() else f"{a} + {b}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
