"""When a recording session takes checkpoints: by what a replay from the last one takes, and where there is a state."""

from itertools import pairwise

import pytest
from fake_machine import FakeMachine, Program
from quiet_host import QuietHost
from test_record_replay import record, replay, same

from playhead.log.reader import Reader
from playhead.log.verify import verify
from playhead.session.outcome import Options
from playhead.session.record import RecordSession

MS = 1_000_000


def kept(path):
    with Reader(str(path)) as reader:
        assert not verify(reader).faults
        return reader.checkpoints()


@pytest.mark.parametrize("step_ns", [0, 8 * MS, 20 * MS])
def test_as_often_as_the_thread_worked_for_long_enough(tmp_path, step_ns):
    """Each reading of the clock is a step: a turn takes two."""
    program = Program(end=100_000, halt=0)
    recorded, _ = record(tmp_path / "r.ph", program, QuietHost(step_ns=step_ns))
    found = kept(tmp_path / "r.ph")
    if step_ns == 0:
        assert not found
    else:
        assert found and all(c.moment.icount % 1000 == 0 and c.moment.seq == 0 for c in found)
        apart = [b.moment.icount - a.moment.icount for a, b in pairwise(found)]
        assert all(gap >= 4_000 for gap in apart)  # a digest a run, of two steps and a flush's now and then
    same(recorded, replay(tmp_path / "r.ph", program)[0])


def test_instructions_count_however_fast_they_were(tmp_path, monkeypatch):
    """On a host that needs no time at all they are as far apart as what a reader takes for them says."""
    monkeypatch.setattr(RecordSession, "INSTRUCTION_PS", 1000 * MS // 20)  # 50 us: 5,000 in the shortest distance
    record(tmp_path / "r.ph", Program(end=60_000, halt=0), QuietHost(step_ns=0))
    assert [c.moment.icount for c in kept(tmp_path / "r.ph")] == list(range(5_000, 60_000, 5_000))


@pytest.mark.parametrize("pages, apart", [(0, 5_000), (1_000, 8_000), (10_000, 35_000), (10**6, 40_000)])
def test_many_pages_set_them_apart(tmp_path, monkeypatch, pages, apart):
    """0.15 ms for each page, and two seconds at most."""
    monkeypatch.setattr(RecordSession, "INSTRUCTION_PS", 1000 * MS // 20)
    monkeypatch.setattr(FakeMachine, "unsaved_pages", lambda self: pages)
    record(tmp_path / "r.ph", Program(end=90_000, halt=0), QuietHost(step_ns=0))
    assert [c.moment.icount for c in kept(tmp_path / "r.ph")] == list(range(apart, 90_000, apart))


def test_idle_time_does_not_count(tmp_path):
    """Halted most of the time: hours may pass with two checkpoints."""
    program = Program(end=4000, halt=60, alarm_ns=10_000_000_000)
    _, outcome = record(tmp_path / "r.ph", program, QuietHost(live=True, step_ns=MS // 10))
    assert outcome.wall_ns > 10_000 * MS and len(kept(tmp_path / "r.ph")) < 3


def test_none_if_none_are_wanted(tmp_path):
    record(tmp_path / "r.ph", Program(end=60_000), QuietHost(step_ns=20 * MS), checkpoints=False)
    assert not kept(tmp_path / "r.ph") and Options().checkpoints


def test_none_in_front_of_a_reset_or_an_end(tmp_path, monkeypatch):
    """The last instruction of a period asks for the end: what comes next is no state that could be put back."""
    monkeypatch.setattr(RecordSession, "NEAREST_NS", 0)
    _, outcome = record(tmp_path / "r.ph", Program(end=5000, halt=0), QuietHost())
    assert outcome.icount == 5000 and [c.moment.icount for c in kept(tmp_path / "r.ph")] == [0, 1000, 2000, 3000, 4000]
