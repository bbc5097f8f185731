"""Accesses by page: the same on one processor and on two, and the replay is the recorded one."""

from __future__ import annotations

from pathlib import Path

import pytest

import playhead
from playhead.analyses.page_accesses import page_accesses
from playhead.api.recording import Recording
from playhead.api.segments import cuts
from playhead.api.walk import Walk

KEPT = Path(__file__).parents[1] / "recordings" / "pc-5"


def test_two_processors_count_what_one_does(rec: Recording) -> None:
    assert len(cuts(rec.reader, rec.start, rec.end)) > 4
    rows = list(page_accesses(rec, jobs=1))
    assert sum(row.reads for row in rows) > 1000 and sum(row.writes for row in rows) > 1000
    assert list(page_accesses(rec, jobs=2)) == rows


@pytest.mark.parametrize("name", ["inputs", "network"])
def test_counting_changes_nothing(name: str) -> None:
    """All digests and the output are compared with the recording's meanwhile."""
    with playhead.open(KEPT / f"{name}.ph") as rec:
        walk = Walk(rec, rec.start, rec.end)
        walk.compare = True
        walk.began = walk.line.machine.page_counts.start
        for _ in walk:
            pass
        assert walk.moment == rec.end
        counts = walk.line.machine.page_counts
        assert sum(count.reads for count in counts.take().values()) > 1000
        counts.stop()
