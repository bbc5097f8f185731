"""Searches backwards: stretches that checkpoints rule out are skipped, and helpers find what one processor finds."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import planted
import pytest
import resealing
from quiet_host import QuietHost

from playhead.base.errors import FormatError, WorkerDied
from playhead.boards.config import PcConfig
from playhead.cli import main
from playhead.host.crew import Crew
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.machine import Machine
from playhead.session.record import RecordSession
from playhead.session.track import Stopped
from playhead.timeline import searching
from playhead.timeline.player import Player
from playhead.timeline.timeline import Timeline

EARLY = 0x20B06E  # a byte of the prime task's table


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resealing.dense_demo(tmp_path_factory)


def opened(path: Path, machine: type[Machine] = Machine) -> Timeline:
    reader = Reader(str(path))
    pc = PcConfig.from_json(reader.meta["config"], reader.blob)
    return Timeline(lambda door: machine(pc, door, shift=reader.meta["shift"]), QuietHost(), reader, 1).begin()


@pytest.fixture
def helped(demo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Timeline]:
    """At the end, with three helpers that are asked at once."""
    monkeypatch.setattr(searching, "GRACE_NS", 0)
    with Crew(3, lambda channel: searching.serve(channel, lambda: opened(demo))) as crew:
        line = opened(demo)
        line.crew = crew
        line.seek(line.end)
        yield line


@pytest.fixture
def alone(demo: Path) -> Timeline:
    line = opened(demo)
    line.seek(line.end)
    return line


def all_found(line: Timeline, look: Callable[[Timeline], None], most: int = 12) -> list[tuple]:
    """What one meets on the way back, from the end."""
    look(line)
    found = []
    while len(found) < most:
        one = line.reverse_cont()
        found.append((one, line.moment, line.player.digest().root))
        if one.reason == "start":
            break
    line.watch([], [])
    return found


def pages_looked_at(line: Timeline) -> list[int]:
    """Some addresses: written often, once, never."""
    chosen = random.Random(3)
    written = sorted({page for c in line.player.stored for page in line.player.reader.checkpoint_pages(c)})
    return [EARLY, 0x400000, *(page * 4096 + chosen.randrange(4096) for page in chosen.sample(written, 6))]


def test_helpers_find_the_same_writes(helped: Timeline, alone: Timeline) -> None:
    for address in pages_looked_at(alone):
        alone.seek(alone.end)
        helped.seek(helped.end)
        watches = [Watch(address, 4, WRITE, physical=True)]
        expected = all_found(alone, lambda line, w=watches: line.watch([], w), 4)
        assert all_found(helped, lambda line, w=watches: line.watch([], w), 4) == expected


@pytest.mark.parametrize("kinds", [READ, WRITE, READ | WRITE])
def test_helpers_find_the_same_accesses(helped: Timeline, alone: Timeline, kinds: int) -> None:
    watches = [Watch(EARLY, 1, kinds), Watch(EARLY + 64, 4, kinds, physical=True)]
    expected = all_found(alone, lambda line: line.watch([], watches))
    assert len(expected) > 3
    assert all_found(helped, lambda line: line.watch([], watches)) == expected


def test_helpers_find_the_same_breakpoints(helped: Timeline, alone: Timeline) -> None:
    rare = [alone.machine.pc()]
    for icount in (30_000, 520_000):
        alone.seek(Moment(icount))
        rare.append(alone.machine.pc())
    alone.seek(alone.end)
    for breakpoints in ([rare[1]], rare, [0x12345]):
        alone.seek(alone.end)
        helped.seek(helped.end)
        expected = all_found(alone, lambda line, b=breakpoints: line.watch(b, []), 3)
        assert all_found(helped, lambda line, b=breakpoints: line.watch(b, []), 3) == expected


def test_down_to_a_limit(helped: Timeline, alone: Timeline) -> None:
    for limit in (Moment(50_000), Moment(300_000), Moment(333_333)):
        found = []
        for line in (alone, helped):
            line.seek(line.end)
            line.watch([], [Watch(0x400000, 4, WRITE, physical=True)])
            found.append((line.reverse_cont(limit), line.moment))
            line.watch([], [])
        assert found[0] == found[1] and found[0][0].reason == "goal" and found[0][1] == limit


@pytest.mark.long
def test_a_condition_is_asked_here(helped: Timeline, alone: Timeline) -> None:
    alone.seek(Moment(520_000))
    at = alone.machine.pc()
    alone.seek(alone.end)
    for line in (alone, helped):
        line.conditional = lambda: True
        line.break_when = lambda address, line=line: line.moment.icount < 250_000
    expected = all_found(alone, lambda line: line.watch([at], []), 1)
    assert all_found(helped, lambda line: line.watch([at], []), 1) == expected


def test_stretches_without_a_write_are_not_replayed(alone: Timeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the pages of checkpoints are all that were written, also those whose content is the same again."""
    loaded: list[int] = []
    load = Player.load
    monkeypatch.setattr(Player, "load", lambda self, c: (loaded.append(c.id), load(self, c))[1])
    alone.watch([], [Watch(0x400000, 4, WRITE, physical=True)])  # never written
    assert alone.reverse_cont().reason == "start"
    assert len(loaded) <= 1  # what is behind the last checkpoint
    alone.watch([], [])


def test_every_write_leaves_a_note(demo: Path, alone: Timeline) -> None:
    """Against a search of all of it, for pages that are written in few stretches."""
    stored = [alone.player.reader.checkpoint_pages(c) for c in alone.player.stored]
    seldom = [page for page in sorted(set().union(*stored)) if sum(page in pages for pages in stored) <= 3]
    assert len(seldom) > 10
    watches = [Watch(page * 4096, 4096, WRITE, physical=True) for page in seldom[:3]]
    quick = all_found(alone, lambda line: line.watch([], watches), 6)
    thorough = opened(demo)
    thorough.player._complete_from = None
    thorough.seek(thorough.end)
    assert all_found(thorough, lambda line: line.watch([], watches), 6) == quick


class SameAgain(Machine):
    """Writes to a page what it holds already, at one instruction, as a device would."""

    def run(self, until_icount: int, until_seq: int = 0):
        if self.icount < 350_000 < until_icount:
            stop = super().run(350_000)
            if stop.kind != "budget":
                return stop
        if self.icount == 350_000 and self.seq == 0:
            self.memory.write(0x410000, self.memory.read(0x410000, 4), "a device")
        return super().run(until_icount, until_seq)


def test_a_write_that_changes_nothing_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RecordSession, "_due", lambda self: True)
    path = tmp_path / "same.ph"
    planted.record(path, machine=SameAgain)
    with Reader(str(path)) as reader:
        listed = [c.moment.icount for c in reader.checkpoints() if 0x410 in reader.checkpoint_pages(c)]
    assert listed == [400_000]


def test_a_branchs_first_stretch_is_searched(demo: Path, tmp_path: Path) -> None:
    path = tmp_path / "branch.ph"
    planted.branch(demo, Moment(550_000), path, b"echo other\roff\r")
    line = opened(resealing.dense(path, tmp_path / "dense.ph"))
    pages = {0x400}
    skipped = [n for n in range(len(line.player.proper)) if not line.player.may_have_written(n, pages)]
    assert skipped and all(line.player.proper[n - 1].moment >= Moment(550_000) for n in skipped)


@pytest.mark.parametrize("address", [0xB8000, 0xC0000, 0xE0000000, 0x9FFFE, 0xFFFFE])
def test_what_may_be_shown_elsewhere_is_searched_for(alone: Timeline, address: int) -> None:
    """Only pages that show the same RAM for ever can be ruled out."""
    alone.watch([], [Watch(address, 4, WRITE, physical=True)])
    assert alone.machine.debug.noted_in() is None
    alone.watch([], [Watch(0x9FFFC, 4, WRITE, physical=True)])
    assert alone.machine.debug.noted_in() == {0x9F}
    alone.watch([0x1234], [Watch(0x9FFFC, 4, WRITE, physical=True)])
    assert alone.machine.debug.noted_in() is None


def test_interrupted(helped: Timeline) -> None:
    """And helpers are ready for the next search."""
    helped.watch([], [Watch(EARLY, 4, READ)])
    left = iter(range(3))
    with pytest.raises(Stopped), helped.interruptible(lambda: next(left, None) is None):
        helped.reverse_cont()
    assert helped.moment <= helped.end
    helped.watch([], [Watch(0x400000, 4, READ)])
    assert helped.reverse_cont().reason == "start"


def test_a_helper_that_dies(helped: Timeline) -> None:
    pid = helped.crew.workers[1].pid
    os.kill(pid, signal.SIGKILL)
    helped.watch([], [Watch(0x400000, 4, READ)])
    with pytest.raises(WorkerDied, match=rf"^worker process {pid} was killed by SIGKILL before"):
        helped.reverse_cont()
    assert helped.reverse_cont().reason == "start"  # from now on without


def test_a_checkpoint_that_is_damaged_counts_where_it_is_needed(demo: Path, tmp_path: Path, monkeypatch) -> None:
    def edit(db) -> None:
        db.execute("UPDATE checkpoint SET parts = x'00' WHERE icount = 300000")

    path = resealing.resealed(demo, tmp_path / "damaged.ph", edit)
    monkeypatch.setattr(searching, "GRACE_NS", 0)
    found = []
    for helpers in (0, 3):
        with Crew(helpers, lambda channel: searching.serve(channel, lambda: opened(path))) as crew:
            line = opened(path)
            line.crew = crew if helpers else None
            line.seek(line.end)
            line.watch([], [Watch(EARLY & ~0xFFFF, 0x10000, READ | WRITE)])
            before = line.reverse_cont()
            line.watch([], [Watch(0x400000, 4, READ)])
            with pytest.raises(FormatError) as caught:
                line.reverse_cont()
            found.append((before, str(caught.value)))
    assert found[0] == found[1] and "checkpoint" in found[0][1] and found[0][0].reason == "watch"


WHO = (["--addr", "0x20b06e:1"], ["--addr", "0x400000"], ["--addr", "0x20b000", "--count", "3"])


@pytest.mark.parametrize("words", WHO)
def test_who(demo: Path, capfd: pytest.CaptureFixture[str], words: list[str]) -> None:
    found = []
    for jobs in ("1", "3"):
        status = main(["who", str(demo), "--physical", *words, "--jobs", jobs])
        found.append((status, *capfd.readouterr()))
    assert found[0] == found[1]
