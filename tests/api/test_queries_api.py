"""Queries equal brute force: a single-step run on the reference engine that notes every store and every instruction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from single_steps import stepping

import playhead
from playhead.api.recording import Recording
from playhead.api.writes import Write
from playhead.hw.memory import PAGE
from playhead.log.moment import Moment
from playhead.machine import look

RECORDINGS = Path(__file__).parents[1] / "recordings"
STARTS = {"inputs": "40%", "keys": 944_500, "loadvm": "40%", "network": "40%"}  # where something is written
WINDOW = 8_000  # instructions


class Store(NamedTuple):
    """`moment`: before the step; `next`: behind it."""

    moment: Moment
    next: Moment
    address: int
    size: int


class Forced(NamedTuple):
    """What a window has, by brute force."""

    steps: list[tuple[Moment, Moment, int]]  # before, behind, address of the next instruction
    stores: list[Store]


def brute_force(rec: Recording, low: Moment, high: Moment) -> Forced:
    found = Forced([], [])
    with stepping(rec, low) as (m, step):
        while m.moment < high:
            one = step()
            found.steps.append((one.moment, one.next, one.pc))
            found.stores.extend(Store(one.moment, one.next, *store) for store in one.stores)
    return found


@pytest.fixture(scope="module", params=STARTS)
def window(request: pytest.FixtureRequest) -> Iterator[tuple[Recording, Moment, Moment, Forced]]:
    """Some thousand instructions of a kept recording."""
    with playhead.open(RECORDINGS / "pc-5" / f"{request.param}.ph") as rec:
        low = rec.instant(STARTS[request.param])
        high = min(Moment(low.icount + WINDOW), rec.end)
        yield rec, low, high, brute_force(rec, low, high)


def expected(forced: Forced, low: Moment, high: Moment, first: int, length: int) -> list[tuple[Moment, int, int]]:
    """(moment before, first byte touched, behind the last) of each step that wrote there."""
    by_step: dict[Moment, list[int]] = {}
    for store in forced.stores:
        begin, end = max(store.address, first), min(store.address + store.size, first + length)
        if begin < end and low < store.next <= high:
            edges = by_step.setdefault(store.moment, [begin, end])
            edges[:] = min(edges[0], begin), max(edges[1], end)
    return [(moment, *edges) for moment, edges in by_step.items()]


def told(rows: list[Write]) -> list[tuple[Moment, int, int]]:
    return [(row.moment, row.address, row.address + len(row.after)) for row in rows]


def test_writes_are_all_writes(window: tuple[Recording, Moment, Moment, Forced]) -> None:
    rec, low, high, forced = window
    counts: dict[int, int] = {}
    reloaded = bool(rec.events("SNAPSHOT_LOADED", between=(low, high)))  # which is no write
    for store in forced.stores:
        counts[store.address & ~7] = counts.get(store.address & ~7, 0) + 1
    assert counts, "nothing is written in this window"
    often, seldom = max(counts, key=lambda at: counts[at]), min(counts, key=lambda at: counts[at])
    for first, length in ((often, 8), (seldom, 4), (often & ~(PAGE - 1), PAGE)):
        wanted = expected(forced, low, high, first, length)
        ordered = list(rec.writes(first, length, physical=True, newest_first=False, between=(low, high)))
        newest = list(rec.writes(first, length, physical=True, between=(low, high)))
        assert told(ordered) == wanted and newest == ordered[::-1]
        held: dict[int, int] = {}
        for row in ordered:
            for n, (before, after) in enumerate(zip(row.before, row.after, strict=True)):
                assert held.get(row.address + n, before) == before or reloaded
                held[row.address + n] = after
            assert rec.at(row).pc == row.ip if len(ordered) < 8 else True
        with rec.at(high) as m:
            assert all(m.physical[at] == byte for at, byte in held.items())


def test_many_writes_come_in_pieces(window: tuple[Recording, Moment, Moment, Forced],
                                    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    rec, low, high, forced = window
    first = forced.stores[0].address & ~(PAGE - 1)
    whole = list(rec.writes(first, PAGE, physical=True, newest_first=False, between=(low, high)))
    monkeypatch.setattr("playhead.api.writes.AT_ONCE", 7)
    pieces = rec.writes(first, PAGE, physical=True, between=(low, high))
    assert pieces[:20] == whole[::-1][:20] and not (pieces.complete and len(whole) > 40)


def test_executions_and_calls_are_all_of_them(window: tuple[Recording, Moment, Moment, Forced]) -> None:
    rec, low, high, forced = window
    executed = [(before, pc) for before, behind, pc in forced.steps if behind.icount > before.icount and before < high]
    # by instruction, because an alarm may ring in front of one, which a step takes along
    counts: dict[int, int] = {}
    for _, pc in executed:
        counts[pc] = counts.get(pc, 0) + 1
    often = max(counts, key=lambda pc: counts[pc])
    some = [often, executed[0][1], executed[-1][1]]
    rows = rec.executions(*some, between=(low, high))
    assert [(row.moment.icount, row.address) for row in rows] == [(at.icount, pc) for at, pc in executed if pc in some]
    assert rec.executions(often, between=(low, high)).first() == next(row for row in rows if row.address == often)
    with rec.at(low) as m:
        for before, pc in executed[:2000]:
            code = look.read(m.run_to(before)._machine, pc, 1)
            if code == b"\xe8":
                behind = pc + len(m.disassemble()[0].code)
                target, begun = m.step().pc, m.moment
                break
        else:
            return
    calls = rec.calls(target, results=True, between=(low, high))
    assert [row.moment.icount for row in calls] == [moment.icount for moment, pc in executed if pc == target]
    assert all(row.caller == behind for row in calls if row.moment == begun)
    for row in calls[:3]:
        if row.returned is not None:
            with rec.at(row) as at:
                assert (at.finish().moment, at.pc, at.regs.eax) == (row.returned, row.caller, row.result)


def test_the_first_moment_of_something(window: tuple[Recording, Moment, Moment, Forced]) -> None:
    rec, low, high, forced = window
    before, _, pc = forced.steps[min(3000, len(forced.steps) - 1)]
    between = (low, before)
    found = rec.first(lambda m: m.moment >= before, between=(low, high))
    assert found is not None and found.moment == before
    found = rec.first(lambda m: m.moment >= before, between=(low, high), monotonic=True)
    assert found is not None and (found.moment, found.pc) == (before, pc)
    found = rec.first(lambda m: m.icount >= before.icount, between=(low, high), every=1000)
    assert found is not None and found.icount == min(-(-before.icount // 1000) * 1000, high.icount)
    assert rec.first(lambda m: False, between=between, every=700) is None
    executed = [at for at, behind, where in forced.steps if behind.icount > at.icount and where == pc]
    found = rec.first(lambda m: True, between=(low, high), at=pc)
    assert found is not None and found.icount == executed[0].icount
    with pytest.raises(playhead.errors.UsageError, match="at most"):
        rec.first(bool, every=2, monotonic=True)
    with pytest.raises(ZeroDivisionError):
        rec.first(lambda m: bool(1 // 0))


def test_the_first_write_that_matters(window: tuple[Recording, Moment, Moment, Forced]) -> None:
    rec, low, high, forced = window
    store = forced.stores[len(forced.stores) // 2]
    wanted = expected(forced, low, high, store.address, 1)
    place = range(store.address, store.address + 1)
    found = rec.first(lambda m: m.moment > low, between=(low, high), written=place, physical=True)
    one = next(one for one in forced.stores if one.moment == wanted[0][0])
    assert found is not None and found.moment in (one.next, one.moment)  # what enters at a moment writes there


def test_tables_are_read_as_far_as_needed(window: tuple[Recording, Moment, Moment, Forced]) -> None:
    rec, low, high, forced = window
    rows = rec.executions(*{pc for _, _, pc in forced.steps}, between=(low, high))
    first = rows[0]
    assert not rows.complete and rows.first() == first and bool(rows)
    assert "more" in rows._repr_html_() and not rows.complete and first.as_dict()["icount"] == first.moment.icount
    assert len(rows) == len(rows.as_dicts()) == len(list(rows)) and rows.complete
    assert rows[-1] == list(rows)[-1] and f"{rows[0].address:#010x}" in str(rows)


def test_what_cannot_be_asked() -> None:
    with playhead.open(RECORDINGS / "pc-5" / "inputs.ph") as rec:
        for length in (0, -1, 1 << 21, 2.5):
            with pytest.raises(playhead.errors.UsageError, match="length can be"):
                rec.writes(0x1000, length)  # type: ignore[arg-type]
        with pytest.raises(playhead.errors.NoMemory, match="no memory at physical address 0xe0000000"):
            rec.writes(0xE0000000, physical=True)
        with pytest.raises(playhead.errors.UsageError, match="last address"):
            rec.writes(0xFFFFFFFE, 4)
        with pytest.raises(playhead.errors.UnknownSymbol, match="symbols are not known"):
            rec.executions("schedule")
        with pytest.raises(playhead.errors.UsageError, match="number of instructions"):
            rec.first(bool, every=0)
