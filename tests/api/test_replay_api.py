"""Replays with callbacks: what they are told; that they change nothing; that errors leave the recording usable."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import playhead
from playhead.api.counters import Block, Blocks, InstructionCounts, MemoryCounts
from playhead.api.happenings import Called, Delivered, Executed, Happened, Returned, Touched
from playhead.api.recording import Recording

RECORDINGS = Path(__file__).parents[1] / "recordings"
KEPT = RECORDINGS / "pc-5" / "inputs.ph"


@pytest.fixture(scope="module")
def rec() -> Iterator[Recording]:
    with playhead.open(KEPT) as found:
        yield found


def trail(rec: Recording, start: Any, steps: int) -> list[tuple[Any, int]]:
    """Moments and addresses of so many instructions, by single steps."""
    found = []
    with rec.at(start) as m:
        for _ in range(steps):
            found.append((m.moment, m.pc))
            m.step()
    return found


def test_an_instruction_is_told_of_each_time(rec: Recording) -> None:
    steps = trail(rec, "50%", 3000)
    place = steps[1500][1]
    seen: list[Executed] = []
    r = rec.replay(steps[0][0], steps[-1][0])
    r.on_instruction(place)(seen.append)
    r.run()
    expected = [moment for moment, pc in steps[:-1] if pc == place]
    with rec.at(steps[0][0]) as m:  # a step before a delivery has the address of an instruction that is not next
        expected = [at for at in expected if m.run_to(at).step().moment.icount > at.icount]
    assert [it.moment for it in seen] == expected and {it.address for it in seen} == {place}


def test_a_call_has_its_caller_and_its_result(rec: Recording) -> None:
    steps = trail(rec, "50%", 6000)
    calls: list[Called] = []
    with rec.at("50%") as m:
        for moment, pc in steps:
            if m.run_to(moment).disassemble()[0].text.startswith("call "):
                behind = pc + len(m.disassemble()[0].code)
                target = m.step().pc
                break
        else:
            pytest.skip("no call there")
    r = rec.replay(moment, "end")
    returns: list[Returned] = []

    @r.on_call(target)
    def _(it: Called) -> None:
        calls.append(it)
        assert it.machine.memory.u32(it.stack) == it.caller

    @r.on_return(target)
    def _(it: Returned) -> None:
        returns.append(it)
        assert it.result == it.machine.regs.eax and it.machine.pc == it.call.caller
        if len(returns) == 20:
            r.stop()

    r.run()
    assert calls[0].caller == behind and returns and returns[0].moment > returns[0].call.moment
    with rec.at(calls[0]) as m:
        m.finish()
        assert m.moment == next(it.moment for it in returns if it.call.moment == calls[0].moment)


def test_accesses_are_told_with_what_was_written(rec: Recording) -> None:
    with rec.at("50%") as m:
        top = m.regs.ss_base + m.regs.esp
    seen: list[Touched] = []
    r = rec.replay("50%", "52%")
    r.on_memory(range(top - 32, top + 32), "w")(seen.append)

    @r.on_memory(range(top - 32, top + 32), "rw")
    def _(it: Touched) -> None:
        if it.write and not it.physical and len(seen) < 50:
            assert it.machine.memory[it.address : it.address + it.size] == it.value

    r.run()
    assert seen and all(it.write for it in seen)


def test_events_are_told_before_they_enter(rec: Recording) -> None:
    seen: list[Happened] = []
    r = rec.replay()
    r.on_event(seen.append)
    r.run()
    assert [(it.moment, it.kind) for it in seen] == [(row.moment, row.kind) for row in rec.events()
                                                     if row.moment < rec.end]  # fmt: skip


def test_deliveries_are_told_at_their_handlers(rec: Recording) -> None:
    seen: list[Delivered] = []
    r = rec.replay()
    r.on_interrupt(seen.append)
    r.on_interrupt(0x20)(lambda it: None)

    @r.on_interrupt
    def _(it: Delivered) -> None:
        assert (it.machine.pc, it.machine.moment) == (it.address, it.moment)

    r.run()
    low, high = r.start, r.end
    expected = []
    with rec.at(low) as m:
        while m.moment < high:
            before, pc = m.moment, m.pc
            m.step()
            if m.icount == before.icount and m.pc != pc:
                expected.append((m.moment, m.pc))
    assert seen and [(it.moment, it.address) for it in seen if it.kind != "software"] == expected


def test_instructions_are_counted(rec: Recording) -> None:
    def counted(start: Any, end: Any) -> InstructionCounts:
        r = rec.replay(start, end)
        counts = r.count_instructions()
        with pytest.raises(playhead.errors.UsageError, match=r"run\(\) the replay first"):
            counts.total  # noqa: B018
        r.run(compare=True)
        return counts

    low, middle, high = (rec.instant(place) for place in ("40%", "47%", "55%"))
    whole = counted(low, high)
    assert whole.total == high.icount - low.icount
    assert all((a == b).all() for a, b in zip(whole.counts, (counted(low, middle) + counted(middle, high)).counts,
                                              strict=True))  # fmt: skip
    hottest = whole.hottest()[0]
    assert whole.of(hottest.address) == hottest.count == len(rec.executions(hottest.address, between=(low, high)))
    assert sum(row.count * row.instructions for row in whole.blocks()) == whole.total
    assert "blocks" in whole._repr_html_()


def test_accesses_are_counted_by_page(rec: Recording) -> None:
    def counted(start: Any, end: Any) -> MemoryCounts:
        r = rec.replay(start, end)
        counts = r.count_memory()
        with pytest.raises(playhead.errors.UsageError, match=r"run\(\) the replay first"):
            counts.pages()[0]
        r.run(compare=True)
        return counts

    low, middle, high = (rec.instant(place) for place in ("40%", "47%", "55%"))
    whole = counted(low, high)
    assert (counted(low, middle) + counted(middle, high)).counts == whole.counts
    most = max(whole.pages(), key=lambda row: row.writes)
    written = [row for row in rec.writes(most.address, 4096, physical=True, between=(low, high)) if row.by == "cpu"]
    assert most.writes >= len(written) > 0


def test_blocks_come_in_order_and_before_what_follows_them(rec: Recording) -> None:
    low, high = rec.instant("40%"), rec.instant("45%")
    r = rec.replay(low, high)
    blocks: list[Block] = []
    some: list[int] = []
    late: list[Any] = []
    counts = r.count_instructions()
    place = rec.at("42%").pc

    @r.on_block
    def _(batch: Blocks) -> None:
        blocks.extend(batch)

    @r.on_block(range(place & ~0xFF, place | 0xFF))
    def _(batch: Blocks) -> None:
        some.extend(batch.address.tolist())

    @r.on_instruction(place)
    def _(it: Executed) -> None:
        late.extend(one for one in blocks if one.moment.icount > it.moment.icount)

    r.run(compare=True)
    assert blocks and not late and [one.moment for one in blocks] == sorted(one.moment for one in blocks)
    assert low.icount <= blocks[0].moment.icount and blocks[-1].moment.icount < high.icount
    assert some == [one.address for one in blocks if one.address >> 8 == place >> 8]
    assert {one.address for one in blocks} <= set(counts.counts.linear.tolist())


def test_what_a_callback_for_blocks_raises_comes_out(rec: Recording) -> None:
    r = rec.replay()

    @r.on_block
    def guilty(batch: Blocks) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as e:
        r.run()
    assert any(entry.name == "guilty" for entry in e.traceback)
    stopped = rec.replay()
    seen = []
    stopped.on_block(lambda batch: (seen.append(len(batch)), stopped.stop()))
    counts = stopped.count_instructions()
    stopped.run()
    assert len(seen) == 1 and 0 < counts.total <= rec.instructions
    assert rec.at("50%").step().moment


def test_two_stretches_tell_what_one_does(rec: Recording) -> None:
    with rec.at("50%") as m:
        place, top = m.pc, m.regs.ss_base + m.regs.esp

    def told(*edges: Any) -> list[Any]:
        seen: list[Any] = []
        for start, end in pairwise(edges):
            r = rec.replay(start, end)
            r.on_instruction(place)(seen.append)
            r.on_memory(range(top - 16, top))(seen.append)
            r.on_event(seen.append)
            r.run()
        return [(type(it), it.moment, it.as_dict()) for it in seen]

    whole = told("49%", "51%")
    middle = [moment for _, moment, _ in whole][len(whole) // 2]
    assert whole and told("49%", middle, "51%") == whole


def test_a_callback_that_raises_ends_it_and_no_more(rec: Recording) -> None:
    r = rec.replay("40%")
    kept: list[Executed] = []

    @r.on_instruction(rec.at("50%").pc)
    def guilty(it: Executed) -> None:
        kept.append(it)
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine") as e:
        r.run()
    assert any(entry.name == "guilty" for entry in e.traceback) and len(kept) == 1
    with pytest.raises(playhead.errors.UsageError, match="moved on"):
        kept[0].machine.regs.eax  # noqa: B018
    assert rec.at(kept[0]).pc == kept[0].address and rec.at("60%").step().moment
    assert kept[0].as_dict()["address"] == kept[0].address
    with pytest.raises(LookupError):
        r.run()


def test_ctrl_c_in_a_replay(ctrl_c: None) -> None:
    with playhead.open(KEPT, engine="reference") as slow:
        with pytest.raises(KeyboardInterrupt):
            slow.replay().run()
        assert slow.at("1%").step().moment.icount


def test_bad_questions_are_refused(rec: Recording) -> None:
    errors = playhead.errors
    with pytest.raises(errors.UsageError, match="backwards"):
        rec.replay("60%", "40%")
    r = rec.replay()
    for ask in (lambda: r.on_instruction(), lambda: r.on_instruction(-1), lambda: r.on_memory(range(0)),
                lambda: r.on_memory(0, "x"), lambda: r.on_event("TEA"), lambda: r.on_call(1 << 40),
                lambda: r.on_call(0x1000, convention="pascal"), lambda: r.on_interrupt(256)(print),
                lambda: r.on_instruction(range(1 << 31)), lambda: r.on_block(1)):  # fmt: skip
        with pytest.raises(errors.UsageError):
            ask()
    with pytest.raises(errors.UsageError, match="pair of moments"):
        rec.executions(0x1000, between="50%")  # type: ignore[arg-type]
    for query in (5, playhead.Query):
        with pytest.raises(errors.UsageError, match="is no question"):
            playhead.ask(rec, query)  # type: ignore[arg-type]


def test_what_a_running_replay_is_to_tell_is_fixed(rec: Recording) -> None:
    r = rec.replay()
    late: list[str] = []

    @r.on_event
    def _(it: object) -> None:
        for ask in (r.on_event, r.on_block, r.count_instructions, r.count_memory, lambda: r.on_instruction(0),
                    r.on_syscall):  # fmt: skip
            with pytest.raises(playhead.errors.UsageError, match="before run"):
                ask()
        late.append("refused")
        r.stop()

    r.run()
    assert late
    r.on_instruction(0)


CALLBACKS = st.lists(st.tuples(
    st.sampled_from(["instruction", "memory", "physical", "call", "return", "event", "interrupt", "block", "count"]),
    st.integers(0, 99), st.integers(1, 64)), max_size=4)  # fmt: skip


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(["inputs", "keys", "loadvm", "network"]), wanted=CALLBACKS, start=st.integers(0, 98))
def test_no_callback_changes_anything(name: str, wanted: list[tuple[str, int, int]], start: int) -> None:
    with playhead.open(RECORDINGS / "pc-5" / f"{name}.ph") as rec:
        r = rec.replay(f"{start}%", f"{start + 2}%")
        told = []

        def call(it: Any) -> None:
            told.append(it.machine.disassemble(2))
            told.append(it.machine.memory.string(it.machine.regs.esp, 8) if it.machine.translate(it.machine.regs.esp)
                        else it.as_dict())  # fmt: skip
            if len(told) > 400:
                r.stop()

        for kind, percent, length in wanted:
            with rec.at(f"{percent}%") as m:
                place, top = m.pc, (m.regs.ss_base + m.regs.esp) & 0xFFFFF000
            match kind:
                case "instruction":
                    r.on_instruction(range(place, place + length))(call)
                case "memory" | "physical":
                    r.on_memory(range(top, top + length), physical=kind == "physical")(call)
                case "call":
                    r.on_call(place)(call)
                case "return":
                    r.on_return(place)(call)
                case "event":
                    r.on_event(call)
                case "block":
                    r.on_block(lambda batch: told.extend(batch[:10]))
                case "count":
                    r.count_instructions()
                case "interrupt":
                    r.on_interrupt(call)
        r.run(compare=True)
