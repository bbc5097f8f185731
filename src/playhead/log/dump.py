"""Shows the events of a recording or of QEMU's log: as text, one line each, in the field's names; as JSON lines."""

from collections.abc import Iterable, Iterator

from playhead.base import json_text
from playhead.log.event_fields import shown
from playhead.log.events import CheckpointPassed, Entry, fields_of, text_of


def text_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """The moment, then `12:CLOCK_HOST ns=...`. A moment is instructions, and `+n` where more happened between two of
    them.
    """
    for entry in entries:
        more = f" cpu={entry.cpu}" if entry.cpu else ""
        if entry.checkpoint is not None:
            more += f" checkpoint={_checkpoint(entry.checkpoint)}"
        yield f"{entry.moment!s:>14}  {entry.id}:{text_of(entry.event)}{more}"


def json_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """One object per event: id, icount, seq, cpu, kind, and its arguments by name in `args`."""
    for entry in entries:
        moment = entry.moment
        row = {"id": entry.id, "icount": moment.icount, "seq": moment.seq, "cpu": entry.cpu, "kind": entry.kind.name}
        if entry.checkpoint is not None:
            row["checkpoint"] = _checkpoint(entry.checkpoint)
        yield json_text.dumps({**row, "args": dict(fields_of(entry.event))})


def _checkpoint(number: int) -> str:
    return str(shown(CheckpointPassed.FIELDS["id"], number))
