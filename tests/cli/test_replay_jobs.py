"""`replay --jobs N` on recordings of every kind: output, messages and status are those of --jobs 1."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "session"))

import planted
import resealing

from playhead.cli import main
from playhead.log.moment import Moment
from playhead.log.reader import Reader
from playhead.session.piece import boundaries
from tools import guest
from tools.fuzz import recording as fuzz_recording
from tools.fuzz.net_receiving import Calm

KEPT = sorted((Path(__file__).resolve().parents[1] / "recordings").glob("*/*.ph"))
GUESTS = {"disk": 500_000, "inputs": 5000, "net": 5000, "suspend": 20_000, "smc": 5000}  # which end by themselves


def both(path: Path, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Status and messages of a replay, the same for any number of processes."""
    with Reader(str(path)) as reader:
        assert boundaries(reader), f"nothing of {path} can be shared out"
        ports = len(reader.meta["config"].get("serial", [""]))
    found = []
    for jobs in ("1", "3"):
        outs = [path.with_suffix(f".{jobs}.{n}") for n in range(ports)]
        specs = [word for out in outs for word in ("-serial", f"file:{out}")]
        capfd.readouterr()
        status = main(["replay", str(path), "--jobs", jobs, *specs, *words])
        said = re.sub(r" in \d+\.\d s ", " ", capfd.readouterr().err)
        found.append((status, said, [out.read_bytes() for out in outs]))
    assert found[0] == found[1]
    return found[0][:2]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_kept_recordings(path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status, said = both(resealing.dense(path, tmp_path / path.name), capfd)
    assert status == 0 and "digests compared are equal" in said


@pytest.mark.parametrize("name", GUESTS)
def test_own_guests(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"{name}.ph"
    words = ("-m", "16", "-serial", "null", "--digest-period", str(GUESTS[name]))
    assert main(["record", "-o", str(path), *guest.machine(name), *words]) == 0
    assert both(resealing.dense(path, tmp_path / "dense.ph"), capfd)[0] == 0


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return resealing.dense_demo(tmp_path_factory)


def test_parts(demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    part, again = tmp_path / "part.ph", tmp_path / "again.ph"
    assert main(["trim", str(demo), "-o", str(part), "--from", "250000", "--to", "-20000"]) == 0
    assert both(part, capfd)[0] == 0
    assert main(["trim", str(part), "-o", str(again), "--from", "45%"]) == 0
    assert both(again, capfd)[0] == 0


def test_what_was_cut_off(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def cut(db: sqlite3.Connection) -> None:
        (last,) = db.execute("SELECT max(id) FROM batch").fetchone()
        db.execute("DELETE FROM batch WHERE id = ?", (last,))

    path = resealing.resealed(fuzz_recording.record("demo", tmp_path).path, tmp_path / "cut.ph", cut)
    status, said = both(path, capfd)
    assert status == 0 and "was cut off" in said


def test_a_branch(demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    branch = tmp_path / "branch.ph"
    planted.branch(demo, Moment(520_000), branch, b"echo other\rsum\roff\r")
    assert both(resealing.dense(branch, tmp_path / "dense.ph"), capfd)[0] == 0


def test_a_network(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    made = Calm(tmp_path / "net.ph")
    assert both(resealing.dense(made.path, tmp_path / "dense.ph"), capfd)[0] == 0


def test_images_that_are_needed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each worker opens them itself."""
    image, path = shutil.copyfile(guest.disk(), tmp_path / "disk.img"), tmp_path / "r.ph"
    machine = ["-bios", str(guest.image("disk")), "-m", "16", "-hda", str(image), "-snapshot", "-serial", "null"]
    assert main(["record", "-o", str(path), "--no-embed", "--digest-period", "500000", *machine]) == 0
    dense = resealing.dense(path, tmp_path / "dense.ph")
    assert both(dense, capfd)[0] == 0
    image.rename(tmp_path / "moved.img")
    assert both(dense, capfd, "-drive", f"file={tmp_path / 'moved.img'}")[0] == 0
    changed = bytearray((tmp_path / "moved.img").read_bytes())
    changed[::4096] = bytes(b ^ 1 for b in changed[::4096])
    (tmp_path / "moved.img").write_bytes(changed)
    status, said = both(dense, capfd, "-drive", f"file={tmp_path / 'moved.img'}")
    assert status == 2 and "it differs at byte" in said


@pytest.mark.parametrize("words", [["--no-digest"], ["--split-seed", "0"], ["-d", "int", "-D", "log"]])
def test_what_one_processor_does(demo: Path, tmp_path: Path, monkeypatch, words: list[str]) -> None:
    monkeypatch.setattr(os, "fork", None)
    monkeypatch.chdir(tmp_path)
    assert main(["replay", str(demo), "--jobs", "2", *words]) == 0


def test_a_short_one_is_not_shared_out_unless_asked(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fork", None)
    assert main(["replay", str(demo)]) == main(["replay", str(demo), "--jobs", "1"]) == 0
    with pytest.raises(TypeError):
        monkeypatch.setenv("PLAYHEAD_DEBUG", "1")
        main(["replay", str(demo), "--jobs", "2"])


@pytest.mark.parametrize("jobs", ["0", "x", "-1", "1025", ""])
def test_numbers_that_are_none(demo: Path, capfd: pytest.CaptureFixture[str], jobs: str) -> None:
    assert main(["replay", str(demo), "--jobs", jobs]) == 2
    said = capfd.readouterr().err
    assert said.startswith("playhead: --jobs") and said.count("\n") == 1


def test_more_than_there_are_pieces(demo: Path) -> None:
    assert main(["replay", str(demo), "--jobs", "1000"]) == 0


def test_a_divergence_and_its_diagnosis(demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = resealing.resealed(demo, tmp_path / "changed.ph", resealing.digest(700_000))
    status, said = both(path, capfd)
    assert status == 1 and "diagnosis: every run of the recorded inputs ends like this" in said
    assert both(path, capfd, "--no-diagnose", "--quiet") == (1, said.partition("\n")[0] + "\n")


# -- processes


def start(path: Path, *words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "playhead", "replay", str(path), "--jobs", "3", "--engine", "reference", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_signals_end_all_of_it(demo: Path, number: int) -> None:
    with start(demo, "-serial", "stdio") as process:
        assert os.read(process.stdout.fileno(), 100)  # it has begun, and takes some seconds
        workers = children(process.pid)
        process.send_signal(number)
        said = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 130 and f"ended by {signal.Signals(number).name}\n" in said
    assert re.search(r" \d+ of 12 digests compared, all equal\n", said) or re.search(r"of 11 digests", said)
    assert len(workers) == 3 and not any(Path(f"/proc/{pid}").exists() for pid in workers)


@pytest.mark.long
def test_ctrl_c_reaches_all_of_a_terminals_processes(demo: Path) -> None:
    with start(demo, "-serial", "stdio") as process:
        assert os.read(process.stdout.fileno(), 100)
        workers = children(process.pid)
        for pid in workers:
            os.kill(pid, signal.SIGINT)  # which is their owner's business
        time.sleep(0.1)
        assert children(process.pid) == workers
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 130 and said.count("ended by SIGINT") == 1 and "worker" not in said


def test_a_worker_that_is_killed(demo: Path) -> None:
    with start(demo, "-serial", "stdio") as process:
        assert os.read(process.stdout.fileno(), 100)
        pid = children(process.pid)[1]
        os.kill(pid, signal.SIGKILL)
        said = process.communicate(timeout=300)[1].decode()
    assert process.returncode == 2
    assert said == (f"playhead: worker process {pid} was killed by SIGKILL before it was done; --jobs 1 does without "
                    "workers\n")  # fmt: skip


# -- verify --deep


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_verify_deep(demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], jobs: str) -> None:
    words = ["--deep", "--jobs", jobs]
    assert main(["verify", str(demo), *words]) == 0
    said = capfd.readouterr().out.splitlines()
    assert "is whole" in said[0] and said[1:] == ["replayed: 10 checkpoints and 12 digests compared, all equal"]
    wrong = resealing.resealed(demo, tmp_path / "wrong.ph", resealing.digest(700_000))
    state = resealing.resealed(demo, tmp_path / "state.ph", resealing.memory(400_000))
    for path, status, text in (
        (wrong, 1, "replay diverged between instructions 600000 and 700000"),
        (state, 2, "is damaged: checkpoint 4 is not the state of 400000"),
    ):
        assert main(["verify", str(path)]) == 0  # of which hashes tell nothing
        capfd.readouterr()
        assert main(["verify", str(path), *words, "--quiet"]) == status
        out, err = capfd.readouterr()
        assert out == "" and err.count("\n") == 1 and text in err
        assert main(["verify", str(path), *words, "--json"]) == status
        found = json.loads(capfd.readouterr().out)
        assert found["ok"] is False and text in found["replay"]
