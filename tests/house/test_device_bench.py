"""`./dev bench device`: its guest does what the rows say on both programs; the table says which goals are missed."""

from __future__ import annotations

import argparse
import json
import shutil

import pytest

from bench import device
from bench.device_rows import ROWS, Row


def test_a_register_a_sector_and_a_paste_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = ["pm-timer", "rep-insw", "paste-fifo"]
    assert device.main(["--only", ",".join(wanted), "--count", "5", "--runs", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["row"] for row in rows] == wanted
    sides = ["playhead", "QEMU"] if shutil.which(device.QEMU) else ["playhead"]
    for row in rows:
        assert row["goal"] == 2 and list(row["ns"]) == sides and row["iterations"] == dict.fromkeys(sides, 5)
        assert all(isinstance(ns, float) and ns for ns in row["ns"].values())


class Costs:
    """A bench whose accesses cost what the test says, in ns."""

    def __init__(self, **costs: float):
        self._costs = costs

    def net(self, side: device.Side, row: Row, count: int) -> float:
        return count * row.per * self._costs[side.name] / 1e9


@pytest.mark.parametrize(
    "name, playhead, qemu, missed",
    [("port61", 99, 50, False), ("port61", 101, 50, True), ("pic-eoi", 249, 50, False), ("pic-eoi", 251, 50, True),
     ("rep-insw", 101, 50, True), ("apic-lock", 149, 50, False), ("apic-lock", 151, 50, True),
     ("port61", 1, -1, False)],
)  # fmt: skip
def test_what_misses_its_goal(name: str, playhead: float, qemu: float, missed: bool) -> None:
    [row] = [row for row in ROWS if row.name == name]
    options = argparse.Namespace(count=100, runs=2, seconds=1.0)
    sides = [device.Side("playhead", ()), device.Side("QEMU", ())]
    found = device.measure(Costs(playhead=playhead, QEMU=qemu), row, sides, options)
    assert found["missed"] is missed
    assert found["ns"] == pytest.approx({"playhead": playhead, "QEMU": qemu})
    assert found["ratio"] == (pytest.approx(playhead / qemu) if qemu > 0 else None)


def test_what_is_lost_in_noise_reaches_no_goal(monkeypatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(device.Bench, "run", lambda *a: 0.0)
    bench = object.__new__(device.Bench)
    monkeypatch.setattr(bench, "net", Costs(playhead=-1, QEMU=50).net)
    sides = [device.Side("playhead", ()), device.Side("QEMU", ())]
    rows = [row for row in ROWS if row.name == "port61"]
    device.compare(bench, rows, sides, argparse.Namespace(count=100, runs=1, seconds=1.0, json=False))
    said = capsys.readouterr().out
    assert " noise " in said
    assert said.endswith("0 of 1 goals reached; too short to measure: port61 (a larger --count)\n")


def test_a_row_that_is_not_there_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert device.main(["--only", "port99"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("bench device: no row 'port99'; there are lapic-id,") and said.count("\n") == 1
