"""Symbols for gdb are made by a process of their own: gdb starts without them if it finds no kernel, or dies."""

import os
import signal

import pytest

from playhead.cli.gdb_symbols import being_made, commands
from tests.shared import recorded



def test_a_guest_that_is_no_linux_has_none(tmp_path_factory: pytest.TempPathFactory) -> None:
    said: list[str] = []
    with being_made(str(recorded(tmp_path_factory, "hpet")), None) as worker:
        assert commands(worker, said.append) == "" and said == []


def test_a_process_that_dies_is_told_of(tmp_path_factory: pytest.TempPathFactory) -> None:
    said: list[str] = []
    with being_made(str(recorded(tmp_path_factory, "hpet")), "50%") as worker:
        assert worker.receive()[0] == ""
        os.kill(worker.pid, signal.SIGKILL)
        assert commands(worker, said.append) == "" and "has died" in said[0]
