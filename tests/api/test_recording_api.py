"""The Python interface on a kept recording: moments, memory, registers, movements."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import playhead
from playhead.api.recording import Recording
from playhead.linux.symbol_table import Symbol, SymbolTable

KEPT = Path(__file__).parents[1] / "recordings" / "pc-5" / "inputs.ph"


@pytest.fixture
def rec() -> Iterator[Recording]:
    with playhead.open(KEPT) as found:
        yield found


def test_a_recording_says_what_it_is(rec: Recording) -> None:
    assert rec.instructions == rec.end.icount > 0
    assert rec.machine.version == "pc-5" and rec.machine.as_dict()["shift"] == rec.machine.shift
    assert "pc-5" in rec._repr_html_() and "<table>" in rec.snapshots._repr_html_()
    text = rec.console()
    assert text and b"\n".join(line.text.encode() for line in rec.lines()) in text.replace(b"\r", b"")
    kinds = {row.kind for row in rec.events()}
    one = min(kinds)
    assert {row.kind for row in rec.events(one)} == {one} and len(rec.events(one)) == len(rec.events(one).as_dicts())


def test_a_moment_moves_and_comes_back(rec: Recording) -> None:
    m = rec.at("50%")
    before = m.moment, m.regs.as_dict()
    assert m.step(3).moment > before[0]
    assert (m.back(3).moment, m.regs.as_dict()) == before
    assert m.run_to("end").moment == rec.end and m.run_to(before[0]).regs.as_dict() == before[1]
    assert "eip" in dir(m.regs) and f"{m.regs.eax:08x}" in m._repr_html_()


def test_a_breakpoint_is_reached_from_both_sides(rec: Recording) -> None:
    with rec.at("50%") as m, rec.at("50%") as other:
        there = m.step(1000).moment
        place = m.pc
        while m.run_to(other).continue_(place).reason == "break" and m.moment < there:
            other.run_to(m)
        assert m.moment == there and m.pc == place
        m.step(20)
        arrived = m.continue_(place, reverse=True)
        assert (arrived.reason, arrived.address) == ("break", place) and arrived.moment >= there
        assert m.continue_(place, limit=m.icount + 1).reason == "goal"


def test_a_watch_stops_behind_a_write_and_before_it_backwards(rec: Recording) -> None:
    m = rec.at("50%")
    stack = m.regs.ss_base + m.regs.esp
    found = m.continue_(watch=[(range(stack - 64, stack), "w")])
    assert found.reason == "watch" and found.accesses[0].kinds == "w" and found.accesses[0].by == "cpu"
    behind = m.moment
    back = m.continue_(watch=(range(stack - 64, stack), "w"), reverse=True)
    assert back.reason == "watch" and back.moment < behind and "address" in back._repr_html_()


def test_a_condition_counts_and_may_raise(rec: Recording) -> None:
    m = rec.at("50%")
    here, place = m.moment, m.pc
    later = m.step(2).continue_(place, condition=lambda view: view.icount > here.icount + 1)
    assert later.reason in ("break", "end")
    for reverse in (False, True):
        m.run_to("50.5%")
        with pytest.raises(ZeroDivisionError):
            m.continue_(range(place & ~0xFFF, place | 0xFFF), condition=lambda view: bool(1 // 0), reverse=reverse)
        assert m.moment == rec.at("50.5%").moment and m.run_to(here).pc == place


def test_what_is_not_there_is_said(rec: Recording) -> None:
    with pytest.raises(playhead.errors.NoSuchMoment, match="it goes from instruction 0 to"):
        rec.at(rec.end.icount + 1)
    with pytest.raises(playhead.errors.UsageError, match="is no moment"):
        rec.at("noon")
    with pytest.raises(playhead.errors.UsageError, match="is no moment"):
        rec.at(3.5)  # type: ignore[arg-type]
    m = rec.at("start")
    with pytest.raises(playhead.errors.NoMemory, match="no memory at address 0xe0000000"):
        m.memory.read(0xE0000000, 4)
    with pytest.raises(playhead.errors.UsageError, match="4 GiB"):
        m.memory[1 << 32]
    with pytest.raises(playhead.errors.UsageError, match="no address"):
        m.continue_(1 << 32)
    rec.symbols = SymbolTable([Symbol(m.pc, 16, "scheduled")])
    assert rec.address("scheduled") == m.pc
    with pytest.raises(playhead.errors.UnknownSymbol, match="'schedule'; there are scheduled"):
        m.continue_("schedule")
    with pytest.raises(playhead.errors.UsageError, match="r, w or rw"):
        m.continue_(watch=(0x1000, "x"))
    with pytest.raises(playhead.errors.UsageError, match="before"):
        rec.at("50%").continue_(limit="start")
    with pytest.raises(AttributeError, match="no register 'rax'"):
        m.regs.rax  # noqa: B018
    with pytest.raises(playhead.errors.UsageError, match="only read"):
        m.regs.eax = 5
    with pytest.raises(playhead.errors.UsageError, match="'scheduled' is no linear address"):
        m.disassemble(1, "scheduled")  # type: ignore[arg-type]
    with pytest.raises(playhead.errors.UsageError, match="no events of kind"):
        rec.events("TEA")


def test_what_was_closed_says_so_and_its_machine_is_used_again(rec: Recording) -> None:
    m = rec.at("50%")
    line = m._timeline
    with m:
        assert not m.closed
    assert m.closed and "closed" in repr(m)
    with pytest.raises(playhead.errors.UsageError, match="this moment has been closed"):
        m.step()
    again = rec.at("40%")
    assert again._timeline is line and again.regs.as_dict() == rec.at("40%").regs.as_dict()
    table = rec.events()
    rec.close()
    for ask in (again.step, rec.console, lambda: len(table), lambda: len(rec.lines()), lambda: len(rec.snapshots)):
        with pytest.raises(playhead.errors.UsageError, match="has been closed"):
            ask()


def test_moments_share_what_they_have_in_common(rec: Recording) -> None:
    first, second = rec.at("50%"), rec.at("50%")
    assert first._timeline.player.start is second._timeline.player.start
    assert first._machine.digest() == second._machine.digest()
    second.run_to("20%").run_to("50%")
    assert first._machine.digest() == second._machine.digest()


def test_ctrl_c_leaves_a_proper_moment(ctrl_c: None) -> None:
    before = signal.getsignal(signal.SIGINT)
    with playhead.open(KEPT, engine="reference") as slow, playhead.open(KEPT) as rec:
        m = slow.at("start")
        with pytest.raises(KeyboardInterrupt):
            m.run_to("end")
        assert slow.start < m.moment < slow.end and signal.getsignal(signal.SIGINT) is before
        assert m._machine.digest() == rec.at(m)._machine.digest()
        assert m.step(10)._machine.digest() == rec.at(m)._machine.digest()


def test_what_the_package_offers() -> None:
    assert {"open", "record", "run", "errors", "Recording", "Moment", "Replay"} <= set(dir(playhead))
    for name in dir(playhead):
        assert getattr(playhead, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'opne'"):
        playhead.opne  # type: ignore[attr-defined]  # noqa: B018


def test_symbols_of_a_file_are_added_to_those_of_the_kernel(
    rec: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import playhead.linux

    monkeypatch.setattr(playhead.linux, "symbols_of", lambda reader: SymbolTable([Symbol(0xC1000000, 16, "vfs_read")]))
    (tmp_path / "my.map").write_text("08048000 T mine\n")
    rec.load_symbols(tmp_path / "my.map")
    assert rec.address("vfs_read") == 0xC1000000 and rec.name_of(0x08048004) == "mine+0x4"


def test_symbols_of_a_file_are_enough_where_there_is_no_kernel(rec: Recording, tmp_path: Path) -> None:
    (tmp_path / "my.map").write_text("08048000 T mine\n")
    rec.load_symbols(tmp_path / "my.map")
    assert rec.address("mine") == 0x08048000
