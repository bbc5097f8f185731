"""The monitor's commands on a recording: where one is, snapshots by name, who wrote something, and clear words for what
cannot be done.
"""

import re
import shutil
from pathlib import Path

import echo_guest
import planted
import pytest

from playhead.cli import main
from playhead.log.events import NetPacket
from playhead.log.reader import Reader
from tests.shared import once


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


def test_who_wrote_names_a_card_and_the_moment_of_its_packet(tmp_path_factory, capfd):
    """What a packet brings is there behind its moment, and not yet in it."""
    path = once(tmp_path_factory, "echo.ph", lambda path: echo_guest.record(path, 24))
    ring, frame = 0x200000 + 4, echo_guest.frames(1)[0][:16]
    with Reader(str(path)) as reader:
        at = next(str(e.moment) for e in reader.entries() if isinstance(e.event, NetPacket))
    out, _ = batch(capfd, path, f"who {ring}:16", "when", f"xp/16xb {ring}", at="50%")
    first, second = out.splitlines()[:2]
    assert first.split()[0] == at and "rtl8139.0 (at" in first
    assert second.strip() == f"{ring:#010x}: {bytes(16).hex(' ')} -> {frame.hex(' ')}"
    assert main(["who", str(path), "--addr", f"{ring}:16", "--physical", "--count", "2"]) == 0  # later packets are none
    out, err = capfd.readouterr()
    assert out.count("rtl8139.0 (at") == 1 and "no write before that" in err  # the search goes on from there
