"""Steps over calls and out of functions, both ways, against a shadow stack that is kept while stepping through all of
it; on stretches with calls, system calls, interrupts, faults and REP.
"""

import random
from collections import Counter
from dataclasses import dataclass

import planted
import pytest
from quiet_host import QuietHost

from playhead.base.errors import UsageError
from playhead.boards.config import PcConfig
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.machine.debug import WRITE, Watch
from playhead.machine.machine import Machine
from playhead.timeline.frames import Moves, _is_call, _is_repeated, _is_return
from playhead.timeline.timeline import Timeline

STRETCHES = ((0, 400), (27_900, 29_700), (1_041_500, 1_043_600))


@dataclass(frozen=True)
class Step:
    """Before a step: where, how deep in calls, and what it is; `sure`: nothing odd (a task switch) so far."""

    moment: Moment
    pc: int
    depth: int
    kind: str
    switches: int


@pytest.fixture(scope="module")
def line(tmp_path_factory):
    path = planted.shared(tmp_path_factory)
    with Reader(str(path)) as reader:
        pc = PcConfig.from_json(reader.meta["config"], reader.blob)
        build = lambda door: Machine(pc, door, shift=reader.meta["shift"])  # noqa: E731
        yield Timeline(build, QuietHost(), reader, 1).begin()


@pytest.fixture(scope="module")
def traces(line) -> list[list[Step]]:
    return [trace(line, *stretch) for stretch in STRETCHES]


def trace(line: Timeline, start: int, end: int) -> list[Step]:
    moves, out, calls, switches = Moves(line), [], [], 0
    line.seek(Moment(start))
    while line.moment < Moment(end):
        here, pc, code = line.moment, line.machine.pc(), moves._code()
        kind = "call" if _is_call(code) else "return" if _is_return(code) else "rep" if _is_repeated(code) else ""
        behind = pc + moves._length()
        line.step()
        if line.moment.icount == here.icount:
            kind, behind = "delivery", pc
        out.append(Step(here, pc, len(calls), kind, switches))
        if kind in ("call", "delivery"):
            calls.append(behind)
        elif kind == "return" and not (calls and calls.pop() == line.machine.pc()):
            calls, switches = [], switches + 1  # to somewhere else: another task, or out of where we began
    return out


def following(steps: list[Step], k: int, wanted) -> Step | None:
    """The first step after `k` that is wanted, unless something odd comes first."""
    for step in steps[k + 1 :]:
        if step.switches != steps[k].switches:
            return None
        if wanted(step):
            return step
    return None


def preceding(steps: list[Step], k: int, wanted) -> Step | None:
    return following(steps[: k + 1][::-1], 0, wanted)


def expected(steps: list[Step], k: int) -> dict[str, Step | None]:
    at = steps[k]
    pc = steps[k + 1].pc if at.kind == "rep" else None
    one = at.kind in ("", "return") or (at.kind == "rep" and pc != at.pc)
    # where it is run to, interrupts that come first are stepped over too
    over = following(steps, k, lambda s: one or (s.depth <= at.depth and s.kind != "delivery" and (s.pc != pc)))
    out = following(steps, k, lambda s: s.depth < at.depth)
    before = preceding(steps, k, lambda s: s.depth <= at.depth)
    return {"next": over, "finish": out, "next_back": before,
            "reverse_finish": preceding(steps, k, lambda s: s.depth < at.depth) if out else None}  # fmt: skip


def test_calls_and_returns(line, traces):
    rng, tried = random.Random(5), Counter()
    for steps in traces:
        special = [k for k in range(1, len(steps) - 1) if steps[k].kind or steps[k - 1].kind in ("return", "delivery")]
        for k in sorted(rng.sample(special, min(25, len(special))) + rng.sample(range(1, len(steps)), 15)):
            for name, step in expected(steps, k).items():
                if step is None or (name == "next_back" and steps[k - 1].kind == "delivery"):
                    continue
                line.seek(steps[k].moment)
                arguments = () if "finish" in name else (1,)
                found = getattr(Moves(line), name)(*arguments)
                assert (found.reason, line.moment) == ("step", step.moment), (name, steps[k], step)
                tried[name, steps[k].kind] += 1
    assert all(tried[name, kind] for name, kind in (("next", "call"), ("next", "delivery"), ("next", "rep"),
               ("finish", ""), ("finish", "return"), ("next_back", ""), ("reverse_finish", "")))  # fmt: skip


def test_steps_by_number(line, traces):
    rng, steps = random.Random(6), traces[2]
    moves = Moves(line)
    for _ in range(10):
        a, b = sorted(rng.sample(range(len(steps)), 2))
        line.seek(steps[a].moment)
        assert (moves.step(b - a).reason, line.moment) == ("step", steps[b].moment)
        moves.step_back(b - a)
        assert line.moment == steps[a].moment
    line.seek(Moment(5))
    assert moves.step_back(5_000_000).moment == line.start and moves.step_back(1).reason == "start"
    line.seek(line.end)
    assert moves.step(3).reason == "end"


def test_what_ends_steps_on_the_way(line, traces):
    steps = traces[2]
    moves = Moves(line)
    often = Counter(s.pc for s in steps if s.kind == "return").most_common(1)[0][0]
    k = [n for n in range(len(steps)) if steps[n].pc == often][2]
    moves.breakpoints = {steps[k].pc: [None]}
    first = next(n for n in range(1, len(steps)) if steps[n].pc == steps[k].pc)
    line.seek(steps[0].moment)
    assert (moves.step(k).reason, line.moment) == ("break", steps[first].moment)
    line.seek(steps[k].moment)
    last = next(n for n in range(k - 1, -1, -1) if steps[n].pc == steps[k].pc)
    assert (moves.step_back(k).reason, line.moment) == ("break", steps[last].moment)
    moves.breakpoints = {steps[k].pc: [lambda: line.moment == steps[k].moment]}
    line.seek(steps[0].moment)
    assert (moves.step(len(steps)).reason, line.moment) == ("break", steps[k].moment)
    for call in (k for k in range(400, len(steps)) if steps[k].kind == "call"):
        line.seek(steps[call].moment)
        if moves._code()[0] == 0xE8:  # not a system call, which changes the stack
            break
    moves.breakpoints, moves.watches = {}, [Watch(moves._stack() - 4, 4, WRITE)]
    line.seek(steps[call - 1].moment)
    found = moves.step(10)
    assert (found.reason, line.moment) == ("watch", steps[call + 1].moment) and found.accesses
    found = moves.step_back(5)
    assert (found.reason, line.moment) == ("watch", steps[call].moment)


def test_a_function_that_does_not_return(line):
    here = Moment(line.end.icount - 131)  # in the shell's own loop
    line.seek(here)
    with pytest.raises(UsageError, match="does not return"):
        Moves(line).reverse_finish()
    assert line.moment == here
