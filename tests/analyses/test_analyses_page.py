"""docs/analyses.md: its examples run, in order, on the recording of a small guest."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import resealing

from playhead.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "analyses.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def here(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = resealing.dense_demo(tmp_path_factory)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boot.ph").write_bytes(path.read_bytes())
    return tmp_path


def test_python(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks("python")
    assert len(code) == 3
    exec(compile("\n".join(code), str(PAGE), "exec"), {"__name__": "page"})
    out = capsys.readouterr().out
    assert "instructions\n" in out and out.count("Counter({") == 2


def test_commands(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for block in blocks("sh") for line in block.splitlines() if "--dask" not in line]
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "playhead" and main(words[1:]) == 0, line
    assert len(lines) > 2 and (here / "boot.drcov").exists() and (here / "boot.sqlite").exists()
