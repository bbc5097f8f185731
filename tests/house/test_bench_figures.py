"""What the side-by-side benches print: times are those of the processes, verdicts those of the goals."""

from __future__ import annotations

import sys

import pytest

from bench import page
from bench.processes import Took, between, median, whole
from bench.sides import Goal, Row, markdown, ratio, table, turns, verdict

BUSY = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass\n"
CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(0.3)!r}])"


def took(cpu: float, wall: float = 1.0, own: float = 0.0) -> list[Took]:
    return [Took(wall, cpu, own)]


def test_the_time_of_a_process_is_its_own_and_that_of_what_it_started():
    found = whole([sys.executable, "-c", CHILD], memory=True)
    assert found.cpu >= 0.3 > found.own and found.wall >= 0.3


def test_a_helper_that_ends_later_counts():
    helper = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BUSY.format(0.3)!r}], stdout=-3)"
    found = whole([sys.executable, "-c", helper])
    assert found.cpu >= 0.3 > found.own


def test_only_what_lies_between_two_lines_counts():
    begin, end = (f"print({text!r}, flush=True)\n" for text in ("BEGIN a", "END a 7 8"))
    program = BUSY.format(0.3) + begin + BUSY.format(0.1) + end + BUSY.format(0.3)
    found = between([sys.executable, "-c", program])
    assert list(found) == ["a"] and found["a"].result == "7 8"
    assert 0.05 <= found["a"].took.cpu <= 0.25  # /proc counts in steps of 10 ms


def test_a_process_that_fails_measures_nothing():
    with pytest.raises(SystemExit, match="exit status 3"):
        whole([sys.executable, "-c", "raise SystemExit(3)"])


@pytest.mark.parametrize(("cpu", "said"), [(0.4, "aim met"), (0.5, "reached"), (0.71, "missed")])
def test_verdicts(cpu, said):
    row = Row("work", {"playhead": took(cpu), "QEMU": took(1.0)}, Goal(0.7, 0.4))
    assert verdict(row) == said and said in table([row])


def test_a_goal_may_be_about_another_time():
    sides = {"playhead": took(9.0, wall=0.3, own=9.0), "QEMU": took(1.0, wall=1.0, own=1.0)}
    assert verdict(Row("work", sides, Goal(0.7, 0.4), by="wall")) == "aim met"
    assert verdict(Row("work", sides, Goal(0.7, 0.4))) == "missed"


def test_without_the_other_side_there_is_no_ratio():
    row = Row("work", {"playhead": took(1.0)}, Goal(0.7, 0.4))
    assert ratio(row) is None and verdict(row) == "" and "1.00 (1.00)" in table([row])


def test_medians_are_of_each_figure():
    assert median([Took(1, 9), Took(3, 7), Took(2, 8)]) == Took(2, 8, 0, 0)


def test_each_round_begins_with_another_side():
    assert list(turns(["a", "b"], 2)) == [(0, "a"), (0, "b"), (1, "b"), (1, "a")]


def test_tables_are_aligned():
    assert markdown([["a", "bb"], ["ccc", "d"]]) == "| a   | bb |\n|-----|---:|\n| ccc |  d |"


def test_a_measurement_replaces_its_own_part_of_the_page(tmp_path, monkeypatch):
    path = tmp_path / "performance.md"
    path.write_text("before\n<!-- bench x -->\nold\n<!-- end of bench x -->\nafter\n")
    monkeypatch.setattr(page, "PAGE", path)
    page.write("x", "new")
    assert path.read_text() == "before\n<!-- bench x -->\nnew\n<!-- end of bench x -->\nafter\n"
    with pytest.raises(SystemExit, match="no place for y"):
        page.write("y", "new")
