"""A program of Debian's gcc, linked with its start files and C library, runs under Debian's kernel (hint NOPs)."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools import guest
from tools.guests import c_program

pytestmark = [pytest.mark.guest, pytest.mark.slow]
PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
APPEND = guest.APPEND["compiled"] + " quiet"
LIMIT_S = 600


def test_a_program_of_todays_compiler_is_recorded_and_replayed(compiled: tuple[Path, Path], tmp_path: Path) -> None:
    kernel, initrd = compiled
    path = tmp_path / "compiled.ph"
    command = [*PLAYHEAD, "record", "-o", path, "-m", "64", "-nographic", "-icount", "shift=6", "-kernel", kernel,
               "-initrd", initrd, "-append", APPEND]  # fmt: skip
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    assert f"{c_program.SAYS} 12" in done.stdout and "has ended, status 0" in done.stdout, done.stdout + done.stderr
    replay = [*PLAYHEAD, "replay", path, "--from", "80%"]
    again = subprocess.run(replay, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S)
    assert again.returncode == 0, again.stderr
    assert f"{c_program.SAYS} 12" in again.stdout and done.stdout.endswith(again.stdout), again.stdout
