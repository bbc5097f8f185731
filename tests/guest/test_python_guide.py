"""The examples of docs/python.md, run as they are written, in the order of the page."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import playhead
from tools import guest

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
FENCE = re.compile(r"^```python(?: (\w+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)
MOST_LINES = 40

pytestmark = pytest.mark.guest


def fences(kind: str) -> list[tuple[int, str]]:
    """The line of each example of a kind, and the example."""
    text = PAGE.read_text()
    return [(text.count("\n", 0, at.start()) + 2, at[2]) for at in FENCE.finditer(text) if (at[1] or "") == kind]


def run(kind: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for line, text in fences(kind):
        exec(compile("\n" * (line - 1) + text, str(PAGE), "exec"), names)
    return names


def test_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    kernel, initrd = guest.debian("shell")
    (tmp_path / "vmlinuz").symlink_to(kernel)
    (tmp_path / "shell.cpio.gz").symlink_to(initrd)
    monkeypatch.chdir(tmp_path)
    names = run("")
    printed = capsys.readouterr().out
    assert "users: 1" in printed and "openat(AT_FDCWD, \"/etc/passwd\"" in printed and "typed: b'wc" in printed
    assert names["exact"].cpl == 3 and names["first"].name == "vfs_read" and names["names"]["read"]
    rec = names["rec"]
    assert rec.at(names["exact"]).back().cpl == 0, "that was not the first moment in ring 3"
    rec.replay("99%").run(compare=True)
    rec.close()


def test_from_a_crash_to_the_guilty_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    kernel, initrd = guest.debian("story")
    with playhead.record(tmp_path / "story.ph", kernel=kernel, initrd=initrd, append=guest.APPEND["story"], m=64) as it:
        it.serial.expect(rb"segfault at ", timeout_s=300)
        it.wait(300)
    shutil.copy(guest.program("story"), tmp_path / "story")
    monkeypatch.chdir(tmp_path)
    ((_, text),) = fences("story")
    assert len([line for line in text.splitlines() if line]) <= MOST_LINES
    run("story")
    printed = capsys.readouterr().out
    assert re.search(r"guilty: \S*guest/linux/story.s:158 .*-> b7000000", printed), printed
    assert "for hour 24 of a block" in printed and "3 of " in printed, printed
    assert re.search(r"store_reading.* called by read_station.* called by one_day", printed), printed
