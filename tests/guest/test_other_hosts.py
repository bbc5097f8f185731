"""A recording replays anywhere: on an x86-64 processor of 2003 and on ARM64, and what is recorded there replays here.

Whatever a guest sees comes from the declarations of instructions and devices, never from the host's processor; here are
hosts that would show it if it were otherwise. They are emulated, so this takes a quarter of an hour: `-m long`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from playhead.cli import main
from playhead.engine.llvm.tier2 import switch
from tests.guest.other_hosts import HOSTS, OtherHost
from tests.shared import once

pytestmark = [pytest.mark.long, pytest.mark.guest]
ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "recordings"
EQUAL = "digests compared are equal"
# What of tests/engine says most of native code, each form of instruction in random programs for instance
ENGINE = ("test_random_programs", "test_registers", "test_loading", "test_self_modifying", "test_device_code")
COMPILE = """
import hashlib, json, sys
from playhead.engine.llvm.build import PART
from playhead.engine.llvm.compile import Host, compile_part
from playhead.engine.llvm.generate import generate
part, goal = json.loads(sys.argv[1])
print(hashlib.sha256(compile_part(generate(PART)[0][part], Host(*goal) if goal else None)).hexdigest())
"""

LOOK = """
import hashlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.guest.tiers import Way, moments, run
path = Path(sys.argv[2])
seen = run(path, Way("here or there", sys.argv[3]), moments(path, 12))
print(hashlib.sha256(repr(seen.digests).encode()).hexdigest(), seen.installed)
"""


@pytest.fixture(scope="module", params=HOSTS)
def there(request: pytest.FixtureRequest, other_host: Callable[[str], OtherHost]) -> OtherHost:
    return other_host(request.param)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the demo guest, made here."""

    def record(path: Path) -> None:
        assert main(["demo", "--seed", "5", "--keep", str(path.parent / "made-here")]) == 0
        (path.parent / "made-here" / "demo-1.ph").rename(path)

    return once(tmp_path_factory, "demo-here.ph", record)


def test_what_was_recorded_here_replays_there(there: OtherHost, demo: Path) -> None:
    assert EQUAL in there.playhead("replay", demo)


def test_kept_recordings_replay_there(there: OtherHost) -> None:
    for path in sorted(KEPT.glob("*/*.ph")):
        assert EQUAL in there.playhead("replay", path, "-serial", "null", "--no-diagnose"), path


def test_the_evaluator_runs_there(there: OtherHost) -> None:
    for path in sorted(KEPT.glob("*/loadvm.ph")):
        assert EQUAL in there.playhead("replay", path, "--engine", "reference", "-serial", "null"), path


def test_what_was_recorded_there_replays_here(
    there: OtherHost, demo: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there.playhead("replay", demo)  # that its native code is there: the demo has no patience with a compiler
    there.playhead("demo", "--keep", tmp_path)
    for engine in ("native", "reference"):
        assert main(["replay", str(tmp_path / "demo-1.ph"), "--engine", engine, "-serial", "null"]) == 0
        assert EQUAL in capfd.readouterr().err


def test_compiled_blocks_there_are_the_same_machine(there: OtherHost) -> None:
    """The second tier's code of that processor, made by its LLVM, and tier 1 here."""
    words = ["-c", LOOK, str(ROOT / "tests" / "session"), str(KEPT / "pc-5" / "loadvm.ph")]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    ours = [sys.executable, *words, switch.OFF]
    here = subprocess.run(ours, env=environment, capture_output=True, text=True, check=True).stdout
    digests, installed = there.run(*words, switch.FORCE).stdout.split()
    assert here == f"{digests} 0\n" and int(installed) > 10


def test_machine_code_made_here_is_the_one_made_there(there: OtherHost) -> None:
    """Else what the other tests run is not what such a host would."""
    for part in (5, 20):
        theirs = there.run("-c", COMPILE, json.dumps([part, None])).stdout
        words = [sys.executable, "-c", COMPILE, json.dumps([part, there.goal])]
        assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == theirs


@pytest.fixture(scope="module")
def arm64(other_host: Callable[[str], OtherHost]) -> OtherHost:
    return other_host("arm64")


@pytest.mark.parametrize("size", [16384, 65536])
def test_pages_of_another_size(arm64: OtherHost, demo: Path, size: int) -> None:
    """Kernels for ARM64 have pages of 4, 16 or 64 KiB; the guest's are its own."""
    more = {"PLAYHEAD_QEMU_ARM64": f"-p {size}"}
    assert arm64.run("-c", "import mmap; print(mmap.PAGESIZE)", **more).stdout == f"{size}\n"
    assert EQUAL in arm64.playhead("replay", demo, **more)


def test_tests_of_the_engine_on_arm64(arm64: OtherHost, tmp_path: Path) -> None:
    files = [ROOT / "tests" / "engine" / f"{name}.py" for name in ENGINE]
    done = arm64.run("-m", "pytest", "-p", "no:cacheprovider", "--basetemp", tmp_path / "run", "-x", *files)
    assert " passed" in done.stdout and " failed" not in done.stdout


def test_the_command_that_is_an_interpreter_starts_itself(there: OtherHost) -> None:
    """Else a process that the program starts would run on this host, and nothing would show it."""
    ask = "import platform, sys; print(platform.machine(), sys.executable)"
    again = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {ask!r}], check=True)"
    said = there.run("-c", ask).stdout
    assert str(there.python) in said and there.run("-c", again).stdout == said
