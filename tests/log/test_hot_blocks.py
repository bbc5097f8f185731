"""Hot blocks that a recording names: hints, in a place where no Playhead minds them."""

import random
import sqlite3
import struct

import pytest
import zstandard

from playhead.log.digests import Digest
from playhead.log.events import End
from playhead.log.hot_blocks import MARK, MOST, MOST_BYTES, HotBlock, pack, unpack
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.log.writer import Writer

META = {"config": {"ram_bytes": 1}, "session": {}, "parts": ["cpu", "ram"], "digest_period": 1000}
SOME = [HotBlock(0xF0123 + n, n % 3, 1 << 40 >> n) for n in range(30)]


def recorded(path, blocks, killed=False):
    writer = Writer(str(path))
    writer.begin(META, [b"kernel" * 1000])
    writer.digest(0, Digest(bytes(16), bytes(4)))
    writer.event(Moment(2), End(cause=6, checks=bytearray(4)))
    writer.flush(Moment(5), 40, 250)
    writer.hot_blocks(blocks)
    if not killed:
        writer.close()
    return str(path)


def hints(path):
    with Reader(path) as reader:
        list(reader.batches())
        return reader.hot_blocks()


def checked(path):
    with Reader(path) as reader:
        return verify(reader)


def test_written_and_read(tmp_path):
    path = recorded(tmp_path / "a.ph", SOME[::-1])
    assert hints(path) == SOME
    verdict = checked(path)
    assert not verdict.faults and verdict.blobs == 2
    assert hints(recorded(tmp_path / "b.ph", [])) == []


def test_also_of_one_that_is_not_folded_in(tmp_path):
    assert hints(recorded(tmp_path / "a.ph", SOME, killed=True)) == SOME


def test_the_hottest_of_many(tmp_path):
    rng = random.Random(1)
    many = [HotBlock(rng.getrandbits(64), rng.getrandbits(32), rng.getrandbits(64)) for _ in range(5000)]
    path = recorded(tmp_path / "a.ph", many)
    assert hints(path) == sorted(many, key=lambda block: -block.entries)[:MOST]


def test_the_recordings_own_content_is_none(tmp_path):
    assert hints(recorded(tmp_path / "a.ph", [])) == [] == unpack(b"kernel") == unpack(b"")
    assert unpack(pack(SOME)) == SOME and unpack(pack(SOME) + b"x") == [] and unpack(pack(SOME)[:-1]) == []
    assert unpack(MARK + bytes(20 * (MOST + 1))) == []


@pytest.mark.parametrize("change", [
    "data = x'00'", "data = 'text'", "codec = 'other'", "hash = zeroblob(32)", "size = -1", "size = size - 1",
    "size = 'many'", "codec = 'raw'",
])  # fmt: skip
def test_damaged(tmp_path, change):
    """A replay does without them; whoever checks the recording is told."""
    path = recorded(tmp_path / "a.ph", SOME)
    db = sqlite3.connect(path)
    db.execute(f"UPDATE blob SET {change} WHERE id = (SELECT max(id) FROM blob)")
    db.commit()
    db.close()
    assert hints(path) == []
    assert [fault.where.startswith("blob 2") for fault in checked(path).faults] == [True]


def test_one_that_would_fill_the_memory(tmp_path):
    path = recorded(tmp_path / "a.ph", SOME)
    bomb = zstandard.ZstdCompressor().compress(MARK + bytes(1 << 30 - 8))
    db = sqlite3.connect(path)
    for size in (MOST_BYTES, 1 << 30):
        db.execute("UPDATE blob SET data = ?, size = ? WHERE id = 2", (bomb, size))
        db.commit()
        assert hints(path) == []


def test_nothing_that_they_say_is_believed():
    """Any numbers are taken, and are only numbers."""
    data = MARK + struct.pack("<QIQ", (1 << 64) - 1, (1 << 32) - 1, (1 << 64) - 1)
    assert unpack(data) == [HotBlock((1 << 64) - 1, (1 << 32) - 1, (1 << 64) - 1)]
