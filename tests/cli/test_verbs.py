"""The verbs as a user meets them, on a fake machine: exit status, one line on standard error, no traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "session"))
from fake_machine import FakeMachine, Program

from playhead import __version__
from playhead.cli import VERBS, main, native_core, recorded_machine
from playhead.cli.quantities import size


@pytest.fixture
def program(monkeypatch):
    program = Program(end=5000)

    def make_build(config, engine, shift, trace=None):
        return lambda door: FakeMachine(door, program, shift)

    for module in (native_core, recorded_machine):
        monkeypatch.setattr(module, "make_build", make_build)
    return program


@pytest.fixture
def kernel(tmp_path):
    (tmp_path / "k").write_bytes(b"a kernel" * 100)
    return str(tmp_path / "k")


@pytest.fixture
def ph(tmp_path):
    return str(tmp_path / "r.ph")


def fails(capsys, words, message, status=2):
    capsys.readouterr()
    assert main(words) == status
    out, err = capsys.readouterr()
    lines = err.rstrip("\n").split("\n")
    assert len(lines) == 1 and lines[0].startswith("playhead: ") and message in lines[0], err
    assert "Traceback" not in out + err


def record(ph, kernel, *more):
    return main(["record", "-o", ph, "-kernel", kernel, "-serial", f"file:{ph}.out", *more])


def test_record_replay_info_log(program, kernel, ph, capfd):
    assert record(ph, kernel, "-append", "hello") == 0
    said = capfd.readouterr().err
    assert "recorded 5.00 k instructions" in said and f": {ph}, {size(os.path.getsize(ph))}\n" in said
    assert main(["replay", ph]) == 0
    out, err = capfd.readouterr()
    assert "all 2 digests compared are equal" in err
    assert out.encode() == Path(ph + ".out").read_bytes() and out
    assert main(["replay", ph, "-serial", f"file:{ph}.again", "--quiet", "--split-seed", "7", "--no-digest"]) == 0
    out, err = capfd.readouterr()
    assert out == err == "" and Path(ph + ".again").read_bytes() == Path(ph + ".out").read_bytes()
    assert main(["info", ph, "--verify"]) == 0
    out = capfd.readouterr().out
    for word in ("complete        yes", "append=hello", "5.00 k (5000)", "CLOCK_HOST", "sha256", "shift=3", "verified"):
        assert word in out
    assert main(["info", ph, "--json"]) == 0
    facts = json.loads(capfd.readouterr().out)
    assert facts["instructions"] == 5000 and facts["machine"]["ram_bytes"] == 128 << 20
    assert main(["log", ph]) == 0
    lines = capfd.readouterr().out.strip().split("\n")
    assert "CLOCK_HOST ns=" in lines[0] and "END cause=guest-shutdown" in lines[-1]
    assert main(["log", ph, "--json"]) == 0
    objects = [json.loads(line) for line in capfd.readouterr().out.strip().split("\n")]
    assert [o["id"] for o in objects] == list(range(1, len(lines) + 1))
    assert main(["log", ph, "--stats"]) == 0
    assert f"total{len(lines):>25}" in capfd.readouterr().out


def test_two_recordings_differ(program, kernel, ph, capfd):
    record(ph, kernel)
    record(ph + "2", kernel)
    assert Path(ph + ".out").read_bytes() != Path(ph + "2.out").read_bytes()


def test_the_guests_status_is_ours(program, kernel, ph, capfd):
    program.status = 33
    assert main(["run", "-kernel", kernel, "-serial", "null"]) == 33
    assert record(ph, kernel) == 33
    assert main(["replay", ph]) == 0


def test_nothing_left_to_wake_it(program, kernel, capfd):
    program.forever = "halt"
    assert main(["run", "-kernel", kernel, "-serial", "null"]) == 0
    assert "nothing is left that could wake it" in capfd.readouterr().err


def test_divergence_is_status_1(program, kernel, ph, capsys):
    record(ph, kernel)
    program.wrong = {"stir": 1234}
    fails(capsys, ["replay", ph, "--quiet"], "replay diverged", status=1)


def test_another_engines_parts(program, kernel, ph, capsys, monkeypatch):
    record(ph, kernel)
    parts = FakeMachine.digest_parts
    monkeypatch.setattr(FakeMachine, "digest_parts", lambda self: {**parts(self), "sound": bytes(16)})
    fails(capsys, ["replay", ph, "--quiet"], "other parts than the recording's: sound", status=1)


def test_output_exists(program, kernel, ph, capsys):
    Path(ph).write_bytes(b"dear diary")
    fails(capsys, ["record", "-o", ph, "-kernel", kernel, "-serial", "null"], "give --force")
    fails(capsys, ["record", "-o", ph, "--force", "-kernel", kernel, "-serial", "null"], "is no recording")
    assert Path(ph).read_bytes() == b"dear diary"
    os.unlink(ph)
    assert main(["record", "-o", ph, "-kernel", kernel, "-serial", "null"]) == 0
    assert main(["record", "-o", ph, "--force", "-kernel", kernel, "-serial", "null"]) == 0


def test_bad_input(program, kernel, ph, tmp_path, capsys):
    fails(capsys, ["frobnicate"], "unknown verb 'frobnicate'")
    fails(capsys, ["debug", "x.ph", "--batch"], "--batch executes the commands of -ex")
    fails(capsys, ["debug", "x.ph", "--symbols", "vmlinux"], "--symbols is for the gdb that --gdb starts")
    fails(capsys, ["recrod"], "did you mean 'record'?")
    fails(capsys, ["record", "-kernel", kernel], "-o FILE")
    fails(capsys, ["record", "-o", "/no/dir/x", "-kernel", kernel], "no directory")
    fails(capsys, ["record", "-o", str(tmp_path), "-kernel", kernel], "directory")
    fails(capsys, ["run"], "nothing to start")
    fails(capsys, ["run", "-append", "x"], "-append goes with -kernel")
    fails(capsys, ["run", "-kernel", "/no/kernel"], "cannot read kernel /no/kernel: No such file")
    fails(capsys, ["run", "-kernel", kernel, "-initrd", str(tmp_path)], "cannot read initrd")
    fails(capsys, ["run", "-kernel", kernel, "-serial", f"file:{tmp_path}"], "cannot write serial0")
    fails(capsys, ["run", "-kernel", kernel, "-serial", "stdio", "-serial", "stdio"], "stdio can serve one only")
    fails(capsys, ["replay"], "needs FILE")
    fails(capsys, ["replay", "/no/file"], "No such file")
    fails(capsys, ["replay", kernel], "is not a recording")
    fails(capsys, ["info", kernel], "is not a recording")
    fails(capsys, ["log", kernel], "is not a recording")
    record(ph, kernel)
    fails(
        capsys, ["replay", ph, "-serial", "null", "-serial", "null"], "-serial 2 times: the recorded machine has only 1"
    )
    assert not [p for p in os.listdir(tmp_path) if p.endswith(("-wal", "-shm"))]


def test_a_bug_of_ours_is_one_line_too(program, kernel, capsys, monkeypatch):
    monkeypatch.setattr(FakeMachine, "run", lambda *a: 1 // 0)
    fails(capsys, ["run", "-kernel", kernel, "-serial", "null"], "this is a bug: ZeroDivisionError", status=3)


def test_help(capsys):
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)
    assert main([]) == 2
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.endswith(f"playhead {__version__}\n")
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        assert f"usage: playhead {verb}" in capsys.readouterr().out


def test_it_starts_fast_and_imports_late():
    code = "import sys; from playhead.cli import main; main(['record', '--help']); print(' '.join(sys.modules))"
    began = children_s()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    modules = done.stdout.split("\n")[-2].split()
    assert not {"rich", "zstandard", "llvmlite", "sqlite3", "playhead.machine.machine"} & set(modules)
    assert children_s() - began < 1  # 0.1 s, and more beside other work


def children_s():
    """Processor time of the processes that this one has waited for."""
    times = os.times()
    return times.children_user + times.children_system
