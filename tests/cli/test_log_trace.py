"""`record --trace-events`: interrupts and exceptions fall out, are recorded anyway, and a replay checks each."""

import pytest

from playhead.cli import main
from playhead.log import events as E
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.session.record import RecordSession
from tests import shared
from tools import guest

TRACED = (E.Interrupt, E.ExceptionTaken)


def record(path, name, *more):
    machine = ("-bios", str(guest.image(name)), "-m", "16", "-serial", f"file:{path}.out")
    assert main(["record", "--force", "-o", str(path), *machine, *more]) == 0
    return entries_of(path)


def entries_of(path):
    with Reader(str(path)) as reader:
        return list(reader.entries())


def replay(path, *more):
    return main(["replay", str(path), "-serial", "null", "--quiet", *more])


def traced(entries):
    return [e for e in entries if isinstance(e.event, TRACED)]


@pytest.mark.parametrize("name", ["faults", "io", "tss", "v86"])
def test_they_are_recorded_and_replayed(tmp_path, tmp_path_factory, name):
    plain = entries_of(shared.recorded(tmp_path_factory, name))
    entries = record(tmp_path / "r.ph", name, "--trace-events")
    found = traced(entries)
    assert not traced(plain) and found
    assert all(e.moment.seq > 0 and 0 <= e.event.vector < 256 for e in found)
    end, before = entries[-1], plain[-1]
    assert end.moment == before.moment and end.event.cause == before.event.cause
    if name != "io":  # (which reads the date)
        assert end.event == before.event  # tracing changes nothing
    for how in ([], ["--split-seed", "11"], ["--no-digest"]):
        assert replay(tmp_path / "r.ph", *how) == 0
    if name != "io":  # (4 M instructions)
        again = traced(record(tmp_path / "again.ph", name, "--trace-events", "--engine", "reference"))
        assert [(e.moment, e.event) for e in again] == [(e.moment, e.event) for e in found]


def test_what_the_guest_says_is_what_is_recorded(tmp_path):
    """The guest prints each vector that it gets; all but those of INT n and its like are in the recording, in order."""
    lines = [line.split() for line in guest.expected("faults").splitlines() if " vector " in line]
    said = [int(words[2]) for words in lines if words[0] not in ("BP", "OF") and "INT" not in words[0].upper()]
    got = [e.event.vector for e in traced(record(tmp_path / "r.ph", "faults", "--trace-events"))]
    rest = iter(got)
    missing = [v for v in said if v not in rest]  # (a subsequence)
    assert not missing and set(got) <= set(range(20))


def tampered(monkeypatch, change):
    """Make recordings whose traced events go through `change(n, moment, event) -> [(moment, event)]`."""
    log, count = RecordSession._log, [0]

    def logged(self, event):
        if not isinstance(event, TRACED):
            return log(self, event)
        count[0] += 1
        for moment, changed in change(count[0], self._moment(), event):
            self.writer.event(moment, changed)

    monkeypatch.setattr(RecordSession, "_log", logged)


CHANGES = {
    "dropped": (lambda n, m, e: [] if n == 5 else [(m, e)], "EXCEPTION vector="),
    "twice": (lambda n, m, e: [(m, e)] * (1 + (n == 5)), "the recording has EXCEPTION"),
    "later": (lambda n, m, e: [(Moment(m.icount + (n == 5), m.seq), e)], "was delivered, the recording has EXCEPTION"),
    "other vector": (lambda n, m, e: [(m, E.ExceptionTaken(vector=99) if n == 5 else e)], "EXCEPTION vector=99"),
    "other kind": (lambda n, m, e: [(m, E.Interrupt(vector=e.vector) if n == 5 else e)], "recording has INTERRUPT"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_replay_checks_each(tmp_path, monkeypatch, capfd, how):
    change, message = CHANGES[how]
    good = traced(record(tmp_path / "good.ph", "faults", "--trace-events"))
    tampered(monkeypatch, change)
    record(tmp_path / "r.ph", "faults", "--trace-events")
    capfd.readouterr()
    assert replay(tmp_path / "r.ph") == 1
    first = capfd.readouterr().err.splitlines()[0]
    assert "replay diverged at" in first and message in first
    assert f"at {good[4].moment}: " in first or f"at {good[5].moment}: " in first, first


def test_an_event_that_nothing_takes_is_a_divergence(tmp_path, monkeypatch, capfd):
    tampered(monkeypatch, lambda n, m, e: [(m, E.InputSync() if n == 5 else e)])
    record(tmp_path / "r.ph", "faults", "--trace-events")
    capfd.readouterr()
    assert replay(tmp_path / "r.ph") == 1
    assert "ASYNC_INPUT_SYNC" in capfd.readouterr().err.splitlines()[0]
