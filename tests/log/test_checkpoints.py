"""Checkpoints and snapshots in the file: what was given comes back, verified, from the middle too; damage is named."""

import os
import random
import sqlite3
import threading
from hashlib import sha256

import pytest
from test_recording import META, begun

from playhead.base.errors import FormatError, HostError, UsageError
from playhead.host.worker import Worker
from playhead.log import pages as packed
from playhead.log import snapshots
from playhead.log.digests import Digest
from playhead.log.events import CharRead, ClockHost
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer


def content(n):
    """The content of a page: some are shared, some are zeros, some do not compress."""
    return bytes(4096) if n % 7 == 0 else random.Random(n % 50).randbytes(4096) if n % 3 else b"%8d" % n * 512


class Model:
    """Writes a recording with a checkpoint at each digest and events around it, and knows what must be in it."""

    def __init__(self, path, helper=None, count=12, wait=True, keeper=None):
        self.checkpoints, self.rng = [], random.Random(7)
        with Writer(str(path), helper=helper, keeper=keeper) as writer:
            writer.begin(META, [b"kernel" * 1000])
            events = 0
            for n in range(count):
                at = n * 1000
                writer.digest(at, Digest(self.rng.randbytes(16), self.rng.randbytes(4)))
                pages = {self.rng.randrange(1 << 15): content(self.rng.randrange(500)) for _ in range(n * n)}
                parts = {"cpu": self.rng.randbytes(n * 10), "tlb": bytes(5000), "pic\\u00e9": b""}
                writer.checkpoint(Moment(at), at * 8, parts, pages)
                self.checkpoints.append((Moment(at), at * 8, events, parts, pages))
                if n % 3:
                    writer.event(Moment(at), ClockHost(ns=n))
                    writer.event(Moment(at + 5, 1), CharRead(data=bytearray(b"x")))
                    events += 2
                if n % 2:
                    writer.flush(Moment(at + 10), at * 8 + 80, n * 250)
            writer.flush(Moment(count * 1000), count * 8000, count * 250, wait)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "r.ph"


@pytest.mark.parametrize("make", [lambda: None, Worker])
def test_what_was_given_comes_back(path, make):
    model = Model(path, make(), keeper=make())
    with Reader(str(path)) as reader:
        found = reader.checkpoints()
        assert [(c.moment, c.virtual_ns, c.last_event) for c in found] == [c[:3] for c in model.checkpoints]
        for one, (*_, parts, pages) in zip(found, model.checkpoints, strict=True):
            assert list(reader.checkpoint_parts(one).items()) == list(parts.items())
            hashes = reader.checkpoint_pages(one)
            assert hashes == {page: sha256(data).digest() for page, data in pages.items()}
            contents = reader.pages(hashes.values())
            assert {page: contents[hash] for page, hash in hashes.items()} == pages
        assert reader.page(sha256(bytes(4096)).digest()) == bytes(4096)
        assert [c for b in reader.batches() for c in b.checkpoints] == found
        verdict = verify(reader)
        assert not verdict.faults and verdict.checkpoints == 12 and verdict.pages > 100
    assert not [t for t in threading.enumerate() if t.name == "playhead-worker"]


def test_each_content_is_kept_once(path):
    model = Model(path)
    db = sqlite3.connect(path)
    stored = [h for (hashes,) in db.execute("SELECT hashes FROM pack") for h in packed_hashes(hashes)]
    assert len(stored) == len(set(stored))
    assert set(stored) == {sha256(data).digest() for *_, pages in model.checkpoints for data in pages.values()}


def packed_hashes(hashes):
    return [hashes[i : i + 32] for i in range(0, len(hashes), 32)]


def test_a_packer_that_forgets_only_wastes_room(monkeypatch):
    monkeypatch.setattr(packed, "KNOWN", 3)
    packer = packed.Packer()
    first, second = packer.pack({n: content(n) for n in range(10)}), packer.pack({n: content(n) for n in range(10)})
    assert first == second and len(first.packs) == 1


def test_a_batch_from_the_middle(path):
    model = Model(path)
    with Reader(str(path)) as reader:
        batches = list(reader.batches())
        assert [reader.load_batch(i) for i in range(len(batches))] == batches
        assert reader.load_batch(len(batches)) is None
        for moment, _, last_event, _, _ in model.checkpoints:
            at = reader.batch_at(moment)
            later, b = [], reader.load_batch(at)
            assert b.moment >= moment and (at == 0 or batches[at - 1].moment < moment)
            while b is not None:
                later += [e.id for e in b.entries if e.id > last_event]
                at, b = at + 1, reader.load_batch(at + 1)
            assert later == list(range(last_event + 1, batches[-1].entries[-1].id + 1))
        assert reader.batch_at(Moment(10**9)) == len(batches)


def test_batches_that_are_added_are_seen_on_request(path):
    with begun(path) as writer, Reader(str(path)) as reader:
        writer.event(Moment(5), ClockHost(ns=1))
        assert reader.load_batch(0) is None
        writer.flush(Moment(6), 0, 0)
        writer.checkpoint(Moment(7), 0, {}, {})
        writer.flush(Moment(8), 0, 0)
        assert reader.load_batch(0) is None and reader.checkpoints() == []
        reader.look_again()
        assert reader.load_batch(0).moment == Moment(6) and len(reader.checkpoints()) == 1


class SlowPacking:
    """The writer's packer waits until `go`; whatever happens, it does not wait forever."""

    def __init__(self, writer):
        self._gate, packer = threading.Event(), writer._packing._packer
        pack = packer.pack
        packer.pack = lambda pages, embed=True: self._gate.wait() and pack(pages, embed)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.go()

    def go(self):
        self._gate.set()


def test_packing_that_is_slow_holds_nothing_up(path):
    """A flush stores what is ready; the last one waits; what would be too much memory is refused before."""
    with Writer(str(path), helper=Worker()) as writer, SlowPacking(writer) as slow:
        writer.begin(META)
        writer.checkpoint(Moment(1), 0, {"cpu": b"1"}, {1: bytes(4096)})
        writer.event(Moment(1), ClockHost(ns=1))
        assert writer.flush(Moment(2), 0, 0) == 0
        with Reader(str(path)) as reader:
            assert len(list(reader.entries())) == 1 and not reader.checkpoints()
        slow.go()
        assert writer.flush(Moment(3), 0, 0, wait=True) == 1
    with Reader(str(path)) as reader:
        assert reader.checkpoints()[0].moment == Moment(1) and not verify(reader).faults


def test_too_much_at_once_is_said(path, monkeypatch):
    monkeypatch.setattr("playhead.log.packing.MOST", 8000)
    with Writer(str(path), helper=Worker()) as writer, SlowPacking(writer) as slow:
        writer.begin(META)
        writer.checkpoint(Moment(1), 0, {}, {1: bytes(4096)})
        assert not writer.busy
        writer.checkpoint(Moment(2), 0, {}, {1: bytes(4096)})
        assert writer.busy
        slow.go()
        assert writer.flush(Moment(3), 0, 0, wait=True) == 2 and not writer.busy


def test_a_batch_that_cannot_be_stored_is_told_of_by_the_next_call(path):
    with Writer(str(path), helper=Worker(), keeper=Worker()) as writer:
        writer.begin(META)
        writer.event(Moment(5), ClockHost(ns=1))
        writer.flush(Moment(6), 0, 0, wait=True)

        def full(*batch):
            raise OSError(28, os.strerror(28))

        writer._store = full
        writer.event(Moment(7), ClockHost(ns=2))
        writer.flush(Moment(8), 0, 0)
        writer.event(Moment(9), ClockHost(ns=3))
        with pytest.raises(HostError, match="No space left on device; the recording is valid up to instruction 6"):
            writer.flush(Moment(10), 0, 0)
        assert writer.flush(Moment(11), 0, 0) == 0, "nothing is written after a batch that is missing"
    with Reader(str(path)) as reader:
        assert reader.last().moment == Moment(6) and len(list(reader.entries())) == 1 and not verify(reader).faults


@pytest.mark.parametrize("later", ["snapshot", "blob", "close"])
def test_nothing_else_is_done_with_the_file_while_a_batch_is_stored(path, later):
    with Writer(str(path), helper=Worker(), keeper=Worker()) as writer:
        writer.begin(META)
        gate, store = threading.Event(), writer._store

        def slow(*batch):
            gate.wait()
            store(*batch)

        writer._store = slow
        writer.event(Moment(5), ClockHost(ns=1))
        writer.flush(Moment(6), 0, 0)
        threading.Timer(0.05, gate.set).start()
        assert writer.flushed == Moment(0)
        if later == "snapshot":
            writer.snapshot(snapshots.Snapshot("here", Moment(3), 0, "2026-01-01T00:00:00Z", bytes(16)))
        elif later == "blob":
            writer.put_blob(b"later")
        assert writer.flushed == Moment(0 if later == "close" else 6)
    assert writer.flushed == Moment(6)
    with Reader(str(path)) as reader:
        assert reader.last().moment == Moment(6) and not verify(reader).faults


def test_a_worker_that_fails_says_so():
    worker = Worker()
    worker.submit(lambda: 1)
    worker.submit(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        worker.finished(wait=True)
    worker.close()


@pytest.mark.parametrize("sql, where", [
    ("UPDATE checkpoint SET icount = icount + 1 WHERE id = 5", "batch 3: batch 3 is not what its hash says"),
    ("UPDATE checkpoint SET parts = x'00' WHERE id = 5", "batch 3: batch 3 is not what its hash says"),
    ("UPDATE checkpoint SET pages = x'00' WHERE id = 5", "batch 3: batch 3 is not what its hash says"),
    ("UPDATE checkpoint SET pages = 'text' WHERE id = 5", "batch 3: a str in place of a bytes"),
    ("UPDATE checkpoint SET last_event = 0 WHERE id = 5", "batch 3: batch 3 is not"),
    ("UPDATE checkpoint SET parts = zeroblob(100000000) WHERE id = 5", "batch 3: a checkpoint of 100000000 +"),
    ("DELETE FROM checkpoint WHERE id = 5", "batch 3: batch 3 is not"),
    ("INSERT INTO checkpoint VALUES (100, 1, 0, 0, 0, x'00', x'00')", "table checkpoint: 1 rows that belong to no"),
    ("UPDATE batch SET last_checkpoint = 3 WHERE id = 2", "batch 2"),
    ("UPDATE pack SET data = zeroblob(1000) WHERE id = 4", "pack 4: content that does not unpack"),
    ("UPDATE pack SET data = zeroblob(1000000) WHERE id = 4", "pack 4:"),
    ("UPDATE pack SET hashes = zeroblob(32) WHERE id = 4", "pack 4:"),
    ("UPDATE pack SET hashes = zeroblob(length(hashes)) WHERE id = 4", "pack 4: page 000000000000 is not"),
    ("DELETE FROM pack WHERE id = 4", "checkpoint 6: the content"),
])  # fmt: skip
def test_damage_is_named(path, sql, where):
    Model(path)
    db = sqlite3.connect(path)
    db.executescript(sql)
    db.close()
    with Reader(str(path)) as reader:
        faults = [str(fault) for fault in verify(reader).faults]
        assert any(fault.startswith(where) for fault in faults), faults
        assert all("\n" not in fault for fault in faults)
        if "INSERT" in sql:
            return
        with pytest.raises(FormatError, match="damaged"):
            for checkpoint in reader.checkpoints():
                reader.checkpoint_parts(checkpoint)
                reader.pages(reader.checkpoint_pages(checkpoint).values())
            list(reader.batches())


def test_a_bit_of_a_page_is_found_where_it_is(path):
    Model(path)
    with Reader(str(path)) as reader:
        wanted = {hash: reader.page(hash) for c in reader.checkpoints() for hash in reader.checkpoint_pages(c).values()}
    db = sqlite3.connect(path)
    for id, data in db.execute("SELECT id, data FROM pack").fetchall():
        broken = bytearray(data)
        broken[len(data) // 2] ^= 4
        db.execute("UPDATE pack SET data = ? WHERE id = ?", (bytes(broken), id))
        db.commit()
        with Reader(str(path)) as reader:
            faults = [fault.where for fault in verify(reader).faults]
            assert faults[0] == f"pack {id}" and len(faults) > 1
            assert faults[-1].startswith("checkpoint")
            good = 0
            for hash, content in wanted.items():
                try:
                    assert reader.page(hash) == content
                    good += 1
                except FormatError:
                    pass
            assert good < len(wanted)
        db.execute("UPDATE pack SET data = ? WHERE id = ?", (data, id))
        db.commit()


@pytest.mark.parametrize("data", [b"", b"\0", bytes(36) + bytes(36), b"\1\0\0\0" + bytes(32) + bytes(36)])
def test_records_that_are_none(data):
    if data == b"":
        assert packed.unpack_records(data) == {}
    else:
        with pytest.raises(FormatError):
            packed.unpack_records(data)


def test_parts_that_are_none():
    import zstandard

    good = zstandard.ZstdDecompressor().decompress(packed.pack_parts({"cpu": b"1234", "tlb": b""}))
    assert packed.unpack_parts(zstandard.compress(good)) == {"cpu": b"1234", "tlb": b""}
    for bad in (good[:-1], good[:3], good + good, b"\1\0\0\0\0\0\xff", good[:6] + b"\xff" + good[7:] + b"\0"):
        with pytest.raises(FormatError):
            packed.unpack_parts(zstandard.compress(bad))
    with pytest.raises(FormatError):
        packed.unpack_parts(b"nonsense")


# -- snapshots


def snapshot(name, icount=5, root=b"r" * 16):
    return snapshots.Snapshot(name, Moment(icount, 1), icount * 8, "2026-01-01T00:00:00Z", root)


def test_names_are_given_and_taken_away_later(path):
    Model(path)
    before = path.read_bytes()
    snapshots.add(str(path), snapshot("b", 9))
    snapshots.add(str(path), snapshot("a", 10))
    snapshots.add(str(path), snapshot("b", 7))
    with Reader(str(path)) as reader:
        assert snapshots.names(reader) == [snapshot("b", 7), snapshot("a", 10)]
        verdict = verify(reader)
        assert not verdict.faults and verdict.snapshots == 2
    snapshots.remove(str(path), "b")
    with pytest.raises(UsageError, match="no snapshot 'b'; it has 'a'"):
        snapshots.remove(str(path), "b")
    with pytest.raises(UsageError):
        snapshots.add(str(path), snapshot("new\nline"))
    assert os.listdir(path.parent) == ["r.ph"] and len(path.read_bytes()) == len(before)


def test_names_while_it_is_written(path):
    writer = begun(path)
    writer.event(Moment(5), ClockHost(ns=1))
    writer.flush(Moment(6), 0, 0)
    with pytest.raises(HostError, match="is being written"):
        snapshots.add(str(path), snapshot("a"))
    writer.snapshot(snapshot("live"))
    writer.snapshot(snapshot("live", 6))
    with Reader(str(path)) as reader:
        assert snapshots.names(reader) == [snapshot("live", 6)]
    writer.close()
    snapshots.remove(str(path), "live")


def test_a_read_only_file_keeps_its_names(path, monkeypatch):
    Model(path)
    monkeypatch.setattr("os.access", lambda *a: False)
    with pytest.raises(HostError, match="read-only"):
        snapshots.add(str(path), snapshot("a"))


@pytest.mark.parametrize("change", [
    "name = 'other'", "icount = 6", "root = x'00'", "created = ''", "hash = x'00'", "virtual_ns = 'x'",
])  # fmt: skip
def test_a_damaged_name_is_noticed(path, change):
    Model(path)
    snapshots.add(str(path), snapshot("a"))
    db = sqlite3.connect(path)
    db.execute(f"UPDATE snapshot SET {change}")
    db.commit()
    db.close()
    with Reader(str(path)) as reader:
        assert [f.where for f in verify(reader).faults] == ["table snapshot"]
        with pytest.raises(FormatError, match="damaged"):
            snapshots.names(reader)


def test_a_name_beyond_the_end_is_noticed(path):
    Model(path)
    snapshots.add(str(path), snapshot("a", 10**9))
    with Reader(str(path)) as reader:
        assert [f.where for f in verify(reader).faults] == ["snapshot 'a'"]
