"""Packets in a recording: they come back whole and in order, cost little more than their bytes, are in the chain."""

import os
import random
import sqlite3

import pytest

from playhead.base.errors import FormatError
from playhead.log.events import CharRead, NetPacket
from playhead.log.moment import Moment
from playhead.log.packets import apart, together
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer

META = {"config": {"outside": [{"type": "netdev", "id": "n"}]}, "session": {}, "parts": ["cpu"], "digest_period": 1000}


def bad(text):
    return FormatError(text)


def write(path, packets, meta=META, batch=50):
    """Packets, with a keystroke after every tenth one."""
    moments = (Moment(n * 9000, 0) for n in range(1, 1 << 30))
    with Writer(str(path)) as writer:
        writer.begin(meta)
        for n, data in enumerate(packets):
            writer.event(at := next(moments), NetPacket(net=n % 3, host_ns=n or None, data=bytearray(data)))
            if n % 10 == 9:
                writer.event(at := next(moments), CharRead(port=0, data=bytearray(b"k")))
            if n % batch == batch - 1:
                writer.flush(at, at.icount, n)
        writer.flush(next(moments), 0, 0)


def packets_in(path):
    with Reader(str(path)) as reader:
        return [bytes(e.event.data) for e in reader.entries() if isinstance(e.event, NetPacket)]


def test_there_and_back(tmp_path):
    chance = random.Random(5)
    packets = [chance.randbytes(chance.choice((0, 1, 60, 1514, 65535))) for _ in range(333)]
    write(tmp_path / "r.ph", packets)
    assert packets_in(tmp_path / "r.ph") == packets
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert verify(reader).faults == [] and reader.container.format == 5
        net = [e for e in reader.entries() if isinstance(e.event, NetPacket)]
        assert [e.event.host_ns for e in net] == [None, *range(1, 333)] and net[5].event.net == 2


def test_rows_of_many_megabytes_are_several(tmp_path):
    packets = [os.urandom(60_000) for _ in range(200)]
    write(tmp_path / "r.ph", packets, batch=200)
    with sqlite3.connect(tmp_path / "r.ph") as db:
        assert db.execute("SELECT count(*) FROM packet").fetchone()[0] == 3
    assert packets_in(tmp_path / "r.ph") == packets


@pytest.mark.parametrize("size", [590, 1514])
def test_they_cost_little_more_than_their_bytes(tmp_path, size):
    packets = [os.urandom(size) for _ in range(4000)]
    write(tmp_path / "r.ph", packets, batch=1000)
    assert os.path.getsize(tmp_path / "r.ph") < (1.05 if size > 1000 else 1.1) * size * 4000


def test_a_machine_without_a_network_has_the_format_of_before(tmp_path):
    write(tmp_path / "r.ph", [b"x"], {**META, "config": {}})
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert reader.container.format == 4 and "packet" not in {key[1] for key in reader.container.objects()}
    assert packets_in(tmp_path / "r.ph") == [b"x"]


CHANGES = {
    "another": "UPDATE packet SET data = (SELECT data FROM packet WHERE id > 1 LIMIT 1) WHERE id = 1",
    "none": "DELETE FROM packet WHERE id = 1",
    "longer": "UPDATE packet SET count = count + 1 WHERE id = 1",
    "shorter": "UPDATE packet SET count = count - 1 WHERE id = 1",
    "no zstd": "UPDATE packet SET data = x'1234' WHERE id = 1",
    "of another": "UPDATE packet SET id = 2 WHERE id = 1",
    "in place, too": "UPDATE event SET payload = x'00' WHERE id = 1",
    "no number": "UPDATE packet SET count = 'x' WHERE id = 1",
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_altered_is_noticed(tmp_path, change):
    path = tmp_path / "r.ph"
    write(path, [b"%d" % n * 50 for n in range(100)])
    with sqlite3.connect(path) as db:
        assert db.execute(CHANGES[change]).rowcount == 1
    with pytest.raises(FormatError, match="is damaged"):
        packets_in(path)
    with Reader(str(path)) as reader:
        assert [fault.where for fault in verify(reader).faults] == ["batch 1"]


def test_packets_of_no_event_are_noticed(tmp_path):
    write(tmp_path / "r.ph", [b"x"] * 100)
    with sqlite3.connect(tmp_path / "r.ph") as db:
        db.execute("INSERT INTO packet VALUES (1000, 1, x'00')")
    with Reader(str(tmp_path / "r.ph")) as reader:
        assert "1 rows that belong to no batch" in str(verify(reader).faults[0])


def test_the_table_may_not_be_something_else(tmp_path):
    write(tmp_path / "r.ph", [b"x"])
    with sqlite3.connect(tmp_path / "r.ph") as db:
        db.execute("CREATE INDEX i ON packet (count)")
    with pytest.raises(FormatError, match="a recording has no index 'i' on its table 'packet'"):
        Reader(str(tmp_path / "r.ph"))


def test_a_bomb_is_refused_before_it_takes_memory():
    import zstandard

    data = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    events = [(1, 0, 0, NetPacket.KIND.tag, 0, None, None)]
    with pytest.raises(FormatError, match="more than"):
        together(events, [(1, 1, data)], bad)


def test_apart_and_together_are_inverse():
    chance = random.Random(1)
    for _ in range(50):
        events = [
            (n, n, 0, chance.choice((NetPacket.KIND.tag, 7)), 0, b"a", chance.randbytes(chance.randrange(40)) or None)
            for n in range(chance.randrange(60))
        ]
        assert together(*apart(events), bad) == events
