"""`debug --symbols` of a kernel that KASLR has moved: a real gdb meets a breakpoint by name where that code runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.fuzz import replay as fuzz_replay

sys.path.insert(0, str(Path(__file__).parents[1] / "gdb"))
sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
import real_gdb
from test_linux_memory import elf

from playhead.cli.recorded_machine import timeline
from playhead.log.moment import Moment
from playhead.log.reader import Reader

PLAYHEAD = [sys.executable, "-m", "playhead.cli"]
KERNEL_CS, LINKED_AT = 0x60, 0xC1000000

pytestmark = pytest.mark.guest


def linux(path: Path) -> dict:
    out = subprocess.run([*PLAYHEAD, "info", "--json", str(path)], capture_output=True, check=True).stdout
    return json.loads(out)["linux"]


def code_that_runs(path: Path, at: Moment) -> tuple[Moment, int]:
    """A moment after another one at which the kernel runs, and its EIP there."""
    with Reader(str(path)) as reader, timeline(reader) as (line, _):
        line.seek(at)
        while line.machine.core.seg("cs", "sel") != KERNEL_CS:
            line.step()
        return line.moment, line.machine.core.get("eip")


def test_a_breakpoint_by_a_symbol_is_met(boot: fuzz_replay.Recorded, tmp_path: Path) -> None:
    real_gdb.program()
    offset = linux(boot.path)["offset"]  # by the banner in the image and in memory: --symbols uses something else
    assert offset, "KASLR has moved nothing"
    moment, eip = code_that_runs(boot.path, Moment(boot.icount * 99 // 100))
    there, before = (eip - offset) & 0xFFFFFFFF, Moment(moment.icount - 200_000)
    symbols = elf(tmp_path / "vm linux", {"_stext": LINKED_AT, "there": there}, b"\x01")
    command = [*PLAYHEAD, "debug", str(boot.path), "--at", str(before), "--gdb", "--symbols", os.fspath(symbols)]
    typed = "break there\ncontinue\nwhen\nprint/x $eip\nkill\n"
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=300)
    out = done.stdout
    assert f"symbols moved by {offset:#x} (KASLR)" in done.stderr, done.stderr
    assert "is of another kernel than" in done.stderr  # the build id is made up
    assert f"Breakpoint 1 at {eip:#x}" in out, out
    assert f"Breakpoint 1, {eip:#010x} in there ()" in out and f"= {eip:#x}" in out, out
