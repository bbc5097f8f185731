"""Debian's kernel, recorded and replayed: the short forms of `./dev fuzz replay` and `./dev fuzz windows`.

Seeds differ from run to run, and a failure prints the command that repeats it.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz import replay as fuzz_replay

pytestmark = [pytest.mark.guest, pytest.mark.slow]
ROOT = Path(fuzz_replay.__file__).parents[2]
SEED = random.SystemRandom().getrandbits(32)
LIMIT_S = 600  # a machine that is busy with other things may be slow


def perturbed() -> fuzz_replay.Perturbation:
    """Everything at once."""
    seed = str(SEED)
    return fuzz_replay.Perturbation(SEED, seed, seed, load=(0.05,), terminal=True, readers=True, console="file")


def test_boot_comes_to_its_end(boot: fuzz_replay.Recorded) -> None:
    said = boot.console or b""
    for line in (b"Linux version 6.1", b"GUEST-UP", b"turns 20000", b"96995b58d4cbf6aaa9041b4f00c7f6ae", b"GUEST-DONE",
                 b"reboot: Power down"):  # fmt: skip
        assert line in said, f"{line!r} is not among {said[-500:]!r}"
    assert boot.icount > 5_000_000_000


def test_replay_under_perturbation(boot: fuzz_replay.Recorded) -> None:
    row = fuzz_replay.replay(boot, perturbed())
    assert not row.wrong, "\n".join([*row.wrong, row.command])


def test_windows_on_the_reference_engine(boot: fuzz_replay.Recorded) -> None:
    command = [sys.executable, "-m", "tools.fuzz.windows", "--recording", str(boot.path), "--count", "4", "--size",
               "50000", "--seed", str(SEED)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 of 4 windows are equal" in done.stdout


def test_typed_session_replays_without_the_terminal(debian: object, tmp_path: Path) -> None:
    recorded = fuzz_replay.record_typed(tmp_path / "typed.ph", 3, commands=8, seed=SEED, stdio=SEED % 2 == 0)
    assert recorded.events > 50, "hardly anything was typed"
    row = fuzz_replay.replay(recorded, fuzz_replay.Perturbation(shuffle=str(SEED)))
    assert not row.wrong, "\n".join([*row.wrong, row.command])


def test_panic_without_initramfs_ends_the_run(debian: dict[str, tuple[Path, Path]]) -> None:
    kernel, _ = debian["boot"]
    command = [*fuzz_replay.PLAYHEAD, "run", "-kernel", str(kernel), "-append", "console=ttyS0 panic=-1", "-m", "128",
               "-no-reboot"]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT_S)
    assert b"Unable to mount root fs" in done.stdout, done.stdout[-500:] + done.stderr
    assert b"-no-reboot" in done.stderr
    assert done.returncode == 0
