"""The file: what is flushed is there, whatever happens after; what is not a recording is refused in one line."""

import os
import random
import sqlite3
import stat
import struct

import pytest

from playhead.base.errors import FormatError, HostError, PlayheadError, UsageError
from playhead.log.digests import Digest
from playhead.log.dump import json_lines, text_lines
from playhead.log.events import CharRead, ClockHost, End
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer

META = {"config": {"ram_bytes": 1}, "session": {}, "parts": ["cpu", "ram"], "digest_period": 1000}


def begun(path, **more):
    writer = Writer(str(path))
    writer.begin({**META, **more}, [b"kernel" * 1000])
    return writer


def batch(writer, n, end=False):
    rng = random.Random(n)
    base = n * 1000
    writer.digest(base, Digest(rng.randbytes(16), rng.randbytes(4)))
    writer.event(Moment(base + 1), ClockHost(ns=n))
    writer.event(Moment(base + 1, 2), CharRead(port=0, data=bytearray(b"key %d" % n)))
    moments = [Moment(base + 1), Moment(base + 1, 1), Moment(base + 1, 1), Moment(base + 3), Moment(base + 5)]
    writer.printed(0, b"%d ok\n" % (n % 10), moments)
    if end:
        writer.event(Moment(base + 2), End(cause=6, checks=bytearray(4)))
    writer.flush(Moment(base + 5), base * 8, n * 250)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "r.ph"
    with begun(path) as writer:
        for n in range(4):
            batch(writer, n, end=n == 3)
    return path


def test_written_and_read(path):
    with Reader(str(path)) as reader:
        assert reader.meta == META and reader.ended()
        batches = list(reader.batches())
        assert len(batches) == 4 and batches[2].digests[0][0] == 2000 and batches[2].moment == (2005, 0)
        entries = list(reader.entries())
        assert len(entries) == 9 and [e.id for e in entries] == list(range(1, 10))
        assert entries[1].event == CharRead(port=0, data=bytearray(b"key 0"))
        assert reader.count_events() == {7: 4, 28: 4, 39: 1}
        assert reader.last_mark() == ((3005, 0), 24000, 750)


def test_it_is_one_file_that_any_sqlite_tool_reads(path):
    assert os.listdir(path.parent) == ["r.ph"]
    db = sqlite3.connect(path)
    assert db.execute("SELECT name, count(*) FROM events GROUP BY name ORDER BY 1").fetchall() == [
        ("ASYNC_CHAR_READ", 4), ("CLOCK_HOST", 4), ("END", 1)]  # fmt: skip


def test_dump(path):
    with Reader(str(path)) as reader:
        entries = list(reader.entries())
    assert next(text_lines(entries)).split() == ["1", "1:CLOCK_HOST", "ns=0"]
    assert list(text_lines(entries))[1].split()[0] == "1+2"
    assert '"kind": "ASYNC_CHAR_READ", "args": {"port": 0, "data": "key 0"}' in list(json_lines(entries))[1]


def test_it_can_be_read_while_it_is_written(tmp_path):
    path = tmp_path / "r.ph"
    writer = begun(path)
    batch(writer, 0)
    with Reader(str(path)) as reader:
        assert len(list(reader.entries())) == 2
        batch(writer, 1)
        assert len(list(reader.entries())) == 4 and not reader.ended()
    with Reader(str(path)) as reader:
        batch(writer, 2, end=True)
        writer.close()  # it is still being read: the WAL stays
        assert reader.ended()
    with Reader(str(path)):
        pass
    assert os.listdir(tmp_path) == ["r.ph"]


def test_what_was_not_flushed_is_not_there(tmp_path):
    writer = begun(tmp_path / "r.ph")
    batch(writer, 0)
    writer.event(Moment(2000), ClockHost(ns=5))
    writer.close()
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert len(list(reader.entries())) == 2


def test_much_that_happened_is_a_batch_without_anything_logged(tmp_path):
    """A slow guest, or one that nothing enters: a killed recording continues to where it had got."""
    with begun(tmp_path / "r.ph") as writer:
        for icount in (1000, 999_999, 1_000_000, 1_000_001, 1_999_999, 2_500_000):
            writer.flush(Moment(icount), icount * 8, 0)
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert [batch.moment.icount for batch in reader.batches()] == [1_000_000, 2_500_000]


def test_blobs_are_kept_once_and_checked(path):
    import hashlib

    name = hashlib.sha256(b"kernel" * 1000).hexdigest()
    with Reader(str(path)) as reader:
        assert reader.blob(name) == b"kernel" * 1000
        with pytest.raises(FormatError, match="missing"):
            reader.blob("00" * 32)
        with pytest.raises(FormatError, match="no hash"):
            reader.blob("nonsense")


@pytest.mark.parametrize("size", [0, 1, 5000, 1_000_000])
def test_blobs_of_any_size(tmp_path, size):
    data = random.Random(size).randbytes(size)
    with Writer(str(tmp_path / "r.ph")) as writer:
        writer.begin(META)
        name = writer.put_blob(data)
        assert writer.put_blob(data) == name
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert reader.blob(name) == data


# -- what may not be


def test_an_existing_file_needs_force(path):
    with pytest.raises(UsageError, match="--force"):
        Writer(str(path))
    with Writer(str(path), force=True) as writer:
        assert path.stat().st_size > 1000  # what is there is only replaced once the new one begins
        writer.begin(META)


def test_places_that_cannot_be_written(tmp_path):
    for place, error in (
        (tmp_path, "directory"), (tmp_path / "no" / "r.ph", "no directory"), ("/dev/null", "not a regular file"),
    ):  # fmt: skip
        with pytest.raises(PlayheadError, match=error):
            Writer(str(place), force=True)


def test_files_that_are_no_recordings(tmp_path):
    cases = {
        "empty": b"", "text": b"hello\n" * 100, "elf": b"\x7fELF" + bytes(5000), "head": b"SQLite format 3\0",
    }  # fmt: skip
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(FormatError, match="is not a recording"):
            Reader(str(tmp_path / name))
    db = sqlite3.connect(tmp_path / "db")
    db.execute("CREATE TABLE t (a)")
    db.commit()
    db.close()
    with pytest.raises(FormatError, match="an SQLite file, but not a recording"):
        Reader(str(tmp_path / "db"))
    with pytest.raises(HostError, match="No such file"):
        Reader(str(tmp_path / "missing"))
    with pytest.raises(HostError, match="directory"):
        Reader(str(tmp_path))


@pytest.mark.parametrize("number, said", [
    (6, r"newer Playhead \(format 6; this one reads up to 5\)"), (2, "format 2, which Playhead 0.1.0 writes"),
    (1, "format 1, which was never released"),
    (0, "it has no format number"),
])  # fmt: skip
def test_another_format_is_refused(path, number, said):
    with open(path, "r+b") as f:
        f.seek(60)
        f.write(struct.pack(">I", number))
    with pytest.raises(FormatError, match=said):
        Reader(str(path))


def test_a_recording_that_never_began(tmp_path):
    """No file at all: neither if nothing was built, nor if the disk was full at once."""
    with Writer(str(tmp_path / "r.ph")):
        assert os.listdir(tmp_path) == []
    with Writer(str(tmp_path / "r.ph")) as writer, pytest.raises(TypeError):
        writer.begin({"config": b"not JSON"})
    with Writer(str(tmp_path / "r.ph")) as writer, pytest.raises(TypeError):
        writer.begin(META, [None])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("sql", [
    "UPDATE event SET icount = icount + 1 WHERE id = 3",
    "UPDATE event SET args = x'0100000000000000' WHERE id = 1",
    "UPDATE event SET payload = 'text' WHERE id = 2",
    "UPDATE event SET kind = 99 WHERE id = 2",
    "DELETE FROM event WHERE id = 4",
    "INSERT INTO event VALUES (100, 1, 0, 28, 0, x'0000000000000000', NULL)",
    "UPDATE digest SET roots = zeroblob(16) WHERE id = 2",
    "UPDATE digest SET checks = zeroblob(2000) WHERE id = 2",
    "UPDATE digest SET count = 1000000000 WHERE id = 2",
    "UPDATE batch SET hash = zeroblob(16) WHERE id = 2",
    "UPDATE batch SET virtual_ns = 5 WHERE id = 2",
    "UPDATE batch SET last_event = 1000000 WHERE id = 2",
    "DELETE FROM batch WHERE id = 2",
    "UPDATE meta SET value = '{}' WHERE key = 'session2' OR key = 'config'",
    "UPDATE meta SET value = '[' WHERE key = 'config'",
    "UPDATE meta SET value = 'null' WHERE key = 'parts'",
    "UPDATE meta SET value = x'00' WHERE key = 'parts'",
    "UPDATE meta SET value = '0' WHERE key = 'digest_period'",
    "DELETE FROM meta",
    "DROP TABLE digest",
    "DROP TABLE event; CREATE VIEW event AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id FROM n) "
    "SELECT * FROM n",
])  # fmt: skip
def test_every_change_is_noticed(path, sql):
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    if "INSERT" in sql:  # rows after the last batch are what a killed writer never has, and are not read
        with Reader(str(path)) as reader:
            assert len(list(reader.entries())) == 9
        return
    with pytest.raises(FormatError, match=r"damaged|before it began") as e, Reader(str(path)) as reader:
        list(reader.batches())
    assert "\n" not in str(e.value)


def test_a_changed_blob_is_noticed(path):
    import hashlib

    name = hashlib.sha256(b"kernel" * 1000).hexdigest()
    for change in ("data = zeroblob(50)", "size = 7", "size = -1", "codec = 'raw'", "data = x''", "size = 1 << 40"):
        db = sqlite3.connect(path)
        before = db.execute("SELECT size, codec, data FROM blob").fetchone()
        db.execute(f"UPDATE blob SET {change}")
        db.commit()
        with Reader(str(path)) as reader, pytest.raises(FormatError, match="is damaged"):
            reader.blob(name)
        db.execute("UPDATE blob SET size = ?, codec = ?, data = ?", before)
        db.commit()
        db.close()


@pytest.mark.parametrize("seed", range(4))
def test_random_damage_is_an_error_or_changes_nothing(path, seed):
    """Any byte of the file: either it is refused, or what is read is what was written."""
    rng = random.Random(seed)
    good = path.read_bytes()
    with Reader(str(path)) as reader:
        wanted = (reader.meta, [str(b) for b in reader.batches()])
    for _ in range(120):
        data = bytearray(good)
        for _ in range(rng.choice((1, 1, 30))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data[: rng.choice((len(data), len(data), rng.randrange(len(data))))])
        try:
            with Reader(str(path)) as reader:
                found = [str(b) for b in reader.batches()]
                assert (reader.meta, found) == (wanted[0], wanted[1][: len(found)])
                if len(found) < len(wanted[1]):  # as if its recorder had been killed, but leftovers tell
                    assert not reader.ended() and verify(reader).faults
        except PlayheadError as e:
            assert "\n" not in str(e)
        for extra in path.parent.glob("r.ph-*"):
            extra.unlink()


def test_a_recording_in_a_read_only_place(path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    path.chmod(stat.S_IRUSR)
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with Reader(str(path)) as reader:
            assert reader.ended()
    finally:
        path.parent.chmod(0o700)


def test_disk_full_is_one_line_and_loses_nothing_flushed(tmp_path):
    writer = begun(tmp_path / "r.ph")
    batch(writer, 0)
    writer._db.execute("PRAGMA max_page_count = 1")
    writer.event(Moment(1500), CharRead(port=0, data=bytearray(1_000_000)))
    with pytest.raises(HostError, match=r"the disk is full; the recording is valid up to instruction 5"):
        writer.flush(Moment(1600), 0, 0)
    writer.close()
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert len(list(reader.entries())) == 2
