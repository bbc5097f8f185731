"""Shows the events of a recording: as text, one line each, in the field's names; as JSON lines; or counted."""

import json
from collections.abc import Iterable, Iterator

from playhead.log.events import KINDS, Entry, fields_of, text_of


def text_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """`12:CLOCK_HOST ns=...` with the moment in front: instructions, then `+n` where more happened between two of
    them.
    """
    for entry in entries:
        cpu = f" cpu={entry.cpu}" if entry.cpu else ""
        yield f"{entry.moment!s:>14}  {entry.id}:{text_of(entry.event)}{cpu}"


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One object per event: id, icount, seq, cpu, kind, and its arguments by name."""
    for entry in entries:
        place = {"id": entry.id, "icount": entry.moment.icount, "seq": entry.moment.seq, "cpu": entry.cpu}
        yield json.dumps({**place, "kind": entry.kind.name, **dict(fields_of(entry.event))})


def stats_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """How many events of each kind, with their payload bytes and where they begin and end."""
    rows: dict[int, list[int]] = {}
    for entry in entries:
        kind = entry.kind
        size = len(getattr(entry.event, kind.payload)) if kind.payload else 0
        row = rows.setdefault(kind.tag, [0, 0, entry.moment.icount, 0])
        row[0] += 1
        row[1] += size
        row[3] = entry.moment.icount
    yield f"{'kind':<20}{'events':>10}{'payload':>10}  {'first':>14}  {'last':>14}"
    for tag in sorted(rows):
        count, size, first, last = rows[tag]
        yield f"{KINDS[tag].name:<20}{count:>10}{size:>10}  {first:>14}  {last:>14}"
    yield f"{'total':<20}{sum(r[0] for r in rows.values()):>10}{sum(r[1] for r in rows.values()):>10}"
