"""A search on several processors finds what a search on one does, wherever the recording is cut."""

from __future__ import annotations


import pytest

import playhead
from playhead.analyses.search import search
from playhead.api.recording import Recording
from playhead.api.segments import cuts

MIDDLE = 520_000


def test_a_search_on_two_processors(rec: Recording) -> None:
    assert len(cuts(rec.reader, rec.start, rec.end)) > 4
    with rec.at(MIDDLE) as m:
        before = bytes(m.physical[0 : 0xA0000])
        after = bytes(m.run_to("end").physical[0 : 0xA0000])
    changed = next(n for n in range(0x1000, len(after)) if before[n] != after[n] and after[n])
    data = after[changed : changed + 4]
    rows = list(rec.find(data))
    assert rows, "it comes to stand somewhere"
    for jobs in (1, 2):
        assert search(rec, data, jobs=jobs) == rows


def test_what_cannot_be_searched_for_on_two(rec: Recording) -> None:
    with pytest.raises(playhead.errors.UsageError, match="1 to 4096 bytes"):
        search(rec, b"", jobs=2)
