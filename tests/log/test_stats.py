"""Counting a log: by kind, by bytes, and over time, whatever its length."""

import random

import pytest

from playhead.log import stats
from playhead.log.events import CharRead, ClockHost, Entry
from playhead.log.moment import Moment
from playhead.log.writer import Writer


def entry(icount, event=None):
    return Entry(1, Moment(icount), 0, event or ClockHost())


def test_by_kind():
    rows = [(entry(5), 16), (entry(7, CharRead()), 30), (entry(9), 16)]
    counts = stats.count(rows)
    assert vars(counts.kinds[28]) == {"events": 2, "bytes": 32, "first": 5, "last": 9}
    assert vars(counts.kinds[7]) == {"events": 1, "bytes": 30, "first": 7, "last": 7}
    lines = list(stats.as_text(counts))
    assert lines[3].split() == ["total", "3", "62"] and lines[3].startswith(f"total{3:>25}")
    assert lines[6].split() == ["0", "0", "0"]
    assert lines[6 + 9].split() == ["9", "1", "16", "#" * 40]
    facts = stats.as_json(counts)
    assert facts["kinds"]["CLOCK_HOST"]["events"] == 2 and facts["histogram"]["width"] == 1


def test_nothing():
    counts = stats.count([])
    assert counts.histogram() == (1, [])
    assert stats.as_json(counts)["events"] == 0 and "total" in "\n".join(stats.as_text(counts))


@pytest.mark.parametrize("seed", range(30))
def test_the_histogram_is_what_counting_gives(seed):
    rng = random.Random(seed)
    top = 10 ** rng.randrange(1, 16)
    icounts = sorted(rng.randrange(top) for _ in range(rng.choice((1, 2, 50, 3000))))
    if seed % 3 == 0:
        icounts += [icounts[-1] * 1000] * 5  # far away at once
    counts = stats.count((entry(n), 3) for n in icounts)
    width, rows = counts.histogram()
    assert str(width).rstrip("0") in ("1", "2", "5") and len(rows) <= stats.ROWS
    assert len(rows) == icounts[-1] // width + 1 and (len(rows) >= stats.ROWS // 3 or width == 1)
    assert len(counts._bins) <= stats.FINE
    for i, b in enumerate(rows):
        inside = sum(i * width <= n < (i + 1) * width for n in icounts)
        assert (b.events, b.bytes, sum(b.kinds.values())) == (inside, 3 * inside, inside)


def test_bytes_are_as_info_counts_them(tmp_path):
    from test_recording import META, batch

    from playhead.log.reader import Reader

    with Writer(str(tmp_path / "r.ph")) as writer:
        writer.begin(META)
        for n in range(4):
            batch(writer, n, end=n == 3)
    with Reader(str(tmp_path / "r.ph")) as reader:
        counts = stats.count(stats.sized(reader.entries()))
        assert counts.total.bytes == reader.sizes()["event"] and counts.total.events == 9
