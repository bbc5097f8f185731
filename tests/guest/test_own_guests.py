"""Our own guests on our own PC: what they print is what QEMU's PC makes of them, and a replay is the recording.

Each guest tests a part of the processor or of the board from the reset vector on and prints PASS; `./dev guest check`
compares the same golden files with QEMU. The program is used as a user would, in this process where it ends by itself
and in a separate one where something is typed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.log.events import CharRead, ClockHost, End
from playhead.log.reader import Reader
from tests import shared
from tools import guest

TESTS = [name for name in guest.names() if name != "demo" and name not in guest.ENDLESS]
SMALL = ("faults", "net", "nmi", "smc", "tss", "v86", "pae", "vme")  # up to 150,000 instructions
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]


def record(path: Path, name: str, *more: str) -> str:
    """Record a guest that ends by itself; returns what it printed."""
    out = f"{path}.out"
    machine = (*guest.machine(name), "-m", "16", "-serial", f"file:{out}")
    assert main(["record", "--force", "-o", str(path), *machine, *more]) == 0
    return printed(out)


def replay(path: Path, *more: str) -> str:
    """Replay a recording; returns what the guest printed, this time too."""
    out = f"{path}.again"
    assert main(["replay", str(path), "-serial", f"file:{out}", "--quiet", *more]) == 0
    return printed(out)


def printed(out: str) -> str:
    return Path(out).read_bytes().decode("ascii", errors="replace").replace("\r\n", "\n")


def events(path: Path) -> list[object]:
    with Reader(str(path)) as reader:
        return [entry.event for entry in reader.entries()]


@pytest.fixture
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return lambda name: shared.recorded(tmp_path_factory, name)


@pytest.mark.parametrize("name", TESTS)
def test_prints_what_it_should_and_replays(name: str, recorded: Callable[[str], Path]) -> None:
    path = recorded(name)
    assert printed(f"{path}.out") == guest.expected(name)
    assert replay(path, "--split-seed", str(random.Random(name).randrange(1000))) == guest.expected(name)


@pytest.mark.parametrize("name", SMALL)
def test_the_engines_agree(name: str, tmp_path: Path, recorded: Callable[[str], Path]) -> None:
    """Recorded on either engine, replayed on the other: the digests are compared by the replay itself."""
    assert replay(recorded(name), "--engine", "reference") == guest.expected(name)
    path = tmp_path / f"{name}.ph"
    assert record(path, name, "--engine", "reference") == guest.expected(name)
    assert replay(path, "--engine", "native") == guest.expected(name)


def test_a_guest_that_halts_for_good_is_said_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "halt.ph"
    assert record(path, "halt") == guest.expected("halt")
    assert "the guest has halted, and nothing is left that could wake it" in capfd.readouterr().err
    assert replay(path) == guest.expected("halt")
    assert isinstance(events(path)[-1], End)


def test_a_triple_fault_ends_the_run_under_no_reboot(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`faults` ends in one; without the option it starts over and says so, which its golden text shows."""
    path = tmp_path / "faults.ph"
    first_life = guest.expected("faults").partition("reset\n")[0]
    assert record(path, "faults", "-no-reboot") == first_life
    assert "-no-reboot makes that the end" in capfd.readouterr().err
    assert replay(path) == first_life


def type_at_demo(path: Path, engine: str, seed: int) -> str:
    """Record the demo guest while keys come in at random real times; returns what it printed."""
    rng = random.Random(seed)
    keys = [*"help\rtime\recho one two\rsum\rcrash\r", "status\r", "off\r"]
    command = ["record", "-o", str(path), "-bios", str(guest.image("demo")), "-m", "16", "-nographic"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    child = subprocess.Popen([*PLAYHEAD, *command, "--engine", engine], bufsize=0, **pipes)  # type: ignore[call-overload]
    try:
        said = b""
        while b"demo> " not in said:
            piece = os.read(child.stdout.fileno(), 4096)
            assert piece, "it ended before its prompt"
            said += piece
        for key in keys:
            time.sleep(rng.uniform(0, 0.04))
            child.stdin.write(key.encode())
        said += child.communicate(timeout=300)[0]
        assert child.returncode == 0
    finally:
        child.kill()
    return said.decode("ascii")


@pytest.mark.parametrize(
    "engine, other",
    [("native", "native"), ("reference", "native"), pytest.param("native", "reference", marks=pytest.mark.slow)],
)
def test_typing_at_the_demo_replays(engine: str, other: str, tmp_path: Path) -> None:
    path = tmp_path / "demo.ph"
    said = type_at_demo(path, engine, seed=len(engine + other))
    assert "one two" in said and "sum of the image" in said and said.rstrip().endswith("bye")
    assert replay(path, "--engine", other) == said.replace("\r\n", "\n")
    read = events(path)
    assert any(isinstance(e, CharRead) for e in read) and any(isinstance(e, ClockHost) for e in read)
