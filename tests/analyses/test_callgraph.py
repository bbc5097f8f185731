"""Call graphs: shadow stacks by themselves, and what is executed of a real guest against single steps."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import resealing

import playhead
from playhead.analyses.callgraph import call_graph
from playhead.analyses.shadow_stack import Stacks
from playhead.api.machine_view import MachineView
from playhead.cli import main
from playhead.linux.symbol_table import Symbol, SymbolTable
from playhead.log.moment import Moment

FIRST, LAST = 944_000, 956_000  # keys arrive, and the guest's shell answers


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resealing.dense_demo(tmp_path_factory)


def folded(stacks: Stacks) -> dict[str, int]:
    from playhead.analyses.callgraph import CallGraph

    stacks.finish()
    return dict(CallGraph(Moment(0), Moment(stacks.icount), stacks.tree, []).folded())


def test_calls_and_returns() -> None:
    ended = []
    stacks = Stacks(0, lambda stack, node, begin, end: ended.append((stack, node.name, begin, end)))
    stacks.jump("main")
    stacks.went(10)
    stacks.call("f", 0x100)
    stacks.went(15)
    stacks.call("g", 0x200)
    stacks.went(17)
    stacks.come_back(0x200, "f", False)
    stacks.went(18)
    stacks.call("g", 0x204)
    stacks.went(20)
    stacks.jump("h")  # a tail call
    stacks.went(26)
    stacks.come_back(0x100, "main", False)  # over a frame that has not returned
    stacks.went(30)
    assert folded(stacks) == {"main": 14, "main;f": 6, "main;f;g": 4, "main;f;h": 6}
    assert ended[:2] == [(1, "?", 0, 0), (1, "g", 15, 17)] and (1, "f", 10, 26) in ended


def test_tasks_are_switched_by_a_return() -> None:
    stacks = Stacks(0)
    stacks.jump("one")
    stacks.call("switch", 0x100)
    stacks.went(5)
    stacks.come_back(0x900, "two", False)  # to where nobody has called: a task that is new here
    stacks.went(9)
    stacks.call("switch", 0x910)
    stacks.went(11)
    stacks.come_back(0x100, "one", False)  # and back
    stacks.went(20)
    stacks.call("switch", 0x104)
    stacks.come_back(0x910, "two", False)
    stacks.went(22)
    assert folded(stacks) == {"one": 9, "one;switch": 5, "two": 6, "two;switch": 2}


def test_a_return_to_a_beginning_is_a_jump() -> None:
    stacks = Stacks(0)
    stacks.jump("main")
    stacks.call("thunk", 0x100)
    stacks.went(1)
    stacks.come_back(0x5000, "f", True)
    stacks.went(4)
    stacks.come_back(0x100, "main", False)
    stacks.went(6)
    assert folded(stacks) == {"main": 2, "main;thunk": 1, "main;f": 3}


def stepped(path: Path) -> tuple[list[tuple[int, bool]], SymbolTable]:
    """What is executed, whether by a program, and functions: what was called, each up to the next one."""
    with playhead.open(path, engine="reference") as rec:
        line = rec.timeline()
        line.enter(Moment(FIRST))
        view = MachineView(line.machine)
        steps: list[tuple[int, bool]] = []
        calls: dict[int, bool] = {}
        called = set()
        while line.moment < Moment(LAST):
            before, pc, user = line.moment, line.machine.pc(), line.machine.core.get("cpl") == 3
            if pc not in calls:
                calls[pc] = view.disassemble()[0].text.startswith("call")
            line.step()
            steps += [(pc, user)] * (line.moment.icount - before.icount)
            if calls[pc] and line.moment.icount > before.icount and not user:
                called.add(line.machine.pc())
    assert len(called) > 3
    starts = sorted(called)
    return steps, SymbolTable(Symbol(a, b - a, f"f{a:x}") for a, b in pairwise([*starts, starts[-1] + 64]))


def test_instructions_are_those_of_single_steps(path: Path) -> None:
    steps, table = stepped(path)
    graphs = []
    for engine in ("reference", "native"):
        with playhead.open(path, engine=engine) as rec:
            graphs.append(call_graph(rec, FIRST, LAST, symbols=table))
    expected: Counter[str] = Counter()
    for pc, user in steps:
        found = table.name(pc)
        known = f"system-{pc & -65536:08x}" if found is None else found[0]
        expected[f"user-{pc & -65536:08x}" if user else known] += 1
    for graph in graphs:
        leaves: Counter[str] = Counter()
        for chain, count in graph.folded():
            leaves[chain.rpartition(";")[2]] += count
        assert leaves == expected and graph.instructions == LAST - FIRST
    assert graphs[0].folded() == graphs[1].folded()
    assert any("[interrupt" in chain for chain, _ in graphs[0].folded())


def test_files(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / f"x.{kind}" for kind in ("folded", "svg", "json")]
    for file in files:
        assert main(["callgraph", str(path), "-o", str(file), "--from", str(FIRST), "--least", "10"]) == 0
    with playhead.open(path) as rec:
        left = rec.end.icount - FIRST
    lines = files[0].read_text().splitlines()
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == left
    assert f"{left:,} instructions in {len(lines):,} chains of calls" in capsys.readouterr().out
    root = ElementTree.parse(files[1]).getroot()
    assert root.tag.endswith("svg") and len(root) > 3
    events = json.loads(files[2].read_text())["traceEvents"]
    spans = [one for one in events if one["ph"] == "X"]
    assert spans and all(one["dur"] >= 0.01 for one in spans)
    for stack in {one["tid"] for one in spans}:  # as Perfetto wants them: one is in the other, or behind it
        open_: list[float] = []
        for one in (one for one in spans if one["tid"] == stack):
            while open_ and open_[-1] <= one["ts"] + 1e-9:
                open_.pop()
            end = one["ts"] + one["dur"]
            assert not open_ or end <= open_[-1] + 1e-9
            open_.append(end)


@pytest.mark.parametrize("words, said", [
    ([], "a call graph needs a file: -o x.folded, x.svg or x.json"),
    (["-o", "x.txt"], "it ends in .folded, .json or .svg"),
])  # fmt: skip
def test_refusals(path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str) -> None:
    assert main(["callgraph", str(path), *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
