"""On a host without a native core a message says so, in one line, before anything is made."""

import os

import pytest

from playhead.cli import main
from tools import guest


@pytest.mark.parametrize("system, processor", [("Linux", "ppc64le"), ("Linux", "i686"), ("Darwin", "arm64")])
def test_another_host(system, processor, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((system, "host", "1", "1", processor)))
    words = ["-bios", str(guest.image("halt")), "-m", "16", "-serial", "null"]
    assert main(["record", "-o", str(tmp_path / "r.ph"), *words]) == 2
    err = capfd.readouterr().err
    assert processor in err and err.count("\n") == 1
    assert ("--engine reference works here" if system == "Linux" else "Playhead runs on Linux") in err
    assert not list(tmp_path.iterdir())


def test_the_reference_engine_runs_there(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("Linux", "host", "1", "1", "riscv64")))
    words = ["-bios", str(guest.image("smc")), "-m", "16", "-serial", "null", "-device", "isa-debug-exit"]
    assert main(["run", "--engine", "reference", *words]) in (0, 1)
