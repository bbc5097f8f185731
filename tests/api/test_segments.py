"""Queries over segments: the same answer on one processor and on several, whatever happens to the processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import playhead
from playhead.api.asking import ask
from playhead.api.recording import Recording
from playhead.api.segments import Query, Rows, Segment, cuts
from playhead.log.moment import Moment

MIDDLE, STEP = Moment(520_000), 5_000
Seen = tuple[Moment, int]


class Sampled(Query[list[Seen], list[Seen]]):
    """What is next at each five-thousandth instruction; with `only`, at one of them alone."""

    def __init__(self, before: Callable[[Segment], None] = lambda segment: None, only: Moment | None = None):
        self.before, self.only = before, only

    def start(self, rec: Recording) -> Callable[[Segment], list[Seen]]:
        line = rec.timeline()

        def answer(segment: Segment) -> list[Seen]:
            self.before(segment)
            line.seek(segment.first)
            found = []
            for icount in range(-(-segment.first.icount // STEP) * STEP, segment.last.icount, STEP):
                line.player.to(Moment(icount))
                if self.only in (None, line.moment):
                    found.append((line.moment, line.machine.pc()))
            line.player.to(segment.last)
            return found

        return answer

    def merge(self, parts: Iterator[list[Seen]]) -> list[Seen]:
        return [one for part in parts for one in part]


class Early(Sampled):
    piecemeal = True

    def merge(self, parts: Iterator[list[Seen]]) -> list[Seen]:
        return next(part for part in parts if part)


def children() -> list[int]:
    """Forked off this process (the one that compiles hot code is another program)."""
    found = [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    mine = Path("/proc/self/cmdline").read_bytes()
    return [pid for pid in found if Path(f"/proc/{pid}/cmdline").read_bytes() == mine]


def contains(segment: Segment) -> bool:
    return segment.first <= MIDDLE < segment.last


@pytest.mark.parametrize("jobs", [2, 5])
def test_the_answer_is_that_of_one_processor(rec: Recording, jobs: int) -> None:
    query = Sampled()
    alone = ask(rec, query, jobs=1)
    assert MIDDLE in [moment for moment, _ in alone] and len(set(alone)) == 210
    assert ask(rec, query, jobs=jobs) == alone
    query.newest_first = True
    latest_first = ask(rec, query, jobs=jobs)
    assert sorted(latest_first) == alone and latest_first[0][0] > latest_first[-1][0]
    assert ask(rec, query, 300_000, 700_001, jobs=jobs) == ask(rec, query, 300_000, 700_001, jobs=1)


def test_cuts_are_the_checkpoints_between_the_ends(rec: Recording) -> None:
    found = cuts(rec.reader, Moment(250_000), Moment(500_000))
    assert found == [Moment(n) for n in (250_000, 300_000, 400_000, 500_000)]


def test_nothing_is_found_out_behind_what_was_wanted(rec: Recording, tmp_path: Path) -> None:
    def note(segment: Segment) -> None:
        (tmp_path / str(segment.first.icount)).touch()

    early = Moment(120_000)
    assert ask(rec, Early(note, early), jobs=2) == ask(rec, Early(only=early), jobs=1)
    assert len(list(tmp_path.iterdir())) < 8
    assert children() == []


def test_what_a_killed_worker_had_begins_again(rec: Recording, tmp_path: Path) -> None:
    alone = ask(rec, Sampled(), jobs=1)

    def die_once(segment: Segment) -> None:
        if contains(segment) and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    assert ask(rec, Sampled(die_once), jobs=3) == alone
    assert (tmp_path / "died").exists() and children() == []


def test_a_segment_that_kills_is_given_up(rec: Recording) -> None:
    def die(segment: Segment) -> None:
        if contains(segment):
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(playhead.errors.WorkerDied, match="3 processes, one after the other, ended in the segment from"):
        ask(rec, Sampled(die), jobs=2)
    assert children() == [] and ask(rec, Sampled(), jobs=2)


def test_an_exception_comes_with_its_traceback(rec: Recording) -> None:
    def stumble(segment: Segment) -> None:
        if segment.last > MIDDLE:
            raise LookupError(f"no luck at {segment.last}")

    with pytest.raises(LookupError, match="no luck") as caught:
        ask(rec, Sampled(stumble), jobs=2)
    assert "in stumble" in "".join(caught.value.__notes__) and children() == []
    assert ask(rec, Sampled(), jobs=2)


def test_an_interrupt_ends_all_workers(rec: Recording) -> None:
    def told(done: int, whole: int) -> None:
        assert children() and 0 <= done <= whole == rec.end.icount
        raise KeyboardInterrupt

    def slow(segment: Segment) -> None:
        time.sleep(600)

    with pytest.raises(KeyboardInterrupt):
        ask(rec, Sampled(slow), jobs=2, progress=told)
    assert children() == []
    assert rec.at(MIDDLE).icount == MIDDLE.icount and ask(rec, Sampled(), jobs=2)


def test_a_file_in_the_place_of_the_recording_is_noticed(rec: Recording, tmp_path: Path) -> None:
    path = tmp_path / "one.ph"
    path.write_bytes(Path(rec.path).read_bytes())
    with playhead.open(str(path)) as one:
        path.unlink()
        other = Path(__file__).parents[1] / "recordings" / "pc-5" / "inputs.ph"
        path.write_bytes(other.read_bytes())
        with pytest.raises(playhead.errors.FormatError, match="is not the file any more that was opened before"):
            ask(one, Sampled(), jobs=2)


def test_what_makes_no_sense_is_refused(rec: Recording) -> None:
    query = Sampled()
    with pytest.raises(playhead.errors.UsageError, match="jobs is a number of processes from 1 on, not 0"):
        ask(rec, query, jobs=0)
    with pytest.raises(playhead.errors.UsageError, match="would go backwards"):
        ask(rec, query, 500, 100)
    with pytest.raises(playhead.errors.UsageError, match="either jobs or dask"):
        ask(rec, query, jobs=2, dask="tcp://localhost:1")


@pytest.mark.parametrize("words, options", [
    (("executions", 0xF06C0), {}),
    (("calls", 0xF06C0, 0xF079F), {}),
    (("writes", 0x20B06E, 64), {"physical": True}),
    (("writes", 0x20B06E, 64), {"physical": True, "newest_first": False}),
    (("find", b"echo"), {}),
])  # fmt: skip
def test_rows_are_those_of_one_processor(rec: Recording, words: tuple, options: dict) -> None:
    alone = list(getattr(rec, words[0])(*words[1:], **options))
    assert alone
    assert list(ask(rec, Rows(*words, **options), jobs=3)) == alone


def test_rows_that_cannot_be_shared_out() -> None:
    for words, options, said in ((("events",), {}, "'events' is no question with rows"),
                                 (("calls", 1), {"results": True}, "a call may return in another segment"),
                                 (("find", b"x"), {"between": (0, 1)}, "the stretch is said to `ask`")):  # fmt: skip
        with pytest.raises(playhead.errors.UsageError, match=said):
            Rows(*words, **options)
