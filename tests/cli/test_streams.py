"""Standard input, output and error that are closed, full or left: no byte where it does not belong, one clear line."""

import os
import subprocess
import sys

import pytest

from tools import guest

PROGRAM = [sys.executable, "-m", "playhead.cli"]
MACHINE = [*guest.machine("faults"), "-m", "16"]
FULL = "playhead: cannot write standard output: No space left on device\n"


def playhead(*words, shell="", **how):
    """Run it; `shell` has redirections."""
    command = ["sh", "-c", f'"$@" {shell}', "sh", *PROGRAM, *map(str, words)]
    how = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "timeout": 60, "text": True, **how}
    return subprocess.run(command, check=False, **how)


@pytest.fixture(scope="module")
def ph(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    done = playhead("record", "-o", folder / "r.ph", *MACHINE, shell=">/dev/null")
    assert done.returncode == 0, done.stderr
    return folder / "r.ph"


@pytest.mark.parametrize("verb, closed", [("run", ">&-"), ("record", "<&- >&- 2>&-")])
def test_started_with_closed_descriptors(ph, tmp_path, closed, verb):
    """What is printed does not go into the first file that is opened, a disk image."""
    image, content = tmp_path / "disk", bytes(range(256)) * 256
    image.write_bytes(content)
    output = ("-o", tmp_path / "new.ph") if verb == "record" else ()
    drive = f"file={image},format=raw"
    done = playhead(verb, *output, *MACHINE, "-drive", drive, shell=closed)
    assert image.read_bytes() == content
    assert done.returncode == 0, done.stderr
    if verb == "record":
        assert playhead("verify", tmp_path / "new.ph", shell=">/dev/null").returncode == 0


@pytest.mark.parametrize("words", [
    ["--help"], ["--version"], [], ["info"], ["verify", "--json"], ["log"], ["log", "stats"], ["replay"], ["console"],
    ["replay", "--verify"], ["replay", "--from", "10"], ["debug", "--batch", "-ex", "help"], ["trim", "--help"],
])  # fmt: skip
def test_a_full_standard_output_is_one_line_and_status_2(ph, words):
    takes_a_file = words and not words[0].startswith("-") and "--help" not in words
    done = playhead(*words, *([ph] if takes_a_file else []), shell=">/dev/full")
    assert done.returncode == 2
    if words[:1] == ["replay"] and "--verify" not in words:  # the guest's output, in the middle of a run
        assert FULL in done.stderr
    else:
        assert done.stderr == FULL
    assert "Traceback" not in done.stderr and "bug" not in done.stderr and "ignored" not in done.stderr


def test_a_full_standard_output_of_a_live_machine(ph, tmp_path):
    new = tmp_path / "new.ph"
    done = playhead("record", "-o", new, *MACHINE, shell=">/dev/full")
    assert done.returncode == 2 and FULL in done.stderr
    assert playhead("verify", new, shell=">/dev/null").returncode == 0


@pytest.mark.parametrize("words, status", [
    (["--help"], 0), (["log"], 0), (["replay"], 130),
])  # fmt: skip
def test_a_reader_that_has_gone(ph, words, status):
    """No complaint, and nothing at the end of the program either."""
    read, write = os.pipe()
    os.close(read)
    done = playhead(*words, *([] if words == ["--help"] else [ph]), stdout=write)
    os.close(write)
    assert done.returncode == status and "Broken pipe" not in done.stderr.replace("standard output: Broken pipe", "")
    assert "bug" not in done.stderr and "ignored" not in done.stderr


@pytest.mark.parametrize("shell", ["2>/dev/full", "2>&-"])
def test_a_standard_error_that_takes_nothing(ph, shell):
    assert playhead("replay", ph, shell=f"{shell} >/dev/null").returncode == 0
    assert playhead("replay", "no.ph", shell=f"{shell} >/dev/null").returncode == 2
    assert playhead("frobnicate", shell=f"{shell} >/dev/null").returncode == 2


def test_a_serial_file_that_is_full_is_said(ph):
    done = playhead("replay", ph, "-serial", "file:/dev/full", shell=">/dev/null")
    assert done.returncode == 0 and "serial0: No space left on device; what the guest prints there" in done.stderr


# -- input that ends


def test_a_debugger_without_gdb_ends_with_its_input(ph):
    done = playhead("debug", ph, "-gdb", "none", input="when\n", stdin=None, stdout=subprocess.PIPE)
    assert done.returncode == 0 and done.stdout
    done = playhead("debug", ph, "-gdb", "none", stdout=subprocess.PIPE)
    assert done.returncode == 0
    done = playhead("debug", ph, "-gdb", "none", "--gdb", stdout=subprocess.PIPE)
    assert done.returncode == 2 and "not with -gdb none" in done.stderr


def test_a_machine_that_only_a_monitor_could_start_ends_with_its_input(ph):
    done = playhead("run", *MACHINE, "-serial", "null", "-S", "-monitor", "stdio", shell=">/dev/null")
    assert done.returncode == 0 and "the end of the monitor's input" in done.stderr
