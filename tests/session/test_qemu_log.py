"""A recording as a log of QEMU's: what is in it, at which instruction counts, and beside what QEMU writes itself."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import echo_guest
import planted
import pytest

from playhead.cli import main
from playhead.log import events as E
from playhead.log.qemu_format import HEADER
from playhead.log.qemu_reader import QemuLog
from playhead.log.reader import Reader
from playhead.replay.checkpoints import Checkpoint
from playhead.session.sources import NetSource
from tests.log.qemu_machine import Recording
from tools import guest

PASSED = 1  # the status of isa-debug-exit that our guests ask for
SAME = 150  # events of QEMU's log
OUTSIDE = (E.CharRead, E.BlockDone, E.ClockHost)


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With clocks, disk requests, halts; with interrupts and exceptions, too."""
    path = tmp_path_factory.mktemp("traced") / "r.ph"
    words = ["--trace-events", "-serial", "null", "-device", "isa-debug-exit", *guest.machine("inputs")]
    assert main(["record", "-o", str(path), *words]) == PASSED
    return path


def converted(path: Path, out: Path) -> list[E.Entry]:
    assert main(["log", "--qemu", "-o", str(out), str(path)]) == 0
    with QemuLog(str(out)) as log:
        entries = list(log.entries())
        assert not log.unfinished and log.left_over == 0
        assert HEADER + sum(item.size for item in log.items()) == out.stat().st_size
    return entries


def recorded(path: Path) -> list[E.Entry]:
    with Reader(str(path)) as reader:
        return list(reader.entries())


def at(entries: list[E.Entry], *kinds: type[E.Event]) -> list[tuple[int, E.Event]]:
    return [(entry.moment.icount, entry.event) for entry in entries if isinstance(entry.event, kinds)]


@pytest.mark.parametrize("name", ["traced", "typed"])
def test_what_came_from_outside_is_in_it_at_its_moment(
    name: str, traced: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = traced if name == "traced" else planted.shared(tmp_path_factory)
    ours, theirs = recorded(path), converted(path, tmp_path / "log")
    assert at(ours, *OUTSIDE) == at(theirs, *OUTSIDE) != []
    assert {(i, e.ns) for i, e in at(ours, E.ClockVirtualRt)} <= {(i, e.ns) for i, e in at(theirs, E.ClockVirtualRt)}
    assert [E.text_of(entry.event) for entry in theirs[-2:]] == ["SHUTDOWN cause=host-signal", "END"]
    assert theirs[-1].moment.icount == ours[-1].moment.icount
    marks = [entry.event.id for entry in theirs if isinstance(entry.event, E.CheckpointPassed)]
    assert marks[:2] == [Checkpoint.INIT, Checkpoint.RESET] and marks.count(Checkpoint.CLOCK_VIRTUAL) > 3
    for before, after in pairwise(theirs):
        if isinstance(before.event, (E.CharRead, E.BlockDone)):
            assert after.event == E.CheckpointPassed(id=Checkpoint.CLOCK_WARP_ACCOUNT)
    with Reader(str(path)) as reader:
        printed = sum(len(piece.text) for piece in reader.console.each())
    assert len(at(theirs, E.CharWrite)) == printed > 0


def test_packets_are_in_it_in_qemus_form(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The netdev's number, flags, length, bytes; what only ours has is left out. What the guest sent is in neither."""

    def cable(session):
        session.sources[NetSource].set_link(0, False)
        session.sources[NetSource].set_link(0, True)

    def prepare(session):
        session.drive = lambda: (cable(session), setattr(session, "drive", session.turn))

    echo_guest.record(tmp_path / "r.ph", 8, prepare)
    theirs = converted(tmp_path / "r.ph", tmp_path / "log")
    assert "without 2 LINK_CHANGED, which QEMU's logs do not have" in capfd.readouterr().err
    packets = at(theirs, E.NetPacket)
    assert [bytes(event.data) for _, event in packets] == echo_guest.frames(8)
    assert {(event.net, event.flags, event.host_ns) for _, event in packets} == {(0, 0, None)}
    assert [icount for icount, _ in packets] == [icount for icount, _ in at(recorded(tmp_path / "r.ph"), E.NetPacket)]
    frame = echo_guest.frames(1)[0]
    assert b"\x09\x00" + bytes(4) + len(frame).to_bytes(4, "big") + frame in (tmp_path / "log").read_bytes()
    for before, after in pairwise(theirs):
        if isinstance(before.event, E.NetPacket):
            assert after.event == E.CheckpointPassed(id=Checkpoint.CLOCK_WARP_ACCOUNT)
    assert main(["log", str(tmp_path / "log")]) == 0
    assert f"ASYNC_NET net=0 flags=0 data=<{len(frame)} bytes>" in capfd.readouterr().out


def test_interrupts_and_exceptions_fall_out(traced: Path, tmp_path: Path) -> None:
    def taken(entries: list[E.Entry]) -> list[tuple[int, type[E.Event]]]:
        return [(icount, type(event)) for icount, event in at(entries, E.Interrupt, E.ExceptionTaken)]

    theirs = taken(converted(traced, tmp_path / "log"))
    assert theirs == taken(recorded(traced)) and len(theirs) > 20


def test_events_that_qemu_does_not_have_are_counted(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    kept = Path(__file__).resolve().parent.parent / "recordings/pc-2/loadvm.ph"
    entries = converted(kept, tmp_path / "log")
    assert "; without 1 SNAPSHOT_LOADED, which QEMU's logs do not have" in capfd.readouterr().err
    assert entries[-1].moment.icount == recorded(kept)[-1].moment.icount


def test_qemu_counts_as_we_do(tmp_path: Path) -> None:
    """Up to the first INT n, an exception for QEMU. (And where instructions fault, QEMU 7.2 counts some of them
    twice.)
    """
    words = ["-bios", str(guest.image("faults"))]
    with Recording(tmp_path, *words, "-serial", "null", "-device", "isa-debug-exit") as qemu_runs:
        qemu_runs.wait_for_size(8 << 10)
    words += ["-icount", "shift=7", "-serial", "null", "-device", "isa-debug-exit"]
    assert main(["record", "-o", str(tmp_path / "r.ph"), *words]) == PASSED
    with QemuLog(str(qemu_runs.path)) as log:
        qemu = list(log.entries())
    kinds = E.CharWrite, E.Interrupt, E.ExceptionTaken
    a, b = (at(entries, *kinds)[:SAME] for entries in (qemu, converted(tmp_path / "r.ph", tmp_path / "log")))
    assert [type(event) for _, event in a] == [type(event) for _, event in b] and len({type(e) for _, e in a}) > 1
    assert [icount - a[0][0] for icount, _ in a] == [icount - b[0][0] for icount, _ in b] and len(a) == SAME


@pytest.mark.long
@pytest.mark.guest
def test_qemus_own_script_reads_it_to_the_last_byte(traced: Path, tmp_path: Path) -> None:
    converted(traced, tmp_path / "log")
    script = guest.replay_dump()
    done = subprocess.run([sys.executable, script, "-f", str(tmp_path / "log")], capture_output=True, text=True)
    size = (tmp_path / "log").stat().st_size
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"EVENT_END(39)\nReached {size} of {size} bytes\n"), done.stdout[-200:]


def test_what_is_refused(traced: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "log"
    for words, why in (
        (["--qemu", str(traced)], "--qemu and -o go together"),
        (["-o", str(out), str(traced)], "--qemu and -o go together"),
        (["--qemu", "--json", "-o", str(out), str(traced)], "not with --json"),
        (["--qemu", "-o", str(traced), str(traced)], "are the same file"),
        (["--qemu", "-o", str(tmp_path / "no/log"), str(traced)], "cannot write"),
    ):
        capfd.readouterr()
        assert main(["log", *words]) == 2
        err = capfd.readouterr().err
        assert why in err and err.count("\n") == 1, err
    out.write_bytes(b"mine")
    assert main(["log", "--qemu", "--force", "-o", str(out), str(traced)]) == 2 and out.read_bytes() == b"mine"
    out.unlink()
    assert main(["log", "--qemu", "-o", str(out), str(traced)]) == 0 and list(tmp_path.iterdir()) == [out]
    assert main(["log", "--qemu", "-o", str(out), str(traced)]) == 2
    assert main(["log", "--qemu", "--force", "-o", str(out), str(traced)]) == 0


def test_a_run_that_diverges_leaves_no_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    planted.record(tmp_path / "r.ph", machine=planted.faulty(524_347, planted.flip(0x3FF123, 0)))
    assert main(["log", "--qemu", "-o", str(tmp_path / "log"), str(tmp_path / "r.ph")]) == 1
    assert "diverged" in capfd.readouterr().err and list(tmp_path.glob("log*")) == []
