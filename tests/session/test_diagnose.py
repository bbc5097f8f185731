"""Planted faults are found: in a replay to the exact moment, in a recording to an interval and a part of it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import planted
import pytest
from planted import PERIOD, AtMoment, drop, faulty, flip, misread, move, record, replay

from quiet_host import QuietHost

from playhead.engine.reference import ReferenceEngine
from playhead.log.events import CharRead, ClockHost
from playhead.log.moment import Moment
from playhead.machine.accesses import watching
from playhead.machine.machine import Machine
from playhead.session.report import Report

SIEVE = 0x20B06E  # a byte of the prime task's table
FLIPPED_AT = 524_347


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.shared(tmp_path_factory)


def diagnosed(path: Path, *machines: type[Machine], **more) -> tuple[str, Report]:
    found = replay(path, *machines, **more)
    assert isinstance(found, tuple), f"it replayed: {found}"
    error, report = found
    print(error, report, sep="\n")
    assert len(str(report)) < 5000
    return str(error), report


def lines(report: Report, label: str) -> list[str]:
    return [text for name, text in report.lines if name == label]


def uses(path: Path, address: int, start: int, end: int) -> list[int]:
    """The instructions that use a byte of RAM, from a clean machine's run."""

    class Door:
        def __init__(self):
            self.ends = {"serial0": self, "debugcon": self}

        def write(self, data, icounts):
            pass

        def host_clock_ns(self):
            raise AssertionError

    machine = Machine(planted.config(), Door())
    while machine.icount < start:
        stop = machine.run(start)
        if stop.kind == "halted":
            machine.warp(stop.deadline_ns)
    with watching(machine, [address]) as noted:
        while machine.icount < end:
            machine.run(end)
    return noted[address]


# -- of the replaying side


def test_a_flipped_bit_that_happens_again_is_found_to_the_instruction(demo: Path) -> None:
    fault = faulty(FLIPPED_AT, flip(SIEVE, 3))
    error, report = diagnosed(demo, fault, Machine, fault)
    assert "between instructions 500000 and 600000: digests differ in" in error and "up to instruction 500000" in error
    assert report.moment == Moment(FLIPPED_AT) and "the recording is right" in report.verdict
    assert re.match(r"[0-9a-f]{4}:000f0\w+  [0-9a-f ]+  cmp eax, 0x10000", lines(report, "instruction")[0])
    assert lines(report, "ram") == [f"{SIEVE:#010x} (page {SIEVE >> 12:#x}): expected 01, found 09, before 01"]


def test_a_flipped_bit_that_does_not_happen_again_is_found_between_two_uses_of_it(demo: Path) -> None:
    _, report = diagnosed(demo, faulty(FLIPPED_AT, flip(SIEVE, 3)), Machine)
    span = re.match(r"from (\d+) to (\d+): one bit of memory", lines(report, "first difference")[0])
    assert span is not None and int(span[1]) <= FLIPPED_AT <= int(span[2]) == report.moment.icount
    assert int(span[2]) in uses(demo, SIEVE, 500_000, 600_000)
    assert lines(report, "ram") == [f"{SIEVE:#010x} bit 3: expected 0, found 1"]
    assert "movzx eax, byte ptr [ecx + 0x40100000]" in lines(report, "shown by")[0]


def test_a_flipped_bit_that_nothing_uses(demo: Path) -> None:
    _, report = diagnosed(demo, faulty(FLIPPED_AT, flip(0x3FF123, 0)), Machine)
    assert lines(report, "first difference")[0].startswith("from 500000 to 600000: one bit of memory")
    assert lines(report, "ram")[0].startswith("0x003ff123 bit 0: ")


EVER = itertools.count(1)
ONCE_ALIKE = itertools.chain((1, 2, 3, 4, 5, 5), itertools.count(6))  # 5 and 5: the second pair that is compared


@pytest.mark.parametrize("ticks", [EVER, ONCE_ALIKE], ids=["ever", "once-alike"])
def test_a_chip_that_reads_a_clock_behind_the_doors_back(ticks: Iterator[int], demo: Path) -> None:
    """Also if, by chance, the two runs that are compared once see the same time, so that the bisection goes past it."""

    class Behind(Machine):
        """Its RTC's seconds come from the wrong clock, which ticks whenever it is read."""

        def __init__(self, *args, **more):
            super().__init__(*args, **more)
            rtc, space = self.board.devices["rtc"], self.board.io
            assert rtc.name == "rtc"
            read = space.read

            def wrong(address: int, size: int) -> int:
                value = read(address, size)
                if address == 0x71:
                    value ^= next(ticks) & 0x7F
                return value

            space.read = wrong

    first = next(e for e in planted.entries(demo) if isinstance(e.event, ClockHost)).moment
    _, report = diagnosed(demo, Behind)
    assert "something that is not in the recording reaches the guest" in report.verdict
    assert "in al, 0x71" in lines(report, "instruction")[0]
    assert abs(report.moment.icount - first.icount) < 20  # it polls the update flag first, then reads the date
    assert all(text.startswith(("eax", "eflags")) for text in lines(report, "cpu"))


@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_wrong_flag_in_one_form_of_instruction(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the reference engine, since that is easily broken: replaying there, it is wrong; recorded there, with the same
    fault in every later run, it is the native engine that is found to differ, at the same instruction.
    """
    plain, window = ReferenceEngine.handler, range(112_345, 112_365)

    def handler(self, number):
        f = plain(self, number)
        name = self.table.handlers[number].function.name
        if not name.startswith("h_cmp_"):
            return f

        def wrong(d, pc, nx):
            target = f(d, pc, nx)
            if self.icount() in window:
                self.core.eflags ^= 0x1
                done.append(self.icount())
            return target

        return wrong

    done: list[int] = []
    path = tmp_path / "r.ph"
    if engine == "reference":
        record(path)
    monkeypatch.setattr(ReferenceEngine, "handler", handler)
    if engine == "native":
        record(path, engine="reference", keys=b"off\r")
    _, report = diagnosed(path, engine=engine)
    assert f"the recording is right and the {engine} engine is wrong" in report.verdict
    assert report.moment.icount == min(done) and " cmp " in lines(report, "instruction")[0]
    assert len(lines(report, "cpu")) == 1
    assert re.match(r"eflags.CF: expected [01], found [01]", lines(report, "cpu")[0])


@pytest.mark.parametrize("kind, n", [(CharRead, 3), (ClockHost, 0), (CharRead, 11)])
def test_an_event_that_the_replay_loses(demo: Path, kind: type, n: int) -> None:
    found = planted.entries(demo)
    lost = found[planted.place(found, kind, n)]
    _, report = diagnosed(demo, session=misread(drop(kind, n)))
    assert report.moment == lost.moment and lost.kind.name in lines(report, "expected")[0]
    before = sum(e.moment < lost.moment for e in found)
    assert len(report.events) - 1 == min(20, before + 5)


def test_an_event_that_the_replay_moves_by_one_instruction(tmp_path: Path) -> None:
    record(tmp_path / "r.ph", first=10)  # so that a key comes while the prime task is at work
    first = planted.entries(tmp_path / "r.ph")[0]
    assert isinstance(first.event, CharRead) and not first.moment.seq
    _, report = diagnosed(tmp_path / "r.ph", session=misread(move(CharRead)))
    assert report.moment == first.moment
    assert lines(report, "expected") == [f"ASYNC_CHAR_READ port=0 data='h' at {first.moment}"]
    assert lines(report, "found") == [f"ASYNC_CHAR_READ port=0 data='h' at {first.moment.icount + 1}"]


def test_a_chip_whose_state_goes_wrong(demo: Path) -> None:
    def fault(machine: Machine) -> None:
        machine.board.devices["rtc"].state.nvram[0x70] = 0x5A

    wrong = faulty(612_345, fault)
    _, report = diagnosed(demo, wrong, Machine, wrong)
    assert report.moment == Moment(612_345)
    assert lines(report, "rtc")[0].startswith("nvram[0x70:]: expected 00 00 00 00 ")


# -- around it


class Terminal:
    """A status line that remembers."""

    def __init__(self):
        self.enabled, self.shown = True, []

    def show(self, text: str) -> None:
        self.shown.append(text)

    def clear(self) -> None:
        self.shown.append("")


def test_it_shows_how_far_it_is(demo: Path) -> None:
    host = QuietHost(ports=1, step_ns=100_000_000)
    host.status = Terminal()
    diagnosed(demo, faulty(FLIPPED_AT, flip(SIEVE, 3)), Machine, watcher=host)
    for what in ("a second run up to the last good digest", "a third run", "trying a flipped bit: case 1 of"):
        assert any(text.startswith(f"diagnosing: {what}") for text in host.status.shown), what
    assert host.status.shown[-1] == ""


def test_it_can_be_ended(demo: Path) -> None:
    _, report = diagnosed(demo, faulty(FLIPPED_AT, flip(SIEVE, 3)), Machine, watcher=QuietHost(ports=1, quit_at=8))
    assert report.verdict == "ended by SIGINT" and not report.lines


def test_without_digests_on_the_way_it_is_found_all_the_same(demo: Path) -> None:
    def fault(machine: Machine) -> None:
        machine.board.devices["rtc"].state.nvram[0x70] = 0x5A

    wrong = faulty(612_345, fault)
    error, report = diagnosed(demo, wrong, Machine, wrong, digests=False)
    assert "before its end" in error
    assert report.moment == Moment(612_345), str(report)


# -- of the recorded side


def interval(report: Report) -> tuple[int, int]:
    text = lines(report, "where")[0]
    numbers = [int(n) for n in re.findall(r"\d+", text)[:2]]
    return numbers[0], numbers[1]


def test_a_bit_that_flipped_in_the_recording(tmp_path: Path) -> None:
    path = tmp_path / "r.ph"
    record(path, machine=faulty(FLIPPED_AT, flip(0x3FF123, 0)))
    _, report = diagnosed(path)
    assert "the recording was made otherwise" in report.verdict
    assert interval(report) == (500_000, 600_000) and lines(report, "in") == ["ram"]


def test_a_recording_with_a_chip_that_read_the_clock_behind_the_doors_back(tmp_path: Path) -> None:
    class Behind(AtMoment):
        when = 733_333

        @staticmethod
        def fault(machine: Machine) -> None:
            machine.board.devices["rtc"].state.nvram[0x70] = 0x5A

    path = tmp_path / "r.ph"
    record(path, machine=Behind)
    _, report = diagnosed(path)
    assert interval(report) == (700_000, 800_000) and lines(report, "in") == ["rtc"]


@pytest.mark.parametrize("change", [drop(CharRead, 3), drop(ClockHost), move(CharRead, 6)])
def test_an_event_that_the_recording_lost_or_moved(tmp_path: Path, change) -> None:
    path = tmp_path / "r.ph"
    record(path)
    planted.rewrite(path, change)
    _, report = diagnosed(path)
    assert "the recording was made otherwise" in report.verdict
    low, high = interval(report)
    assert low == 900_000 and high <= 900_000 + PERIOD
