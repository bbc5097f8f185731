"""The monitor's commands on a recording: where one is, snapshots by name, who wrote something, and clear words for what
cannot be done.
"""

import re
import shutil
from pathlib import Path

import planted
import pytest

from playhead.cli import main


@pytest.fixture
def recording(tmp_path, tmp_path_factory) -> Path:
    return Path(shutil.copyfile(planted.shared(tmp_path_factory), tmp_path / "demo.ph"))


def batch(capfd, recording: Path, *commands: str, at: str = "start", status: int = 0) -> tuple[str, str]:
    words = [word for command in commands for word in ("-ex", command)]
    assert main(["debug", str(recording), "--batch", "--at", at, *words]) == status
    captured = capfd.readouterr()
    return captured.out, captured.err


def test_names_are_kept_in_the_recording(recording, capfd):
    out, _ = batch(capfd, recording, "savevm one", "savevm two words", "savevm two", at="300000", status=2)
    assert "one: 300000" in out  # and a name is one word
    out, _ = batch(capfd, recording, "savevm two", "info snapshots", at="700000")
    assert re.search(r"1\s+one .* 300000\n2\s+two .* 700000\n", out)
    there = ("loadvm one", "when", "loadvm two", "when", "delvm one", "info snapshots")
    out, _ = batch(capfd, recording, *there, at="end")
    assert "moment 300000," in out and "moment 700000," in out and len(re.findall(r"\bone\b", out)) == 0
    assert "no snapshot 'one'; there is two" in batch(capfd, recording, "loadvm one", status=2)[1]
    assert main(["verify", str(recording)]) == 0
    assert main(["replay", str(recording), "--quiet"]) == 0


def test_where_one_is(recording, capfd):
    commands = ("info replay", "info status", "seek +10", "when", "replay_break 600000", "info replay",
                "replay_delete_break", "x/2xw 0xf0000", "xp/1i 0xf0000", "info registers")  # fmt: skip
    out, _ = batch(capfd, recording, *commands, at="500000")
    assert f"Replaying execution '{recording}': instruction count = 500000" in out
    assert "moment 500010," in out and "replay_break at 600000" in out and "EIP=" in out and "000f0000: 0x" in out


def test_who_wrote(recording, capfd):
    out, _ = batch(capfd, recording, "who 0x10000:256 3", at="end")
    assert out.count(" -> ") == 3 and "ltr ax" in out  # which sets the busy bit of a descriptor
    moment = re.search(r"^ *(\d+)", out)
    assert moment is not None
    assert main(["who", str(recording), "--addr", "0x10000:256", "--physical", "--json"]) == 0
    assert f'"icount": {moment[1]}' in capfd.readouterr().out
    assert main(["who", str(recording), "--addr", "0x700000:64", "--physical"]) == 1
    assert "nothing wrote there" in capfd.readouterr().err
    assert main(["who", str(recording), "--addr", "zz"]) == 2
    assert capfd.readouterr().err == "playhead: --addr zz: 'zz' is not a number\n"


@pytest.mark.parametrize("command, said", [
    ("seek nowhere", "is no moment"), ("sek 1", "did you mean 'seek'?"),
    ("info nowhere", "unknown command: 'info nowhere'; "),
    ("loadvm", "usage: loadvm name"), ("replay_break 100", "in the past"),
    ("replay_delete_break", "no replay breakpoint"), ("who zz", "is no number"), ("x/4q 0", "is no format"),
    ("who 0xf0000000", "no memory at 0xf0000000 at moment 500000; look from a moment when"),
    ("savevm \"", "no closing quotation"), ("seek serial:\"never printed\"", "never prints"),
])  # fmt: skip
def test_clear_words(recording, capfd, command, said):
    _, err = batch(capfd, recording, command, at="500000", status=2)
    assert said in err and err.count("\n") == 1 and "Traceback" not in err
