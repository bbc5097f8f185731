"""The file alone, at every instant of its writing; what `verify` finds; readers while it is written."""

import os
import random
import shutil
import sqlite3
import struct

import pytest
from test_recording import META, batch, begun

from playhead.base.errors import FormatError, HostError
from playhead.cli import main
from playhead.log import wal_copy
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer

PAGE = wal_copy.PAGE


def alone(path, folder):
    """What is in the file by itself, copied to an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copyfile(path, folder / "r.ph")
    with Reader(str(folder / "r.ph")) as reader:
        assert not verify(reader).faults
        found = len(reader.marks())
    assert os.listdir(folder) == ["r.ph"]
    return found


def test_every_batch_is_in_the_file_itself_at_once(tmp_path):
    path = tmp_path / "r.ph"
    writer = begun(path)
    for n in range(40):
        batch(writer, n)
        assert alone(path, tmp_path / "alone") == n + 1
    writer.close()
    assert alone(path, tmp_path / "alone") == 40 and sorted(os.listdir(tmp_path)) == ["alone", "r.ph"]


def test_the_file_alone_is_whole_at_every_step_of_a_fold(tmp_path):
    """A fold writes page after page in place. Whichever was the last: the copy of the log makes up for the rest."""
    path, cut = tmp_path / "r.ph", tmp_path / "cut.ph"
    writer = begun(path)
    writer._fold_at = 1 << 40
    for n in range(150):
        batch(writer, n)
    before = path.read_bytes()
    writer._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    after = path.read_bytes()
    writer.close()
    pages = [at for at in range(0, len(after), PAGE) if after[at : at + PAGE] != before[at : at + PAGE]]
    assert len(pages) > 5 and len(after) < len(before)
    for done in range(len(pages) + 1):
        data = bytearray(before)
        for at in pages[:done]:
            data[at : at + PAGE] = after[at : at + PAGE]
        cut.write_bytes(data)
        assert alone(cut, tmp_path / "alone") == 150, done


def test_a_copy_that_is_cut_holds_what_came_before(tmp_path):
    """A kill in the middle of writing the copy."""
    path, cut = tmp_path / "r.ph", tmp_path / "cut.ph"
    writer = begun(path)
    for n in range(12):
        batch(writer, n)
    data = path.read_bytes()
    at = wal_copy.find(str(path))
    writer.close()
    found = []
    for size in range(at, len(data), 3000):
        cut.write_bytes(data[:size])
        found.append(alone(cut, tmp_path / "alone"))
    assert found == sorted(found) and found[0] == 0 and found[-1] >= 11


def test_a_reader_that_stays_holds_nothing_up(tmp_path):
    """An open read transaction keeps the log from being folded in; the file alone is whole anyway."""
    path = tmp_path / "r.ph"
    writer = begun(path)
    batch(writer, 0)
    other = sqlite3.connect(path)
    other.execute("BEGIN")
    assert other.execute("SELECT count(*) FROM batch").fetchone() == (2,)
    for n in range(1, 200):
        batch(writer, n)
    assert other.execute("SELECT count(*) FROM batch").fetchone() == (2,)
    assert alone(path, tmp_path / "alone") == 200
    other.close()
    for n in range(200, 300):
        batch(writer, n)
        if n % 20 == 0:
            assert alone(path, tmp_path / "alone") == n + 1
    writer.close()
    assert alone(path, tmp_path / "alone") == 300 and path.stat().st_size < 250_000


def test_large_content_in_the_middle(tmp_path):
    path = tmp_path / "r.ph"
    writer = begun(path)
    for n in range(6):
        writer.put_blob(random.Random(n).randbytes(700_000))
        batch(writer, n)
        assert alone(path, tmp_path / "alone") == n + 1
    writer.close()
    assert alone(path, tmp_path / "alone") == 6


def test_a_cut_off_file_in_a_read_only_place_is_read_from_a_copy(tmp_path, monkeypatch):
    path = tmp_path / "r.ph"
    writer = begun(path)
    for n in range(5):
        batch(writer, n)
    place = tmp_path / "alone"
    place.mkdir()
    shutil.copyfile(path, place / "r.ph")
    writer.close()
    monkeypatch.setattr("os.access", lambda *a: False)
    with Reader(str(place / "r.ph")) as reader:
        assert len(list(reader.batches())) == 5
    assert os.listdir(place) == ["r.ph"]


def test_there_is_no_half_a_beginning(tmp_path):
    path = tmp_path / "r.ph"
    begun(path).close()
    old = path.read_bytes()
    writer = Writer(str(path), force=True)
    with pytest.raises(TypeError):
        writer.begin(META, [b"kernel", None])
    writer.close()
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["r.ph"]


# -- verify


@pytest.fixture
def made(tmp_path):
    path = tmp_path / "r.ph"
    with begun(path) as writer:
        for n in range(6):
            batch(writer, n, end=n == 5)
    return path


@pytest.mark.parametrize("sql, where", [
    ("UPDATE event SET icount = icount + 1 WHERE id = 3", "batch 2: batch 2 is not"),
    ("UPDATE event SET payload = 'text' WHERE id = 4", "batch 2: a str in place"),
    ("UPDATE digest SET roots = zeroblob(16) WHERE id = 3", "batch 3: batch 3 is not what its hash says"),
    ("DELETE FROM event WHERE id = 7", "batch 4"),
    ("UPDATE batch SET wall_ms = 3 WHERE id = 2", "batch 2"),
    ("INSERT INTO event VALUES (100, 1, 0, 28, 0, x'0000000000000000', NULL)", "table event: 1 rows that belong to no"),
    ("UPDATE blob SET data = zeroblob(40)", "blob 1 ("),
    ("UPDATE blob SET size = 5", "blob 1 ("),
    ("CREATE TABLE more (a)", "table more: it does not belong"),
    ("CREATE VIEW more AS SELECT 1", "view more: it does not belong"),
])  # fmt: skip
def test_verify_names_what_is_damaged(made, sql, where):
    with Reader(str(made)) as reader:
        verdict = verify(reader)
        assert not verdict.faults and verdict.complete and verdict.as_json()["ok"]
        assert (verdict.batches, verdict.events, verdict.digests, verdict.blobs) == (6, 13, 6, 1)
    db = sqlite3.connect(made)
    db.executescript(sql)
    db.close()
    with Reader(str(made)) as reader:
        faults = [str(fault) for fault in verify(reader).faults]
    assert len(faults) == 1 and faults[0].startswith(where), faults


@pytest.mark.parametrize("sql, what", [
    ("UPDATE meta SET value = '{\"ram_bytes\": 2}' WHERE key = 'config'", "batch 0"),
    ("UPDATE kind SET name = 'OTHER' WHERE tag = 28", "batch 0"),
    ("DELETE FROM batch", "no batch 0"),
    ("DROP VIEW events", "no view 'events'"),
    ("CREATE INDEX i ON event (icount)", "no index 'i' on its table 'event'"),
    ("CREATE TRIGGER t AFTER INSERT ON event BEGIN SELECT 1; END", "no trigger 't'"),
    ("ALTER TABLE event ADD COLUMN more", "table 'event' is another one"),
])  # fmt: skip
def test_what_is_refused_at_once(made, sql, what):
    db = sqlite3.connect(made)
    db.executescript(sql)
    db.close()
    with pytest.raises(FormatError, match=what):
        Reader(str(made))


def test_every_bit_that_matters_is_noticed(made, tmp_path):
    """Every 487th bit of the file: verify finds it, or everything that is read is what it was."""
    good = made.read_bytes()
    with Reader(str(made)) as reader:
        wanted = reader.meta, [str(b) for b in reader.batches()]
    noticed = 0
    for bit in range(0, len(good) * 8, 487):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        made.write_bytes(data)
        try:
            with Reader(str(made)) as reader:
                if verify(reader).faults:
                    noticed += 1
                else:
                    assert (reader.meta, [str(b) for b in reader.batches()]) == wanted, bit
        except (FormatError, HostError):
            noticed += 1
        for extra in made.parent.glob("r.ph-*"):
            extra.unlink()
    assert noticed > 20


def test_a_bomb_takes_no_memory(made):
    import tracemalloc

    import zstandard

    data = zstandard.compress(bytes(200 << 20))
    db = sqlite3.connect(made)
    db.execute("UPDATE blob SET data = ?, size = ?", (data, 200 << 20))
    db.commit()
    key = db.execute("SELECT hash FROM blob").fetchone()[0].hex()
    db.close()
    tracemalloc.start()
    with Reader(str(made)) as reader, pytest.raises(FormatError, match="not what its hash says"):
        reader.blob(key)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_the_copy_is_told_from_what_looks_like_it(tmp_path):
    at = 5 * PAGE
    (tmp_path / "f").write_bytes(bytes(at) + wal_copy.header(at) + bytes(100))
    assert wal_copy.find(str(tmp_path / "f")) == at
    (tmp_path / "g").write_bytes(bytes(at) + wal_copy.header(at + PAGE) + bytes(100))
    assert wal_copy.find(str(tmp_path / "g")) is None
    assert struct.calcsize(">16sQ8s") == wal_copy.HEADER.size == 32


def test_each_fault_is_a_line(made, capfd):
    db = sqlite3.connect(made)
    db.executescript("UPDATE event SET icount = icount + 1 WHERE id = 3; UPDATE blob SET size = 5")
    db.close()
    assert main(["verify", str(made)]) == 2
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith(f"playhead: {made} is damaged: b") for line in lines)
