"""`./dev bench screen`: its guest draws on both programs; the screen's cost is told in times of RAM's."""

from __future__ import annotations

import json
import shutil

import pytest

from bench import screen
from bench.screen_rows import PAIRS, ROWS


def test_a_pair_and_a_bank_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["fill-ram", "fill-screen", "bank"]
    assert screen.main(["--only", ",".join(wanted), "--count", "3", "--runs", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["row"] for row in rows] == wanted
    sides = ["playhead", "QEMU"] if shutil.which(screen.device.QEMU) else ["playhead"]
    assert all(list(row["ns"]) == sides and all(row["ns"].values()) for row in rows)


@pytest.mark.parametrize("cost, verdict", [(1.09, "reached"), (1.11, "missed")])
def test_what_a_loop_on_the_screen_may_cost(cost: float, verdict: str, capsys: pytest.CaptureFixture[str]) -> None:
    ram, other = PAIRS[0]
    screen.conclude({ram.name: {"playhead": 2.0, "QEMU": 4.0}, other.name: {"playhead": 2 * cost, "QEMU": 4.0}},
                    ["playhead", "QEMU"])  # fmt: skip
    said = f"fill-screen in times of fill-ram: playhead {cost}, QEMU 1.00 (goal 1.1: {verdict})\n"
    assert capsys.readouterr().out == said and len(ROWS) == 2 * len(PAIRS) + 10


def test_a_row_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert screen.main(["--only", "cga"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench screen: no row 'cga'; there are fill-ram,") and said.count("\n") == 1
