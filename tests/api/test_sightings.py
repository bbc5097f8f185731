"""`find` equals brute force: a single-step run on the reference engine that compares memory behind each step."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from single_steps import stepping

import playhead
from playhead.api.recording import Recording
from playhead.api.walk import Walk
from playhead.log.moment import Moment

RECORDINGS = Path(__file__).parents[1] / "recordings" / "pc-5"
STARTS = {"inputs": "40%", "keys": 944_500, "network": "40%"}  # where something is written
WINDOW = 3_000  # instructions
LENGTHS = (1, 3, 8, 30)


class Change(NamedTuple):
    """What a step changed, with what is around it: moments before and behind the step, contents likewise."""

    moment: Moment
    next: Moment
    first: int
    before: bytes
    after: bytes


def changes(rec: Recording, low: Moment, high: Moment) -> list[Change]:
    """By each store of a window, bus masters' too."""
    around, found = max(LENGTHS), list[Change]()
    with stepping(rec, low) as (m, step):
        memory = m._machine.memory
        held = bytearray(memory.area[: memory.searchable])
        while m.moment < high:
            one = step()
            stores = [(address, size) for address, size in one.stores if address + size <= len(held)]
            for address, size in stores if one.next <= high else ():
                first, end = max(address - around, 0), min(address + size + around, len(held))
                found.append(Change(one.moment, one.next, first, bytes(held[first:end]), bytes(memory.area[first:end])))
            for address, size in stores:
                held[address : address + size] = memory.area[address : address + size]
    return found


def by_force(steps: list[Change], sought: bytes) -> set[tuple[Moment, Moment, int]]:
    """(moment before the step, behind it, address)"""
    found = set()
    for step in steps:
        n = step.after.find(sought)
        while n >= 0:
            if step.before[n : n + len(sought)] != sought:
                found.add((step.moment, step.next, step.first + n))
            n = step.after.find(sought, n + 1)
    return found


@pytest.mark.parametrize("name", STARTS)
def test_sightings_are_all_that_comes_to_stand(name: str) -> None:
    with playhead.open(RECORDINGS / f"{name}.ph") as rec:
        low = rec.instant(STARTS[name])
        high = min(Moment(low.icount + WINDOW), rec.end)
        steps = changes(rec, low, high)
        changing = [step for step in steps if step.before != step.after]
        assert changing, "nothing is written in this window"
        for n, length in enumerate(LENGTHS):
            step = changing[len(changing) * n // len(LENGTHS)]
            at = next(k for k, (a, b) in enumerate(zip(step.before, step.after, strict=True)) if a != b)
            sought = step.after[max(at - length // 2, 0) :][:length]
            wanted = by_force(steps, sought)
            assert wanted
            rows = list(rec.find(sought, between=(low, high)))
            assert len(rows) == len(wanted) and rows == sorted(rows, key=lambda row: row.moment)
            for row in rows:
                fits = [(begun, behind) for begun, behind, address in wanted if address == row.address]
                # an alarm in front of an instruction is a step with it
                assert any(row.moment == behind or (row.by != "cpu" and row.moment == begun) for begun, behind in fits)


def test_what_cannot_be_searched_for() -> None:
    with playhead.open(RECORDINGS / "inputs.ph") as rec:
        for data in (b"", bytes(4097), "secret"):
            with pytest.raises(playhead.errors.UsageError, match="1 to 4096 bytes"):
                rec.find(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["inputs", "network"])
def test_a_search_changes_nothing(name: str) -> None:
    """All digests and the output are compared with the recording's, while memory is searched."""
    with playhead.open(RECORDINGS / f"{name}.ph") as rec:
        walk = Walk(rec, rec.start, rec.end)
        walk.compare, walk.search = True, b"\0\0\1"
        assert sum(1 for _ in walk) > 10
        assert walk.moment == rec.end
