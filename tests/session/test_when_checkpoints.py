"""When a recording session takes checkpoints: by the time that the machine ran, not at a moment that has no state."""

from itertools import pairwise

import pytest
from fake_machine import Program
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
def test_as_often_as_the_machine_ran_for_long_enough(tmp_path, step_ns):
    """Each reading of the clock is a step: a run takes one, taking a checkpoint one, storing it one."""
    program = Program(end=100_000, halt=0)
    recorded, _ = record(tmp_path / "r.ph", program, QuietHost(step_ns=step_ns))
    found = kept(tmp_path / "r.ph")
    if step_ns == 0:
        assert not found
    else:
        assert found and all(c.moment.icount % 1000 == 0 and c.moment.seq == 0 for c in found)
        apart = [b.moment.icount - a.moment.icount for a, b in pairwise(found)]
        assert all(gap >= 10_000 for gap in apart)  # a digest a run; at most 25 runs of 20 ms, of 8 ms more
    same(recorded, replay(tmp_path / "r.ph", program)[0])


def test_what_taking_one_costs_sets_them_apart(tmp_path, monkeypatch):
    found = []
    for cost in (1, 5):
        monkeypatch.setattr(RecordSession, "SPACING_NS", 1)
        monkeypatch.setattr(RecordSession, "COST", cost)
        record(tmp_path / "r.ph", Program(end=60_000, halt=0), QuietHost(step_ns=MS))
        found.append(len(kept(tmp_path / "r.ph")))
    assert found[0] > 2 * found[1] > 4


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
    monkeypatch.setattr(RecordSession, "SPACING_NS", 0)
    monkeypatch.setattr(RecordSession, "COST", 0)
    _, outcome = record(tmp_path / "r.ph", Program(end=5000, halt=0), QuietHost())
    assert outcome.icount == 5000 and [c.moment.icount for c in kept(tmp_path / "r.ph")] == [0, 1000, 2000, 3000, 4000]
