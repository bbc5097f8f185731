"""A replay in pieces, by several processes, finds and says what a replay from beginning to end does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import planted
import pytest
import resealing
from planted import PERIOD, faulty, flip
from quiet_host import QuietHost

from playhead.base.errors import DivergenceError, PlayheadError
from playhead.boards.config import PcConfig
from playhead.host import clock
from playhead.host.crew import Crew, WorkerDied
from playhead.log.events import CharRead, ClockHost
from playhead.log.reader import Reader
from playhead.machine.machine import Machine
from playhead.session.diagnose import diagnose
from playhead.session.divergence import Divergence
from playhead.session.outcome import Outcome
from playhead.session.piece import boundaries
from playhead.session.proof import Proof, work
from playhead.session.replay import ReplaySession
from tests.shared import once

SIEVE = 0x20B06E  # a byte of the prime task's table
LAST = 10  # the number of the last boundary
END = 1_047_492


class Result(NamedTuple):
    """What a user sees."""

    printed: bytes
    counts: tuple[int, ...]  # of a good replay
    status: int
    said: str
    report: str


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo guest with a checkpoint behind each digest."""
    original = planted.shared(tmp_path_factory)
    path = once(tmp_path_factory, "close.ph", lambda path: resealing.dense(original, path))
    with Reader(str(path)) as reader:
        assert len(boundaries(reader)) == LAST
    return path


def opened(path: Path, *machines: type[Machine]) -> Callable:
    """The n-th machine that a process builds is the n-th of `machines`, or the last."""

    def open() -> tuple:
        reader, left = Reader(str(path)), list(machines)
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)

        def build(door) -> Machine:
            kind = left.pop(0) if len(left) > 1 else left[0]
            return kind(pc, door, shift=reader.meta["shift"])

        return build, reader, 1

    return open


def explained(channel, build, reader, piece, error) -> list[str]:
    return str(diagnose(build, QuietHost(ports=1), reader, piece, error)).split("\n")


def replayed(path: Path, *machines: type[Machine], explain: bool = False) -> Result:
    """From beginning to end."""
    host = QuietHost(ports=1)
    build, reader, _ = opened(path, *(machines or (Machine,)))()
    with reader:
        session = ReplaySession(build, host, reader)
        try:
            outcome = session.run()
        except Divergence as e:
            report = str(diagnose(build, QuietHost(ports=1), reader, session, e)) if explain else ""
            return Result(bytes(host.serial[0].written), (), 1, str(e), report)
        except PlayheadError as e:
            return Result(bytes(host.serial[0].written), (), e.status, str(e), "")
    return _good(host, outcome)


def _good(host: QuietHost, outcome: Outcome) -> Result:
    counts = outcome.icount, outcome.seq, outcome.virtual_ns, outcome.events, outcome.digests, outcome.complete
    return Result(bytes(host.serial[0].written), counts, 0, outcome.cause + outcome.note, "")


def proven(path: Path, *machines: type[Machine], jobs: int = 3, explain: bool = False, again: bool = False) -> Result:
    """By several processes."""
    host = QuietHost(ports=1)
    with Reader(str(path)) as reader:
        bounds, begin = boundaries(reader), reader.start.moment.icount if reader.start else 0
    open = opened(path, *(machines or (Machine,)))
    with Crew(jobs, lambda channel: work(channel, open, bounds, clock.realtime_ns, explained)) as crew:
        proof = Proof(host, crew, bounds, begin, again=again)
        try:
            outcome = proof.run()
        except DivergenceError as e:
            report = "\n".join(proof.explain(QuietHost(ports=1))) if explain else ""
            return Result(bytes(host.serial[0].written), (), e.status, str(e), report)
        except PlayheadError as e:
            return Result(bytes(host.serial[0].written), (), e.status, str(e), "")
    return _good(host, outcome)


@pytest.mark.parametrize("jobs", [1, 2, 5])
@pytest.mark.parametrize("again", [False, True])
def test_a_good_recording(demo: Path, jobs: int, again: bool) -> None:
    found = proven(demo, jobs=jobs, again=again)
    assert found == replayed(demo) and found.counts[-1] and found.printed.count(b"> ") > 3


# -- one fault, wherever it is


@pytest.mark.parametrize("when", [50_123, 524_347, 1_040_123])
def test_a_machine_that_goes_wrong(demo: Path, when: int) -> None:
    fault = faulty(when, flip(SIEVE, 3))
    expected = replayed(demo, fault)
    assert expected.status == 1 and "digests differ in" in expected.said
    assert proven(demo, fault) == expected


EDITS = {
    "digest, first": resealing.digest(0),
    "digest, second": resealing.digest(PERIOD),
    "digest, middle": resealing.digest(5 * PERIOD),
    "digest, last": resealing.digest(10 * PERIOD),
    "clock, first": resealing.moved(ClockHost.KIND.tag, 0, 1),
    "input, early": resealing.moved(CharRead.KIND.tag, 0, 10),
    "input, middle": resealing.moved(CharRead.KIND.tag, 15, 10),
    "input, late": resealing.moved(CharRead.KIND.tag, -4, 2000),
    "console, first": resealing.printed(0),
    "console, middle": resealing.printed(150),
    "console, late": resealing.printed(300),
}


@pytest.mark.parametrize("where", EDITS)
def test_a_recording_that_was_changed(demo: Path, tmp_path: Path, where: str) -> None:
    path = resealing.resealed(demo, tmp_path / "changed.ph", EDITS[where])
    expected = replayed(path)
    assert expected.status, expected
    assert proven(path) == expected


def test_the_first_of_two_is_reported(demo: Path, tmp_path: Path) -> None:
    late, early = resealing.printed(300), resealing.digest(4 * PERIOD)
    path = resealing.resealed(demo, tmp_path / "two.ph", late, early)
    expected = replayed(path)
    assert "between instructions 300000 and 400000" in expected.said
    for _ in range(3):
        assert proven(path) == expected


def test_rows_that_are_not_what_their_hash_says(demo: Path, tmp_path: Path) -> None:
    import sqlite3

    path = tmp_path / "damaged.ph"
    path.write_bytes(demo.read_bytes())
    db = sqlite3.connect(path)
    resealing.digest(8 * PERIOD)(db)
    db.commit()
    db.close()
    expected = replayed(path)
    assert expected.status == 2 and "is not what its hash says" in expected.said
    assert proven(path) == expected


@pytest.mark.parametrize("edit", [resealing.state(4 * PERIOD), resealing.memory(4 * PERIOD)], ids=["state", "memory"])
def test_a_checkpoint_that_is_not_the_state_of_its_moment(demo: Path, tmp_path: Path, edit) -> None:
    """Which a replay from the beginning does not look at. All before it is proven first."""
    path = resealing.resealed(demo, tmp_path / "checkpoint.ph", edit)
    assert replayed(path).status == 0
    found = proven(path, again=True)
    assert found.status == 2 and "is damaged: checkpoint 4 is not the state of 400000" in found.said
    earlier = resealing.resealed(demo, tmp_path / "earlier.ph", edit, resealing.digest(3 * PERIOD))
    assert proven(earlier) == replayed(earlier)


def test_the_diagnosis_is_the_same(demo: Path) -> None:
    machines = faulty(524_347, flip(SIEVE, 3)), Machine
    expected = replayed(demo, *machines, explain=True)
    assert "one bit of memory, which did not happen again" in expected.report
    assert proven(demo, *machines, explain=True) == expected


# -- what happens to processes


class Slow(Machine):
    """Tells by a file that it has come to an instruction, and waits there."""

    at, told = 0, Path()

    def run(self, until_icount: int, until_seq: int = 0):
        if self.icount <= self.at < until_icount:
            self.told.write_text(str(os.getpid()))
            time.sleep(600)  # it is killed
        return super().run(until_icount, until_seq)


KILLER = """
import os, sys, time
while not (os.path.exists(sys.argv[1]) and (told := open(sys.argv[1]).read())):
    time.sleep(0.01)
os.kill(int(told), int(sys.argv[2]))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("at", [50_000, 650_000])
def test_a_worker_that_dies(demo: Path, tmp_path: Path, number: int, at: int) -> None:
    told = tmp_path / "told"
    slow = type("Slow", (Slow,), {"at": at, "told": told})
    before = _children()
    killer = subprocess.Popen([sys.executable, "-c", KILLER, str(told), str(int(number))])
    with pytest.raises(WorkerDied, match=rf"^worker process \d+ was killed by {signal.Signals(number).name} before"):
        _raising(demo, slow)
    assert killer.wait() == 0
    assert _children() == before  # all of them have gone


def _children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


def _raising(path: Path, machine: type[Machine]) -> None:
    with Reader(str(path)) as reader:
        bounds = boundaries(reader)
    open = opened(path, machine)
    with Crew(3, lambda channel: work(channel, open, bounds, clock.realtime_ns, explained)) as crew:
        Proof(QuietHost(ports=1), crew, bounds, 0).run()


def test_a_bug_in_a_worker_is_raised_by_its_owner(demo: Path) -> None:
    class Buggy(Machine):
        def run(self, until_icount: int, until_seq: int = 0):
            if self.icount > 500_000:
                raise KeyError("a bug")
            return super().run(until_icount, until_seq)

    with pytest.raises(KeyError, match="a bug") as caught:
        _raising(demo, Buggy)
    assert "in a worker process" in caught.value.__notes__[0]


def test_the_end_of_the_owner_ends_the_workers(demo: Path, tmp_path: Path) -> None:
    """Killed, so that it cannot do so itself."""
    told = tmp_path / "told"
    owner = os.fork()
    if not owner:
        slow = type("Slow", (Slow,), {"at": 2_000_000, "told": told})
        with Reader(str(demo)) as reader:
            bounds = boundaries(reader)
        crew = Crew(3, lambda channel: work(channel, opened(demo, slow), bounds, clock.realtime_ns, explained))
        told.write_text(" ".join(str(worker.pid) for worker in crew.workers))
        time.sleep(60)
    while not (told.exists() and len(told.read_text().split()) == 3):
        time.sleep(0.01)
    os.kill(owner, signal.SIGKILL)
    os.waitpid(owner, 0)
    until = time.monotonic() + 30
    while any(_runs(int(pid)) for pid in told.read_text().split()):
        assert time.monotonic() < until
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_what_cannot_be_shared_out_has_no_boundaries(demo: Path, tmp_path: Path) -> None:
    path = resealing.resealed(demo, tmp_path / "none.ph", resealing.without_checkpoints)
    with Reader(str(path)) as reader:
        assert boundaries(reader) == []
    assert proven(path, jobs=1) == replayed(path)
