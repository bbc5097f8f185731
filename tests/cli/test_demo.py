"""`playhead demo` in a checkout, and from a wheel, where the guest is inside of the package."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from playhead.cli import demo
from tools import guest

ROOT = Path(__file__).parents[2]


def test_the_guest_of_a_checkout_is_the_one_of_its_source():
    assert demo.image().read_bytes() == guest.image("demo").read_bytes() and len(demo.image().read_bytes()) == 65536


def test_it_shows_what_it_is_to_show(tmp_path):
    command = [sys.executable, "-m", "playhead", "demo", "--seed", "5", "--keep", str(tmp_path / "kept")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.returncode == 0 and "PASSED" in done.stdout, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["demo-1.ph", "demo-2.ph"]


def test_recordings_that_do_not_fit_fail():
    run = demo.Run("record 1", 1.0, b"hash 12345678", 0, "recorded")
    other = demo.Run("record 2", 1.0, b"hash 12345679", 0, "recorded")
    assert demo.verdict(run, other, run) == []
    assert "do not differ" in demo.verdict(run, run, run)[0]
    assert "not its recording's" in demo.verdict(run, other, other)[0]


@pytest.mark.long
def test_the_wheel_holds_the_guest(tmp_path):
    """Builds it as a user's pip does, with what pyproject.toml asks for fetched anew."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, timeout=600)
    (wheel,) = tmp_path.glob("playhead-*.whl")
    with zipfile.ZipFile(wheel) as held:
        assert held.read("playhead/cli/demo.bin") == guest.image("demo").read_bytes()
        (metadata,) = (name for name in held.namelist() if name.endswith("/METADATA"))
        assert b"License-Expression: MIT\n" in held.read(metadata)
