"""The SQL views of events show what a reader of the recording decodes."""

import re
import sqlite3

import pytest
from event_values import any_record
from hypothesis import given

from playhead.base.record import Blob
from playhead.log import views
from playhead.log.event_fields import Choice
from playhead.log.events import KINDS, NetPacket, fields_of, to_row
from playhead.log.schema import SCHEMA

OURS = [kind for kind in KINDS.values() if kind.how != "foreign"]


@pytest.fixture(scope="module")
def db():
    made = sqlite3.connect(":memory:")
    made.executescript(SCHEMA)
    made.executescript(views.script())
    made.row_factory, made.text_factory = sqlite3.Row, bytes
    return made


def seen(db, kind, event) -> dict:
    tag, args, payload = to_row(event)
    db.execute("DELETE FROM event")
    db.execute("INSERT INTO event VALUES (7, 100, 2, ?, 0, ?, ?)", (tag, args, payload))
    (row,) = db.execute(f"SELECT * FROM event_{kind.name.lower()}")
    return dict(row)


def wanted(kind, event) -> dict:
    """Each argument as the views should show it."""
    out: dict = {}
    for name, value in fields_of(event):
        field = kind.cls.FIELDS.get(name)
        if name == kind.payload:
            if kind.cls is NetPacket:
                continue  # not in reach of SQL
            value = bytes(getattr(event, name))
        elif isinstance(value, str) and re.fullmatch(r"-?\d+", value) and not isinstance(field, Blob):
            value = (int(value) + (1 << 63)) % (1 << 64) - (1 << 63)  # SQLite's integers have a sign
        elif isinstance(value, str):
            value = value.encode()
        out["argument_" * (name in views.OWN) + name] = value
    return out


@pytest.mark.parametrize("kind", OURS, ids=lambda k: k.name)
def test_a_view_is_what_a_reader_decodes(kind, db):
    @given(any_record(kind.cls))
    def check(event):
        row, arguments = seen(db, kind, event), wanted(kind, event)
        assert (row.pop("id"), row.pop("icount"), row.pop("seq"), row.pop("cpu")) == (7, 100, 2, 0)
        known = {name: value for name, value in row.items() if value is not None}
        if any(isinstance(f, Choice) for f in kind.cls.FIELDS.values()):
            arguments = {name: value for name, value in arguments.items() if name in row}
        assert known == {name: value for name, value in arguments.items() if value is not None}

    check()


def test_no_view_is_missing(db):
    names = {name.decode() for (name,) in db.execute("SELECT name FROM sqlite_temp_master WHERE type = 'view'")}
    assert names == {f"event_{kind.name.lower()}" for kind in OURS} and len(names) > 12
