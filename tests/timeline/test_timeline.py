"""Moving about in a recording: by whatever way one gets to a moment, it is the same machine."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import planted
import pytest
from quiet_host import QuietHost

from playhead.base.errors import UsageError
from playhead.boards.config import PcConfig
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.debug import READ, WRITE, Watch
from playhead.machine.machine import Machine
from playhead.timeline import moments
from playhead.timeline.timeline import Timeline


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    return planted.shared(tmp_path_factory)


@pytest.fixture
def timeline(recording) -> Iterator[Timeline]:
    with Reader(str(recording)) as reader:
        yield opened(reader)


def opened(reader: Reader) -> Timeline:
    pc = PcConfig.from_json(reader.meta["config"], reader.blob)
    return Timeline(lambda door: Machine(pc, door, shift=reader.meta["shift"]), QuietHost(), reader, 1).begin()


def straight(reader: Reader, goals: list[Moment]) -> dict[Moment, tuple]:
    """(digest, pc) at each moment, by one run forwards, step by step."""
    line, out = opened(reader), {}
    for goal in sorted(goals):
        line.player.to(goal)
        out[line.moment] = (line.player.digest(), line.machine.pc())
    return out


def test_random_walks_end_in_the_same_machine(recording):
    rng = random.Random(11)
    with Reader(str(recording)) as reader:
        line = opened(reader)
        visited: dict[Moment, set] = {}

        def note():
            assert line.start <= line.moment <= line.end
            visited.setdefault(line.moment, set()).add((line.player.digest().root, line.machine.pc()))

        for _ in range(60):
            match rng.randrange(6):
                case 0:
                    line.seek(Moment(rng.randrange(line.end.icount + 1)))
                case 1:
                    before = line.moment
                    line.step()
                    note()
                    if line.moment > before and before > line.start:
                        line.step_back()
                        assert line.moment <= before
                case 2:
                    line.step_back()
                case 3:
                    line.watch([line.machine.pc()], [])
                    line.cont()
                case 4:
                    line.watch([line.machine.pc()], [])
                    line.reverse_cont()
                case 5:
                    line.seek(Moment(max(line.moment.icount - rng.randrange(100_000), 0)))
            note()
        assert len(visited) > 20 and all(len(states) == 1 for states in visited.values())
        for moment, (digest, pc) in straight(reader, list(visited)).items():
            assert visited[moment] == {(digest.root, pc)}


def test_ten_steps_there_and_back(timeline):
    timeline.seek(Moment(1_000_000))
    there = [(timeline.moment, timeline.machine.pc())]
    for _ in range(10):
        timeline.step()
        there.append((timeline.moment, timeline.machine.pc()))
    for moment, pc in reversed(there[:-1]):
        assert timeline.step_back().reason == "step"
        assert (timeline.moment, timeline.machine.pc()) == (moment, pc)
    # breakpoints on adjacent instructions, one by one backwards, also the one just before
    timeline.seek(there[-1][0])
    timeline.watch([pc for _, pc in there[:-1]], [])
    last = {moment.icount: moment for moment, _ in there[:-1]}  # an interrupt may come before an instruction
    for moment in reversed(last.values()):
        assert timeline.reverse_cont().reason == "break" and timeline.moment == moment


@pytest.mark.parametrize("kind", ["break", "watch"])
def test_backwards_finds_what_forwards_finds(timeline, kind):
    begin, end = Moment(939_000), Moment(941_000)
    timeline.seek(begin)
    if kind == "break":
        passed = Counter(timeline.machine.pc() for _ in range(3000) if timeline.step())
        timeline.watch([min(passed, key=lambda pc: abs(passed[pc] - 10))], [])
    else:
        timeline.watch([], [Watch(0, 0xF0000, READ | WRITE)])
        used = Counter(timeline.cont().accesses[0].address for _ in range(400))
        timeline.watch([], [Watch(a, 4, READ | WRITE) for a in sorted(used, key=lambda a: used[a])[:3]])
    timeline.seek(begin)
    forwards = []
    while True:
        found = timeline.cont()
        if timeline.moment > end or found.reason == "end" or len(forwards) > 40:
            break
        forwards.append((timeline.moment, found.accesses))
    assert forwards
    timeline.seek(forwards[-1][0])
    if kind == "break":
        timeline.step()
    backwards = []
    while len(backwards) < len(forwards):
        found = timeline.reverse_cont()
        assert found.reason == kind, found
        if kind == "break":
            backwards.append((timeline.moment, found.accesses))
        else:
            at = timeline.moment
            timeline.step()
            backwards.append((timeline.moment, found.accesses))
            timeline.step_back()
            assert timeline.moment == at
    assert backwards[::-1] == forwards


def test_too_many_hits_are_not_all_looked_at(timeline, monkeypatch):
    from playhead.timeline import timeline as module

    monkeypatch.setattr(module, "MANY", 20)
    timeline.seek(Moment(500_000))
    pc = timeline.machine.pc()
    timeline.seek(timeline.end)
    timeline.watch([pc], [])
    timeline.reverse_cont()
    monkeypatch.setattr(module, "MANY", 1 << 60)
    found = timeline.moment
    timeline.seek(timeline.end)
    timeline.reverse_cont()
    assert timeline.moment == found


def test_ends(timeline):
    assert timeline.seek(Moment(1 << 60)).moment == timeline.end
    assert timeline.step().reason == timeline.cont().reason == "end"
    timeline.watch([0xDEADBEEF], [])
    assert timeline.reverse_cont().reason == "start" and timeline.moment == timeline.start
    assert timeline.step_back().reason == "start"
    assert timeline.cont().reason == "end" and timeline.moment == timeline.end


def test_moments(timeline):
    end = timeline.end
    parse = moments.parse
    assert parse("12", end) == Moment(12) and parse("0x10+3", end) == Moment(16, 3)
    assert parse("1.5M", end) == Moment(1_500_000)
    assert parse("end", end) == end and parse("50%", end) == Moment(end.icount // 2)
    for bad in ("", "x", "101%", "@", "12q", "serial:", "1++2", "--1", "9" * 5000, "5+" + "9" * 30, "9" * 99 + "%"):
        with pytest.raises(UsageError):
            parse(bad, end)
    timeline.seek(Moment(1000))
    timeline.find(parse("-100", end))
    assert timeline.moment == Moment(900)
    ns = 7_777_777
    timeline.find(parse(f"@{ns}ns", end))
    there = timeline.moment
    assert timeline.machine.now_ns() >= ns
    timeline.step_back()
    assert timeline.machine.now_ns() < ns and there > timeline.moment
    timeline.find(parse('serial:"sum"', end))
    heard = timeline.moment
    assert heard < end and heard.seq == 0
    with pytest.raises(UsageError, match="never prints"):
        timeline.find(parse("serial:no such text", end))
    with pytest.raises(UsageError, match="ends at"):
        timeline.find(parse("@1000000s", end))
