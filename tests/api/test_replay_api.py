"""Replays with callbacks: what they are told; that they change nothing; that errors leave the recording usable."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import playhead
from playhead.api.happenings import Called, Executed, Happened, Returned, Touched
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


def test_ctrl_c_in_a_replay() -> None:
    with playhead.open(KEPT, engine="reference") as slow:
        timer = threading.Thread(target=lambda: (time.sleep(0.3), os.kill(os.getpid(), signal.SIGINT)))
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            slow.replay().run()
        timer.join()
        assert slow.at("1%").step().moment.icount


def test_bad_questions_are_refused(rec: Recording) -> None:
    errors = playhead.errors
    with pytest.raises(errors.UsageError, match="backwards"):
        rec.replay("60%", "40%")
    r = rec.replay()
    for ask in (lambda: r.on_instruction(), lambda: r.on_instruction(-1), lambda: r.on_memory(range(0)),
                lambda: r.on_memory(0, "x"), lambda: r.on_event("TEA"), lambda: r.on_call(1 << 40),
                lambda: r.on_call(0x1000, convention="pascal"), lambda: r.on_interrupt(256)(print),
                lambda: r.on_instruction(range(1 << 31))):  # fmt: skip
        with pytest.raises(errors.UsageError):
            ask()


CALLBACKS = st.lists(st.tuples(
    st.sampled_from(["instruction", "memory", "physical", "call", "return", "event"]),
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
                case "interrupt":
                    r.on_interrupt(call)
        r.run(compare=True)
