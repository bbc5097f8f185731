"""The examples of docs/taint.md: what they print, to the letter."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from playhead.cli import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "taint.md").read_text()
CONSOLE = re.findall(r"```console\n\$ playhead ([^\n]+)\n(.*?)```", PAGE, re.DOTALL)
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copyfile(ROOT / "tests" / "recordings" / "pc-5" / "inputs.ph", tmp_path / "inputs.ph")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("command", "shown"), CONSOLE)
def test_what_a_command_prints(command: str, shown: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(command)) == 0
    said = capfd.readouterr()
    assert said.out + said.err == shown


@pytest.mark.usefixtures("here")
def test_the_program(capfd: pytest.CaptureFixture[str]) -> None:
    (program,) = PYTHON
    exec(program, {})
    assert capfd.readouterr().out == "8949 ('event 15 (serial0)[0]',)\n"


def test_there_are_examples() -> None:
    assert len(CONSOLE) == 5
